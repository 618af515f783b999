"""Opening hours in the running dispatcher: who waits at closing, who comes too late, quotas and the nights of the clocks."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from tests.dispatch.stage import SECOND, Stage, every, kinds, only, policy_text

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
SHANGHAI = "Asia/Shanghai"
OFFICE: dict[str, Any] = {"office": {"zone": SHANGHAI, "weekly": {"mon-fri": "09:00-18:00"}}}


def at(text: str, zone: str = SHANGHAI) -> int:
    """Epoch milliseconds of a local time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def test_the_holiday_begins_with_300_waiting_each_is_told_and_those_due_are_served() -> None:
    """Settings: 300 wait at 18:00 before the holiday, closed = "serve", two agents stay until all are served.

    Each is told once, within three milliseconds; nobody loses the place, and those offered at that moment are served on.
    """
    holiday = {"office": {**OFFICE["office"], "holidays": ["2026-10-01..2026-10-08"]}}
    queue = {"hours": "office", "closed_notice": "closed.until_9", "closed_alternative": "call_back", "wrap_up_ms": 0}
    stage = Stage(now=at("2026-09-30 17:59:59.900"), queues={"help": queue}, calendars=holiday)
    stage.shadow.check = lambda dispatcher: None  # type: ignore[method-assign]  # 300 × 600 events: looked at now and then
    stage.agent("ann")
    stage.agent("ben")
    waiting = [stage.submit() for _ in range(302)]
    assert stage.offered(waiting[0]) == "ann"

    happened = stage.wait(200)

    assert only(happened, ev.HoursChanged) == ev.HoursChanged(at("2026-09-30 18:00"), "office", False)
    told = every(happened, ev.ContactTold)
    assert [event.contact for event in told] == waiting[2:], "the two who are being offered go on"
    assert {(e.why, e.notice, e.alternative) for e in told} == {("closing", "closed.until_9", "call_back")}
    assert [event.at - told[0].at for event in told][::100] == [0, 0, 1], "128 a millisecond"
    for agent in ("ann", "ben") * 151:
        contact = stage.dispatcher.offers[stage.offer_to(agent)].contact
        stage.accept(agent)
        stage.close(contact, agent)
    answered = [event.contact for event in every(stage.log, ev.ContactConnected)]
    assert answered == waiting, "all are served, in the order in which they came"
    type(stage.shadow).check(stage.shadow, stage.dispatcher)
    late = only(stage.do(cm.SubmitContact(tenant="acme", channel="web", customer="late")), ev.ContactDeflected)
    assert (late.reason, late.alternative, late.notice) == ("outside_hours", "call_back", "closed.until_9")
    happened = stage.wait(at("2026-10-09 09:00") - stage.now)
    assert every(happened, ev.HoursChanged) == [ev.HoursChanged(at("2026-10-09 09:00"), "office", True)]


def test_at_closing_those_who_wait_leave_a_message_and_whoever_comes_does_too() -> None:
    """Settings: closed = "message", promise 2 h from opening, friday evening: monday 11:00 is promised to both."""
    queue = {"hours": "office", "closed": "message", "promise_ms": 2 * HOUR, "closed_notice": "monday"}
    stage = Stage(now=at("2026-11-20 17:59"), queues={"help": queue}, calendars=OFFICE)
    waiting = stage.submit()

    happened = stage.wait(MINUTE)

    assert kinds(happened) == ["HoursChanged", "ContactTold", "ReplyStopped", "MessageLeft"]
    assert only(happened, ev.MessageLeft).promised_by == at("2026-11-23 11:00")
    late = stage.submit()
    assert kinds(stage.log)[-3:] == ["ContactSubmitted", "ContactTold", "MessageLeft"]
    assert {stage.contact(number).state for number in (waiting, late)} == {"promised"}
    stage.say(waiting)
    assert not stage.contact(waiting).replying, "the promise is its clock"
    stage.agent("ann")
    assert stage.offers_to("ann") == [], "not before monday"
    happened = stage.wait(at("2026-11-23 09:00") - stage.now)
    assert [e.contact for e in every(happened, ev.MessageReleased)] == [waiting, late]
    assert stage.offered(waiting) == "ann"
    stage.accept("ann")
    assert stage.contact(waiting).replying, "now somebody is there who may reply"


def test_at_closing_those_who_wait_go_to_the_bot() -> None:
    """Settings: closed = "bot". The bot takes who waits and who comes; asking for a person there is answered as at the door."""
    queue = {
        "hours": "office", "closed": "bot", "bot_pools": ["bot"], "promise_ms": HOUR,
        "closed_notice": "from 9", "closed_alternative": "message",
    }  # fmt: skip
    pools: dict[str, Any] = {"onsite": {}, "bot": {}}
    stage = Stage(now=at("2026-11-20 17:59"), queues={"help": queue}, pools=pools, calendars=OFFICE)
    stage.bot()
    waiting = stage.submit()
    assert stage.contact(waiting).stage == "person"

    stage.wait(MINUTE)
    late = stage.submit()

    assert {stage.contact(number).agent for number in (waiting, late)} == {"robo"}
    told = only(stage.do(cm.AskPerson(tenant="acme", contact=late)), ev.ContactTold)
    assert (told.why, told.notice, told.alternative) == ("outside_hours", "from 9", "message")
    assert stage.contact(late).agent == "robo"
    left = stage.do(cm.LeaveMessage(tenant="acme", contact=late, kind="call_back"))
    assert only(left, ev.MessageLeft).promised_by == at("2026-11-23 10:00")
    assert (stage.contact(late).stage, stage.contact(late).agent) == ("person", "")
    stage.wait(at("2026-11-23 09:00") - stage.now)
    stage.do(cm.AskPerson(tenant="acme", contact=waiting))
    assert stage.contact(waiting).stage == "person", "open again: at once"


def test_20_000_wait_at_closing_and_no_call_takes_long() -> None:
    """Settings: closed = "message", nobody there. 128 a millisecond are told and promised, and released in the morning."""
    queue = {"hours": "office", "closed": "message", "promise_ms": 2 * HOUR}
    dispatcher = Dispatcher(compile_policy(policy_text(queues={"help": queue}, calendars=OFFICE)))
    for number in range(20_000):
        command = cm.SubmitContact(tenant="acme", channel="web", customer=f"c{number}", opening=False)
        dispatcher.handle(command, at("2026-11-19 17:59"))

    def run(until: int, kind: type) -> list[int]:
        """How many such events each call brings, one millisecond after the other."""
        counts = []
        while (due := dispatcher.next_deadline()) is not None and due <= until:
            counts.append(len(every(dispatcher.expire(due), kind)))
        return counts

    closing = run(at("2026-11-19 18:01"), ev.MessageLeft)
    morning = run(at("2026-11-20 09:01"), ev.MessageReleased)

    assert closing == morning == [128] * 156 + [32]
    assert dispatcher.queue_length("help") == 20_000


def test_a_shop_keeps_its_own_hours() -> None:
    """Settings: the queue is open 24 h, the flagship 09:00–18:00. At 18:00 only the flagship's contacts are told."""
    stage = Stage(
        now=at("2026-11-20 17:59"),
        queues={"help": {"closed_notice": "shut"}},
        shops={"flagship": {"hours": "office"}},
        calendars=OFFICE,
    )
    flagship, _outlet = stage.submit(), stage.submit(shop="outlet")

    happened = stage.wait(MINUTE)

    assert [event.contact for event in every(happened, ev.ContactTold)] == [flagship]
    stage.submit()
    stage.submit(shop="outlet")
    assert kinds(stage.log)[-3:] == ["ContactDeflected", "ContactSubmitted", "ReplyStarted"]


@pytest.mark.parametrize(("down", "told"), [(5 * MINUTE, 1), (16 * HOUR, 0)])
def test_the_engine_sleeps_through_the_closing(down: int, told: int) -> None:
    """Settings: thursday 17:58, down for 5 minutes, or until the next morning: told afterwards, unless it is open again."""
    stage = Stage(now=at("2026-11-19 17:58"), queues={"help": {"hours": "office"}}, calendars=OFFICE)
    stage.submit()
    stage.dispatcher = Dispatcher.restore(stage.dispatcher.snapshot())
    stage.lag(down)

    happened = stage.do(cm.StartEngine(epoch=2, down_ms=down))

    assert len(every(happened, ev.ContactTold)) == told
    assert only(happened, ev.HoursChanged).open == (not told)


def test_the_night_in_which_the_clocks_change() -> None:
    """Settings: New York, open 00:00–02:30. In spring 02:30 is skipped: closed at the jump. In autumn 02:30 comes after 3.5 h."""
    zone = "America/New_York"
    calendars: dict[str, Any] = {"night": {"zone": zone, "weekly": {"mon-sun": "00:00-02:30"}}}
    for date, hours in (("2026-03-08", 2.0), ("2026-11-01", 3.5), ("2026-06-01", 2.5)):
        stage = Stage(now=at(f"{date} 00:00", zone), queues={"help": {"hours": "night"}}, calendars=calendars)
        stage.submit()
        changed = [event for event in every(stage.wait(5 * HOUR), ev.HoursChanged) if not event.open]
        assert [event.at - stage.dawn for event in changed] == [int(hours * HOUR)], date


def test_a_quota_turns_over_at_local_midnight() -> None:
    """Settings: 2 a day for the queue, 3 for the shop over all queues, days of Shanghai; at 24:00 they count from nothing."""
    queues: dict[str, Any] = {
        "a": {"daily_quota": 2, "full_notice": "tomorrow", "full_alternative": "call_back"},
        "b": {},
    }
    text = policy_text(queues=queues, shops={"flagship": {"daily_quota": 3}}, domain={"zone": SHANGHAI})
    stage = Stage(text, now=at("2026-11-20 23:59:59.998"))
    for to in ("a", "a", "b"):
        stage.submit(to)
    stage.mirror = Dispatcher.restore(stage.dispatcher.snapshot())

    for to, shop, reason in (("a", "outlet", "quota"), ("b", "flagship", "quota"), ("b", "outlet", "")):
        stage.submit(to, shop=shop)
        last = stage.log[-2] if not reason else stage.log[-1]
        assert getattr(last, "reason", "") == reason
    assert (stage.log[-4].notice, stage.log[-4].alternative) == ("tomorrow", "call_back")  # type: ignore[union-attr]
    stage.lag(1)
    stage.submit("a", shop="outlet")
    assert isinstance(stage.log[-1], ev.ContactDeflected), "23:59:59.999"
    stage.lag(1)
    for _ in range(3):
        stage.submit("a")
    assert [type(event).__name__ for event in stage.log if not isinstance(event, ev.ReplyStarted)][-3:] == [
        "ContactSubmitted", "ContactSubmitted", "ContactDeflected",
    ]  # fmt: skip


def test_a_ceiling_is_what_waits_now() -> None:
    """Settings: ceiling 2 for queue a, 3 for the shop. Offered ones count; whoever leaves makes room."""
    stage = Stage(queues={"a": {"ceiling": 2}, "b": {}}, shops={"flagship": {"ceiling": 3}})
    stage.agent("ann")
    first = stage.submit("a")
    stage.submit("a")

    stage.submit("a", shop="outlet")
    assert only(stage.log[-1:], ev.ContactDeflected).reason == "full"
    stage.submit("b")
    stage.submit("b")
    assert only(stage.log[-1:], ev.ContactDeflected).reason == "full"
    stage.submit("b", shop="outlet")
    stage.accept("ann")
    stage.submit("a")
    assert stage.dispatcher.queue_length("a") == 2
    stage.close(first, "ann")


def test_reasons_at_the_door_come_in_order() -> None:
    """A rule's word goes before hours, hours before a supervisor's closing, that before a ceiling, that before a quota."""
    queue = {"hours": "office", "ceiling": 1, "daily_quota": 1}
    entry = [{"name": "bad", "when": {"bad": [True]}, "deflect": {"reason": "blocklist", "alternative": "message"}}]
    stage = Stage(now=at("2026-11-20 17:00"), queues={"help": queue}, calendars=OFFICE, entry=entry)

    def reason(**attributes: bool) -> str:
        stage.submit(attributes=attributes)
        return getattr(stage.log[-1], "reason", "")

    assert reason() == ""
    first = max(stage.dispatcher.contacts)
    assert reason() == "full"
    stage.abandon(first)
    assert reason() == "quota"
    stage.do(cm.CloseQueue(queue="help"))
    assert reason() == "queue_closed"
    stage.wait(HOUR)
    assert reason() == "outside_hours"
    assert reason(bad=True) == "blocklist"


def test_entry_rules_look_at_the_hours_and_at_the_queue() -> None:
    """Settings: by day to a, at night to b, and with 2 waiting in a to c; while a has 2, "vip" is deflected."""
    entry: list[dict[str, Any]] = [
        {"name": "crowd", "when": {"vip": [True]}, "queue_length": 2, "of_queue": "a",
         "deflect": {"reason": "crowded", "alternative": "call_back"}},
        {"name": "night", "while_closed": "office", "queue": "b"},
        {"name": "long", "while_open": "office", "queue_length": 2, "of_queue": "a", "queue": "c"},
        {"name": "day", "while_open": "office", "queue": "a"},
    ]  # fmt: skip
    queues: dict[str, Any] = {"a": {}, "b": {}, "c": {}}
    stage = Stage(now=at("2026-11-20 17:00"), queues=queues, calendars=OFFICE, entry=entry)

    def to(**attributes: bool) -> str:
        number = stage.submit(attributes=attributes)
        found = stage.dispatcher.contacts.get(number)
        return found.queue if found else "deflected"

    assert [to(), to(vip=True), to(), to(vip=True)] == ["a", "a", "c", "deflected"]
    stage.wait(HOUR)
    assert to() == "b"


def test_another_policy_brings_other_hours() -> None:
    """Settings: at 17:00 a policy with hours until 16:00 is applied: closed from then on, nobody is told, nothing is lost."""
    early = {"office": {"zone": SHANGHAI, "weekly": {"mon-fri": "09:00-16:00"}}}
    queue = {"hours": "office", "closed": "message", "promise_ms": HOUR}
    stage = Stage(now=at("2026-11-19 17:00"), queues={"help": queue}, calendars=OFFICE)
    waiting = stage.submit()
    stage.do(cm.LeaveMessage(tenant="acme", contact=waiting))
    assert stage.contact(waiting).state == "queued", "open: put in line at once"

    events = stage.do(cm.ApplyPolicy(text=policy_text(queues={"help": queue}, calendars=early)))

    assert kinds(events) == ["PolicyApplied"]
    late = stage.submit()
    assert stage.contact(late).state == "promised"
    stage.do(cm.ApplyPolicy(text=policy_text(queues={"help": {"promise_ms": HOUR}})))
    assert stage.contact(late).state == "queued", "no hours any more: open"
