"""The generated pages are the ones that the code would write now."""

from __future__ import annotations

from itertools import permutations
from typing import Any, get_args

import pytest

from docs import generate
from engine.dispatch import agents, commands, events, explain, refusals
from tests.tidy.tree import ROOT


@pytest.mark.parametrize("name", sorted(generate.PAGES))
def test_a_generated_page_is_fresh(name: str) -> None:
    """A table changed: its page was written again."""
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == generate.PAGES[name](), "old page: run `make docs`"


def test_every_transition_is_drawn() -> None:
    """Each contact state stands in the diagram, and no arrow was lost on the way there."""
    page = generate.states_page()
    for (before, event), after in generate.contacts.TRANSITIONS.items():
        start = before.value if before else "[*]"
        row = next(line for line in page.splitlines() if line.strip().startswith(f"{start} --> {after.value}:"))
        assert event.__struct_config__.tag in row


def _unfolded(union: Any) -> set[type]:
    return {inner for part in get_args(union) for inner in (_unfolded(part) if get_args(part) else {part})}


def _declared(module: Any) -> set[type]:
    """Every command or event that the module defines, whether or not it was put among the others."""
    return {
        value
        for value in vars(module).values()
        if isinstance(value, type) and getattr(getattr(value, "__struct_config__", None), "tag", None)
        if not value.__name__.startswith("_")
    }


def test_every_agents_transition_is_drawn() -> None:
    """Each change of an agent's state has its arrow; those between signed-on states are one sentence, and it is true."""
    drawn = generate._agent_arrows()
    inside = {state.value for state in agents.SIGNED_ON}
    for (before, event, _), after in agents.TRANSITIONS.items():
        start = before.value if before else "[*]"
        if before == after or {start, after.value} <= inside:
            continue
        tag = event.__struct_config__.tag
        ends = {(start, after.value), ("signed_on", after.value), (start, "signed_on")}
        assert any((one, other, tag) in drawn for one, other in ends), (start, after, tag)
    for one, other in permutations(agents.SIGNED_ON, 2):
        assert (one, events.AgentStateChanged, other) in agents.TRANSITIONS
    for state in agents.A:
        assert (state, events.AgentDefined, None) in agents.TRANSITIONS


@pytest.mark.parametrize(
    ("module", "union"), [(commands, commands.Command), (events, events.Event)], ids=["commands", "events"]
)
def test_every_command_and_event_has_a_row(module: Any, union: Any) -> None:
    """What the module defines is in the union of all, and the reference has a row for it."""
    assert _declared(module) == _unfolded(union)
    page = generate.reference_page()
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    missing = [
        struct.__name__
        for struct in _unfolded(union)
        if not any(row.startswith(f"| `{struct.__struct_config__.tag}` |") for row in rows)  # type: ignore[attr-defined]
    ]
    assert missing == []


def test_every_refusal_and_reason_has_a_sentence() -> None:
    """Each code of the catalogue stands in the reference with what it means."""
    rows = dict(
        line.removeprefix("| ").removesuffix(" |").split(" | ", 1)
        for line in generate.reference_page().splitlines()
        if line.startswith("| `") and line.count(" | ") == 1
    )
    for code in (*refusals.Code, *explain.REASON_CODES):
        assert rows[f"`{code}`"].strip(), code
