"""Segments: customers by rule, in the grammar in which queues say whom they need. A tag is a skill, an attribute an attribute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.desk.deeds import refuse
from engine.desk.refusals import DeskCode
from engine.desk.settings import Settings
from engine.dispatch.commands import Value
from engine.dispatch.policy.requirements import Node, Requirement, parse
from engine.dispatch.policy.syntax import RequirementError

_TAGGED = 10  # a tag counts as the highest level: `vip` and `vip >= 5` say the same of it


def read_rule(text: str, settings: Settings) -> Requirement:
    """Raises :class:`Refused`: cannot be read, matches everybody, or names what is personal or not declared."""
    try:
        rule = parse(text)
    except RequirementError as error:
        raise refuse(DeskCode.BAD_VALUE, "rule", str(error)[:200], 'for example: vip and @tier = "gold"') from None
    if rule.node[0] == "true":
        raise refuse(DeskCode.BAD_VALUE, "rule", "a rule for everybody", 'for example: vip and @tier = "gold"')
    for name in _attributes(rule.node):
        kind = settings.attributes.get(name)
        if name != "tier" and (kind is None or kind.personal):
            known = ", ".join(["tier", *(each for each, one in settings.attributes.items() if not one.personal)])
            raise refuse(DeskCode.NOT_DECLARED, f"rule: @{name[:64]}", "personal" if kind else "not declared", known)
    return rule


def holds(rule: Requirement, tags: Iterable[str], attributes: Mapping[str, Value], tier: str) -> bool:
    """Whether the rule holds for a customer."""
    return rule.test(dict.fromkeys(tags, _TAGGED), {**attributes, **({"tier": tier} if tier else {})})


def _attributes(node: Node) -> Iterable[str]:
    if node[0] == "attr":
        yield str(node[1])
    elif node[0] in ("and", "or"):
        for inner in node[1:]:
            yield from _attributes(inner)
