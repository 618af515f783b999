"""The twin's benchmark: everybody plays the same model, or it says who does not."""

from __future__ import annotations

import json

import pytest

from bench import twin
from bench._peers import Load, callbacks, processes


def test_it_measures_the_twin_beside_its_peers(capsys: pytest.CaptureFixture[str]) -> None:
    """One small round: contacts per second, ratios to the peers that are there, the cost of each stage."""
    assert twin.main(["--contacts", "3000", "--rounds", "1", "--peers", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["same_model"] == "yes"
    assert {"simpy", "simpy_callbacks"} <= told["ratios"].keys() <= {"simpy", "simpy_callbacks", "ciw"}
    assert all(ratio > 0 for ratio in told["ratios"].values())
    assert told["stages_us"].keys() == {"dispatcher", "clock", "draws", "actors_and_sums"}


def test_both_ways_by_hand_play_the_same_customers() -> None:
    """A process for each customer, and callbacks: the same draws, so the same people wait and leave."""
    load = Load(contacts=4_000)
    assert processes(load) == callbacks(load)


def test_another_model_is_found_out() -> None:
    """A peer whose customers never leave would be fast at something else."""
    assert twin.wrong("peer", (60_000, 28_000, 0), Load())


def test_nonsense_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """No contacts: wrong use, nothing measured."""
    assert twin.main(["--contacts", "0"]) == 2
    assert "≥ 1" in capsys.readouterr().err
