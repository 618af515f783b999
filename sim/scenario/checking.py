"""What does not fit together in a scenario whose keys are all right by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import msgspec

from engine.dispatch.policy.compiled import Policy
from sim.scenario.entering import queue_of, spans_in
from sim.scenario.model import DAY_MS, clock_ms
from sim.scenario.problems import Path, Problems, names_of, value
from sim.scenario.tables import DayTable, Driver, Fault, File, Flow, Length, Span, Team

MAX_DAYS = 366
SOURCES = ("rates", "volume", "counts", "driver")


def start_ms(text: str) -> int | None:
    """A time of day at which play may start."""
    at = clock_ms(text)
    return at if at is not None and at < DAY_MS else None


def check(file: File, policy: Policy | None, problems: Problems) -> None:
    """Adds every problem; ``policy`` None: it could not be read, which has been said."""
    checker = _Checker(file, policy, problems)
    checker.head()
    checker.shares()
    for name, day in file.days.items():
        checker.day(("days", name), day)
    for shift, spans in file.shifts.items():
        checker.spans(("shifts", shift), spans_in(spans))
    for path, length in _lengths(file, ()):
        checker.length(path, length)
    for name, driver in file.drivers.items():
        checker.source(("drivers", name), driver, SOURCES[:3])
    for place, flow in enumerate(file.flows):
        checker.flow(("flows", place), flow)
    for place, team in enumerate(file.teams):
        checker.team(("teams", place), team)
    for place, fault in enumerate(file.faults):
        checker.fault(("faults", place), fault)
    for place, swap in enumerate(file.swaps):
        checker.instant(("swaps", place), swap.at, swap.day)
    if policy is not None and file.bots.count:
        checker.need(("bots", "pool"), file.bots.pool, policy.pools, "no_pool")
    checker.work()
    checker.money()
    checker.ends()


def _lengths(found: Any, path: Path) -> Iterator[tuple[Path, Length]]:
    """Every length in the file, with its path."""
    if isinstance(found, Length):
        yield path, found
    elif isinstance(found, msgspec.Struct):
        for name in found.__struct_fields__:
            yield from _lengths(getattr(found, name), (*path, name))
    elif isinstance(found, dict):
        for name, part in found.items():
            yield from _lengths(part, (*path, name))
    elif isinstance(found, tuple):
        for place, part in enumerate(found):
            yield from _lengths(part, (*path, place))


class _Checker:
    def __init__(self, file: File, policy: Policy | None, problems: Problems) -> None:
        self.file, self.policy, self.problems = file, policy, problems
        self.days = file.scenario.days or (file.scenario.day or next(iter(file.days), ""),)

    def need(self, path: Path, got: str, known: Iterable[str], code: str = "unknown") -> bool:
        """``got`` (empty: nothing is named) is one of them."""
        if not got or got in known:
            return True
        self.problems.add(path, code, got=value(got), wanted=names_of(known))
        return False

    # --- the run --------------------------------------------------------------------------------------------------

    def head(self) -> None:
        head, problems = self.file.scenario, self.problems
        key = ("scenario", "days" if head.days else "day")
        for name in dict.fromkeys(self.days):
            if name not in self.file.days:
                problems.add(key, "unknown", got=value(name), wanted=names_of(sorted(self.file.days)))
        if start_ms(head.at) is None:
            problems.add(("scenario", "at"), "start", got=value(head.at))
        if len(self.days) > MAX_DAYS or head.for_h > MAX_DAYS * 24:
            got = max(len(self.days), round(head.for_h / 24))
            problems.add(("scenario", "for_h" if head.for_h else "days"), "too_long", got=got, wanted=MAX_DAYS)
        if head.date:
            try:
                date.fromisoformat(head.date)
            except ValueError:
                problems.add(("scenario", "date"), "date", got=value(head.date))

    def shares(self) -> None:
        file = self.file
        for name, topic in file.topics.items():
            self.need(("topics", name, "passed_to"), topic.passed_to, file.topics)
        for table, shares in (
            ("topics", [topic.share for topic in file.topics.values()]),
            ("channels", [channel.share for channel in file.channels.values()]),
            ("shops", list(file.shops.values()) or [1.0]),
        ):
            if abs(sum(shares) - 1) > 1e-6:
                self.problems.add((table,), "shares", got=f"{sum(shares):g}")
        tiers = sum(tier.share for tier in file.tiers.values())
        if tiers > 1 + 1e-9:
            self.problems.add(("tiers",), "shares_over", got=f"{tiers:g}")

    # --- days and flows -------------------------------------------------------------------------------------------

    def day(self, path: Path, day: DayTable) -> None:
        if bool(day.profile) == bool(day.half_hours):
            got = "profile, half_hours" if day.profile else "nothing"
            self.problems.add(path, "one_of", got=got, wanted="profile, half_hours")
        self.weights(path, day.half_hours)
        for place, surge in enumerate(day.surges):
            self.time((*path, "surges", place, "at"), surge.at)
            self.need((*path, "surges", place, "topic"), surge.topic, self.file.topics)
        for name, span in day.shifts.items():
            self.need((*path, "shifts", name), name, self.file.shifts)
            self.spans((*path, "shifts", name), (span,))

    def weights(self, path: Path, weights: Sequence[float]) -> None:
        if weights and (len(weights) not in (24, 48) or sum(weights) <= 0):
            self.problems.add((*path, "half_hours"), "weights", got=len(weights))

    def time(self, path: Path, text: str) -> int | None:
        at = clock_ms(text)
        if at is None:
            self.problems.add(path, "time", got=value(text))
        return at

    def instant(self, path: Path, at: str, day: int) -> None:
        """Of the run; ``day`` counts from 1."""
        self.time((*path, "at"), at)
        if day > len(self.days):
            self.problems.add((*path, "day"), "day_beyond", got=day, wanted=len(self.days))

    def spans(self, path: Path, spans: Sequence[Span]) -> list[tuple[int, int]]:
        """Each the earlier time first, one after the other."""
        found: list[tuple[int, int]] = []
        for span in spans:
            begin, end = clock_ms(span[0]), clock_ms(span[1])
            if begin is None or end is None or begin >= end:
                self.problems.add(path, "span", got=_told(span))
            else:
                found.append((begin, end))
        ordered = sorted(found)
        for one, other in pairwise(ordered):
            if other[0] < one[1]:
                told = {pair: _told(span) for pair, span in zip(found, spans, strict=False)}
                self.problems.add(path, "overlap", got=told[other], other=told[one])
        return ordered

    def source(self, path: Path, of: Flow | Driver, kinds: Sequence[str]) -> None:
        given = [name for name in kinds if getattr(of, name)]
        if len(given) != 1:
            got = ", ".join(given) or "nothing"
            self.problems.add(path, "one_of", got=got, wanted=", ".join(kinds))
        self.weights(path, of.half_hours)
        last = -1
        for place, (at, _) in enumerate(of.rates):
            instant = self.time((*path, "rates", place), at)
            if instant is not None and instant <= last:
                self.problems.add((*path, "rates", place), "order", got=value(at), wanted="times going up")
            last = last if instant is None else instant
        for place, day in enumerate(of.days):
            if day > len(self.days):
                self.problems.add((*path, "days", place), "day_beyond", got=day, wanted=len(self.days))

    def flow(self, path: Path, flow: Flow) -> None:
        file = self.file
        self.source(path, flow, SOURCES)
        self.need((*path, "driver"), flow.driver, file.drivers)
        self.need((*path, "channel"), flow.channel, file.channels)
        self.need((*path, "shop"), flow.shop, file.shops)
        self.need((*path, "tier"), flow.tier, file.tiers)
        known = self.need((*path, "topic"), flow.topic, file.topics)
        if self.policy is None or not flow.queue:
            return
        if self.need((*path, "queue"), flow.queue, self.policy.queues, "no_queue") and known:
            entered = {
                topic: queue_of(file, self.policy, topic, flow)
                for topic in ([flow.topic] if flow.topic else file.topics)
            }
            if flow.queue not in entered.values():
                queues = names_of(sorted(set(entered.values()) - {""}))
                self.problems.add((*path, "queue"), "no_topic_there", got=value(flow.queue), wanted=queues)

    # --- lengths --------------------------------------------------------------------------------------------------

    def length(self, path: Path, length: Length) -> None:
        needs = {
            "exponential": ("mean_s",),
            "deterministic": ("mean_s",),
            "gamma": ("mean_s",),
            "weibull": ("scale_s",),
            "hyperexponential": ("means_s", "shares"),
            "empirical": ("values_s", "file"),
            "survival": ("survival", "censored"),
        }.get(length.kind, ())
        given = [name for name in needs if getattr(length, name)]
        every = length.kind == "hyperexponential"
        if needs and (len(given) < len(needs) if every else not given):
            wanted = (" and " if every else " or ").join(needs)
            self.problems.add(path, "needs", law=length.kind, wanted=wanted, got=", ".join(given) or "nothing")
        if every and len(length.shares) != len(length.means_s):
            got = f"{len(length.shares)} shares, {len(length.means_s)} means_s"
            self.problems.add(path, "needs", law=length.kind, wanted="as many shares as means_s", got=got)
        elif every and abs(sum(length.shares) - 1) > 1e-6:
            self.problems.add((*path, "shares"), "shares", got=f"{sum(length.shares):g}")
        for place, (one, other) in enumerate(pairwise(length.survival), 1):
            if not (one[0] < other[0] and one[1] >= other[1]):
                got = f"[{one[0]:g}, {one[1]:g}], [{other[0]:g}, {other[1]:g}]"
                self.problems.add((*path, "survival", place), "survival", got=got)

    # --- people ---------------------------------------------------------------------------------------------------

    def team(self, path: Path, team: Team) -> None:
        file = self.file
        for shift in team.crews:
            self.need((*path, "crews", shift), shift, file.shifts)
        if team.capacity[0] > team.capacity[1]:
            wanted = "[least, most] with 1 <= least <= most"
            self.problems.add((*path, "capacity"), "order", got=str(list(team.capacity)), wanted=wanted)
        levels = [*team.skills.items(), *((skill, some.level) for skill, some in team.some.items())]
        for skill, (low, high) in levels:
            if low > high:
                key = "skills" if skill in team.skills else "some"
                self.problems.add((*path, key, skill), "order", got=f"[{low}, {high}]", wanted="the lower level first")
        if self.policy is not None:
            for pool in team.pools or (team.kind.value,):
                self.need((*path, "pools"), pool, self.policy.pools, "no_pool")
        self.breaks((*path, "breaks"), team)

    def breaks(self, path: Path, team: Team) -> None:
        shifts = [
            (clock_ms(span[0]) or 0, clock_ms(span[1]) or 0)
            for shift in team.crews
            for span in spans_in(self.file.shifts.get(shift, ()))
        ]
        for begin, end in self.spans(path, team.breaks):
            if not any(first <= begin and end <= last for first, last in shifts):
                told = ", ".join(f"{_clock(first)}–{_clock(last)}" for first, last in shifts)
                self.problems.add(path, "outside", got=f"{_clock(begin)}–{_clock(end)}", wanted=told or "nothing")

    def fault(self, path: Path, fault: Fault) -> None:
        file = self.file
        self.instant(path, fault.at, fault.day)
        sites = sorted({team.site for team in file.teams} - {""})
        self.need((*path, "site"), fault.site, sites, "no_site")
        self.need((*path, "team"), fault.team, [team.name for team in file.teams])
        pools = sorted({pool for team in file.teams for pool in (team.pools or (team.kind.value,))})
        self.need((*path, "pool"), fault.pool, pools)
        if fault.kind == "site_outage" and not fault.site:
            self.problems.add((*path, "site"), "missing", wanted=names_of(sites))

    def work(self) -> None:
        file, policy = self.file, self.policy
        for place, work in enumerate(file.work):
            path = ("work", place)
            self.need((*path, "topic"), work.topic, file.topics)
            self.need((*path, "channel"), work.channel, file.channels)
            self.need((*path, "shop"), work.shop, file.shops)
            self.need((*path, "tier"), work.tier, file.tiers)
            if policy is not None:
                self.need((*path, "queue"), work.queue, policy.queues, "no_queue")
                skills = sorted({skill for queue in policy.queues.values() for skill in queue.requirement.skills})
                self.need((*path, "skill"), work.skill, skills, "no_skill")
        whole = any(not (w.queue or w.skill or w.channel or w.shop or w.tier or w.topic) for w in file.work)
        if file.people.reply is None and not whole:
            timed = {work.topic for work in file.work}
            left = [
                name for name in file.topics if name not in timed and not any(w.queue or w.skill for w in file.work)
            ]
            if left:
                self.problems.add(("people",), "no_turns", got=", ".join(left))

    def money(self) -> None:
        points = self.file.money.conversion
        for place, (one, other) in enumerate(pairwise(points), 1):
            if one[0] >= other[0]:
                got = f"{one[0]:g}, {other[0]:g}"
                self.problems.add(("money", "conversion", place), "order", got=got, wanted="seconds going up")

    # --- whether it ends ------------------------------------------------------------------------------------------

    def ends(self) -> None:
        file, problems = self.file, self.problems
        customers = file.customers
        if not (file.scenario.volume or file.flows):
            problems.add(("scenario", "volume"), "nobody_comes")
        if customers.recontact >= 1:
            detail = "all who are served come back, at once and for ever"
            problems.add(("customers", "recontact"), "no_end", detail=detail)
        survival = customers.patience.survival
        nobody = not any(count for team in file.teams for count in team.crews.values()) and not file.bots.count
        if survival and survival[-1][1] >= 1 and nobody:
            problems.add(("customers", "patience"), "no_end", detail="everybody waits for ever, and nobody ever works")


def _told(span: Span) -> str:
    return f"{value(span[0])} to {value(span[1])}"


def _clock(ms: int) -> str:
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}"
