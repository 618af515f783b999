"""``sluice ctl conversation`` and ``sluice ctl reply``: what was said, as a supervisor. Needs ``sluice serve --desk``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from adapters.clients.terminal.ctl_acts import carry_out, limit_option, show_rows
from adapters.clients.terminal.engine_options import EXIT_CODES, Door, engine_options, json_option, print_json, run
from adapters.clients.terminal.tables import replies_table
from adapters.clients.terminal.texts import Texts
from adapters.clients.terminal.told import hit_lines, story_lines

_contact = click.argument("contact", type=click.IntRange(1))


@click.group(epilog=EXIT_CODES)
def conversation() -> None:
    """Stories of customers, notes and tags on contacts, and search over what was said."""


@conversation.command(epilog=EXIT_CODES)
@_contact
@click.option("--alone", is_flag=True, help="Only this contact, not what its customer said before and since.")
@click.option("--before", type=click.IntRange(0), default=0, help="Only lines before this lsn.")
@limit_option
@json_option
@engine_options
def story(door: Door, contact: int, as_json: bool, **rest: Any) -> None:
    """What was said and done in CONTACT and its customer's others, as one story."""
    query = {"type": "conversation.story", "contact": contact, **rest}
    run(show_lines, door, query, story_lines, as_json)


@conversation.command(epilog=EXIT_CODES)
@click.argument("words", nargs=-1, required=True)
@limit_option
@json_option
@engine_options
def search(door: Door, words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Messages with all WORDS, Chinese or English, newest first."""
    query = {"type": "conversation.search", "find": " ".join(words), "limit": limit}
    run(show_lines, door, query, lambda texts, answer: hit_lines(texts, answer["hits"]), as_json)


async def show_lines(
    door: Door, query: dict[str, Any], lines: Callable[[Texts, dict[str, Any]], Iterable[str]], as_json: bool
) -> None:
    async with door.connect("supervisor") as client:
        answer = await client.ask(query)
    if as_json:
        print_json(answer)
        return
    shown = False
    for line in lines(door.texts, answer):
        click.echo(line)
        shown = True
    if not shown:
        click.echo(door.texts.say("records.none"))
    if answer.get("more"):
        click.echo(door.texts.say("story.more"), err=True)


@conversation.command(epilog=EXIT_CODES)
@_contact
@click.argument("text")
@json_option
@engine_options
def note(door: Door, contact: int, text: str, as_json: bool) -> None:
    """A note on CONTACT for colleagues; its customer never sees it."""
    run(carry_out_on, door, contact, {"type": "contact.note", "text": text}, as_json)


@conversation.command(epilog=EXIT_CODES)
@_contact
@click.argument("add", nargs=-1, metavar="TAG…")
@click.option("--remove", multiple=True, metavar="TAG", help="Take this tag off; repeatable.")
@json_option
@engine_options
def tag(door: Door, contact: int, add: tuple[str, ...], remove: tuple[str, ...], as_json: bool) -> None:
    """Put tags on CONTACT, and take others off."""
    run(carry_out_on, door, contact, {"type": "contact.tag", "add": add, "remove": remove}, as_json)


async def carry_out_on(door: Door, contact: int, command: dict[str, Any], as_json: bool) -> None:
    """The contact's customer is looked up first: the record is sealed with its key."""
    async with door.connect("supervisor") as client:
        whose = await client.ask({"type": "conversation.story", "contact": contact, "alone": True, "limit": 1})
        result = await client.do({**command, "customer": whose["customer"], "contact": contact})
    if as_json:
        print_json(result)
    else:
        click.echo(door.texts.say("done", lsn=result.get("lsn", "")))


# --- replies at hand ------------------------------------------------------------------------------------------------

_shop = click.option("--shop", default="", help="Of this shop only; without it: of every shop.")


@click.group(epilog=EXIT_CODES)
def reply() -> None:
    """Replies at hand for every agent of the tenant."""


@reply.command("list", epilog=EXIT_CODES)
@click.argument("find", default="")
@_shop
@limit_option
@json_option
@engine_options
def list_replies(door: Door, find: str, shop: str, limit: int, as_json: bool) -> None:
    """Replies whose shortcut begins with FIND, or whose text holds it."""
    query = {"type": "replies", "find": find, "shop": shop, "limit": limit}
    run(show_rows, door, query, "replies", "", limit, replies_table, as_json)


@reply.command("save", epilog=EXIT_CODES)
@click.argument("shortcut")
@click.argument("text")
@click.option("--title", default="", help="What it is for.")
@_shop
@json_option
@engine_options
def save_reply(door: Door, as_json: bool, **fields: str) -> None:
    """TEXT under SHORTCUT; {customer.name}, {agent.name}, {order.id} … are filled in when it is used."""
    run(carry_out, door, {"type": "reply.save", **fields}, as_json)


@reply.command("remove", epilog=EXIT_CODES)
@click.argument("shortcut")
@_shop
@json_option
@engine_options
def remove_reply(door: Door, as_json: bool, **fields: str) -> None:
    """Forget the reply of this SHORTCUT."""
    run(carry_out, door, {"type": "reply.remove", **fields}, as_json)
