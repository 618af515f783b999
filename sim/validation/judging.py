"""Verdicts: each metric's roads beside its exact value, and what passes.

A simulated metric fails when so large a deviation would come by chance in fewer than one of a hundred files, or when its
interval is wider than the length of the run explains: a noisy run cannot pass.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

from scipy.stats import t as student

from sim.twin.batches import Budget
from sim.twin.estimates import CONFIDENCE, Estimate
from sim.validation.agreement import tolerance
from sim.validation.cases import Case, CaseErrors
from sim.validation.closed_forms import asymptotic_variances, closed_form
from sim.validation.metrics import parse_metric
from sim.validation.twin_queues import NotSimulated
from sim.validation.twin_road import Measured, is_simulated, measure

# Of false alarms, over all metrics of a file.
ALARM = 0.01
# How much wider than the run's length explains an interval may be.
SLACK = 1.5
OF_A_MEAN, OF_A_SHARE = 0.05, 0.02
# Shares so near to 0 or 1 are asked for closeness, not for a test.
NEAR_CERTAIN, CLOSE = 1e-3, 0.003

# What more time mends: an interval that is too wide, a run that has seen too little.
TOO_LITTLE = ("wide", "too_short")
# Metrics whose variance by theory leaves a little out; metrics by instant.
ROUGHLY = ("W_q", "SL_")
COURSES = ("E_Lq(", "m(")
AT_INSTANTS = ("P_wait(",)
SHARES = ("P_", "P(", "SL_", "util", "slot_util", "frac_", "occupancy", "Pdelay")


@dataclass(frozen=True)
class Verdict:
    """One metric. ``why`` is a code of :mod:`sim.validation.wording`, empty when it passed."""

    metric: str
    roads: tuple[str, ...]
    exact: float
    formula: float | None = None
    value: float | None = None
    half_width: float | None = None
    limit: float | None = None
    p: float | None = None
    why: str = ""

    @property
    def passed(self) -> bool:
        return not self.why


@dataclass(frozen=True)
class Outcome:
    """One case."""

    case: Case
    verdicts: tuple[Verdict, ...]
    measured: Measured | None
    cpu_s: float
    refusal: str = ""

    @property
    def passed(self) -> bool:
        return not self.refusal and all(verdict.passed for verdict in self.verdicts)

    def table(self) -> dict[str, Any]:
        """As JSON tells it."""
        found: dict[str, Any] = {"id": self.case.id, "kind": self.case.kind, "passed": self.passed}
        if self.refusal:
            found["refusal"] = self.refusal
        if self.measured is not None:
            found |= {"batches": self.measured.rows, "contacts": self.measured.contacts}
        found["cpu_s"] = round(self.cpu_s, 2)
        found["metrics"] = [_shown(verdict) for verdict in self.verdicts]
        return found


def _shown(verdict: Verdict) -> dict[str, Any]:
    found: dict[str, Any] = {"metric": verdict.metric, "roads": list(verdict.roads), "exact": verdict.exact}
    for name in ("formula", "value", "half_width", "limit", "p"):
        if (value := getattr(verdict, name)) is not None:
            found[name] = value
    return {**found, "passed": verdict.passed} | ({"why": verdict.why} if verdict.why else {})


def judge(case: Case, *, seed: int, budget: Budget, metrics: int, slack: float = SLACK) -> Outcome:
    """Both roads of a case; ``metrics``: of the whole file, which share the false alarms."""
    started = time.process_time()
    try:
        formulas = closed_form(case)
        variances = asymptotic_variances(case)

        def verdicts_of(measured: Measured | None) -> tuple[Verdict, ...]:
            return tuple(
                _verdict(case, name, formulas.get(name), variances.get(name), measured, ALARM / metrics, slack)
                for name in case.expected
            )

        def is_enough(measured: Measured) -> bool:
            return not any(verdict.why in TOO_LITTLE for verdict in verdicts_of(measured))

        measured = measure(case, seed, budget, is_enough) if is_simulated(case) else None
    except CaseErrors as error:
        return Outcome(case, (), None, time.process_time() - started, "; ".join(error.problems))
    except (NotSimulated, LookupError, ArithmeticError, ValueError) as error:
        # Metrics with numbers that no model of the case has; one case must not end the others.
        return Outcome(case, (), None, time.process_time() - started, f"{type(error).__name__}: {error}")
    return Outcome(case, verdicts_of(measured), measured, time.process_time() - started)


def _verdict(
    case: Case, name: str, formula: float | None, variance: float | None, measured: Measured | None, alarm: float, slack: float
) -> Verdict:  # fmt: skip
    verdict = _by_formula(case, name, formula)
    if measured is not None and name in measured.too_short:
        verdict = replace(verdict, roads=(*verdict.roads, "twin"), why=verdict.why or "too_short")
    elif measured is not None and (found := measured.estimates.get(name)) is not None:
        known = _known_error(case, name, variance, measured)
        limit = _limit(case, name, found, variance, measured.length, slack)
        verdict = _by_twin(verdict, found, limit, alarm, known)
    return verdict if verdict.roads else replace(verdict, why="no_road")


def _by_formula(case: Case, name: str, formula: float | None) -> Verdict:
    exact = case.expected[name]
    if formula is None:
        return Verdict(name, (), exact)
    agrees = abs(formula - exact) <= tolerance(case, name)
    return Verdict(name, ("formula",), exact, formula, why="" if agrees else "formula")


def _by_twin(verdict: Verdict, found: Estimate, limit: float, alarm: float, known: float) -> Verdict:
    """``known``: the standard error that theory says; what chance made look surer than that is not believed."""
    name, exact = verdict.metric, verdict.exact
    if name.startswith(AT_INSTANTS) and known:
        found = replace(found, error=known)
    p = _p_value(replace(found, error=max(found.error, known)), exact, limit)
    return replace(
        verdict,
        roads=(*verdict.roads, "twin"),
        value=found.value,
        half_width=found.half_width,
        limit=limit,
        p=p,
        why=verdict.why or _complaint(name, found, exact, limit, p, alarm),
    )


def _known_error(case: Case, name: str, variance: float | None, measured: Measured) -> float:
    """Of a run so long by theory, 0 where that is silent. Yes or no at an instant scatters by p(1 − p) in each run."""
    if name.startswith(AT_INSTANTS) and not measured.length:
        share = case.expected[name]
        return sqrt(max(share * (1 - share), 0.0) / measured.rows)
    if variance is None or not measured.length or name.startswith(ROUGHLY):
        return 0.0
    return sqrt(max(variance, 0.0) / measured.length)


def _limit(case: Case, name: str, found: Estimate, variance: float | None, length: float, slack: float) -> float:
    """How wide the half-width may be."""
    fixed = OF_A_SHARE if is_share(name) else OF_A_MEAN * _size(case, name)
    if variance is None or not length:
        return fixed
    implied = slack * float(student.ppf(0.5 + CONFIDENCE / 2, found.freedom)) * sqrt(variance / length)
    # What leaves a little out asks nobody for more than would be asked without it.
    return max(implied, fixed) if name.startswith(ROUGHLY) else implied


def _size(case: Case, name: str) -> float:
    """Of a course in time, its height: late in an evening there is next to nothing to be exact about."""
    if not name.startswith(COURSES):
        return abs(case.expected[name])
    shape = parse_metric(name).shape
    return max(abs(value) for other, value in case.expected.items() if parse_metric(other).shape == shape)


def is_share(name: str) -> bool:
    """Whether a metric lies between 0 and 1 by its nature."""
    return name.startswith(SHARES)


def _p_value(found: Estimate, exact: float, limit: float) -> float:
    """Where all rows agree there is no scatter to test against: what is closer than the limit may well be right."""
    if not found.error:
        return 1.0 if abs(found.value - exact) <= limit else 0.0
    return found.p_value(exact)


def _complaint(name: str, found: Estimate, exact: float, limit: float, p: float, alarm: float) -> str:
    if is_share(name) and min(abs(exact), abs(1 - exact)) <= NEAR_CERTAIN:
        return "" if abs(found.value - exact) <= CLOSE else "far"
    if p < alarm:
        return "deviates"
    return "" if found.half_width <= limit else "wide"
