"""Who comes, as the desk knows them: what it says of a customer joins the contact's attributes before the policy sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from engine.access.roles import Role
from engine.desk.refusals import DeskCode, Refused
from engine.dispatch.commands import SubmitContact, UpdateContact
from engine.dispatch.policy.compiled import Policy
from engine.ports import Principal
from engine.server.desk_door import DeskDoor

if TYPE_CHECKING:
    from engine.desk.customers.standing import Standing

BLOCKED = "blocked"


class Reception:
    """``prepare`` and ``receive`` give the command as it may go in; retries are compared by what the client sent."""

    def __init__(self, desk: DeskDoor, policy: Callable[[], Policy], now_ms: Callable[[], int]) -> None:
        self.desk = desk
        self._policy = policy
        self._now_ms = now_ms

    def prepare(self, principal: Principal, command: SubmitContact | UpdateContact) -> SubmitContact | UpdateContact:
        """A customer's own word for what only the desk says of it counts for nothing."""
        if principal.role != Role.CUSTOMER or command.attributes.keys().isdisjoint(self.desk.own_names):
            return command
        kept = {name: value for name, value in command.attributes.items() if name not in self.desk.own_names}
        return msgspec.structs.replace(command, attributes=kept)

    def receive(self, command: SubmitContact, standing: Standing) -> SubmitContact:
        """With what the desk knows. Raises :class:`Refused`: blocked, and the policy has no rule that would say so."""
        now = self._now_ms()
        if standing.is_blocked(now) and not any(BLOCKED in rule.when for rule in self._policy().entry):
            wanted = "a customer who is not blocked" if standing.blocked_until < 0 else f"at {standing.blocked_until}"
            raise Refused(DeskCode.BLOCKED, "contact.submit: customer", "a blocked one", wanted)
        known = standing.at(now)
        return msgspec.structs.replace(command, attributes={**command.attributes, **known}) if known else command
