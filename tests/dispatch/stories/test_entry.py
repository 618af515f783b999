"""Entry rules: where a contact goes, what it needs, whether it may come in, and what an update changes."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import SECOND, Stage, kinds, only, refusal

RULES: list[dict[str, Any]] = [
    {"name": "blocked", "when": {"blocked": [True]}, "deflect": {"reason": "blocklist", "alternative": "message"}},
    {"name": "vip", "when": {"tier": ["vip", "gold"], "shop": ["flagship"]}, "queue": "vip", "priority": 10},
    {"name": "english", "when": {"lang": ["en"]}, "queue": "help", "requirement": "english >= 3"},
    {"name": "paid", "when": {"order": ["paid"]}, "queue": "dispatch"},
    {"name": "phone", "when": {"channel": ["phone"]}, "queue": "help", "priority": 2},
]


def shop(**parts: Any) -> Stage:
    return Stage(
        entry=RULES, queues={"help": {}, "vip": {}, "dispatch": {}}, channels={"web": {}, "phone": {}}, **parts
    )


@pytest.mark.parametrize(
    ("fields", "rule", "queue", "priority"),
    [
        ({"attributes": {"tier": "vip"}}, "vip", "vip", 10),
        ({"attributes": {"tier": "vip"}, "shop": "outlet"}, "default", "help", 0),
        ({"attributes": {"tier": "gold", "lang": "en"}}, "vip", "vip", 10),
        ({"attributes": {"lang": "en"}}, "english", "help", 0),
        ({"channel": "phone"}, "phone", "help", 2),
        ({}, "default", "help", 0),
    ],
)
def test_the_first_matching_rule_decides(fields: dict[str, Any], rule: str, queue: str, priority: int) -> None:
    """Rules are read from the top over attributes, shop and channel; the default catches the rest."""
    stage = shop()

    stage.submit(**fields)

    came = only(stage.log, ev.ContactSubmitted)
    assert (came.rule, came.queue, came.priority) == (rule, queue, priority)


def test_a_rules_requirement_is_added_to_the_queues() -> None:
    """English is wanted by the rule: Ann without English is passed over, Eve has it."""
    stage = shop()
    stage.agent("ann")
    stage.agent("eve", skills={"english": 3})

    assert stage.offered(stage.submit(attributes={"lang": "en"})) == "eve"


def test_deflected_with_a_reason_and_an_alternative_never_silence() -> None:
    """A blocked customer is not queued, uses up a number, and is told."""
    stage = shop()

    number = stage.submit(attributes={"blocked": True})

    deflected = only(stage.log, ev.ContactDeflected)
    assert (deflected.contact, deflected.reason, deflected.alternative) == (number, "blocklist", "message")
    assert stage.dispatcher.contacts == {}
    assert stage.submit() == number + 1


def test_unpaid_becomes_paid_while_waiting() -> None:
    """The order is paid while the customer waits: another queue, the same clocks, and its free agent at once."""
    stage = shop()
    contact = stage.submit(attributes={"order": "unpaid"})
    stage.wait(25 * SECOND)

    events = stage.do(cm.UpdateContact(tenant="acme", contact=contact, attributes={"order": "paid"}))

    moved = only(events, ev.ContactMoved)
    assert (moved.queue, moved.rule, moved.why) == ("dispatch", "paid", "update")
    assert stage.contact(contact).waited_ms(stage.now) == 25 * SECOND
    assert stage.contact(contact).attributes["order"] == "paid"


def test_an_update_that_changes_no_rule_moves_nothing() -> None:
    """Another attribute: noted, no move, and the step clock is not disturbed."""
    stage = shop()
    contact = stage.submit()
    stage.wait(5 * SECOND)

    events = stage.do(cm.UpdateContact(tenant="acme", contact=contact, attributes={"colour": "red"}))

    assert kinds(events) == ["ContactUpdated"]
    assert stage.contact(contact).step_at == stage.dawn


def test_an_update_during_the_conversation_moves_nobody() -> None:
    """The order is paid while Ann serves: noted, and she goes on serving."""
    stage = shop()
    stage.agent("ann")
    contact = stage.connect("ann", attributes={"order": "unpaid"})

    events = stage.do(cm.UpdateContact(tenant="acme", contact=contact, attributes={"order": "paid"}))

    assert "ContactMoved" not in kinds(events)
    assert stage.contact(contact).agent == "ann"


def test_an_update_during_an_offer_leaves_one_place() -> None:
    """Paid while Ann is being asked: the contact is in exactly one place afterwards, with its clocks."""
    stage = shop()
    stage.agent("ann")
    contact = stage.submit(attributes={"order": "unpaid"})
    stage.wait(5 * SECOND)

    stage.do(cm.UpdateContact(tenant="acme", contact=contact, attributes={"order": "paid"}))

    assert stage.contact(contact).waited_ms(stage.now) == 5 * SECOND
    assert stage.contact(contact).queue == "dispatch"


def test_what_a_contact_asks_for_itself_is_kept_through_an_update() -> None:
    """It came asking for juggling ≥ 2: the queue changes with the update, the wish stays."""
    stage = shop()
    contact = stage.submit(requires="juggling >= 2")
    stage.do(cm.UpdateContact(tenant="acme", contact=contact, attributes={"order": "paid"}))
    stage.agent("ann")
    assert stage.offered(contact) == ""

    stage.agent("cid", skills={"juggling": 2})

    assert stage.offered(contact) == "cid"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"channel": "pigeon"}, "unknown_channel"),
        ({"shop": "nowhere"}, "unknown_shop"),
        ({"requires": "billing >="}, "bad_requirement"),
        ({"requires": "billing >= 11"}, "bad_requirement"),
    ],
)
def test_what_cannot_be_submitted(fields: dict[str, Any], code: str) -> None:
    """Refused with a code that says what; no number is used up, nothing is queued."""
    stage = shop()
    stage.expire()
    before = stage.dispatcher.snapshot()
    command = {"tenant": "acme", "channel": "web", "shop": "flagship", "customer": "eve", **fields}

    assert refusal(stage.do(cm.SubmitContact(**command))) == code

    assert stage.dispatcher.snapshot() == before
