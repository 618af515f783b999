"""``sluice ctl``: look at a running engine and steer it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from adapters.clients.terminal.ctl_acts import carry_out, ending, limit_option, reason_option, show_answer, show_rows
from adapters.clients.terminal.ctl_conversations import conversation, reply
from adapters.clients.terminal.ctl_customers import customer, segment
from adapters.clients.terminal.engine_options import (
    EXIT_CODES,
    Door,
    engine_options,
    json_option,
    parse_attributes,
    parse_names,
    parse_pairs,
    print_json,
    run,
)
from adapters.clients.terminal.tables import agents_table, contacts_table, fairness_table, queues_table, show
from adapters.clients.terminal.texts import clean


@click.group(epilog=EXIT_CODES)
def ctl() -> None:
    """Look at a running engine's queues, agents and contacts, and steer them, as a supervisor."""


# --- looking --------------------------------------------------------------------------------------------------------


@ctl.command(epilog=EXIT_CODES)
@json_option
@engine_options
def queues(door: Door, as_json: bool) -> None:
    """Each queue with its figures: what waits now, and counts since the engine started."""
    run(show_rows, door, {"type": "queues"}, "queues", "", 0, queues_table, as_json)


@ctl.command(epilog=EXIT_CODES)
@json_option
@engine_options
def fairness(door: Door, as_json: bool) -> None:
    """How evenly equal agents of each pool were treated in the last whole hour, and the alerts so far."""
    run(show_fairness, door, as_json)


async def show_fairness(door: Door, as_json: bool) -> None:
    async with door.connect("supervisor") as client:
        figures = await client.ask({"type": "figures"})
    if as_json:
        print_json({name: figures[name] for name in ("fairness", "alerts")})
        return
    texts = door.texts
    if figures["fairness"]:
        show(fairness_table(texts, figures))
    click.echo(texts.say("fairness.read" if figures["fairness"] else "fairness.none"))
    raised = [f"{texts.code('alert', kind)} {number}" for kind, number in figures["alerts"].items()]
    if raised:
        click.echo(texts.say("alerts", alerts=", ".join(raised)))


@ctl.command(epilog=EXIT_CODES)
@click.option("--state", default="", help="Only these: available, paused, finishing, not_ready, lost, offline.")
@click.option("--pool", default="", help="Only those of this pool.")
@limit_option
@json_option
@engine_options
def agents(door: Door, state: str, pool: str, limit: int, as_json: bool) -> None:
    """Agents with state, load and contacts."""
    query = {"type": "agents", "state": state, "pool": pool}
    run(show_rows, door, query, "agents", "agent", limit, agents_table, as_json)


@ctl.command(epilog=EXIT_CODES)
@click.option("--queue", default="", help="Only those of this queue.")
@click.option("--state", default="", help="Only these: queued, offered, held, connected, wrap_up, …")
@click.option("--agent", default="", help="Only those with this agent.")
@click.option("--customer", default="", help="Only this customer's.")
@click.option("--channel", default="", help="Only those of this channel.")
@limit_option
@json_option
@engine_options
def contacts(door: Door, limit: int, as_json: bool, **filters: str) -> None:
    """Open contacts, oldest first."""
    query = {"type": "contacts", **filters}
    run(show_rows, door, query, "contacts", "contact", limit, contacts_table, as_json)


@ctl.command(epilog=EXIT_CODES)
@click.argument("number", type=click.IntRange(1))
@json_option
@engine_options
def contact(door: Door, number: int, as_json: bool) -> None:
    """One open contact whole. What led there: sluice explain NUMBER."""
    run(show_answer, door, {"type": "contact", "contact": number}, as_json)


@ctl.command(epilog=EXIT_CODES)
@click.argument("number", type=click.IntRange(1))
@json_option
@engine_options
def history(door: Door, number: int, as_json: bool) -> None:
    """What was said in a contact."""
    run(show_history, door, number, as_json)


async def show_history(door: Door, number: int, as_json: bool) -> None:
    messages: list[dict[str, Any]] = []
    more = True
    async with door.connect("supervisor") as client:
        while more:
            after = messages[-1]["seq"] if messages else 0
            answer = await client.ask({"type": "history", "contact": number, "after_seq": after})
            messages += answer["messages"]
            more = answer["more"] and bool(answer["messages"])
    if as_json:
        print_json({"messages": messages})
        return
    for message in messages:
        who = message.get("agent") or door.texts.say(f"who.{message['sender']}")
        click.echo(clean(door.texts.say("chat.said", who=who, text=message["text"])))


@ctl.command(epilog=EXIT_CODES)
@click.option("--text", is_flag=True, help="The policy file itself.")
@json_option
@engine_options
def policy(door: Door, text: bool, as_json: bool) -> None:
    """The policy in force."""
    run(show_policy, door, text, as_json)


async def show_policy(door: Door, text: bool, as_json: bool) -> None:
    if not text or as_json:
        await show_answer(door, {"type": "policy", "text": text}, as_json)
        return
    async with door.connect("supervisor") as client:
        answer = await client.ask({"type": "policy", "text": True})
    click.echo(answer["text"], nl=False)


# --- steering -------------------------------------------------------------------------------------------------------


@ctl.command(epilog=EXIT_CODES)
@click.argument("number", type=click.IntRange(1))
@click.argument("queue")
@reason_option
@json_option
@engine_options
def move(door: Door, number: int, queue: str, reason: str, as_json: bool) -> None:
    """Move a waiting contact to another queue; it keeps its waiting time."""
    run(carry_out, door, {"type": "contact.move", "contact": number, "queue": queue, "reason": reason}, as_json)


@ctl.command(epilog=EXIT_CODES)
@click.argument("number", type=click.IntRange(1))
@click.argument("priority", type=int)
@reason_option
@json_option
@engine_options
def prioritise(door: Door, number: int, priority: int, reason: str, as_json: bool) -> None:
    """Give a waiting contact another priority (higher goes first)."""
    command = {"type": "contact.prioritise", "contact": number, "priority": priority, "reason": reason}
    run(carry_out, door, command, as_json)


@ctl.command(epilog=EXIT_CODES)
@click.argument("number", type=click.IntRange(1))
@click.argument("agent")
@click.option("--reason", required=True, help="Why, for the record.")
@json_option
@engine_options
def assign(door: Door, number: int, agent: str, reason: str, as_json: bool) -> None:
    """Give a waiting contact to an agent at once, past order and capacity."""
    run(carry_out, door, {"type": "contact.assign", "contact": number, "agent": agent, "reason": reason}, as_json)


@ctl.command("take-over", epilog=EXIT_CODES)
@click.argument("number", type=click.IntRange(1))
@click.argument("agent")
@reason_option
@json_option
@engine_options
def take_over(door: Door, number: int, agent: str, reason: str, as_json: bool) -> None:
    """Let AGENT, who has room, take a contact that somebody else serves."""
    run(carry_out, door, {"type": "contact.take_over", "contact": number, "agent": agent, "reason": reason}, as_json)


@ctl.command(epilog=EXIT_CODES)
@click.argument("action", type=click.Choice(["move", "prioritise", "bot", "message"]))
@click.option("--queue", default="", help="Only contacts of this queue.")
@click.option("--shop", default="", help="Only contacts of this shop.")
@click.option("--channel", default="", help="Only contacts of this channel.")
@click.option("--all", "everything", is_flag=True, help="All that wait: needed when nothing else is said.")
@click.option("--to-queue", default="", help="Where to move them.")
@click.option("--priority", type=int, default=0, help="The priority to give them.")
@click.option("--expect", type=click.IntRange(0), default=None, help="How many must match, as --preview counted them.")
@click.option("--preview", is_flag=True, help="Only count; change nothing.")
@reason_option
@json_option
@engine_options
def bulk(door: Door, action: str, expect: int | None, preview: bool, as_json: bool, **given: Any) -> None:
    """Do one thing to all waiting contacts that match. First with --preview, then with --expect and that count."""
    if not preview and expect is None:
        raise click.UsageError("got neither --preview nor --expect, wanted one: look first, then say how many")
    command = {"type": "contacts.bulk", "action": action, "preview": preview, "expect_count": expect or 0, **given}
    run(carry_out_bulk, door, command, as_json)


async def carry_out_bulk(door: Door, command: Mapping[str, Any], as_json: bool, for_s: int = 0) -> None:
    async with door.connect("supervisor") as client:
        command = ending(client, command, for_s)
        result = await client.do(command)
    if as_json:
        print_json(result)
    else:
        click.echo(door.texts.say("matching" if command["preview"] else "bulk", **result))


@ctl.command(epilog=EXIT_CODES)
@click.argument("pool")
@reason_option
@json_option
@engine_options
def drain(door: Door, pool: str, reason: str, as_json: bool) -> None:
    """Give agents nothing new through this pool; what they have they keep."""
    run(carry_out, door, {"type": "pool.drain", "pool": pool, "reason": reason}, as_json)


@ctl.command("open-pool", epilog=EXIT_CODES)
@click.argument("pool")
@reason_option
@json_option
@engine_options
def open_pool(door: Door, pool: str, reason: str, as_json: bool) -> None:
    """Use a drained pool again."""
    run(carry_out, door, {"type": "pool.open", "pool": pool, "reason": reason}, as_json)


@ctl.command(epilog=EXIT_CODES)
@click.argument("number", type=click.IntRange(1))
@click.option("--reason", default="supervisor", show_default=True, help="Why, for the record.")
@json_option
@engine_options
def close(door: Door, number: int, reason: str, as_json: bool) -> None:
    """End a contact."""
    run(carry_out, door, {"type": "contact.close", "contact": number, "reason": reason}, as_json)


@ctl.command("close-queue", epilog=EXIT_CODES)
@click.argument("queue")
@reason_option
@json_option
@engine_options
def close_queue(door: Door, queue: str, reason: str, as_json: bool) -> None:
    """Close a queue to new contacts; those waiting are served."""
    run(carry_out, door, {"type": "queue.close", "queue": queue, "reason": reason}, as_json)


@ctl.command("open-queue", epilog=EXIT_CODES)
@click.argument("queue")
@reason_option
@json_option
@engine_options
def open_queue(door: Door, queue: str, reason: str, as_json: bool) -> None:
    """Open a closed queue again."""
    run(carry_out, door, {"type": "queue.open", "queue": queue, "reason": reason}, as_json)


@ctl.command(epilog=EXIT_CODES)
@click.argument("queue")
@click.argument("code", required=False, default="")
@click.option(
    "--for", "for_s", type=click.IntRange(1), default=3600, show_default=True, help="Seconds (engine's time)."
)
@json_option
@engine_options
def notice(door: Door, queue: str, code: str, for_s: int, as_json: bool) -> None:
    """Hang a notice, by its CODE, in a queue: who waits and who arrives is told. Without CODE: take it down."""
    command = {"type": "queue.notice", "queue": queue, "notice": code}
    run(carry_out, door, command, as_json, for_s if code else 0)


@ctl.command("leave-message", epilog=EXIT_CODES)
@click.argument("number", type=click.IntRange(1))
@click.option("--call-back", is_flag=True, help="The customer is to be called back.")
@json_option
@engine_options
def leave_message(door: Door, number: int, call_back: bool, as_json: bool) -> None:
    """Let a waiting customer, as the channel that speaks for it, be answered later, under the queue's promise."""
    kind = "call_back" if call_back else "message"
    command = {"type": "contact.leave_message", "contact": number, "kind": kind}
    run(carry_out, door, command, as_json, role="channel")


@ctl.command(epilog=EXIT_CODES)
@click.argument("agent")
@click.argument("units", type=click.IntRange(0))
@click.option("--for", "for_s", type=click.IntRange(1), default=None, help="Seconds (of the engine's time), then back.")
@reason_option
@json_option
@engine_options
def capacity(door: Door, agent: str, units: int, for_s: int | None, reason: str, as_json: bool) -> None:
    """Give an agent another capacity, in units (a contact takes its channel's cost)."""
    command = {"type": "agent.set_capacity", "agent": agent, "capacity": units, "reason": reason}
    run(carry_out, door, command, as_json, for_s or 0)


@ctl.command("group-capacity", epilog=EXIT_CODES)
@click.argument("units", type=click.IntRange(0))
@click.option("--pool", default="", help="Agents of this pool.")
@click.option("--team", default="", help="Agents of this team; with --pool those who are in both.")
@click.option(
    "--for", "for_s", type=click.IntRange(1), help="Seconds until the profiles' are back; without it: for good."
)
@click.option("--preview", is_flag=True, help="Only count them.")
@click.option("--expect", type=click.IntRange(0), help="As many as the preview counted; another number is refused.")
@reason_option
@json_option
@engine_options
def group_capacity(
    door: Door, units: int, for_s: int | None, preview: bool, expect: int | None, as_json: bool, **given: str
) -> None:
    """Give every agent of a pool or team another capacity. First with --preview, then with --expect and that count."""
    if not preview and expect is None:
        raise click.UsageError("got neither --preview nor --expect, wanted one: look first, then say how many")
    command = {
        "type": "agents.set_capacity",
        "capacity": units,
        "preview": preview,
        "expect_count": expect or 0,
        **given,
    }
    run(carry_out_bulk, door, command, as_json, for_s or 0)


@ctl.command("agent-state", epilog=EXIT_CODES)
@click.argument("agent")
@click.argument("state", type=click.Choice(["available", "paused", "finishing", "not_ready", "offline"]))
@reason_option
@json_option
@engine_options
def agent_state(door: Door, agent: str, state: str, reason: str, as_json: bool) -> None:
    """Put a signed-on agent into another state; offline hands its contacts back to their queues."""
    if state == "offline":
        command = {"type": "agent.sign_off", "agent": agent, "reason": reason}
    else:
        command = {"type": "agent.set_state", "agent": agent, "state": state, "reason": reason}
    run(carry_out, door, command, as_json)


@ctl.command("define-agent", epilog=EXIT_CODES)
@click.argument("agent")
@click.option("--name", default="", help="The name people see.")
@click.option("--kind", type=click.Choice(["onsite", "remote", "bot"]), default="onsite", show_default=True)
@click.option("--team", default="", help="Where it stands in the org chart.")
@click.option("--pools", default="onsite", show_default=True, help="As 'onsite,second'.")
@click.option("--skills", default="", help="With proficiency 1–10, as 'presale=5,english=3'.")
@click.option("--attribute", "attributes", multiple=True, metavar="NAME=VALUE", help="Repeatable.")
@click.option("--capacity", type=click.IntRange(0), default=4, show_default=True, help="Units it can carry.")
@click.option("--channel-limits", default="", help="Lower limits than the policy's, as 'phone=1'.")
@click.option("--auto-accept", is_flag=True, help="Accept every offer at once.")
@json_option
@engine_options
def define_agent(door: Door, agent: str, as_json: bool, **given: Any) -> None:
    """Create an agent or replace its profile; what it serves now is kept."""
    profile = {
        "agent": agent,
        **{field: given[field] for field in ("name", "kind", "team", "capacity", "auto_accept")},
        "pools": parse_names(given["pools"]),
        "skills": parse_pairs(given["skills"], "--skills"),
        "attributes": parse_attributes(given["attributes"]),
        "channel_limits": parse_pairs(given["channel_limits"], "--channel-limits"),
    }
    run(carry_out, door, {"type": "agent.define", "profile": profile}, as_json)


@ctl.command("remove-agent", epilog=EXIT_CODES)
@click.argument("agent")
@json_option
@engine_options
def remove_agent(door: Door, agent: str, as_json: bool) -> None:
    """Delete an offline agent without work."""
    run(carry_out, door, {"type": "agent.remove", "agent": agent}, as_json)


ctl.add_command(customer)
ctl.add_command(segment)
ctl.add_command(conversation)
ctl.add_command(reply)
