"""``python -m bench coverage``: how often the twin's 95 % intervals hold the exact value.

Each case is run many times with seeds of its own; of every metric it is counted how many intervals hold the answer. One
metric of each case is judged, the others are told beside it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import engine
from bench._machine import ROOT, commit, machine
from bench.dispatch import Help, store_as
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
    "mm1_rho0.9": Trial("E_Lq", 400_000),
    "erlanga_garnett50": Trial("P_abandon", 40_000),
    "n_model_prio_class1": Trial("E_Lq_class2", 20_000),
    "chat5_k3_MBF": Trial("E_Lq", 20_000),
    "d11_pulse_n400": Trial("frac_abandoned", 1, least=10),
}


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m bench coverage", description=__doc__, formatter_class=Help)
    found.add_argument("--runs", type=int, default=1_000, help="of each case")
    found.add_argument("--only", action="append", choices=sorted(TRIALS), help="this case alone")
    found.add_argument("--seed", type=int, default=1, help="of the first run; the next one has the next")
    found.add_argument("--processes", type=int, default=cores(), help="runs at once")
    found.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    found.add_argument("--store", action="store_true", help="keep the result under bench/results/")
    return found


def cases_file() -> Path:
    return ROOT / "tests" / "reference" / "cases.json"


def covered(case: Case, trial: Trial, seed: int) -> dict[str, bool]:
    """One run: of each metric, whether the interval holds the exact value."""
    measured = play(case, seed, Budget(contacts=trial.contacts, least=trial.least))
    return {
        name: abs(found.value - case.expected[name]) <= found.half_width for name, found in measured.estimates.items()
    }


def share_of(runs: Sequence[dict[str, bool]]) -> dict[str, float]:
    """By metric, of the runs that could measure it."""
    names = {name: None for run in runs for name in run}
    return {
        name: round(sum(run[name] for run in runs if name in run) / sum(name in run for run in runs), 4)
        for name in names
    }


def measure(names: Sequence[str], runs: int, seed: int, processes: int) -> dict[str, Any]:
    known = {case.id: case for case in load_cases(cases_file()).cases}
    found = {}
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for name in names:
            trial, began = TRIALS[name], time.perf_counter()
            seeds = range(seed, seed + runs)
            done = list(pool.map(covered, [known[name]] * runs, [trial] * runs, seeds, chunksize=5))
            shares = share_of(done)
            found[name] = {
                "metric": trial.metric,
                "coverage": shares[trial.metric],
                "holds": LOW <= shares[trial.metric] <= HIGH,
                "others": {other: share for other, share in shares.items() if other != trial.metric},
                "seconds": round(time.perf_counter() - began, 1),
            }
            print(f"{name}: {found[name]['coverage']:.1%} of {runs} intervals of {trial.metric}", file=sys.stderr)
    return {
        "benchmark": "coverage",
        "runs": runs,
        "seed": seed,
        "wanted": [LOW, HIGH],
        "cases": found,
        "holds": all(case["holds"] for case in found.values()),
        "compiled": engine.COMPILED,
    }


def main(arguments: Sequence[str]) -> int:
    """0: every case's share lies between the bounds; 1: one does not; 2: wrong use."""
    given = parser().parse_args(arguments)
    if min(given.runs, given.processes) < 1:
        print("runs and processes must be ≥ 1", file=sys.stderr)
        return 2
    result = {
        **measure(given.only or list(TRIALS), given.runs, given.seed, given.processes),
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
            print(
                f"{name:22} {case['metric']:16} {case['coverage']:.1%}  {'holds' if case['holds'] else 'DOES NOT HOLD'}"
            )
    return 0 if result["holds"] else 1
