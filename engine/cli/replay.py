"""``sluice replay``: a recorded journal decided again; not one event may differ."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engine.bootstrap import is_url, open_journal
from engine.cli.journal_texts import WIDTH
from engine.cli.policy import language
from engine.cli.replay_texts import say
from engine.ports import HistoryTrimmed, StoreError
from engine.store.recordings import Recording, recording_of, recording_of_backup
from engine.store.replaying import Difference, Replayed, check_replay

EXIT_CODES = """\b
JOURNAL is a store's folder, a postgresql:// URL, or a file that `sluice journal backup` wrote; archives are read too.

\b
Exit codes:
  0    every event is the recorded one
  1    an event differs
  2    wrong usage, no journal, an empty or a damaged one
  130  interrupted
"""
USAGE = 2
T = TypeVar("T")


@click.command(epilog=EXIT_CODES)
@click.argument("journal", metavar="JOURNAL")
@click.option(
    "--check", is_flag=True, help="Feed every input to the dispatcher again; the first different event is shown."
)
@click.option("--json", "json_out", is_flag=True, help="One JSON object on stdout instead of lines.")
@click.option("--lang", type=click.Choice(["en", "zh", "zh-CN"]), default=language, show_default="by LANG")
def replay(journal: str, check: bool, json_out: bool, lang: str) -> None:
    """Decide a recorded day again.

    With --check: under the policies that were in force then, input by input; not one event may differ.
    """
    if not check:
        raise click.UsageError(say("check", lang))
    with _open(journal, lang) as recording:
        found = _with_progress(json_out, say("progress", lang), lambda told: check_replay(recording, told))
    if json_out:
        click.echo(msgspec.json.encode(found).decode())
    else:
        _show(found, lang)
    sys.exit(0 if found.ok else 1)


@contextmanager
def _open(journal: str, lang: str) -> Iterator[Recording]:
    """The recording; whatever is wrong with it, now or on the way, ends the command."""
    try:
        if not is_url(journal) and Path(journal).is_file():
            yield recording_of_backup(Path(journal))
            return
        with closing(open_journal(journal)) as reader:
            yield recording_of(reader)
    except (StoreError, HistoryTrimmed) as error:
        _give_up(str(error), lang)


def _with_progress(quiet: bool, title: str, work: Callable[[Callable[[int, int], None]], T]) -> T:
    with _bar(quiet) as bar:
        task = bar.add_task(title, total=None)
        return work(lambda done, total: bar.update(task, completed=done, total=total))


def _bar(quiet: bool) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet)


def _give_up(why: str, lang: str) -> NoReturn:
    click.echo(say("error", lang, why=why), err=True)
    sys.exit(USAGE)


def _show(found: Replayed, lang: str) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    figures = msgspec.structs.asdict(found)
    for key in ("done", "span"):
        console.print(say(key, lang, **figures, hours=found.span_ms / 3_600_000), highlight=False)
    if found.after:
        console.print(say("after", lang, after=found.after), highlight=False)
    if found.first is None:
        console.print(say("same", lang), style="green")
        return
    console.print(say("differs", lang, lsn=found.first.lsn, differing=found.differing), style="bold red")
    for line in difference_lines(found.first, lang):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def difference_lines(one: Difference, lang: str) -> Iterator[str]:
    """The input and both lists of events in full, those that differ marked."""
    yield f"  {say('stamp', lang)}: {one.stamp}"
    yield f"  {say('principal', lang)}: {one.principal}"
    yield f"  {say('input', lang)}: {say('tick', lang) if one.input is None else _json(one.input)}"
    if one.failure:
        yield f"  {say('failure', lang)}: {one.failure}"
    for key, ours, theirs in (("expected", one.expected, one.got), ("got", one.got, one.expected)):
        yield f"  {say(key, lang)}:{'' if ours else ' ' + say('nothing', lang)}"
        for place, event in enumerate(ours):
            same = place < len(theirs) and theirs[place] == event
            yield f"  {' ' if same else '>'} {place + 1:3} {_json(event)}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
