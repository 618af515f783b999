"""``sluice chat``: serve or be served by hand, in a terminal."""

from __future__ import annotations

import sys
from typing import Any

import click
import trio

from adapters.clients.protocol import Frame
from adapters.clients.terminal.chat_agent import DEFAULT_CAPACITY, AgentChat
from adapters.clients.terminal.chat_customer import CustomerChat
from adapters.clients.terminal.chat_lines import Printer, read_lines
from adapters.clients.terminal.engine_options import (
    EXIT_CODES,
    Door,
    engine_options,
    login_name,
    parse_attributes,
    parse_names,
    parse_pairs,
    run,
)


@click.command(epilog=EXIT_CODES)
@click.option("--as", "role", type=click.Choice(["customer", "agent"]), required=True, help="Which side to take.")
@click.option("--name", default="", help="The customer's key, or the agent's id.  [default: your login name]")
@click.option("--attribute", "attributes", multiple=True, metavar="NAME=VALUE", help="Repeatable: tier=vip, paid=true.")
@click.option("--shop", default="", help="Customer: the shop.")
@click.option("--channel", default="web", show_default=True, help="Customer: the channel.")
@click.option("--requires", default="", help="Customer: what the agent must have, as 'english >= 3'.")
@click.option("--pools", default="", help="Agent: pools, as 'onsite,second'.")
@click.option("--skills", default="", help="Agent: skills with proficiency, as 'presale=5,english=3'.")
@click.option("--capacity", type=click.IntRange(0), default=None, help="Agent: units it can carry.  [default: 4]")
@click.option("--kind", type=click.Choice(["onsite", "remote"]), default=None, help="Agent: on site or remote.")
@click.option("--auto-accept", is_flag=True, help="Agent: accept every offer at once.")
@click.option(
    "--patience", default=5.0, show_default=True, help="Seconds to wait for an engine that is still starting."
)
@engine_options
def chat(door: Door, role: str, name: str, patience: float, **given: Any) -> None:
    """Chat as a customer or an agent, line by line.

    Works on a terminal, in tmux, and through a pipe. /help shows the commands. An agent that is given pools, skills,
    capacity, kind or attributes defines itself first (possible where the engine runs with --dev); at the end of the
    input it signs off. A lost connection is made again, and what happened meanwhile is shown.
    """
    attributes = parse_attributes(given["attributes"])
    if role == "customer":
        submission = {"channel": given["channel"], "shop": given["shop"], "attributes": attributes}
        if given["requires"]:
            submission["requires"] = given["requires"]
        run(chat_as_customer, door, name or login_name(), submission, patience)
    else:
        run(chat_as_agent, door, name or login_name(), profile_of(given, attributes), patience)


def profile_of(given: dict[str, Any], attributes: dict[str, Any]) -> Frame | None:
    """The profile that the options make, None when none was given."""
    profile: Frame = {}
    if given["pools"]:
        profile["pools"] = parse_names(given["pools"])
    if given["skills"]:
        profile["skills"] = parse_pairs(given["skills"], "--skills")
    if given["capacity"] is not None:
        profile["capacity"] = given["capacity"]
    if given["kind"]:
        profile["kind"] = given["kind"]
    if attributes:
        profile["attributes"] = attributes
    if given["auto_accept"]:
        profile["auto_accept"] = True
    return {"capacity": DEFAULT_CAPACITY, **profile} if profile else None


async def chat_as_customer(door: Door, name: str, submission: dict[str, Any], patience_s: float) -> None:
    printer = Printer(door.texts)
    async with (
        door.connect("customer", name, patience_s=patience_s, give_up_after_s=None, on_status=printer.status) as client,
        trio.open_nursery() as nursery,
    ):
        conversation = CustomerChat(client, printer, submission)
        printer.notice("chat.hint_customer", name=client.welcome.subject if client.welcome else name)
        nursery.start_soon(conversation.listen)
        nursery.start_soon(conversation.watch_position)
        await read_lines(sys.stdin.fileno(), conversation.take)
        await conversation.leave()
        nursery.cancel_scope.cancel()


async def chat_as_agent(door: Door, name: str, profile: Frame | None, patience_s: float) -> None:
    printer = Printer(door.texts)
    async with (
        door.connect("agent", name, patience_s=patience_s, give_up_after_s=None, on_status=printer.status) as client,
        trio.open_nursery() as nursery,
    ):
        assert client.welcome is not None
        desk = AgentChat(client, printer, client.welcome.subject or name)
        await desk.sign_on(profile, may_define=not door.token)
        nursery.start_soon(desk.listen)
        await read_lines(sys.stdin.fileno(), desk.take)
        await desk.leave()
        printer.notice("chat.bye")
        nursery.cancel_scope.cancel()
