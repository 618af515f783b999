"""Tables for people: queues, agents, contacts, pools. Rows are the maps that the engine answers with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters.clients.terminal.texts import Texts, clean

Row = Mapping[str, Any]


def table_of(
    texts: Texts, columns: Mapping[str, Callable[[Row], object]], rows: Iterable[Row], right: str = ""
) -> Table:
    """``columns``: title key → what a row shows; ``right``: the keys set to the right, space between them."""
    to_the_right = set(right.split())
    table = Table(box=None, pad_edge=False, header_style="bold")
    for key in columns:
        table.add_column(texts.say(f"col.{key}"), justify="right" if key in to_the_right else "left")
    for row in rows:
        # Text, not markup: a queue named [bold] is a queue named [bold].
        table.add_row(*(Text(clean(str(show(row)))) for show in columns.values()))
    return table


def queues_table(texts: Texts, rows: Iterable[Row]) -> Table:
    return table_of(
        texts,
        {
            "queue": lambda row: row["queue"],
            "waiting": lambda row: row["waiting"],
            "longest": lambda row: texts.length(row["longest_wait_ms"]) if row["waiting"] else texts.say("none"),
            "estimate": lambda row: texts.length(row["p50_ms"]) if row.get("p50_ms", -1) >= 0 else texts.say("none"),
            "offered": lambda row: row["offered"],
            "connected": lambda row: row["connected"],
            "bot": lambda row: row["bot"],
            "open_agents": lambda row: row["open_agents"],
            "submitted": lambda row: row["submitted"],
            "answered": lambda row: row["answered"],
            "abandoned": lambda row: row["abandoned"],
            "deflected": lambda row: row["deflected"],
            "reply_rate": lambda row: texts.share(row["reply_rate_180s"]),
            "closed": lambda row: texts.say("yes") if row["closed"] else "",
        },
        rows,
        right="waiting longest estimate offered connected bot open_agents submitted answered abandoned deflected reply_rate",
    )


def agents_table(texts: Texts, rows: Iterable[Row]) -> Table:
    return table_of(
        texts,
        {
            "agent": lambda row: row["agent"],
            "name": lambda row: row["name"],
            "kind": lambda row: row["kind"],
            "team": lambda row: row["team"],
            "pools": lambda row: ", ".join(row["pools"]),
            "state": lambda row: agent_state(texts, row),
            "load": lambda row: f"{row['load']}/{row['capacity']}",
            "contacts": lambda row: ", ".join(map(str, row["contacts"])),
            "served": lambda row: row["served"],
        },
        rows,
        right="load served",
    )


def agent_state(texts: Texts, row: Row) -> str:
    state = texts.code("state", row["state"])
    return f"{state} ({texts.code('word', row['reason'])})" if row["reason"] else state


def contacts_table(texts: Texts, rows: Iterable[Row]) -> Table:
    return table_of(
        texts,
        {
            "contact": lambda row: row["contact"],
            "queue": lambda row: row["queue"],
            "state": lambda row: texts.code("contact_state", row["state"]),
            "agent": lambda row: row["agent"],
            "customer": lambda row: row["customer"],
            "channel": lambda row: row["channel"],
            "shop": lambda row: row["shop"],
            "priority": lambda row: row["priority"],
            "waited": lambda row: texts.length(row["waited_ms"]),
            "age": lambda row: texts.length(row["age_ms"]),
            "messages": lambda row: row["messages"],
        },
        rows,
        right="contact priority waited age messages",
    )


def customers_table(texts: Texts, rows: Iterable[Row]) -> Table:
    return table_of(
        texts,
        {
            "customer": lambda row: row["customer"],
            "tier": lambda row: row.get("tier", ""),
            "tags": lambda row: ", ".join(row.get("tags", ())),
            "segments": lambda row: ", ".join(row.get("segments", ())),
            "contacts": lambda row: row.get("contacts", 0),
            "blocked": lambda row: texts.say("yes") if row.get("blocked") else "",
        },
        rows,
        right="contacts",
    )


def past_contacts_table(texts: Texts, rows: Iterable[Row]) -> Table:
    return table_of(
        texts,
        {
            "contact": lambda row: row["contact"],
            "channel": lambda row: row["channel"],
            "queue": lambda row: row["queue"],
            "agent": lambda row: row.get("agent", ""),
            "outcome": lambda row: row.get("outcome", ""),
        },
        rows,
        right="contact",
    )


def segments_table(texts: Texts, rows: Iterable[Row]) -> Table:
    columns = {name: (lambda row, name=name: row[name]) for name in ("segment", "title", "rule")}
    return table_of(texts, columns, rows)


def replies_table(texts: Texts, rows: Iterable[Row]) -> Table:
    columns = {
        name: (lambda row, name=name: row.get(name, "")) for name in ("shortcut", "shop", "agent", "title", "text")
    }
    return table_of(texts, columns, rows)


def records_table(texts: Texts, rows: Iterable[Row]) -> Table:
    """Another system's rows, whose columns nobody here has words for: they are titled as they came."""
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(Text(clean(name)))
    for row in rows:
        table.add_row(*(Text(clean(str(row.get(name, "")))) for name in names))
    return table


def pools_table(texts: Texts, agents: Iterable[Row]) -> Table:
    """Occupancy per pool. An agent of two pools counts in both."""
    pools: dict[str, dict[str, int]] = {}
    for agent in agents:
        signed_on = agent["state"] not in ("offline", "lost")
        for name in agent["pools"]:
            pool = pools.setdefault(name, dict.fromkeys(("signed_on", "available", "load", "capacity"), 0))
            if signed_on:
                pool["signed_on"] += 1
                pool["available"] += agent["state"] == "available"
                pool["load"] += agent["load"]
                pool["capacity"] += agent["capacity"]
    return table_of(
        texts,
        {
            "pool": lambda row: row["pool"],
            "signed_on": lambda row: row["signed_on"],
            "available": lambda row: row["available"],
            "load": lambda row: f"{row['load']}/{row['capacity']}",
        },
        [{"pool": name, **pool} for name, pool in sorted(pools.items())],
        right="signed_on available load",
    )


def fairness_table(texts: Texts, figures: Row) -> Table:
    """Per pool, how evenly equal agents were treated in the last whole hour."""
    return table_of(
        texts,
        {
            "pool": lambda row: row["pool"],
            "offers_gini": lambda row: f"{row['offers']:.2f}",
            "occupancy_gini": lambda row: f"{row['occupancy']:.2f}",
        },
        [{"pool": pool, **row} for pool, row in figures["fairness"].items()],
        right="offers_gini occupancy_gini",
    )


def show(table: Table) -> None:
    """Print; through a pipe as wide as it wants to be, so that ``grep`` finds whole rows."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=400)
    console.print(table)
