"""A second dispatcher: naive, quadratic, as plain as the design's sentences, written without looking at the first.

``ReferenceDispatcher(policy)`` has the real one's ``handle``, ``expire`` and ``next_deadline`` and must emit the same events,
field for field. It keeps no index: whoever has to be found is found by looking at every contact and every agent. It shares
only the vocabulary with the engine: commands, events, refusal codes, the transition tables, the compiled policy,
requirements.

    desk.py         what is so now, and `emit`, the one way to say that something happened
    registry.py     the tables that rules enter themselves into
    needs, eligible, choices, orders, matching      who may have what, and who comes first
    entry, offers, rona, transfers, endings …       one topic a module: its commands, its deadlines, its words
    policies, histories                             material at random
    comparing, shrinking, known                     the comparison, made small; what is decided and not yet mended
    test_reference, test_decided, test_broken       what `make test` runs; `make reference N=20000` is the long run

To add a rule:

1. A command: a function under ``@handles(cm.TheCommand)`` in its topic's module. Check first (``raise Refused(code, got,
   wanted)`` leaves everything as it was), then ``desk.emit(ev.Something, …)``, and write what that means to the record in
   the next line. ``emit`` moves states along the engine's transition tables and counts versions.
2. Something that happens by itself: a generator under ``@deadlines`` that yields ``Deadline(at, kind, place, act)`` for
   everything of its kind that runs now, and the kind's place in ``dispatcher.KINDS``.
3. Something that stands against an offer: a function under ``@objection("name")``. A new order of contacts: ``@order``.
   A new choice of agents: ``@choice``. A new RONA effect: ``rona.EFFECTS``.
4. Whoever comes loose is handed to ``matching``: one contact ``place``, contact and agent together ``place_beside``, several
   contacts ``place_all``, an agent ``feed`` or ``freed``, an agent who is gone ``gone``.
5. A new module goes into ``TOPICS`` below; a new policy key into ``policies.draw``, a new command into ``histories.MIX``; what
   `test_everything_is_exercised` shall see into its list.

When the two differ, one is wrong: decide by the design's words. The engine is: a story in ``test_decided.py`` and, so that
histories go on, an entry in ``known.py``. The design is silent: a line in `docs/decisions/0004-reference-dispatcher.md`.
"""

from __future__ import annotations

from tests.reference_dispatcher import (
    affinity,
    bulk,
    by_hand,
    capacity,
    choices,
    conditions,
    consults,
    decliners,
    drains,
    eligible,
    endings,
    entry,
    hours,
    lender,
    notices,
    offers,
    orders,
    policy_swap,
    presence,
    profiles,
    promises,
    replies,
    restart,
    rona,
    shares,
    silence,
    steps,
    supervisors,
    transfers,
)
from tests.reference_dispatcher.dispatcher import ReferenceDispatcher

# Each enters its rules as it is imported.
TOPICS = (
    affinity, bulk, by_hand, capacity, choices, conditions, consults, decliners, drains, eligible, endings, entry, hours, lender, notices, offers, orders, policy_swap, presence, profiles, promises,
    replies, restart, rona, shares, silence, steps, supervisors, transfers,
)  # fmt: skip

__all__ = ["TOPICS", "ReferenceDispatcher"]
