"""Waiting costs sales: who is served late buys less, who leaves buys little, who a bot helps buys all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.twin.money import Account, Money
from sim.twin.scenes import replicate
from tests.sim.scenarios import small

MONEY = """
[money]
conversion = [[0, 1.0], [60, 0.5]]
abandoned = 0.1
"""
VALUE = ("buy = { share = 0.5 }", "buy = { share = 0.5, value = 100 }")


def account(folder: Path, *changes: tuple[str, str], more: str = "") -> Account:
    scenario = small(folder, VALUE, *changes, more=MONEY + more)
    [one] = replicate(scenario, 1, folds=[Money])
    found = one.results[0]
    assert isinstance(found, Account)
    return found


def test_with_enough_people_nothing_is_lost_and_they_cost_what_they_cost(tmp_path: Path) -> None:
    """Nobody waits for forty people, of whom one hour is played; all of the value is kept."""
    found = account(
        tmp_path, ("crews = { day = 6 }", "crews = { day = 40 }"), ("skills = {", "cost_per_hour = 30\nskills = {")
    )
    assert (found.lost, found.staff) == (0.0, 1_200.0)
    assert found.value == pytest.approx(5_000, abs=1_500)


def test_with_nobody_there_all_leave_and_a_tenth_is_kept(tmp_path: Path) -> None:
    """Every buyer loses patience."""
    found = account(tmp_path, ("crews = { day = 6 }", "crews = { day = 0 }"), ("drain_s = 1_200", "drain_s = 9_000"))
    assert found.lost == pytest.approx(0.9 * found.value) and found.value > 3_000


def test_who_waits_half_a_minute_buys_three_quarters(tmp_path: Path) -> None:
    """One buyer comes half a minute before the only person's shift."""
    (tmp_path / "counts.csv").write_text("at,count,topic\n08:00,1,buy\n", encoding="utf-8")
    flow = '\n[[flows]]\nname = "one"\ncounts = "counts.csv"\ninterval_min = 0.001\nexact = true\n'
    found = account(
        tmp_path,
        ("volume = 2_400", "volume = 0"),
        ("crews = { day = 6 }", "crews = { day = 1 }"),
        ('day = ["06:00", "20:00"]', 'day = ["08:00:30", "20:00"]'),
        ('{ law = "exponential", mean_s = 300 }', "{ mean_s = 3_000 }"),
        more=flow,
    )
    assert found == pytest.approx(Account(100.0, 25.0, 0.0), abs=0.2)
