"""Contacts by the names that the outside gives them: (tenant, channel, external id) and (tenant, shop, customer)."""

from __future__ import annotations

from typing import TypeAlias

Known: TypeAlias = dict[str, int | tuple[int, ...]]


class Names:
    """Tenant → scope (a channel, or a shop) → name → contact, or contacts in ascending order.

    Levels, and a bare number where one contact has the name: at a hundred thousand open contacts a key tuple each costs
    more memory traffic than everything else that a submit does, and a tuple of tenant and scope has to be made and hashed.
    """

    __slots__ = ("tenants",)

    def __init__(self) -> None:
        self.tenants: dict[str, dict[str, Known]] = {}

    def __eq__(self, other: object) -> bool:
        """Equal content; empty scopes do not count."""
        return self.content() == other.content() if isinstance(other, Names) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # mutable

    def content(self) -> dict[tuple[str, str], Known]:
        """(tenant, scope) → its names, where there are any."""
        return {
            (tenant, scope): names
            for tenant, scopes in self.tenants.items()
            for scope, names in scopes.items()
            if names
        }  # fmt: skip

    def last(self, tenant: str, scope: str, name: str) -> int | None:
        """The newest contact of this name."""
        scopes = self.tenants.get(tenant)
        names = None if scopes is None else scopes.get(scope)
        found = None if names is None else names.get(name)
        return found[-1] if isinstance(found, tuple) else found

    def add(self, tenant: str, scope: str, name: str, contact: int) -> None:
        """Nothing happens for the empty name."""
        if not name:
            return
        scopes = self.tenants.get(tenant)
        if scopes is None:
            scopes = self.tenants[tenant] = {}
        names = scopes.get(scope)
        if names is None:
            names = scopes[scope] = {}
        known = names.get(name)
        if known is None:
            names[name] = contact
        else:
            names[name] = (*known, contact) if isinstance(known, tuple) else (known, contact)

    def drop(self, tenant: str, scope: str, name: str, contact: int) -> None:
        """The contact no longer has this name."""
        if not name:
            return
        names = self.tenants[tenant][scope]
        known = names.pop(name)
        if isinstance(known, tuple):
            left = tuple(number for number in known if number != contact)
            names[name] = left if len(left) > 1 else left[0]
