"""A staffing as lines, as JSON, as CSV and as a picture."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim.scenario import clock_text
from sim.staffing.judging import Achieved
from sim.staffing.picture import draw
from sim.staffing.requirement import Requirement
from sim.staffing.searching import Staffing


def lines(found: Staffing, texts: dict[str, str]) -> Iterator[str]:
    yield texts["table"]
    teams = list(found.requirement.people)
    width = max(len(name) for name in teams) + 2
    yield " " * 9 + "".join(f"{name:>{max(width, 12)}}" for name in teams)
    for place in range(len(found.requirement.people[teams[0]])):
        at = clock_text(place * found.requirement.interval_ms)[:5]
        cells = (f"{found.requirement.people[name][place]} / {found.loads[name][place]:.1f}" for name in teams)
        yield f"  {at}  " + "".join(f"{cell:>{max(width, 12)}}" for cell in cells)
    for one in found.reached:
        verdict = texts["sure" if one.sure else "unsure"]
        yield texts["target"].format(text=one.target.text, value=one.value, low=one.low, high=one.high, verdict=verdict)
    for one in found.fewer:
        if not one.met:
            yield texts["fewer"].format(text=one.target.text, value=one.value)
    hours, cost = of_day(found, found.requirement)
    planned, plan_cost = of_day(found, found.planned)
    yield texts["cost"].format(hours=hours, cost=cost, planned=planned, plan_cost=plan_cost)
    yield texts[f"least_{found.least.value}"]
    yield texts["took"].format(
        candidates=found.candidates, days=found.days, runs=found.runs, contacts=found.contacts, seconds=found.seconds
    )


def of_day(found: Staffing, requirement: Requirement) -> tuple[float, float]:
    """Hours of work, and what they cost."""
    pay = {team.name: team.cost_per_hour for team in found.scenario.teams}
    hours = {name: requirement.hours(name) for name in requirement.people}
    return sum(hours.values()), sum(hours[name] * pay[name] for name in hours)


def table(found: Staffing) -> dict[str, Any]:
    """As JSON tells it."""
    hours, cost = of_day(found, found.requirement)
    planned, plan_cost = of_day(found, found.planned)
    return {
        "scenario": found.scenario.name,
        "confirmed": found.confirmed,
        "least": found.least.value,
        "targets": [_target(one) for one in found.reached],
        "one_step_fewer": [_target(one) for one in found.fewer],
        "hours": round(hours, 2),
        "cost": round(cost, 2),
        "planned_hours": round(planned, 2),
        "planned_cost": round(plan_cost, 2),
        "candidates": found.candidates,
        "days_played": found.days,
        "fresh_runs": found.runs,
        "contacts": round(found.contacts),
        "seconds": round(found.seconds, 1),
        "interval_min": found.requirement.interval_ms // 60_000,
        "intervals": list(rows(found)),
    }


def _target(one: Achieved) -> dict[str, Any]:
    return {
        "target": one.target.text, "value": one.value, "low": one.low, "high": one.high, "met": one.met, "sure": one.sure,
    }  # fmt: skip


def rows(found: Staffing) -> Iterator[dict[str, Any]]:
    """One for each interval of the day; who is in several pools counts in each."""
    pools = {team.name: team.pools or (team.kind.value,) for team in found.scenario.teams}
    people = found.requirement.people
    for place in range(len(next(iter(people.values())))):
        by_pool: dict[str, int] = {}
        for name, course in people.items():
            for pool in pools[name]:
                by_pool[pool] = by_pool.get(pool, 0) + course[place]
        yield {
            "at": clock_text(place * found.requirement.interval_ms)[:5],
            "people": {name: course[place] for name, course in people.items()},
            "pools": by_pool,
            "load": {name: round(course[place], 3) for name, course in found.loads.items()},
            "planned": {name: course[place] for name, course in found.planned.people.items()},
        }


def write(found: Staffing, folder: Path, texts: dict[str, str]) -> None:
    """``staffing.json``, ``staffing.csv``, ``staffing.svg``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "staffing.json").write_text(json.dumps(table(found), ensure_ascii=False, indent=1))
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    teams = list(found.requirement.people)
    writer.writerow(["at", *(f"{name} {what}" for name in teams for what in ("needed", "load", "planned"))])
    for row in rows(found):
        writer.writerow([row["at"], *(row[what][name] for name in teams for what in ("people", "load", "planned"))])
    (folder / "staffing.csv").write_text(sheet.getvalue())
    words = {name: texts[name] for name in ("people", "load", "plan")}
    words["title"] = texts["title"].format(name=found.scenario.name)
    (folder / "staffing.svg").write_text(draw(found.requirement, found.planned, found.loads, words))
