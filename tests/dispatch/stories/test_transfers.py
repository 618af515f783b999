"""Transfers, hand-off from a bot, and asking for a person: clocks, places and what goes along."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import SECOND, Stage, every, kinds, only, refusal


def test_a_transferred_contact_keeps_its_clocks_and_passes_nobody_who_waited_longer() -> None:
    """It waited 20 s, talked for a minute, and is transferred: behind who waits 30 s there, before who waits 10 s."""
    stage = Stage(queues={"help": {}, "refund": {}})
    moved = stage.submit("help")
    stage.wait(20 * SECOND)
    stage.agent("ann")
    stage.accept("ann")
    stage.wait(30 * SECOND)
    longer = stage.submit("refund")
    stage.wait(20 * SECOND)
    shorter = stage.submit("refund")
    stage.wait(10 * SECOND)
    stage.state("ann", "paused")

    events = stage.transfer(moved, "ann", to_queue="refund", reason="wrong desk")

    left = only(events, ev.ContactTransferred)
    assert (left.queue, left.hand_off, left.reason) == ("refund", False, "wrong desk")
    contact = stage.contact(moved)
    assert contact.waited_ms(stage.now) == 20 * SECOND, "connected time is not waiting time"
    assert contact.arrived_at == stage.dawn, "its age goes on"
    stage.agent("ben", capacity=3)
    assert stage.offers_to("ben") == [longer, moved, shorter]


def test_a_transfer_to_a_free_queue_is_offered_in_the_same_step() -> None:
    """Ann passes the contact to refunds, where Ben is free: one batch, and Ann can take the next contact too."""
    stage = Stage(queues={"help": {}, "refund": {"pools": ["refunders"]}}, pools={"onsite": {}, "refunders": {}})
    stage.agent("ann")
    stage.agent("ben", "refunders")
    contact, next_one = stage.connect("ann", "help"), stage.submit("help")

    events = stage.transfer(contact, "ann", to_queue="refund")

    assert {(o.contact, o.agent) for o in every(events, ev.OfferMade)} == {(contact, "ben"), (next_one, "ann")}


def test_a_transfer_within_ones_own_queue_does_not_come_straight_back() -> None:
    """Ann gives a contact back to her own queue and Ben is free: it is Ben's, whoever was idle longer."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben")

    stage.transfer(contact, "ann", to_queue="help")

    assert stage.offered(contact) == "ben"


def test_a_transfer_to_a_named_agent_waits_for_her_and_then_for_anyone() -> None:
    """Ben is wanted and busy, Cid is free: for 30 s the contact is Ben's alone, then it is Cid's."""
    stage = Stage(queues={"help": {"transfer_prefer_ms": 30_000}})
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben")
    stage.connect("ben")
    stage.agent("cid")
    stage.state("ann", "paused")

    events = stage.transfer(contact, "ann", to_agent="ben")

    left = only(events, ev.ContactTransferred)
    assert (left.prefer, left.prefer_until) == ("ben", stage.now + 30 * SECOND)
    stage.wait(30 * SECOND - 1)
    assert stage.offered(contact) == ""
    happened = stage.wait(1)
    assert only(happened, ev.AffinityEnded).agent == "ben"
    assert stage.offered(contact) == "cid"


def test_a_named_agent_who_is_freed_takes_the_contact_meant_for_her_first() -> None:
    """An older contact waits too, but one was passed on to Ben by name: valid affinity goes before the pool's order."""
    stage = Stage(queues={"help": {"transfer_prefer_ms": 30_000}})
    stage.agent("ben")
    busy = stage.connect("ben")
    older = stage.submit()
    stage.wait(5 * SECOND)
    stage.agent("ann")
    assert stage.offered(older) == "ann"
    stage.decline("ann")
    stage.state("ann", "paused")
    stage.wait(60 * SECOND)
    stage.agent("amy", "onsite")
    assert stage.offered(older) == "amy"
    stage.decline("amy")
    young = stage.submit()
    stage.accept("amy") if stage.offered(young) == "amy" else None
    stage.state("amy", "paused")

    stage.transfer(young, "amy", to_agent="ben")
    stage.close(busy, "ben")

    assert stage.offers_to("ben") == [young]
    offer = every(stage.log, ev.OfferMade)[-1]
    assert offer.preferred


def test_a_transfer_to_an_agent_never_goes_over_her_capacity() -> None:
    """Ben is full: the contact meant for him waits, he is not given a second one."""
    stage = Stage(queues={"help": {"transfer_prefer_ms": 30_000}})
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben")
    stage.connect("ben")

    stage.state("ann", "paused")
    stage.transfer(contact, "ann", to_agent="ben")

    assert stage.dispatcher.agents["ben"].load == 1
    assert stage.contact(contact).state == "queued"


def test_the_named_agent_takes_nothing_more_and_the_wait_for_her_ends() -> None:
    """Ben, for whom the contact waits, begins to finish his shift: at once everyone eligible may have it."""
    stage = Stage(queues={"help": {"transfer_prefer_ms": 600_000}})
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben")
    stage.connect("ben")
    stage.agent("cid")
    stage.state("ann", "paused")
    stage.transfer(contact, "ann", to_agent="ben")
    assert stage.offered(contact) == ""

    happened = stage.state("ben", "finishing")

    assert only(happened, ev.AffinityEnded).why != "budget"
    assert stage.offered(contact) == "cid"


def bot_stage() -> Stage:
    return Stage(
        queues={"help": {"requirement": "service >= 1", "bot_pools": ["bot"]}},
        pools={"onsite": {}, "bot": {}},
        bot_first=["help"],
    )


def test_a_bot_serves_first_and_needs_no_skill() -> None:
    """The entry rule says bot first: the bot has it in the step of arrival, though the queue wants a skill."""
    stage = bot_stage()
    stage.bot()
    stage.agent("ann", skills={"service": 5})

    contact = stage.submit()

    assert only(stage.log, ev.ContactSubmitted).stage == "bot"
    assert (stage.contact(contact).state, stage.contact(contact).agent) == ("connected", "robo")


def test_the_customer_says_human_please() -> None:
    """The bot hands off with transcript, intent and reason: age goes on, waited starts, and nobody who waits is passed."""
    stage = bot_stage()
    stage.bot()
    contact = stage.submit()
    stage.wait(50 * SECOND)
    stage.state("robo", "paused")
    before = stage.submit()
    stage.do(cm.AskPerson(tenant="acme", contact=before))
    stage.wait(10 * SECOND)
    stage.state("robo", "available")

    events = stage.transfer(
        contact, "robo", transcript="t/1", intent="refund", reason="human please", attributes={"mood": "bad"}
    )

    left = only(events, ev.ContactTransferred)
    assert (left.hand_off, left.stage, left.queue) == (True, "person", "help")
    assert (left.transcript, left.intent, left.reason) == ("t/1", "refund", "human please")
    now = stage.contact(contact)
    assert (now.transcript, now.intent, now.reason) == ("t/1", "refund", "human please")
    assert now.attributes["mood"] == "bad"
    assert stage.now - now.arrived_at == 60 * SECOND
    assert now.waited_ms(stage.now) == 0, "bot time is not time spent waiting for a person"
    stage.wait(5 * SECOND)
    after = stage.submit()
    assert stage.contact(after).agent == "robo"
    stage.transfer(after, "robo")

    stage.agent("ann", skills={"service": 1}, capacity=3)

    assert stage.offers_to("ann") == [before, contact, after]


def test_ask_person_while_talking_to_the_bot() -> None:
    """人工: the contact leaves the bot at once, before any bot logic, and Ann has it in the same step."""
    stage = bot_stage()
    stage.bot()
    stage.agent("ann", skills={"service": 1})
    contact = stage.submit()
    stage.wait(20 * SECOND)

    stage.do(cm.AskPerson(tenant="acme", contact=contact, intent="refund"))

    assert stage.offered(contact) == "ann"
    assert stage.contact(contact).stage == "person"
    assert stage.contact(contact).intent == "refund"
    assert stage.contact(contact).waited_ms(stage.now) == 0
    assert stage.dispatcher.agents["robo"].load == 0


def test_ask_person_while_waiting_for_the_bot() -> None:
    """The bot is full: the customer asks for a person, and now a person may have the contact, which waits from here."""
    stage = bot_stage()
    stage.bot(capacity=1)
    stage.submit()
    stage.agent("ann", skills={"service": 1})
    contact = stage.submit()
    stage.wait(10 * SECOND)
    assert stage.offered(contact) == "", "bot first means no person yet"

    events = stage.do(cm.AskPerson(tenant="acme", contact=contact))

    assert "PersonAsked" in kinds(events)
    assert stage.offered(contact) == "ann"
    assert only(events, ev.OfferMade).waited_ms == 0


def test_no_bot_is_there_and_the_contact_waits_for_a_person_at_once() -> None:
    """Bot first, but no bot is signed on: nobody waits for it."""
    stage = bot_stage()
    stage.agent("ann", skills={"service": 1})

    contact = stage.submit()

    assert stage.offered(contact) == "ann"
    assert stage.contact(contact).stage == "person"


def test_asking_for_a_person_twice_keeps_the_place() -> None:
    """The customer says it again and again: the wait does not begin anew."""
    stage = bot_stage()
    contact = stage.submit()
    stage.do(cm.AskPerson(tenant="acme", contact=contact))
    stage.wait(10 * SECOND)

    stage.do(cm.AskPerson(tenant="acme", contact=contact))

    assert stage.contact(contact).waited_ms(stage.now) == 10 * SECOND
    assert stage.contact(contact).state == "queued"


def test_a_bot_hands_off_to_another_queue() -> None:
    """The bot understood that it is about a refund: the contact waits for people there."""
    stage = Stage(
        queues={"help": {"bot_pools": ["bot"]}, "refund": {"priority": 4}}, pools={"onsite": {}, "bot": {}},
        bot_first=["help"],
    )  # fmt: skip
    stage.bot()
    contact = stage.submit("help")
    stage.wait(30 * SECOND)

    left = only(stage.transfer(contact, "robo", to_queue="refund"), ev.ContactTransferred)

    assert (left.queue, left.stage, left.hand_off) == ("refund", "person", True)
    stage.agent("ann")
    assert stage.offered(contact) == "ann"


def test_a_person_passes_a_contact_to_a_bot() -> None:
    """Ann gives a routine matter to the bot by name: it serves in the bot stage, and waiting for people starts anew after it."""
    stage = bot_stage()
    stage.bot()
    stage.agent("ann", skills={"service": 3})
    contact = stage.submit()
    stage.transfer(contact, "robo")
    stage.wait(5 * SECOND)
    stage.accept("ann")

    stage.transfer(contact, "ann", to_agent="robo")

    assert (stage.contact(contact).state, stage.contact(contact).agent) == ("connected", "robo")
    assert stage.contact(contact).stage == "bot"
    stage.wait(5 * SECOND)
    stage.do(cm.AskPerson(tenant="acme", contact=contact))
    assert stage.contact(contact).waited_ms(stage.now) == 0


def test_after_a_bot_the_steps_begin_from_the_first() -> None:
    """A step was open when Ann took the contact; she passes it to the bot, which hands it back: that step is closed again."""
    steps = [{"name": "far", "clock": "step", "after_ms": 10_000, "add_pools": ["far"]}]
    stage = Stage(
        queues={"help": {"bot_pools": ["bot"], "steps": steps}}, pools={"onsite": {}, "bot": {}, "far": {}}
    )  # fmt: skip
    stage.bot()
    contact = stage.submit()
    stage.wait(15 * SECOND)
    stage.agent("ann")
    stage.accept("ann")
    stage.transfer(contact, "ann", to_agent="robo")
    stage.state("ann", "paused")
    stage.wait(5 * SECOND)

    stage.transfer(contact, "robo")

    assert (stage.contact(contact).step, stage.contact(contact).stage) == (0, "person")
    assert only(stage.wait(10 * SECOND), ev.StepOpened).at == stage.now


def test_the_wrong_hands_cannot_transfer() -> None:
    """Ben transfers Ann's contact, Ann transfers to nowhere, a waiting contact is transferred: refused, nothing changes."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben")
    waiting = stage.submit(requires="never >= 9")
    before = stage.dispatcher.snapshot()

    assert refusal(stage.transfer(contact, "ben", to_queue="help")) == "not_yours"
    assert refusal(stage.transfer(contact, "ann", to_queue="nowhere")) == "unknown_queue"
    assert refusal(stage.transfer(contact, "ann", to_agent="nobody")) == "unknown_agent"
    assert refusal(stage.transfer(waiting, "ann", to_queue="help")) in ("wrong_state", "not_yours")
    assert refusal(stage.transfer(999, "ann", to_queue="help")) == "unknown_contact"

    assert stage.dispatcher.snapshot() == before
