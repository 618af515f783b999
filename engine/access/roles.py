"""The one table: role × (command, question or stream) → scope. What is not in it is denied.

``docs/access.md`` is generated from here, and a test goes through every cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import get_args

from engine.desk.commands import DeskCommand
from engine.desk.queries import DeskQuery
from engine.dispatch.commands import AgentCommand, ContactCommand, DomainCommand


class Role(StrEnum):
    """``server`` is the engine itself: no token and no hello can take it."""

    CHANNEL = "channel"
    CUSTOMER = "customer"
    AGENT = "agent"
    BOT = "bot"
    SUPERVISOR = "supervisor"
    SERVER = "server"


CLIENT_ROLES = tuple(role for role in Role if role is not Role.SERVER)
# Programs of the house, not single people: higher limits on the wire.
TRUSTED_ROLES = frozenset({Role.CHANNEL, Role.BOT, Role.SUPERVISOR})


class Scope(StrEnum):
    """How far a right reaches.

    ``own``: the contact of this customer, or that this agent holds, the agent itself, a channel's own stream.
    ``tenant``: everything of the token's tenant (all tenants for the tenant ``*``).
    ``domain``: what touches all tenants; needs the tenant ``*`` unless the policy has a single tenant.
    ``dev``: as own, and only where the engine runs without accounts.
    """

    OWN = "own"
    TENANT = "tenant"
    DOMAIN = "domain"
    DEV = "dev"


EVERY_TENANT = "*"


def tags_of(*unions: object) -> list[str]:
    """The wire names of all types in the given unions of tagged Structs, in their order."""
    types = [kind for union in unions for kind in (get_args(union) or (union,))]
    return [kind.__struct_config__.tag for kind in types]


COMMANDS = tuple(tags_of(ContactCommand, AgentCommand, DomainCommand, DeskCommand))
QUESTIONS = (
    "queues",
    "agents",
    "contacts",
    "contact",
    "history",
    "explain",
    "position",
    "figures",
    "policy",
    "streams",
    *tags_of(DeskQuery),
)
STREAMS = ("agent", "contact", "channel", "domain")


def _rights(scope: Scope, names: str) -> dict[str, Scope]:
    return dict.fromkeys(names.split(), scope)


_CUSTOMER_SIDE = "contact.submit contact.update contact.message contact.ask_person contact.abandon contact.close contact.leave_message contact.ask_bot"
_SERVING = (
    "agent.sign_on agent.set_state agent.sign_off offer.accept offer.complete offer.fail offer.decline wrap_up.end"
    " contact.message contact.transfer contact.close contact.consult consult.accept consult.end"
    " contact.take_over"
)
# At the desk an own customer is oneself, or one whose contact one holds or has held.
_OF_OWN_CUSTOMERS = (
    "customer.save customer.tag customer.use customer.link customer.merge"
    " contact.note contact.tag contact.read reply.save reply.remove attachment.add session.start session.end"
)
_OF_CUSTOMERS = (
    f"{_OF_OWN_CUSTOMERS} customer.tier customer.block customer.unblock customer.subscribe customer.cancel"
    " customer.unmerge customer.erase segment.save segment.remove"
)
_ABOUT_OWN_CUSTOMERS = "customer customer.history customer.records conversation.story"
_REPLIES = "replies reply conversation.search"
_ABOUT_CUSTOMERS = f"{_ABOUT_OWN_CUSTOMERS} customers segments"

COMMAND_TABLE: Mapping[Role, Mapping[str, Scope]] = {
    Role.CHANNEL: _rights(Scope.TENANT, f"{_CUSTOMER_SIDE} contact.read attachment.add"),
    Role.CUSTOMER: _rights(Scope.OWN, f"{_CUSTOMER_SIDE} contact.read attachment.add session.start session.end"),
    Role.AGENT: {**_rights(Scope.OWN, f"{_SERVING} {_OF_OWN_CUSTOMERS}"), "agent.define": Scope.DEV},
    # A bot may answer, hand off and end; a hostile one can do no more, and never take over or consult.
    Role.BOT: {
        **_rights(
            Scope.OWN,
            "agent.sign_on agent.set_state agent.sign_off offer.accept offer.complete offer.fail offer.decline wrap_up.end"
            " contact.message contact.transfer contact.close customer.save customer.tag contact.tag contact.read",
        ),
        "agent.define": Scope.DEV,
    },
    Role.SUPERVISOR: {
        **_rights(
            Scope.TENANT,
            "agent.define agent.remove agent.set_state agent.sign_off agent.set_capacity agents.set_capacity agent.external_load"
            " contact.move contact.prioritise contact.assign contact.take_over contact.close contacts.bulk"
            " queue.close queue.open queue.notice",
        ),
        **_rights(Scope.TENANT, _OF_CUSTOMERS),
        **_rights(Scope.DOMAIN, "pool.drain pool.open policy.apply"),
    },
    Role.SERVER: _rights(Scope.DOMAIN, "agent.lost agent.back engine.started policy.apply desk.record customer.erased"),
}

QUESTION_TABLE: Mapping[Role, Mapping[str, Scope]] = {
    Role.CHANNEL: _rights(Scope.TENANT, "contact history position streams"),
    Role.CUSTOMER: _rights(Scope.OWN, "history position streams customer conversation.story"),
    Role.AGENT: {
        **_rights(Scope.OWN, f"contact contacts history explain position streams {_ABOUT_OWN_CUSTOMERS} {_REPLIES}"),
        "queues": Scope.TENANT,
    },
    Role.BOT: {
        **_rights(Scope.OWN, f"contact contacts history position streams {_ABOUT_OWN_CUSTOMERS}"),
        "queues": Scope.TENANT,
    },
    Role.SUPERVISOR: {
        **_rights(Scope.TENANT, "queues agents contacts contact history explain position figures streams"),
        **_rights(Scope.TENANT, f"{_ABOUT_CUSTOMERS} {_REPLIES}"),
        "policy": Scope.DOMAIN,
    },
    Role.SERVER: {},
}

STREAM_TABLE: Mapping[Role, Mapping[str, Scope]] = {
    Role.CHANNEL: {"channel": Scope.OWN, "contact": Scope.TENANT},
    Role.CUSTOMER: {"contact": Scope.OWN},
    Role.AGENT: {"agent": Scope.OWN},
    Role.BOT: {"agent": Scope.OWN},
    Role.SUPERVISOR: _rights(Scope.TENANT, "agent contact channel domain"),
    Role.SERVER: {},
}


def find_scope(table: Mapping[Role, Mapping[str, Scope]], role: Role, name: str) -> Scope | None:
    """How far ``role`` may go with ``name``; None: not at all."""
    return table[role].get(name)
