"""What a supervisor does by hand: move, prioritise, capacity, closing a queue."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import SECOND, Stage, kinds, only, refusal

TENANT = "acme"


def test_a_moved_contact_keeps_its_clocks_and_finds_its_place() -> None:
    """Moved after 20 s: in the new queue it stands between who waits 30 s and who waits 10 s."""
    stage = Stage(queues={"help": {}, "refund": {}})
    longer = stage.submit("refund")
    stage.wait(10 * SECOND)
    moved = stage.submit("help")
    stage.wait(10 * SECOND)
    shorter = stage.submit("refund")
    stage.wait(10 * SECOND)

    events = stage.do(cm.MoveContact(tenant=TENANT, contact=moved, queue="refund", reason="wrong desk"))

    assert only(events, ev.ContactMoved).why == "moved"
    assert stage.contact(moved).waited_ms(stage.now) == 20 * SECOND
    stage.agent("ann", capacity=3)
    assert stage.offers_to("ann") == [longer, moved, shorter]


def test_moving_a_contact_under_offer_takes_the_offer_back() -> None:
    """Ann is being asked: the move rescinds that offer without blame, and Ben of the other queue has the contact."""
    stage = Stage(queues={"help": {}, "refund": {"pools": ["refunders"]}}, pools={"onsite": {}, "refunders": {}})
    stage.agent("ann")
    stage.agent("ben", "refunders")
    contact = stage.submit("help")

    events = stage.do(cm.MoveContact(tenant=TENANT, contact=contact, queue="refund"))

    assert only(events, ev.OfferRescinded).reason == "moved"
    assert stage.offered(contact) == "ben"


def test_a_move_makes_the_steps_start_again() -> None:
    """In the old queue a step was open; in the new one the contact begins with the queue's own pools."""
    steps = [{"name": "far", "clock": "step", "after_ms": 10_000, "add_pools": ["far"]}]
    stage = Stage(queues={"help": {"steps": steps}, "refund": {"steps": steps}}, pools={"onsite": {}, "far": {}})
    contact = stage.submit("help")
    stage.wait(15 * SECOND)
    assert stage.contact(contact).step == 1

    stage.do(cm.MoveContact(tenant=TENANT, contact=contact, queue="refund"))
    assert stage.contact(contact).step == 0
    opened = only(stage.wait(60 * SECOND), ev.StepOpened)

    assert opened.at - stage.dawn == 25 * SECOND


def test_prioritise_changes_the_place_and_nothing_else() -> None:
    """The last of three is made urgent: it is served first, its clocks as before."""
    stage = Stage()
    contacts = []
    for _ in range(3):
        contacts.append(stage.submit())
        stage.wait(SECOND)

    events = stage.do(cm.PrioritiseContact(tenant=TENANT, contact=contacts[2], priority=9, reason="press"))

    assert only(events, ev.ContactMoved).why == "prioritised"
    assert stage.dispatcher.position(contacts[2]) == 1
    assert stage.contact(contacts[2]).waited_ms(stage.now) == SECOND
    stage.agent("ann", capacity=3)
    assert stage.offers_to("ann") == [contacts[2], contacts[0], contacts[1]]


def test_more_capacity_counts_at_once_and_ends_by_itself() -> None:
    """Ann takes one more for a minute: the waiting contact is hers now; afterwards she has one unit, what she holds stays."""
    stage = Stage()
    stage.agent("ann")
    first = stage.connect("ann")
    second = stage.submit()

    stage.do(cm.SetCapacity(agent="ann", capacity=2, until=stage.now + 60 * SECOND))
    assert stage.offered(second) == "ann"
    stage.accept("ann")
    ended = stage.wait(60 * SECOND)

    assert only(ended, ev.CapacityChanged).capacity == 1
    assert stage.dispatcher.agents["ann"].load == 2
    third = stage.submit()
    stage.close(first, "ann")
    assert stage.offered(third) == "", "she is back to one and has one"
    stage.close(second, "ann")
    assert stage.offered(third) == "ann"


def test_less_capacity_takes_nothing_away() -> None:
    """Ann's capacity goes from 2 to 1 while she has two: both stay, and no third comes before both are done."""
    stage = Stage()
    stage.agent("ann", capacity=2)
    first, second = stage.connect("ann"), stage.connect("ann")
    stage.do(cm.SetCapacity(agent="ann", capacity=1))
    third = stage.submit()

    assert {stage.contact(c).state for c in (first, second)} == {"connected"}
    stage.close(first, "ann")
    assert stage.offered(third) == ""
    stage.close(second, "ann")
    assert stage.offered(third) == "ann"


def test_a_closed_queue_deflects_new_contacts_and_serves_those_waiting() -> None:
    """Closed with two waiting: the next one is told why and what else; the two are served; opened again, all is as before."""
    stage = Stage(queues={"help": {"closed_notice": "back at nine", "closed_alternative": "call_back"}})
    waiting = [stage.submit(), stage.submit()]

    closed = stage.do(cm.CloseQueue(queue="help", reason="flood"))
    assert only(closed, ev.QueueClosed).reason == "flood"
    assert stage.dispatcher.closed_queues == {"help": "flood"}
    stage.submit()
    deflected = only(stage.log, ev.ContactDeflected)
    assert (deflected.queue, deflected.alternative, deflected.notice) == ("help", "call_back", "back at nine")
    assert deflected.reason
    stage.agent("ann", capacity=5)
    assert stage.offers_to("ann") == waiting

    stage.do(cm.OpenQueue(queue="help"))
    assert stage.offered(stage.submit()) == "ann"


def test_a_customer_who_left_a_closed_queue_may_come_back_to_the_old_place() -> None:
    """The queue closed while the customer was away: inside the window the place is still there."""
    stage = Stage()
    contact = stage.submit(customer="eve")
    stage.abandon(contact)
    stage.do(cm.CloseQueue(queue="help"))

    events = stage.do(cm.SubmitContact(tenant=TENANT, channel="web", shop="flagship", customer="eve", external_id="e2"))

    assert kinds(events)[0] == "ContactResumed"


def test_closing_what_is_closed_and_what_is_not_there() -> None:
    """Refusals of queue commands."""
    stage = Stage()
    stage.do(cm.CloseQueue(queue="help"))

    assert refusal(stage.do(cm.CloseQueue(queue="nowhere"))) == "unknown_queue"
    assert refusal(stage.do(cm.OpenQueue(queue="nowhere"))) == "unknown_queue"
    stage.do(cm.OpenQueue(queue="help"))
    assert stage.offered(stage.submit()) == ""


def test_a_stale_version_is_a_conflict() -> None:
    """Two supervisors look at the same contact: the second one's move, made for the version before, is refused."""
    stage = Stage(queues={"help": {}, "one": {}, "two": {}})
    contact = stage.submit("help")
    seen = stage.contact(contact).version
    stage.do(cm.MoveContact(tenant=TENANT, contact=contact, queue="one", expect_version=seen))
    assert stage.contact(contact).version > seen

    late = cm.MoveContact(tenant=TENANT, contact=contact, queue="two", expect_version=seen)
    assert refusal(stage.do(late)) == "version_conflict"
    assert refusal(stage.do(cm.PrioritiseContact(contact=contact, priority=1, expect_version=seen))) in (
        "version_conflict",
        "unknown_contact",
    )
    assert stage.contact(contact).queue == "one"

    stage.do(cm.MoveContact(tenant=TENANT, contact=contact, queue="two", expect_version=stage.contact(contact).version))
    assert stage.contact(contact).queue == "two"
