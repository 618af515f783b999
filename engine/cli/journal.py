"""``sluice journal``: look into a store, also while an engine runs on it; copy it, and bring a copy back."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

import click
import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from engine.bootstrap import name_of, open_journal, open_keys, open_store, wall_ms
from engine.cli.journal_texts import WIDTH, say
from engine.cli.policy import language
from engine.ports import JournalReader, StoreError
from engine.store.backup import Copied, restore_backup, write_backup
from engine.store.stats import Stats, dump_lines, stats_of
from engine.store.verify import Verdict, verify

EXIT_CODES = """\b
Exit codes:
  0  done; of verify: the journal is whole
  1  of verify: it is not, first_bad_lsn and the problems say where; else: the store or the file cannot be used
  2  wrong usage; of verify: no journal that could be looked at
"""
USAGE = 2
# (figure, whether a remark goes with it)
_SHOWN = (
    ("records", True),
    ("epoch", True),
    ("policy", True),
    ("open_contacts", True),
    ("agents_signed_on", False),
    ("messages", True),
    ("answers", True),
    ("state_hash", True),
)
T = TypeVar("T")

_store = click.argument("store", metavar="DIR|URL")
_lang = click.option("--lang", type=click.Choice(["en", "zh", "zh-CN"]), default=language, show_default="by LANG")
_json = click.option("--json", "json_out", is_flag=True, help="One JSON object instead of a table.")
Work = Callable[[Callable[[int, int], None]], T]


@click.group(epilog=EXIT_CODES)
def journal() -> None:
    """Look into a store's journal, back it up, restore it."""


@journal.command("verify", epilog=EXIT_CODES)
@_store
@click.option("--replay", is_flag=True, help="Decide every input again, and compare the events.")
@_json
@_lang
def verify_command(store: str, replay: bool, json_out: bool, lang: str) -> None:
    """Check the journal from its first record to its last, the archive included.

    Every record's checksum and its place in the hash chain, that none is missing, that its events fit the state before
    it, that each snapshot equals the state the journal gives, that every message is found, and each stored answer's
    checksum. Needs no lease: an engine may be running.
    """
    with _looking_into(store, lang, USAGE) as reader:
        verdict = _with_progress(json_out, lambda progress: verify(reader, replay, progress))
    if json_out:
        click.echo(msgspec.json.encode(verdict).decode())
    else:
        _show(verdict, lang)
    sys.exit(0 if verdict.ok else 1)


@journal.command(epilog=EXIT_CODES)
@_store
@_json
@_lang
def stats(store: str, json_out: bool, lang: str) -> None:
    """Count what the journal holds: records, bytes, commands and events by type, snapshots, archive."""
    with _looking_into(store, lang) as reader:
        found = _with_progress(json_out, lambda progress: stats_of(reader, progress))
    if json_out:
        click.echo(msgspec.json.encode(found).decode())
    else:
        _show_stats(found, lang)


@journal.command(epilog=EXIT_CODES)
@_store
@click.option("--after", type=click.IntRange(min=0), default=0, show_default=True, help="Begin behind this lsn.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many records.")
@click.option("--payload", is_flag=True, help="Message texts and names too: personal data.")
@click.option(
    "--master-key", type=click.Path(dir_okay=False, path_type=Path), help="With --payload: opens what is sealed."
)
@_lang
def dump(store: str, after: int, limit: int | None, payload: bool, master_key: Path | None, lang: str) -> None:
    """Write records as JSON lines: lsn, epoch, stamp, who asked, the input and its events.

    Of a sealed text is said whose it is; it is shown to who has the master key and names it.
    """
    with _looking_into(store, lang) as reader, ExitStack() as stack:
        sealer = open_keys(store, master_key, make=False) if payload and master_key is not None else None
        if sealer is not None:
            stack.callback(sealer.close)
        for line in dump_lines(reader, after, limit, payload, sealer):
            click.echo(line)


@journal.command(epilog=EXIT_CODES)
@_store
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_json
@_lang
def backup(store: str, file: Path, json_out: bool, lang: str) -> None:
    """Copy the journal into FILE: all that is durable now, also while an engine runs.

    FILE holds records, archive, stored answers and snapshots of either kind of store, and can be restored into either.
    """
    with _looking_into(store, lang) as reader:
        copied = _with_progress(json_out, lambda progress: write_backup(reader, file, wall_ms(), progress))
    _say_copied("backed_up", copied, json_out, lang, file=str(file))


@journal.command(epilog=EXIT_CODES)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_store
@_json
@_lang
def restore(file: Path, store: str, json_out: bool, lang: str) -> None:
    """Bring the backup FILE back, into a new folder or an empty schema; nothing is written over.

    The epoch is raised, so that whoever spoke to the old engine learns that this is another history.
    """
    try:
        if _has_journal(store):
            _give_up(f"{name_of(store)}: there is a journal here already", lang)
        copied = _with_progress(json_out, lambda progress: restore_backup(file, open_store(store), progress))
    except StoreError as error:
        _give_up(str(error), lang)
    _say_copied("restored", copied, json_out, lang, store=name_of(store), next=copied.epoch + 1)


def _has_journal(store: str) -> bool:
    try:
        with closing(open_journal(store)) as reader:
            reader.last_lsn()
    except StoreError as error:
        if "there is no journal here" in str(error):
            return False
        raise
    return True


@contextmanager
def _looking_into(store: str, lang: str, code: int = 1) -> Iterator[JournalReader]:
    try:
        with closing(open_journal(store)) as reader:
            reader.last_lsn()  # is there anything to look at?
            yield reader
    except StoreError as error:
        _give_up(str(error), lang, code)


def _give_up(why: str, lang: str, code: int = 1) -> NoReturn:
    click.echo(say("error", lang, why=why), err=True)
    sys.exit(code)


def _with_progress(quiet: bool, work: Work[T]) -> T:
    if quiet:
        return work(lambda done, total: None)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        return work(lambda done, total: bar.update(task, completed=done, total=total))


def _console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=WIDTH)


def _show(verdict: Verdict, lang: str) -> None:
    figures = msgspec.structs.asdict(verdict)
    table = Table(show_header=False, box=None)
    for name, has_remark in _SHOWN:
        remark = say(f"{name}.remark", lang, **figures) if has_remark else ""
        table.add_row(say(name, lang), str(figures[name]), remark)
    table.add_row(say("snapshots", lang), _listed(verdict.snapshots, lang), "")
    table.add_row(say("segments", lang), str(verdict.segments), "")
    table.add_row(say("compared", lang), "; ".join(verdict.compared), "")
    console = _console()
    console.print(table)
    if verdict.unapplied:
        console.print(say("unapplied", lang, n=verdict.unapplied))
    for problem in verdict.problems:
        console.print(f"  {problem}", style="red", markup=False, highlight=False)
    if verdict.ok:
        console.print(say("ok", lang), style="green")
    else:
        console.print(say("bad", lang, lsn=verdict.first_bad_lsn or say("unknown", lang)), style="bold red")


def _show_stats(found: Stats, lang: str) -> None:
    console = _console()
    table = Table(show_header=False, box=None)
    span = say("span", lang, first=found.first_stamp, last=found.last_stamp)
    table.add_row(say("records", lang), str(found.records), f"lsn {found.first_lsn}–{found.last_lsn}; {span}")
    each = found.record_bytes // max(found.records, 1)
    table.add_row(say("bytes", lang), str(found.record_bytes), say("bytes.remark", lang, each=each))
    table.add_row(say("epoch", lang), str(found.epoch), say("epoch.remark", lang))
    table.add_row(say("answers", lang), str(found.answers), "")
    table.add_row(say("snapshots", lang), _listed(list(found.snapshots), lang), "")
    remark = ""
    if found.segments:
        remark = say("segments.remark", lang, first=found.segments[0].first, last=found.segments[-1].last)
    table.add_row(say("segments", lang), str(len(found.segments)), remark)
    console.print(table)
    for kind, counts in (("command", found.commands), ("event", found.events)):
        counted = Table(say(kind, lang), say("count", lang), box=None)
        for name, count in sorted(counts.items(), key=lambda row: (-row[1], row[0])):
            counted.add_row(name or say("tick", lang), str(count))
        console.print(counted)


def _listed(lsns: list[int], lang: str) -> str:
    return ", ".join(map(str, lsns)) or say("none", lang)


def _say_copied(key: str, copied: Copied, json_out: bool, lang: str, **more: object) -> None:
    if json_out:
        click.echo(msgspec.json.encode({**msgspec.structs.asdict(copied), **more}).decode())
        return
    figures = {**msgspec.structs.asdict(copied), "snapshots": _listed(copied.snapshots, lang)}
    click.echo(say(key, lang, **figures, **more, mb=round(copied.size_bytes / 1e6, 1)))
