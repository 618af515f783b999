"""``sluice desk export``: a customer's conversation as JSON or as one page of HTML."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from engine.bootstrap import export_conversation, name_of
from engine.cli.policy import language
from engine.desk.conversations.export import as_html, as_json
from engine.ports import StoreError

EXIT_CODES = """\b
Exit codes:
  0  done
  1  there is no such contact, or the store cannot be read
  2  wrong usage
"""
_TEXTS = {
    "none": (
        "Error: contact: got {contact}, wanted one that the desk's tables know",
        "错误：会话：没有 {contact}，应为数据表中已有的会话",
    ),
    "error": ("Error: {place}: {why}", "错误：{place}：{why}"),
}


@click.command(epilog=EXIT_CODES)
@click.argument("store", metavar="DIR|URL")
@click.argument("contact", type=click.IntRange(1))
@click.option("--format", "shape", type=click.Choice(["json", "html"]), default="json", show_default=True)
@click.option("--alone", is_flag=True, help="Only this contact, not its customer's others.")
@click.option(
    "--master-key", type=click.Path(dir_okay=False, path_type=Path), help="File of the key that opens sealed texts."
)
@click.option("--lang", type=click.Choice(["en", "zh", "zh-CN"]), default=language, show_default="by LANG")
def export(store: str, contact: int, shape: str, alone: bool, master_key: Path | None, lang: str) -> None:
    """Write what was said and done in CONTACT, and in its customer's others, to standard output; an engine may be running.

    Notes for colleagues are in it: it is not what a customer may see.
    """
    try:
        story = export_conversation(store, contact, alone=alone, master_key=master_key)
    except StoreError as error:
        click.echo(_say("error", lang, place=name_of(store), why=error), err=True)
        sys.exit(1)
    if story is None:
        click.echo(_say("none", lang, contact=contact), err=True)
        sys.exit(1)
    if shape == "json":
        sys.stdout.buffer.write(as_json(story))
    else:
        sys.stdout.buffer.write(as_html(story, "zh-CN" if lang.startswith("zh") else "en").encode())


def _say(key: str, lang: str, **fields: object) -> str:
    return _TEXTS[key][lang.startswith("zh")].format(**fields)
