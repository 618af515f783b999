"""The fewest people that meet a target: as many as theory says, where it knows the answer."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from sim.commands import sim
from sim.scenario import DAY_MS, load_scenario
from sim.staffing.days import Days
from sim.staffing.judging import achieved
from sim.staffing.playing import periods
from sim.staffing.requirement import Requirement, layers, planned, square_root, staffed
from sim.staffing.searching import Effort, staff
from sim.staffing.targets import Target, TargetError, parse_target
from sim.theory.chats import chat_pool
from sim.theory.erlang import ErlangC
from tests.sim.staffing.line import write_line

HOUR = 3_600_000


def test_the_smallest_staff_of_erlang_c(tmp_path: Path) -> None:
    """One a minute, five minutes each, 80 % within 20 s: eight people (a reference case), found and confirmed by the twin,
    with the figures of seven beside them and everything in the folder asked for."""
    path = write_line(tmp_path, volume=1_440, work_s=300)
    arguments = [
        "staff",
        str(path),
        "--target",
        "sl_all(20s)>=0.8",
        "--interval",
        "1440",
        "--processes",
        "1",
        "--budget",
        "9999",
        "--reps",
        "3",
    ]
    done = CliRunner().invoke(
        sim, [*arguments, "--fresh", "6", "--out", str(tmp_path / "out"), "--json", "--lang", "en"]
    )
    assert done.exit_code == 0, done.output
    told = msgspec.json.decode(done.stdout)
    (interval,) = told["intervals"]
    assert (
        interval["people"] == {"desk": 8} and interval["pools"] == {"onsite": 8} and interval["planned"] == {"desk": 4}
    )
    assert interval["load"]["desk"] == pytest.approx(5.0, rel=0.1)
    (target,), (fewer,) = told["targets"], told["one_step_fewer"]
    assert target["sure"] and target["low"] <= ErlangC(1.0, 0.2, 8).service_level_all(1 / 3) <= target["high"]
    assert fewer["value"] < 0.8
    assert (told["hours"], told["cost"]) == (8 * 24, 8 * 24 * 30)
    assert "8 / " in done.stderr and "met with 95 % confidence" in done.stderr
    assert (tmp_path / "out" / "staffing.svg").read_text().startswith("<svg")
    assert (tmp_path / "out" / "staffing.csv").read_text().splitlines()[1].startswith("00:00,8,")


def test_the_smallest_chat_team_of_a_chain(tmp_path: Path) -> None:
    """Three chats each, attention shared: by the chain two people lose 17 % and three 2 %, so for 5 % it takes three."""
    rates = (1.0, 1.6, 1.8)
    exact = [
        chat_pool(arrivals=4.0, abandon=0.3, agents=agents, rates=(0.0, *rates)).abandonment(0) for agents in (2, 3)
    ]
    assert exact[0] > 0.1 and exact[1] < 0.03
    path = write_line(tmp_path, volume=1_152, work_s=300, patience_s=1_000, rates=rates)
    found = staff(
        load_scenario(path), [parse_target("abandonment<=5%", DAY_MS)], DAY_MS, Effort(fresh=4, budget_s=9_999)
    )
    assert found.confirmed and found.requirement.people == {"desk": (3,)}
    assert found.reached[0].low <= exact[1] <= found.reached[0].high


def test_people_follow_a_load_that_moves(tmp_path: Path) -> None:
    """Nobody writes at night, and twice as many in the afternoon as in the morning: so are the people, layer by layer."""
    path = write_line(tmp_path, volume=1_500, work_s=120, half_hours=(0,) * 16 + (1,) * 16 + (2,) * 16)
    target = parse_target("sl_all(60s)>=0.8", 8 * HOUR)
    found = staff(load_scenario(path), [target], 8 * HOUR, Effort(reps=2, fresh=4, budget_s=9_999))
    night, morning, afternoon = found.requirement.people["desk"]
    assert found.confirmed and night <= 1 < morning < afternoon


# --- targets ----------------------------------------------------------------------------------------------------------


def test_a_target_in_words() -> None:
    """All that may stand in the brackets, in any order."""
    found = parse_target("reply_rate(queue=presale, 180s, 08:00-24:00, period=2h) >= 95%", HOUR)
    assert (found.measure, found.at_least, found.goal, found.within_ms) == ("reply_rate", True, 0.95, 180_000)
    assert (found.window_ms, found.dimension, found.name) == ((8 * HOUR, 24 * HOUR), "queue", "presale")
    assert found.period_ms == 2 * HOUR
    assert parse_target("wait_p95_ms(tier=vip)<=1.5m", HOUR).goal == 90_000


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ("reply_rate is fine", "form", 1),
        ("niceness>=0.9", "measure", 1),
        ("occupancy>=0.9", "measure", 1),
        ("abandonment>=0.05", "sign", 12),
        ("abandonment<=5", "goal", 14),
        ("asa_ms<=30", "goal", 9),
        ("sl_all(20s, 25:00-26:00)>=0.8", "window", 13),
        ("sl_all(08:10-24:00)>=0.8", "window", 8),
        ("sl_all(20s, mood=good)>=0.8", "term", 13),
        ("sl_all(20s, 30s)>=0.8", "twice", 12),
        ("sl_all(period=10m)>=0.8", "period", 8),
    ],
)
def test_what_is_wrong_with_a_target_is_said_with_its_place(text: str, code: str, column: int) -> None:
    with pytest.raises(TargetError) as raised:
        parse_target(text, HOUR)
    assert (raised.value.code, raised.value.column) == (code, column)


def test_all_problems_at_once_in_both_languages(tmp_path: Path) -> None:
    """A target that is none, one of a queue that is not there: both are named, nothing is played or written."""
    path = write_line(tmp_path, volume=100, work_s=60)
    wrong = ["--target", "happiness>=1", "--target", "abandonment(queue=presale)<=0.05"]
    for lang, words in (("en", "wanted one of help"), ("zh", "应为 one of help")):
        done = CliRunner().invoke(sim, ["staff", str(path), *wrong, "--out", str(tmp_path / "out"), "--lang", lang])
        assert done.exit_code == 2 and "happiness" in done.stderr and words in done.stderr
    assert not (tmp_path / "out").exists()


# --- requirements -----------------------------------------------------------------------------------------------------


def test_the_kth_colleague_comes_when_k_are_needed(tmp_path: Path) -> None:
    """Layers add up to the counts; the scenario made of them gives them back."""
    counts = (0, 3, 1, 1, 2, 0)
    spans = layers(counts, 4 * HOUR)
    assert spans[0] == ((4 * HOUR, 20 * HOUR),) and spans[1] == ((4 * HOUR, 8 * HOUR), (16 * HOUR, 20 * HOUR))
    scenario = load_scenario(write_line(tmp_path, volume=100, work_s=60))
    wanted = Requirement(4 * HOUR, {"desk": counts})
    assert planned(staffed(scenario, wanted), 4 * HOUR).people == wanted.people


def test_the_square_root_rule_adds_for_those_who_do_not_come() -> None:
    """100 at β = 0.5 are 105; of whom one in ten is away, so 117; where there is no load, nobody."""
    found = square_root({"desk": (100.0, 0.0, 0.01)}, 0.5, {"desk": 0.1}, 8 * HOUR)
    assert found.people == {"desk": (117, 0, 1)}


def test_a_period_is_held_to_the_target_by_its_worst() -> None:
    """Hours 0 and 1 are fine, hour 2 is not: all together would be."""
    target = Target("", "sl_all", True, 0.8, period_ms=HOUR)
    assert periods(target, 0, 5, HOUR // 2) == [[0, 1], [2, 3], [4, 5]]
    days = Days((1, 2, 3), (1.0, 1.0, 1.0))
    figures = {place: ((0.95, 0.94, worst),) for place, worst in enumerate((0.70, 0.72, 0.71))}
    found = achieved(target, days, figures, 0)
    assert not found.met and found.value == pytest.approx(0.71)
    assert achieved(target, days, dict.fromkeys(range(3), ((0.95, -1.0, 0.81),)), 0).sure, "nobody came in hour 1"
