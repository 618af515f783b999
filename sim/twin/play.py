"""One run: contacts come, wait, lose patience, are served; every decision is the dispatcher's.

Contacts are numbers and callbacks, never processes: one call on the clock for an arrival, one for the end of service, one
more for the patience of those who wait. Nothing is kept of a contact that has gone but its part in the sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from sim.streams import Streams
from sim.twin.clock import NEVER, Call, Callback, Clock
from sim.twin.draws import Instants, Lengths
from sim.twin.model import CHANNEL, KIND, TENANT, Kind, Model
from sim.twin.seats import SharedSeat
from sim.twin.shifts import ALWAYS, check_spans, work
from sim.twin.sums import BINS, CrewSums, KindSums, Level, bin_of

# Waits that are put into the histogram together.
WAITS_AT_ONCE = 10_000


class _Source:
    """One kind's arrivals, and what the k-th of them brings along."""

    __slots__ = ("command", "instants", "lives", "number", "sums")

    def __init__(self, number: int, kind: Kind, streams: Streams, sums: KindSums) -> None:
        self.number, self.sums = number, sums
        instants = Instants(kind.rate, streams.stream("arrivals", kind.name), kind.share, kind.end_ms)
        work = Lengths(kind.work, kind.unit_ms, streams.stream("work", kind.name))
        patience = Lengths(kind.patience, kind.unit_ms, streams.stream("patience", kind.name))
        self.command = cm.SubmitContact(tenant=TENANT, channel=CHANNEL, attributes={KIND: kind.name}, opening=False)
        self.instants = _each(instants)
        self.lives = _pairs(work, patience)


def _each(instants: Instants) -> Iterator[int]:
    while block := instants.block():
        yield from block


def _pairs(work: Lengths, patience: Lengths) -> Iterator[tuple[int, int]]:
    while True:
        yield from zip(work.block(), patience.block(), strict=True)


class _Seat(NamedTuple):
    """One agent: its crew's sums, how fast work of each kind goes, and the shared attention of who takes several."""

    crew: CrewSums
    pace: Sequence[float]
    shared: SharedSeat | None


class Play:
    """A model in time. ``marks_ms``: bounds of waits to be told apart; ``histogram``: count all waits by length."""

    def __init__(
        self,
        model: Model,
        seed: int,
        marks_ms: Sequence[int] = (),
        *,
        histogram: bool = False,
        dispatcher: Dispatcher | None = None,
    ) -> None:
        self.model = model
        self.clock = Clock(dispatcher or Dispatcher(model.policy))
        self.streams = Streams(seed)
        self.kinds = [KindSums(marks_ms) for _ in model.kinds]
        self.crews = [CrewSums(len(model.kinds), len(crew.speeds) - 1, crew.capacity == 1) for crew in model.crews]
        self.orbit = Level()
        self.histogram = np.zeros(BINS if histogram else 0, dtype=np.int64)
        self._bins: list[int] | None = [] if histogram else None
        self._waiting: dict[int, tuple[int, int, int, bool]] = {}  # contact → kind, since, work, waits in line
        self._served: dict[int, tuple[int, SharedSeat]] = {}  # contact of a shared seat → kind, seat
        self._seats: dict[str, _Seat] = {}
        self._coming = (0, 0, 0, False)
        self._number = 0
        self._deflected = False
        self._arrive_calls: list[Callback] = [self._arrive]
        self._finish_calls: list[Callback] = [self._finish]
        self._patience_calls: list[Callback] = [self._lose_patience]
        self._walk_calls: list[Callback] = [self._walk_out]
        self._retry_calls: list[Callback] = [self._come_back]
        self._chance = self.streams.stream("retry")
        self._leaving = self.streams.stream("leave")
        self._listen()
        self._staff()
        self._sources = [
            _Source(number, kind, self.streams, self.kinds[number]) for number, kind in enumerate(model.kinds)
        ]
        for source, kind in zip(self._sources, model.kinds, strict=True):
            for _ in range(kind.present):
                self._enter(source)
            at = next(source.instants, -1)
            if at >= 0:
                Call(self.clock.env, at, self._arrive_calls, source)

    def run(self, until_ms: int) -> None:
        """Go on up to that instant."""
        self.clock.run(until_ms)

    def admit(self, kind: int) -> None:
        """One more of this kind arrives now."""
        self._enter(self._sources[kind])

    @property
    def now(self) -> int:
        return self.clock.now

    # --- people who serve -----------------------------------------------------------------------------------------

    def _listen(self) -> None:
        clock = self.clock
        clock.hear(ev.ContactSubmitted, self._submitted)
        clock.hear(ev.ContactDeflected, self._turned_away)
        clock.hear(ev.ContactConnected, self._connected)
        clock.hear(ev.AgentStateChanged, self._come_or_go)
        if self.model.accepts:
            clock.hear(ev.OfferMade, self._offered)

    def _staff(self) -> None:
        for number, crew in enumerate(self.model.crews):
            check_spans(crew.shifts)
            # Of who has one contact at a time; who has several divides its speed in its seat.
            pace = crew.pace or (1.0,) * len(self.model.kinds)
            pace = tuple(each * crew.speeds[1] for each in pace) if crew.capacity == 1 else pace
            for place in range(crew.agents):
                agent = f"{crew.pool}.{place}"
                shared = SharedSeat(agent, number, crew.speeds, self._finish_shared) if crew.capacity > 1 else None
                self._seats[agent] = _Seat(self.crews[number], pace, shared)
                profile = cm.AgentProfile(
                    agent=agent, tenant=TENANT, pools=(crew.pool,), capacity=crew.capacity,
                    auto_accept=not self.model.accepts,
                )  # fmt: skip
                self.clock.do(cm.DefineAgent(profile=profile))
                if crew.shifts == ALWAYS:
                    self.clock.do(cm.SignOn(agent=agent))
                else:
                    self.clock.env.process(work(self.clock, agent, crew.shifts))

    def _come_or_go(self, event: ev.AgentStateChanged) -> None:
        crew = self._seats[event.agent].crew
        if event.before == "offline":
            crew.come(self.now)
        elif event.after == "offline":
            crew.go(self.now)

    def _offered(self, event: ev.OfferMade) -> None:
        self.clock.do(cm.AcceptOffer(event.agent, event.offer))

    # --- a contact's way ------------------------------------------------------------------------------------------

    def _arrive(self, call: Call) -> None:
        source = call.of
        env = self.clock.env
        now: int = env._now
        at = next(source.instants, -1)
        if at >= 0:
            Call(env, at - now if at > now else 0, self._arrive_calls, source)  # max() costs a call
        self._enter(source)

    def _enter(self, source: _Source) -> None:
        work, patience = next(source.lives)
        source.sums.arrived += 1
        source.sums.work += work
        self._submit(source, work, patience, True)

    def _submit(self, source: _Source, work: int, patience: int, first: bool) -> None:
        clock, sums = self.clock, source.sums
        now: int = clock.env._now
        self._coming = (source.number, now, work, False)
        self._deflected = False
        clock.do(source.command)
        if self._deflected:
            sums.deflected += first
            self._try_again(source, work, patience)
            return
        contact = self._number
        waiting = self._waiting
        if contact not in waiting:
            if first:
                sums.direct += 1
            return
        sums.waited += first
        if not patience:
            del waiting[contact]
            clock.do(cm.AbandonContact(TENANT, contact))
            if first:
                sums.turned += 1
                sums.leave(0)
            self._try_again(source, work, patience)
            return
        waiting[contact] = (source.number, now, work, True)
        queue = sums.queue
        queue.count += 1
        queue.past -= now
        if patience < NEVER:
            Call(clock.env, patience, self._patience_calls, contact)

    def _submitted(self, event: ev.ContactSubmitted) -> None:
        self._number = event.contact
        self._waiting[event.contact] = self._coming

    def _turned_away(self, event: ev.ContactDeflected) -> None:
        self._deflected = True

    def _connected(self, event: ev.ContactConnected) -> None:
        contact = event.contact
        kind, since, work, in_line = self._waiting.pop(contact)
        clock = self.clock
        now: int = clock.env._now
        if in_line:
            sums = self.kinds[kind]
            queue = sums.queue
            queue.count -= 1
            queue.past += now
            sums.serve(now - since)
            if self._bins is not None:
                self._count(now - since)
        crew, pace, shared = self._seats[event.agent]
        crew.began[kind] += 1
        busy = crew.busy[kind]
        busy.count += 1
        busy.past -= now
        if shared is not None:
            self._begin_shared(shared, crew, contact, kind, work / pace[kind], now)
            return
        speed = pace[kind]
        delay = work if speed == 1.0 else round(work / speed)
        Call(clock.env, delay, self._finish_calls, (contact, event.agent, kind, crew))

    def _count(self, wait: int) -> None:
        assert self._bins is not None
        self._bins.append(bin_of(wait))
        if len(self._bins) >= WAITS_AT_ONCE:
            self.count_waits()

    def waits(self) -> NDArray[np.int64]:
        """The histogram so far, a copy."""
        self.count_waits()
        return self.histogram.copy()

    def count_waits(self) -> None:
        """Waits seen since the last time go into the histogram (none of those served at once are in it)."""
        if self._bins:
            self.histogram += np.bincount(self._bins, minlength=BINS)
            self._bins.clear()

    def _finish(self, call: Call) -> None:
        contact, agent, kind, crew = call.of
        now: int = self.clock.env._now
        crew.finished[kind] += 1
        busy = crew.busy[kind]
        busy.count -= 1
        busy.past += now
        self.clock.do(cm.CloseContact(TENANT, contact, agent))

    @staticmethod
    def _step(crew: CrewSums, before: int, after: int, now: int) -> None:
        levels = crew.levels
        low = levels[before]
        low.count -= 1
        low.past += now
        high = levels[after]
        high.count += 1
        high.past -= now

    def _lose_patience(self, call: Call) -> None:
        contact = call.of
        found = self._waiting.pop(contact, None)
        if found is None:
            return  # is being served, or has been
        now: int = self.clock.env._now
        sums = self.kinds[found[0]]
        sums.queue.count -= 1
        sums.queue.past += now
        sums.leave(now - found[1])
        if self._bins is not None:
            self._count(now - found[1])
        self.clock.do(cm.AbandonContact(TENANT, contact))

    # --- several contacts at once ---------------------------------------------------------------------------------

    def _begin_shared(self, seat: SharedSeat, crew: CrewSums, contact: int, kind: int, work: float, now: int) -> None:
        top = len(crew.levels) - 1
        if seat.level < top:
            self._step(crew, seat.level, seat.level + 1, now)
        self._served[contact] = (kind, seat)
        seat.begin(contact, work, self.clock)
        if self.model.leave_rate:
            delay = round(self._leaving.exponential(1 / self.model.leave_rate))
            Call(self.clock.env, delay, self._walk_calls, contact)

    def _end_shared(self, seat: SharedSeat, contact: int) -> tuple[CrewSums, int]:
        """The seat has one fewer already."""
        kind, _ = self._served.pop(contact)
        crew = self.crews[seat.crew]
        now: int = self.clock.env._now
        crew.busy[kind].count -= 1
        crew.busy[kind].past += now
        if seat.level < len(crew.levels) - 1:
            self._step(crew, seat.level + 1, seat.level, now)
        return crew, kind

    def _finish_shared(self, seat: SharedSeat, contact: int) -> None:
        crew, kind = self._end_shared(seat, contact)
        crew.finished[kind] += 1
        self.clock.do(cm.CloseContact(TENANT, contact, seat.agent))

    def _walk_out(self, call: Call) -> None:
        """A customer leaves in the middle."""
        contact = call.of
        found = self._served.get(contact)
        if found is None:
            return
        seat = found[1]
        seat.drop(contact, self.clock)
        crew, kind = self._end_shared(seat, contact)
        crew.walked_out[kind] += 1
        self.clock.do(cm.CloseContact(TENANT, contact, reason="customer_left"))

    # --- those who come back --------------------------------------------------------------------------------------

    def _try_again(self, source: _Source, work: int, patience: int) -> None:
        retry = self.model.retry
        if retry is None or self._chance.random() >= retry.share:
            source.sums.lost += 1
            return
        self.orbit.count += 1
        self.orbit.past -= self.now
        delay = round(self._chance.exponential(retry.mean_ms))
        Call(self.clock.env, delay, self._retry_calls, (source, work, patience))

    def _come_back(self, call: Call) -> None:
        source, work, patience = call.of
        self.orbit.count -= 1
        self.orbit.past += self.now
        source.sums.retried += 1
        self._submit(source, work, patience, False)

    # --- what is told ---------------------------------------------------------------------------------------------

    def waiting(self) -> int:
        """How many wait now."""
        return sum(kind.queue.count for kind in self.kinds)

    def busy(self) -> int:
        """How many are served now."""
        return sum(level.count for crew in self.crews for level in crew.busy)

    def row(self) -> list[int]:
        """Everything added up since the beginning; the names are :meth:`columns`."""
        now = self.now
        rows = [*(kind.row(now) for kind in self.kinds), *(crew.row(now) for crew in self.crews)]
        return [now, self.orbit.area(now), *(value for row in rows for value in row)]

    def columns(self) -> list[str]:
        """``kind0.arrived``, ``crew1.busy.0``, ``time``, ``orbit`` …"""
        named = [(f"kind{number}", part.columns()) for number, part in enumerate(self.kinds)]
        named += [(f"crew{number}", part.columns()) for number, part in enumerate(self.crews)]
        return ["time", "orbit", *(f"{owner}.{name}" for owner, names in named for name in names)]
