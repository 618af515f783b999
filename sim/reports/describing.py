"""What was played, beside its figures: the file ``run.json`` of a report, and all that a page says about the run."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np

from engine.dispatch.policy.compile import compile_policy
from sim.reports.figures import Figures, figures_of
from sim.reports.reading import Reading, Shape
from sim.reports.statistics import Mean, mean_of
from sim.scenario import DAY_MS, Scenario, clock_text
from sim.twin.listening import Replication


class StepRow(msgspec.Struct, frozen=True):
    """How often a step opened, a run. ``name``: as the policy has it."""

    queue: str
    step: int
    name: str
    mean: float
    half_width: float | None


class Described(msgspec.Struct, frozen=True):
    """``shares``: pool → share of connections by interval; ``fairness``: pool → Gini coefficients (offers, occupancy)."""

    scenario: str
    titles: dict[str, str]
    policy: str
    seed: int
    seeds: tuple[int, ...]
    span: str
    contacts: float
    seconds: float
    sluice: str
    shape: Shape
    steps: tuple[StepRow, ...] = ()
    shares: dict[str, tuple[float | None, ...]] = {}
    fairness: dict[str, tuple[float, float]] = {}
    kind: str = "run"

    @property
    def runs(self) -> int:
        return len(self.seeds)


def describe(scenario: Scenario, found: Sequence[Replication], place: int = 0) -> tuple[Described, Figures]:
    """``place``: where the report's fold stood among the folds asked for."""
    readings: list[Reading] = [one.results[place] for one in found]
    figures = figures_of(readings)
    policy = compile_policy(scenario.policy_text)
    arrived = [float(one.played.counts["arrived"]) for one in found]
    described = Described(
        scenario=scenario.name,
        titles={lang: f"{scenario.name} · {scenario.title_in(lang)}".rstrip(" ·") for lang in ("en", "zh")},
        policy=policy.version,
        seed=scenario.seed,
        seeds=figures.seeds,
        span=_span(scenario),
        contacts=float(np.mean(arrived)),
        seconds=sum(one.played.seconds for one in found),
        sluice=version("sluice"),
        shape=figures.shape,
        steps=tuple(_steps(scenario, readings)),
        shares=_shares(readings),
        fairness=_fairness(readings),
    )
    return described, figures


def _span(scenario: Scenario) -> str:
    begin, end = scenario.at_ms, scenario.end_ms
    until = clock_text(end) if end % DAY_MS else "24:00:00"
    days = -(-end // DAY_MS) - begin // DAY_MS
    return f"{clock_text(begin)[:5]}–{until[:5]}" + (f" (+{days - 1} d)" if days > 1 else "")


def _steps(scenario: Scenario, readings: Sequence[Reading]) -> list[StepRow]:
    """The most often opened first."""
    policy, rows = compile_policy(scenario.policy_text), []
    for queue, step in sorted({key for reading in readings for key in reading.steps}):
        mean = mean_of([float(reading.steps.get((queue, step), 0)) for reading in readings])
        known = policy.queues[queue].steps if queue in policy.queues else ()
        name = known[step - 1].name if 0 < step <= len(known) else ""
        rows.append(StepRow(queue, step, name or f"step {step}", mean.value, number(mean.half_width)))
    return sorted(rows, key=lambda row: (-row.mean, row.queue, row.step))


def _shares(readings: Sequence[Reading]) -> dict[str, tuple[float | None, ...]]:
    """Of all connections of an interval, over all runs together."""
    intervals = readings[0].shape.intervals
    pools = sorted({pool for reading in readings for _, pool in reading.served_by})
    sums = {pool: np.zeros(len(intervals)) for pool in pools}
    for reading in readings:
        for (index, pool), count in reading.served_by.items():
            sums[pool][index - intervals.start] += count
    total = sum(sums.values(), np.zeros(len(intervals)))
    return {
        pool: tuple(float(part / whole) if whole else None for part, whole in zip(counts, total, strict=True))
        for pool, counts in sums.items()
    }


def _fairness(readings: Sequence[Reading]) -> dict[str, tuple[float, float]]:
    pools = sorted({pool for reading in readings for pool in reading.fairness})
    found = {pool: [reading.fairness[pool] for reading in readings if pool in reading.fairness] for pool in pools}
    return {
        pool: (float(np.mean([o for o, _ in each])), float(np.mean([u for _, u in each])))
        for pool, each in found.items()
    }


def number(value: float) -> float | None:
    """For JSON: six digits, None for what is no number."""
    return None if np.isnan(value) else float(f"{value:.6g}")


def pair(mean: Mean) -> tuple[float | None, float | None]:
    return number(mean.value), number(mean.half_width)


def write_described(described: Described, folder: Path) -> None:
    data = msgspec.json.format(msgspec.json.encode(described), indent=1)
    (folder / "run.json").write_bytes(data + b"\n")
