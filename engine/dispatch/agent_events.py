"""What happens to offers and agents; part of :mod:`engine.dispatch.events`, where everybody finds it."""

from __future__ import annotations

import msgspec

from engine.dispatch.commands import AgentProfile


class _Event(msgspec.Struct, frozen=True, gc=False, tag_field="type", omit_defaults=True):
    at: int


# --- offers ---------------------------------------------------------------------------------------------------------


class OfferMade(_Event, tag="offer.made", frozen=True, gc=False):
    """The decision. ``trigger``: what made it possible (arrival, freed, available, expired, step, …);

    ``rank`` is the winning agent's sort key (arrival side) or the contact's (freed side), as the choice saw it.
    """

    offer: int
    contact: int
    agent: str
    queue: str
    pool: str
    step: int
    cost: int
    deadline: int
    waited_ms: int
    trigger: str
    choice: str
    order: str
    rank: tuple[float, ...]
    policy: str
    preferred: bool = False
    forced: bool = False


class OfferAccepted(_Event, tag="offer.accepted", frozen=True, gc=False):
    """``held``: the connection is still being made, until ``hold_until``. ``automatic``: by the agent's auto-accept."""

    offer: int
    contact: int
    agent: str
    held: bool = False
    hold_until: int = 0
    automatic: bool = False


class OfferDeclined(_Event, tag="offer.declined", frozen=True, gc=False):
    """``forget_at``: when the decliner memory for this pair ends; ``back_off_until``: the agent takes nothing before."""

    offer: int
    contact: int
    agent: str
    reason: str
    forget_at: int
    back_off_until: int = 0


class OfferExpired(_Event, tag="offer.expired", frozen=True, gc=False):
    """RONA. ``effect``: not_ready, back_off, lower_capacity, or none where the pool's share limit forbids it.

    ``return_at``: its automatic end (0: none); with lower_capacity and none, this agent counts as a decliner until then.
    """

    offer: int
    contact: int
    agent: str
    effect: str
    return_at: int = 0


class OfferRescinded(_Event, tag="offer.rescinded", frozen=True, gc=False):
    """Taken back, no blame: abandoned, agent_lost, restart, moved, failed, signed_off, closed."""

    offer: int
    contact: int
    agent: str
    reason: str


# --- consults: a second agent helps -----------------------------------------------------------------------------------


class ConsultAsked(_Event, tag="consult.asked", frozen=True, gc=False):
    """``agent``, who serves the contact, asks ``to_agent``, whose ``cost`` units are held from here on.

    ``queue`` and ``pool``: where that agent was found; empty if it was asked by name. ``deadline``: the answer's.
    """

    contact: int
    agent: str
    to_agent: str
    queue: str
    pool: str
    cost: int
    deadline: int
    reason: str = ""


class ConsultAccepted(_Event, tag="consult.accepted", frozen=True, gc=False):
    """``agent`` is the second one; ``automatic``: by its auto-accept."""

    contact: int
    agent: str
    automatic: bool = False


class ConsultEnded(_Event, tag="consult.ended", frozen=True, gc=False):
    """``agent``, the second one, has its units back. ``why``: declined, withdrawn, expired (no answer), ended, taken_over,
    or, where the contact or one of the two is gone: passed_on, closed, agent_lost, agent_left. ``by``: who ended it."""

    contact: int
    agent: str
    why: str
    by: str = ""


# --- agents ---------------------------------------------------------------------------------------------------------


class AgentDefined(_Event, tag="agent.defined", frozen=True, gc=False):
    profile: AgentProfile


class AgentRemoved(_Event, tag="agent.removed", frozen=True, gc=False):
    agent: str


class AgentStateChanged(_Event, tag="agent.state_changed", frozen=True, gc=False):
    """``until``: the instant of an automatic change (0: none)."""

    agent: str
    before: str
    after: str
    reason: str = ""
    until: int = 0


class AgentLost(_Event, tag="agent.lost", frozen=True, gc=False):
    agent: str
    before: str
    grace_until: int


class AgentBack(_Event, tag="agent.back", frozen=True, gc=False):
    """As before the loss; ``until``: the automatic change that was running then (0: none)."""

    agent: str
    after: str
    until: int = 0


class BackOffEnded(_Event, tag="agent.back_off_ended", frozen=True, gc=False):
    agent: str


class QuotaEnded(_Event, tag="agent.quota_ended", frozen=True, gc=False):
    """Local midnight: contacts that the agent got through pools with a daily quota count from zero again."""

    agent: str


class CapacityChanged(_Event, tag="agent.capacity_changed", frozen=True, gc=False):
    agent: str
    capacity: int
    until: int = 0
    reason: str = ""


class ExternalLoadChanged(_Event, tag="agent.external_load_changed", frozen=True, gc=False):
    agent: str
    source: str
    units: int


class WrapUpStarted(_Event, tag="wrap_up.started", frozen=True, gc=False):
    """``cost``: the units it holds from here on; None: as many as before."""

    contact: int
    agent: str
    until: int
    cost: int | None = None


class WrapUpEnded(_Event, tag="wrap_up.ended", frozen=True, gc=False):
    contact: int
    agent: str
    by: str = "agent"
