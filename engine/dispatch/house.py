"""The house rules' memory: which calendars are open, which notices hang, what was promised, how many were let in today.

What is stored is :class:`standing.Standing`; the shelves of messages and the counts per shop are indexes over it.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from typing import Final

from engine.dispatch.contacts import WAITING, Contact, ContactState
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.standing import Hours, Notice, Promise, Standing, Sweep

PROMISED: Final = ContactState.PROMISED
# The sorts of deadlines, in the order in which equal ones are served; a deadline's id is sort << 32 | place in the policy.
HOURS: Final = 0
NOTICE: Final = 1
CLOSING: Final = 2
TELLING: Final = 3
LIVE: Final = 4
RELEASE: Final = 5
SORT_SHIFT: Final = 32
PLACE_MASK: Final = (1 << SORT_SHIFT) - 1
# A calendar whose flag nobody has looked up yet changes "at once": at the first input, whatever its stamp.
AT_ONCE: Final = 1
# So many are told, released or raised at one stamp; the rest goes on a millisecond later, so that no call takes long.
SLICE: Final = 128
MINUTE_MS: Final = 60_000


class House:
    """One per domain. Deadlines are armed by :class:`state.State`; what changes here changes in ``engine.dispatch.changes``."""

    def __init__(self, contacts: Mapping[int, Contact]) -> None:
        self.contacts = contacts
        self.hours: dict[str, Hours] = {}
        self.notices: dict[str, Notice] = {}
        self.promises: dict[int, Promise] = {}
        self.release_from: dict[str, int] = {}
        self.live_from = 0
        self.closings: dict[str, Sweep] = {}  # by calendar
        self.tellings: dict[str, Sweep] = {}  # by queue
        self.queues_let_in: dict[str, int] = {}
        self.shops_let_in: dict[str, int] = {}
        self.let_in_until = 0
        self.effects = 0
        self.effects_at = 0
        # Indexes and what follows from the policy.
        self.calendars: tuple[str, ...] = ()
        self.queues: tuple[str, ...] = ()
        self.gated = False  # some queue or shop has hours, a ceiling or a quota
        self.counting = False  # some queue or shop has a quota
        self.crowds: dict[str, dict[int, None]] = {}  # shop with hours or a ceiling → its waiting contacts
        self.shelves: dict[str, dict[str, list[tuple[int, int]]]] = {}  # queue → calendar → (promised by, contact)
        self.going_live: list[tuple[int, int]] = []  # (live_at, contact)
        self.hinted: dict[int, None] = {}  # instants at which somebody goes live and that are armed

    def set_policy(self, policy: Policy) -> None:
        """Empty the indexes; contacts are entered again by the caller."""
        self.policy = policy
        queues, shops = policy.queues.values(), policy.shops.values()
        asked = {name for rule in policy.entry for name in (rule.while_open, rule.while_closed)}
        asked |= {queue.hours for queue in queues} | {shop.hours for shop in shops}
        self.calendars = tuple(name for name in policy.calendars if name in asked)
        self.queues = tuple(policy.queues)
        self.counting = any(queue.daily_quota for queue in queues) or any(shop.daily_quota for shop in shops)
        ceilings = any(queue.ceiling for queue in queues) or any(shop.ceiling for shop in shops)
        self.gated = bool(self.calendars) or self.counting or ceilings
        self.crowds = {shop.name: {} for shop in shops if shop.hours or shop.ceiling}
        self.shelves = {}
        self.going_live = []
        self.hinted = {}

    def begin(self, policy: Policy, at: int) -> None:
        """Another policy from here on: its calendars' flags start anew, and what it no longer names is forgotten."""
        self.set_policy(policy)
        self.hours = {name: self.hours_from(name, at) for name in self.calendars}
        self.notices = {queue: notice for queue, notice in self.notices.items() if queue in policy.queues}
        self.tellings = {queue: sweep for queue, sweep in self.tellings.items() if queue in policy.queues}
        self.closings = {name: sweep for name, sweep in self.closings.items() if name in self.calendars}
        if at < self.let_in_until:
            self.let_in_until = policy.zone.next_day(at)

    # --- calendars ------------------------------------------------------------------------------------------------

    def hours_from(self, calendar: str, at: int) -> Hours:
        found = self.policy.calendars[calendar]
        return Hours(found.is_open(at), found.next_change(at) or 0)

    def is_open(self, calendar: str, now: int) -> bool:
        """The flag; "" is always open."""
        if not calendar:
            return True
        found = self.hours.get(calendar)
        return self.policy.calendars[calendar].is_open(now) if found is None else found.open

    def calendar_of(self, queue: str, shop: str) -> str:
        """The name of the shop's calendar, else the queue's; "": always open."""
        found = self.policy.shops.get(shop)
        if found is not None and found.hours:
            return found.hours
        own = self.policy.queues.get(queue)
        return "" if own is None else own.hours  # gone: the contact is about to get another one

    # --- deadlines ------------------------------------------------------------------------------------------------

    def due(self, ident: int) -> int:
        """The instant at which this deadline is to be served; 0: none."""
        sort, place = ident >> SORT_SHIFT, ident & PLACE_MASK
        if sort == LIVE:
            return self.live_due()
        if sort in (HOURS, CLOSING):
            if place >= len(self.calendars):
                return 0
            calendar = self.calendars[place]
            if sort == CLOSING:
                return resumed(self.closings.get(calendar))
            hours = self.hours.get(calendar)
            return AT_ONCE if hours is None else hours.change_at
        if place >= len(self.queues):
            return 0
        queue = self.queues[place]
        if sort == RELEASE:
            return self.release_due(queue)
        if sort == TELLING:
            return resumed(self.tellings.get(queue))
        notice = self.notices.get(queue)
        return 0 if notice is None else notice.until

    def idents(self) -> list[int]:
        """Every deadline that there may be."""
        found = [LIVE << SORT_SHIFT]
        for place in range(len(self.calendars)):
            found += [HOURS << SORT_SHIFT | place, CLOSING << SORT_SHIFT | place]
        for place, queue in enumerate(self.queues):
            if queue in self.notices:
                found.append(NOTICE << SORT_SHIFT | place)
            if queue in self.tellings:
                found.append(TELLING << SORT_SHIFT | place)
            if queue in self.shelves:
                found.append(RELEASE << SORT_SHIFT | place)
        return found

    def left(self, now: int) -> bool:
        """Whether another mass effect may be done at this stamp."""
        return now != self.effects_at or self.effects < SLICE

    def spend(self, at: int) -> None:
        if at != self.effects_at:
            self.effects_at, self.effects = at, 0
        self.effects += 1

    # --- promises -------------------------------------------------------------------------------------------------

    def shelve(self, contact: Contact) -> int:
        """Index a contact under a promise, by what its state says; returns when it ranks as live (0: it does)."""
        promise = self.promises[contact.contact]
        if contact.behind:
            heappush(self.going_live, (promise.live_at, contact.contact))
            if len(self.going_live) > 64 + 4 * len(self.promises):
                self.going_live = [entry for entry in self.going_live if self._goes_live(entry)]
                heapify(self.going_live)
                self.hinted = dict.fromkeys(live_at for live_at, _ in self.going_live)
        if contact.state is PROMISED:
            shelf = self.shelves.setdefault(contact.queue, {})
            heap = shelf.setdefault(self.calendar_of(contact.queue, contact.shop), [])
            heappush(heap, (promise.promised_by, contact.contact))
        return promise.live_at if contact.behind else 0

    def _goes_live(self, entry: tuple[int, int]) -> bool:
        contact = self.contacts.get(entry[1])
        if contact is None or not contact.behind or self.promises[entry[1]].live_at != entry[0]:
            return False
        return contact.state is PROMISED or contact.state in WAITING

    def first_live(self) -> int:
        """The contact under a promise that is the next to rank as live; 0: none."""
        heap = self.going_live
        while heap:
            if self._goes_live(heap[0]):
                return heap[0][1]
            # Its hint goes the same way; who comes back inside the abandon window wants another.
            self.hinted.pop(heappop(heap)[0], None)
        return 0

    def live_due(self) -> int:
        number = self.first_live()
        return max(self.going_live[0][0], self.live_from) if number else 0

    def first_on_shelf(self, queue: str, now: int) -> int:
        """The PROMISED contact of this queue, of those whose hours it is, that is promised earliest; 0: none."""
        best: tuple[int, int] = (0, 0)
        for calendar, heap in self.shelves.get(queue, {}).items():
            if not self.is_open(calendar, now):
                continue
            while heap and not self._on_shelf(queue, calendar, heap[0]):
                heappop(heap)
            if heap and (not best[1] or heap[0] < best):
                best = heap[0]
        return best[1]

    def _on_shelf(self, queue: str, calendar: str, entry: tuple[int, int]) -> bool:
        contact = self.contacts.get(entry[1])
        if contact is None or contact.state is not PROMISED or contact.queue != queue:
            return False
        return self.promises[entry[1]].promised_by == entry[0] and self.calendar_of(queue, contact.shop) == calendar

    def release_due(self, queue: str) -> int:
        """When the next one is put in line at the queue's pace; 0: none waits for that."""
        return max(self.release_from.get(queue, 0), 1) if self.first_on_shelf(queue, 0) else 0

    def pace_ms(self, queue: str) -> int:
        """Between two releases; 0: all at once."""
        per_minute = self.policy.queues[queue].release_per_minute
        return MINUTE_MS // per_minute if per_minute else 0

    # --- quotas ---------------------------------------------------------------------------------------------------

    def count(self, queue: str, shop: str, at: int) -> None:
        """One more was let in."""
        if at >= self.let_in_until:
            self.queues_let_in, self.shops_let_in = {}, {}
            self.let_in_until = self.policy.zone.next_day(at)
        if self.policy.queues[queue].daily_quota:
            self.queues_let_in[queue] = self.queues_let_in.get(queue, 0) + 1
        found = self.policy.shops.get(shop)
        if found is not None and found.daily_quota:
            self.shops_let_in[shop] = self.shops_let_in.get(shop, 0) + 1

    # --- stored ---------------------------------------------------------------------------------------------------

    def standing(self) -> Standing:
        return Standing(
            self.hours, self.notices, [self.promises[number] for number in sorted(self.promises)],
            self.release_from, self.live_from, self.closings, self.tellings,
            self.queues_let_in, self.shops_let_in, self.let_in_until, self.effects, self.effects_at,
        )  # fmt: skip

    def restore(self, standing: Standing) -> None:
        self.hours, self.notices = standing.hours, standing.notices
        self.promises = {promise.contact: promise for promise in standing.promises}
        self.release_from, self.live_from = standing.release_from, standing.live_from
        self.closings, self.tellings = standing.closings, standing.tellings
        self.queues_let_in, self.shops_let_in = standing.queues_let_in, standing.shops_let_in
        self.let_in_until = standing.let_in_until
        self.effects, self.effects_at = standing.effects, standing.effects_at


def resumed(sweep: Sweep | None) -> int:
    return 0 if sweep is None else sweep.resume_at
