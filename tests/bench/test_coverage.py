"""The coverage campaign in small: a few runs of the quickest case."""

from __future__ import annotations

import json

import pytest

from bench import coverage


def test_a_few_runs_are_counted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Four short runs of the chat pool: each metric has a share, and the judged one is told apart from the others."""
    monkeypatch.setitem(coverage.TRIALS, "chat5_k3_MBF", coverage.Trial("E_Lq", 1_500))
    code = coverage.main(["--runs", "4", "--only", "chat5_k3_MBF", "--processes", "1", "--json"])
    told = json.loads(capsys.readouterr().out)
    case = told["cases"]["chat5_k3_MBF"]
    assert case["coverage"] in {0, 0.25, 0.5, 0.75, 1} and case["metric"] == "E_Lq"
    assert "P_agent_idle" in case["others"] and "E_Lq" not in case["others"]
    assert code == (0 if case["holds"] else 1)


def test_shares_are_of_the_runs_that_measured() -> None:
    """A metric that one run of three saw nothing of is a share of the two."""
    assert coverage.share_of([{"a": True, "b": True}, {"a": False}, {"a": True, "b": False}]) == {"a": 0.6667, "b": 0.5}
