"""The player: a clock that jumps, people who do as they are told, and a past that can be had again."""

from __future__ import annotations

from engine.dispatch import events as ev
from engine.trials.judging import run_case
from engine.trials.player import Play, play
from tests.trials.desk import COMPILED, cases_of, outcome_of


def played(body: str) -> Play:
    (case,) = cases_of(f'\n[[case]]\nname = "it"\n{body}\nexpect = [{{ queue = "help", length = 0 }}]\n')
    return play(COMPILED, case)


def offsets(play_: Play, kind: type) -> list[int]:
    return [one.event.at - play_.begin for one in play_.happenings(kind)]


def test_steps_open_on_time_also_before_the_beginning() -> None:
    """Who has waited 25 s at 0 s has its first step behind it, and the second opens 5 s later."""
    seen = played('given.agents = []\ngiven.waiting = [{ name = "li", waited = "25s" }]\nwhen = [{ at = "1m" }]')
    assert offsets(seen, ev.StepOpened) == [-5_000, 5_000]


def test_who_is_on_duty_was_there_all_along() -> None:
    """Ann was there and busy while li waited, so nothing opened for want of anybody; at 0 s she takes li."""
    seen = played('given.agents = ["ann"]\ngiven.waiting = [{ name = "li", waited = "19s" }]')
    assert offsets(seen, ev.StepOpened) == []
    assert offsets(seen, ev.OfferMade) == [0]


def test_a_deadline_comes_before_an_action_of_the_same_instant() -> None:
    """The offer ends at 20 s; an accept at 20 s is too late, and the case says so."""
    seen = played('given.agents = ["ann"]\nwhen = [{ at = "0s", submit = "li" }, { at = "20s", accept = "li" }]')
    assert [(one.code, one.name) for one in seen.troubles] == [("not_offered", "li")]
    assert offsets(seen, ev.OfferExpired) == [20_000]


def test_people_do_as_they_are_told() -> None:
    """Ann accepts after 2 s, closes after 30 s, wraps up after 5 s: so she serves three, one after the other."""
    seen = played(
        'given.agents = { ann = { accepts = "2s", closes = "30s", wraps_up = "5s" } }\n'
        'when = [{ at = "0s", submit = "c", count = 3 }, { at = "3m" }]'
    )
    assert offsets(seen, ev.OfferMade) == [0, 37_000, 74_000]
    assert offsets(seen, ev.ContactConnected) == [2_000, 39_000, 76_000]
    assert offsets(seen, ev.WrapUpEnded) == [37_000, 74_000, 111_000]
    assert not seen.runaway


def test_a_bot_hands_over_and_the_wait_for_a_person_begins() -> None:
    """Robo keeps the contact for 15 s; bob, who lacks English, gets it when the second step opens."""
    seen = played(
        'given.agents = { robo = { hands_off = "15s" }, bob = 1 }\n'
        'when = [{ at = "0s", submit = "li", attributes = { topic = "easy" } }, { at = "2m" }]'
    )
    bot, person = [one.event for one in seen.happenings(ev.OfferMade)][:2]
    assert (bot.agent, person.agent, person.waited_ms) == ("robo", "bob", 30_000)


def test_what_a_doer_finds_gone_is_left() -> None:
    """The customer leaves before ann accepts, or closes before she does: nothing is refused, nothing is wrong."""
    seen = played(
        'given.agents = { ann = { accepts = "5s", closes = "30s", wraps_up = "30s" } }\n'
        'when = [{ at = "0s", submit = "li" }, { at = "2s", abandon = "li" }, { at = "3s", submit = "wang" },\n'
        '  { at = "10s", close = "wang", by = "customer" }, { at = "12s", end_wrap_up = "wang" }, { at = "2m" }]'
    )
    assert seen.troubles == []
    assert seen.happenings(ev.CommandRejected) == []


def test_the_past_can_be_had_again() -> None:
    """Every input once more, into another dispatcher: the same bytes; and audit finds nothing, at any instant."""
    seen = played(
        'given.agents = { ann = { accepts = "2s", closes = "9s" }, team = { count = 3, busy = 0 }, robo = { hands_off = "5s" } }\n'
        'given.waiting = [{ name = "old", waited = "3m" }]\n'
        'when = [{ at = "0s", submit = "c", count = 5, every = "4s" }, { at = "9s", lose = "ann" },\n'
        '  { at = "20s", come_back = "ann" }, { at = "25s", sign_off = "team-2" }, { at = "2m" }]'
    )
    assert seen.before(len(seen.calls)).snapshot() == seen.dispatcher.snapshot()
    assert seen.at(seen.case.end_ms).snapshot() == seen.dispatcher.snapshot()
    for instant in range(0, 121_000, 10_000):
        assert seen.at(instant).audit() == []


def test_two_plays_are_one() -> None:
    """Nothing but the case decides: played again, the same events."""
    body = (
        'when = [{ at = "0s", submit = "c", count = 9, every = "3s" }, { at = "1m", decline = "c-1" }, { at = "5m" }]'
    )
    first, second = played(body), played(body)
    assert [call.events for call in first.calls] == [call.events for call in second.calls]


def test_a_case_begins_when_it_says() -> None:
    """A date and time in the policy's zone, or with an offset of its own; else a Monday morning."""
    (monday, told, offset) = (
        played(f"{given}given.agents = []").begin
        for given in ("", "given.begins = 2026-11-11 00:00:00\n", "given.begins = 2026-11-11T00:00:00+08:00\n")
    )
    assert (monday, told, told - offset) == (1_767_607_200_000, 1_794_355_200_000, 28_800_000)


def test_a_second_coming_and_a_second_window() -> None:
    """The same name again is the same customer under the same id; another name with its customer joins it."""
    outcome = outcome_of(
        'given.agents = []\nwhen = [{ at = "0s", submit = "li" }, { at = "5s", abandon = "li" }, { at = "9s", submit = "li" },\n'
        '  { at = "10s", submit = "li2", customer = "li" }]\n'
        'expect = [{ contact = "li2", joined = "li" }, { contact = "li", state = "queued" }]'
    )
    assert outcome.ok
    assert outcome.play.numbers["li"] == outcome.play.numbers["li2"]


def test_a_colleague_is_asked_takes_over_and_a_supervisor_steers() -> None:
    """Ann asks Bob, who helps and takes over; a storm: a notice, the bot for all, a drained pool, a larger team, one assigned."""
    (case,) = cases_of(
        """
[[case]]
name = "it"
given.agents = { ann = { accepts = "1s" }, bob = 1, robo = 1, team = { count = 1, state = "paused" } }
when = [
    { at = "0s", submit = "li" },
    { at = "2s", consult = "li", to_agent = "bob", reason = "warranty" },
    { at = "3s", accept_consult = "li" },
    { at = "5s", take_over = "li", agent = "bob" },
    { at = "6s", consult = "li", to_queue = "help" },
    { at = "7s", end_consult = "li", by = "agent" },
    { at = "8s", end_consult = "li" },
    { at = "9s", drain = "onsite", reason = "storm" },
    { at = "10s", submit = "wu", count = 2 },
    { at = "11s", notice = "help", says = "storm", until = "5m" },
    { at = "12s", assign = "wu-1", to_agent = "ann" },
    { at = "13s", bulk = "help", action = "bot" },
    { at = "14s", group_capacity = "onsite", capacity = 3, until = "10m" },
    { at = "15s", open_pool = "onsite" },
    { at = "16s", leave_message = "wu-2", refused = "no_promise" },
    { at = "17s", ask_bot = "wu-2", refused = "wrong_state" },
]
expect = [
    { agent = "bob", helps = "li", at = "3s" },
    { contact = "li", served_by = "bob", at = "5s" },
    { agent = "ann", helps = "li", at = "6s" },
    { agent = "bob", serves = "li" },
    { contact = "wu-1", served_by = "ann" },
    { contact = "wu-2", served_by = "robo" },
]
"""
    )
    outcome = run_case(COMPILED, case)
    assert [(one.code, one.name) for one in outcome.play.troubles] == [("nobody_helps", "li")]
    assert [one.ok for one in outcome.judgements] == [False, *[True] * 6]
    assert [agent.capacity for agent in outcome.play.dispatcher.agents.values()] == [3, 3, 10, 1]
