"""What ``sluice replay JOURNAL --policy`` does; the command itself is the engine's, which knows journals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

import click
import orjson
from rich.console import Console
from rich.table import Table

from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.policy.problems import PolicyErrors
from engine.measures.definitions import Terms
from sim.replay.comparing import Compared, new_measures, play, recorded_side
from sim.replay.lives import lives_of
from sim.replay.reading import Call, ReplayError, read_day
from sim.replay.stories import stories
from sim.replay.summary import summarise
from sim.replay.wording import TEXTS
from sim.replay.writing import write_what_if
from sim.reports.commands import check_out
from sim.reports.folder import FolderError
from sim.reports.telling import shown
from sim.reports.wording import language_of, measure_words

SAID = ("answered", "sl_all", "wait_mean_ms", "wait_p50_ms", "wait_p90_ms", "wait_p95_ms", "abandonment")


def what_if(
    calls: Iterable[Call], policy: Policy, *, journal: str, out: Path, seed: int, within_ms: int, as_json: bool, lang: str,
    give_up: Callable[[str], NoReturn],
) -> None:  # fmt: skip
    """Compare the recording with itself under another policy; writes ``out``, and says the main figures.

    ``calls`` may raise, and nothing is written then. ``give_up`` is told why no what-if can be made. Raises
    :class:`click.UsageError` for an ``out`` that cannot be written.
    """
    lang = language_of(lang)
    check_out(out)
    try:
        both, own = compare(calls, policy, seed, within_ms)
        summary = summarise(both, journal, (own.version, policy.version))
        written = write_what_if(both, summary, stories(both, (own, policy)), out, lang)
    except FolderError as error:
        raise click.UsageError(str(error)) from None
    except ReplayError as error:
        give_up(f"{journal}: {error}")
    except OSError as error:
        give_up(f"--out {out}: {error.strerror}")
    _say(summary, lang, as_json)
    click.echo(TEXTS[lang]["written"].format(path=written), err=as_json)
    if as_json:
        click.echo(orjson.dumps(summary).decode())


def compare(calls: Iterable[Call], policy: Policy, seed: int, within_ms: int) -> tuple[Compared, Policy]:
    """The comparison, and the recorded policy. Raises :class:`ReplayError`."""
    measures = new_measures()
    day = read_day(calls, measures.hear)
    try:
        own = compile_policy(day.policy_text)
    except PolicyErrors as error:
        raise ReplayError(f"this release cannot compile the recorded policy: {error}") from error
    lives = lives_of(day, seed)
    a, stage_a = play(day, lives, own, as_recorded=True)
    b, stage_b = play(day, lives, policy)
    refusals = {"a": dict(stage_a.refusals), "b": dict(stage_b.refusals)}
    return Compared(day, lives, recorded_side(day, measures), a, b, refusals, Terms(within_ms)), own


def _say(summary: dict[str, Any], lang: str, as_json: bool) -> None:
    texts, words = TEXTS[lang], measure_words()
    console = Console(stderr=as_json, highlight=False)
    if not console.is_terminal:
        console = Console(stderr=as_json, highlight=False, width=120)
    table = Table(title=texts["title"].format(new=summary["policies"]["new"]), title_justify="left", pad_edge=False)
    for head, right in (
        ("measure", False),
        ("recorded", True),
        ("recreated", True),
        ("new_policy", True),
        ("difference", True),
        ("interval", True),
    ):
        table.add_column(texts[head], justify="right" if right else "left")
    for row in summary["measures"]["all"][""]:
        if row["measure"] in SAID:
            about = words[row["measure"]]
            unit, named = str(about["unit"]), about["words"]
            low_high = "" if row["low"] is None else f"{shown(row['low'], unit)} … {shown(row['high'], unit)}"
            cells = [shown(row[key], unit) for key in ("recorded", "a", "b", "difference")]
            table.add_row(named[lang], *cells, low_high)  # type: ignore[index]  # words by language
    console.print(table)
    waits, lengths, decisions = summary["waits"]["all"][""], summary["lengths"], summary["decisions"]
    console.print(texts["said_waits"].format(**waits), soft_wrap=True)
    console.print(texts["said_decisions"].format(**decisions), soft_wrap=True)
    console.print(texts["said_recreation"].format(**summary["recreation"]), soft_wrap=True)
    for name in ("patience", "talk"):
        if lengths[name]["observed"] + lengths[name]["drawn"]:
            console.print(texts[f"said_{name}"].format(**lengths[name]), soft_wrap=True)
