"""What is done at the desk has its place among the records, and changes nothing of who serves whom."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import DAWN, Stage


def test_a_note_is_one_event_and_leaves_the_state_as_it_was() -> None:
    """Ann notes something about the contact that she serves: written down, and its version is what it was."""
    stage = Stage()
    stage.agent("ann")
    stage.connect("ann")
    before = stage.dispatcher.snapshot()
    events = stage.do(cm.RecordDesk(tenant="acme", kind="conversation.note", subject="c1", contact=1))
    assert events == [ev.DeskRecorded(DAWN, "acme", "conversation.note", "c1", 1)]
    assert stage.dispatcher.snapshot() == before


def test_a_contact_of_long_ago_may_be_named() -> None:
    """Nobody knows any more whose it was: the desk does, and has looked."""
    stage = Stage()
    events = stage.do(cm.RecordDesk(tenant="acme", kind="conversation.note", contact=77))
    assert events == [ev.DeskRecorded(DAWN, "acme", "conversation.note", contact=77)]
