"""Policies that contradict themselves: each refused with what, got, wanted and the place, at the file and at the swap."""

from __future__ import annotations

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile
from engine.dispatch.policy.check import check_policy
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.problems import PolicyErrors
from tests.dispatch.policy.drafts import line_of
from tests.dispatch.stage import Stage, Table, only, policy_text, refusal

POOLS: dict[str, Table] = {"onsite": {}, "remote": {}}
LATER = {"name": "later", "after_ms": 60_000}
OVER = {"name": "over", "after_ms": 120_000}
NEVER = '\n[calendars.never]\nzone = "Asia/Shanghai"\nweekly = {}\n'


def moving(*names: str) -> str:
    """Queues each of which moves its contacts to the next, the last to the first."""
    after = dict(zip(names, (*names[1:], names[0]), strict=True))
    queues: dict[str, Table] = {one: {"steps": [{**LATER, "move_to": other}]} for one, other in after.items()}
    return policy_text(queues=queues)


# what the author did → (text, code, words of the sentence, the snippet on whose line it is told)
REFUSED: dict[str, tuple[str, str, tuple[str, ...], str]] = {
    "moves in a circle of two": (moving("a", "b"), "move_circle", ('"a" → "b" → "a"',), "move_to"),
    "moves in a circle of four": (moving("a", "b", "c", "d"), "move_circle", ('"a" → "b" → "c" → "d" → "a"',), "move_to"),
    "nobody's contacts go in a circle": (
        policy_text(queues={"a": {"supervisors_queue": "b"}, "b": {"supervisors_queue": "a"}}),
        "limit_circle", ('"a" → "b" → "a"',), "supervisors_queue",
    ),
    "a lender that lends to itself": (
        policy_text(queues={"help": {}}, pools={"onsite": {"owners": ["help"], "reserve": 1}}),
        "no_borrower", ('"help"',), "owners",
    ),
    "a lender asked whether it may lend to itself": (
        policy_text(
            queues={"help": {"pools": ["remote"], "steps": [{**LATER, "lender_kpi": "remote", "raise_priority": 1}]},
                    "other": {"pools": ["remote"]}},
            pools={**POOLS, "remote": {"owners": ["help"], "lend_kpi": {"share": 0.8, "within_ms": 20_000}}},
        ),
        "own_lender", ('"remote"',), "lender_kpi",
    ),
    "a tenant's share of zero": (
        policy_text(pools={"onsite": {"shares": "tenant"}}).replace("weight = 1", "weight = 0", 1),
        "out_of_range", ("weight must be ≥ 1", "got 0"), "weight = 0",
    ),
    "a share of zero for RONA": (
        policy_text(pools={"onsite": {"rona_share": 0}}), "out_of_range", ("rona_share must be ≥", "got 0"), "rona_share",
    ),
    "a lender's share of zero": (
        policy_text(
            queues={"help": {}, "other": {}},
            pools={"onsite": {"owners": ["help"], "lend_kpi": {"share": 0, "within_ms": 20_000}}},
        ),
        "out_of_range", ("share must be ≥", "got 0"), "lend_kpi",
    ),
    "hours that never open": (
        policy_text(queues={"help": {"hours": "never"}}) + NEVER, "never_opens", ("never opens",), "[calendars.never]",
    ),
    "a step that nobody can reach": (
        policy_text(
            queues={"help": {"steps": [{**LATER, "move_to": "other"}, {**OVER, "raise_priority": 1}]}, "other": {}}
        ),
        "unreachable_step", ("steps[1] can never open",), '[[queues.help.steps]]\nname = "over"',
    ),
    "a promise shorter than the offer": (
        policy_text(queues={"help": {"offer_ms": 20_000, "target_ms": 10_000}}),
        "promise_short", ("target_ms must be ≥ offer_ms (20000)", "got 10000"), "target_ms",
    ),
    "a message's promise shorter than the offer": (
        policy_text(queues={"help": {"offer_ms": 20_000, "promise_ms": 5_000}}),
        "promise_short", ("promise_ms must be ≥ offer_ms (20000)", "got 5000"), "promise_ms",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_contradiction_is_refused_at_its_place(mistake: str) -> None:
    """The file: one sentence that says what was got and what would be right, at the line where it stands."""
    text, code, words, snippet = REFUSED[mistake]
    with pytest.raises(PolicyErrors) as refused:
        compile_policy(text)

    found = [problem for problem in refused.value.problems if problem.code == code]
    assert found, refused.value.problems
    assert found[0].line == line_of(text, snippet)
    for word in words:
        assert word in found[0].message


@pytest.mark.parametrize("mistake", REFUSED)
def test_a_contradiction_is_not_swapped_in(mistake: str) -> None:
    """The running dispatcher: refused whole, with the line, and the old policy goes on to the byte."""
    text = REFUSED[mistake][0]
    stage = Stage()
    stage.submit()
    before = stage.dispatcher.snapshot()

    events = stage.do(cm.ApplyPolicy(text=text))

    assert refusal(events) == "bad_policy"
    said = only(events, ev.CommandRejected)
    assert "line" in said.got or ":" in said.got, said.got
    assert said.wanted
    assert stage.dispatcher.snapshot() == before


def test_a_skill_that_nobody_of_the_team_has() -> None:
    """The team is given: what none of it can do is refused at the requirement, unless a step lets go of it."""
    text = policy_text(queues={"help": {"requirement": "frensh >= 3"}})
    team = [AgentProfile(agent="ann", skills={"french": 5})]
    found = check_policy(text, team).problems

    assert [(problem.code, problem.line) for problem in found] == [("skill_missing", line_of(text, "requirement"))]
    assert '"frensh"' in found[0].message
    relaxed = policy_text(queues={"help": {"requirement": "frensh >= 3", "steps": [{**LATER, "relax": ["frensh"]}]}})
    assert check_policy(relaxed, team).problems == ()


def test_each_of_two_tenants_has_a_supervisors_queue_that_keeps_what_it_has() -> None:
    """The domain's is Acme's; Zen's own names itself, as its contacts may go to no other tenant."""
    text = policy_text(queues={"a": {}, "chief": {}}) + (
        '\n[tenants.zen]\n[queues.z]\ntenant = "zen"\npools = ["onsite"]\nsupervisors_queue = "zchief"\n'
        '[queues.zchief]\ntenant = "zen"\npools = ["onsite"]\nsupervisors_queue = "zchief"\n'
    )
    text = (
        '[domain]\nsupervisors_queue = "chief"\n' + text
        if "[domain]" not in text
        else text.replace("[domain]\n", '[domain]\nsupervisors_queue = "chief"\n', 1)
    )

    assert check_policy(text).problems == ()
