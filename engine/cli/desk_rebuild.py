"""``sluice desk rebuild``: the desk's tables made anew from the journal."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from engine.bootstrap import name_of, rebuild_desk
from engine.cli.policy import language
from engine.ports import StoreError

EXIT_CODES = """\b
Exit codes:
  0  done; of --check: the tables are what the journal says
  1  of --check: they are not, the first difference is named; else: the store cannot be used, or an engine runs on it
  2  wrong usage
"""
_TEXTS = {
    "same": ("the tables are what the journal says, up to record {lsn}", "数据表与日志一致，截至记录 {lsn}"),
    "made": ("the tables were made anew, up to record {lsn}", "数据表已重建，截至记录 {lsn}"),
    "differs": (
        "{table} ({key}){column}: got {got}, wanted {wanted} (record {lsn})",
        "{table}（{key}）{column}：实际 {got}，应为 {wanted}（记录 {lsn}）",
    ),
    "error": ("Error: {place}: {why}", "错误：{place}：{why}"),
}


@click.command(epilog=EXIT_CODES)
@click.argument("store", metavar="DIR|URL")
@click.option("--check", "only_check", is_flag=True, help="Only compare; an engine may be running.")
@click.option(
    "--master-key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="As given to the engine (else master.key in DIR).",
)
@click.option("--json", "json_out", is_flag=True, help="One JSON object instead of sentences.")
@click.option("--lang", type=click.Choice(["en", "zh", "zh-CN"]), default=language, show_default="by LANG")
def rebuild(store: str, only_check: bool, master_key: Path | None, json_out: bool, lang: str) -> None:
    """Make the desk's tables anew from the journal and its archive, and put them into the place of those in STORE.

    With --check they are compared instead, row by row, and nothing is changed.
    """
    try:
        verdict = rebuild_desk(store, only_check=only_check, master_key=master_key)
    except StoreError as error:
        click.echo(_say("error", lang, place=name_of(store), why=error), err=True)
        sys.exit(1)
    if json_out:
        click.echo(msgspec.json.encode(verdict).decode())
    elif verdict.first is not None:
        first = msgspec.structs.asdict(verdict.first)
        column = f".{verdict.first.column}" if verdict.first.column else ""
        click.echo(_say("differs", lang, **{**first, "column": column}, lsn=verdict.lsn))
    else:
        click.echo(_say("made" if verdict.replaced else "same", lang, lsn=verdict.lsn))
        for table, rows in verdict.rows.items():
            click.echo(f"  {table:32} {rows}")
    sys.exit(0 if verdict.ok else 1)


def _say(key: str, lang: str, **fields: object) -> str:
    return _TEXTS[key][lang.startswith("zh")].format(**fields)
