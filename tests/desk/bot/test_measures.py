"""What became of the conversations, by intent."""

from __future__ import annotations

from engine.desk.bot.measures import IntentFigures, Outcome, by_intent

ROWS: list[tuple[str, Outcome]] = [
    ("refund-time", "contained"),
    ("refund-time", "contained"),
    ("refund-time", "recontacted"),
    ("refund-time", "handed_off"),
    ("", "handed_off"),
    ("", "left"),
]


def test_each_intent_has_its_shares_and_all_have_theirs() -> None:
    """Who came back was not helped: no containment, and counted among what looked settled."""
    found = by_intent(ROWS)
    assert list(found) == ["*", "refund-time", ""]
    assert found["refund-time"] == IntentFigures(4, 2, 1, 1, 0, 0.5, 0.25, 0.3333)
    assert found[""] == IntentFigures(2, 0, 0, 1, 1, 0.0, 0.5, 0.0)
    assert found["*"].conversations == 6


def test_no_conversation_has_no_figures() -> None:
    """Not a division by nothing."""
    assert by_intent([]) == {}
