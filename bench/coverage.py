"""``python -m bench coverage``: how often the twin's 95 % intervals hold the exact value.

Each case is run many times with seeds of its own; of every metric it is counted how many intervals hold the answer. One
metric of each case is judged, the others are told beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import engine
from bench._machine import ROOT, commit, machine
from bench.dispatch import Help, store_as
from sim.processes import workers
from sim.twin.batches import Budget
from sim.validation.campaign import cores
from sim.validation.cases import Case, load_cases
from sim.validation.twin_road import measure as play

LOW, HIGH = 0.925, 0.975


@dataclass(frozen=True)
class Trial:
    """A case: the metric that is judged; how many contacts, or replications, one run has."""

    metric: str
    contacts: int
    least: int = 40


# Runs long enough that batches are many times as long as the queue remembers; no longer.
TRIALS = {
    "mm1_rho0.9": Trial("E_Lq", 200_000),
    "erlanga_garnett50": Trial("P_abandon", 20_000),
    "n_model_prio_class1": Trial("E_Lq_class2", 10_000),
    "chat5_k3_MBF": Trial("E_Lq", 10_000),
    "d11_pulse_n400": Trial("frac_abandoned", 1, least=5),
}


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m bench coverage", description=__doc__, formatter_class=Help)
    found.add_argument("--runs", type=int, default=1_000, help="of each case")
    found.add_argument("--only", action="append", choices=sorted(TRIALS), help="this case alone")
    found.add_argument("--seed", type=int, default=1, help="of the first run; the next one has the next")
    found.add_argument("--processes", type=int, default=cores(), help="runs at once")
    found.add_argument("--keep", type=Path, help="file of runs: those in it are not run again, new ones are added")
    found.add_argument("--for-s", type=float, default=0.0, help="begin no run after so many seconds (0: all of them)")
    found.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    found.add_argument("--store", action="store_true", help="keep the result under bench/results/")
    return found


def cases_file() -> Path:
    return ROOT / "tests" / "reference" / "cases.json"


def covered(case: Case, trial: Trial, seed: int) -> dict[str, bool]:
    """One run: of each metric, whether the interval holds the exact value."""
    measured = play(case, seed, Budget(contacts=trial.contacts, least=trial.least))
    return {
        name: bool(abs(found.value - case.expected[name]) <= found.half_width)  # not numpy's, which JSON does not know
        for name, found in measured.estimates.items()
    }


def share_of(runs: Sequence[dict[str, bool]]) -> dict[str, float]:
    """By metric, of the runs that could measure it."""
    names = {name: None for run in runs for name in run}
    return {
        name: round(sum(run[name] for run in runs if name in run) / sum(name in run for run in runs), 4)
        for name in names
    }


class Kept:
    """Runs made before, in a file of a line each: a measurement of hours may be made in pieces."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.known: dict[tuple[str, int, int, int], dict[str, bool]] = {}
        for line in path.read_text().splitlines() if path is not None and path.exists() else ():
            row = json.loads(line)
            self.known[row["case"], row["contacts"], row["least"], row["seed"]] = row["covered"]

    def missing(self, name: str, trial: Trial, seeds: range) -> list[int]:
        return [seed for seed in seeds if (name, trial.contacts, trial.least, seed) not in self.known]

    def add(self, name: str, trial: Trial, seed: int, found: dict[str, bool]) -> None:
        self.known[name, trial.contacts, trial.least, seed] = found
        if self.path is not None:
            row = {"case": name, "contacts": trial.contacts, "least": trial.least, "seed": seed, "covered": found}
            with self.path.open("a") as file:
                file.write(json.dumps(row) + "\n")

    def runs(self, name: str, trial: Trial, seeds: range) -> list[dict[str, bool]]:
        found = [self.known.get((name, trial.contacts, trial.least, seed)) for seed in seeds]
        return [run for run in found if run is not None]


def play_missing(names: Sequence[str], seeds: range, processes: int, kept: Kept, for_s: float) -> None:
    """Make the runs that are not there yet, as many as there is time for."""
    known = {case.id: case for case in load_cases(cases_file()).cases}
    began = time.perf_counter()
    with workers(processes) as pool:
        for name in names:
            trial = TRIALS[name]
            missing = kept.missing(name, trial, seeds)
            while missing and not (for_s and time.perf_counter() - began > for_s):
                now, missing = missing[: 10 * processes], missing[10 * processes :]
                done = pool.map(covered, [known[name]] * len(now), [trial] * len(now), now)
                for seed, found in zip(now, done, strict=True):
                    kept.add(name, trial, seed, found)


def measure(names: Sequence[str], runs: int, seed: int, processes: int, kept: Kept, for_s: float) -> dict[str, Any]:
    """``complete``: whether there was time for all runs."""
    seeds = range(seed, seed + runs)
    play_missing(names, seeds, processes, kept, for_s)
    found = {}
    for name in names:
        trial = TRIALS[name]
        done = kept.runs(name, trial, seeds)
        if not done:
            continue
        shares = share_of(done)
        found[name] = {
            "metric": trial.metric,
            "contacts_a_run": trial.contacts if trial.contacts > 1 else None,
            "replications_a_run": trial.least if trial.contacts == 1 else None,
            "runs": len(done),
            "coverage": shares[trial.metric],
            "holds": LOW <= shares[trial.metric] <= HIGH,
            "others": {other: share for other, share in shares.items() if other != trial.metric},
        }
    complete = all(name in found and found[name]["runs"] == runs for name in names)
    return {
        "benchmark": "coverage",
        "runs": runs,
        "seed": seed,
        "wanted": [LOW, HIGH],
        "cases": found,
        "complete": complete,
        "holds": complete and all(case["holds"] for case in found.values()),
        "compiled": engine.COMPILED,
    }


def main(arguments: Sequence[str]) -> int:
    """0: all runs are made and every case's share lies between the bounds; 1: not so; 2: wrong use."""
    given = parser().parse_args(arguments)
    if min(given.runs, given.processes) < 1:
        print("runs and processes must be ≥ 1", file=sys.stderr)
        return 2
    result = {
        **measure(given.only or list(TRIALS), given.runs, given.seed, given.processes, Kept(given.keep), given.for_s),
        "machine": machine(),
        "commit": commit(),
    }
    if given.store:
        path = store_as("coverage", result)
        if not given.json:
            print(f"stored in {path}")
    if given.json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        for name, case in result["cases"].items():
            holds = "holds" if case["holds"] else "DOES NOT HOLD"
            print(f"{name:22} {case['metric']:16} {case['coverage']:.1%} of {case['runs']} runs  {holds}")
        if not result["complete"]:
            print("not all runs are made yet: once more with the same --keep")
    return 0 if result["holds"] else 1
