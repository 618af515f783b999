"""Contacts by the names that the outside gives them: (tenant, channel, external id) and (tenant, shop, customer)."""

from __future__ import annotations

Scope = tuple[str, str]


class Names:
    """Scope → name → contact, or contacts in ascending order.

    Two levels, and a bare number where one contact has the name: at a hundred thousand open contacts a key tuple each
    costs more memory traffic than everything else that a submit does.
    """

    __slots__ = ("scopes",)

    def __init__(self) -> None:
        self.scopes: dict[Scope, dict[str, int | tuple[int, ...]]] = {}

    def __eq__(self, other: object) -> bool:
        """Equal content; empty scopes do not count."""
        if not isinstance(other, Names):
            return NotImplemented
        mine = {scope: names for scope, names in self.scopes.items() if names}
        return mine == {scope: names for scope, names in other.scopes.items() if names}

    __hash__ = None  # type: ignore[assignment]  # mutable

    def last(self, scope: Scope, name: str) -> int | None:
        """The newest contact of this name."""
        names = self.scopes.get(scope)
        found = None if names is None else names.get(name)
        return found[-1] if isinstance(found, tuple) else found

    def add(self, scope: Scope, name: str, contact: int) -> None:
        """Nothing happens for the empty name."""
        if not name:
            return
        names = self.scopes.get(scope)
        if names is None:
            names = self.scopes[scope] = {}
        known = names.get(name)
        if known is None:
            names[name] = contact
        else:
            names[name] = (*known, contact) if isinstance(known, tuple) else (known, contact)

    def drop(self, scope: Scope, name: str, contact: int) -> None:
        """The contact no longer has this name."""
        if not name:
            return
        names = self.scopes[scope]
        known = names.pop(name)
        if isinstance(known, tuple):
            left = tuple(number for number in known if number != contact)
            names[name] = left if len(left) > 1 else left[0]
