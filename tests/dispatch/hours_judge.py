"""What the events say of hours, notices, promises and quotas, kept naively; the judge's other eye."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compiled import Policy

if TYPE_CHECKING:
    from tests.dispatch.shadow import Shadow, ShadowContact

WAITING = ("queued", "offered", "held")
SLICE = 128


def calendars_in_use(policy: Policy) -> list[str]:
    used = {queue.hours for queue in policy.queues.values()} | {shop.hours for shop in policy.shops.values()}
    used |= {rule.while_open for rule in policy.entry} | {rule.while_closed for rule in policy.entry}
    return [name for name in policy.calendars if name in used]


class House:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.open: dict[str, bool] = {}
        self.change_at: dict[str, int] = dict.fromkeys(calendars_in_use(policy), 1)
        self.notices: dict[str, tuple[str, int]] = {}
        self.last_release: dict[str, int] = {}
        self.resume_at: dict[tuple[str, str], int] = {}
        self.day = -1
        self.counted: dict[tuple[str, str], int] = {}
        self.effects: dict[int, int] = {}

    def begin(self, before: Policy, policy: Policy, at: int) -> None:
        """Another policy: calendars are looked at anew."""
        if before.version == policy.version:
            return
        self.policy = policy
        used = calendars_in_use(policy)
        self.open = {name: policy.calendars[name].is_open(at) for name in used}
        self.change_at = {name: policy.calendars[name].next_change(at) or 0 for name in used}
        self.notices = {queue: notice for queue, notice in self.notices.items() if queue in policy.queues}
        places = {"closing": used, "notice": list(policy.queues), "release": list(policy.queues), "due": [""]}
        self.resume_at = {key: due for key, due in self.resume_at.items() if key[1] in places[key[0]]}
        if before.zone != policy.zone:
            self.day = policy.zone.day(at) if self.day == before.zone.day(at) else -1

    # --- hours ----------------------------------------------------------------------------------------------------

    def calendar(self, queue: str, shop: str) -> str:
        found = self.policy.calendar_of(queue, shop)
        return found.name if found else ""

    def is_open(self, queue: str, shop: str) -> bool:
        name = self.calendar(queue, shop)
        return not name or self.open[name]

    def hours_changed(self, e: ev.HoursChanged) -> None:
        assert self.change_at[e.calendar] <= e.at, f"changed early: {e}"
        calendar = self.policy.calendars[e.calendar]
        assert e.open == calendar.is_open(e.at), e
        self.open[e.calendar] = e.open
        self.change_at[e.calendar] = calendar.next_change(e.at) or 0
        self.resume_at.pop(("closing", e.calendar), None)

    # --- at the door ----------------------------------------------------------------------------------------------

    def _used(self, kind: str, name: str, at: int) -> int:
        return self.counted.get((kind, name), 0) if self.policy.zone.day(at) == self.day else 0

    def _against(self, shadow: Shadow, queue: str, shop: str, at: int) -> str:
        rules, shop_rules = self.policy.queues[queue], self.policy.shops.get(shop)
        if not self.is_open(queue, shop) and rules.closed == "serve":
            return "outside_hours"
        if queue in shadow.closed_queues:
            return "queue_closed"
        waiting = [c for c in shadow.contacts.values() if c.state in WAITING]
        if rules.ceiling and sum(c.queue == queue for c in waiting) >= rules.ceiling:
            return "full"
        if shop_rules and shop_rules.ceiling and sum(c.shop == shop for c in waiting) >= shop_rules.ceiling:
            return "full"
        if rules.daily_quota and self._used("queue", queue, at) >= rules.daily_quota:
            return "quota"
        if shop_rules and shop_rules.daily_quota and self._used("shop", shop, at) >= shop_rules.daily_quota:
            return "quota"
        return ""

    def let_in(self, shadow: Shadow, e: ev.ContactSubmitted) -> None:
        against = self._against(shadow, e.queue, e.shop, e.at)
        assert not against, f"let in although {against}: {e}"
        if not self.is_open(e.queue, e.shop):
            wanted = "bot" if self.policy.queues[e.queue].closed == "bot" else "person"
            assert e.stage == wanted, f"outside hours: {e}"
        day = self.policy.zone.day(e.at)
        if day != self.day:
            self.day, self.counted = day, {}
        for key in (("queue", e.queue), ("shop", e.shop)):
            table = self.policy.queues if key[0] == "queue" else self.policy.shops
            if key[1] in table and table[key[1]].daily_quota:  # type: ignore[index]
                self.counted[key] = self.counted.get(key, 0) + 1

    def turned_away(self, shadow: Shadow, e: ev.ContactDeflected) -> None:
        if e.queue:
            assert e.reason == self._against(shadow, e.queue, e.shop, e.at), e

    def told(self, shadow: Shadow, e: ev.ContactTold, queue: str, shop: str) -> None:
        self.spend(e.at, limited=False)
        if e.why == "notice":
            assert self.notices[queue][0] == e.notice, e
            return
        assert e.why in ("closing", "outside_hours"), e
        assert not self.is_open(queue, shop), e
        assert e.notice == self.policy.queues[queue].closed_notice, e

    # --- promises -------------------------------------------------------------------------------------------------

    def promised(self, shadow: Shadow, e: ev.MessageLeft, queue: str, shop: str) -> None:
        rules, base = self.policy.queues[queue], e.at
        assert rules.promise_ms, e
        if not self.is_open(queue, shop):
            base = self.policy.calendars[self.calendar(queue, shop)].next_open(e.at) or e.at
        assert e.promised_by == base + rules.promise_ms, e
        assert e.live_at == e.promised_by - rules.release_lead_ms, e

    def released(self, shadow: Shadow, e: ev.MessageReleased, contact: ShadowContact) -> None:
        self.spend(e.at)
        if e.why == "due":
            assert contact.live_at <= e.at, f"released early: {e}"
            return
        assert self.is_open(contact.queue, contact.shop), f"released while closed: {e}"
        per_minute = self.policy.queues[contact.queue].release_per_minute
        if per_minute and contact.queue in self.last_release:
            assert e.at >= self.last_release[contact.queue], f"faster than the pace: {e}"
        self.last_release[contact.queue] = e.at + (60_000 // per_minute if per_minute else 0)
        self.resume_at.pop(("release", contact.queue), None)
        others = [c for c in shadow.contacts.values() if c.state == "promised" and c.queue == contact.queue]
        others = [c for c in others if self.is_open(c.queue, c.shop)]
        assert (contact.promised_by, contact.contact) < min(
            ((c.promised_by, c.contact) for c in others), default=(contact.promised_by + 1, 0)
        ), f"another was promised earlier: {e}"

    # --- slices ---------------------------------------------------------------------------------------------------

    def spend(self, at: int, *, limited: bool = True) -> None:
        self.effects = {at: self.effects.get(at, 0) + 1}
        assert not limited or self.effects[at] <= SLICE, f"too much at {at}"

    def sliced(self, e: ev.EffectSliced) -> None:
        key = (e.what, e.name)
        if e.resume_at:
            assert e.resume_at == e.at + 1, e
            assert self.effects.get(e.at, 0) >= SLICE, f"put off without need: {e}"
            self.resume_at[key] = e.resume_at
        else:
            del self.resume_at[key]

    # --- after each call ------------------------------------------------------------------------------------------

    def deadlines(self, shadow: Shadow) -> list[tuple[int, str]]:
        found = [(at, f"hours of {name}") for name, at in self.change_at.items()]
        found += [(until, f"notice of {queue}") for queue, (_, until) in self.notices.items()]
        for (what, name), at in self.resume_at.items():
            if what in ("closing", "notice") and (what == "closing" or name in self.notices):
                found.append((at, f"{what} of {name}"))
        for c in shadow.contacts.values():
            if c.behind and c.state in ("promised", *WAITING):
                found.append((max(c.live_at, self.resume_at.get(("due", ""), 0)), f"promise of {c.contact}"))
            if c.state == "promised" and self.is_open(c.queue, c.shop):
                last = self.resume_at.get(("release", c.queue)) or self.last_release.get(c.queue, 0)
                found.append((max(last, 1), f"release of {c.contact}"))
        return found

    def same(self, shadow: Shadow, dispatcher: Dispatcher) -> None:
        house = dispatcher._state.house
        assert {name: hours.open for name, hours in house.hours.items()} == self.open
        assert {queue: (notice.notice, notice.until) for queue, notice in house.notices.items()} == self.notices
        promised = {c.contact for c in shadow.contacts.values() if c.promised}
        assert set(house.promises) == promised
        for number, promise in house.promises.items():
            mine = shadow.contacts[number]
            assert (promise.left_at, promise.promised_by, promise.live_at) == (
                mine.left_message_at, mine.promised_by, mine.live_at,
            ), f"promise to {number}"  # fmt: skip
