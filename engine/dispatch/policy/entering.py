"""Which entry rules a contact's facts meet: first match over any number of rules in one step per attribute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.dispatch.commands import Value


class EntryIndex:
    """Rules as bits of an integer.

    ``accepting[name][value]``: the rules whose ``when`` accepts the value; ``silent[name]``: those that do not ask for it.
    """

    __slots__ = ("accepting", "everything", "silent")

    def __init__(self, whens: Sequence[Mapping[str, tuple[Value, ...]]]) -> None:
        """``whens``: per rule, in order, attribute → accepted values; all must hold."""
        self.accepting: dict[str, dict[Value, int]] = {}
        self.silent: dict[str, int] = {}
        self.everything: int = (1 << len(whens)) - 1
        for place, when in enumerate(whens):
            for name, accepted in when.items():
                self.silent[name] = self.silent.get(name, self.everything) & ~(1 << place)
                values = self.accepting.setdefault(name, {})
                for value in accepted:
                    values[value] = values.get(value, 0) | 1 << place

    def matching(self, facts: Mapping[str, Value]) -> int:
        """The rules whose ``when`` holds, as bits; the first rule is the lowest bit."""
        matching = self.everything
        for name, silent in self.silent.items():
            value = facts.get(name)
            matching &= silent if value is None else silent | self.accepting[name].get(value, 0)
        return matching


def lowest(bits: int) -> int:
    """The place of the lowest bit; −1: none is set."""
    return (bits & -bits).bit_length() - 1
