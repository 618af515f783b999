"""Routing complaints 10–16: what happens when two things happen at once."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import SECOND, Stage, every, kinds, only, refusal

T = "acme"


def test_complaint_10_four_chats_at_once_for_a_limit_of_three() -> None:
    """Routing complaint 10: four chats arrive at several servers at once, and an agent with a limit of three gets four.

    One writer decides, and an offer reserves: of four with the same stamp three are offered and the fourth waits.
    """
    stage = Stage()
    stage.agent("ann", capacity=3)
    contacts = [stage.submit(at=stage.now) for _ in range(4)]

    assert stage.offers_to("ann") == contacts[:3]
    assert stage.contact(contacts[3]).state == "queued"
    stage.accept_all("ann")
    assert stage.dispatcher.agents["ann"].load == 3
    stage.close(contacts[0], "ann")
    assert stage.offers_to("ann") == [contacts[3]]


def test_complaint_11_conversations_bounce_between_agents() -> None:
    """Routing complaint 11: several writers assign the same conversation, and it bounces between agents.

    Two supervisors and a colleague act on what they saw at version 1: the first wins, the others hear of the conflict.
    """
    stage = Stage(queues={"help": {}, "refund": {"pools": ["away"]}, "press": {"pools": ["away"]}}, pools=POOLS)
    contact = stage.submit("help")
    seen = stage.contact(contact).version
    moved = stage.do(cm.MoveContact(tenant=T, contact=contact, queue="refund", expect_version=seen))
    assert only(moved, ev.ContactMoved).queue == "refund"

    for _ in range(2):
        late = stage.do(cm.MoveContact(tenant=T, contact=contact, queue="press", expect_version=seen))
        assert refusal(late) == "version_conflict"
        assert kinds(late) == ["CommandRejected"]
    assert stage.contact(contact).queue == "refund"
    assert len(every(stage.log, ev.ContactMoved)) == 1


POOLS: dict[str, dict[str, object]] = {"onsite": {}, "away": {}}


def test_complaint_12_an_assignment_is_overwritten_from_a_stale_look() -> None:
    """Routing complaint 12: within seconds an assignment is overwritten by a rule that looked at an old state.

    Attributes that would lead elsewhere change just after the accept: whom the agent serves stays hers. While it still
    waited, the same change was a new decision, with an event that says so.
    """
    paid = [{"name": "paid", "when": {"order": ["paid"]}, "queue": "refund"}]
    stage = Stage(queues={"help": {}, "refund": {"pools": ["away"]}}, pools=POOLS, entry=paid)
    stage.agent("ann")
    mine = stage.connect("ann", "help")
    waiting = stage.submit("help")

    for _ in range(6):
        stage.wait(SECOND)
        stage.do(cm.UpdateContact(tenant=T, contact=mine, attributes={"order": "paid"}))
    assert (stage.contact(mine).agent, stage.contact(mine).queue) == ("ann", "help")

    events = stage.do(cm.UpdateContact(tenant=T, contact=waiting, attributes={"order": "paid"}))
    assert only(events, ev.ContactMoved).why == "update"
    assert stage.contact(waiting).queue == "refund"


def test_complaint_13_the_machine_overrides_the_supervisor() -> None:
    """Routing complaint 13: automatic assignment undoes what a person assigned by hand.

    A supervisor moves a contact. What arrives later about it would send it back: the supervisor's word stands.
    """
    paid = [{"name": "paid", "when": {"order": ["paid"]}, "queue": "help"}]
    stage = Stage(queues={"help": {}, "refund": {"pools": ["away"]}}, pools=POOLS, entry=paid)
    contact = stage.submit("help")
    stage.do(cm.MoveContact(tenant=T, contact=contact, queue="refund", reason="knows the case"))

    stage.do(cm.UpdateContact(tenant=T, contact=contact, attributes={"order": "paid"}))
    assert stage.contact(contact).queue == "refund"
    stage.agent("ann")
    assert stage.offers_to("ann") == []


def test_complaint_13_a_forced_assignment_stays() -> None:
    """Routing complaint 13, by name: a supervisor gives a contact to an agent; a freer and better one comes, and it is hers."""
    stage = Stage(pools={"onsite": {"choice": "most_proficient"}})
    stage.agent("ann")
    stage.connect("ann")
    contact = stage.submit()

    stage.do(cm.AssignContact(tenant=T, contact=contact, agent="ann", reason="knows the customer"))
    stage.agent("ben", skills={"everything": 10}, capacity=5)
    stage.do(cm.UpdateContact(tenant=T, contact=contact, attributes={"order": "paid"}))
    stage.wait(SECOND)

    assert stage.contact(contact).agent == "ann"
    made = [e for e in every(stage.log, ev.OfferMade) if e.contact == contact]
    assert [(e.agent, e.forced) for e in made] == [("ann", True)], "beyond her room, and counted apart"


def test_complaint_14_one_contact_answered_by_two() -> None:
    """Routing complaint 14: one call is answered by two agents, or the others who were being rung are dropped.

    An offer has one agent. When it passes on in the very millisecond of her accept, she is told so, and nobody else's
    offer is touched.
    """
    stage = Stage()
    stage.agent("ann")
    contact = stage.submit()
    offer = stage.offer_to("ann")
    stage.wait(5 * SECOND)
    stage.agent("ben")
    other = stage.submit()
    stage.agent("cid")
    stage.lag(15 * SECOND)

    late = stage.do(cm.AcceptOffer(agent="ann", offer=offer))

    assert refusal(late) == "offer_expired"
    assert stage.offered(contact) == "cid"
    assert stage.offered(other) == "ben", "another's offer stands"
    stage.accept("cid")
    stage.accept("ben")
    assert [(e.contact, e.agent) for e in every(stage.log, ev.ContactConnected)] == [(contact, "cid"), (other, "ben")]


def test_complaint_15_answered_for_hours() -> None:
    """Routing complaint 15: contacts stand as answered for hours after they ended, and their agents with them.

    The end, the wrap-up and a connection that is never completed each have an instant, and what ended is gone from state.
    """
    stage = Stage(queues={"help": {"wrap_up_ms": 30_000, "hold_ms": 10_000}})
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.close(contact, "ann")
    stage.wait(30 * SECOND)
    assert stage.dispatcher.contacts == {}
    assert stage.dispatcher.agents["ann"].load == 0

    held = stage.submit()
    stage.accept("ann", hold=True)
    happened = stage.wait(10 * SECOND)
    assert only(happened, ev.OfferRescinded).reason == "hold_expired"
    assert stage.contact(held).state in ("queued", "offered")


def test_complaint_16_the_next_chat_goes_straight_to_missed() -> None:
    """Routing complaint 16: an ended chat lingers for seconds, and the next one is marked missed without being shown.

    Ann has three chats and one in line. She ends one: in the same step the next is offered with its whole 20 s.
    """
    stage = Stage()
    stage.agent("ann", capacity=3)
    chats = [stage.connect("ann") for _ in range(3)]
    waiting = stage.submit()
    stage.wait(60 * SECOND)

    events = stage.close(chats[1], "ann")

    made = only(events, ev.OfferMade)
    assert (made.contact, made.agent, made.deadline) == (waiting, "ann", stage.now + 20 * SECOND)
    stage.wait(19 * SECOND)
    stage.accept("ann")
    assert stage.contact(waiting).state == "connected"
    assert every(stage.log, ev.OfferExpired) == []
