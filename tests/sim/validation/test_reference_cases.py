"""Every reference case has a closed form, and it gives the exact values of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.validation.agreement import disagreements, tolerance
from sim.validation.cases import Case, load_cases
from sim.validation.closed_forms import asymptotic_variances, closed_form, unknown_metrics

CASES = load_cases(Path(__file__).parents[2] / "reference" / "cases.json").cases


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_the_closed_form_gives_the_exact_values(case: Case) -> None:
    """A formula or a chain gives each metric of the case, to the precision that the file claims for its own."""
    got = closed_form(case)
    assert unknown_metrics(case) == []
    assert got.keys() == case.expected.keys()
    assert disagreements(case, got) == []


def test_there_are_all_cases() -> None:
    """Thirty-seven, most of them to a part in a thousand million, none looser than a grid's own error."""
    assert len(CASES) == 37
    metrics = [(case, metric) for case in CASES for metric in case.expected]
    exact = [1 for case, metric in metrics if tolerance(case, metric) <= 1e-9 * abs(case.expected[metric]) + 1e-12]
    assert len(exact) > 0.75 * len(metrics)


def test_runs_can_be_sized_by_a_given_variance() -> None:
    """The computed variance of a queue's time average is the one that the file gives; shares and waits have theirs."""
    for case in CASES:
        if case.id in {"n_model_prio_class1", "chat5_k3_MBF", "mm1_rho0.9", "retrial_mm10"}:
            found = asymptotic_variances(case)
            assert all(value > 0 for value in found.values())
            if "AVAR_Lq" in case.expected:
                assert found["E_Lq"] == pytest.approx(case.expected["AVAR_Lq"], rel=1e-8)
            if "AVAR_N" in case.expected:
                assert found["E_N"] == pytest.approx(case.expected["AVAR_N"], rel=1e-9)
            assert {"E_W", "E_W_class1", "E_orbit"} & found.keys()
