"""Which keys a cases file may hold, and of what kind each is: one table for reading, for hints, and for the guide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from engine.dispatch.contacts import ContactState
from engine.dispatch.refusals import Code

Kind: TypeAlias = Literal[
    "agent",  # one agent
    "agents",  # an agent, a group (all of it), or a list of them
    "attributes",  # a table of values
    "begin",  # a date and time
    "channel",
    "choice",
    "contact",  # one contact
    "contacts",  # a contact, a group of them, or a list
    "count",  # a whole number ≥ 1
    "deflection",  # true, or the reason
    "flag",
    "instant",  # a length after the case's beginning
    "length",
    "number",  # a whole number
    "policy",  # the name of a policy's file
    "pools",
    "queue",
    "requirement",
    "rule",
    "shop",
    "step",  # the name of a step, or its number
    "tenant",
    "text",
    "waits",  # true, or the instant until which
]
Keys: TypeAlias = "Mapping[str, Key]"


class Key(NamedTuple):
    kind: Kind
    choices: tuple[str, ...] = ()
    required: bool = False


def _choice(*choices: str, required: bool = False) -> Key:
    return Key("choice", choices, required)


STATES = ("available", "paused", "not_ready", "offline")

CASE: Keys = {
    "name": Key("text", required=True),
    "name_zh": Key("text"),
    "about": Key("text"),
    "until": Key("instant"),
}
GIVEN: Keys = {"begins": Key("begin")}
# What a contact brings; `customer` is its own name unless the case says otherwise.
CONTACT: Keys = {
    "tenant": Key("tenant"),
    "channel": Key("channel"),
    "shop": Key("shop"),
    "customer": Key("text"),
    "attributes": Key("attributes"),
    "requires": Key("requirement"),
    "opening": Key("flag"),
}
SEVERAL: Keys = {"count": Key("count"), "every": Key("length")}
WAITING: Keys = {
    "name": Key("text", required=True),
    "waited": Key("length"),
    "for": _choice("person", "bot"),
    **CONTACT,
    **SEVERAL,
}
# Beside the fields of an agent's profile.
GROUP: Keys = {
    "count": Key("count"),
    "state": _choice(*STATES),
    "idle": Key("length"),
    "busy": Key("number"),
    "accepts": Key("length"),
    "closes": Key("length"),
    "hands_off": Key("length"),
    "wraps_up": Key("length"),
}


class ActionKeys(NamedTuple):
    """``subject``: the kind of the action's own key; ``keys``: what else its row may hold beside ``at``, ``refused``."""

    subject: Literal["new", "contacts", "agents", "queue", "pool", "policy"]
    keys: Keys = {}


_REASON: Keys = {"reason": Key("text")}

ACTIONS: Mapping[str, ActionKeys] = {
    # customers
    "submit": ActionKeys("new", {**CONTACT, **SEVERAL}),
    "update": ActionKeys("contacts", {"attributes": Key("attributes", required=True)}),
    "message": ActionKeys("contacts", {"by": _choice("customer", "agent")}),
    "ask_person": ActionKeys("contacts", _REASON),
    "ask_bot": ActionKeys("contacts", _REASON),
    "leave_message": ActionKeys("contacts", {"kind": _choice("message", "call_back")}),
    "abandon": ActionKeys("contacts", {"silent": Key("flag")}),
    # agents with contacts
    "accept": ActionKeys("contacts", {"agent": Key("agent"), "hold": Key("flag")}),
    "complete": ActionKeys("contacts", {"agent": Key("agent")}),
    "fail": ActionKeys("contacts", {"agent": Key("agent"), **_REASON}),
    "decline": ActionKeys("contacts", {"agent": Key("agent"), **_REASON}),
    "close": ActionKeys("contacts", {"by": _choice("agent", "customer"), **_REASON}),
    "end_wrap_up": ActionKeys("contacts"),
    "transfer": ActionKeys("contacts", {"to_queue": Key("queue"), "to_agent": Key("agent"), **_REASON}),
    "consult": ActionKeys("contacts", {"to_queue": Key("queue"), "to_agent": Key("agent"), **_REASON}),
    "accept_consult": ActionKeys("contacts"),
    "end_consult": ActionKeys("contacts", {"by": _choice("agent", "helper"), **_REASON}),
    # agents
    "sign_on": ActionKeys("agents", {"state": _choice("available", "paused", "not_ready")}),
    "set_state": ActionKeys(
        "agents",
        {
            "to": _choice("available", "paused", "finishing", "not_ready", required=True),
            "until": Key("instant"),
            **_REASON,
        },
    ),
    "sign_off": ActionKeys("agents", {"to_queue": Key("queue"), "to_agent": Key("agent"), **_REASON}),
    "lose": ActionKeys("agents"),
    "come_back": ActionKeys("agents"),
    "set_capacity": ActionKeys("agents", {"capacity": Key("number", required=True), "until": Key("instant")}),
    "other_work": ActionKeys("agents", {"units": Key("number", required=True)}),
    # supervisors
    "move": ActionKeys("contacts", {"to_queue": Key("queue", required=True), **_REASON}),
    "prioritise": ActionKeys("contacts", {"priority": Key("number", required=True), **_REASON}),
    "assign": ActionKeys("contacts", {"to_agent": Key("agent", required=True), **_REASON}),
    "take_over": ActionKeys("contacts", {"agent": Key("agent", required=True), **_REASON}),
    "bulk": ActionKeys(
        "queue",
        {
            "action": _choice("move", "prioritise", "bot", "message", required=True),
            "to_queue": Key("queue"),
            "priority": Key("number"),
            **_REASON,
        },
    ),
    "group_capacity": ActionKeys(
        "pool", {"capacity": Key("number", required=True), "team": Key("text"), "until": Key("instant"), **_REASON}
    ),
    "notice": ActionKeys("queue", {"says": Key("text"), "until": Key("instant")}),
    "drain": ActionKeys("pool", _REASON),
    "open_pool": ActionKeys("pool", _REASON),
    "close_queue": ActionKeys("queue", _REASON),
    "open_queue": ActionKeys("queue", _REASON),
    "apply_policy": ActionKeys("policy"),
}
ACTION_ROW: Keys = {"at": Key("instant", required=True), "refused": _choice(*Code)}


class ClaimKeys(NamedTuple):
    """``says``: a row with one of these makes the claim; ``frames``: when it is to hold."""

    says: Keys
    frames: Keys = {}


_WINDOW: Keys = {"since": Key("instant"), "by": Key("instant")}
_AT: Keys = {"at": Key("instant")}

# Of contacts. A row may make several of these claims at once: they share its subject and its frames.
CLAIMS: Mapping[str, ClaimKeys] = {
    "offered": ClaimKeys(
        {
            "offered_to": Key("agents"),
            "in_pool": Key("pools"),
            "at_step": Key("step"),
            "after_waiting": Key("length"),
            "waited_at_most": Key("length"),
        },
        _WINDOW,
    ),
    "never": ClaimKeys({"never_to": Key("agents"), "never_in_pool": Key("pools")}, _WINDOW),
    "waits": ClaimKeys({"stays_waiting": Key("waits")}, {"since": Key("instant")}),
    "opens": ClaimKeys({"step_opens": Key("step")}, {**_AT, "by": Key("instant")}),
    "shut": ClaimKeys({"step_shut": Key("step")}, {"by": Key("instant")}),
    "entered": ClaimKeys(
        {
            "rule": Key("rule"),
            "in_queue": Key("queue"),
            "priority": Key("number"),
            "first": _choice("person", "bot"),
        },
        _AT,
    ),
    "stands": ClaimKeys(
        {
            "state": _choice(*ContactState),
            "position": Key("count"),
            "served_by": Key("agents"),
        },
        _AT,
    ),
    "deflected": ClaimKeys({"deflected": Key("deflection"), "alternative": _choice("message", "call_back", "bot")}),
    "joined": ClaimKeys({"joined": Key("contact")}),
}
# Of what a row is about, if not of contacts: the row's own key → the claim.
OTHER_CLAIMS: Mapping[str, tuple[str, ClaimKeys]] = {
    "agent": (
        "agent",
        ClaimKeys(
            {
                "state": _choice("offline", "available", "paused", "finishing", "not_ready", "lost"),
                "serves": Key("contacts"),
                "helps": Key("contacts"),
                "offers": Key("number"),
                "load_at_most": Key("number"),
            },
            _AT,
        ),
    ),
    "queue": ("queue", ClaimKeys({"length": Key("number"), "closed": Key("flag")}, _AT)),
    "order": ("order", ClaimKeys({}, _WINDOW)),
}
