"""``python -m bench recovery`` in small: a journal with a snapshot and a tail, an engine that starts on it and answers."""

from __future__ import annotations

import json

import pytest

from bench import recovery


def test_a_small_recovery_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """200 wait, 50 records behind the snapshot, one start: the figures are there, and the snapshot was of use."""
    words = ["--waiting", "200", "--tail", "50", "--agents", "5", "--rounds", "1", "--json"]
    assert recovery.main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["waiting"] >= 200
    assert found["tail"] == 50
    assert 0 < found["ready_s"] <= found["first_ack_s"]
    assert found["cpu_s"] > 0
    assert found["records"] > found["tail"]


def test_wrong_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert recovery.main(["--waiting", "0"]) == 2
    assert "must be ≥ 1" in capsys.readouterr().err
