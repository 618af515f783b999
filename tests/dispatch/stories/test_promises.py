"""Messages and call-backs left for later: the promise, the pace, the place behind live contacts, and its bound."""

from __future__ import annotations

from typing import Any

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from tests.dispatch.stage import SECOND, Stage, every, kinds, only, refusal
from tests.dispatch.stories.test_hours import HOUR, MINUTE, OFFICE, at

NIGHT: dict[str, Any] = {
    "hours": "office", "closed": "message", "promise_ms": 90 * MINUTE, "release_per_minute": 2,
    "release_lead_ms": 30 * MINUTE, "closed_notice": "tomorrow",
}  # fmt: skip


def serve(stage: Stage, agent: str, ms: int) -> int:
    """The agent takes what is offered and is done after ``ms``; returns the contact, 0: nothing was offered for 10 s."""
    offers = stage.offers_to(agent)
    if not offers:
        stage.wait(10 * SECOND)
        return 0
    stage.accept(agent)
    stage.wait(ms)
    stage.close(offers[0], agent)
    return offers[0]


def test_messages_of_a_night_are_released_in_the_morning_behind_live_contacts_within_their_bound() -> None:
    """Settings: 40 messages of one night, 2 a minute from 09:00, promise 10:30, lead 30 min; a live contact each 5 minutes.

    One agent needs a minute each. Live contacts are always next; each message is with the agent before its promise ends.
    """
    stage = Stage(now=at("2026-11-18 20:00"), queues={"help": NIGHT}, calendars=OFFICE)
    stage.agent("ann")
    left = []
    for _ in range(40):
        left.append(stage.submit())
        stage.wait(15 * MINUTE)
    assert {stage.contact(number).state for number in left} == {"promised"}
    assert every(stage.log, ev.OfferMade) == []
    stage.wait(at("2026-11-19 09:00") - stage.now)
    stage.mirror = Dispatcher.restore(stage.dispatcher.snapshot())

    served, live = [], []
    while stage.now < at("2026-11-19 10:30"):
        if stage.now >= at("2026-11-19 09:05") + len(live) * 5 * MINUTE:
            live.append(stage.submit())
        served.append(serve(stage, "ann", MINUTE))

    released = every(stage.log, ev.MessageReleased)
    assert [event.contact for event in released] == left
    assert [event.at - released[0].at for event in released[:4]] == [0, 30 * SECOND, 60 * SECOND, 90 * SECOND]
    offered = {event.contact: event for event in every(stage.log, ev.OfferMade)}
    assert set(left) | set(live) <= set(offered)
    assert all(offered[number].at <= at("2026-11-19 10:30") for number in left), "within the bound"
    assert all(offered[number].waited_ms <= MINUTE for number in live), "live contacts are next, always"
    assert served[0] == left[0], "nobody live at nine"


def test_a_message_that_falls_due_ranks_as_live() -> None:
    """Settings: promise 60 min, lead 10 min, nobody free. At 50 min it stands where it would, had it waited since it was left."""
    queue = {"promise_ms": HOUR, "release_lead_ms": 10 * MINUTE}
    stage = Stage(now=at("2026-11-18 10:00"), queues={"help": queue})
    message = stage.submit()
    stage.do(cm.LeaveMessage(tenant="acme", contact=message))
    stage.wait(20 * MINUTE)
    live = stage.submit()
    assert [stage.dispatcher.position(number) for number in (live, message)] == [1, 2]

    happened = stage.wait(30 * MINUTE)

    assert only(happened, ev.MessageDue).contact == message
    assert [stage.dispatcher.position(number) for number in (message, live)] == [1, 2]
    stage.agent("ann")
    offer = every(stage.log, ev.OfferMade)[-1]
    assert (offer.contact, offer.waited_ms) == (message, 50 * MINUTE)
    assert offer.rank[0] == 0, "no longer behind"


def test_what_nobody_releases_in_time_is_released_when_due() -> None:
    """Settings: one a minute, five left at night, promise 3 min, lead 1 min: at 09:02 all that are left go in line at once."""
    queue = {**NIGHT, "promise_ms": 3 * MINUTE, "release_per_minute": 1, "release_lead_ms": MINUTE}
    stage = Stage(now=at("2026-11-18 20:00"), queues={"help": queue}, calendars=OFFICE)
    left = [stage.submit() for _ in range(5)]

    happened = stage.wait(at("2026-11-19 09:05") - stage.now)

    released = every(happened, ev.MessageReleased)
    assert [(e.contact, e.why) for e in released] == [
        (left[0], "pace"), (left[1], "pace"), (left[2], "due"), (left[3], "due"), (left[4], "due"),
    ]  # fmt: skip
    assert [e.at - at("2026-11-19 09:00") for e in released] == [0, MINUTE, 2 * MINUTE, 2 * MINUTE, 2 * MINUTE]
    assert [e.contact for e in every(happened, ev.MessageDue)] == left[:2]
    assert [stage.dispatcher.position(number) for number in left] == [1, 2, 3, 4, 5]


def test_a_call_back_instead_of_waiting() -> None:
    """While offered, too: the offer is taken back without blame, the agent gets the next one."""
    stage = Stage(queues={"help": {"promise_ms": HOUR, "release_per_minute": 1}})
    stage.agent("ann")
    first, second, third = stage.submit(), stage.submit(), stage.submit()

    events = stage.do(cm.LeaveMessage(tenant="acme", contact=first, kind="call_back"))

    assert kinds(events)[:4] == ["OfferRescinded", "ReplyStopped", "MessageLeft", "OfferMade"]
    left = only(events, ev.MessageLeft)
    assert (left.kind, left.promised_by) == ("call_back", stage.now + HOUR)
    assert stage.offered(second) == "ann"
    assert stage.contact(first).state == "queued", "open and the first of its minute: in line at once, behind"
    stage.do(cm.LeaveMessage(tenant="acme", contact=third))
    assert stage.contact(third).state == "promised", "one a minute"
    stage.wait(10 * SECOND)
    assert stage.close(third)[-1] == ev.ContactClosed(stage.now, third, "done", by="customer")
    assert stage.wait(MINUTE)


def test_a_promise_is_kept_through_the_next_closing() -> None:
    """Settings: released at 17:30 and not served by 18:00: back under the same promise; one that is due stays in line."""
    queue = {**NIGHT, "promise_ms": HOUR, "release_lead_ms": 0}
    stage = Stage(now=at("2026-11-18 16:50"), queues={"help": queue}, calendars=OFFICE)
    due = stage.submit()
    stage.do(cm.LeaveMessage(tenant="acme", contact=due))
    stage.wait(40 * MINUTE)
    kept = stage.submit()
    promised_by = only(stage.do(cm.LeaveMessage(tenant="acme", contact=kept)), ev.MessageLeft).promised_by

    happened = stage.wait(30 * MINUTE)

    assert [e.contact for e in every(happened, ev.ContactTold)] == [due, kept]
    again = only(happened, ev.MessageLeft)
    assert (again.contact, again.promised_by) == (kept, promised_by)
    assert stage.contact(due).state == "queued"
    happened = stage.wait(promised_by - stage.now)
    assert only(happened, ev.MessageReleased).why == "due"


def test_a_customer_under_a_promise_comes_back() -> None:
    """A second contact joins the open one; leaving it twice, or while a person serves, is refused."""
    stage = Stage(
        queues={"help": {"promise_ms": HOUR, "hours": "office"}}, calendars=OFFICE, now=at("2026-11-18 17:00")
    )
    first = stage.submit(customer="c")
    stage.wait(HOUR)
    stage.do(cm.LeaveMessage(tenant="acme", contact=first))
    assert stage.contact(first).state == "promised"

    assert stage.submit(customer="c") == first
    assert refusal(stage.do(cm.LeaveMessage(tenant="acme", contact=first))) == "wrong_state"
    stage.wait(15 * HOUR)
    stage.agent("ann")
    stage.accept("ann")
    assert not stage.contact(first).promised
    assert refusal(stage.do(cm.LeaveMessage(tenant="acme", contact=first))) == "wrong_state"


def test_in_an_agent_of_several_pools_live_contacts_come_first() -> None:
    """Settings: pools of different orders; the message waits in the pool that ranks first, the live one in the other."""
    pools: dict[str, Any] = {"onsite": {"order": "strict"}, "remote": {"order": "score"}}
    queues: dict[str, Any] = {"a": {"promise_ms": HOUR}, "b": {"pools": ["remote"]}}
    stage = Stage(queues=queues, pools=pools)
    message = stage.submit("a")
    stage.do(cm.LeaveMessage(tenant="acme", contact=message))
    live = stage.submit("b")

    stage.agent("ann", "onsite", "remote")

    assert stage.offered(live) == "ann"


def test_who_comes_back_to_a_promise_is_due_at_the_same_time() -> None:
    """Settings: promise 60 min, lead 10 min. Left, abandoned and resumed, the deadline asked for in between: due at 50 min."""
    queue = {"promise_ms": HOUR, "release_lead_ms": 10 * MINUTE, "abandon_window_ms": 2 * HOUR}
    stage = Stage(now=at("2026-11-18 10:00"), queues={"help": queue})
    message = stage.submit(customer="eve")
    stage.do(cm.LeaveMessage(tenant="acme", contact=message))
    stage.do(cm.AbandonContact(tenant="acme", contact=message))
    assert stage.dispatcher.next_deadline() == at("2026-11-18 12:00"), "the window, and nothing before it"

    stage.do(cm.SubmitContact(tenant="acme", channel="web", shop="flagship", customer="eve"))

    assert stage.dispatcher.next_deadline() == at("2026-11-18 10:50")
    assert only(stage.wait(50 * MINUTE), ev.MessageDue).contact == message


def test_a_message_left_again_when_it_is_due_goes_first() -> None:
    """Settings: promise 60 min, lead 10 min, nobody free. Due at 50 min; left once more: released at once, and still live."""
    queue = {"promise_ms": HOUR, "release_lead_ms": 10 * MINUTE}
    stage = Stage(now=at("2026-11-18 10:00"), queues={"help": queue})
    message = stage.submit()
    stage.do(cm.LeaveMessage(tenant="acme", contact=message))
    stage.wait(20 * MINUTE)
    live = stage.submit()
    stage.wait(40 * MINUTE)

    happened = stage.do(cm.LeaveMessage(tenant="acme", contact=message))

    assert only(happened, ev.MessageReleased).why == "due"
    assert [stage.dispatcher.position(number) for number in (message, live)] == [1, 2]
