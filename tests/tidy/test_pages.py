"""The generated pages are the ones that the code would write now."""

from __future__ import annotations

import pytest

from docs import generate
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
