"""``sluice ctl customer`` and ``sluice ctl segment``: the desk's customers, as a supervisor. Needs ``sluice serve --desk``."""

from __future__ import annotations

from typing import Any

import click

from adapters.clients.terminal.ctl_acts import carry_out, limit_option, show_answer, show_rows
from adapters.clients.terminal.engine_options import (
    EXIT_CODES,
    Door,
    engine_options,
    json_option,
    parse_attributes,
    print_json,
    run,
)
from adapters.clients.terminal.tables import customers_table, past_contacts_table, records_table, segments_table, show

_consent = click.option(
    "--consent",
    type=click.Choice(["asked", "written", "account"]),
    required=True,
    help="How the customer said that this is so: asked in a contact, in writing, or by logging in.",
)
_contact = click.option("--contact", type=click.IntRange(0), default=0, help="The contact in which it was asked.")
_key = click.argument("customer")


@click.group(epilog=EXIT_CODES)
def customer() -> None:
    """Profiles, tags, tiers, entitlements, the blocklist, and who is the same person on another channel."""


@customer.command("show", epilog=EXIT_CODES)
@_key
@json_option
@engine_options
def show_one(door: Door, customer: str, as_json: bool) -> None:
    """All that is known of a customer, under all its keys."""
    run(show_answer, door, {"type": "customer", "customer": customer}, as_json)


@customer.command("list", epilog=EXIT_CODES)
@click.option("--tag", default="", help="Only those with this tag.")
@click.option("--tier", default="", help="Only those of this tier.")
@click.option("--segment", default="", help="Only those of this segment.")
@limit_option
@json_option
@engine_options
def list_them(door: Door, limit: int, as_json: bool, **filters: str) -> None:
    """Customers by key."""
    query = {"type": "customers", **filters}
    run(show_rows, door, query, "customers", "customer", limit, customers_table, as_json)


@customer.command(epilog=EXIT_CODES)
@_key
@click.option("--before", type=click.IntRange(0), default=0, help="Only contacts before this one.")
@limit_option
@json_option
@engine_options
def history(door: Door, customer: str, before: int, limit: int, as_json: bool) -> None:
    """A customer's contacts, newest first."""
    query = {"type": "customer.history", "customer": customer, "before": before, "limit": limit}
    run(show_rows, door, query, "contacts", "", limit, past_contacts_table, as_json)


@customer.command(epilog=EXIT_CODES)
@_key
@click.argument("connector")
@click.option("--kind", default="orders", show_default=True, help="Records of what.")
@click.option("--key", default="", help="Only this one (an order's number).")
@json_option
@engine_options
def records(door: Door, customer: str, as_json: bool, **asked: str) -> None:
    """What another system knows of a customer, asked through a declared CONNECTOR."""
    run(show_records, door, {"type": "customer.records", "customer": customer, **asked}, as_json)


async def show_records(door: Door, query: dict[str, Any], as_json: bool) -> None:
    async with door.connect("supervisor") as client:
        answer = await client.ask(query)
    if as_json:
        print_json(answer)
    elif answer.get("problem"):
        click.echo(door.texts.say("records.problem", problem=answer["problem"]))
    elif not answer.get("records"):
        click.echo(door.texts.say("records.none"))
    else:
        show(records_table(door.texts, answer["records"]))


@customer.command(epilog=EXIT_CODES)
@_key
@click.argument("attributes", nargs=-1, metavar="NAME=VALUE…")
@click.option("--clear", multiple=True, metavar="NAME", help="Take this attribute away; repeatable.")
@click.option("--expect", type=click.IntRange(0), default=None, help="The version you saw; another one is refused.")
@json_option
@engine_options
def save(
    door: Door, customer: str, attributes: tuple[str, ...], clear: tuple[str, ...], expect: int | None, as_json: bool
) -> None:
    """Set declared attributes of a customer."""
    values = {**parse_attributes(attributes), **dict.fromkeys(clear)}
    command = {"type": "customer.save", "customer": customer, "attributes": values, "expect_version": expect}
    run(carry_out, door, command, as_json)


@customer.command(epilog=EXIT_CODES)
@_key
@click.argument("add", nargs=-1, metavar="TAG…")
@click.option("--remove", multiple=True, metavar="TAG", help="Take this tag off; repeatable.")
@json_option
@engine_options
def tag(door: Door, customer: str, add: tuple[str, ...], remove: tuple[str, ...], as_json: bool) -> None:
    """Put tags on a customer, and take others off."""
    command = {"type": "customer.tag", "customer": customer, "add": add, "remove": remove}
    run(carry_out, door, command, as_json)


@customer.command(epilog=EXIT_CODES)
@_key
@click.argument("tier", required=False, default="")
@json_option
@engine_options
def tier(door: Door, customer: str, tier: str, as_json: bool) -> None:
    """Give a customer a declared TIER; without TIER: none."""
    run(carry_out, door, {"type": "customer.tier", "customer": customer, "tier": tier}, as_json)


@customer.command(epilog=EXIT_CODES)
@_key
@click.option("--reason", required=True, help="Why, for the record; sealed with the customer's key.")
@click.option("--for", "for_s", type=click.IntRange(1), help="Seconds (engine's time); without it: for good.")
@json_option
@engine_options
def block(door: Door, customer: str, reason: str, for_s: int | None, as_json: bool) -> None:
    """Turn away new contacts of a customer."""
    command = {"type": "customer.block", "customer": customer, "reason": reason}
    run(carry_out, door, command, as_json, for_s or 0)


@customer.command(epilog=EXIT_CODES)
@_key
@json_option
@engine_options
def unblock(door: Door, customer: str, as_json: bool) -> None:
    """Take new contacts in again."""
    run(carry_out, door, {"type": "customer.unblock", "customer": customer}, as_json)


@customer.command(epilog=EXIT_CODES)
@_key
@click.argument("entitlement")
@click.option("--quota", type=click.IntRange(0), default=0, help="Uses; 0: as declared.")
@click.option("--for", "for_s", type=click.IntRange(1), help="Seconds (engine's time); without it: for good.")
@json_option
@engine_options
def subscribe(door: Door, customer: str, entitlement: str, quota: int, for_s: int | None, as_json: bool) -> None:
    """Give a customer a declared ENTITLEMENT from now on."""
    command = {"type": "customer.subscribe", "customer": customer, "entitlement": entitlement, "quota": quota}
    run(carry_out, door, command, as_json, for_s or 0)


@customer.command(epilog=EXIT_CODES)
@_key
@click.argument("entitlement")
@json_option
@engine_options
def cancel(door: Door, customer: str, entitlement: str, as_json: bool) -> None:
    """End the subscription that runs."""
    command = {"type": "customer.cancel", "customer": customer, "entitlement": entitlement}
    run(carry_out, door, command, as_json)


@customer.command(epilog=EXIT_CODES)
@_key
@click.argument("entitlement")
@click.option("--amount", type=click.IntRange(1), default=1, show_default=True)
@json_option
@engine_options
def use(door: Door, customer: str, entitlement: str, amount: int, as_json: bool) -> None:
    """Meter so many uses of an entitlement."""
    command = {"type": "customer.use", "customer": customer, "entitlement": entitlement, "amount": amount}
    run(carry_out, door, command, as_json)


@customer.command(epilog=EXIT_CODES)
@_key
@click.argument("channel")
@click.argument("key")
@_consent
@_contact
@json_option
@engine_options
def link(door: Door, customer: str, as_json: bool, **fields: Any) -> None:
    """KEY, under which CHANNEL knows somebody, is this customer."""
    run(carry_out, door, {"type": "customer.link", "customer": customer, **fields}, as_json)


@customer.command(epilog=EXIT_CODES)
@_key
@click.argument("other")
@_consent
@_contact
@json_option
@engine_options
def merge(door: Door, customer: str, as_json: bool, **fields: Any) -> None:
    """OTHER is the same person as CUSTOMER, whose key stands for both; `unmerge` takes it back."""
    run(carry_out, door, {"type": "customer.merge", "customer": customer, **fields}, as_json)


@customer.command(epilog=EXIT_CODES)
@_key
@click.argument("other")
@json_option
@engine_options
def unmerge(door: Door, customer: str, other: str, as_json: bool) -> None:
    """OTHER, merged or linked, is a customer of its own again, with all that it had."""
    run(carry_out, door, {"type": "customer.unmerge", "customer": customer, "other": other}, as_json)


@customer.command(epilog=EXIT_CODES)
@_key
@click.option("--yes", is_flag=True, help="It cannot be undone: say that it is meant.")
@json_option
@engine_options
def erase(door: Door, customer: str, yes: bool, as_json: bool) -> None:
    """Destroy the keys of a customer: what they sealed, in tables, journal and backups, can never be read again."""
    if not yes:
        raise click.UsageError("got no --yes, wanted it: what is erased is gone for good")
    run(carry_out, door, {"type": "customer.erase", "customer": customer}, as_json)


# --- segments -------------------------------------------------------------------------------------------------------


@click.group(epilog=EXIT_CODES)
def segment() -> None:
    """Customers by rule."""


@segment.command("list", epilog=EXIT_CODES)
@json_option
@engine_options
def list_segments(door: Door, as_json: bool) -> None:
    """Every segment with its rule."""
    run(show_rows, door, {"type": "segments"}, "segments", "", 0, segments_table, as_json)


@segment.command("save", epilog=EXIT_CODES)
@click.argument("segment")
@click.argument("rule")
@click.option("--title", default="", help="What people call it.")
@json_option
@engine_options
def save_segment(door: Door, segment: str, rule: str, title: str, as_json: bool) -> None:
    """Those for whom RULE holds, as 'vip and @tier = "gold" and not "slow payer"'."""
    command = {"type": "segment.save", "segment": segment, "rule": rule, "title": title}
    run(carry_out, door, command, as_json)


@segment.command("remove", epilog=EXIT_CODES)
@click.argument("segment")
@json_option
@engine_options
def remove_segment(door: Door, segment: str, as_json: bool) -> None:
    """Forget a segment; its customers stay what they are."""
    run(carry_out, door, {"type": "segment.remove", "segment": segment}, as_json)
