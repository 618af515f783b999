"""`sluice demo`: a shop's day against a real engine, over real sockets."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click

from sim.scenario import Scenario, ScenarioErrors, load_scenario

# Half an hour with its trouble, in less than three minutes. Measured on two cores of a small cloud machine: both p99
# together take 2 % of the shortest offer at this speed; at 25 × they took 5.3 %.
SPEED = 15.0
PLAY_S = 120.0
# Served to the end after the doors close: a quarter of the play, and no longer than this.
DRAIN_S = 30.0
# Runs of the twin beside the demo: a few seconds for half an hour of the shop.
DEMO_REPS = 3

DEFINITIONS = """\b
The JSON line (with --json the last line of stdout; waits in scenario ms, latencies in real ms):
  submitted         contacts the engine let in or turned away; each has exactly one outcome:
    answered        a person wrote to the customer, and it has ended
    abandoned       ended unserved (abandoned_silently: the customer said nothing)
    deflected       turned away with a reason and an alternative
    bot_contained   ended with a bot, which had spoken
    open            still in progress when play ended (open_answered: a person has written to the customer already)
  lost, double_assigned, over_capacity
                    faults that an independent checker found in what the clients saw: acknowledged and gone; with two
                    agents at once; more units in hand than the agent can carry
  messages, bot_containment, handoffs
                    (with --desk) lines that were written; of those the bot spoke with, the share that needed nobody else; how
                    many went on to a person
  reply_rate_180s   chat rounds answered by a person within 180 s ÷ chat rounds that ended, answered or not
  asa_ms            mean wait of answered chats: waiting for a person until connected, time with a bot left out
  offer_p99_ms      real ms from the stamp of the record that made an offer to the agent's client reading it
  accept_ack_p99_ms real ms from sending an accept to its durable answer

\b
Exit codes:
  0    played, no fault (and with --hold: ended by you afterwards)
  1    a fault was found: lost, double-assigned, over capacity, counts or journal that disagree
  2    wrong usage, or a scenario or policy file with problems
  3    the engine did not start, or ended on its own
  130  interrupted before all was told
"""


@dataclass(frozen=True)
class Request:
    """What the command line asks for, checked."""

    scenario: Scenario
    play_s: float
    speed: float
    as_json: bool
    hold: bool
    lang: str
    store: Path | None
    drain_s: float = DRAIN_S
    reps: int = 0
    targets_ms: Mapping[str, float] = field(default_factory=dict)
    desk: Path | None = None
    url: str | None = None
    framed: str | None = None


def shipped_scenario() -> Path:
    """The shop of this repository, or of the installed package."""
    room = Path(__file__).resolve().parents[1]
    places = [place / "examples" / "shop" / "scenario.toml" for place in (room.parent, room)]
    return next((place for place in places if place.exists()), places[0])


@click.command(epilog=DEFINITIONS)
@click.option("--for", "play_s", type=click.FloatRange(1, 3600), default=PLAY_S, show_default=True,
              help="Real seconds during which customers come.")  # fmt: skip
@click.option("--speed", type=click.FloatRange(0.1, 1000), default=SPEED, show_default=True,
              help="Scenario seconds in one real second. Offers are distorted when latency × speed is not small; that is said.")  # fmt: skip
@click.option("--volume", type=click.IntRange(1, 10_000_000), help="Contacts of the whole day.  [default: 60,000]")
@click.option("--at", metavar="HH:MM", help="Time of day at which play starts.  [default: 09:30]")
@click.option("--day", metavar="bank|double11", help="The day's shape, one of the scenario's.  [default: bank]")
@click.option("--seed", type=click.IntRange(0), help="One seed, one day: the same customers and agents.")
@click.option("--scenario", "path", type=click.Path(path_type=Path), help="Another scenario file.")
@click.option("--store", type=click.Path(path_type=Path), help="An empty or new folder for the journal; it is kept.")
@click.option(
    "--desk",
    is_flag=True,
    help="With the desk: customers ask real questions, the shipped bot answers them from its articles.",
)
@click.option("--json", "as_json", is_flag=True, help="End with one JSON line on stdout; the story goes to stderr.")
@click.option(
    "--hold",
    is_flag=True,
    help="Afterwards go on in real time, engine and agents, until Ctrl-C, and say how to look around.",
)
@click.option("--lang", default=lambda: os.environ.get("LC_ALL") or os.environ.get("LANG") or "en",
              show_default="from LANG", help="Language: en or zh.")  # fmt: skip
def demo(
    play_s: float, speed: float, volume: int | None, at: str | None, day: str | None, seed: int | None,
    path: Path | None, store: Path | None, desk: bool, as_json: bool, hold: bool, lang: str,
) -> None:  # fmt: skip
    """A shop's contacts find people, remote teams and bots, live.

    Starts a real engine with an empty store as a process of its own and plays the scenario's customers, people and bots
    as its clients over real sockets, on one accelerated clock. Ends with a summary per queue, the longest waits
    explained, and checks.
    """
    try:
        scenario = load_scenario(path or shipped_scenario(), day=day, at=at, volume=volume, seed=seed)
    except ScenarioErrors as error:
        for problem in error.told(lang):
            click.echo(f"sluice: {problem}", err=True)
        sys.exit(2)
    if store is not None and store.exists() and any(store.iterdir()):
        raise click.BadParameter(f"got {store}, which is not empty, wanted a new or empty folder", param_hint="--store")
    # Imported late: `sluice --help` and wrong usage need no engine, no sockets, no arrays.
    from sim.live.asking import shipped_desk
    from sim.live.performance import run_demo

    # The twin knows nothing of a bot that reads: beside the desk it predicts nothing.
    reps, folder = (0, shipped_desk()) if desk else (DEMO_REPS, None)
    sys.exit(run_demo(Request(scenario, play_s, speed, as_json, hold, lang, store, reps=reps, desk=folder)))


LIVE_EXIT = DEFINITIONS.replace("0    played, no fault", "0    played, no fault, every latency target met").replace(
    "1    a fault was found:", "1    a latency target was missed, or a fault was found:"
)


@click.command(epilog=LIVE_EXIT)
@click.argument("scenario")
@click.option(
    "--embedded", is_flag=True, help="Start an engine of its own, a process beside this one, on an empty store."
)
@click.option(
    "--target",
    "url",
    metavar="ws://HOST:PORT",
    help="A running engine (`sluice serve --dev`), its clock at the same --clock-speed.",
)
@click.option(
    "--target-msgpack",
    "framed",
    metavar="msgpack://HOST:PORT",
    help="Where channels and bots go.  [default: as --target]",
)
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 1000),
    default=SPEED,
    show_default=True,
    help="Scenario seconds in one real second.",
)
@click.option(
    "--for",
    "play_s",
    type=click.FloatRange(1, 3600),
    default=PLAY_S,
    show_default=True,
    help="Real seconds during which customers come.",
)
@click.option(
    "--scale",
    type=click.FloatRange(0.001, 10.0),
    default=1.0,
    show_default=True,
    help="So much of the contacts and of the people: for a machine that cannot carry them all.",
)
@click.option(
    "--reps", type=click.IntRange(2, 1000), default=5, show_default=True, help="Runs of the twin to hold it against."
)
@click.option(
    "--offer-p99",
    type=click.FloatRange(0, min_open=True),
    default=50.0,
    show_default=True,
    help="Target: real ms from a decision to the agent's client.",
)
@click.option(
    "--ack-p99",
    type=click.FloatRange(0, min_open=True),
    default=25.0,
    show_default=True,
    help="Target: real ms from an accept being due to its durable answer.",
)
@click.option(
    "--message-p99",
    type=click.FloatRange(0, min_open=True),
    default=50.0,
    show_default=True,
    help="Target: real ms from a message's record to the other side's client.",
)
@click.option("--at", metavar="HH:MM", help="Time of day at which play starts.")
@click.option("--day", help="The day's shape, one of the scenario's.")
@click.option("--seed", type=click.IntRange(0), help="One seed, one day: the same customers and agents.")
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="With --embedded: an empty or new folder for the journal; it is kept.",
)
@click.option("--json", "as_json", is_flag=True, help="End with one JSON line on stdout; the story goes to stderr.")
@click.option(
    "--lang",
    default=lambda: os.environ.get("LC_ALL") or os.environ.get("LANG") or "en",
    show_default="from LANG",
    help="Language: en or zh.",
)
def live(
    scenario: str, embedded: bool, url: str | None, framed: str | None, speed: float, play_s: float, scale: float, reps: int,
    offer_p99: float, ack_p99: float, message_p99: float, at: str | None, day: str | None, seed: int | None,
    store: Path | None, as_json: bool, lang: str,
) -> None:  # fmt: skip
    """Play SCENARIO (a file, or one that comes along) against a running engine, and hold the twin against it.

    Customers come at the instants of the scenario whatever the engine does (an open loop); what is late counts from the
    instant at which it was due. Predicted and measured figures stand side by side.
    """
    from sim.ready_made import find_scenario, ready_made

    if embedded == (url is not None):
        raise click.UsageError("wanted one of --embedded and --target URL")
    path = find_scenario(scenario)
    if path is None:
        raise click.BadParameter(f"got {scenario}, wanted a file or one of {', '.join(ready_made())}")
    try:
        loaded = load_scenario(path, day=day, at=at, seed=seed)
    except ScenarioErrors as error:
        for problem in error.problems:
            click.echo(f"sluice: {problem}", err=True)
        sys.exit(2)
    if store is not None and store.exists() and any(store.iterdir()):
        raise click.BadParameter(f"got {store}, which is not empty, wanted a new or empty folder", param_hint="--store")
    from sim.live.performance import run_demo
    from sim.live.scaling import scaled

    targets = {"offer": offer_p99, "ack": ack_p99, "message": message_p99}
    request = Request(scaled(loaded, scale), play_s, speed, as_json, hold=False, lang=lang, store=store, reps=reps,
                      targets_ms=targets, url=url, framed=framed)  # fmt: skip
    sys.exit(run_demo(request))
