"""Whether anybody at all could meet a requirement."""

from __future__ import annotations

from typing import Any

from engine.dispatch.policy.requirements import Node
from engine.dispatch.policy.syntax import MAX_LEVEL

# Steps of the search. A readable requirement takes some dozens; one that takes more is let pass.
MAX_STEPS = 20_000


def can_be_met(node: Node) -> bool:
    """False only when no skills and attributes whatever meet this canonical tree."""
    return _Search().holds([node], {}, {})


class _Search:
    """Tries the branches of every `or`, carrying what the terms so far leave open.

    ``levels``: skill → (lowest, highest) level. ``values``: attribute → (values it must be one of, or None; values it must
    not be); a value goes with whether it is a bool, as True equals 1.
    """

    def __init__(self) -> None:
        self.steps = 0

    def holds(self, nodes: list[Node], levels: dict[str, tuple[int, int]], values: dict[str, Any]) -> bool:
        for at, node in enumerate(nodes):
            self.steps += 1
            if self.steps > MAX_STEPS:
                return True
            match node:
                case ("skill", name, level, wanted):
                    low, high = levels.get(name, (0, MAX_LEVEL))
                    low, high = (max(low, level), high) if wanted else (low, min(high, level - 1))
                    if low > high:
                        return False
                    levels = {**levels, name: (low, high)}
                case ("attr", name, among, wanted):
                    keyed = frozenset((isinstance(value, bool), value) for value in among)
                    allowed, barred = values.get(name, (None, frozenset()))
                    if wanted:
                        allowed = keyed if allowed is None else allowed & keyed
                    else:
                        barred |= keyed
                    if allowed is not None and not allowed - barred:
                        return False
                    values = {**values, name: (allowed, barred)}
                case ("and", *parts):
                    return self.holds([*parts, *nodes[at + 1 :]], levels, values)
                case ("or", *parts):
                    return any(self.holds([part, *nodes[at + 1 :]], levels, values) for part in parts)
        return True
