"""``sluice explain``: a contact's story, where it stands, and why not this or that agent."""

from __future__ import annotations

import click
import msgspec

from adapters.clients.client import Client
from adapters.clients.protocol import Frame, Refused
from adapters.clients.terminal.engine_options import (
    EXIT_CODES,
    Door,
    ask_pages,
    engine_options,
    json_option,
    print_json,
    run,
)
from adapters.clients.terminal.texts import Texts, clean
from engine.console.sentences import Line, present, story, tell, why_not, why_offered
from engine.console.wording import Words
from engine.dispatch.events import Event, OfferMade
from engine.dispatch.explain import Explanation

# Names for at most so many agents: beyond, ids are shown.
NAMES_AT_MOST = 2_000


@click.command(epilog=EXIT_CODES)
@click.argument("contact", type=click.IntRange(1))
@click.option("--why-not", "agent", default="", metavar="AGENT", help="Why this agent does not have it.")
@click.option(
    "--at", type=click.IntRange(1), default=None, metavar="LSN", help="As it stood after this journal record."
)
@json_option
@engine_options
def explain(door: Door, contact: int, agent: str, at: int | None, as_json: bool) -> None:
    """Tell a contact's story: how it came in, who was offered it and why, where it stands, and why nobody takes it.

    Times at the left count from its arrival. --why-not for a contact that no longer waits is answered for the moment of
    its last offer, or of its end when nobody had one. That, and --at, rebuild the engine's state from the nearest
    snapshot; when history was trimmed it is refused (history_trimmed, exit code 1). --json prints the codes instead of
    sentences.
    """
    run(show_explanation, door, contact, agent, at or 0, as_json)


async def show_explanation(door: Door, contact: int, agent: str, at: int, as_json: bool) -> None:
    refused: Refused | None = None
    async with door.connect("supervisor") as client:
        asked = {"type": "explain", "contact": contact, "at": at}
        answer = await client.ask({**asked, "why_not": agent} if at else asked)
        then = answer
        if agent and not at:
            try:
                then = await client.ask({**asked, "why_not": agent, "story": False})
            except Refused as error:  # the story can be told all the same
                refused, agent = error, ""
        names = {} if as_json else await agent_names(client)
    if as_json:
        print_json(answer if then is answer else {**answer, "why_not": then})
    else:
        for line in render(answer, then if agent else None, door.texts, door.texts.words_for(names)):
            click.echo(clean(line))
    if refused is not None:
        raise refused


def find_decision(answer: Frame) -> tuple[int, Frame] | None:
    """The last offer of this contact: its record's lsn and the event."""
    for record in reversed(answer.get("story", [])):
        for event in reversed(record["events"]):
            if event["type"] == "offer.made":
                return record["lsn"], event
    return None


async def agent_names(client: Client) -> dict[str, str]:
    rows = await ask_pages(client, {"type": "agents"}, "agents", "agent", NAMES_AT_MOST)
    return {row["agent"]: f"{row['name']} ({row['agent']})" for row in rows if row["name"]}


def render(answer: Frame, then: Frame | None, texts: Texts, words: Words) -> list[str]:
    """The whole explanation as lines of text; ``then``: the answer that holds the verdict on an agent."""
    lines = [texts.say("explain.title", contact=answer["contact"])]
    if answer.get("story_cut"):
        lines.append(texts.say("explain.cut"))
    told = read_story(answer.get("story", []), texts, words)
    if told or not answer.get("as_of"):
        lines += told or [texts.say("explain.no_story")]
    if answer.get("as_of"):
        lines.append(texts.say("explain.as_of", lsn=answer["as_of"]))
    if answer.get("now") is None:
        lines.append(words.say("now.over"))
    else:
        lines += present(msgspec.convert(answer["now"], Explanation), words)
    return lines + ([] if then is None else render_why_not(answer, then, texts, words))


def render_why_not(answer: Frame, then: Frame, texts: Texts, words: Words) -> list[str]:
    """The verdict, and where nothing stood against the agent, who was chosen and why."""
    if then.get("now") is None or then["now"].get("verdict") is None:
        return []
    now = msgspec.convert(then["now"], Explanation)
    assert now.verdict is not None
    verdict, agent = now.verdict, words.agent(now.verdict.agent)
    title = texts.say("explain.why_not", agent=agent)
    if then.get("as_of") and then is not answer:
        title += " " + texts.say("explain.as_of", lsn=then["as_of"])
    chosen = find_decision(answer)
    if chosen is not None and then.get("as_of"):
        # Then it was offered in that very step: that it no longer waits is no reason.
        kept = tuple(reason for reason in verdict.reasons if reason.code != "contact_not_waiting")
        event = msgspec.convert(chosen[1], OfferMade)
        if event.agent == verdict.agent:
            return [title, tell(event, words)]
        if all(reason.code == "outranked" for reason in kept):
            outranked = words.say("why_not.outranked", agent=agent)
            return [title, outranked, *(sentence for sentence in why_offered(event, words) if sentence)]
        now = msgspec.structs.replace(now, verdict=msgspec.structs.replace(verdict, reasons=kept))
    return [title, *why_not(now, words)]


def read_story(records: list[Frame], texts: Texts, words: Words) -> list[str]:
    """Story lines with the time since arrival at the left. Events of a later release are named, not dropped."""
    known: list[Event] = []
    unknown: list[Line] = []
    begun: int | None = None
    for record in records:
        for raw in record["events"]:
            begun = raw["at"] if begun is None else begun
            try:
                known.append(msgspec.convert(raw, Event))
            except msgspec.ValidationError:
                text = texts.say("explain.raw", type=raw.get("type", "?"))
                unknown.append(Line(raw["at"], raw["at"] - begun, str(raw.get("type")), text))
    lines = sorted([*story(known, words), *unknown], key=lambda line: line.at)
    return [f"{clock(line.at - (begun or 0)):>10}  {line.text}" for line in lines]


def clock(ms: int) -> str:
    """A length as on a stop watch: 0:07.250, 1:02:03.000."""
    seconds, rest = divmod(max(ms, 0), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}.{rest:03}" if hours else f"{minutes}:{seconds:02}.{rest:03}"
