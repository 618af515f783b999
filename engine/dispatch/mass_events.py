"""What supervisors do by hand, and what happens to the whole domain slice by slice; part of :mod:`engine.dispatch.events`, where everybody finds it."""

from __future__ import annotations

import msgspec


class _Event(msgspec.Struct, frozen=True, gc=False, tag_field="type", omit_defaults=True):
    at: int


class RearrangementStarted(_Event, tag="rearrangement.started", frozen=True, gc=False):
    """Too much to decide in one call: until ``rearrangement.ended`` nobody is offered anything else.

    ``why``: policy, restart, capacity, agent_left …; ``stage``: the first one (see ``slices.STAGES``). ``agent``: the
    only one it is about, empty for everybody. One that is under way begins again from that stage.
    """

    why: str
    stage: int
    agent: str = ""


class RearrangementContinued(_Event, tag="rearrangement.continued", frozen=True, gc=False):
    """A slice is done: ``stage`` has come to ``cursor`` (a contact's number or an agent's sequence number).

    ``contacts`` and ``agents``: so many of those noted meanwhile have had their turn.
    """

    stage: int
    cursor: int
    contacts: int = 0
    agents: int = 0


class RearrangementEnded(_Event, tag="rearrangement.ended", frozen=True, gc=False):
    """Everybody has had a turn; ``took_ms`` of the domain's time."""

    why: str
    took_ms: int


class ContactAssigned(_Event, tag="contact.assigned", frozen=True, gc=False):
    """A supervisor gives the contact to this agent, past order, choice and capacity; a forced offer follows.

    ``beyond``: units that the agent carries above its capacity because of this; never counted as our over-capacity.
    """

    contact: int
    agent: str
    reason: str
    beyond: int = 0


class PoolDrained(_Event, tag="pool.drained", frozen=True, gc=False):
    """Nothing new comes to agents through this pool; offers and contacts that they have stand."""

    pool: str
    reason: str = ""


class PoolOpened(_Event, tag="pool.opened", frozen=True, gc=False):
    pool: str
    reason: str = ""


class BulkStarted(_Event, tag="bulk.started", frozen=True, gc=False):
    """A bulk command: ``count`` contacts match now, and each has its turn in ascending order, in slices.

    Action ``capacity``: agents, of ``pool`` and ``team``, by sequence number. With an ``agent``: no command, but somebody who
    goes with so many contacts that they are handed over in slices; ``action`` says why it goes.
    """

    job: int
    action: str
    count: int
    tenant: str = ""
    queue: str = ""
    shop: str = ""
    channel: str = ""
    to_queue: str = ""
    priority: int = 0
    reason: str = ""
    pool: str = ""
    team: str = ""
    capacity: int = 0
    until: int = 0
    agent: str = ""
    to_agent: str = ""


class BulkContinued(_Event, tag="bulk.continued", frozen=True, gc=False):
    """All up to contact (or agent's sequence number) ``cursor`` have had their turn; since the last time ``done`` were changed, ``passed`` no longer matched."""

    job: int
    cursor: int
    done: int
    passed: int


class BulkEnded(_Event, tag="bulk.ended", frozen=True, gc=False):
    """``done`` and ``passed`` of the whole command; ``took_ms`` of the domain's time."""

    job: int
    action: str
    done: int
    passed: int
    took_ms: int
