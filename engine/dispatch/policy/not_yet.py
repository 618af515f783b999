"""Keys that the vocabulary has and no rule honours yet: a policy that uses one is refused, never half obeyed.

A rule that lands deletes its row here, and nothing else. A value equal to the key's default is always accepted. Tests of
the vocabulary compile with ``whole=True``, which lifts the table.
"""

from __future__ import annotations

from typing import Any

from engine.dispatch.policy.decode import Table
from engine.dispatch.policy.findings import Findings
from engine.dispatch.policy.loader import Path
from engine.dispatch.policy.model import NAMED, SECTIONS
from engine.dispatch.policy.problems import shown

# (section, key) or, for one of a key's choices, (section, key, value) → what is missing.
NOT_YET: dict[tuple[str, ...], str] = {}


def check_supported(draft: Table, findings: Findings) -> None:
    """Report every key of the draft that stands in the table."""
    _check("domain", draft["domain"], ("domain",), findings)
    for section in NAMED:
        for name, table in draft[section].items():
            _check(section, table, (section, name), findings)
    for name, queue in draft["queues"].items():
        for index, step in enumerate(queue.get("steps", ())):
            _check("steps", step, ("queues", name, "steps", index), findings)
    for index, rule in enumerate(draft["entry"]):
        _check("entry", rule, ("entry", index), findings)


def _check(section: str, table: Table, path: Path, findings: Findings) -> None:
    for key, value in table.items():
        why = NOT_YET.get((section, key)) or NOT_YET.get((section, key, str(value)))
        if why is not None and value != SECTIONS[section][key].default:
            findings.report("unsupported", (*path, key), got=_said(value), detail=why)


def _said(value: Any) -> str:
    """Tuples, tables and zones have been read already."""
    return shown(list(value) if isinstance(value, tuple) else value) if isinstance(value, _PLAIN) else "what it says"


_PLAIN = (str, int, float, tuple)
