"""The whole scenario language: flows of every kind draw what they say, and what is wrong is told with its place."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import msgspec
import pytest

from sim.arrivals import Plan, arrivals, mean_arrivals
from sim.ready_made import find_scenario, ready_made
from sim.scenario import DAY_MS, Scenario, load_scenario
from sim.streams import Streams
from tests.sim.scenarios import POLICY, refused, small, written

HOUR_MS = 3_600_000
QUIET = ("volume = 2_400", "volume = 0")


def plans(scenario: Scenario, seed: int = 1) -> list[Plan]:
    return list(arrivals(scenario, Streams(seed), scenario.at_ms, scenario.end_ms))


# --- flows ------------------------------------------------------------------------------------------------------------


def test_rates_hold_from_their_times_on_and_what_a_flow_fixes_is_fixed(tmp_path: Path) -> None:
    """Sixty a minute from 08:10, none from 08:20: all about buying, all of one tier."""
    flow = """
[tiers.gold]
share = 0.0
attributes = { card = "gold" }

[[flows]]
name = "morning"
rates = [["08:10", 60], ["08:20", 0]]
queue = "sales"
tier = "gold"
attributes = { page = "home" }
"""
    scenario = small(tmp_path, QUIET, more=flow)
    found = plans(scenario)
    assert mean_arrivals(scenario, 0, DAY_MS) == pytest.approx(600)
    assert len(found) == pytest.approx(600, abs=75)
    assert {plan.topic for plan in found} == {"buy"}
    assert found[0].attributes == {"topic": "buy", "tier": "gold", "card": "gold", "page": "home"}
    assert all(8 * HOUR_MS + 600_000 <= plan.at_ms < 8 * HOUR_MS + 1_200_000 for plan in found)
    assert [plan.at_ms for plan in found] == sorted(plan.at_ms for plan in found)


def test_counts_come_from_a_file_by_shop_and_topic_and_exact_ones_are_exact(tmp_path: Path) -> None:
    """Forty and twenty in the first half hour, ten in the second."""
    (tmp_path / "counts.csv").write_text("at,count,topic\n08:00,40,buy\n08:00,20,ask\n08:30,10,buy\n", encoding="utf-8")
    flow = '\n[[flows]]\nname = "counted"\ncounts = "counts.csv"\nexact = true\n'
    found = plans(small(tmp_path, QUIET, more=flow))
    assert Counter((plan.topic, plan.at_ms < 8 * HOUR_MS + HOUR_MS // 2) for plan in found) == {
        ("buy", True): 40, ("ask", True): 20, ("buy", False): 10,
    }  # fmt: skip


def test_an_exact_count_of_an_hour_is_exact_over_its_two_halves(tmp_path: Path) -> None:
    """Drawn once for the hour, told in its halves."""
    (tmp_path / "counts.csv").write_text("at,count\n08:00,101\n", encoding="utf-8")
    flow = '\n[[flows]]\nname = "counted"\ncounts = "counts.csv"\ninterval_min = 60\nexact = true\n'
    assert len(plans(small(tmp_path, QUIET, more=flow))) == 101


def test_a_driver_brings_contacts_its_lag_later(tmp_path: Path) -> None:
    """A thousand parcels between 07:00 and 07:30, a fifth of them written about an hour later."""
    driver = """
[drivers.parcels]
rates = [["07:00", 33.3333], ["07:30", 0]]

[[flows]]
name = "refunds"
driver = "parcels"
contact_rate = 0.2
lag = { law = "deterministic", mean_s = 3_600 }
topic = "ask"
"""
    scenario = small(tmp_path, QUIET, more=driver)
    assert mean_arrivals(scenario, 0, DAY_MS) == pytest.approx(200, rel=0.001)
    assert mean_arrivals(scenario, 8 * HOUR_MS, 8 * HOUR_MS + 1_800_000) == pytest.approx(200, rel=0.001)


def test_on_several_days_each_has_its_shape_and_flows_keep_to_theirs(tmp_path: Path) -> None:
    """Two days, the second empty but for a flow of its own."""
    more = """
[days.none]
title = "only a little at night"
half_hours = [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]

[[flows]]
name = "second day"
volume = 240
half_hours = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
days = [2]
"""
    scenario = small(tmp_path, ('day = "plain"', 'days = ["plain", "none"]'), ("for_h = 1", "for_h = 0"), more=more)
    assert (scenario.at_ms, scenario.end_ms) == (8 * HOUR_MS, 2 * DAY_MS)
    assert mean_arrivals(scenario, DAY_MS, DAY_MS + HOUR_MS) == pytest.approx(2_400)
    assert mean_arrivals(scenario, DAY_MS + 10 * HOUR_MS, DAY_MS + 11 * HOUR_MS) == pytest.approx(240)
    assert mean_arrivals(scenario, 10 * HOUR_MS, 11 * HOUR_MS) == pytest.approx(100)


def test_work_is_by_the_first_law_that_fits_under_any_policy(tmp_path: Path) -> None:
    """Whoever needs a seller takes a minute sharp, the others ten; more patience moves nobody's work."""
    work = ("[[work]]\n", '[[work]]\nskill = "selling"\ntime = { mean_s = 60 }\n\n[[work]]\n')
    scenario = small(tmp_path, work, ('time = { law = "exponential", mean_s = 120 }', "time = { mean_s = 600 }"))
    found = plans(scenario)
    assert {(plan.topic, plan.work_ms) for plan in found} == {("buy", 60_000), ("ask", 600_000)}
    patient = msgspec.structs.replace(
        scenario.customers, patience=msgspec.structs.replace(scenario.customers.patience, mean_s=9.0)
    )
    other = plans(msgspec.structs.replace(scenario, customers=patient))
    assert [(plan.at_ms, plan.topic, plan.work_ms) for plan in other] == [(p.at_ms, p.topic, p.work_ms) for p in found]


def test_those_who_come_again_bring_a_visit_of_their_own(tmp_path: Path) -> None:
    """A third of the served will be back, and a third of those: same customer, same matter, another contact."""
    again = ("[customers]\n", "[customers]\nrecontact = 0.33\nrecontact_after = { mean_s = 600 }\n")
    found = plans(small(tmp_path, again, ("volume = 2_400", "volume = 24_000")))
    back = [plan for plan in found if plan.again is not None]
    assert len(back) / len(found) == pytest.approx(0.33, abs=0.05)
    twice = [plan for plan in back if plan.again is not None and plan.again.again is not None]
    assert len(twice) / len(back) == pytest.approx(0.33, abs=0.09)
    visit = back[0].again
    assert visit is not None
    assert (visit.customer, visit.topic) == (back[0].customer, back[0].topic)
    assert visit.external_id == f"{back[0].external_id}~1" and back[0].again_after_ms == 600_000


# --- what is wrong ----------------------------------------------------------------------------------------------------


def test_all_that_is_wrong_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    """Ten mistakes of ten kinds, in the order of the file."""
    told = refused(
        tmp_path,
        ('at = "08:00"', 'at = "8.00"'),
        ('patience = { law = "exponential", mean_s = 300 }', 'patience = { law = "gamma" }\nrecontact = 1.0'),
        ("[[work]]\n", '[[work]]\nqueue = "sale"\ntime = { mean_s = 3 }\n\n[[work]]\n'),
        ('day = ["06:00", "20:00"]', 'day = [["06:00", "13:00"], ["12:30", "20:00"]]'),
        ("skills = {", 'pools = ["offsite"]\nbreaks = [["20:30", "21:00"]]\nskills = {'),
        more='\n[[flows]]\nname = "x"\nqueue = "help"\ntopic = "buy"\nrates = [["09:00", 3], ["08:00", 3]]\n'
        '\n[[faults]]\nkind = "site_outage"\nday = 3\n',
    )
    assert [line.partition(": ")[2] for line in told] == [
        'got "8.00", wanted HH:MM from 00:00 to 23:59',
        "a gamma needs mean_s, got nothing",
        "the scenario cannot end: all who are served come back, at once and for ever",
        'got "sale", a queue that the policy does not know; wanted one of sales, help',
        '"12:30" to "20:00" overlaps "06:00" to "13:00", wanted spans one after the other',
        'got "offsite", a pool that the policy does not know; wanted one of onsite, bot',
        "the break 20:30–21:00 lies in none of the team's shifts (06:00–13:00, 12:30–20:00)",
        'the policy puts no topic of this scenario into the queue "help"; its topics enter sales',
        'got "08:00", wanted times going up',
        "is missing, wanted (none is declared)",
        "day 3, and the run has 1",
    ]
    assert told[0].startswith("scenario.toml:8, scenario.at: ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("mean_s = 300 }", "mean_s = -3 }"), "customers.patience.mean_s: got -3, wanted a number ≥ 0"),
        (("mean_s = 300 }", "mean_s = inf }"), "customers.patience.mean_s: got inf, wanted a number ≥ 0"),
        (
            ('law = "exponential", mean_s = 300', 'law = "pareto", mean_s = 300'),
            'customers.patience.law: got "pareto", wanted one of deterministic, empirical, exponential, gamma, ',
        ),
        (("volume = 2_400", "volume = -1"), "scenario.volume: got -1, wanted a whole number ≥ 0"),
        (("volume = 2_400", "volume = 0"), "scenario.volume: nobody ever comes"),
        (("for_h = 1", "for_h = 90_000"), "scenario.for_h: got 3750 days, wanted at most 366"),
        (('policy = "policy.toml"', 'policy = "none.toml"'), "scenario.policy: cannot be read: "),
        (("crews = { day = 6 }", "crews = { day = -6 }"), "teams[0].crews.day: got -6, wanted a whole number ≥ 0"),
        (("[[work]]\n", "[[works]]\n"), "works: is unknown, wanted one of scenario, days, "),
        (
            ("[[work]]\n", '[[work]]\ntopic = "buy"\n'),
            "people: contacts about ask have no work time and people.reply is missing",
        ),
        (
            ('patience = { law = "exponential", mean_s = 300 }', "patience = { survival = [[9, 0.5], [4, 0.6]] }"),
            "customers.patience.survival[1]: got [9, 0.5], [4, 0.6], wanted points with seconds going up",
        ),
    ],
)
def test_each_mistake_says_what_was_got_and_what_was_wanted(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    """One mistake, one line."""
    [told] = refused(tmp_path, change)
    assert said in told


def test_everybody_patient_for_ever_and_nobody_at_work_cannot_end(tmp_path: Path) -> None:
    """Nobody would ever leave."""
    patience = ('patience = { law = "exponential", mean_s = 300 }', "patience = { survival = [[60, 1.0]] }")
    [told] = refused(tmp_path, patience, ("crews = { day = 6 }", "crews = { day = 0 }"))
    assert "cannot end" in told


def test_in_chinese_the_same(tmp_path: Path) -> None:
    """Names and numbers stay as they stand in the file."""
    told = refused(tmp_path, ("mean_s = 300 }", "mean_s = -3 }"), ('name = "people"', "name = 3"), lang="zh")
    assert told == [
        "scenario.toml:24, customers.patience.mean_s: 实际是 -3，应为数字 ≥ 0",
        "scenario.toml:33, teams[0].name: 实际是 3，应为文本",
    ]


def test_a_bad_line_among_many_is_named_and_the_file_is_not_kept_in_memory(tmp_path: Path) -> None:
    """A hundred thousand rows, one of them bad; and of a whole file of nonsense twenty lines are told."""
    rows = [f"{place % 24:02}:00,1,buy" for place in range(100_000)]
    rows[77_776] = "07:00,many,buy"
    path = tmp_path / "counts.csv"
    path.write_text("at,count,topic\n" + "\n".join(rows), encoding="utf-8")
    flow = '\n[[flows]]\nname = "counted"\ncounts = "counts.csv"\n'
    assert refused(tmp_path, more=flow) == ['counts.csv:77778: column count: got "many", wanted a count ≥ 0']
    path.write_text("at,count,topic\n" + "07:00,-1,buy\n" * 30 + "07:00,1,sell\n" * 5, encoding="utf-8")
    told = refused(tmp_path, more=flow)
    assert len(told) == 21 and told[-1].endswith("and 15 more lines with problems")
    path.write_text("at,count,weather\n08:00,3,rain\n", encoding="utf-8")
    [told_once] = refused(tmp_path, more=flow)
    assert "got the columns at, count, weather, wanted at, count [, day, shop, channel, topic, tier]" in told_once


def test_another_policy_is_read_with_the_scenario_or_told_with_its_place(tmp_path: Path) -> None:
    """The later one named first; one past the end never comes; a policy with a problem, none at all, a time that is none."""
    (tmp_path / "quiet.toml").write_text(POLICY.replace("ceiling = 30", "ceiling = 3"), encoding="utf-8")
    swap = '\n[[swaps]]\nat = "{}"\npolicy = "{}"\n'
    three = (
        swap.format("08:40", "policy.toml") + swap.format("08:20", "quiet.toml") + swap.format("17:00", "quiet.toml")
    )
    scenario = small(tmp_path, more=three)
    first, second = scenario.swaps
    assert (first.at_ms, second.at_ms) == (8 * HOUR_MS + 1_200_000, 8 * HOUR_MS + 2_400_000)
    assert "ceiling = 3\n" in first.policy_text and second.policy_text == scenario.policy_text
    (tmp_path / "quiet.toml").write_text(POLICY.replace("ceiling = 30", "ceiling = -3"), encoding="utf-8")
    bad, none = refused(tmp_path, more=swap.format("08:20", "quiet.toml") + swap.format("08:40", "nowhere.toml"))
    wanted = 'scenario.toml:41, swaps[0].policy: the policy has problems: queue "help": ceiling must be ≥ 0'
    assert bad.startswith(wanted)
    assert none.startswith("scenario.toml:45, swaps[1].policy: cannot be read: nowhere.toml: ")
    late = swap.format("24:60", "policy.toml") + "day = 2\n"
    assert refused(tmp_path, more=late) == [
        'scenario.toml:40, swaps[0].at: got "24:60", wanted a time HH:MM or HH:MM:SS of the day',
        "scenario.toml:42, swaps[0].day: day 2, and the run has 1",
    ]


# --- those that come along --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(ready_made()))
def test_every_scenario_that_comes_along_is_whole(name: str) -> None:
    """Read without a problem, found by its name, with a title in both languages."""
    path = find_scenario(name)
    assert path is not None
    scenario = load_scenario(path)
    assert scenario.name == name
    assert scenario.title_in("zh") != scenario.title_in("en")
    assert mean_arrivals(scenario, scenario.at_ms, scenario.end_ms) > 300


def test_the_issues_scenarios_are_there_and_have_their_figures() -> None:
    """200,000 contacts with 500 people; 3,900 a second for ten minutes; a site of two hundred."""
    named = ready_made()
    assert {
        "double11", "presale20", "double11_season", "618", "bank_day", "platform_peak", "bot_outage", "site_outage",
        "finance", "education", "health", "public_service", "shop",
    } == set(named)  # fmt: skip
    double11 = load_scenario(named["double11"])
    assert (double11.volume, sum(sum(team.crews.values()) for team in double11.teams)) == (200_000, 500)
    peak = load_scenario(named["platform_peak"])
    assert mean_arrivals(peak, peak.at_ms, peak.end_ms) == pytest.approx(2_340_000)
    outage = load_scenario(named["site_outage"])
    assert sum(team.crews["late"] for team in outage.teams if team.site == "north") == 200


def test_a_folder_or_a_file_is_found_as_well_as_a_name(tmp_path: Path) -> None:
    """And nothing is found of what is nowhere."""
    path = written(tmp_path)
    assert find_scenario(str(path)) == path == find_scenario(str(tmp_path))
    assert find_scenario("nowhere") is None
