"""Routing complaints 30–32: peaks, deadlocks, and work that outlives a timer."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.coverage.campaign import WildDay
from tests.dispatch.stage import SECOND, Stage, every

T = "acme"
CROWD = 5_000
HOUR = 3_600 * SECOND


def test_complaint_30_too_many_waiting_is_a_death_spiral() -> None:
    """Routing complaint 30: past some number of waiting the matcher collapses, and nobody can say how many they are.

    Five thousand wait for two agents: each command answers with the few events that it causes, no call expires more than it
    is told to, and the number waiting is asked, not counted.
    """
    stage = Stage(queues={"help": {"reply_warn_ms": 60_000, "reply_breach_ms": 90_000}})
    dispatcher = stage.dispatcher
    for agent in ("ann", "ben"):
        dispatcher.handle(cm.DefineAgent(profile=cm.AgentProfile(agent=agent)), stage.now)
        dispatcher.handle(cm.SignOn(agent=agent), stage.now)
    most = 0
    for number in range(CROWD):
        submit = cm.SubmitContact(tenant=T, channel="web", customer=f"c{number}", shop="flagship")
        most = max(most, len(dispatcher.handle(submit, stage.now)))
    assert most <= 3
    assert dispatcher.queue_length("help") == CROWD
    for _ in range(50):
        offer = dispatcher.offers[min(dispatcher.offers)]
        dispatcher.handle(cm.AcceptOffer(agent=offer.agent, offer=offer.offer), stage.now)
        close = cm.CloseContact(tenant=T, contact=offer.contact, agent=offer.agent)
        assert len(dispatcher.handle(close, stage.now)) <= 4
    assert dispatcher.queue_length("help") == CROWD - 50

    now = stage.now + 60 * SECOND
    calls = 0
    while (due := dispatcher.next_deadline()) is not None and due <= now:
        assert len(dispatcher.expire(now, limit=512)) <= 512 + 16
        calls += 1
    assert calls >= CROWD // 512
    assert dispatcher.audit() == []


def test_complaint_31_deadlocks() -> None:
    """Routing complaint 31: locks taken in two orders stop the queue in the busiest hour, and the mends make it worse.

    There is no lock: one call after another, each ends. Three thousand commands of every kind with fields of every kind;
    then everybody comes to work, and everything that can be served is.
    """
    day = WildDay(31)
    for _ in range(3_000):
        events = day.step()
        assert len(events) < 400
    assert day.dispatcher.audit() == []
    assert len(day.dispatcher.offers) == sum(
        contact.state in ("offered", "held") for contact in day.dispatcher.contacts.values()
    )


def test_complaint_32_a_timer_ends_what_is_still_alive() -> None:
    """Routing complaint 32: a call's life in the queue's books ends by a timer while the people still talk.

    Connected for thirty hours without a word: no timer of ours ends it, moves it or frees its agent.
    """
    stage = Stage(channels={"phone": {"messages": False}})
    stage.agent("ann")
    contact = stage.connect("ann", channel="phone")
    happened = stage.wait(30 * HOUR)

    assert every(happened, ev.ContactClosed) == []
    assert (stage.contact(contact).state, stage.contact(contact).agent) == ("connected", "ann")
    assert stage.dispatcher.agents["ann"].load == 1
    stage.close(contact, "ann")
    assert stage.dispatcher.agents["ann"].load == 0
