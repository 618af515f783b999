"""Routing complaints 26–29: who is there, who is not, and the hours."""

from __future__ import annotations

import msgspec
import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.agents import AgentState
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.problems import PolicyErrors
from tests.dispatch.stage import SECOND, Stage, every, only, policy_text, refusal
from tests.dispatch.stories.test_hours import OFFICE, at

T = "acme"


def stage_in(state: str) -> Stage:
    """Ann talks to somebody, so that she may be finishing, and has room for more; then her state changes."""
    stage = Stage(domain={"grace_ms": 60_000})
    stage.agent("ann", capacity=3)
    stage.connect("ann")
    if state == "lost":
        stage.do(cm.LoseAgent(agent="ann"))
    elif state == "offline":
        stage.do(cm.SignOff(agent="ann"))
    elif state != "available":
        stage.state("ann", state)
    assert stage.dispatcher.agents["ann"].state == state
    return stage


@pytest.mark.parametrize("state", [state.value for state in AgentState if state is not AgentState.AVAILABLE])
def test_complaint_26_given_to_who_is_away(state: str) -> None:
    """Routing complaint 26: contacts are assigned to agents who are away or offline.

    Presence is an allow-list: in every state but available, and in every one that may be added, nothing is offered.
    """
    stage = stage_in(state)
    contact = stage.submit()

    assert stage.offered(contact) == ""
    assert every(stage.log, ev.OfferMade)[-1].contact != contact
    said = stage.dispatcher.explain(contact, agent="ann")
    assert said.verdict is not None
    assert said.verdict.reasons[0].code in ("state", "not_signed_on")


def test_complaint_27_stuck_with_who_went_offline() -> None:
    """Routing complaint 27: chats stay with agents who went offline, returning ones are sent to them, a phone that sleeps
    for a moment counts as gone.

    Ann's line drops for 30 s: she keeps everything. It drops for good: after the grace her chats are Ben's, and nothing can
    be passed to somebody who is not there.
    """
    stage = Stage(domain={"grace_ms": 60_000}, queues={"help": {"sticky_ms": 60_000, "transfer_prefer_ms": 60_000}})
    stage.agent("ann", capacity=2)
    chats = [stage.connect("ann"), stage.connect("ann")]
    stage.do(cm.LoseAgent(agent="ann"))
    stage.wait(30 * SECOND)
    stage.do(cm.ReturnAgent(agent="ann"))
    assert [stage.contact(number).agent for number in chats] == ["ann", "ann"]
    assert every(stage.log, ev.ContactRequeued) == []

    stage.agent("ben", capacity=3)
    stage.do(cm.LoseAgent(agent="ann"))
    stage.wait(59 * SECOND)
    returning = stage.connect("ben")
    stage.wait(SECOND)
    assert stage.offers_to("ben") == chats
    stage.accept_all("ben")
    stage.agent("cid")
    assert refusal(stage.transfer(returning, "ben", to_agent="ann")) == "wrong_state", "she is offline, and Ben is told"
    stage.transfer(returning, "ben", to_agent="cid")
    assert stage.offered(returning) == "cid"


@pytest.mark.parametrize("state", ["offline", "lost"])
def test_complaint_27_a_returning_customer_and_her_last_agent(state: str) -> None:
    """Routing complaint 27, the returning chat: whoever knew the customer is not there, so somebody who is has it at once."""
    stage = Stage(domain={"grace_ms": 60_000}, queues={"help": {"last_agent_ms": 60_000}})
    stage.agent("ann")
    stage.agent("ben")
    stage.do(cm.LoseAgent(agent="ann") if state == "lost" else cm.SignOff(agent="ann"))

    contact = stage.submit(attributes={"last_agent": "ann"})
    if state == "lost":
        # Her line may come back any moment: she is waited for, and no longer than that.
        stage.wait(60 * SECOND)
    assert stage.offered(contact) == "ben"


def test_complaint_28_locked_out_because_the_hours_could_not_be_read() -> None:
    """Routing complaint 28: at start the opening hours cannot be read, and agents are locked out for good or at random.

    Hours are part of the compiled policy: one whose hours are wrong is refused whole and the old one goes on; and a restart
    finds exactly the agents of before.
    """
    with pytest.raises(PolicyErrors) as refused:
        compile_policy(policy_text(queues={"help": {"hours": "nowhere"}}))
    assert "nowhere" in str(refused.value)

    stage = Stage()
    stage.agent("ann")
    stage.do(cm.ApplyPolicy(text=stage.text + '\n[calendars.shop]\nzone = "Mars/Olympus"\n'))
    assert stage.dispatcher.policy.text == stage.text
    assert stage.offered(stage.submit()) == "ann"

    again = Dispatcher.restore(stage.dispatcher.snapshot())
    assert {name: agent.state for name, agent in again.agents.items()} == {"ann": "available"}
    now = stage.now + SECOND
    again.handle(cm.StartEngine(epoch=2, down_ms=1_000), now)
    again.handle(cm.ReturnAgent(agent="ann"), now)
    assert [offer.agent for offer in again.offers.values()] == ["ann"]


def test_complaint_28_open_is_open_after_a_restart_too() -> None:
    """Routing complaint 28, the hours themselves: at each quarter of a day, a restarted engine finds open what was open."""
    stage = Stage(now=at("2026-11-18 08:00"), queues={"help": {"hours": "office"}}, calendars=OFFICE)
    stage.agent("ann", capacity=90)
    entered = []
    for _ in range(48):
        again = Dispatcher.restore(stage.dispatcher.snapshot())
        come = cm.SubmitContact(tenant=T, channel="web", shop="flagship", customer=f"c{stage.now}")
        mine, its = stage.do(come), again.handle(come, stage.now)
        assert [type(event) for event in mine] == [type(event) for event in its]
        entered.append(isinstance(mine[0], ev.ContactSubmitted))
        stage.wait(15 * 60 * SECOND)

    assert entered == [False] * 4 + [True] * 36 + [False] * 8, "from nine to six, whatever happened in between"


def test_complaint_29_an_old_offline_beats_a_new_available() -> None:
    """Routing complaint 29: after a missed chat a queued "offline" wins over the later "available"; misses go unnoticed.

    A miss is an event with its effect and its end. What Ann says afterwards holds: no timer of an older state undoes it.
    """
    stage = Stage(queues={"help": {"rona": "not_ready", "rona_return_ms": 30_000}})
    stage.agent("ann", capacity=2)
    stage.submit()
    happened = stage.wait(20 * SECOND)
    missed = only(happened, ev.OfferExpired)
    assert (missed.agent, missed.effect, missed.return_at) == ("ann", "not_ready", stage.now + 30 * SECOND)
    stage.wait(5 * SECOND)

    stage.state("ann", "available")
    stage.accept("ann")
    stage.wait(3_600 * SECOND)

    assert stage.dispatcher.agents["ann"].state == "available"
    changes = [(e.before, e.after) for e in every(stage.log, ev.AgentStateChanged)]
    assert changes == [("offline", "available"), ("available", "not_ready"), ("not_ready", "available")]


def test_complaint_29_the_last_word_counts() -> None:
    """Routing complaint 29, the other way round: a state with an end, then another: the first one's end does nothing."""
    stage = Stage()
    stage.agent("ann")
    stage.state("ann", "not_ready", reason="lunch", until=stage.now + 10 * SECOND)
    stage.state("ann", "paused")
    stage.wait(60 * SECOND)

    assert stage.dispatcher.agents["ann"].state == "paused"
    assert msgspec.to_builtins(stage.log[-1])["after"] == "paused"
