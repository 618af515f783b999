"""A file of cases, case by case over the cores: each is one task for a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass

from sim.processes import workers
from sim.twin.batches import Budget
from sim.validation.cases import Case
from sim.validation.judging import SLACK, Outcome, judge

# Times its budget that a case may take whose intervals are still too wide.
MOST = 8


@dataclass(frozen=True)
class Campaign:
    """``metrics``: of the whole file, also where only some of its cases are played; ``contacts``: how many of a case,
    in place of its processor time."""

    cases: Sequence[Case]
    metrics: int
    seed: int
    budget_s: float
    contacts: int = 0
    processes: int = 0
    slack: float = SLACK


def cores() -> int:
    """Of this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_campaign(campaign: Campaign, told: Callable[[Outcome], None]) -> list[Outcome]:
    """Every case's outcome, in the order of the file; ``told`` hears of each as it is done."""
    processes = min(campaign.processes or cores(), len(campaign.cases))
    if processes < 2:
        found = []
        for place in range(len(campaign.cases)):
            found.append(_judge(campaign, place))
            told(found[-1])
        return found
    outcomes: dict[int, Outcome] = {}
    with workers(processes) as pool:
        tasks = {pool.submit(_judge, campaign, place): place for place in range(len(campaign.cases))}
        for task in as_completed(tasks):
            outcomes[tasks[task]] = task.result()
            told(outcomes[tasks[task]])
    return [outcomes[place] for place in range(len(campaign.cases))]


def _judge(campaign: Campaign, place: int) -> Outcome:
    return judge(
        campaign.cases[place],
        seed=campaign.seed,
        budget=Budget(campaign.budget_s, campaign.contacts, most=MOST),
        metrics=campaign.metrics,
        slack=campaign.slack,
    )
