"""Requirements: AND / OR / NOT over skills with minimum proficiency, and attributes; compiled once.

Text form: ``billing >= 5 and (english or chinese) and not trainee and @region = "north"``. A bare name is a skill at
any proficiency; ``name >= n`` wants at least n (1–10); ``@name = value`` and ``@name in [v, …]`` compare an attribute of
the agent. ``and``, ``or``, ``not`` and parentheses combine; the empty text is anyone. Names that are no plain word, and
text values, go in single or double quotes.

Canonical form: nots pushed down to single terms, nested ands and ors flattened, terms sorted and said once, several
minimums of one skill merged. Requirements with equal canonical text are one object, for as long as anybody holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from weakref import WeakValueDictionary

import msgspec

from engine.dispatch.commands import Value
from engine.dispatch.policy.syntax import KEYWORDS, MAX_CHARS, MAX_NESTING, WORD, Node, RequirementError, read

__all__ = [
    "ANYONE",
    "MAX_CHARS",
    "MAX_NESTING",
    "Node",
    "Requirement",
    "RequirementError",
    "Unmet",
    "both",
    "parse",
    "parse_canonical",
]

Test: TypeAlias = Callable[[Mapping[str, int], Mapping[str, Value]], bool]


class Unmet(NamedTuple):
    """One reason why an agent does not meet a requirement: ``wanted`` as text, ``got`` what the agent has."""

    wanted: str
    got: str


class Requirement(msgspec.Struct, frozen=True, eq=False, weakref=True):
    """A compiled requirement; equal ``text`` (canonical) means equal requirement.

    ``must_have``: a skill that every satisfying agent has (None when there is no such skill); narrows candidate search.
    ``skills``: the skills named positively, whose sum is the proficiency of :meth:`proficiency`.
    ``node``: the canonical tree: ``("true",)``, ``("skill", name, level, wanted)``, ``("attr", name, values, wanted)``
    (``wanted`` False: the term is negated), ``("and", node, …)``, ``("or", node, …)``.
    """

    text: str
    must_have: str | None
    skills: tuple[str, ...]
    node: Node
    test: Test

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Requirement) and self.text == other.text)

    def __hash__(self) -> int:
        return hash(self.text)

    def matches(self, skills: Mapping[str, int], attributes: Mapping[str, Value]) -> bool:
        return self.test(skills, attributes)

    def proficiency(self, skills: Mapping[str, int]) -> int:
        """Sum of the agent's levels in the skills that the requirement names."""
        return sum(skills.get(skill, 0) for skill in self.skills)

    def unmet(self, skills: Mapping[str, int], attributes: Mapping[str, Value]) -> list[Unmet]:
        """Every unmet conjunct, in the order of ``text``; empty when the agent qualifies.

        ``got`` reads ``billing 3`` (0: lacks it), ``@region = "south"`` or ``@region unset``.
        """
        conjuncts = self.node[1:] if self.node[0] == "and" else (self.node,)
        return [
            Unmet(_show(node), ", ".join(dict.fromkeys(_had(node, skills, attributes))))
            for node in conjuncts
            if not _test(node)(skills, attributes)
        ]

    def without(self, names: Iterable[str]) -> Requirement:
        """The requirement with all terms on these skills or attributes dropped (a step's ``relax``).

        A dropped term counts as met, wherever it stands: ``(english or chinese)`` without ``english`` is anyone. So
        whoever qualified before still does. An attribute may be named with or without its ``@``.
        """
        return _without(self, frozenset(names))


def parse(text: str) -> Requirement:
    """Compile a text; raises :class:`RequirementError`."""
    return _parse(text)


def parse_canonical(text: str) -> Requirement:
    """Compile a ``Requirement.text`` read back from a journal or snapshot.

    No bounds: :func:`both` may have made it longer than what may be typed. Raises :class:`RequirementError`.
    """
    return _interned(_normal(read(text, max_chars=None, max_nesting=None), True))


@lru_cache(maxsize=4096)
def both(left: Requirement, right: Requirement) -> Requirement:
    """The conjunction, in canonical form."""
    return _interned(_combined("and", (left.node, right.node)))


# --- one object per canonical text ----------------------------------------------------------------------------------

_BY_TEXT: WeakValueDictionary[str, Requirement] = WeakValueDictionary()


# Contacts bring their own texts, so both caches are bounded and what nobody holds any more is dropped.
@lru_cache(maxsize=4096)
def _parse(text: str) -> Requirement:
    return _interned(_normal(read(text), True))


@lru_cache(maxsize=4096)
def _without(requirement: Requirement, names: frozenset[str]) -> Requirement:
    return _interned(_dropped(requirement.node, names))


def _interned(node: Node) -> Requirement:
    text = _show(node)
    found = _BY_TEXT.get(text)
    if found is None:
        must = _must_have(node)
        found = Requirement(
            text=text,
            # The highest minimum is likely to be the rarest.
            must_have=min(must, key=lambda name: (-must[name], name)) if must else None,
            skills=tuple(sorted(_positive(node))),
            node=node,
            test=_test(node),
        )
        found = _BY_TEXT.setdefault(text, found)
    return found


# --- canonical form -------------------------------------------------------------------------------------------------


def _normal(node: Node, wanted: bool) -> Node:
    """The reader's tree in canonical form, or (``wanted`` False) that of its negation."""
    match node:
        case ("true",):
            return node
        case ("skill", name, level):
            return ("skill", name, level, wanted)
        case ("attr", name, values):
            by_text = {_show_value(value): value for value in values}
            return ("attr", name, tuple(by_text[text] for text in sorted(by_text)), wanted)
        case ("not", inner):
            return _normal(inner, not wanted)
        case (kind, *parts):
            kept = kind if wanted else {"and": "or", "or": "and"}[kind]
            return _combined(kept, [_normal(part, wanted) for part in parts])
    raise AssertionError(f"no such node: {node!r}")


def _combined(kind: str, parts: Iterable[Node]) -> Node:
    """One ``and`` or ``or`` of canonical parts, itself canonical."""
    flat: list[Node] = []
    for part in parts:
        flat.extend(part[1:] if part[0] == kind else (part,))
    if kind == "or" and any(part[0] == "true" for part in flat):
        return ("true",)
    levels: dict[tuple[str, bool], int] = {}
    by_text: dict[str, Node] = {}
    for part in flat:
        if part[0] == "skill":
            _, name, level, wanted = part
            # In an `and` the higher minimum says it all, in an `or` the lower; for negated terms the other way round.
            pick = max if (kind == "and") == wanted else min
            levels[name, wanted] = pick(level, levels.get((name, wanted), level))
        elif part[0] != "true":
            # By text, as ("attr", "x", (1,)) and ("attr", "x", (True,)) are equal in Python.
            by_text[_show(part)] = part
    for (name, wanted), level in levels.items():
        node = ("skill", name, level, wanted)
        by_text[_show(node)] = node
    ordered = sorted(by_text.items(), key=lambda item: (_RANK[item[1][0]], item[0]))
    if not ordered:
        return ("true",)
    return ordered[0][1] if len(ordered) == 1 else (kind, *(node for _, node in ordered))


_RANK = {"skill": 0, "attr": 1, "and": 2, "or": 3}


def _dropped(node: Node, names: frozenset[str]) -> Node:
    match node:
        case ("skill", name, _, _):
            return ("true",) if name in names else node
        case ("attr", name, _, _):
            return ("true",) if name in names or f"@{name}" in names else node
        case ("and" | "or" as kind, *parts):
            return _combined(kind, [_dropped(part, names) for part in parts])
    return node


def _show(node: Node) -> str:
    match node:
        case ("true",):
            return ""
        case ("skill", name, level, wanted):
            return ("" if wanted else "not ") + _show_name(name) + (f" >= {level}" if level > 1 else "")
        case ("attr", name, values, wanted):
            shown = ", ".join(_show_value(value) for value in values)
            compared = f"= {shown}" if len(values) == 1 else f"in [{shown}]"
            return ("" if wanted else "not ") + f"@{_show_name(name)} {compared}"
        case (kind, *parts):
            return f" {kind} ".join(f"({_show(part)})" if part[0] in ("and", "or") else _show(part) for part in parts)
    raise AssertionError(f"no such node: {node!r}")


def _show_name(name: str) -> str:
    return name if WORD.fullmatch(name) and name.lower() not in KEYWORDS else _show_value(name)


def _show_value(value: Value) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _must_have(node: Node) -> dict[str, int]:
    """Skill → minimum that every satisfying agent has."""
    match node:
        case ("skill", name, level, True):
            return {name: level}
        case ("and", *parts):
            found: dict[str, int] = {}
            for part in parts:
                for name, level in _must_have(part).items():
                    found[name] = max(level, found.get(name, 0))
            return found
        case ("or", *parts):
            first, *others = [_must_have(part) for part in parts]
            return {
                name: min(level, *(other[name] for other in others))
                for name, level in first.items()
                if all(name in other for other in others)
            }
    return {}


def _positive(node: Node) -> set[str]:
    match node:
        case ("skill", name, _, True):
            return {name}
        case ("and" | "or", *parts):
            return set().union(*(_positive(part) for part in parts))
    return set()


def _had(node: Node, skills: Mapping[str, int], attributes: Mapping[str, Value]) -> list[str]:
    match node:
        case ("skill", name, _, _):
            return [f"{_show_name(name)} {skills.get(name, 0)}"]
        case ("attr", name, _, _):
            shown = f"= {_show_value(attributes[name])}" if name in attributes else "unset"
            return [f"@{_show_name(name)} {shown}"]
        case ("and" | "or", *parts):
            return [had for part in parts for had in _had(part, skills, attributes)]
    return []


# --- compiled tests -------------------------------------------------------------------------------------------------
# Plain loops: a generator under all() or any() takes twice as long, and these run for each candidate.


def _test(node: Node) -> Test:
    """A closure for a canonical node; one call deep for the common shapes (one skill, several skills)."""
    match node:
        case ("true",):
            return _anyone
        case ("skill", name, level, True):
            return _skill_test(name, level)
        case ("skill", name, level, False):
            return lambda skills, attributes: skills.get(name, 0) < level
        case ("attr", name, values, wanted):
            return _attribute_test(name, values, wanted)
        case ("and", *parts) if all(part[0] == "skill" and part[3] for part in parts):
            return _skills_test(tuple((part[1], part[2]) for part in parts))
        case ("and", *parts):
            return _all_test(tuple(_test(part) for part in parts))
        case ("or", *parts):
            return _any_test(tuple(_test(part) for part in parts))
    raise AssertionError(f"no such node: {node!r}")


def _anyone(skills: Mapping[str, int], attributes: Mapping[str, Value]) -> bool:
    return True


def _skill_test(name: str, level: int) -> Test:
    return lambda skills, attributes: skills.get(name, 0) >= level


def _skills_test(wanted: tuple[tuple[str, int], ...]) -> Test:
    def test(skills: Mapping[str, int], attributes: Mapping[str, Value]) -> bool:
        for name, level in wanted:
            if skills.get(name, 0) < level:
                return False
        return True

    return test


def _attribute_test(name: str, values: tuple[Value, ...], wanted: bool) -> Test:
    # By type too: Python's True equals 1, an attribute's does not.
    accepted = frozenset((isinstance(value, bool), value) for value in values)

    def test(skills: Mapping[str, int], attributes: Mapping[str, Value]) -> bool:
        value = attributes.get(name)
        return ((isinstance(value, bool), value) in accepted) is wanted

    return test


def _all_test(tests: tuple[Test, ...]) -> Test:
    def test(skills: Mapping[str, int], attributes: Mapping[str, Value]) -> bool:
        for one in tests:
            if not one(skills, attributes):
                return False
        return True

    return test


def _any_test(tests: tuple[Test, ...]) -> Test:
    def test(skills: Mapping[str, int], attributes: Mapping[str, Value]) -> bool:
        for one in tests:
            if one(skills, attributes):
                return True
        return False

    return test


ANYONE = parse("")
