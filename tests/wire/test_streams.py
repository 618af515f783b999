"""Which stream hears which event, from the journal alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile
from engine.ports import Committed, Principal
from engine.wire.streams import Directory, StreamKey, UnknownContact, parse_stream, slimmed

WEB = Principal("acme", "channel", "web")
ANN, DOMAIN, ACME = StreamKey("agent", "ann"), StreamKey("domain"), StreamKey("domain", tenant="acme")
CONTACT, CHANNEL = StreamKey("contact", "1"), StreamKey("channel", "web", "acme")


def directory() -> Directory:
    return Directory(lambda queue: "acme" if queue == "help" else "")


def record(*events: Any, principal: Principal = WEB, command: cmd.Command | None = None) -> Committed:
    return Committed(1, 0, principal, command, events)


def submitted(contact: int = 1, tenant: str = "acme") -> ev.ContactSubmitted:
    return ev.ContactSubmitted(0, contact, tenant, "web", "", "c1", "", "help", "r", "person", 0, "", {})


def heard(found: Directory, *events: Any, **rest: Any) -> dict[StreamKey, list[str]]:
    routed = found.route(record(*events, **rest))
    return {key: [type(event).__name__ for event in told] for key, told in routed.items()}


def test_an_offer_is_its_agents_and_the_houses() -> None:
    """The customer hears nothing of it, nor of the agent's other business."""
    found = directory()
    heard(found, submitted())
    offer = ev.OfferMade(0, 1, 1, "ann", "help", "onsite", 0, 1, 9, 0, "arrival", "longest_idle", "strict", (), "p")
    assert set(heard(found, offer)) == {ANN, DOMAIN, ACME}
    assert set(heard(found, ev.ReplyWarned(0, 1, 1))) == {DOMAIN, ACME}


def test_the_holder_hears_everything_until_it_holds_no_more() -> None:
    """From connected to transferred; the transfer itself is the last it hears."""
    found = directory()
    heard(found, submitted())
    message = ev.MessageAdded(0, 1, 1, "customer")
    assert ANN not in heard(found, message)
    assert ANN in heard(found, ev.ContactConnected(0, 1, "ann", 0))
    assert ANN in heard(found, message)
    assert ANN not in heard(found, ev.DeclinerForgotten(0, 1, "bob"))
    assert ANN in heard(found, ev.ContactTransferred(0, 1, "ann", "help", "person", 0, ""))
    assert ANN not in heard(found, message)


def test_a_held_accept_already_holds_and_a_failed_one_lets_go() -> None:
    """While the connection is being made, the customer's messages go to the agent."""
    found = directory()
    heard(found, submitted())
    message = ev.MessageAdded(0, 1, 1, "customer")
    heard(found, ev.OfferAccepted(0, 1, 1, "ann", held=True))
    assert ANN in heard(found, message)
    heard(found, ev.OfferRescinded(0, 1, 1, "ann", "failed"))
    assert ANN not in heard(found, message)


def test_who_is_asked_for_help_hears_what_is_said_until_the_consult_ends() -> None:
    """Bob hears that he is asked, what the customer says and the end; the offer beside it, and the customer, hear nothing of it."""
    found = directory()
    bob = StreamKey("agent", "bob")
    heard(found, submitted(), ev.ContactConnected(0, 1, "ann", 0))
    message = ev.MessageAdded(0, 1, 1, "customer")
    assert set(heard(found, ev.ConsultAsked(0, 1, "ann", "bob", "", "", 1, 9))) == {ANN, bob, DOMAIN, ACME}
    assert set(heard(found, message)) == {ANN, bob, CONTACT, CHANNEL, DOMAIN, ACME}
    assert set(heard(found, ev.ConsultAccepted(0, 1, "bob"))) == {ANN, bob, DOMAIN, ACME}
    assert bob not in heard(found, ev.ReplyWarned(0, 1, 1))
    told = heard(found, ev.ContactClosed(0, 1, "done", "ann"), ev.ConsultEnded(0, 1, "bob", "closed"))
    assert told[bob] == ["ConsultEnded"]
    assert bob not in heard(found, message)


def test_wrap_up_is_told_after_the_close_in_the_same_record() -> None:
    """Closed, then wrap-up: the agent hears both in order, the customer only the end."""
    found = directory()
    heard(found, submitted(), ev.ContactConnected(0, 1, "ann", 0))
    told = heard(found, ev.ContactClosed(0, 1, "done", "ann"), ev.WrapUpStarted(0, 1, "ann", 9))
    assert told[ANN] == ["ContactClosed", "WrapUpStarted"]
    assert told[CONTACT] == told[CHANNEL] == ["ContactClosed"]
    assert heard(found, ev.WrapUpEnded(9, 1, "ann"))[ANN] == ["WrapUpEnded"]


def test_who_joins_a_contact_hears_of_it_too() -> None:
    """Another channel's submit that joined an open contact gets its own stream's share."""
    found = directory()
    heard(found, submitted())
    app = Principal("acme", "channel", "app")
    told = heard(found, ev.ContactJoined(0, 1, "app", "x"), principal=app)
    assert {CHANNEL, StreamKey("channel", "app", "acme")} <= set(told)


def test_the_commands_source_counts_where_there_is_one() -> None:
    """As the wire filled it in; it survives recovery, which a principal does not."""
    found = directory()
    told = heard(found, submitted(), command=cmd.SubmitContact(source="gateway"))
    assert StreamKey("channel", "gateway", "acme") in told
    assert CHANNEL not in told


def test_ended_contacts_are_known_for_a_while() -> None:
    """The last words of a conversation find their streams; what is about nothing known goes to the house."""
    found = directory()
    heard(found, submitted(), ev.ContactClosed(0, 1, "done"))
    assert not found.is_open(1)
    assert CONTACT in heard(found, ev.MessageAdded(0, 1, 2, "customer"))
    assert set(heard(found, ev.MessageAdded(0, 99, 1, "customer"))) == {DOMAIN}
    with pytest.raises(UnknownContact):
        found.route(record(ev.MessageAdded(0, 99, 1, "customer")), strict=True)


def test_a_shared_agent_is_every_tenants_news() -> None:
    """Agents without a tenant are shown to all supervisors, a tenant's only to its own."""
    found = directory()
    heard(found, submitted(1), submitted(2, "bolt"))
    bolt = StreamKey("domain", tenant="bolt")
    assert set(heard(found, ev.AgentDefined(0, AgentProfile("robo")))) == {
        StreamKey("agent", "robo"),
        DOMAIN,
        ACME,
        bolt,
    }
    assert set(heard(found, ev.AgentDefined(0, AgentProfile("ann", tenant="acme")))) == {ANN, DOMAIN, ACME}
    assert set(heard(found, ev.QueueClosed(0, "help"))) == {DOMAIN, ACME}
    assert set(heard(found, ev.CommandRejected(0, "x", "bad_value", "y"))) == set()


def test_looking_back_changes_nothing_now() -> None:
    """Routing an old stretch again leaves the present holder as it is, and gives the same answer as the first time."""
    found = directory()
    first = found.route(record(submitted(), ev.ContactConnected(0, 1, "ann", 0)))
    past = found.past()
    assert past.route(record(submitted(), ev.ContactConnected(0, 1, "ann", 0))) == first
    past.route(record(ev.ContactTransferred(0, 1, "ann", "help", "person", 0, "")))
    now = found.find(1)
    assert now is not None
    assert now.agent == "ann"


def test_a_policy_is_pushed_without_its_text() -> None:
    """The whole file stays in the journal; ask for it."""
    assert slimmed([ev.PolicyApplied(0, "v", "a long text")]) == [ev.PolicyApplied(0, "v", "")]


@given(kind=st.sampled_from(["agent", "contact", "channel", "x"]), name=st.text(max_size=20))
def test_stream_names_are_read_or_refused(kind: str, name: str) -> None:
    """Any text after the colon: a stream, or none; never an exception."""
    parsed = parse_stream(f"{kind}:{name}")
    if parsed is not None:
        assert StreamKey(*parsed).public == f"{kind}:{name}"
    assert parse_stream("domain") == ("domain", "")
    assert parse_stream("domain:x") is None
    assert parse_stream("contact:") is None
    assert parse_stream("contact:²") is None
