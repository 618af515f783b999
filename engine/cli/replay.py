"""``sluice replay``: a recorded journal decided again, to the last event; or lived again under another policy.

The what-if itself is a room that the engine does not know: it joins by the entry point ``what_if`` of the group ``sluice.replay``
(:func:`sim.replay.commands.what_if`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engine.bootstrap import is_url, open_journal
from engine.cli.journal_texts import WIDTH
from engine.cli.policy import language, read_text
from engine.cli.policy_report import show_problems
from engine.cli.replay_texts import say
from engine.dispatch.commands import Command
from engine.dispatch.events import Event
from engine.dispatch.policy.check import Report
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.policy.problems import PolicyErrors
from engine.measures.lengths import MARKS_MS
from engine.ports import HistoryTrimmed, Record, StoreError
from engine.store.recordings import Recording, recording_of, recording_of_backup
from engine.store.records import command_of, events_of
from engine.store.replaying import TOLD_EVERY, Difference, Replayed, check_replay

EXIT_CODES = """\b
JOURNAL is a store's folder, a postgresql:// URL, or a file that `sluice journal backup` wrote; archives are read too.

\b
Exit codes:
  0    every event is the recorded one; compared
  1    an event differs; the new policy has problems
  2    wrong usage, no journal, an empty or a damaged one, or one of which no what-if can be made
  130  interrupted

\b
With --policy, DIR holds index.html, contacts.csv (a row per visit) and run.json; --json prints the latter without its examples.
"""
USAGE = 2
T = TypeVar("T")


@click.command(epilog=EXIT_CODES)
@click.argument("journal", metavar="JOURNAL")
@click.option(
    "--check", is_flag=True, help="Feed every input to the dispatcher again; the first different event is shown."
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="What if this had been the policy? Who would have waited more and less, and why.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the what-if's report.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of what is drawn for the what-if.")
@click.option(
    "--within",
    "within_s",
    type=click.Choice([str(mark // 1000) for mark in MARKS_MS]),
    default="180",
    show_default=True,
    help="T of the what-if's service levels, in seconds.",
)
@click.option("--json", "json_out", is_flag=True, help="One JSON object on stdout instead of lines.")
@click.option("--lang", type=click.Choice(["en", "zh", "zh-CN"]), default=language, show_default="by LANG")
def replay(
    journal: str, check: bool, policy_file: Path | None, out: Path | None, seed: int, within_s: str, json_out: bool, lang: str
) -> None:  # fmt: skip
    """Decide a recorded day again.

    With --check: under the policies that were in force then, input by input; not one event may differ.

    With --policy: the same customers, talks and agents under the recorded policy and under another, visit by visit.
    """
    if policy_file is not None and not check:
        if out is None:
            raise click.UsageError(say("out", lang))
        _what_if(journal, policy_file, out, seed, int(within_s) * 1000, json_out, lang)
        return
    if not check or policy_file is not None:
        raise click.UsageError(say("check", lang))
    with _open(journal, lang) as recording:
        found = _with_progress(json_out, say("progress", lang), lambda told: check_replay(recording, told))
    if json_out:
        click.echo(msgspec.json.encode(found).decode())
    else:
        _show(found, lang)
    sys.exit(0 if found.ok else 1)


def _what_if(journal: str, policy_file: Path, out: Path, seed: int, within_ms: int, json_out: bool, lang: str) -> None:
    room = next(iter(entry_points(group="sluice.replay", name="what_if")), None)
    if room is None:
        raise click.ClickException(say("no_room", lang))
    what_if = room.load()
    policy = _policy(policy_file, lang)
    with _open(journal, lang) as recording:
        if recording.after:
            _give_up(say("trimmed", lang, after=recording.after), lang)
        with _bar(json_out) as bar:
            task = bar.add_task(say("reading", lang), total=recording.last)
            calls = (_call(record, lambda done: bar.update(task, completed=done)) for record in recording.records)
            what_if(
                calls, policy, journal=journal, out=out, seed=seed, within_ms=within_ms, as_json=json_out, lang=lang,
                give_up=lambda why: _give_up(why, lang),
            )  # fmt: skip


def _policy(policy_file: Path, lang: str) -> Policy:
    """All its problems, as ``sluice policy check`` shows them, or the policy."""
    try:
        return compile_policy(read_text(policy_file))
    except PolicyErrors as errors:
        show_problems(
            Report(problems=tuple(errors.problems)), str(policy_file), "zh-CN" if lang.startswith("zh") else "en"
        )
        sys.exit(1)


def _call(record: Record, told: Callable[[int], None]) -> tuple[int, Command | None, list[Event]]:
    if not record.lsn % TOLD_EVERY:
        told(record.lsn)
    return record.stamp, command_of(record), events_of(record)


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
