"""What ``sluice ctl`` does with an engine: a table of rows, one answer, one command carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click
import orjson
from rich.table import Table

from adapters.clients.client import Client
from adapters.clients.terminal.engine_options import Door, ask_pages, print_json
from adapters.clients.terminal.tables import show
from adapters.clients.terminal.texts import Texts, clean

MakeTable = Callable[[Texts, list[dict[str, Any]]], Table]

reason_option = click.option("--reason", default="", help="Why, for the record.")
limit_option = click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Rows at most.")


async def show_rows(
    door: Door, query: Mapping[str, Any], rows: str, key: str, limit: int, table: MakeTable, as_json: bool
) -> None:
    async with door.connect("supervisor") as client:
        found = await ask_pages(client, query, rows, key, limit) if key else (await client.ask(query))[rows]
    if as_json:
        print_json({rows: found})
        return
    show(table(door.texts, found))
    if key and len(found) == limit:
        click.echo(door.texts.say("cut", limit=limit), err=True)


async def show_answer(door: Door, query: Mapping[str, Any], as_json: bool) -> None:
    async with door.connect("supervisor") as client:
        answer = await client.ask(query)
    if as_json:
        print_json(answer)
        return
    width = max(map(len, answer), default=0)
    for name, value in answer.items():
        if value not in ("", [], {}):
            shown = value if isinstance(value, str) else orjson.dumps(value).decode()
            click.echo(clean(f"{name:<{width}}  {shown}"))


def ending(client: Client, command: Mapping[str, Any], for_s: int) -> Mapping[str, Any]:
    """The command, to end by itself so many seconds of the engine's time from now (0: never)."""
    if not for_s:
        return command
    assert client.welcome is not None
    return {**command, "until": client.welcome.now + for_s * 1000}


async def carry_out(
    door: Door, command: Mapping[str, Any], as_json: bool, for_s: int = 0, role: str = "supervisor"
) -> None:
    async with door.connect(role) as client:
        result = await client.do(ending(client, command, for_s))
    if as_json:
        print_json(result)
    else:
        click.echo(door.texts.say("done", lsn=result.get("lsn", "")))
