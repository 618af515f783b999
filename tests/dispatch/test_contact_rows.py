"""Contacts as rows: every field is in, in its place, and comes back as it was."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from engine.dispatch import snapshots
from engine.dispatch.contact_rows import DEFAULTS, FIELDS, REQUIRED, contact_of, row_of
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.snapshots import SnapshotError
from tests.dispatch.stage import Stage

KINDS = {int: 7, str: "seven", bool: True}


def a_contact() -> Contact:
    stage = Stage()
    number = stage.submit()
    return stage.dispatcher.contacts[number]


def test_a_row_has_every_field_and_its_default() -> None:
    """A field that a rule adds is added here too, at the end."""
    stored = {field.name: field for field in dataclasses.fields(Contact)}
    assert set(FIELDS) == set(stored)
    assert len(FIELDS) == REQUIRED + len(DEFAULTS)
    for name, default in zip(FIELDS[REQUIRED:], DEFAULTS, strict=True):
        field = stored[name]
        wanted = {} if field.default is dataclasses.MISSING else field.default
        assert default == wanted, name
        assert type(default) is type(wanted.value if isinstance(wanted, ContactState) else wanted), name


def test_each_field_comes_back_in_its_place() -> None:
    """One after the other gets a value of its own; the row, over the wire of msgpack, gives the same contact."""
    for name in FIELDS:
        contact = a_contact()
        before = getattr(contact, name)
        changed = {
            "state": ContactState.DORMANT,
            "attributes": {"tier": "vip"},
            "decliners": {"ann": 5},
            "also": ("web", "mail"),
            "joined": (("web", "x1"), ("mail", "x2")),
        }.get(name, KINDS.get(type(before)))
        assert changed is not None, name
        if changed == before:
            changed = False if changed is True else changed + changed  # type: ignore[operator]  # of the three kinds
        setattr(contact, name, changed)
        row = msgspec.msgpack.decode(msgspec.msgpack.encode(row_of(contact)), type=tuple)
        again = contact_of(row, {})
        for field in FIELDS:
            assert getattr(again, field) == getattr(contact, field), (name, field)
            assert type(getattr(again, field)) is type(getattr(contact, field)), (name, field)


def test_a_waiting_contact_is_a_short_row() -> None:
    """Only what differs from the default is written, but for what stands before it."""
    assert len(row_of(a_contact())) <= REQUIRED + 10


@pytest.mark.parametrize("row", [(), (1,) * 15, ("one",) * 20, (1,) * (len(FIELDS) + 1)])
def test_what_is_no_row_is_refused(row: tuple[object, ...]) -> None:
    """Too short, too long, of other kinds: an error of the snapshot's, whatever it was."""
    dispatcher = Stage().dispatcher
    kept = msgspec.msgpack.decode(dispatcher.snapshot())
    kept["rows"] = [msgspec.msgpack.encode([row])]
    with pytest.raises(SnapshotError):
        Dispatcher.restore(msgspec.msgpack.encode(kept))
    assert kept["version"] == snapshots.VERSION
