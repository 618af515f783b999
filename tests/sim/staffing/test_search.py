"""The search's economy: which days it plays, when it stops playing them, and what it says when it had to stop early."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import gamma

from engine.measures.definitions import MEASURES
from sim.commands import sim
from sim.ready_made import find_scenario
from sim.roster import roster
from sim.scenario import Scenario, load_scenario
from sim.staffing import trying
from sim.staffing.days import Days, one_of_each_share, standing_for_all
from sim.staffing.judging import Achieved, achieved, verdict
from sim.staffing.playing import Player, Task, leaves_out_bots_own
from sim.staffing.requirement import Requirement, planned, staffed
from sim.staffing.searching import Effort, Least, Staffing, TimeIsUp, staff
from sim.staffing.targets import Target, parse_target
from sim.streams import Streams
from tests.sim.staffing.line import write_line

HOUR = 3_600_000
FEW_LEAVE = Target("", "abandonment", False, 0.05)
ALPHA = 25.0


def day_of_a_shop(volume: int = 3_000) -> Scenario:
    """Double 11 with so few customers that it is played in a moment."""
    path = find_scenario("double11")
    assert path is not None
    return load_scenario(path, volume=volume)


# --- which days -------------------------------------------------------------------------------------------------------


def test_three_days_stand_for_all() -> None:
    """A quiet, an ordinary and a busy one, weighed as Gauss would: what grows like the fourth power of a day's volume comes out
    within a few per cent of its mean, where a day of ordinary volume is a fifth short."""
    days = standing_for_all(day_of_a_shop(), 7, 3)
    exact = gamma.moment(4, ALPHA, scale=1 / ALPHA)
    weights = days.weights(range(3))
    assert sum(weights) == pytest.approx(1) and min(weights) > 0
    assert float(weights @ np.asarray(days.factors) ** 4) == pytest.approx(exact, rel=0.03)
    assert exact > 1.25


def test_fresh_days_come_from_every_share_of_the_days_and_are_new_each_time() -> None:
    """Eight of them: one in each eighth, and with another seed others."""
    scenario = day_of_a_shop()
    first, second = one_of_each_share(scenario, 1, 8), one_of_each_share(scenario, 2, 8)
    assert [int(8 * gamma.cdf(each, ALPHA, scale=1 / ALPHA)) for each in first.factors] == list(range(8))
    assert not set(first.seeds) & set(second.seeds)


def test_days_that_do_not_differ_weigh_the_same(tmp_path: Path) -> None:
    days = standing_for_all(load_scenario(write_line(tmp_path, volume=100, work_s=60)), 7, 4)
    assert days.factors == (1.0,) * 4 and days.weights(range(4)) == pytest.approx([0.25] * 4)


def test_what_a_busy_day_explains_is_no_uncertainty() -> None:
    """Eight days whose abandonment follows their volume but for a hair: the interval is as narrow as that hair, where their spread
    would make it twenty times as wide."""
    factors = tuple(gamma.ppf((np.arange(8) + 0.5) / 8, ALPHA, scale=1 / ALPHA).tolist())
    hair = (0.0002, -0.0001, 0.0001, -0.0002, 0.0002, -0.0001, 0.0001, -0.0002)
    figures = {place: ((0.04 * each**2 + hair[place],),) for place, each in enumerate(factors)}
    found = achieved(FEW_LEAVE, Days(tuple(range(8)), factors, ALPHA), figures, 0)
    plain = achieved(FEW_LEAVE, Days(tuple(range(8)), (1.0,) * 8), figures, 0)
    assert found.low < 0.04 * (1 + 1 / ALPHA) < found.high
    assert found.sure and not plain.sure
    assert found.high - found.low < (plain.high - plain.low) / 20


# --- when it is told --------------------------------------------------------------------------------------------------

THREE = Days((1, 2, 3), (0.7, 1.0, 1.4), ALPHA)


@pytest.mark.parametrize(
    ("busy", "told"),
    [
        pytest.param({2: 0.40}, False, id="the busy day alone is too much, however quiet the others"),
        pytest.param({2: 0.04}, True, id="the busy day is good enough, and quieter ones are no worse"),
        pytest.param({2: 0.10}, None, id="the other days will tell"),
        pytest.param({1: 0.04}, None, id="a busier day is still to come"),
        pytest.param({2: 0.10, 1: 0.02}, True, id="the quiet day is no worse than the ordinary one"),
    ],
)
def test_no_day_is_played_that_cannot_change_the_verdict(busy: dict[int, float], told: bool | None) -> None:
    assert verdict((FEW_LEAVE,), THREE, {place: ((value,),) for place, value in busy.items()}) is told


def test_days_alike_prove_nothing_of_each_other() -> None:
    """Where days do not differ by volume, one good one does not speak for the next."""
    alike = Days((1, 2, 3), (1.0,) * 3)
    assert verdict((FEW_LEAVE,), alike, {0: ((0.0,),)}) is None
    assert verdict((FEW_LEAVE,), alike, {0: ((0.2,),)}) is False


# --- what is played ---------------------------------------------------------------------------------------------------


def test_whom_a_bot_settles_keeps_nobody_from_a_person() -> None:
    """A day without those whom bots settle has the same people waiting, as long, with a third of the customers."""
    scenario = day_of_a_shop()
    target = parse_target("abandonment<=0.05", HOUR)
    assert leaves_out_bots_own(scenario, [target])
    with Player(scenario, [target], HOUR, 1) as player:
        tasks = [Task(planned(scenario, HOUR), 5, everybody=each) for each in (True, False)]
        everybody, people = player.runs(tasks)
    waited = [sum(row.to_people for row in run.rows[0].values()) for run in (everybody, people)]
    assert people.contacts < 0.4 * everybody.contacts
    assert waited[0] == pytest.approx(waited[1], rel=0.01)
    assert sum(everybody.units.values()) == pytest.approx(sum(people.units.values()), rel=0.02)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"capacity": 3}, id="they run short"),
        pytest.param({"session": None}, id="they talk by turns"),
    ],
)
def test_everybody_is_played_where_bots_matter(changes: dict[str, object]) -> None:
    scenario = day_of_a_shop()
    bots = msgspec.structs.replace(scenario.bots, **changes)
    scenario = msgspec.structs.replace(scenario, bots=bots)
    assert not leaves_out_bots_own(scenario, [parse_target("abandonment<=0.05", HOUR)])


def test_everybody_is_played_where_a_target_speaks_of_bots() -> None:
    assert MEASURES["rona_share"].better == "less", "bots' offers count in it"
    assert not leaves_out_bots_own(day_of_a_shop(), [parse_target("rona_share<=0.05", HOUR)])


def test_breaks_of_those_needed_are_one_after_the_other() -> None:
    """Four of a team whose breaks are spread over an hour and a half: each at another time, and a fifth moves nobody's."""
    path = find_scenario("bank_day")
    assert path is not None
    scenario = load_scenario(path)

    def breaks(people: int) -> list[int]:
        wanted = staffed(scenario, Requirement(HOUR, {"tellers": (people,) * 24}))
        return [post.breaks[0][0] - 11 * HOUR for post in roster(wanted, Streams(1))]

    four = breaks(4)
    assert sorted(four) == [0, 1_350_000, 2_700_000, 4_050_000]
    assert breaks(5)[:4] == four


# --- how it ends ------------------------------------------------------------------------------------------------------


def clock_of(*readings: float) -> Callable[[], float]:
    """These, and from then on the last one."""
    found = iter(readings)
    return lambda: next(found, readings[-1])


def one_line(folder: Path, target: str, effort: Effort, clock: Callable[[], float] = lambda: 0.0) -> Staffing:
    scenario = load_scenario(write_line(folder, volume=720, work_s=300))
    return staff(scenario, [parse_target(target, 12 * HOUR)], 12 * HOUR, effort, clock=clock)


def test_a_search_with_time_to_spare_ends_where_nobody_can_be_spared(tmp_path: Path) -> None:
    """Half a customer a minute, five minutes each: one fewer in either half of the day, tried by hand, misses on the same days."""
    found = one_line(tmp_path, "sl_all(60s)>=0.8", Effort(reps=3, fresh=4))
    assert found.confirmed and found.least is Least.EACH
    target = parse_target("sl_all(60s)>=0.8", 12 * HOUR)
    days = standing_for_all(found.scenario, found.scenario.seed, 3)
    with Player(found.scenario, [target], 12 * HOUR, 1) as player:
        trials = trying.Trials(player, found.scenario, [target], 12 * HOUR, days)
        assert trials.whole(found.requirement).met
        for place in (0, 1):
            assert not trials.whole(found.requirement.changed("desk", -1, place, place)).met


def test_a_search_that_was_cut_says_so(tmp_path: Path) -> None:
    """The budget is used up when the first candidate has been played: no more is taken away, what there is gets confirmed, and
    the last word is that fewer may do."""
    found = one_line(tmp_path, "sl_all(60s)>=0.8", Effort(reps=3, fresh=4, budget_s=90), clock_of(0.0, 91.0))
    assert found.confirmed and found.least is Least.CUT
    generous = one_line(tmp_path, "sl_all(60s)>=0.8", Effort(reps=3, fresh=4))
    assert found.candidates < generous.candidates
    assert found.requirement.total() >= generous.requirement.total()


def test_a_budget_too_small_for_anything(tmp_path: Path) -> None:
    """It is used up, and nobody knows of a number that is enough: said so, and nothing is made up."""
    with pytest.raises(TimeIsUp, match=r"asa_ms<=4s \(got \d"):
        one_line(tmp_path, "asa_ms<=4s", Effort(reps=3, budget_s=60), clock_of(0.0, 61.0))


@pytest.mark.parametrize(
    ("lang", "words"),
    [("en", "no number of people tried meets asa_ms<=1ms (got "), ("zh", "都不能满足 asa_ms<=1ms")],
)
def test_a_target_that_no_number_of_people_meets_is_said_to_be_one(lang: str, words: str) -> None:
    """It takes a second or two to accept an offer: told with what people without end came to, after no search at all."""
    arguments = ["staff", "double11", "--volume", "1000", "--target", "asa_ms<=1ms", "--processes", "1", "--lang", lang]
    done = CliRunner().invoke(sim, arguments)
    assert done.exit_code == 1
    assert words in done.stderr and "×" in done.stdout
    assert "candidate" not in done.stdout and "方案" not in done.stdout


def test_parts_of_a_day_come_to_what_whole_days_come_to(tmp_path: Path) -> None:
    """Six people from eight to ten instead of ten, played as three hours: the whole day, played, comes to the same."""
    scenario = load_scenario(write_line(tmp_path, volume=2_880, work_s=180, patience_s=300))
    target = parse_target("abandonment<=0.5", HOUR)
    days = standing_for_all(scenario, 7, 2)
    ten = Requirement(HOUR, {"desk": (10,) * 24})
    six = ten.changed("desk", -4, 8, 9)
    with Player(scenario, [target], HOUR, 1) as player:
        trials = trying.Trials(player, scenario, [target], HOUR, days)
        before = trials.whole(ten)
        reckoned, _part = trials.changed(before, trials.part(before, 8, 9), six)
        harm = trials.harm([six], [(0, 7), (8, 9), (11, 23)])[0]
        played = trials.whole(six)
    rise = played.reached[0].value - before.reached[0].value
    assert rise > 0.005
    assert reckoned.reached[0].value - before.reached[0].value == pytest.approx(rise, rel=0.1)
    assert harm[0] == 0 and harm[1] > 0.3 * rise and abs(harm[2]) < 0.1 * harm[1], "each wait counts where it began"


@pytest.mark.parametrize(
    ("value", "bound", "hopeful"),
    [
        (0.96, 0.955, True),  # sure already
        (0.955, 0.947, True),  # three times the days would bring the bound to 0.9504
        (0.9507, 0.942, False),  # … to 0.9457 only: more people, not more days
        (0.945, 0.94, False),  # missed
        (0.96, float("-inf"), True),  # one day says nothing of the spread yet
    ],
)
def test_more_fresh_days_are_played_only_where_they_can_settle_it(value: float, bound: float, hopeful: bool) -> None:
    """A target met by a hair is a matter of people: three times the days halve the doubt at best."""
    target = parse_target("reply_rate(180s)>=0.95", HOUR)

    assert Achieved(target, value, 0.0, 1.0, bound).may_be_sure(3) is hopeful
