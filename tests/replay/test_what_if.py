"""A recorded day under another policy: the same lives, known to the millisecond."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile
from engine.dispatch.policy.compile import compile_policy
from engine.store.recordings import recording_of_backup
from engine.store.records import command_of, events_of
from sim.ready_made import find_scenario
from sim.replay.comparing import decided, differences, groups, measured, paired, play
from sim.replay.lives import lives_of
from sim.replay.reading import Call, ReplayError, read_day
from sim.replay.recreation import Recreation
from sim.replay.stories import stories
from sim.replay.summary import histogram, over_the_day, summarise
from sim.scenario import load_scenario
from sim.twin.scenes import play as twin_play
from tests.replay.stage import POLICY, VIPS_FIRST, Recorder, vip_behind_two, waits, what_if

DAY = Path(__file__).parent / "shop_day.backup"


def _shop() -> list[Call]:
    return [(record.stamp, command_of(record), events_of(record)) for record in recording_of_backup(DAY).records]


def test_the_same_policy_changes_nothing_and_the_recreation_is_the_record() -> None:
    """Three columns alike: what happened, A and B."""
    both = what_if(vip_behind_two(), POLICY)
    assert waits(both) == {"first": (2_000,) * 3, "second": (95_000,) * 3, "vip": (187_000,) * 3}
    for row in measured(both, "all", "", groups(both)["all"][""]):
        assert row["recorded"] == row["a"] == row["b"], row
    assert decided(both.a, both.b) == {
        "visits": 3,
        "both": 3,
        "agent": 0,
        "pool": 0,
        "step": 0,
        "queue": 0,
        "outcome": 0,
    }


def test_vips_first_takes_from_the_one_before_what_it_gives_to_the_vip() -> None:
    """The VIP is taken at 103 s instead of 205; who came before is taken at 205 instead of 103. Answers take 2 s as before."""
    both = what_if(vip_behind_two(), VIPS_FIRST)
    assert waits(both)["vip"] == (187_000, 187_000, 85_000)
    assert waits(both)["second"] == (95_000, 95_000, 197_000)
    found = groups(both)
    assert paired(both, found["tier"]["vip"])["mean_ms"] == -102_000
    assert paired(both, found["shop"]["flagship"]) == {
        "pairs": 2, "more": 1, "less": 0, "alike": 1, "mean_ms": 51_000, "low": None, "high": None,
    }  # fmt: skip
    assert sum(differences(both, range(3)).values()) == 0


def test_both_stories_are_told_and_why_ann_went_to_the_other() -> None:
    """The examples are the two whose wait changed, each under both policies and in both languages."""
    calls = vip_behind_two()
    both = what_if(calls, VIPS_FIRST)
    told = stories(both, (compile_policy(POLICY), compile_policy(VIPS_FIRST)))
    assert [(one["tier"], one["why"]) for one in told] == [("", "more"), ("vip", "less")]
    assert told[1]["b"]["waited_ms"] == 85_000
    assert any("ann" in line for line in told[1]["b"]["story"]["en"])
    assert len(told[1]["a"]["story"]["zh"]) == len(told[1]["a"]["story"]["en"])


def test_another_agent_is_told_with_why_the_first_one_did_not_get_it() -> None:
    """Under the new policy bob alone may serve: ann is not in the pool, and that is said."""
    policy = POLICY.replace("[pools.onsite]", "[pools.onsite]\n[pools.backup]")
    day = Recorder(policy)
    day.do(0, cm.DefineAgent(AgentProfile("bob", pools=("backup",))))
    day.do(0, cm.SignOn("bob"))
    day.sign_on(0, "ann")
    day.serve(3, day.come(1, "li"), "ann", 10)
    new = policy.replace('pools = ["onsite"]', 'pools = ["backup"]')
    both = what_if(day.calls, new)
    [told] = stories(both, (compile_policy(policy), compile_policy(new)))
    assert (told["why"], told["a"]["agent"], told["b"]["agent"]) == ("agent", "ann", "bob")
    assert "pool" in " ".join(told["b"]["why_not"]["en"]) and told["b"]["why_not"]["zh"]


def test_what_was_observed_and_what_was_cut_off_is_counted() -> None:
    """One left after 30 s, two were served and so never said how long they would have waited, one talk outlasts the record."""
    day = Recorder()
    day.sign_on(0, "ann")
    first = day.come(0, "first")
    day.accept(2, "ann")
    left = day.come(5, "left")
    day.do(35, cm.AbandonContact("acme", left))
    last = day.come(40, "last")
    day.close(50, first, "ann")
    day.accept(52, "ann")
    day.say(60, last, "ann")
    lives = lives_of(read_day(day.calls), seed=1)
    assert lives.counts["patience"][:3] == (1, 2, 0)
    assert lives.counts["talk"][:3] == (1, 1, 0)
    patient = {life.visit.command.external_id: (life.patiences[0], life.drawn) for life in lives.lives}
    assert patient["left"] == (30_000, False)
    assert patient["first"][1] and patient["first"][0] > 2_000 and patient["last"][0] > 12_000
    talk = lives.lives[2].people[0]
    assert talk.drawn and talk.length_ms > 8_000 and talk.end == "closed"


def test_draws_hang_on_the_seed_alone() -> None:
    calls = vip_behind_two()
    drawn = [[life.patiences[0] for life in lives_of(read_day(calls), seed).lives] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1]
    lengths = [
        [leg.wrap_ms for life in lives_of(read_day(_shop()), seed).lives for leg in life.people] for seed in (1, 2)
    ]
    assert lengths[0] != lengths[1]


def test_who_is_not_served_leaves_when_its_patience_is_over_observed_or_drawn() -> None:
    """One left after 30 s; all who were cut off before are as patient, since that is all that was seen. Nobody is served now."""
    day = Recorder()
    day.sign_on(0, "ann")
    first = day.come(0, "first")
    day.accept(2, "ann")
    left = day.come(5, "left")
    day.do(35, cm.AbandonContact("acme", left))
    day.close(100, first, "ann")
    both = what_if(day.calls, POLICY.replace('pools = ["onsite"]', 'pools = ["onsite"]\nrequirement = "vip >= 1"'))
    ends = [(outcome.kind, outcome.waited_ms) for outcome in both.b.outcomes if outcome is not None]
    assert ends == [("abandoned", 30_000)] * 2
    assert summarise(both, "day", ("old", "new"))["rest_on_draws"] == {"abandoned": 1, "talks": 0}


def test_who_comes_back_is_patient_anew() -> None:
    """Left after 30 s, came back after a minute, left again after 20 s more: so it does again, under either policy."""
    day = Recorder()
    day.come(0, "li")
    day.do(30, cm.AbandonContact("acme", 1))
    day.do(90, cm.SubmitContact("acme", "web", "li", "li", "flagship"))
    day.do(110, cm.AbandonContact("acme", 1))
    both = what_if(day.calls, POLICY)
    assert lives_of(both.day, 1).lives[0].patiences[:2] == [30_000, 20_000]
    ends = [side.outcomes[0] for side in (both.recorded, both.a, both.b)]
    assert [(end.kind, end.waited_ms) for end in ends if end is not None] == [("abandoned", 50_000)] * 3


def test_an_agent_lost_in_the_record_is_lost_at_that_instant_again() -> None:
    """Ann's line breaks at 20 s for good; bob takes over after the grace, and the talk with ann counts as cut off."""
    day = Recorder()
    day.sign_on(0, "ann")
    contact = day.come(1, "li")
    day.accept(2, "ann")
    day.say(3, contact, "ann")
    day.sign_on(10, "bob")
    day.do(20, cm.LoseAgent("ann"))
    day.do(31, cm.AddMessage("acme", contact))
    day.accept(32, "bob")
    day.say(33, contact, "bob")
    day.close(60, contact, "bob")
    both = what_if(day.calls, POLICY)
    legs = [(leg.end, leg.length_ms) for leg in both.day.visits[0].legs]
    assert legs == [("lost", 28_000), ("closed", 28_000)]
    assert waits(both)["li"] == (3_000,) * 3
    assert both.a.drawn == {0}


@pytest.mark.parametrize(
    ("why", "closed_at", "second_waits"), [("engine down", 91_000, 83_000), ("ann lost", 88_000, 80_000)]
)
def test_nobody_acts_while_there_is_no_line(why: str, closed_at: int, second_waits: int) -> None:
    """VIPs first lets the VIP's talk end at 80 s, when the engine is down until 90 (ann back at 91), or ann lost until 88."""
    policy = POLICY.replace("grace_ms = 10_000", "grace_ms = 600_000")
    day = Recorder(policy)
    day.do(0, cm.StartEngine(1, 0))
    day.sign_on(0, "ann")
    first = day.come(1, "first")
    day.accept(2, "ann")
    second, vip = day.come(10, "second"), day.come(15, "vip", "vip")
    day.close(20, first, "ann")
    day.serve(22, second, "ann", 18)
    day.accept(42, "ann")
    if why == "ann lost":
        day.do(50, cm.LoseAgent("ann"))
        day.do(88, cm.ReturnAgent("ann"))
    else:
        day.do(50, cm.AddMessage("acme", vip))
        day.do(90, cm.StartEngine(2, 40_000))
        day.do(91, cm.ReturnAgent("ann"))
    day.close(100, vip, "ann")
    new = VIPS_FIRST.replace("grace_ms = 10_000", "grace_ms = 600_000")
    both = what_if(day.calls, new)
    closed: list[tuple[int, int]] = []

    def hear(_: Recreation, events: list[ev.Event]) -> None:
        closed.extend((event.contact, event.at) for event in events if isinstance(event, ev.ContactClosed))

    play(both.day, both.lives, compile_policy(new), hear=hear)
    assert (vip, closed_at) in closed
    assert waits(both)["second"] == (12_000, 12_000, second_waits)
    assert waits(both)["vip"] == (27_000, 27_000, 7_000)
    assert both.refusals == {"a": {}, "b": {}}


def test_a_policy_swapped_in_on_the_day_is_part_of_the_recreation_alone() -> None:
    """VIPs first from the first second on, as recorded: A does so, too; B, first come first served all day, gives the VIP the last turn."""
    day = Recorder()
    day.do(0.5, cm.ApplyPolicy(VIPS_FIRST))
    day.sign_on(1, "ann")
    first = day.come(1, "first")
    day.accept(3, "ann")
    second, vip = day.come(10, "second"), day.come(20, "vip", "vip")
    day.close(103, first, "ann")
    day.serve(105, vip, "ann", 100)
    day.serve(207, second, "ann", 100)
    both = what_if(day.calls, POLICY)
    assert both.day.policies == 2
    assert waits(both)["vip"] == (85_000, 85_000, 187_000)


def test_an_agent_who_misses_an_offer_comes_back_after_the_time_that_was_seen() -> None:
    """RONA at 21 s; ann makes herself available 9 s later: that is how long she takes, not something that she does at 30 s."""
    day = Recorder()
    day.sign_on(0, "ann")
    missed = day.come(1, "missed")
    day.do(30, cm.SetAgentState("ann"))
    day.serve(32, missed, "ann", 10)
    both = what_if(day.calls, POLICY)
    assert both.day.habits.backs == {"ann": [9_000]}
    assert not any(isinstance(command, cm.SetAgentState) for _, command in both.day.house)
    assert waits(both)["missed"] == (31_000,) * 3


def test_the_recorded_shop_day_lives_again_as_it_was() -> None:
    """Two hundred and forty-nine visits over real sockets: the re-creation gives every one the agent and the wait it had."""
    both = what_if(_shop(), next(command.text for _, command, _ in _shop() if isinstance(command, cm.ApplyPolicy)))
    assert all(recorded == a for recorded, a, _ in waits(both).values())
    assert decided(both.recorded, both.a)["agent"] == decided(both.recorded, both.a)["outcome"] == 0
    summary = summarise(both, "shop", ("old", "new"))
    assert summary["visits"] == 249 and summary["lengths"]["patience"]["observed"] == 1
    assert sum(histogram(both)) == summary["waits"]["all"][""]["pairs"] > 100
    assert len(over_the_day(both)["recorded"]) == len(over_the_day(both)["from_ms"])


@pytest.mark.parametrize(("name", "volume"), [("finance", 1_500), ("618", 1_000)])
def test_a_day_of_the_twin_lives_again_event_by_event(name: str, volume: int) -> None:
    """Telephone and chats, bots, declines, breaks, shifts, people who come back: not one event that decides is another."""
    scenario = load_scenario(find_scenario(name), volume=volume, seed=3)
    policy = compile_policy(scenario.policy_text)
    calls: list[Call] = []
    twin_play(scenario, 3, [lambda stamp, command, events: calls.append((stamp, command, list(events)))])
    first = calls[0][0]
    applied = ev.PolicyApplied(first, policy.version, scenario.policy_text)
    day = read_day([(first, cm.ApplyPolicy(scenario.policy_text), [applied]), *calls])
    heard: list[ev.Event] = []
    play(day, lives_of(day, 1), policy, as_recorded=True, hear=lambda _, events: heard.extend(events))
    silent = (ev.CommandRejected, ev.MessageAdded)
    recorded = [event for _, _, events in calls for event in events if not isinstance(event, silent)]
    assert [event for event in heard if not isinstance(event, silent)] == recorded
    assert len(recorded) > 3_000


def test_intervals_hold_their_difference_where_there_are_enough_arrivals() -> None:
    """The shop without bots: people wait longer on the mean, and the interval says so; two visits have none."""
    both = what_if(_shop(), _without_bots())
    rows = {row["measure"]: row for row in measured(both, "all", "", groups(both)["all"][""])}
    row = rows["wait_mean_ms"]
    assert row["low"] <= row["difference"] <= row["high"] and row["difference"] == pytest.approx(row["b"] - row["a"])
    assert paired(both, [0, 1])["low"] is None


def _without_bots() -> str:
    text = next(command.text for _, command, _ in _shop() if isinstance(command, cm.ApplyPolicy))
    return text.replace('bot_pools = ["bot"]\n', "").replace('first = "bot"\n', 'first = "person"\n')


def test_a_record_without_a_policy_or_without_customers_is_refused() -> None:
    day = Recorder()
    with pytest.raises(ReplayError, match="nobody came"):
        read_day(day.calls)
    with pytest.raises(ReplayError, match="no policy"):
        read_day(vip_behind_two()[1:])


def test_a_recorded_policy_that_this_release_cannot_read_is_refused() -> None:
    """Written by a later release, say: the sentence names what is wrong with it."""
    first, *rest = vip_behind_two()
    later = ev.PolicyApplied(first[0], "later", POLICY.replace("grace_ms", "grace_of_tomorrow_ms"))
    with pytest.raises(ReplayError, match=r"cannot compile the recorded policy.*grace_of_tomorrow_ms"):
        what_if([(first[0], first[1], [later]), *rest], POLICY)
