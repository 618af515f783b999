"""Lengths of time: each law has the mean and the shape that its keys say, and patience comes from censored data."""

from __future__ import annotations

from math import exp
from pathlib import Path

import numpy as np
import pytest

from sim.laws import LONGEST_S, length_ms, lengths_ms, lengths_s
from sim.scenario import Length
from sim.scenario.files import kaplan_meier, read_censored
from sim.scenario.problems import Problems

N = 40_000


def drawn(length: Length) -> np.ndarray:
    return lengths_s(length, np.random.default_rng(3), N)


@pytest.mark.parametrize(
    ("length", "mean", "cv2"),
    [
        (Length(30.0, 0.5), 30.0, exp(0.25) - 1),
        (Length(30.0), 30.0, 0.0),
        (Length(law="exponential", mean_s=20.0), 20.0, 1.0),
        (Length(law="deterministic", mean_s=20.0), 20.0, 0.0),
        (Length(law="gamma", mean_s=40.0, cv2=0.25), 40.0, 0.25),
        (Length(scale_s=100.0, shape=2.0), 88.62, 0.2732),
        (Length(shares=(0.5, 0.5), means_s=(10.0, 30.0)), 20.0, 1.5),
        (Length(values_s=(1.0, 2.0, 6.0)), 3.0, 0.5185),
        (Length(law="exponential", mean_s=20.0, balk=0.25), 15.0, 5 / 3),
    ],
)
def test_each_law_has_its_mean_and_its_variability(length: Length, mean: float, cv2: float) -> None:
    """Squared coefficient of variation by hand; forty thousand draws."""
    found = drawn(length)
    assert found.mean() == pytest.approx(mean, rel=0.03)
    assert found.var() / found.mean() ** 2 == pytest.approx(cv2, rel=0.08, abs=1e-9)


def test_a_survival_curve_is_followed_to_its_last_point_and_exponential_beyond() -> None:
    """Half are gone after ten seconds, three quarters after twenty; from there at the rate so far."""
    found = drawn(Length(survival=((10.0, 0.5), (20.0, 0.25))))
    assert [(found > at).mean() for at in (5, 10, 20, 40)] == pytest.approx([0.75, 0.5, 0.25, 0.0625], abs=0.01)
    for_ever = drawn(Length(survival=((10.0, 1.0),)))
    assert set(for_ever.tolist()) == {LONGEST_S}


def test_one_and_many_are_whole_milliseconds() -> None:
    """The usual law by itself, any other through the same door."""
    rng = np.random.default_rng(1)
    assert length_ms(Length(1.2345), rng) == 1_234
    assert length_ms(Length(), rng) == 0
    assert length_ms(Length(law="deterministic", mean_s=2.0), rng) == 2_000
    assert lengths_ms(Length(0.5), rng, 2) == [500, 500]


def test_who_was_served_had_been_patient_that_long() -> None:
    """Kaplan and Meier by hand: of five, one leaves at 2, one is served at 3, one leaves at 4, two are served at 5."""
    points = dict(kaplan_meier([(5, 0), (2, 1), (4, 1), (3, 0), (5, 0)]))
    assert points == pytest.approx({2: 4 / 5, 4: 4 / 5 * 2 / 3})
    assert kaplan_meier([(1, 0)]) == ()


def test_patience_is_found_again_in_what_waiting_hid(tmp_path: Path) -> None:
    """Exponential patience of 60 s, seen only until service at up to 50 s: the curve is the true one where anybody was seen."""
    rng = np.random.default_rng(5)
    patience, wait = rng.exponential(60, 4_000), rng.uniform(0, 50, 4_000)
    rows = [f"{min(p, w):.3f},{int(p < w)}" for p, w in zip(patience, wait, strict=True)]
    path = tmp_path / "waits.csv"
    path.write_text("seconds,left\n" + "\n".join(rows), encoding="utf-8")
    problems = Problems("scenario.toml", {})
    points = read_censored(path, problems)
    assert problems.found == []
    found = drawn(Length(survival=points))
    for at in (10, 20, 30, 40):
        assert (found > at).mean() == pytest.approx(exp(-at / 60), abs=0.03)
