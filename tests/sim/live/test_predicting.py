"""The twin beside what was measured: the same figures, an interval for one more run, latency targets, a smaller scenario."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from sim.arrivals import mean_arrivals
from sim.live.commands import live
from sim.live.predicting import as_played, beside, figures_of, predict
from sim.live.scaling import scaled
from sim.ready_made import find_scenario, ready_made
from sim.scenario import load_scenario
from sim.tally import Figures
from tests.sim.stage import shop

MINUTE_MS = 60_000


def test_one_more_run_lies_where_the_twin_says() -> None:
    """Of three runs the interval is mean ± t × s × √(4/3): 4.303 × 10 × 1.1547 around 100."""
    found = beside([{"answered": 90.0}, {"answered": 100.0}, {"answered": 110.0}], {"answered": 149.0})["answered"]
    assert (found.predicted, found.measured, found.inside) == (100.0, 149.0, True)
    assert (found.low, found.high) == (pytest.approx(50.32, abs=0.01), pytest.approx(149.68, abs=0.01))
    assert beside([{"answered": 90.0}, {"answered": 110.0}], {"answered": 350.0})["answered"].inside is False


def test_what_nobody_measured_is_not_held_against_anything() -> None:
    """-1 means that there was none: neither a run of the twin without it counts, nor a measured one."""
    found = beside([{"asa_ms": -1.0}, {"asa_ms": -1.0}], {"asa_ms": 7.0})["asa_ms"]
    assert (found.predicted, found.inside) == (None, None)
    assert beside([{"asa_ms": 3.0}, {"asa_ms": 5.0}], {"asa_ms": -1.0})["asa_ms"].measured is None


def test_the_twin_gives_the_figures_that_the_clients_are_judged_by() -> None:
    """Two minutes of the shop: each submitted contact has one outcome, by the names of the live report."""
    [run] = predict(as_played(shop(), 2 * MINUTE_MS, MINUTE_MS), 1)
    assert set(run) == set(figures_of(Figures("all")))
    outcomes = ("answered", "abandoned", "deflected", "bot_contained", "open")
    assert run["submitted"] == sum(run[name] for name in outcomes) > 50


@pytest.mark.parametrize("name", ["shop", "double11", "presale20", "education"])
def test_a_scaled_scenario_has_so_much_of_the_contacts_and_of_the_people(name: str) -> None:
    """A tenth of both, whatever form the scenario's arrivals have; of each crew somebody is left."""
    assert name in ready_made()
    path = find_scenario(name)
    assert path is not None
    whole = load_scenario(path)
    tenth = scaled(whole, 0.1)
    span = whole.at_ms, whole.at_ms + 60 * MINUTE_MS
    assert mean_arrivals(tenth, *span) == pytest.approx(mean_arrivals(whole, *span) / 10, rel=0.02)
    crews = [(team.crews[shift], whole.teams[place].crews[shift]) for place, team in enumerate(tenth.teams) for shift in team.crews]  # fmt: skip
    assert all(max(1, was // 10) <= now <= was // 10 + 1 for now, was in crews if was)


def test_a_live_run_wants_one_engine_and_a_scenario_that_exists() -> None:
    said = CliRunner().invoke(live, ["shop"])
    assert said.exit_code == 2 and "--embedded and --target" in said.stderr
    said = CliRunner().invoke(live, ["nowhere", "--embedded"])
    assert said.exit_code == 2 and "double11" in said.stderr
