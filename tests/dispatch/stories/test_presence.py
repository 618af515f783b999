"""Agents come and go: lost connections, grace, pauses, the end of a shift, and a restart of the engine."""

from __future__ import annotations

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import SECOND, Stage, every, kinds, only, refusal

GRACE = 30_000


def stage_with_grace(**queue: object) -> Stage:
    return Stage(domain={"grace_ms": GRACE}, queues={"help": {"sticky_ms": 60_000, **queue}})


def test_a_connection_dies_mid_conversation_and_comes_back_in_time() -> None:
    """Grace runs, the customer stays with Ann; she is back before its end and goes on as if nothing had been."""
    stage = stage_with_grace()
    stage.agent("ann", capacity=2)
    contact = stage.connect("ann")

    lost = only(stage.do(cm.LoseAgent(agent="ann")), ev.AgentLost)

    assert lost.grace_until == stage.now + GRACE
    assert stage.contact(contact).state == "connected"
    waiting = stage.submit()
    assert stage.offered(waiting) == "", "presence is an allow-list"
    stage.wait(GRACE - 1)
    back = stage.do(cm.ReturnAgent(agent="ann"))
    assert only(back, ev.AgentBack).after == "available"
    assert stage.offered(waiting) == "ann"
    assert "ContactRequeued" not in kinds(stage.wait(GRACE))
    assert stage.contact(contact).agent == "ann"


def test_a_connection_dies_and_grace_ends() -> None:
    """Grace is over: the contact is back in its queue with its clocks, sticky to Ann for a minute, then anyone's."""
    stage = stage_with_grace()
    contact = stage.submit()
    stage.wait(10 * SECOND)
    stage.agent("ann")
    stage.accept("ann")
    stage.say(contact, "customer")
    stage.say(contact, "agent", "ann")
    stage.do(cm.LoseAgent(agent="ann"))

    happened = stage.wait(GRACE)

    requeued = only(happened, ev.ContactRequeued)
    assert (requeued.agent, requeued.prefer, requeued.prefer_until) == ("ann", "ann", stage.now + 60 * SECOND)
    assert stage.dispatcher.agents["ann"].state == "offline"
    assert stage.contact(contact).waited_ms(stage.now) == 10 * SECOND
    assert stage.contact(contact).messages == 2
    stage.do(cm.SignOn(agent="ann"))
    assert stage.offered(contact) == "ann"
    assert every(stage.log, ev.OfferMade)[-1].preferred


def test_another_agent_who_is_free_when_grace_ends_has_the_contact() -> None:
    """Ann does not come back and Ben is free: he has the contact when grace is over, and nobody waits for Ann."""
    stage = stage_with_grace()
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben")
    stage.do(cm.LoseAgent(agent="ann"))

    stage.wait(GRACE)

    assert stage.offered(contact) == "ben"
    assert stage.contact(contact).waited_ms(stage.now) == 0


def test_a_lost_agents_open_offer_goes_to_the_next_at_once() -> None:
    """The connection dies while an offer is open: rescinded without blame, and Ben has it in the same step."""
    stage = stage_with_grace()
    stage.agent("ann")
    contact = stage.submit()
    stage.agent("ben")

    events = stage.do(cm.LoseAgent(agent="ann"))

    assert only(events, ev.OfferRescinded).reason == "agent_lost"
    assert stage.offered(contact) == "ben"


def test_a_lost_agents_wrap_up_does_not_keep_her_for_ever() -> None:
    """She vanishes in wrap-up: at the latest when grace ends the capacity is free and the contact gone."""
    stage = stage_with_grace(wrap_up_ms=600_000)
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.close(contact, "ann")
    stage.do(cm.LoseAgent(agent="ann"))

    stage.wait(GRACE)

    assert contact not in stage.dispatcher.contacts
    assert stage.dispatcher.agents["ann"].load == 0


def test_paused_keeps_what_it_has_and_gets_nothing_new() -> None:
    """Ann hangs the sign out: her contact stays, the next one waits; sign in, and it is hers in the same step."""
    stage = Stage()
    stage.agent("ann", capacity=2)
    contact = stage.connect("ann")
    stage.state("ann", "paused")
    waiting = stage.submit()

    assert stage.contact(contact).state == "connected"
    assert stage.offered(waiting) == ""
    stage.state("ann", "available")

    assert stage.offered(waiting) == "ann"


def test_an_offer_open_when_she_pauses_is_not_left_hanging() -> None:
    """Ann pauses while an offer is open: it either stands and can be accepted, or goes to Ben at once."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.submit()
    stage.agent("ben")

    stage.state("ann", "paused")

    holder = stage.offered(contact)
    assert holder in ("ann", "ben")
    stage.accept(holder)
    assert stage.contact(contact).agent == holder


def test_finishing_goes_offline_when_the_last_contact_is_done() -> None:
    """End of shift with two contacts: no third, and offline in the step in which the last one ends."""
    stage = Stage()
    stage.agent("ann", capacity=3)
    first, second = stage.connect("ann"), stage.connect("ann")
    stage.state("ann", "finishing")
    third = stage.submit()
    assert stage.offered(third) == ""
    stage.close(first, "ann")
    assert stage.dispatcher.agents["ann"].state == "finishing"

    events = stage.close(second, "ann")

    assert only(events, ev.AgentStateChanged).after == "offline"


def test_finishing_with_empty_hands_is_offline_at_once() -> None:
    """Nothing left to do: finishing means gone."""
    stage = Stage()
    stage.agent("ann")

    stage.state("ann", "finishing")

    assert stage.dispatcher.agents["ann"].state == "offline"


def test_finishing_has_a_deadline() -> None:
    """At her deadline the open contact goes back to its queue with its clocks, and she is offline."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.state("ann", "finishing", until=stage.now + 60 * SECOND)

    stage.wait(60 * SECOND - 1)
    assert stage.contact(contact).state == "connected"
    happened = stage.wait(1)

    assert only(happened, ev.ContactRequeued).contact == contact
    assert stage.dispatcher.agents["ann"].state == "offline"


def test_not_ready_returns_by_itself() -> None:
    """A break until a given instant: then available again, and the waiting contact is hers."""
    stage = Stage()
    stage.agent("ann")
    stage.state("ann", "not_ready", reason="lunch", until=stage.now + 60 * SECOND)
    contact = stage.submit()

    stage.wait(60 * SECOND)

    assert stage.dispatcher.agents["ann"].state == "available"
    assert stage.offered(contact) == "ann"


def test_coming_back_early_disarms_the_automatic_return() -> None:
    """Back from lunch early and paused a minute later: the old deadline does not wake her."""
    stage = Stage()
    stage.agent("ann")
    stage.state("ann", "not_ready", until=stage.now + 60 * SECOND)
    stage.wait(10 * SECOND)
    stage.state("ann", "available")
    stage.state("ann", "paused")

    assert stage.wait(600 * SECOND) == []
    assert stage.dispatcher.agents["ann"].state == "paused"


@pytest.mark.parametrize("to", ["own queue", "queue", "agent"])
def test_sign_off_hands_over_open_contacts(to: str) -> None:
    """Ann logs off with a contact open: back to its queue, or to a named queue or agent, with its clocks."""
    stage = Stage(queues={"help": {}, "late": {}})
    contact = stage.submit("help")
    stage.wait(10 * SECOND)
    stage.agent("ann")
    stage.accept("ann")
    stage.wait(60 * SECOND)
    stage.agent("ben")
    target = {"own queue": {}, "queue": {"to_queue": "late"}, "agent": {"to_agent": "ben"}}[to]

    stage.do(cm.SignOff(agent="ann", reason="shift over", **target))

    assert stage.dispatcher.agents["ann"].state == "offline"
    assert stage.offered(contact) == "ben"
    assert stage.contact(contact).queue == ("late" if to == "queue" else "help")
    assert stage.contact(contact).waited_ms(stage.now) == 10 * SECOND


def test_sign_off_takes_open_offers_back() -> None:
    """An offer is open and Ann logs off: rescinded without blame, Ben has it in the same step."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.submit()
    stage.agent("ben")

    events = stage.do(cm.SignOff(agent="ann"))

    assert only(events, ev.OfferRescinded).reason == "signed_off"
    assert stage.offered(contact) == "ben"


def test_who_is_not_signed_on_cannot_be_lost_or_paused() -> None:
    """Commands out of state: refused with a code, and nothing changes."""
    stage = Stage()
    stage.agent("ann", on=False)
    before = stage.dispatcher.snapshot()

    assert refusal(stage.state("ann", "paused")) == "wrong_state"
    assert refusal(stage.do(cm.LoseAgent(agent="ann"))) == "wrong_state"
    assert refusal(stage.do(cm.ReturnAgent(agent="ann"))) == "wrong_state"
    assert refusal(stage.do(cm.SignOff(agent="ann"))) == "wrong_state"
    assert refusal(stage.do(cm.SignOn(agent="nobody"))) == "unknown_agent"

    assert stage.dispatcher.snapshot() == before


def test_a_restart_takes_open_offers_back_and_marks_nobody() -> None:
    """The engine died for an hour with an offer and a hold open: rescinded, no RONA, no memory, nothing lost."""
    stage = stage_with_grace(decliner_memory_ms=3_600_000)
    stage.agent("ann")
    stage.agent("ben")
    offered, held = stage.submit(), stage.submit()
    stage.accept(stage.offered(held), hold=True)
    stage.agent("cid")
    talking = stage.connect("cid")
    stage.lag(3_600 * SECOND)

    events = stage.do(cm.StartEngine(epoch=2, down_ms=3_600_000))

    assert [e.reason for e in every(events, ev.OfferRescinded)] == ["restart", "restart"]
    assert "OfferExpired" not in kinds(events), "the agents could not have answered a dead engine"
    assert only(events, ev.EngineStarted).down_ms == 3_600_000
    for number in (offered, held):
        contact = stage.contact(number)
        assert (contact.state, contact.decliners, contact.offers) == ("queued", {}, 0)
    assert stage.contact(talking).agent == "cid"
    assert {a.state for a in stage.dispatcher.agents.values()} == {"lost"}, "their grace starts now"
    assert stage.dispatcher.next_deadline() is not None
    for name in ("ann", "ben", "cid"):
        stage.do(cm.ReturnAgent(agent=name))
    assert {a.state for a in stage.dispatcher.agents.values()} == {"available"}
    assert {stage.offered(offered), stage.offered(held)} == {"ann", "ben"}


def test_grace_after_a_restart_starts_at_the_restart() -> None:
    """Down for an hour: the agents get their full grace from now, and only then are their contacts put back."""
    stage = stage_with_grace()
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.lag(3_600 * SECOND)
    stage.do(cm.StartEngine(epoch=2, down_ms=3_600_000))

    stage.wait(GRACE - 1)
    assert stage.contact(contact).state == "connected"
    happened = stage.wait(1)

    assert only(happened, ev.ContactRequeued).contact == contact
