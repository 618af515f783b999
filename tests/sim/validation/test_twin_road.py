"""A quick slice of validation: cases of each kind through the dispatcher, for less than a second each."""

from __future__ import annotations

from pathlib import Path

import msgspec
import orjson
import pytest
from click.testing import CliRunner

from sim.commands import sim
from sim.twin.batches import Budget
from sim.validation.cases import load_cases
from sim.validation.judging import judge
from sim.validation.twin_road import measure

FILE = Path(__file__).parents[2] / "reference" / "cases.json"
CASES = {case.id: case for case in load_cases(FILE).cases}
METRICS = sum(len(case.expected) for case in CASES.values())

CONTACTS = 15_000

# One of each shape: order of pools, reserve, priorities, loss, places, several chats at once, sharing, coming back.
QUICK = (
    "erlanga_small", "mmnG_balk10pct", "erlangb_a10_n10",
    "prio2_ab_mm10", "v_model_prio", "n_model_prio_class1", "n_model_reserve1", "chat1_k3",
    "chat5_k3_MBF", "ps_loss_k3", "mg1_ps", "retrial_mm10", "gamma_poisson_counts",
)  # fmt: skip


@pytest.mark.parametrize("name", QUICK)
def test_the_twin_agrees_with_the_exact_answer(name: str) -> None:
    """Some contacts of each reference case: no metric deviates more than chance would; wide intervals are no matter here."""
    outcome = judge(CASES[name], seed=1, budget=Budget(contacts=CONTACTS), metrics=METRICS)
    wrong = [verdict for verdict in outcome.verdicts if verdict.why not in ("", "wide", "too_short")]
    assert not wrong and not outcome.refusal
    assert all("twin" in verdict.roads or verdict.metric.startswith("AVAR") for verdict in outcome.verdicts)


def test_a_wrong_answer_is_told(tmp_path: Path) -> None:
    """The share that leaves an Erlang A queue is put 20 % too high: formula and twin both say so, and the file fails."""
    table = msgspec.json.decode(FILE.read_bytes())
    case = next(row for row in table["cases"] if row["id"] == "erlanga_small")
    case["expected"]["P_abandon"] *= 1.2
    path = tmp_path / "wrong.json"
    path.write_bytes(msgspec.json.encode({"cases": [case]}))
    done = CliRunner().invoke(sim, ["validate", str(path), "--contacts", "20000", "--json", "--lang", "en"])
    assert done.exit_code == 1
    told = msgspec.json.decode(done.stdout)
    assert {name: told[name] for name in ("cases", "passed", "failed", "skipped")} == {
        "cases": 1, "passed": 0, "failed": 1, "skipped": 0,
    }  # fmt: skip
    (wrong,) = (metric for metric in told["results"][0]["metrics"] if metric["metric"] == "P_abandon")
    assert wrong["roads"] == ["formula", "twin"] and wrong["why"] == "formula" and wrong["p"] < 1e-6
    assert "P_abandon" in done.stderr


def test_unknown_kinds_fail_unless_they_are_skipped(tmp_path: Path) -> None:
    """A file with a kind that nobody knows: named and refused; with --skip-unsupported counted as skipped, in Chinese too."""
    path = tmp_path / "strange.json"
    strange = {"id": "odd", "kind": "polling", "params": {}, "expected": {}}
    fine = {"id": "functions", "kind": "qed", "params": {}, "expected": {"theta/mu=1 beta=0": 0.5}}
    path.write_bytes(msgspec.json.encode({"cases": [strange, fine]}))
    refused = CliRunner().invoke(sim, ["validate", str(path)])
    assert refused.exit_code == 2 and 'case "odd"' in refused.stderr and "polling" in refused.stderr
    skipped = CliRunner().invoke(sim, ["validate", str(path), "--skip-unsupported", "--lang", "zh_CN.UTF-8"])
    assert skipped.exit_code == 0
    assert "跳过  odd：未知的类型 polling" in skipped.stdout
    assert skipped.stdout.splitlines()[-1] == "2 个算例：通过 1，未通过 0，跳过 1"


def test_a_run_whose_intervals_are_too_wide_goes_on():
    case, seen = CASES["mm1450_scale"], []

    def is_enough(measured):
        seen.append(measured.contacts)
        return len(seen) >= 3

    measured = measure(case, 1, Budget(contacts=20_000, most=8), is_enough)
    assert [round(contacts / seen[0]) for contacts in seen[:3]] == [1, 2, 4]
    assert measured.contacts == seen[-1]


def test_a_run_that_never_has_enough_ends():
    measured = measure(CASES["mm1450_scale"], 1, Budget(contacts=20_000, most=4), lambda _measured: False)
    assert 70_000 <= measured.contacts < 100_000  # less the warm-up


def test_a_percentile_is_told_in_json():
    outcome = judge(CASES["mm1450_scale"], seed=1, budget=Budget(contacts=50_000), metrics=METRICS)
    assert b"W_q0.99" in orjson.dumps(outcome.table())
