"""An agent who meets a requirement: somebody who is there and busy, when nobody was named."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product

from engine.dispatch.commands import AgentProfile, Attributes, Value
from engine.dispatch.policy.requirements import Node, Requirement

# Ways to meet a requirement that are tried: a readable one has a handful.
MAX_WAYS = 2_000


def find_stand_in(need: Requirement, agent: str, pools: tuple[str, ...]) -> AgentProfile | None:
    """An agent of these pools with the least skills and attributes that meet the requirement; None: nobody can."""
    for terms in islice(_ways(need.node), MAX_WAYS):
        skills = _skills(terms)
        attributes = _attributes(terms)
        if skills is not None and attributes is not None and need.matches(skills, attributes):
            return AgentProfile(agent=agent, pools=pools, skills=skills, attributes=attributes)
    return None


def _ways(node: Node) -> Iterator[tuple[Node, ...]]:
    """Sets of single terms, each of which meets the tree if all its terms hold."""
    match node:
        case ("true",):
            yield ()
        case ("and", *parts):
            for chosen in product(*(tuple(islice(_ways(part), MAX_WAYS)) for part in parts)):
                yield tuple(term for terms in chosen for term in terms)
        case ("or", *parts):
            for part in parts:
                yield from _ways(part)
        case _:
            yield (node,)


def _skills(terms: tuple[Node, ...]) -> dict[str, int] | None:
    """The lowest levels that do."""
    levels: dict[str, int] = {}
    for term in terms:
        if term[0] == "skill" and term[3]:
            levels[term[1]] = max(term[2], levels.get(term[1], 0))
    for term in terms:
        if term[0] == "skill" and not term[3] and levels.get(term[1], 0) >= term[2]:
            return None
    return levels


def _attributes(terms: tuple[Node, ...]) -> Attributes | None:
    """The first value of each attribute that does; what need only differ is left unset."""
    allowed: dict[str, list[Value]] = {}
    barred: dict[str, list[Value]] = {}
    for term in terms:
        if term[0] == "attr" and term[3]:
            here = list(term[2])
            allowed[term[1]] = [one for one in allowed.get(term[1], here) if _among(one, here)]
        elif term[0] == "attr":
            barred.setdefault(term[1], []).extend(term[2])
    chosen: Attributes = {}
    for name, values in allowed.items():
        left = [value for value in values if not _among(value, barred.get(name, []))]
        if not left:
            return None
        chosen[name] = left[0]
    return chosen


def _among(value: Value, values: list[Value]) -> bool:
    """Equal and of the same kind: True is not 1."""
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in values)
