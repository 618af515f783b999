"""Whether anybody at all could meet a requirement."""

from __future__ import annotations

from typing import Any, NamedTuple

from engine.dispatch.commands import Value
from engine.dispatch.policy.requirements import Node
from engine.dispatch.policy.syntax import MAX_LEVEL

# Steps of the search. A readable requirement takes some dozens; one that takes more is let pass.
MAX_STEPS = 20_000
# … and of all searches of one policy: some seconds with the longest requirements that may be written.
MAX_STEPS_IN_ALL = 50_000


class _Branch(NamedTuple):
    """What is still to be met, and what the terms so far leave open.

    ``levels``: skill → (lowest, highest) level. ``values``: attribute → (values it must be one of, or None; values it must
    not be); a value goes with whether it is a bool, as True equals 1.
    """

    nodes: list[Node]
    levels: dict[str, tuple[int, int]]
    values: dict[str, tuple[frozenset[Any] | None, frozenset[Any]]]


class Search:
    """The searches of one policy, with what they may take in all. ``given_up``: requirements let pass without an answer."""

    def __init__(self) -> None:
        self.left = MAX_STEPS_IN_ALL
        self.given_up = 0

    def can_be_met(self, node: Node) -> bool:
        """False only when no skills and attributes whatever meet this canonical tree."""
        possible, steps = _search(node, min(self.left, MAX_STEPS))
        self.left -= steps
        self.given_up += possible is None
        return possible is not False


def can_be_met(node: Node) -> bool:
    """False only when no skills and attributes whatever meet this canonical tree."""
    return Search().can_be_met(node)


def _search(node: Node, most: int) -> tuple[bool | None, int]:
    """Whether it can be met, None where so many steps do not tell; and how many it took."""
    open_branches, steps = [_Branch([node], {}, {})], 0
    while open_branches:
        branch = open_branches.pop()
        possible = True
        while branch.nodes and possible:
            if steps >= most:
                return None, steps
            steps += 1
            match branch.nodes.pop():
                case ("and", *parts):
                    branch.nodes.extend(reversed(parts))  # single terms first: they settle most branches
                case ("or", *parts):
                    # Copies for all alternatives but the last, which goes on here.
                    for part in parts[:-1]:
                        open_branches.append(_Branch([*branch.nodes, part], {**branch.levels}, {**branch.values}))
                    branch.nodes.append(parts[-1])
                case ("skill", name, level, wanted):
                    possible = _narrow_level(branch, name, level, wanted)
                case ("attr", name, values, wanted):
                    possible = _narrow_values(branch, name, values, wanted)
        if possible:
            return True, steps
    return False, steps


def _narrow_level(branch: _Branch, name: str, level: int, wanted: bool) -> bool:
    low, high = branch.levels.get(name, (0, MAX_LEVEL))
    low, high = (max(low, level), high) if wanted else (low, min(high, level - 1))
    branch.levels[name] = (low, high)
    return low <= high


def _narrow_values(branch: _Branch, name: str, values: tuple[Value, ...], wanted: bool) -> bool:
    keyed = frozenset((isinstance(value, bool), value) for value in values)
    allowed, barred = branch.values.get(name, (None, frozenset()))
    if wanted:
        allowed = keyed if allowed is None else allowed & keyed
    else:
        barred |= keyed
    branch.values[name] = (allowed, barred)
    return allowed is None or bool(allowed - barred)
