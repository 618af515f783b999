"""What single keys cannot show: whether rules, queues and steps of a draft fit together."""

from __future__ import annotations

from typing import Any

from engine.dispatch.policy.compiled import Queue
from engine.dispatch.policy.decode import Table
from engine.dispatch.policy.findings import Findings
from engine.dispatch.policy.loader import Path
from engine.dispatch.policy.problems import quoted
from engine.dispatch.policy.requirements import ANYONE

# Of the raw table, as an unreadable value leaves no trace in the draft and must not be called missing.
_NOT_WITH_DEFLECT = ("requirement", "priority", "first")
_CONDITIONS = ("while_open", "while_closed", "queue_length")


def check_coherence(draft: Table, raw: Table, findings: Findings) -> None:
    """Report what does not fit. ``raw``: the tables as tomllib read them."""
    _check_rules(draft, raw, findings)
    for name, queue in draft["queues"].items():
        if queue.get("steps"):
            _check_steps(name, queue, raw["queues"][name]["steps"], findings)
        _check_reply(name, queue, findings)


def _check_rules(draft: Table, raw: Table, findings: Findings) -> None:
    rules: list[Table] = draft["entry"]
    first_of: dict[str, int] = {}
    default: str | None = None
    # A list that could not be read is in the raw table alone, and not missing.
    unread = {
        name
        for name, queue in draft["queues"].items()
        if not queue or "bot_pools" in raw["queues"][name].keys() - queue
    }
    with_bots = unread | {name for name, queue in draft["queues"].items() if queue.get("bot_pools")}
    for index, rule in enumerate(rules):
        path: Path = ("entry", index)
        table = raw["entry"][index]
        if not isinstance(table, dict):
            continue
        name = rule.get("name", f"#{index + 1}")
        if name in first_of:
            line = findings.document.line_of(("entry", first_of[name]))
            findings.report("same_name", (*path, "name"), first=str(line))
        first_of.setdefault(name, index)
        if default is not None:
            findings.report("after_default", path, got=quoted(default))
        elif table.get("when", {}) == {} and not any(table.get(key) for key in _CONDITIONS):
            default = name
        _check_destination(path, rule, table, with_bots, findings)
    if rules and default is None and all(isinstance(table, dict) for table in raw["entry"]):
        findings.report("no_default", ("entry",))


def _check_destination(path: Path, rule: Table, table: Table, with_bots: set[str], findings: Findings) -> None:
    given = [key for key in ("queue", "deflect") if key in table]
    if len(given) != 1:
        findings.report("queue_or_deflect", path, got="both" if given else "neither")
    elif given == ["deflect"]:
        for key in _NOT_WITH_DEFLECT:
            if key in table:
                findings.report("with_deflect", (*path, key))
    if rule.get("first") == "bot" and "queue" in rule and rule["queue"] not in with_bots:
        findings.report("bot_without_pools", (*path, "first"), got=quoted(rule["queue"]))


_ACTIONS = ("add_pools", "relax", "raise_priority", "offer", "move_to")


def _check_steps(name: str, queue: Table, tables: list[Any], findings: Findings) -> None:
    """``tables``: the steps as tomllib read them."""
    opened = set(queue.get("pools", ()))
    first_of: dict[str, int] = {}
    for index, step in enumerate(queue["steps"]):
        path: Path = ("queues", name, "steps", index)
        called = step.get("name", "")
        if called and called in first_of:
            line = findings.document.line_of((*path[:3], first_of[called]))
            findings.report("same_name", (*path, "name"), first=str(line))
        first_of.setdefault(called, index)
        table = tables[index]
        if not isinstance(table, dict):
            continue
        # An action that could not be read is still meant.
        acts = any(step.get(action) or table.get(action) for action in _ACTIONS)
        if not acts:
            findings.report("step_does_nothing", path)
        for pool in step.get("add_pools", ()):
            if pool in opened:
                findings.report("already_open", (*path, "add_pools"), got=quoted(pool))
            opened.add(pool)


_REPLY = Queue("", "", ANYONE, ())


def _check_reply(name: str, queue: Table, findings: Findings) -> None:
    warn = queue.get("reply_warn_ms", _REPLY.reply_warn_ms)
    breach = queue.get("reply_breach_ms", _REPLY.reply_breach_ms)
    if warn >= breach:
        given = "reply_warn_ms" if "reply_warn_ms" in queue else "reply_breach_ms"
        findings.report("warn_after_breach", ("queues", name, given), wanted=str(breach), got=str(warn))
