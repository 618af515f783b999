"""Nothing of the dispatcher's behaviour goes unexercised: random histories and named stories, counted item by item."""

from __future__ import annotations

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.policy.compile import compile_policy
from tests.dispatch.coverage import items
from tests.dispatch.coverage.campaign import DAYS, STEPS, WildDay, play
from tests.dispatch.coverage.collector import Coverage, Witness
from tests.dispatch.coverage.items import Item
from tests.dispatch.coverage.rare import STORIES, tell
from tests.dispatch.coverage.unreached import UNREACHED
from tests.dispatch.machine import families
from tests.dispatch.shadow import Shadow
from tests.dispatch.stage import DAWN, Stage


@pytest.fixture(scope="module")
def counted() -> Coverage:
    """What the whole campaign exercises; the same days on every machine."""
    coverage = Coverage()
    for seed in range(DAYS):
        play(coverage, seed, STEPS)
    for story in STORIES:
        tell(coverage, story)
    return coverage


def test_nothing_goes_unexercised(counted: Coverage) -> None:
    """Every command, event, transition, refusal, step, choice and order at least once; the table of excuses apart."""
    never = [str(item) for item in counted.missing() if item not in UNREACHED]
    assert never == [], (
        "never exercised: let random histories do it (tests/dispatch/machine/families.py, golden/history.py), tell a named "
        "story (tests/dispatch/coverage/rare.py), or, while its rule is being written, excuse it with the reason in "
        "tests/dispatch/coverage/unreached.py"
    )


def test_the_table_of_excuses_shrinks(counted: Coverage) -> None:
    """What is exercised by now needs no excuse."""
    reached = [str(item) for item in UNREACHED if counted.counts[item]]
    assert reached == [], "exercised: strike these rows out of tests/dispatch/coverage/unreached.py"


def test_only_what_exists_is_excused() -> None:
    """An excuse names an item of today's tables, once."""
    assert [str(item) for item in UNREACHED if item not in items.everything()] == []
    assert len(items.everything()) == len(set(items.everything()))


def test_every_field_of_a_step_is_a_condition_or_an_action() -> None:
    """A field that is new is given its place among what is counted."""
    assert items.step_fields() == {*items.CONDITIONS, *items.ACTIONS, *items.NEITHER}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_named_story_is_told(story: object) -> None:
    """Each holds for itself, and says in its first line what happens."""
    assert (story.__doc__ or "").strip()
    tell(Coverage(), story)  # type: ignore[arg-type]


def test_a_zero_is_named() -> None:
    """One contact comes and goes: what that exercises is counted, all else is missing by name."""
    coverage = Coverage()
    stage = Stage()
    witness = Witness(coverage, stage.text)
    for command in (
        cm.SubmitContact(tenant="acme", channel="web", customer="li", shop="flagship"),
        cm.CloseContact(tenant="acme", contact=1),
        cm.CloseContact(tenant="acme", contact=1),
    ):
        witness.saw(command, stage.do(command))

    assert coverage.counts[Item(items.COMMAND, "contact.close")] == 1
    assert coverage.counts[Item(items.REFUSAL, "contact_gone")] == 1
    assert coverage.counts[Item(items.CONTACT_ARROW, "queued + contact.closed → closed")] == 1
    missing = [str(item) for item in coverage.missing()]
    assert "event: offer.made" in missing
    assert "event: contact.closed" not in missing


@pytest.mark.parametrize("seed", range(3))
def test_a_wild_day_judged_at_every_step(seed: int) -> None:
    """Any command with any fields at any time: every invariant after each, and a refusal says what would be right."""
    day = WildDay(seed, slice_units=9 if seed == 2 else 0)
    shadow = Shadow(compile_policy(families.policy(day.policies[0])), DAWN)
    for _ in range(600):
        for event in day.step():
            shadow.apply(event)
            if isinstance(event, ev.CommandRejected):
                assert event.wanted, event
        shadow.check(day.dispatcher)
    assert day.dispatcher.audit() == []
