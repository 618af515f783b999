"""A scenario file is read whole or refused whole, with every problem and its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.scenario import ScenarioErrors, clock_ms, clock_text, load_scenario
from tests.sim.stage import SHOP, shop


def test_the_shop_we_ship_is_what_its_issue_asks_for() -> None:
    """Two shops, eight queues' topics, four channels of which one is mail, a day of sixty thousand from half past nine."""
    scenario = shop()
    assert set(scenario.shops) == {"flagship", "outlet"}
    assert set(scenario.channels) == {"web", "app", "wechat", "email"}
    assert [name for name, channel in scenario.channels.items() if channel.mail] == ["email"]
    assert (scenario.volume, clock_text(scenario.at_ms), scenario.day.name) == (60_000, "09:30:00", "bank")
    assert scenario.day.day_alpha == pytest.approx(61.165, abs=0.001)
    assert sum(scenario.day.half_hours) == pytest.approx(1.0)


def test_the_command_line_may_choose_another_day_time_volume_and_seed() -> None:
    """Double 11 at midnight with two hundred thousand contacts: the hours are relative to their own sum."""
    scenario = shop(day="double11", at="00:00", volume=200_000, seed=5)
    assert (scenario.day.name, scenario.at_ms, scenario.volume, scenario.seed) == ("double11", 0, 200_000, 5)
    assert scenario.day.half_hours[0] / scenario.day.half_hours[9] == pytest.approx(8.0 / 0.5)
    assert scenario.day.shifts["late"] == (0, 24 * 3_600_000)


def test_each_day_of_the_shop_has_a_title_in_both_languages() -> None:
    """In Chinese where the file has it, else as the title stands."""
    for name in ("bank", "double11"):
        day = shop(day=name).day
        assert day.title_in("en") == day.title == day.title_in("fr")
        assert day.title_in("zh") != day.title and not day.title_in("zh").isascii()


def _broken(tmp_path: Path, *changes: tuple[str, str]) -> list[str]:
    text = SHOP.read_text(encoding="utf-8").replace("../data", str(SHOP.parents[1] / "data"))
    (tmp_path / "policy.toml").write_text((SHOP.parent / "policy.toml").read_text(encoding="utf-8"), encoding="utf-8")
    for old, new in changes:
        assert re.search(old, text, re.MULTILINE), old
        text = re.sub(old, new, text, count=1, flags=re.MULTILINE)
    path = tmp_path / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioErrors) as caught:
        load_scenario(path)
    return [problem.replace(str(path), "FILE") for problem in caught.value.problems]


def test_wrong_types_in_three_tables_are_three_messages_with_their_paths(tmp_path: Path) -> None:
    """msgspec stops at its first error; we look into each table, so the reader sees all of them at once."""
    problems = _broken(
        tmp_path,
        (r"^\[tiers.vip\]\nshare = 0.03", "[tiers.vip]\nshare = 3.0"),
        (r"^volume = 60_000", 'volume = "many"'),
        (r"^count = 4", "count = 4\nlegs = 2"),
    )
    assert problems == [
        'FILE:12, scenario.volume: got "many", wanted a whole number ≥ 0',
        "FILE:120, tiers.vip.share: got 3.0, wanted a number ≥ 0 and ≤ 1",
        "FILE:167, bots.legs: is unknown, wanted one of count, pool, capacity, answer, silence, session",
    ]


def test_what_does_not_fit_together_is_named_with_what_would(tmp_path: Path) -> None:
    """Types are right, sense is not: an unknown shift, swapped levels, a topic that is nowhere, shares that do not sum."""
    problems = _broken(
        tmp_path,
        (r"crews = \{ early = 66", "crews = { dawn = 66"),
        (r"payment = \[3, 8\]", "payment = [8, 3]"),
        (r'^passed_to = "delivery"', 'passed_to = "nowhere"'),
        (r"^flagship = 0.72", "flagship = 0.5"),
        (r'^early = \["08:00", "16:30"\]', 'early = ["16:30", "08:00"]'),
        (r"capacity = \[4, 4\]", "capacity = [4, 3]"),
        (r'^at = "09:45"', 'at = "25:08"'),
    )
    told = "\n".join(problems)
    for part in (
        'topics.dispatch.passed_to: got "nowhere", wanted one of presale',
        "shops: the shares sum to 0.78, wanted 1",
        'days.bank.surges[0].at: got "25:08", wanted a time HH:MM',
        'shifts.early: got "16:30" to "08:00", wanted two times HH:MM, the earlier first',
        'teams[0].crews.dawn: got "dawn", wanted one of early, late, night',
        "teams[0].skills.payment: got [8, 3], wanted the lower level first",
        "teams[2].capacity: got [4, 3], wanted [least, most] with 1 <= least <= most",
    ):
        assert part in told
    assert len(problems) == 7


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ((r'^day = "bank"', 'day = "eid"'), 'scenario.day: got "eid", wanted one of bank, double11'),
        ((r'^at = "09:30"', 'at = "24:00"'), 'scenario.at: got "24:00", wanted HH:MM from 00:00 to 23:59'),
        ((r'^policy = "policy.toml"', 'policy = "gone.toml"'), "scenario.policy: cannot be read: "),
        ((r"^profile = .*$", 'profile = "gone.json"'), "gone.json:1: cannot be read: "),
        ((r"^profile = .*$", ""), "days.bank: got nothing, wanted exactly one of profile, half_hours"),
        ((r"^\[customers\]$", "[customer]"), "customers: is missing, wanted a table"),
        ((r"^\[scenario\]$", "[scenario"), "is not TOML"),
        ((r"^    8.0, 6.0, 3.5", "    6.0, 3.5"), "got 47 weights, wanted 48 half hours"),
    ],
)
def test_each_other_mistake_has_its_message(tmp_path: Path, change: tuple[str, str], problem: str) -> None:
    """One mistake, one message that says what was got and what was wanted."""
    assert any(problem in found for found in _broken(tmp_path, change))


def test_a_file_that_is_not_there_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(ScenarioErrors, match=r"nowhere\.toml:1: cannot be read"):
        load_scenario(tmp_path / "nowhere.toml")


def test_a_profile_must_be_a_profile(tmp_path: Path) -> None:
    """A JSON file of another kind, or of the wrong length, is refused with its name."""
    other = tmp_path / "other.json"
    for text in ('{"half_hour_mean_calls": [1, 2]}', '{"calls": 3}', "["):
        other.write_text(text, encoding="utf-8")
        problems = _broken(tmp_path, (r"^profile = .*$", f'profile = "{other}"'))
        assert len(problems) == 1 and "other.json" in problems[0]


def test_clock_times_are_read_and_written() -> None:
    """HH:MM up to 24:00, and no other shape; past midnight the clock starts again."""
    assert clock_ms("09:30") == 34_200_000 and clock_ms("24:00") == 86_400_000
    assert [clock_ms(text) for text in ("24:01", "9", "09:60", "aa:bb", "09:3", "")] == [None] * 6
    assert clock_text(86_400_000 + 61_000) == "00:01:01"
