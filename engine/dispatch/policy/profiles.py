"""A list of agents as TOML (``[[agents]]``, the fields of AgentProfile), for checking a policy against a real team."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec

from engine.dispatch.commands import AgentProfile
from engine.dispatch.policy.decode import Findings
from engine.dispatch.policy.loader import Path, load
from engine.dispatch.policy.problems import PolicyErrors, problem, quoted, shown
from engine.dispatch.policy.syntax import MAX_LEVEL, MIN_LEVEL

_TYPES = get_type_hints(AgentProfile)
_FIELDS = {field.name: field for field in msgspec.structs.fields(AgentProfile)}


def read_profiles(text: str) -> list[AgentProfile]:
    """The agents of a file, in its order; raises :class:`PolicyErrors` with every problem and its line."""
    document = load(text)
    findings = Findings(document)
    if document.problem is not None:
        code, detail, line = document.problem
        raise PolicyErrors([problem(code, (), line, ("", ""), detail=detail, got=detail, wanted="")])
    for key in document.tables:
        if key != "agents":
            findings.report("unknown_key", (key,), hint=findings.hint(key, ["agents"]))
    tables = document.tables.get("agents", [])
    if not isinstance(tables, list):
        findings.report("wrong_type", ("agents",), wanted="a list of tables", got=shown(tables))
        tables = []
    elif not tables:
        findings.report("nothing", ("agents",), wanted="[[agents]]")
    profiles = [read_profile(table, ("agents", index), findings) for index, table in enumerate(tables)]
    first_of: dict[str, int] = {}
    for index, profile in enumerate(profiles):
        if profile is not None and first_of.setdefault(profile.agent, index) != index:
            line = document.line_of(("agents", first_of[profile.agent]))
            findings.report("same_name", ("agents", index, "agent"), first=str(line))
    if findings.problems:
        raise PolicyErrors(findings.sorted())
    return [profile for profile in profiles if profile is not None]


def read_profile(table: Any, path: Path, findings: Findings) -> AgentProfile | None:
    """One agent's table, which stands at ``path``; None after what is wrong with it has been reported."""
    if not isinstance(table, dict):
        findings.report("wrong_type", path, wanted="a table", got=shown(table))
        return None
    before = len(findings.problems)
    fields = {}
    for key, value in table.items():
        if key not in _FIELDS:
            findings.report("unknown_key", (*path, key), hint=findings.hint(key, _FIELDS))
            continue
        try:
            fields[key] = msgspec.convert(value, _TYPES[key])
        except (msgspec.ValidationError, OverflowError) as error:
            findings.report("profile", (*path, key), detail=str(error))
            continue
        if key in _CHECKS:
            _CHECKS[key](fields[key], (*path, key), findings)
    if not table.get("agent"):
        findings.report("missing", (*path, "agent"))
    return AgentProfile(**fields) if len(findings.problems) == before else None


def _check_skills(skills: dict[str, int], path: Path, findings: Findings) -> None:
    for name, level in skills.items():
        if not MIN_LEVEL <= level <= MAX_LEVEL:
            findings.report("out_of_range", (*path, name), wanted=f"{MIN_LEVEL}–{MAX_LEVEL}", got=shown(level))


def _check_capacity(capacity: int, path: Path, findings: Findings) -> None:
    if capacity < 1:
        findings.report("out_of_range", path, wanted="≥ 1", got=shown(capacity))


def _check_pools(pools: tuple[str, ...], path: Path, findings: Findings) -> None:
    for name in dict.fromkeys(name for name in pools if pools.count(name) > 1):
        findings.report("duplicate", path, got=quoted(name))


_CHECKS: dict[str, Callable[[Any, Path, Findings], None]] = {
    "skills": _check_skills,
    "capacity": _check_capacity,
    "pools": _check_pools,
}
