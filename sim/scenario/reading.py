"""A scenario file → a checked :class:`~sim.scenario.model.Scenario`, or every problem with its place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.policy.loader import load
from engine.dispatch.policy.problems import PolicyErrors
from sim.scenario.checking import check, start_ms
from sim.scenario.decoding import decode
from sim.scenario.entering import span_of, spans_in, topics_of
from sim.scenario.files import read_censored, read_counts, read_profile, read_values
from sim.scenario.model import DAY_MS, Day, Flow, Scenario, Source, Swap, clock_ms
from sim.scenario.problems import Path as Path_
from sim.scenario.problems import Problems, ScenarioErrors
from sim.scenario.tables import DayTable, Driver, File, Length
from sim.scenario.tables import Flow as FlowTable


def load_scenario(
    path: Path, *, day: str | None = None, at: str | None = None, volume: int | None = None, seed: int | None = None
) -> Scenario:
    """Read, check, and override; raises :class:`ScenarioErrors` with every problem found.

    ``day`` makes every day of the run one of this shape.
    """
    file, problems = _read(path)
    head = file.scenario
    overrides: dict[str, Any] = {"at": at, "volume": volume, "seed": seed}
    if day is not None:
        overrides |= {"day": day, "days": ()}
    head = msgspec.structs.replace(head, **{name: found for name, found in overrides.items() if found is not None})
    file = msgspec.structs.replace(file, scenario=head)
    reader = _Reader(path, file, problems)
    policy = reader.read_policy()
    check(file, policy, problems)
    scenario = reader.scenario(policy) if not problems.found else None
    if problems.found or scenario is None:
        raise ScenarioErrors(problems.found)
    return scenario


def _read(path: Path) -> tuple[File, Problems]:
    problems = Problems(str(path), {})
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problems.add((), "unreadable", detail=error)
        raise ScenarioErrors(problems.found) from error
    document = load(text)
    problems = Problems(str(path), document.lines)
    if document.problem is not None:
        problems.elsewhere(str(path), document.problem.line, "toml", detail=document.problem.detail)
        raise ScenarioErrors(problems.found)
    file = decode(File, document.tables, problems)
    if file is None:
        raise ScenarioErrors(problems.found)
    return file, problems


class _Reader:
    def __init__(self, path: Path, file: File, problems: Problems) -> None:
        self.path, self.file, self.problems = path, file, problems
        self.head = file.scenario
        self.policy_path = path.parent / self.head.policy
        self.policy_text = ""
        self.days = self.head.days or (self.head.day or next(iter(file.days), ""),)

    def read_policy(self) -> Policy | None:
        """None when it cannot be used, which is said."""
        self.policy_text, policy = self._policy_file(("scenario", "policy"), self.policy_path)
        return policy

    def _policy_file(self, key: Path_, path: Path) -> tuple[str, Policy | None]:
        """Its text, and what it says; ``key``: where the scenario names it."""
        text = ""
        try:
            text = path.read_text(encoding="utf-8")
            return text, compile_policy(text)
        except (OSError, UnicodeDecodeError) as error:
            self.problems.add(key, "unreadable", detail=f"{path}: {error}")
        except PolicyErrors as error:
            told = "; ".join(problem.placed(str(path)) for problem in error.problems)
            self.problems.add(key, "policy", detail=told)
        return text, None

    def scenario(self, policy: Policy | None) -> Scenario:
        """What the file says, with all it names read in; problems of those files are added."""
        file, head = self.file, self.head
        days = {name: self._shape(name, table) for name, table in file.days.items()}
        calendar = tuple(days[name] for name in self.days)
        at = start_ms(head.at) or 0
        end = at + round(head.for_h * 3_600_000) if head.for_h else len(calendar) * DAY_MS
        assert policy is not None
        return Scenario(
            path=str(self.path),
            name=head.name,
            title=head.title,
            titles=head.titles,
            tenant=head.tenant,
            seed=head.seed,
            volume=head.volume,
            at_ms=at,
            end_ms=end,
            drain_ms=round(head.drain_s * 1000),
            warm_up_ms=round(head.warm_up_s * 1000),
            origin_ms=self._origin(policy),
            day=calendar[0],
            calendar=calendar,
            policy_path=str(self.policy_path),
            policy_text=self.policy_text,
            channels=file.channels,
            shops=file.shops or {"": 1.0},
            topics=file.topics,
            tiers=self._resolved(file.tiers),
            customers=self._resolved(file.customers),
            mail=self._resolved(file.mail),
            shifts={shift: tuple(span_of(span) for span in spans_in(spans)) for shift, spans in file.shifts.items()},
            people=self._resolved(file.people),
            bots=self._resolved(file.bots),
            teams=self._resolved(file.teams),
            flows=tuple(flow for place, table in enumerate(file.flows) for flow in self._flows(place, table, policy)),
            work=self._resolved(file.work),
            faults=file.faults,
            swaps=tuple(sorted(self._swaps(at, end), key=lambda swap: swap.at_ms)),
            money=file.money,
        )

    def _swaps(self, begin: int, end: int) -> Iterator[Swap]:
        for place, table in enumerate(self.file.swaps):
            text, _ = self._policy_file(("swaps", place, "policy"), self.path.parent / table.policy)
            at = (clock_ms(table.at) or 0) + (table.day - 1) * DAY_MS
            if begin <= at < end + round(self.head.drain_s * 1000):
                yield Swap(at, text)

    def _origin(self, policy: Policy) -> int:
        if not self.head.date:
            return 0
        days = date.fromisoformat(self.head.date).toordinal() - date(1970, 1, 1).toordinal()
        return policy.zone.instant(days * DAY_MS)

    # --- lengths --------------------------------------------------------------------------------------------------

    def _resolved(self, found: Any) -> Any:
        """The same with each length's files read in."""
        if isinstance(found, Length):
            return self._length(found)
        if isinstance(found, msgspec.Struct):
            parts = {name: getattr(found, name) for name in found.__struct_fields__}
            changed = {name: self._resolved(part) for name, part in parts.items() if _is_deep(part)}
            return msgspec.structs.replace(found, **changed)
        if isinstance(found, tuple):
            return tuple(self._resolved(part) for part in found)
        if isinstance(found, dict):
            return {name: self._resolved(part) for name, part in found.items()}
        return found

    def _length(self, length: Length) -> Length:
        if length.file:
            values = read_values(self.path.parent / length.file, self.problems)
            return msgspec.structs.replace(length, values_s=values)
        if length.censored:
            points = read_censored(self.path.parent / length.censored, self.problems)
            return msgspec.structs.replace(length, survival=points)
        return length

    # --- days and flows -------------------------------------------------------------------------------------------

    def _shape(self, name: str, table: DayTable) -> Day:
        weights, alpha = table.half_hours, table.day_alpha
        if table.profile:
            weights, measured = read_profile(self.path.parent / table.profile, self.problems)
            alpha = alpha or measured
        return Day(
            name=name,
            title=table.title,
            titles=table.titles,
            half_hours=shares_of(weights),
            day_alpha=alpha,
            half_hour_alpha=table.half_hour_alpha,
            surges=table.surges,
            shifts={shift: span_of(span) for shift, span in table.shifts.items()},
        )

    def _flows(self, place: int, table: FlowTable, policy: Policy) -> list[Flow]:
        """One, or as many as its file of counts tells apart."""
        whole = Flow(
            name=table.name,
            source=Source(),
            exact=table.exact,
            channel=table.channel,
            shop=table.shop,
            topics=(table.topic,) if table.topic else topics_of(self.file, table, policy),
            tier=table.tier,
            attributes=table.attributes,
            day_alpha=-1.0 if table.day_alpha is None else table.day_alpha,
            half_hour_alpha=-1.0 if table.half_hour_alpha is None else table.half_hour_alpha,
        )
        if not table.counts:
            of = self.file.drivers[table.driver] if table.driver else table
            source = self._source(of)
            if not table.driver:
                return [msgspec.structs.replace(whole, source=source)]
            lag = self._length(table.lag)
            return [msgspec.structs.replace(whole, source=source, contact_rate=table.contact_rate, lag=lag)]
        found = []
        for key, counts in self._counts(table).items():
            shop, channel, topic, tier = key
            source = Source(counts=counts, interval_ms=round(table.interval_min * 60_000), days=days_of(table.days))
            named = {name: part for name, part in (("shop", shop), ("channel", channel), ("tier", tier)) if part}
            if topic:
                named["topics"] = (topic,)  # type: ignore[assignment]  # what a flow may be about is several
            name = "/".join((table.name, *(part for part in key if part)))
            found.append(msgspec.structs.replace(whole, name=name, source=source, **named))
        return found

    def _source(self, of: FlowTable | Driver) -> Source:
        rates = tuple((clock_ms(at) or 0, rate / 60_000) for at, rate in of.rates)
        counts: tuple[float, ...] = ()
        if of.counts:
            every = self._counts(of)
            length = max((len(each) for each in every.values()), default=0)
            counts = tuple(sum(each[place] for each in every.values() if place < len(each)) for place in range(length))
        return Source(
            rates=rates,
            volume=of.volume,
            half_hours=shares_of(of.half_hours),
            counts=counts,
            interval_ms=round(of.interval_min * 60_000),
            days=days_of(of.days),
        )

    def _counts(self, of: FlowTable | Driver) -> dict[tuple[str, str, str, str], tuple[float, ...]]:
        file = self.file
        known = {
            "shop": list(file.shops),
            "channel": list(file.channels),
            "topic": list(file.topics),
            "tier": list(file.tiers),
        }
        interval = round(of.interval_min * 60_000)
        return read_counts(self.path.parent / of.counts, interval, len(self.days), known, self.problems).by_key


def _is_deep(part: Any) -> bool:
    return isinstance(part, msgspec.Struct | tuple | dict)


def days_of(days: tuple[int, ...]) -> frozenset[int]:
    return frozenset(day - 1 for day in days)


def shares_of(weights: tuple[float, ...]) -> tuple[float, ...]:
    """48 that sum to 1, of 48 or 24; none of none."""
    if len(weights) == 24:
        weights = tuple(weight for weight in weights for _ in range(2))
    total = sum(weights)
    return tuple(weight / total for weight in weights) if total > 0 else ()
