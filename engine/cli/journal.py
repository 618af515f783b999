"""``sluice journal``: look into a store, also while an engine runs on it."""

from __future__ import annotations

import sys
from contextlib import closing

import click
import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from engine.bootstrap import open_journal
from engine.ports import JournalReader, StoreError
from engine.store.verify import Verdict, verify

EXIT_CODES = """\b
Exit codes:
  0  the journal is whole
  1  it is not: first_bad_lsn and the problems say where
  2  wrong usage, or no journal that could be looked at
"""
USAGE = 2
_SHOWN = (
    ("records", "records", "checked, lsn {first_lsn} to {last_lsn}; {commands} commands, {ticks} ticks"),
    ("epoch", "epoch", "starts of an engine on this store"),
    ("policy", "policy", "in force after the last record"),
    ("open_contacts", "open contacts", "with {open_offers} open offers"),
    ("agents_signed_on", "agents signed on", ""),
    ("messages", "messages with text", "each found by its contact and number"),
    ("answers", "answers", "kept for retries, each with its checksum"),
    ("state_hash", "state hash", "equal for equal states"),
)


@click.group(epilog=EXIT_CODES)
def journal() -> None:
    """Look into a store's journal."""


@journal.command("verify", epilog=EXIT_CODES)
@click.argument("store", metavar="DIR|URL")
@click.option("--replay", is_flag=True, help="Decide every input again, and compare the events.")
@click.option("--json", "json_out", is_flag=True, help="One JSON object instead of a table.")
def verify_command(store: str, replay: bool, json_out: bool) -> None:
    """Check the journal from its first record to its last.

    Every record's checksum and its place in the hash chain, that none is missing, that its events fit the state before
    it, that each snapshot equals the state the journal gives, that every message is found, and each stored answer's
    checksum. Needs no lease: an engine may be running.
    """
    try:
        with closing(open_journal(store)) as reader:
            reader.last_lsn()  # is there anything to look at?
            verdict = _with_progress(reader, replay) if not json_out else verify(reader, replay)
    except StoreError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(USAGE)
    if json_out:
        click.echo(msgspec.json.encode(verdict).decode())
    else:
        _show(verdict)
    sys.exit(0 if verdict.ok else 1)


def _with_progress(reader: JournalReader, replay: bool) -> Verdict:
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("verify", total=None)
        return verify(reader, replay, lambda done, total: bar.update(task, completed=done, total=total))


def _show(verdict: Verdict) -> None:
    figures = msgspec.structs.asdict(verdict)
    table = Table(show_header=False, box=None)
    for name, title, remark in _SHOWN:
        table.add_row(title, str(figures[name]), remark.format(**figures), style=None)
    table.add_row("snapshots", ", ".join(str(lsn) for lsn in verdict.snapshots) or "none", "")
    table.add_row("compared", "; ".join(verdict.compared), "")
    console = Console()
    console.print(table)
    for problem in verdict.problems:
        console.print(f"  {problem}", style="red", markup=False, highlight=False)
    if verdict.ok:
        console.print("ok: true", style="green")
    else:
        console.print(f"ok: false, first bad lsn {verdict.first_bad_lsn or 'unknown'}", style="bold red")
