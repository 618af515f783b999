"""Each expectation: when it holds, when it does not, and what is said then."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.trials.judging import RULES, run_case
from tests.trials.desk import COMPILED, cases_of, failures, outcome_of, told

ONE = 'given.agents = { ann = { accepts = "2s" } }\nwhen = [{ at = "0s", submit = "li" }, { at = "1m" }]\n'
BUSY = 'given.agents = { ann = { busy = 1 }, team = 3, bob = 1, robo = 1 }\nwhen = [{ at = "0s", submit = "li" }, { at = "1m" }]\n'
TWO = (
    'given.agents = { ann = { accepts = "1s", closes = "9s", wraps_up = "1s" } }\n'
    'when = [{ at = "0s", submit = "li" }, { at = "1s", submit = "vip", attributes = { tier = "vip" } },\n'
    '  { at = "2s", submit = "spam", attributes = { blocked = true } }, { at = "3s", submit = "li2", customer = "li" }]\n'
)

HOLDS = [
    (ONE, '{ contact = "li", offered_to = "ann", by = "0s" }'),
    (ONE, '{ contact = "li", offered_to = ["ann", "ann"], in_pool = "onsite", at_step = 0, waited_at_most = "0s" }'),
    (
        BUSY,
        '{ contact = "li", offered_to = "team", by = "20s", at_step = "remote", in_pool = "remote", after_waiting = "20s" }',
    ),
    (BUSY, '{ contact = "li", offered_to = "team-1", at_step = 1 }'),
    (BUSY, '{ contact = "li", in_pool = ["remote"], since = "20s" }'),
    (BUSY, '{ contact = "li", never_to = ["ann", "robo"] }'),
    (BUSY, '{ contact = "li", never_to = "team", by = "19s" }'),
    (BUSY, '{ contact = "li", never_in_pool = "bot" }'),
    (BUSY, '{ contact = "li", stays_waiting = "20s" }'),
    (BUSY, '{ contact = "li", step_opens = "remote", at = "20s" }'),
    (BUSY, '{ contact = "li", step_opens = 1, by = "30s" }'),
    (BUSY, '{ contact = "li", step_shut = "any language", by = "29s" }'),
    (ONE, '{ contact = "li", rule = "default", in_queue = "help", priority = 0, first = "person" }'),
    (BUSY, '{ contact = "li", priority = 0, at = "29s" }'),
    (ONE, '{ contact = "li", state = "connected", served_by = "ann", at = "2s" }'),
    (ONE, '{ contact = "li", state = "offered", at = "1s" }'),
    (TWO, '{ contact = "spam", deflected = true }'),
    (TWO, '{ contact = "spam", deflected = "blocked", alternative = "message", rule = "blocked" }'),
    (TWO, '{ contact = "li2", joined = "li" }'),
    (TWO, '{ order = ["li", "vip"], by = "1m" }'),
    (TWO, '{ contact = "li", state = "closed", at = "30s" }'),
    (TWO, '{ contact = "vip", position = 1, at = "2s" }'),
    (ONE, '{ agent = "ann", state = "available", serves = "li", offers = 1, load_at_most = 1 }'),
    (BUSY, '{ queue = "help", length = 1, closed = false, at = "10s" }'),
]
FAILS = [
    (ONE, '{ contact = "li", offered_to = "ann", since = "1s" }', "li is offered to ann, from 1s on", "nobody by 1m", "Now: with ann."),
    (BUSY, '{ contact = "li", offered_to = "ann" }', "li is offered to ann", 'to team-1 at 20s, through pool remote, at step "remote"', "ann is full: 0 units free"),
    (BUSY, '{ contact = "li", offered_to = "bob", by = "20s" }', "to bob, by 20s", "offered to team-1 at 20s", "It needs english; bob has english 0"),
    (BUSY, '{ contact = "li", offered_to = "team", by = "19s" }', "to one of team, by 19s", "offered to nobody by 19s", 'Step "remote" opens in 1 s'),
    (BUSY, '{ contact = "li", in_pool = "onsite" }', "through pool onsite", "through pool remote", "Why now: a step had just opened"),
    (BUSY, '{ contact = "li", at_step = "any language" }', 'at step "any language"', 'at step "remote"', ""),
    (BUSY, '{ contact = "li", after_waiting = "21s" }', "after waiting 21s at least", "after waiting 20s", ""),
    (BUSY, '{ contact = "li", waited_at_most = "19s" }', "after waiting 19s at most", "after waiting 20s", ""),
    (BUSY, '{ contact = "li", never_to = "team" }', "li is never offered to team", "offered to team-1 at 20s", "Why team-1"),
    (BUSY, '{ contact = "li", never_in_pool = "remote" }', "never offered through pool remote", "through pool remote", ""),
    (BUSY, '{ contact = "li", stays_waiting = "21s" }', "until 21s", "offered to team-1 at 20s", ""),
    (ONE, '{ contact = "li", stays_waiting = true }', "still waits, offered to nobody, at 1m", "offered to ann at 0s", ""),
    (ONE, '{ contact = "li", stays_waiting = true, since = "5s" }', "from 5s on", "it is connected", ""),
    (TWO, '{ contact = "spam", stays_waiting = true }', "spam still waits", 'not let in by rule "blocked": blocked', ""),
    (TWO, '{ contact = "spam", offered_to = "ann" }', "spam is offered to ann", "not let in", ""),
    (BUSY, '{ contact = "li", step_opens = "remote", at = "19s" }', 'step "remote" opens for li, at 19s', "it opened at 20s", ""),
    (ONE, '{ contact = "li", step_opens = "remote" }', 'step "remote" opens for li', "it had not opened by 1m", "Now: with ann."),
    (BUSY, '{ contact = "li", step_shut = "remote" }', "stays shut", "it opened at 20s", ""),
    (ONE, '{ contact = "li", rule = "vip", in_queue = "vip", priority = 10 }', "li: entry rule vip, queue vip, priority 10", "entry rule default, queue help, priority 0", ""),
    (ONE, '{ contact = "li", first = "bot" }', "li: first by a bot", "first by a person", ""),
    (TWO, '{ contact = "spam", in_queue = "help" }', "spam: queue help", "not let in", ""),
    (ONE, '{ contact = "li", state = "connected", at = "1s" }', "li: state connected, at 1s", "state offered", "Now: offered to ann"),
    (BUSY, '{ contact = "li", served_by = "ann" }', "served by ann", "served by", "ann is full"),
    (TWO, '{ contact = "li", position = 2, at = "30s" }', "position 2", "position 0", ""),
    (ONE, '{ contact = "li", deflected = true }', "li is not let in", 'let in by rule "default", into queue help', ""),
    (TWO, '{ contact = "spam", deflected = "region" }', "with the reason region", "not let in", ""),
    (TWO, '{ contact = "spam", deflected = true, alternative = "bot" }', "the alternative bot", "the alternative message", ""),
    (TWO, '{ contact = "vip", joined = "li" }', "vip joins li", "a contact of its own", ""),
    (TWO, '{ order = ["vip", "li"], by = "1m" }', "in this order: vip, li, by 1m", "li at 0s, vip at 11s", "Why now"),
    (TWO, '{ order = ["li", "vip"], by = "5s" }', "", "", ""),
    (ONE, '{ agent = "ann", state = "paused", offers = 2, load_at_most = 0 }', "agent ann: state paused, offers so far 2, units in use at once 0", "state available, offers so far 1, units in use at once 1", ""),
    (BUSY, '{ agent = "ann", serves = "li" }', "serving li", "serving -", ""),
    (BUSY, '{ queue = "help", length = 2, at = "0s" }', "queue help: length 2, at 0s", "length 1", ""),
    (ONE, '{ queue = "help", closed = true }', "closed true", "closed false", ""),
]  # fmt: skip


@pytest.mark.parametrize(("scene", "row"), HOLDS)
def test_an_expectation_holds(scene: str, row: str) -> None:
    """As written, so it came."""
    outcome = outcome_of(scene + f"expect = [{row}]")
    assert outcome.ok, [told(one) for one in outcome.judgements if not one.ok]
    assert outcome.judgements


@pytest.mark.parametrize(("scene", "row", "expected", "got", "why"), FAILS)
def test_an_expectation_fails_and_says_why(scene: str, row: str, expected: str, got: str, why: str) -> None:
    """What was wanted, what came instead, and the dispatcher's reason."""
    found = failures(scene + f"expect = [{row}]")
    if not got:  # the last in an order need not have been served yet
        assert found == []
        return
    said = [told(one) for one in found]
    assert any(expected in one[0] and got in one[1] and why in one[2] for one in said), said


def test_every_kind_of_expectation_is_tried() -> None:
    """No rule of judging without a case here that holds and one that fails."""
    for rows in ([(scene, row) for scene, row in HOLDS], [(scene, row) for scene, row, *_ in FAILS]):
        kinds = {claim.kind for scene, row in rows for claim in outcome_of(scene + f"expect = [{row}]").case.claims}
        assert kinds == set(RULES)


# --- the timeline ---------------------------------------------------------------------------------------------------------

TIMELINE = 'given.agents = { ann = { accepts = "2s" } }\nwhen = [{ at = "0s", submit = "li" }, { at = "9s", ROW }]\n'
EXPECT = 'expect = [{ contact = "li", offered_to = "ann" }]'


@pytest.mark.parametrize(
    ("row", "expected", "got"),
    [
        ('accept = "li"', "accept li at 9s is done", "li is not offered to anybody at that time"),
        ('decline = "li", agent = "ann"', "decline li at 9s is done", "not offered"),
        ('end_wrap_up = "li"', "is done", "refused: wrong_state"),
        (
            'move = "li", to_queue = "bells"',
            "is done",
            "refused: unknown_queue, the policy has no such queue; got bells",
        ),
        ('set_state = "ann", to = "paused", refused = "wrong_state"', "is refused (wrong_state)", "it was done"),
        ('sign_off = "ann", to_agent = "ann"', "is done", "refused: unknown_agent"),
        ('submit = "x", channel = "web", shop = "flagship", refused = "bad_value"', "is refused", "it was done"),
    ],
)
def test_what_cannot_be_done_fails_the_case(row: str, expected: str, got: str) -> None:
    """An action that finds nothing to do, or is refused against the case's word, is told like an expectation."""
    (found,) = failures(TIMELINE.replace("ROW", row) + EXPECT)
    said = told(found)
    assert expected in said[0] and got in said[1]
    assert found.place.path == "case[0].when[1]"


@pytest.mark.parametrize(
    "row",
    [
        'move = "li", to_queue = "bells", refused = "unknown_queue"',
        'transfer = "li", to_queue = "bells", refused = "unknown_queue"',
        'message = "li"',
        'message = "li", by = "agent"',
        'transfer = "li", to_queue = "vip", reason = "more urgent"',
        'close = "li"',
        'close = "li", by = "customer", reason = "solved"',
        'set_state = "ann", to = "not_ready", reason = "lunch", until = "30m"',
        'set_capacity = "ann", capacity = 3, until = "20m"',
        'other_work = "ann", units = 1',
        'lose = "ann"',
        'sign_off = "ann"',
        'close_queue = "help"',
        'open_queue = "help"',
        'ask_person = "li"',
        'update = "li", attributes = { tier = "vip" }',
    ],
)
def test_what_can_be_done_is_done(row: str) -> None:
    """Every kind of action once, also one that is to be refused, and is."""
    assert failures(TIMELINE.replace("ROW", row) + EXPECT) == []


def test_accepting_with_hold_waiting_and_moving() -> None:
    """The rarer actions: hold and complete, hold and fail, a move, a priority, a decline with its reason."""
    body = """
given.agents = { ann = 1, bob = 1 }
given.waiting = [{ name = "old", waited = "10s", attributes = { tier = "vip" } }]
when = [
  { at = "1s", accept = "old", hold = true },
  { at = "2s", complete = "old" },
  { at = "3s", submit = ["a", "b"], attributes = { tier = "vip" } },
  { at = "4s", accept = "a", hold = true },
  { at = "5s", fail = "a", reason = "no line" },
  { at = "6s", decline = "a", agent = "bob", reason = "away" },
  { at = "7s", prioritise = "b", priority = 50 },
  { at = "8s", move = "b", to_queue = "help", reason = "not urgent" },
  { at = "9s", abandon = "a", silent = true },
]
expect = [
  { contact = "old", served_by = "ann" },
  { contact = "b", in_queue = "help", priority = 50, at = "8s" },
  { contact = "a", state = "abandoned" },
]
"""
    outcome = outcome_of(body)
    assert outcome.ok, [told(one) for one in outcome.judgements if not one.ok]


def test_who_never_came_cannot_do_anything() -> None:
    """A submission that is refused, as the case says it is to be, leaves nobody to leave."""
    text = "x" * 3_000
    (case,) = cases_of(
        '\n[[case]]\nname = "it"\nwhen = [{ at = "0s", submit = "li", refused = "bad_requirement" }, { at = "1s", abandon = "li" }]\n'
        'expect = [{ contact = "li", offered_to = "ann" }]\n'
    )
    (arrival,) = case.actions[0].arrivals
    submit = replace(arrival.submit, requires=text)  # what a reader of files would not let through
    action = replace(case.actions[0], arrivals=(replace(arrival, submit=submit),))
    outcome = run_case(COMPILED, replace(case, actions=(action, *case.actions[1:])))
    said = [told(one)[1] for one in outcome.judgements]
    assert said == ["li never came", "offered to nobody by 1s"]
