"""Mass effects are done in slices, so that no call takes long: what is still to do, as part of the state.

Two kinds of unfinished work exist. A *rearrangement* puts everything that waits in its place anew (another policy, the
start of an epoch, an agent with room for thousands): while it lasts nobody is offered anything, everything else goes on.
A *job* does one thing to many contacts, each whole or not at all (a bulk command). Both are due at once: ``next_deadline``
says so, and each ``expire`` does one slice. Where a slice ends depends on state alone, so a restored dispatcher goes on
with the very same slices.
"""

from __future__ import annotations

from typing import Final

import msgspec

# A unit is about as much work as one contact put in its place: some 5 µs compiled, 15 µs as Python. So many are done in
# one call; up to so many things are done at once, without slices.
SLICE_UNITS: Final = 512

# The stages of a rearrangement, in order. The first two belong to the start of an epoch, which nothing interrupts.
RESCINDING: Final = 1  # offers of the last epoch are taken back
LOSING: Final = 2  # its agents are lost
CONTACTS: Final = 3  # each contact gets its place under the new policy
AGENTS: Final = 4  # each agent gets its lanes
OPENING: Final = 5  # each waiting contact opens the steps that are due or that nobody else would serve
FEEDING: Final = 6  # each free agent is given what waits
NOTES: Final = 7  # what began to wait or became free meanwhile

STAGES: Final = ("", "rescinding", "losing", "contacts", "agents", "opening", "feeding", "notes")


class Rearrangement(msgspec.Struct):
    """``cursor``: the last contact number or agent's seq that the stage has dealt with, of those below ``until``.

    ``former``: texts of the policies whose queues contacts may still stand in. ``contacts`` and ``agents`` (seq): those
    that began to wait or became freer since ``FEEDING`` began, in that order. ``seating``: agents may still have the
    lanes of a former policy.
    """

    why: str
    began_at: int
    stage: int
    cursor: int = 0
    until: int = 0
    former: tuple[str, ...] = ()
    contacts: dict[int, int] = {}
    agents: dict[int, int] = {}
    seating: bool = False


class Job(msgspec.Struct):
    """A bulk command under way. ``contacts``: all that matched when it began, ascending; ``place``: the next to do.

    Action ``capacity``: they are agents, by sequence number. With an ``agent``, its going is what is done in slices: all it
    had when it went, and ``action`` is why, as the offers that follow name it.
    """

    job: int
    began_at: int
    action: str
    of_queue: str
    to_queue: str
    priority: int
    reason: str
    contacts: list[int]
    place: int = 0
    done: int = 0
    passed: int = 0
    capacity: int = 0
    until: int = 0
    agent: str = ""
    to_agent: str = ""
    team: str = ""
