"""Commands that reach into another tenant or shop: refused with what, got and wanted, and nothing has changed."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import Stage, kinds
from tests.dispatch.stories.test_two_tenants import TWO

OF_A_CONTACT = [kind for kind in get_args(cm.ContactCommand) if "contact" in kind.__struct_fields__]
STATES = ("queued", "offered", "connected", "abandoned")


def furnished() -> tuple[Stage, dict[str, int]]:
    """A contact of tenant acme in each state; ann and ben serve both tenants, bea bell's alone and is free."""
    stage = Stage(TWO)
    stage.agent("ann")
    found = {"connected": stage.connect("ann"), "abandoned": stage.submit()}
    stage.abandon(found["abandoned"])
    stage.agent("ben")
    found |= {"offered": stage.submit(), "queued": stage.submit()}
    stage.agent("bea", tenant="bell")
    for state, contact in found.items():
        assert stage.contact(contact).state == state
    return stage, found


def refused(stage: Stage, command: cm.Command) -> ev.CommandRejected:
    """The refusal, whole; the state is the same to the byte."""
    before = stage.dispatcher.snapshot()
    events = stage.do(command)
    assert kinds(events) == ["CommandRejected"], events
    assert stage.dispatcher.snapshot() == before
    said = events[0]
    assert isinstance(said, ev.CommandRejected)
    assert said.what
    return said


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", OF_A_CONTACT, ids=lambda kind: kind.__name__)
def test_another_tenants_contact_looks_unknown(kind: Any, state: str) -> None:
    """Whatever bell asks about a contact of acme, in whatever state: there is no such contact, and what exists is not told."""
    stage, found = furnished()
    fields: dict[str, Any] = {"tenant": "bell", "contact": found[state]}
    ours: dict[str, Any] = {"agent": "ann", "to_queue": "bells", "queue": "bells", "to_agent": "bea", "reason": "ours"}
    fields |= {name: value for name, value in ours.items() if name in kind.__struct_fields__}

    said = refused(stage, kind(**fields))

    assert (said.code, said.got, said.wanted) == ("unknown_contact", str(found[state]), "an open contact")
    assert said.command == kind.__struct_config__.tag


@pytest.mark.parametrize(
    ("command", "code", "got"),
    [
        (cm.MoveContact(queue="bells"), "unknown_queue", "bells"),
        (cm.TransferContact(agent="ann", to_queue="bells"), "unknown_queue", "bells"),
        (cm.TransferContact(agent="ann", to_agent="bea"), "unknown_agent", "bea"),
        (cm.AssignContact(agent="bea", reason="mine"), "unknown_agent", "bea"),
        (cm.ConsultAgent(agent="ann", to_agent="bea"), "unknown_agent", "bea"),
        (cm.ConsultAgent(agent="ann", to_queue="bells"), "unknown_queue", "bells"),
        (cm.TakeOverContact(agent="bea", reason="mine"), "unknown_agent", "bea"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, cm.Command) else "",
)
def test_a_contact_is_not_passed_to_another_tenant(command: Any, code: str, got: str) -> None:
    """To bell's queue or to bell's agent: neither exists for a contact of acme."""
    stage, found = furnished()
    state = "queued" if isinstance(command, cm.MoveContact | cm.AssignContact) else "connected"

    said = refused(stage, msgspec.structs.replace(command, tenant="acme", contact=found[state]))

    assert (said.code, said.got) == (code, got)
    assert said.wanted


@pytest.mark.parametrize("shop", ["tower", "nowhere"])
def test_another_tenants_shop_is_unknown(shop: str) -> None:
    """Acme's customer comes to bell's shop, or to none that exists: refused, no number is used up."""
    stage, _ = furnished()
    said = refused(stage, cm.SubmitContact(tenant="acme", channel="web", customer="li", shop=shop))

    assert (said.code, said.got) == ("unknown_shop", shop)
    assert said.wanted


def bulk(**fields: Any) -> cm.BulkCommand:
    return cm.BulkCommand(**{"tenant": "acme", "action": "prioritise", "priority": 3, "reason": "storm", **fields})


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (bulk(), "not_confirmed"),
        (bulk(expect_count=2), "not_confirmed"),
        (bulk(queue="help"), "count_changed"),
        (bulk(queue="help", expect_count=99), "count_changed"),
        (bulk(queue="bells", expect_count=1), "unknown_queue"),
        (bulk(shop="tower", expect_count=1), "unknown_shop"),
        (bulk(channel="pigeon", expect_count=1), "unknown_channel"),
        (bulk(queue="help", action="move", to_queue="bells", expect_count=2), "unknown_queue"),
    ],
    ids=repr,
)
def test_a_bulk_command_that_says_too_much(command: cm.BulkCommand, code: str) -> None:
    """All contacts without the count that was previewed, another tenant's filter or target: refused as a whole."""
    stage, _ = furnished()
    said = refused(stage, command)

    assert said.code == code
    assert said.wanted
