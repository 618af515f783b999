"""Requirements: AND / OR / NOT over skills with minimum proficiency, and attributes; compiled once.

Text form: ``billing >= 5 and (english or chinese) and not trainee and @region = "north"``. A bare name is a skill at
any proficiency; ``name >= n`` wants at least n (1–10); ``@name = value`` and ``@name in [v, …]`` compare an attribute of
the agent. ``and``, ``or``, ``not`` and parentheses combine; the empty text is anyone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from engine.dispatch.commands import Value

Node = tuple[Any, ...]


class Unmet(NamedTuple):
    """One reason why an agent does not meet a requirement: ``wanted`` as text, ``got`` what the agent has."""

    wanted: str
    got: str


class Requirement(msgspec.Struct, frozen=True):
    """A compiled requirement; equal ``text`` (canonical) means equal requirement.

    ``must_have``: a skill that every satisfying agent has (None when there is no such skill); narrows candidate search.
    ``skills``: the skills named positively, whose sum is the proficiency of :meth:`proficiency`.
    """

    text: str
    must_have: str | None
    skills: tuple[str, ...]
    node: Node
    test: Callable[[Mapping[str, int], Mapping[str, Value]], bool]

    def matches(self, skills: Mapping[str, int], attributes: Mapping[str, Value]) -> bool:
        return self.test(skills, attributes)

    def proficiency(self, skills: Mapping[str, int]) -> int:
        """Sum of the agent's levels in the skills that the requirement names."""
        return sum(skills.get(skill, 0) for skill in self.skills)

    def unmet(self, skills: Mapping[str, int], attributes: Mapping[str, Value]) -> list[Unmet]:
        """Every unmet conjunct, in the order written; empty when the agent qualifies."""
        raise NotImplementedError

    def without(self, names: Iterable[str]) -> Requirement:
        """The requirement with all terms on these skills or attributes dropped (a step's ``relax``)."""
        raise NotImplementedError


class RequirementError(ValueError):
    """Unreadable text: ``what``, ``got``, ``wanted`` and the 1-based ``column``."""

    def __init__(self, what: str, got: str, wanted: str, column: int) -> None:
        super().__init__(f"{what}, got {got}, wanted {wanted}, column {column}")
        self.what, self.got, self.wanted, self.column = what, got, wanted, column


def parse(text: str) -> Requirement:
    """Compile a text; raises :class:`RequirementError`."""
    raise NotImplementedError


def both(left: Requirement, right: Requirement) -> Requirement:
    """The conjunction, in canonical form."""
    raise NotImplementedError
