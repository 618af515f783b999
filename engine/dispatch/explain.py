"""Why, and why not: codes and figures, read from state alone. Sentences are made elsewhere, in each language."""

from __future__ import annotations

import msgspec


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reason, as a stable ``code`` with what was ``wanted``, what was ``got`` and, for clocks, ``in_ms``."""

    code: str
    wanted: str = ""
    got: str = ""
    in_ms: int = 0


class AgentVerdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether this agent could be offered this contact now; ``reasons`` (all of them) when not."""

    agent: str
    eligible: bool
    pool: str = ""
    reasons: tuple[Reason, ...] = ()


class NextStep(msgspec.Struct, frozen=True, omit_defaults=True):
    """The step that opens next, when all its conditions hold together. ``in_ms``: when its clock says so and nothing else is
    missing; -1: at no set time. ``missing``: conditions that do not hold now, by their keys in the policy, with what is
    ``wanted`` and what was ``got``, and, where it is known, ``in_ms`` until this may change."""

    name: str
    in_ms: int
    add_pools: tuple[str, ...] = ()
    relax: tuple[str, ...] = ()
    move_to: str = ""
    offer: tuple[str, ...] = ()
    missing: tuple[Reason, ...] = ()


class Explanation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a contact's state says now.

    ``position`` 1 is next (0: not waiting); ``p50_ms``, ``p90_ms``: how long it still waits, by the estimate (-1: unknown); ``helper``: who is asked for help with it, for ``helper_in_ms`` more (-1: has said yes);
    ``promise_in_ms``: until a promised answer is due (0: it is; -1: none is promised); ``nobody``: reason code → number of signed-on agents whose first unmet
    condition it is; ``agent`` with ``verdict`` is filled for a why-not question about one agent.
    """

    contact: int
    state: str
    queue: str
    rule: str
    stage: str
    priority: int
    requirement: str
    pools: tuple[str, ...]
    step: int
    waited_ms: int
    age_ms: int
    position: int
    policy: str
    at: int
    agent: str = ""
    offer: int = 0
    prefer: str = ""
    prefer_in_ms: int = 0
    nobody: dict[str, int] = {}
    free_agents: int = 0
    next_step: NextStep | None = None
    verdict: AgentVerdict | None = None
    p50_ms: int = -1
    p90_ms: int = -1
    helper: str = ""
    helper_in_ms: int = -1
    promise_in_ms: int = -1


# Every code that AgentVerdict.reasons and Explanation.nobody may hold, in the order in which they are checked.
REASON_CODES = (
    "not_signed_on",  # got: the state (offline, lost)
    "state",  # got: paused, finishing, not_ready; wanted: available
    "tenant",  # got: the agent's; wanted: the contact's
    "pool",  # got: the agent's pools; wanted: the pools open at this step
    "requirement",  # wanted: the unmet term; got: what the agent has
    "team",  # wanted: the team that it is kept for; got: the agent's; in_ms: until everyone may have it
    "back_off",  # in_ms: until it takes offers again
    "capacity",  # got: free units; wanted: the contact's cost
    "channel_limit",  # got: contacts of this channel held; wanted: below the limit
    "shop_limit",  # got: contacts of this shop held; wanted: below the limit
    "reserve",  # got: idle agents of the lending pool; wanted: more than its reserve
    "lender_kpi",  # got: the lender's share in time; wanted: at least the one it promises
    "daily_quota",  # got: contacts of today and open offers; wanted: below the pool's quota
    "declined",  # in_ms: until the decliner memory ends
    "preferred_other",  # wanted: the preferred agent; in_ms: until its budget ends
    "serving",  # the agent has this very contact
    "helping",  # … helps with it, or is asked to
    "outranked",  # eligible, but another contact or agent came first
    "contact_not_waiting",  # got: the contact's state
)
