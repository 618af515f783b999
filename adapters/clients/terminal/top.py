"""``sluice top``: a live wallboard in the terminal."""

from __future__ import annotations

from typing import Any

import click
import trio
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from adapters.clients.client import Client
from adapters.clients.terminal.engine_options import (
    EXIT_CODES,
    Door,
    ask_pages,
    engine_options,
    json_option,
    print_json,
    run,
)
from adapters.clients.terminal.tables import pools_table, queues_table
from adapters.clients.terminal.texts import Texts

# Enough for a large site; the pools' table says how many agents it was made from.
AGENTS_AT_MOST = 20_000
# Up to so many agents are looked at each time; a larger site's less often, because it takes a question per hundred.
FEW_AGENTS, AGENTS_EVERY_S = 1_000, 5.0
# An engine that does not answer within this time shows as lost, or as standing still.
LOOK_S = 2.0
Figures = dict[str, Any]


@click.command(epilog=EXIT_CODES)
@click.option("--once", is_flag=True, help="Print the figures once and end.")
@click.option("--every", type=click.FloatRange(0.1, 60), default=0.5, show_default=True, help="Seconds between looks.")
@json_option
@engine_options
def top(door: Door, once: bool, every: float, as_json: bool) -> None:
    """Queues, pools and totals of a running engine, live. Ctrl-C ends it.

    Waiting, offered and connected are now; submitted, answered, abandoned and deflected count since the engine started;
    "≤ 3 min" is the share of reply rounds since then that a person answered within 180 s. --json prints one line a look
    (with --once: one line).
    """
    run(show_figures if once or as_json else show_live, door, once, every, as_json)


async def look(client: Client, agents: list[Figures] | None = None) -> Figures:
    """Figures, queues and agents; a given list of agents is not asked for again."""
    figures = await client.ask({"type": "figures"})
    queues = (await client.ask({"type": "queues"}))["queues"]
    if agents is None:
        agents = await ask_pages(client, {"type": "agents"}, "agents", "agent", AGENTS_AT_MOST)
    return {"figures": figures, "queues": queues, "agents": agents}


async def show_figures(door: Door, once: bool, every_s: float, as_json: bool) -> None:
    async with door.connect("supervisor") as client:
        while True:
            seen = await look(client)
            if as_json:
                print_json(seen)
            else:
                console = Console()
                (console if console.is_terminal else Console(width=400)).print(wallboard(door.texts, door.url, seen))
            if once:
                return
            await trio.sleep(every_s)


async def show_live(door: Door, once: bool, every_s: float, as_json: bool) -> None:
    """Rich draws on our beat; while the connection is away the board stands still and says so."""
    reason = ""

    def on_status(status: str, why: str) -> None:
        nonlocal reason
        reason = why if status == "lost" else ""

    seen: Figures | None = None
    agents: list[Figures] = []
    agents_at = -AGENTS_EVERY_S
    async with door.connect("supervisor", give_up_after_s=None, on_status=on_status) as client:
        with Live(auto_refresh=False, screen=True) as live:
            while True:
                with trio.move_on_after(max(LOOK_S, every_s)):
                    fresh = len(agents) <= FEW_AGENTS or trio.current_time() - agents_at >= AGENTS_EVERY_S
                    seen = await look(client, None if fresh else agents)
                    if fresh:
                        agents, agents_at = seen["agents"], trio.current_time()
                if seen is not None:
                    live.update(wallboard(door.texts, door.url, seen, reason), refresh=True)
                await trio.sleep(every_s)


def wallboard(texts: Texts, url: str, seen: Figures, lost: str = "") -> RenderableType:
    figures = seen["figures"]
    fields = {
        **figures,
        "url": url,
        "longest": texts.length(figures["longest_wait_ms"]),
        "available": figures["agents_available"],
        "signed_on": figures["agents_signed_on"],
        "asa": texts.length(figures["asa_ms"]),
        "reply_rate": texts.share(figures["reply_rate_180s"]),
    }
    parts: list[RenderableType] = [Text(texts.say("top.title", **fields), style="bold")]
    if lost:
        parts.append(Text(texts.say("top.lost", reason=lost), style="bold red"))
    parts += [Text(texts.say(key, **fields)) for key in ("top.totals", "top.counts", "top.offers")]
    return Group(*parts, Text(), queues_table(texts, seen["queues"]), Text(), pools_table(texts, seen["agents"]))
