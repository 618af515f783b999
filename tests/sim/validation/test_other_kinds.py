"""Kinds of cases that the shared file has none of, or few: played by the twin, beside what the formulas say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sim.twin.batches import Budget
from sim.validation.cases import Case, load_cases
from sim.validation.closed_forms import closed_form
from sim.validation.judging import judge

ALONE_TWICE_THRICE = [0.0, 1.0, 1.6, 1.8]

# name → (kind, params, metrics)
OTHERS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "two chat pools": (
        "chat_skills",
        {"nA": 2, "nB": 2, "k": 3, "total_rate_by_level": ALONE_TWICE_THRICE, "lams": [3.5, 3.0], "thetas": [0.4, 0.6]},
        ("P_wait_class1", "P_wait_class2", "E_W_class1", "P_abandon_class2", "slot_util_A", "E_session_time_B"),
    ),
    "customers who leave in the middle of a chat": (
        "chat_pool",
        {"N": 3, "k": 2, "total_rate_by_level": [0.0, 1.0, 1.5], "lam": 4.5, "theta": 0.5,
         "in_service_abandon_rate": 0.1, "routing": "MBF"},
        ("P_wait", "P_abandon_queue", "P_abandon_service", "E_W", "throughput", "E_session_time"),
    ),
    "service that varies more than the exponential": (
        "mg1", {"lam": 0.7, "mean": 1.0, "cv2": 2.0}, ("P_wait", "E_W", "E_T", "util", "P_idle")
    ),
    "a percentile below which nobody waits, and one above": (
        "mmn", {"lam": 3.0, "mu": 1.0, "n": 6}, ("W_q0.5", "W_q0.95", "P_wait", "SL_all(0.2)")
    ),
    "three priorities": (
        "mmn_priority", {"lams": [1.0, 2.0, 3.0], "mu": 1.0, "n": 8}, ("P_wait", "E_W_class1", "E_W_class3", "E_W_all")
    ),
    "as many places as servers": ("mmnk", {"lam": 5.0, "mu": 1.0, "n": 5, "K": 5}, ("P_block", "util", "E_N")),
    "two sorts of patience": (
        "mmn_g",
        {"lam": 10.0, "mu": 1.0, "n": 10, "patience": {"dist": "hyperexp", "p": 0.3, "rates": [0.2, 3.0]}},
        ("P_wait", "P_abandon", "E_W", "SL_exclAbT(0.1)", "P(W>0.1)"),
    ),
    "rates by the second": (
        "mmn_m", {"lam": 50.0, "mu": 1.0, "n": 50, "theta": 2.0, "time_unit": "s"}, ("P_wait", "P_abandon", "E_W", "util")
    ),
    "the longest queue first, of equals the lower class": (
        "skills",
        {"lams": [2.0, 2.0], "thetas": [0.3, 0.3], "pools": [{"n": 4, "mu_by_class": {"1": 1.0, "2": 1.0}}],
         "arrival_pool_order": {"1": [1], "2": [1]}, "freed_agent_order": {"1": "LQF"}},
        ("E_W_class1", "E_W_class2", "E_Lq_class1", "E_Lq_class2", "P_abandon_class1", "P_abandon_class2", "util_pool1"),
    ),
    "endless servers, opened empty": (
        "mt_inf", {"a": 20.0, "b": 5.0, "omega": 2.0, "mu": 1.0, "start": "empty"}, ("m(0.5)", "m(2)")
    ),
    "a pulse from empty": (
        "pulse",
        {"n": 10, "base": 4.0, "peak": 20.0, "t1": 1.0, "t2": 3.0, "decay": 0.0, "mu": 1.0, "theta": 1.0,
         "horizon": 6.0, "T": 0.2, "start": "empty"},
        ("E_arrivals", "E_abandoned", "SL_all_T", "E_Lq(3)", "P_wait(2)"),
    ),
    "a short day with people who leave": (
        "day",
        {"lam": 4.2, "mu": 0.5, "n": 9, "theta": 0.3, "T": 0.3, "day": 100.0, "time_unit": "min"},
        ("E_arrivals", "E_abandoned", "E_served", "E_W_served", "P_wait_at_end", "occupancy_during_day"),
    ),
}  # fmt: skip


def case_of(folder: Path, kind: str, params: dict[str, Any], metrics: tuple[str, ...]) -> Case:
    """With what the formulas say as the exact values."""
    path = folder / "own.json"
    row = {"id": "own", "kind": kind, "params": params, "expected": dict.fromkeys(metrics, 0.0)}
    path.write_bytes(msgspec.json.encode({"cases": [row]}))
    (case,) = load_cases(path).cases
    return replace(case, expected=closed_form(case))


@pytest.mark.parametrize("name", OTHERS)
def test_the_twin_agrees_with_the_formula(name: str, tmp_path: Path) -> None:
    """A few thousand contacts of a model that no shared case has: no metric deviates more than chance would."""
    case = case_of(tmp_path, *OTHERS[name])
    outcome = judge(case, seed=1, budget=Budget(contacts=15_000), metrics=100)
    assert not outcome.refusal
    assert [verdict for verdict in outcome.verdicts if verdict.why not in ("", "wide")] == []
    assert all(verdict.roads == ("formula", "twin") for verdict in outcome.verdicts)


def test_reserves_that_no_policy_can_hold_are_said(tmp_path: Path) -> None:
    """Pool 2 keeps one agent back from class 1 and two from class 2, and a pool has one number: the case is refused."""
    params = {
        "lams": [1.0, 1.0, 1.0], "thetas": [0.5, 0.5, 0.5],
        "pools": [{"n": 3, "mu_by_class": {"1": 1.0, "2": 1.0, "3": 1.0}}],
        "arrival_pool_order": {"1": [1], "2": [1], "3": [1]}, "freed_agent_order": {"1": [1, 2, 3]},
        "reserve": {"class1_pool1": 1, "class2_pool1": 2},
    }  # fmt: skip
    case = case_of(tmp_path, "skills", params, ("E_W_class1",))
    outcome = judge(case, seed=1, budget=Budget(contacts=1_000), metrics=1)
    assert not outcome.passed and "keeps agents back" in outcome.refusal


def test_a_metric_of_a_class_that_is_not_there_ends_only_its_own_case(tmp_path: Path) -> None:
    """Two classes, and a wait of the third is asked for: refused in words, no traceback."""
    params = {"lams": [1.0, 2.0], "mu": 1.0, "n": 8}
    path = tmp_path / "own.json"
    row = {"id": "own", "kind": "mmn_priority", "params": params, "expected": {"E_W_class3": 0.1}}
    path.write_bytes(msgspec.json.encode({"cases": [row]}))
    (case,) = load_cases(path).cases
    outcome = judge(case, seed=1, budget=Budget(contacts=1_000), metrics=1)
    assert not outcome.passed and "3" in outcome.refusal
