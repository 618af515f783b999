"""Position and explanation: where I stand, why I wait, and why not this agent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.dispatch import commands as cm
from tests.dispatch.stage import SECOND, Stage


def test_position_is_a_rank_in_ones_own_queue() -> None:
    """Two urgent ones come later and stand before me; another queue's contacts do not count."""
    stage = Stage(queues={"help": {}, "other": {"priority": 99}})
    me = stage.submit("help")
    stage.wait(SECOND)
    behind = stage.submit("help")
    stage.submit("other")
    assert (stage.dispatcher.position(me), stage.dispatcher.position(behind)) == (1, 2)
    for _ in range(2):
        urgent = stage.submit("help")
        stage.do(cm.PrioritiseContact(tenant="acme", contact=urgent, priority=5))

    assert stage.dispatcher.position(me) == 3
    assert stage.dispatcher.position(behind) == 4
    assert stage.dispatcher.queue_length("help") == 4


def test_position_after_a_transfer_follows_the_clock_not_the_order_of_joining() -> None:
    """A contact that waited 30 s is transferred to a queue where somebody waits 10 s: it is number one there."""
    stage = Stage(queues={"help": {}, "refund": {"pools": ["refunders"]}}, pools={"onsite": {}, "refunders": {}})
    old = stage.submit("help")
    stage.wait(30 * SECOND)
    stage.agent("ann")
    stage.accept("ann")
    young = stage.submit("refund")
    stage.wait(10 * SECOND)

    stage.transfer(old, "ann", to_queue="refund")

    assert (stage.dispatcher.position(old), stage.dispatcher.position(young)) == (1, 2)
    assert stage.dispatcher.longest_wait("refund") == 30 * SECOND


def test_position_of_who_does_not_wait_is_0() -> None:
    """Connected: no position, and the queue is empty."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")

    assert stage.dispatcher.explain(contact).position == 0
    assert stage.dispatcher.queue_length("help") == 0


def add_ann(stage: Stage, **profile: object) -> None:
    stage.agent("ann", skills={"service": 5}, **{"capacity": 1, **profile})  # type: ignore[arg-type]


def offline(stage: Stage) -> None:
    add_ann(stage, on=False)


def paused(stage: Stage) -> None:
    add_ann(stage, on=False)
    stage.do(cm.SignOn(agent="ann", state="paused"))


def other_pool(stage: Stage) -> None:
    stage.agent("ann", "other", skills={"service": 5})


def unskilled(stage: Stage) -> None:
    stage.agent("ann", skills={"service": 4})


def full(stage: Stage) -> None:
    add_ann(stage, on=False)
    stage.do(cm.SetExternalLoad(agent="ann", source="phone", units=1))
    stage.do(cm.SignOn(agent="ann"))


def limited(stage: Stage) -> None:
    add_ann(stage, capacity=5, channel_limits={"web": 0})


def declined(stage: Stage) -> None:
    add_ann(stage)
    stage.decline("ann")


CASES: list[tuple[Callable[[Stage], None], str]] = [
    (offline, "not_signed_on"),
    (paused, "state"),
    (other_pool, "pool"),
    (unskilled, "requirement"),
    (full, "capacity"),
    (limited, "channel_limit"),
    (declined, "declined"),
]


@pytest.mark.parametrize(("arrange", "code"), CASES, ids=[code for _, code in CASES])
def test_why_not_this_agent(arrange: Callable[[Stage], None], code: str) -> None:
    """Each reason for not being offered has its name, with what was wanted and what was got."""
    stage = Stage(
        queues={"help": {"requirement": "service >= 5", "decliner_memory_ms": 60_000}},
        pools={"onsite": {}, "other": {}},
        channels={"web": {"limit": 9}},
    )
    contact = stage.submit()
    arrange(stage)

    said = stage.dispatcher.explain(contact, agent="ann")

    assert said.verdict is not None
    assert not said.verdict.eligible
    assert code in [reason.code for reason in said.verdict.reasons]
    reason = next(reason for reason in said.verdict.reasons if reason.code == code)
    if code == "declined":
        assert reason.in_ms == 60 * SECOND
    elif code != "not_signed_on":
        assert reason.wanted or reason.got, reason


def test_why_not_during_a_back_off_says_how_long() -> None:
    """Ann declined another contact with 10 s of back-off, 4 s ago: six to go."""
    stage = Stage(queues={"help": {"decline_back_off_ms": 10_000}})
    stage.agent("ann")
    stage.submit()
    stage.decline("ann")
    stage.wait(4 * SECOND)
    contact = stage.submit()

    said = stage.dispatcher.explain(contact, agent="ann")

    assert said.verdict is not None
    assert [(reason.code, reason.in_ms) for reason in said.verdict.reasons] == [("back_off", 6 * SECOND)]


def test_why_not_while_somebody_else_is_preferred() -> None:
    """The contact was passed on to Ben by name, he is busy; Cid asks why it is not his."""
    stage = Stage(queues={"help": {"transfer_prefer_ms": 30_000}})
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben")
    stage.connect("ben")
    stage.agent("cid")
    stage.transfer(contact, "ann", to_agent="ben")
    stage.wait(10 * SECOND)
    stage.expire()

    said = stage.dispatcher.explain(contact, agent="cid")

    assert (said.prefer, said.prefer_in_ms) == ("ben", 20 * SECOND)
    assert said.verdict is not None
    assert ("preferred_other", 20 * SECOND) in [(reason.code, reason.in_ms) for reason in said.verdict.reasons]


def test_explain_tells_the_clocks_the_pools_and_the_next_step() -> None:
    """After 12 s: one pool open, the next step in 8 s, two agents signed on of whom nobody qualifies."""
    steps = [{"name": "remote", "clock": "waited", "after_ms": 20_000, "add_pools": ["remote"], "relax": ["service"]}]
    stage = Stage(
        queues={"help": {"requirement": "service >= 5", "steps": steps, "priority": 3}},
        pools={"onsite": {}, "remote": {}},
    )
    stage.agent("ann")
    stage.agent("rae", "remote", skills={"service": 9})
    contact = stage.submit()
    stage.wait(12 * SECOND)
    stage.expire()

    said = stage.dispatcher.explain(contact)

    assert (said.state, said.queue, said.rule, said.priority, said.position) == ("queued", "help", "default", 3, 1)
    assert said.pools == ("onsite",)
    assert said.nobody == {"requirement": 1, "pool": 1}
    assert said.free_agents == 0
    assert said.next_step is not None
    assert (said.next_step.name, said.next_step.add_pools, said.next_step.relax) == (
        "remote",
        ("remote",),
        ("service",),
    )
    assert said.policy == stage.dispatcher.policy.version
    assert said.at - stage.dawn == said.waited_ms == said.age_ms
    assert said.next_step.in_ms == 20 * SECOND - said.waited_ms


def test_why_not_names_everything_that_stands_against_an_agent() -> None:
    """Paused, unskilled and of another pool: all three are said, in their order."""
    stage = Stage(queues={"help": {"requirement": "service >= 5"}}, pools={"onsite": {}, "other": {}})
    stage.agent("ann", "other")
    stage.state("ann", "paused")

    said = stage.dispatcher.explain(stage.submit(), agent="ann")

    assert said.verdict is not None
    assert [reason.code for reason in said.verdict.reasons] == ["state", "pool", "requirement"]


def test_why_not_an_agent_who_does_not_exist_or_has_the_contact() -> None:
    """Nobody of that name; and Ann, who serves the contact already."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")

    unknown, serving = (stage.dispatcher.explain(contact, agent=name).verdict for name in ("nobody", "ann"))

    assert unknown is not None
    assert not unknown.eligible
    assert serving is not None
    assert [reason.code for reason in serving.reasons] == ["serving"]


def test_why_not_when_somebody_else_has_it() -> None:
    """The contact is offered to Ann; Ben, as able as she, asks."""
    stage = Stage()
    stage.agent("ann")
    stage.agent("ben")
    contact = stage.submit()
    assert stage.offered(contact) == "ann"

    said = stage.dispatcher.explain(contact, agent="ben")

    assert said.verdict is not None
    assert "contact_not_waiting" in [reason.code for reason in said.verdict.reasons]


def test_explain_of_a_contact_that_is_not_there() -> None:
    """A KeyError for the caller, who knows whom to tell."""
    with pytest.raises(KeyError):
        Stage().dispatcher.explain(7)


def test_explain_changes_nothing() -> None:
    """Asking is free: the state is the same to the byte, for waiting, offered and connected contacts."""
    stage = Stage()
    stage.agent("ann")
    stage.connect("ann")
    stage.agent("ben")
    stage.submit()
    stage.submit()
    before = stage.dispatcher.snapshot()

    for contact in (1, 2, 3):
        for agent in (None, "ann", "ben"):
            stage.dispatcher.explain(contact, agent)

    assert stage.dispatcher.snapshot() == before
