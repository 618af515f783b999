"""The agent: its states, its transitions, its load."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mypy_extensions import mypyc_attr

from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile
from engine.dispatch.timers import Kind

BACK_OFF: Final = Kind.BACK_OFF
AGENT_UNTIL: Final = Kind.AGENT_UNTIL


class AgentState(StrEnum):
    OFFLINE = "offline"
    AVAILABLE = "available"
    PAUSED = "paused"  # 挂起: no new ones, keeps and may get back what it has
    FINISHING = "finishing"  # as paused, and goes offline when empty or at a deadline
    NOT_READY = "not_ready"
    LOST = "lost"  # connection gone, grace running


A = AgentState
# Presence is an allow-list: only these states take new offers.
TAKES_OFFERS = (A.AVAILABLE,)
SIGNED_ON = (A.AVAILABLE, A.PAUSED, A.FINISHING, A.NOT_READY)
# For "nobody eligible is logged in": a lost agent still counts while its grace runs.
PRESENT = (*SIGNED_ON, A.LOST)

# (state, event, the event's `after` where it has one) → state
TRANSITIONS: dict[tuple[AgentState | None, type, AgentState | None], AgentState] = {
    (None, ev.AgentDefined, None): A.OFFLINE,
    **{(state, ev.AgentDefined, None): state for state in A},
    **{
        (before, ev.AgentStateChanged, after): after
        for before in (A.AVAILABLE, A.PAUSED, A.FINISHING, A.NOT_READY)
        for after in (A.AVAILABLE, A.PAUSED, A.FINISHING, A.NOT_READY, A.OFFLINE)
        if before != after or after == A.NOT_READY
    },
    **{(A.OFFLINE, ev.AgentStateChanged, after): after for after in (A.AVAILABLE, A.PAUSED, A.NOT_READY)},
    (A.LOST, ev.AgentStateChanged, A.OFFLINE): A.OFFLINE,
    **{(state, ev.AgentLost, None): A.LOST for state in (A.AVAILABLE, A.PAUSED, A.FINISHING, A.NOT_READY)},
    **{(A.LOST, ev.AgentBack, after): after for after in (A.AVAILABLE, A.PAUSED, A.FINISHING, A.NOT_READY)},
}


# Shared by all who help nobody: replaced, not changed.
NO_CONSULTS: Final[dict[int, int]] = {}


@mypyc_attr(acyclic=True, serializable=True)
@dataclass(init=False, eq=False)
class Agent:
    """State of one agent. ``load``: units in use, open offers and wrap-up included.

    ``idle_since`` moves forward when the agent signs on, gets an offer, or is freed of one: the longest-idle key.
    """

    profile: AgentProfile
    seq: int
    state: AgentState = A.OFFLINE
    reason: str = ""
    until: int = 0  # an automatic change of state (0: none)
    before_lost: str = ""
    until_before_lost: int = 0
    capacity: int = 1
    lasting_capacity: int = 1  # what a temporary capacity returns to
    capacity_until: int = 0
    load: int = 0
    external: dict[str, int] = field(default_factory=dict)
    idle_since: int = 0
    back_off_until: int = 0
    contacts: dict[int, int] = field(default_factory=dict)  # contact → units it holds here
    helping: dict[int, int] = field(default_factory=dict)  # contacts of others, in a consult → units held for it
    ended_offers: dict[int, str] = field(default_factory=dict)  # the last few offers that ended without accept → how
    served: int = 0
    quota_used: int = 0  # contacts connected since local midnight, where a pool has a daily quota
    quota_until: int = 0  # the midnight at which that count ends
    rona_back_off: bool = False  # the back-off that runs comes from an expired offer
    rona_capacity: bool = False  # its capacity was lowered by an expired offer

    def __init__(self, profile: AgentProfile, seq: int) -> None:
        self.profile = profile
        self.seq = seq
        self.state = A.OFFLINE
        self.reason = ""
        self.until = 0
        self.before_lost = ""
        self.until_before_lost = 0
        self.capacity = profile.capacity
        self.lasting_capacity = profile.capacity
        self.capacity_until = 0
        self.load = 0
        self.external = {}
        self.idle_since = 0
        self.back_off_until = 0
        self.contacts = {}
        self.helping = NO_CONSULTS
        self.ended_offers = {}
        self.served = 0
        self.quota_used = 0
        self.quota_until = 0
        self.rona_back_off = False
        self.rona_capacity = False


def out_by_rona(agent: Agent) -> bool:
    """Whether an effect of an expired offer runs."""
    return agent.rona_back_off or agent.rona_capacity or (agent.state is A.NOT_READY and agent.reason == "rona")


def agent_deadline(agent: Agent, kind: int) -> int:
    """What the agent names as its deadline of this kind; 0: none."""
    if kind == BACK_OFF:
        return agent.back_off_until
    return agent.until if kind == AGENT_UNTIL else agent.capacity_until
