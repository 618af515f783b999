"""Files of cases: other cases of the same kinds are taken, and what is wrong is said with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sim.validation.agreement import disagreements
from sim.validation.cases import CaseErrors, load_cases
from sim.validation.closed_forms import closed_form, unknown_metrics
from sim.validation.metrics import parse_metric

MMN = {"id": "a", "kind": "mmn", "params": {"lam": 1, "mu": 1, "n": 2}, "expected": {"P_wait": 1 / 3}}


def written(folder: Path, *cases: Any) -> Path:
    path = folder / "own.json"
    path.write_bytes(msgspec.json.encode({"cases": cases}))
    return path


def problems_of(path: Path) -> list[str]:
    with pytest.raises(CaseErrors) as caught:
        load_cases(path)
    return caught.value.problems


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    """An unknown kind, a missing field, a wrong type, a negative rate, an id used twice: five problems, five places."""
    problems = problems_of(
        written(
            tmp_path,
            MMN,
            {**MMN, "id": "b", "kind": "mmm"},
            {**MMN, "id": "c", "params": {"lam": -1, "mu": "fast"}},
            {**MMN, "id": "d", "expected": {"P_wait": "often"}},
            MMN,
        )
    )
    assert len(problems) == 6
    assert 'case "b": kind must be one of' in problems[0] and 'got "mmm" (own.json, cases[1].kind)' in problems[0]
    assert problems[1] == 'case "c": lam: expected `float` > 0.0, got -1 (own.json, cases[2].params.lam)'
    assert problems[2] == 'case "c": mu: expected `float`, got `str`, got "fast" (own.json, cases[2].params.mu)'
    assert problems[3] == 'case "c": n is missing (own.json, cases[2].params)'
    assert problems[4].endswith("(own.json, cases[3].expected[...])")
    assert "id must be used once, is also that of cases[0]" in problems[5]


def test_a_place_inside_a_field_is_named(tmp_path: Path) -> None:
    """The second pool of the first case has no servers: the message leads there."""
    params = {
        "lams": [1.0],
        "thetas": [0.5],
        "pools": [{"n": 1, "mu_by_class": {"1": 1.0}}, {"n": 0, "mu_by_class": {"1": 1.0}}],
        "arrival_pool_order": {"1": [1, 2]},
        "freed_agent_order": {"1": [1], "2": [1]},
    }
    problems = problems_of(written(tmp_path, {"id": "s", "kind": "skills", "params": params, "expected": {}}))
    assert problems == ['case "s": pools[1].n: expected `int` >= 1, got 0 (own.json, cases[0].params.pools[1].n)']


def test_unknown_kinds_can_be_left_out(tmp_path: Path) -> None:
    """Asked for, a kind that nobody knows is set aside with its name, and the others are read."""
    found = load_cases(written(tmp_path, MMN, {**MMN, "id": "b", "kind": "mmm"}), skip_unsupported=True)
    assert [case.id for case in found.cases] == ["a"]
    assert found.unsupported == (("b", "mmm"),)


def test_no_file_no_json_no_cases(tmp_path: Path) -> None:
    """Files that hold no cases: each says what it is instead."""
    assert "cannot be read" in problems_of(tmp_path / "none.json")[0]
    (tmp_path / "text.json").write_text("{")
    assert "not JSON" in problems_of(tmp_path / "text.json")[0]
    (tmp_path / "list.json").write_text("[]")
    assert problems_of(tmp_path / "list.json")[0].endswith('must be an object with a list "cases", got [] (list.json)')
    (tmp_path / "list.json").write_text('{"cases": 3}')
    assert problems_of(tmp_path / "list.json") == ['"cases" must be a list of cases, got 3 (list.json)']
    assert "must be an object, got 7" in problems_of(written(tmp_path, 7))[0]


def test_names_of_metrics_are_taken_apart() -> None:
    """A class, a time cut short, a sign: the numbers in a name, and what is left of it."""
    assert parse_metric("busy_pool2_class1").numbers == (2, 1)
    assert parse_metric("busy_pool2_class1").shape == "busy_pool#_class#"
    assert parse_metric("SL_all(0.333333)").numbers == (1 / 3,)
    assert parse_metric("SL_all(0.35)").numbers == (0.35,)
    assert parse_metric("SL_all(0.333444)").numbers == (0.333444,)
    assert parse_metric("theta/mu=0.1 beta=-0.5").numbers == (0.1, -0.5)
    assert parse_metric("P(W2>0.2)").shape == "P(W#>#)"


OTHERS: list[dict[str, Any]] = [
    {"kind": "mg1", "params": {"lam": 0.8, "mean": 1.0, "cv2": 1.0}, "expected": {"E_W": 4.0, "util": 0.8}},
    {"kind": "mg1", "params": {"lam": 0.5, "mean": 1.0, "sigma_log": 0.0}, "expected": {"E_W": 0.5, "E_T": 1.5}},
    {
        "kind": "mmn_g",
        "params": {"lam": 3.0, "mu": 1.0, "n": 3, "patience": {"dist": "hyperexp", "p": 0.3, "rates": [0.4, 0.4]}},
        "expected": {"P_abandon": 0.17553752437655484, "SL_served(0.5)": 0.679051528415933},
    },
    {
        "kind": "mmn_g",
        "params": {"lam": 3.0, "mu": 1.0, "n": 3, "patience": {"dist": "exponential", "theta": 0.4}},
        "expected": {"E_W": 0.4388438109413871, "util": 0.8244624756234452},
    },
    {
        "kind": "skills",
        "params": {
            "lams": [1.5, 1.5],
            "thetas": [0.4, 0.4],
            "pools": [{"n": 3, "mu_by_class": {"1": 1.0, "2": 1.0}}],
            "arrival_pool_order": {"1": [1], "2": [1]},
            "freed_agent_order": {"1": "LQF"},
        },
        "expected": {"P_wait_class1": 0.668429120622063, "util_pool1": 0.8244624756234452},
    },
    {
        "kind": "chat_skills",
        "params": {
            "nA": 2,
            "nB": 3,
            "k": 1,
            "total_rate_by_level": [0.0, 1.0],
            "lams": [1e-9, 3.0],
            "thetas": [0.4, 0.4],
        },
        "expected": {"P_abandon_class2": 0.17553752437655484, "slot_util_poolB": 0.8244624756234452},
    },
    {
        "kind": "gamma_mixed",
        "params": {"lam": 3.0, "mu": 1.0, "n": 3, "theta": 0.4, "alpha": 1e9},
        "expected": {"P_abandon": 0.17553752437655484, "E_Lq": 1.3165314328241613},
    },
    {"kind": "qed", "params": {}, "expected": {"beta=0.5": 0.504537}},
    {
        "kind": "mt_inf",
        "params": {"a": 100, "b": 20, "omega": 1, "mu": 1, "start": "empty"},
        "expected": {"m(0)": 0.0},
    },
]


def test_other_cases_of_the_kinds_are_answered(tmp_path: Path) -> None:
    """Cases that the file at hand has none of: each is a known case in other clothes."""
    cases = [{"id": str(place), "precision": "about 1e-5", **case} for place, case in enumerate(OTHERS)]
    for case in load_cases(written(tmp_path, *cases)).cases:
        assert unknown_metrics(case) == []
        assert disagreements(case, closed_form(case)) == []


def test_a_metric_that_no_formula_gives_is_named(tmp_path: Path) -> None:
    """Nobody knows the customers' mood: the others are answered, this one is named."""
    (case,) = load_cases(written(tmp_path, {**MMN, "expected": {"P_wait": 0.3, "mood": 1.0}})).cases
    assert unknown_metrics(case) == ["mood"]
    assert closed_form(case).keys() == {"P_wait"}
    assert disagreements(case, closed_form(case))[0].startswith("a P_wait: got 0.333")


@pytest.mark.parametrize(
    ("kind", "changed", "message"),
    [
        ("mmn_g", {"patience": {"dist": "endless"}}, "patience.dist must be one of"),
        ("mmn_g", {"patience": {"dist": "lognormal", "mean": 1.0}}, "sigma_log is missing"),
        ("mg1", {"mean": 0.5}, "needs cv2 or sigma_log"),
        ("mmn", {"lam": 2.0}, r'case "x": arrivals must be below servers × service = 2, got 2 \(kind mmn\)'),
        ("chat_pool", {"N": 1, "k": 3, "total_rate_by_level": [0, 1], "theta": 0.1}, "a rate for 0…3 chats"),
    ],
)
def test_what_no_field_shows_is_said_when_solved(
    tmp_path: Path, kind: str, changed: dict[str, Any], message: str
) -> None:
    """Fields that do not go together: the sentence names them."""
    row = {"id": "x", "kind": kind, "params": {"lam": 1.0, "mu": 1.0, "n": 2, **changed}, "expected": {"E_W": 1.0}}
    (case,) = load_cases(written(tmp_path, row)).cases
    with pytest.raises(CaseErrors, match=message):
        closed_form(case)
