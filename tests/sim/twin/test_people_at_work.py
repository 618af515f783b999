"""What a scenario's people do in the twin: they share their attention, take breaks, come late, vanish and come back."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from sim.scenario import Scenario
from sim.theory.abandonment import erlang_a
from sim.twin.listening import Played
from sim.twin.scenes import play
from tests.sim.scenarios import POLICY, small

HOUR_MS = 3_600_000
NOON = ('at = "08:00"', 'at = "12:00"')


class Events:
    def __init__(self) -> None:
        self.told: list[Any] = []
        self.commands: list[tuple[int, Any]] = []

    def hear(self, stamp: int, command: Any, events: list[Any]) -> None:
        self.commands.append((stamp, command))
        self.told += events

    def of(self, *kinds: type) -> list[Any]:
        return [event for event in self.told if isinstance(event, kinds)]


def heard(scenario: Scenario, seed: int = 1) -> tuple[Events, Played]:
    events = Events()
    return events, play(scenario, seed, [events.hear])


def test_one_at_a_time_is_erlang_a(tmp_path: Path) -> None:
    """Forty a minute on 76 people with exponential work and patience: the exact abandonment, from the scenario's own actors."""
    scenario = small(
        tmp_path,
        ("volume = 2_400", "volume = 57_600"),
        ("for_h = 1", "for_h = 6"),
        ("crews = { day = 6 }", "crews = { day = 76 }"),
        ("buy = { share = 0.5 }\nask = { share = 0.5 }", "buy = { share = 1.0 }"),
    )
    exact = erlang_a(40 / 60, 1 / 120, 76, 1 / 300)
    found = [heard(scenario, seed)[1].counts for seed in range(3)]
    share = sum(each["ContactAbandoned"] for each in found) / sum(each["arrived"] for each in found)
    assert share == pytest.approx(exact.abandonment, abs=0.012)


def sessions(events: Events) -> dict[int, int]:
    begun = {event.contact: event.at for event in events.of(ev.ContactConnected)}
    return {
        event.contact: event.at - begun[event.contact]
        for event in events.of(ev.ContactClosed)
        if event.contact in begun
    }


def test_two_at_once_share_a_speed_and_what_is_left_is_rescaled(tmp_path: Path) -> None:
    """Two minutes' work each, begun a minute apart, at 1.5 together: 60 s done, 80 s for the other 60, then alone again."""
    (tmp_path / "counts.csv").write_text("at,count\n08:00,1\n08:01,1\n", encoding="utf-8")
    flow = """
[people]
total_rate_by_level = [1.0, 1.5]

[[flows]]
name = "two"
counts = "counts.csv"
interval_min = 1
exact = true
"""
    scenario = small(
        tmp_path,
        ("volume = 2_400", "volume = 0"),
        ('time = { law = "exponential", mean_s = 120 }', "time = { mean_s = 120 }"),
        ("crews = { day = 6 }\ncapacity = [1, 1]", "crews = { day = 1 }\ncapacity = [2, 2]"),
        more=flow,
    )
    events, _ = heard(scenario)
    connected = sorted(event.at for event in events.of(ev.ContactConnected))
    closed = sorted(event.at for event in events.of(ev.ContactClosed))
    apart = (connected[1] - connected[0]) / 1000
    assert apart < 120
    first = apart + (120 - apart) / 0.75
    second = (first - apart) * 0.75
    assert (closed[0] - connected[0]) / 1000 == pytest.approx(first, abs=0.003)
    assert (closed[1] - connected[1]) / 1000 == pytest.approx(first - apart + 120 - second, abs=0.003)


def test_by_turns_one_attention_replies_to_one_after_the_other(tmp_path: Path) -> None:
    """Four chats at once, ten seconds a reply: no two replies of one person are closer than that."""
    turns = """
[people]
reply = { mean_s = 10 }
attention = "one"
order = "new_customers_first"
"""
    scenario = small(
        tmp_path,
        ('[[work]]\ntime = { law = "exponential", mean_s = 120 }\n', ""),
        ("[customers]\n", "[customers]\nrounds = 3.0\nthink = { mean_s = 20 }\n"),
        ("capacity = [1, 1]", "capacity = [4, 4]"),
        ("volume = 2_400", "volume = 7_200"),
        more=turns,
    )
    events, played = heard(scenario)
    said: dict[str, list[int]] = {}
    for event in events.of(ev.MessageAdded):
        if event.sender == "agent":
            said.setdefault(event.agent, []).append(event.at)
    gaps = [later - sooner for told in said.values() for sooner, later in pairwise(told)]
    # The last word of a chat is said beside whatever is being written.
    assert sum(gap < 10_000 for gap in gaps) <= played.counts["ContactClosed"] * 2
    assert len(gaps) > 500 and played.counts["ContactAnswered"] > 200


def test_breaks_lateness_ramp_and_shrinkage_are_seen_in_who_is_there(tmp_path: Path) -> None:
    """Twenty people from 08:00: a quarter is not there, the others come over ten minutes and rest in turn from 08:30."""
    scenario = small(
        tmp_path,
        ('day = ["06:00", "20:00"]', 'day = ["08:00", "12:00"]'),
        ("crews = { day = 6 }", "crews = { day = 20 }"),
        (
            "skills = {",
            'shrinkage = 0.25\nramp_s = 600\nbreaks = [["08:30", "08:40"]]\nbreaks_stagger_s = 1_200\nskills = {',
        ),
    )
    events, _ = heard(scenario)
    begun = scenario.at_ms
    came = [event.at - begun for event in events.of(ev.AgentStateChanged) if event.before == "offline"]
    rests = [event.at - begun for event in events.of(ev.AgentStateChanged) if event.reason == "break"]
    assert 10 <= len(came) < 20 and max(came) >= 400_000 and max(came) < 600_000
    assert rests and all(1_800_000 <= at < 3_000_000 for at in rests) and len(set(rests)) == len(rests)


def test_a_site_that_is_cut_is_back_at_once_and_nobody_is_lost(tmp_path: Path) -> None:
    """All lines cut for half a minute, within their grace: the contacts go on where they were."""
    fault = '\n[[faults]]\nkind = "site_outage"\nsite = "north"\nat = "08:20"\nfor_s = 30\n'
    scenario = small(tmp_path, ("skills = {", 'site = "north"\nskills = {'), more=fault)
    events, played = heard(scenario)
    lost, back = events.of(ev.AgentLost), events.of(ev.AgentBack)
    assert len(lost) == len(back) == 6
    assert {event.at - scenario.at_ms for event in lost} == {1_200_000}
    assert {event.at - scenario.at_ms for event in back} == {1_230_000}
    assert played.counts["open"] == 0 and played.counts["ContactClosed"] > 50


def test_bots_that_go_down_for_long_come_back_and_serve_again(tmp_path: Path) -> None:
    """Grace (two minutes) runs out, the bots' contacts go back; after ten minutes bots are there again."""
    bots = """
[bots]
count = 2
session = { mean_s = 30 }

[[faults]]
kind = "bot_down"
at = "08:20"
for_s = 600
"""
    scenario = small(tmp_path, ("buy = { share = 0.5 }", "buy = { share = 0.5, contain = 0.8 }"), more=bots)
    text = scenario.policy_text.replace(
        'queue = "sales"\n\n[[entry]]\nname = "help"', 'queue = "sales"\nfirst = "bot"\n\n[[entry]]\nname = "help"'
    )
    events = Events()
    play(scenario, 1, [events.hear], policy_text=text)
    served = [event.at - scenario.at_ms for event in events.of(ev.ContactConnected) if event.agent.startswith("bot")]
    assert any(at < 1_200_000 for at in served) and any(at > 1_800_000 for at in served)
    assert not any(1_200_000 < at < 1_800_000 for at in served)
    signed = [
        event
        for event in events.of(ev.AgentStateChanged)
        if event.agent.startswith("bot") and event.after == "available"
    ]
    assert {event.at - scenario.at_ms for event in signed} == {0, 1_800_000}


def test_an_engine_that_restarts_takes_its_offers_back_and_everybody_is_soon_there(tmp_path: Path) -> None:
    """Down for five seconds: what came meanwhile is heard afterwards, agents are back a second later, all invariants hold."""
    scenario = small(tmp_path, more='\n[[faults]]\nkind = "engine_restart"\nat = "08:20"\nfor_s = 5\n')
    dispatcher, events = Dispatcher(compile_policy(scenario.policy_text)), Events()
    played = play(scenario, 1, [events.hear], dispatcher=dispatcher)
    _, started = events.of(ev.EngineStarted)
    assert (started.at - scenario.at_ms, started.epoch, started.down_ms) == (1_205_000, 2, 5_000)
    assert not [stamp for stamp, _ in events.commands if 1_200_000 < stamp - scenario.at_ms < 1_205_000]
    assert {event.at - scenario.at_ms for event in events.of(ev.AgentBack)} == {1_206_000}
    assert dispatcher.audit() == [] and played.counts["open"] == 0


def test_another_policy_is_in_force_from_its_instant_on(tmp_path: Path) -> None:
    """At 08:20 help goes to a queue of its own; a run under one policy from beginning to end knows nothing of it."""
    (tmp_path / "quiet.toml").write_text(POLICY.replace("queues.help", "queues.quiet").replace('"help"', '"quiet"'))
    scenario = small(tmp_path, more='\n[[swaps]]\nat = "08:20"\npolicy = "quiet.toml"\n')
    events, _ = heard(scenario)
    _, applied = events.of(ev.PolicyApplied)
    assert applied.at - scenario.at_ms == 1_200_000
    entered = {(event.at < applied.at, event.queue) for event in events.of(ev.ContactSubmitted)}
    assert entered == {(True, "sales"), (True, "help"), (False, "sales"), (False, "quiet")}
    alone = Events()
    play(scenario, 1, [alone.hear], policy_text=scenario.policy_text)
    assert [event.at for event in alone.of(ev.PolicyApplied)] == [scenario.at_ms]


def test_who_is_turned_away_tries_again_and_who_was_served_may_be_back(tmp_path: Path) -> None:
    """Thirty may wait for help: others are turned away, half of them try again later; some of the served come again."""
    scenario = small(
        tmp_path,
        ("volume = 2_400", "volume = 36_000"),
        (
            "[customers]\n",
            "[customers]\nretries = 0.5\nretry_after = { mean_s = 60 }\nrecontact = 0.2\nrecontact_after = { mean_s = 60 }\n",
        ),
    )
    events, played = heard(scenario)
    submits = [command for _, command in events.commands if isinstance(command, cm.SubmitContact)]
    assert played.counts["ContactDeflected"] > 100
    assert len(submits) > played.counts["arrived"] + 50
    again = [command for command in submits if "~" in command.external_id]
    assert again and {command.customer for command in again} <= {command.customer for command in submits}


def test_the_policy_may_be_another_and_the_customers_are_the_same(tmp_path: Path) -> None:
    """Common random numbers: who comes when, with which patience, does not hang on who routes."""
    scenario = small(tmp_path)
    other = scenario.policy_text.replace("ceiling = 30", "ceiling = 5")
    one, two = Events(), Events()
    play(scenario, 4, [one.hear])
    play(scenario, 4, [two.hear], policy_text=other)

    def first_submits(events: Events) -> dict[str, int]:
        found: dict[str, int] = {}
        for stamp, command in events.commands:
            if isinstance(command, cm.SubmitContact):
                found.setdefault(command.external_id, stamp)
        return found

    assert first_submits(one) == first_submits(two)
    assert one.told != two.told
