"""How ``sluice policy check`` shows a report: tables for people, one JSON object for programs."""

from __future__ import annotations

from functools import reduce
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.dispatch.policy.check import QueueView, Report, StepView
from engine.dispatch.policy.overtaking import ClassOf, PoolWindows, Window
from engine.dispatch.policy.problems import Lang, Problem

# Where no terminal says how wide it is.
PIPED_WIDTH = 140
NAMES_SHOWN = 4
CLASSES_SHOWN = 8

WORDS: dict[str, tuple[str, str]] = {
    "problems": ("{n} problem(s)", "{n} 个问题"),
    "fine": ("{version}: no problems", "{version}：没有问题"),
    "remarks": ("Worth a second look", "值得再看一眼"),
    "who": ("Who can serve each queue", "各队列由谁接待"),
    "queue": ("queue", "队列"),
    "from": ("from", "何时起"),
    "pools": ("pools", "池"),
    "requirement": ("requirement", "要求"),
    "agents": ("agents", "客服"),
    "anyone": ("anyone", "任何人"),
    "at once": ("at once", "立即"),
    "by rule": ("at once, by rule {rules}", "立即，规则 {rules}"),
    "bot stage": ("first, by bots", "先由机器人"),
    "step": ("{after} after the step before", "上一步之后 {after}"),
    "waited": ("waited {after}", "等待满 {after}"),
    "age": ("{after} after arrival", "到达后 {after}"),
    "nobody": ("nobody eligible signed on", "无合格客服在线"),
    "estimated": ("an estimated wait of {n}", "预计等待满 {n}"),
    "length": ("{n} in the queue", "队列中有 {n} 个"),
    "lender": ("{pool} keeps its service level", "池 {pool} 的服务水平达标"),
    "and": ("{a}, and {b}", "{a}，且{b}"),
    "then": ("then", "动作"),
    "priority": ("priority +{n}", "优先级 +{n}"),
    "offers": ("offers {what}", "提供 {what}"),
    "moves": ("moves to {queue}", "移至 {queue}"),
    "or": ("{a}, or {b}", "{a}，或{b}"),
    "own": ("its own kind", "同类"),
    "windows": ("Who may overtake whom in pool {pool} (order: {order})", "池 {pool} 中谁可以超过谁（次序：{order}）"),
    "class": ("a contact of", "会话类别"),
    "unbounded": ("passes, however late it comes", "无论多晚都先于"),
    "within": ("passes, if it comes at most so much later", "至多晚到这么久时先于"),
    "equal": ("passes only if it came first", "仅当先到时先于"),
    "all": ("all others", "其余全部"),
    "more": ("{n} more", "另有 {n} 个"),
    "footnote": (
        "A class that is not named is passed only by contacts that came earlier, or never.",
        "未列出的类别只会被更早到达的会话超过，或从不被超过。",
    ),
    "left_out": ("{n} pairs are left out: too many to list.", "省略了 {n} 对：过多无法列出。"),
    "needs_left_out": (
        "{n} requirements are left out, and no agent was held against them: too many to list.",
        "省略了 {n} 条要求，也未与客服对照：过多无法列出。",
    ),
    "bot": ("bot stage", "机器人阶段"),
    "s": ("{n} s", "{n} 秒"),
    "min": ("{n} min", "{n} 分"),
    "h": ("{n} h", "{n} 小时"),
}


def _word(key: str, lang: Lang, **values: object) -> str:
    return WORDS[key][1 if lang == "zh-CN" else 0].format_map(values)


def show_problems(report: Report, file: str, lang: Lang) -> None:
    """One line a problem, in the file's order, then their number."""
    for problem in report.problems:
        click.echo(problem.placed(file, lang))
    click.echo(_word("problems", lang, n=len(report.problems)), err=True)


def show_report(report: Report, file: str, lang: Lang) -> None:
    """What a good policy will do, as tables."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPED_WIDTH)
    console.print(escape(_word("fine", lang, version=report.version)))
    if report.remarks:
        console.print(f"\n[bold]{_word('remarks', lang)}[/]")
        for remark in report.remarks:
            console.print("  " + escape(remark.placed(file, lang)), soft_wrap=True)
    console.print()
    console.print(_who_table(report, lang))
    left_out = sum(view.left_out for view in report.queues)
    if left_out:
        console.print(_word("needs_left_out", lang, n=left_out))
    for pool in report.pools:
        console.print()
        console.print(_windows_table(pool, lang))
        if pool.left_out:
            console.print(_word("left_out", lang, n=pool.left_out))
    console.print(_word("footnote", lang))


# --- who can serve --------------------------------------------------------------------------------------------------


def _who_table(report: Report, lang: Lang) -> Table:
    table = Table(title=_word("who", lang), title_justify="left", title_style="bold")
    steps = [step for view in report.queues for need in view.needs for step in need.steps]
    shown = {
        "queue": True,
        "from": True,
        "pools": True,
        "requirement": True,
        "then": any(_then(step, 0, lang) for step in steps),
        "agents": any(step.agents is not None for step in steps),
    }
    for key, wanted in shown.items():
        if wanted:
            table.add_column(_word(key, lang), overflow="fold")
    for view in report.queues:
        for row in _who_rows(view, lang):
            table.add_row(*(escape(cell) for cell, wanted in zip(row, shown.values(), strict=True) if wanted))
        table.add_section()
    return table


def _who_rows(view: QueueView, lang: Lang) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    if view.bot_pools:
        pools = ", ".join(view.bot_pools)
        rows.append((view.queue, _word("bot stage", lang), pools, _word("anyone", lang), "", _names(view.bots, lang)))
    for need in view.needs:
        raised = [0, *(step.priority_raised for step in need.steps)]
        start, *later = [_who_row(view, *pair, lang) for pair in zip(need.steps, raised, strict=False)]
        if len(view.needs) > 1:
            rules = _some(list(need.rules), NAMES_SHOWN, lang)
            start = (*start[:1], _word("by rule", lang, rules=rules), *start[2:])
        rows += [start, *later]
    # The queue's name once.
    return [row if index == 0 else ("", *row[1:]) for index, row in enumerate(rows)]


def _who_row(view: QueueView, step: StepView, raised: int, lang: Lang) -> tuple[str, ...]:
    requirement = step.requirement or _word("anyone", lang)
    pools, then = ", ".join(step.pools), _then(step, raised, lang)
    return view.queue, _when(step, lang), pools, requirement, then, _names(step.agents, lang)


def _when(step: StepView, lang: Lang) -> str:
    if step.index == 0:
        return _word("at once", lang)
    wanted = [_word(step.clock, lang, after=length(step.after_ms, lang))] if step.after_ms else []
    if step.estimated_wait_ms:
        wanted.append(_word("estimated", lang, n=length(step.estimated_wait_ms, lang)))
    if step.queue_length:
        wanted.append(_word("length", lang, n=step.queue_length))
    if step.lender_kpi:
        wanted.append(_word("lender", lang, pool=step.lender_kpi))
    if not wanted and not step.when_nobody:
        wanted = [_word(step.clock, lang, after=length(0, lang))]
    said = reduce(lambda a, b: _word("and", lang, a=a, b=b), wanted) if wanted else ""
    if not step.when_nobody:
        return said
    nobody = _word("nobody", lang)
    return _word("or", lang, a=said, b=nobody) if said else nobody


def _then(step: StepView, raised: int, lang: Lang) -> str:
    """What the step does besides opening pools and relaxing; ``raised``: points that earlier steps have added."""
    done = [_word("priority", lang, n=step.priority_raised - raised)] if step.priority_raised > raised else []
    if step.offer:
        done.append(_word("offers", lang, what=", ".join(step.offer)))
    if step.move_to:
        done.append(_word("moves", lang, queue=step.move_to))
    return ", ".join(done)


def _names(names: tuple[str, ...] | None, lang: Lang) -> str:
    if not names:
        return "" if names is None else "0"
    return f"{len(names)}: " + _some(list(names), NAMES_SHOWN, lang)


def _some(names: list[str], limit: int, lang: Lang) -> str:
    """The first names, and how many more there are."""
    if len(names) > limit + 1:
        names = [*names[:limit], _word("more", lang, n=len(names) - limit)]
    return ", ".join(names)


def length(length_ms: int, lang: Lang) -> str:
    """``95_000`` → ``1 min 35 s``."""
    hours, rest = divmod(length_ms, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    parts = [_word("h", lang, n=hours)] if hours else []
    parts += [_word("min", lang, n=minutes)] if minutes else []
    if rest or not parts:
        parts.append(_word("s", lang, n=f"{rest / 1000:.3f}".rstrip("0").rstrip(".")))
    return " ".join(parts)


# --- who may overtake whom ------------------------------------------------------------------------------------------


def _windows_table(pool: PoolWindows, lang: Lang) -> Table:
    title = escape(_word("windows", lang, pool=pool.pool, order=pool.order))
    table = Table(title=title, title_justify="left", title_style="bold")
    for key in ("class", "unbounded", "within", "equal"):
        table.add_column(_word(key, lang), overflow="fold")
    by_later: dict[int, list[Window]] = {}
    for window in pool.windows:
        by_later.setdefault(window.later, []).append(window)
    labels = [_label(one, lang) for one in pool.classes]
    for later, label in enumerate(labels):
        windows = by_later.get(later, [])
        named = {**dict(enumerate(labels)), later: _word("own", lang)}
        free = [named[one.earlier] for one in windows if one.kind == "unbounded" and one.earlier != later]
        own = [named[later] for one in windows if one.kind == "unbounded" and one.earlier == later]
        bound = sorted((one.window_ms, named[one.earlier]) for one in windows if one.kind == "within" and one.window_ms)
        equal = [named[one.earlier] for one in windows if one.kind == "within" and not one.window_ms]
        everyone = len(free) == len(labels) - 1 and len(free) > 1
        cells = (
            label,
            _some([_word("all", lang), *own] if everyone else [*own, *free], CLASSES_SHOWN, lang),
            _some([f"{name}: {length(window_ms, lang)}" for window_ms, name in bound], CLASSES_SHOWN, lang),
            _some(equal, CLASSES_SHOWN, lang),
        )
        table.add_row(*(escape(cell) for cell in cells))
    return table


def _label(one: ClassOf, lang: Lang) -> str:
    stage = f", {_word('bot', lang)}" if one.stage == "bot" else ""
    return f"{one.queue} ({one.priority}{stage})"


# --- JSON -----------------------------------------------------------------------------------------------------------


def as_json(report: Report, file: str, lang: Lang) -> str:
    """``ok``, ``version``, ``problems``, ``remarks``, ``queues``, ``pools``.

    A window names its two classes; ``window_ms`` is null for unbounded and never.
    """
    value = {
        "file": file,
        "ok": not report.problems,
        "version": report.version,
        "problems": [_problem(one, lang) for one in report.problems],
        "remarks": [_problem(one, lang) for one in report.remarks],
        "queues": report.queues,
        "pools": [_pool(pool) for pool in report.pools],
    }
    return str(msgspec.json.encode(value), "utf-8")


def _problem(problem: Problem, lang: Lang) -> dict[str, Any]:
    return {
        "message": problem.sentence(lang),
        "line": problem.line,
        "path": problem.path,
        "code": problem.code,
    }


def _pool(pool: PoolWindows) -> dict[str, Any]:
    labels = [_label(one, "en") for one in pool.classes]
    return {
        "pool": pool.pool,
        "order": pool.order,
        "classes": [
            {"class": label, **msgspec.to_builtins(one)} for label, one in zip(labels, pool.classes, strict=True)
        ],
        "windows": [
            {
                "earlier": labels[one.earlier],
                "later": labels[one.later],
                "kind": one.kind,
                "window_ms": one.window_ms if one.kind in ("within", "earlier") else None,
            }
            for one in pool.windows
        ],
        "left_out": pool.left_out,
    }
