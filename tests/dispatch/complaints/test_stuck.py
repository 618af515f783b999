"""Routing complaints 17–25: agents stuck, chats stuck, chats lost."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from tests.dispatch.stage import SECOND, Stage, encoded, every, only, refusal
from tests.dispatch.stories.test_hours import OFFICE, at

T = "acme"
TWELVE = [f"agent{number:02d}" for number in range(12)]


def test_complaint_17_one_unavailable_agent_halts_the_rest() -> None:
    """Routing complaint 17: agents stay reserved with more than ten of them, and one who is away halts all distribution.

    Of twelve agents the first is away and the next three let their offers expire: every contact is served all the same,
    and at the end every agent is free.
    """
    stage = Stage(queues={"help": {"rona": "back_off", "rona_return_ms": 10_000, "decliner_memory_ms": 0}})
    for name in TWELVE:
        stage.agent(name)
    stage.state(TWELVE[0], "paused")
    contacts = [stage.submit() for _ in range(30)]
    asleep = set(TWELVE[1:4])
    for _ in range(60):
        for offer in [o for _, o in sorted(stage.dispatcher.offers.items()) if o.agent not in asleep]:
            stage.do(cm.AcceptOffer(agent=offer.agent, offer=offer.offer))
            stage.close(offer.contact, offer.agent)
        stage.wait(20 * SECOND)
        if not stage.dispatcher.contacts:
            break

    assert stage.dispatcher.contacts == {}
    assert {e.contact for e in every(stage.log, ev.ContactConnected)} == set(contacts)
    stage.wait(60 * SECOND)
    assert [agent.load for agent in stage.dispatcher.agents.values()] == [0] * 12
    stage.submit()
    assert len(stage.dispatcher.offers) == 1


def test_complaint_18_the_eighth_in_line_is_served_first() -> None:
    """Routing complaint 18: the eighth in line is served first, and nothing says how that is possible.

    Ann speaks no French; the first seven need it. Each of them can be told so, and the eighth's offer says who ranked how.
    """
    stage = Stage(queues={"help": {}})
    french = [stage.submit(requires="french >= 1") for _ in range(7)]
    eighth = stage.submit()
    stage.agent("ann", skills={"english": 5})

    made = only(stage.log, ev.OfferMade)
    assert (made.contact, made.trigger, made.order, made.policy) == (
        eighth,
        "available",
        "strict",
        stage.dispatcher.policy.version,
    )
    for place, contact in enumerate(french, 1):
        said = stage.dispatcher.explain(contact, agent="ann")
        assert said.position == place
        assert said.verdict is not None
        assert "requirement" in [reason.code for reason in said.verdict.reasons]
        assert said.nobody == {"requirement": 1}


def test_complaint_19_it_lives_in_one_process_only() -> None:
    """Routing complaint 19: the dispatcher cannot leave the one process that it was started in.

    A second process is fed the first one's events, takes over in mid-conversation, and decides byte for byte as the first.
    """
    stage = Stage()
    for name in ("ann", "ben"):
        stage.agent(name, capacity=2)
    talking = stage.connect("ann")
    for _ in range(5):
        stage.submit()

    heir = Dispatcher(compile_policy(stage.text))
    heir.apply_events(stage.log)
    assert heir.snapshot() == stage.dispatcher.snapshot()
    commands: list[cm.Command] = [
        cm.LoseAgent(agent="ben"),
        cm.CloseContact(tenant=T, contact=talking, agent="ann"),
        cm.StartEngine(epoch=2, down_ms=0),
        cm.ReturnAgent(agent="ann"),
    ]
    for command in commands:
        stage.now += SECOND
        assert encoded(heir.handle(command, stage.now)) == encoded(stage.do(command))


def test_complaint_20_an_agent_is_locked_in_call_for_ever() -> None:
    """Routing complaint 20: an agent stays "in call" for ever, or everybody's wrap-up ends only with the last one's.

    Three wrap-ups begun ten seconds apart end ten seconds apart, and an agent whose line is dead is let go after the grace.
    """
    stage = Stage(queues={"help": {"wrap_up_ms": 30_000}}, domain={"grace_ms": 60_000})
    names = ("ann", "ben", "cid")
    for name in names:
        stage.agent(name)
        contact = stage.connect(name)
        stage.close(contact, name)
        stage.wait(10 * SECOND)
    ends = [(e.agent, e.at - stage.dawn) for e in every(stage.wait(60 * SECOND), ev.WrapUpEnded)]
    assert ends == [("ann", 30 * SECOND), ("ben", 40 * SECOND), ("cid", 50 * SECOND)][-len(ends) :]
    assert all(agent.load == 0 for agent in stage.dispatcher.agents.values())

    for name in names[1:]:
        stage.state(name, "paused")
    talking = stage.connect("ann")
    stage.do(cm.LoseAgent(agent="ann"))
    stage.wait(60 * SECOND)
    assert (stage.dispatcher.agents["ann"].state, stage.dispatcher.agents["ann"].load) == ("offline", 0)
    assert stage.contact(talking).state == "queued"


def test_complaint_21_idle_agents_and_a_queue() -> None:
    """Routing complaint 21: agents sit idle while visitors queue; only toggling "ready" or a reload brings the next one.

    Whatever frees an agent (an end, a wrap-up's end, a return, more room, a skill gained, work elsewhere done) brings the
    next contact in the same step.
    """
    stage = Stage(queues={"help": {"wrap_up_ms": 5_000, "requirement": "service >= 1"}})
    stage.agent("ann")
    waiting = [stage.submit() for _ in range(7)]
    stage.do(cm.DefineAgent(profile=cm.AgentProfile(agent="ann", skills={"service": 3})))
    assert stage.offers_to("ann") == [waiting[0]], "a skill gained"
    stage.accept("ann")
    stage.close(waiting[0], "ann")
    stage.do(cm.EndWrapUp(agent="ann", contact=waiting[0]))
    assert stage.offers_to("ann") == [waiting[1]], "a wrap-up ended by hand"
    stage.accept("ann")
    stage.close(waiting[1], "ann")
    stage.wait(5 * SECOND)
    assert stage.offers_to("ann") == [waiting[2]], "a wrap-up ended by the clock"
    stage.accept("ann")
    stage.do(cm.SetCapacity(agent="ann", capacity=2))
    assert stage.offers_to("ann") == [waiting[3]], "more room"
    stage.accept("ann")
    stage.do(cm.SetExternalLoad(agent="ann", source="phone", units=1))
    stage.do(cm.SetCapacity(agent="ann", capacity=3))
    assert stage.offers_to("ann") == []
    stage.do(cm.SetExternalLoad(agent="ann", source="phone", units=0))
    assert stage.offers_to("ann") == [waiting[4]], "work elsewhere done"
    stage.state("ann", "paused")
    stage.state("ann", "available")
    assert stage.offers_to("ann") == [waiting[4]], "and back from a break"


def test_complaint_21_messages_left_at_night_are_given_to_somebody() -> None:
    """Routing complaint 21, the messages of the night: nobody is ever assigned to what was left while the shop was closed.

    Three are left at night with a promise. At nine they are in line, and whoever is there has them, before the promise ends.
    """
    night = {"hours": "office", "closed": "message", "promise_ms": 90 * 60_000}
    stage = Stage(now=at("2026-11-18 22:00"), queues={"help": night}, calendars=OFFICE)
    left = [stage.submit() for _ in range(3)]
    assert {stage.contact(number).state for number in left} == {"promised"}
    stage.agent("ann", capacity=3)
    assert stage.offers_to("ann") == []

    stage.wait(at("2026-11-19 09:00") - stage.now)

    assert stage.offers_to("ann") == left
    assert {e.promised_by for e in every(stage.log, ev.MessageLeft)} == {at("2026-11-19 10:30")}


def test_complaint_22_queued_chats_vanish_after_a_break() -> None:
    """Routing complaint 22: an agent goes away and comes back, and the chats in line have vanished; others are stuck.

    Ann pauses, is lost, returns: the three in line are there, keep their clocks, and are hers; a supervisor can end any.
    """
    stage = Stage()
    stage.agent("ann", capacity=4)
    talking = stage.connect("ann")
    stage.state("ann", "paused")
    waiting = [stage.submit() for _ in range(3)]
    stage.wait(20 * SECOND)
    stage.do(cm.LoseAgent(agent="ann"))
    stage.wait(20 * SECOND)
    stage.do(cm.ReturnAgent(agent="ann"))
    stage.state("ann", "available")

    assert stage.offers_to("ann") == waiting
    assert stage.contact(talking).agent == "ann"
    assert [stage.contact(number).waited_ms(stage.now) for number in waiting] == [40 * SECOND] * 3
    for number in [talking, *waiting]:
        stage.close(number)
    assert stage.dispatcher.contacts == {}
    assert stage.dispatcher.agents["ann"].load == 0


def test_complaint_23_a_forwarded_chat_keeps_its_old_agent() -> None:
    """Routing complaint 23: a forwarded chat waits in its new queue, its old agent stays on it, nobody is assigned.

    In the step of the transfer Ann's place is free and taken by the next, her word no longer counts there, and Ben has it.
    """
    stage = Stage(queues={"help": {}, "refund": {"pools": ["refunders"]}}, pools={"onsite": {}, "refunders": {}})
    stage.agent("ann")
    contact, waiting = stage.connect("ann", "help"), stage.submit("help")
    stage.agent("ben", "refunders")

    stage.transfer(contact, "ann", to_queue="refund")

    assert stage.offers_to("ann") == [waiting]
    assert stage.offered(contact) == "ben"
    assert refusal(stage.say(contact, "agent", "ann")) == "not_yours"
    assert refusal(stage.close(contact, "ann")) in ("not_yours", "wrong_state")
    assert contact not in stage.dispatcher.agents["ann"].contacts


def test_complaint_24_declined_once_and_never_offered_again() -> None:
    """Routing complaint 24: one agent on shift, she declines once: the item is never offered again, or the chat is ended.

    The memory of a decline yields when nobody else is there, ends by itself otherwise, and never ends the contact.
    """
    stage = Stage(queues={"help": {"decliner_memory_ms": 60_000, "decline_back_off_ms": 5_000}})
    stage.agent("ann")
    contact = stage.submit()
    for _ in range(4):
        stage.decline("ann")
        assert stage.contact(contact).state == "queued"
        stage.wait(5 * SECOND)
        assert stage.offered(contact) == "ann", "nobody else: she is asked again after her pause"
    stage.agent("ben")
    stage.decline("ann")
    assert stage.offered(contact) == "ben"
    stage.decline("ben")
    stage.wait(5 * SECOND)
    assert stage.offered(contact) in ("ann", "ben")
    assert every(stage.log, ev.ContactClosed) == []


def test_complaint_24_declined_by_all_goes_to_the_supervisors() -> None:
    """Routing complaint 24, to its end: after three vain offers the contact is the supervisors', with its clocks, not ended."""
    stage = Stage(
        queues={
            "help": {"decliner_memory_ms": 0, "delivery_limit": 3, "supervisors_queue": "desk"},
            "desk": {"pools": ["supervisors"]},
        },
        pools={"onsite": {}, "supervisors": {}},
    )
    stage.agent("ann")
    stage.agent("boss", "supervisors")
    contact = stage.submit("help")
    stage.wait(5 * SECOND)
    for _ in range(3):
        assert stage.offered(contact) == "ann"
        stage.decline("ann")

    assert stage.offered(contact) == "boss"
    assert stage.contact(contact).queue == "desk"
    assert stage.contact(contact).waited_ms(stage.now) == 5 * SECOND
    assert [e.why for e in every(stage.log, ev.ContactMoved)] == ["delivery_limit"]


def test_complaint_25_an_unaccepted_chat_never_moves_on() -> None:
    """Routing complaint 25: a chat that its first operator does not accept is never given to the next.

    Ann, Ben and Cid let it ring in turn: each has 20 s, each miss is on record, and Dot, who comes on shift, takes it.
    """
    stage = Stage()
    for name in ("ann", "ben", "cid"):
        stage.agent(name)
    contact = stage.submit()
    asked = []
    for _ in range(3):
        asked.append(stage.offered(contact))
        stage.wait(20 * SECOND)
    assert asked == ["ann", "ben", "cid"]
    assert [(e.agent, e.at - stage.dawn) for e in every(stage.log, ev.OfferExpired)] == [
        ("ann", 20 * SECOND), ("ben", 40 * SECOND), ("cid", 60 * SECOND)
    ]  # fmt: skip
    stage.agent("dot")
    stage.accept("dot")
    assert stage.contact(contact).agent == "dot"
