"""Text → compiled policy, or every problem with its place."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any, NamedTuple

from engine.dispatch.policy import compiled
from engine.dispatch.policy.coherence import check_coherence
from engine.dispatch.policy.contradictions import check_contradictions
from engine.dispatch.policy.dates import assembled
from engine.dispatch.policy.decode import Decoder, Table
from engine.dispatch.policy.findings import Findings
from engine.dispatch.policy.loader import MAX_TEXT, Document, load
from engine.dispatch.policy.problems import PolicyErrors, Problem, problem
from engine.dispatch.policy.requirements import ANYONE

__all__ = ["PolicyErrors", "Problem", "compile_policy"]


class Analysis(NamedTuple):
    """``policy`` is None exactly when there are problems."""

    policy: compiled.Policy | None
    problems: tuple[Problem, ...]
    document: Document


def compile_policy(text: str) -> compiled.Policy:
    """Compile a policy file's text; raises :class:`PolicyErrors` with every problem.

    Equal texts give the same object for the last few texts, so a caller that must not be slow may have it compiled before.
    """
    found = analyse(text)
    if found.policy is None:
        raise PolicyErrors(list(found.problems))
    return found.policy


@lru_cache(maxsize=4)
def analyse(text: str) -> Analysis:
    """Never raises, whatever the text."""
    document = load(text)
    findings = Findings(document)
    if document.problem is not None:
        code, detail, line = document.problem
        said = problem(code, (), line, ("", ""), detail=detail, got=detail, wanted=str(MAX_TEXT))
        return Analysis(None, (said,), document)
    draft = Decoder(document, findings).read()
    check_coherence(draft, document.tables, findings)
    check_contradictions(draft, document.tables, findings)
    if findings.problems:
        return Analysis(None, tuple(findings.sorted()), document)
    return Analysis(_assembled(text, draft), (), document)


def _assembled(text: str, draft: Table) -> compiled.Policy:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return compiled.Policy(
        version=f"{draft['policy']['name']}@{digest[:12]}",
        text=text,
        tenants={name: compiled.Tenant(name, **table) for name, table in draft["tenants"].items()},
        shops={name: compiled.Shop(name, **table) for name, table in draft["shops"].items()},
        channels={name: compiled.Channel(name, **table) for name, table in draft["channels"].items()},
        calendars={name: assembled(name, table) for name, table in draft["calendars"].items()},
        pools={name: _pool(name, table, draft["domain"]) for name, table in draft["pools"].items()},
        queues={name: _queue(name, table) for name, table in draft["queues"].items()},
        entry=tuple(_rule(table) for table in draft["entry"]),
        **draft["domain"],
    )


# What a pool has of the domain where it says nothing of its own.
_OF_DOMAIN = ("order", "overdue", "choice")


def _pool(name: str, table: Table, domain: Table) -> compiled.Pool:
    fields = {key: domain[key] for key in _OF_DOMAIN if key in domain} | table
    for key, struct in (("weights", compiled.Weights), ("lend_kpi", compiled.Kpi)):
        if key in table:
            fields[key] = struct(**table[key])
    return compiled.Pool(name, **fields)


def _queue(name: str, table: Table) -> compiled.Queue:
    steps = tuple(
        compiled.Step(**{"index": index, "name": f"step-{index}", **step})
        for index, step in enumerate(table.get("steps", ()), start=1)
    )
    return compiled.Queue(**{"name": name, "requirement": ANYONE, **table, "steps": steps})


_CONDITIONS = ("while_open", "while_closed", "queue_length", "of_queue")


def _rule(table: Table) -> compiled.EntryRule:
    conditions: dict[str, Any] = {key: table[key] for key in _CONDITIONS if key in table}
    apart = ("name", "when", "deflect", *_CONDITIONS)
    fields: dict[str, Any] = {key: value for key, value in table.items() if key not in apart}
    if "deflect" in table:
        fields["deflect"] = compiled.Deflection(**table["deflect"])
    return compiled.EntryRule(compiled.Entry(rule=table["name"], **fields), table.get("when", {}), **conditions)
