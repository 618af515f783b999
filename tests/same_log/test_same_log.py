"""The twin and the server decide the same: one scenario, played on both, leaves the same log behind.

*The twin* drives a dispatcher on SimPy's clock. *The server* is the one that runs in production: Python clients over
WebSocket and framed msgpack, the wire, sessions, driver and a SQLite store, on streams in memory and a clock that jumps. Each
road casts the scenario's actors for itself, from the same named streams of chance; each actor acts on what its own road lets
it hear. Neither reads the other's log. Who acts first within a millisecond is settled by one rule (:mod:`sim.actors.turns`).

Compared, step by step from the engine's start on: the instant of each input; the whole command, or that time passed; every
event with all its fields, so contact and offer numbers, deadlines, ranks and policy versions, too; and when it was over. Not
compared: who sent a command and under which id, and the words of messages, which a dispatcher never sees. The tenant, which
the server puts into a command from its sender's token, the scenario puts into the twin's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from sim.arrivals import mean_arrivals
from sim.live.scaling import scaled
from sim.ready_made import ready_made
from sim.scenario import Fault, Scenario, load_scenario
from tests.same_log.comparing import Log, difference
from tests.same_log.server import Performance, server_log
from tests.same_log.twin import twin_log
from tests.virtual_time import run_in_virtual_time

SCENARIO = load_scenario(Path(__file__).with_name("scenario.toml"))
SECOND = 1_000
# Of the server's scheduler: any will do.
SEED = 1


def on_the_server(scenario: Scenario, *change: Callable[[Performance], None]) -> Log:
    return run_in_virtual_time(SEED, server_log, scenario, *change)


def happened(log: Log) -> Counter[str]:
    """Events by name, and the inputs that the issue asks for by what they mean."""
    found = Counter(type(event).__name__ for step in log.steps for event in step.events)
    for step in log.steps:
        if isinstance(step.command, cm.TransferContact):
            found["handed on by a bot" if step.command.agent.startswith("bot") else "handed on by a person"] += 1
    return found


def test_twin_and_server_keep_the_same_log() -> None:
    """Half an hour with five thousand contacts and all that goes wrong in it, a policy swap in the middle."""
    twin = twin_log(SCENARIO)
    server = on_the_server(SCENARIO)
    assert difference(twin, server) == ""
    seen = happened(server)
    assert seen["ContactSubmitted"] >= 5_000
    assert seen["PolicyApplied"] == 2, "the first at the engine's start, another in the middle"
    for what, least in {
        "OfferDeclined": 50, "OfferExpired": 50, "OfferRescinded": 20, "handed on by a bot": 500,
        "handed on by a person": 100, "AgentLost": 20, "AgentBack": 10, "ContactRequeued": 20, "ContactAbandoned": 300,
        "ContactResumed": 50, "ContactDeflected": 100, "StepOpened": 200, "PersonAsked": 40, "MessageAdded": 500,
        "CapacityChanged": 10, "BackOffEnded": 5,
    }.items():  # fmt: skip
        assert seen[what] >= least, what
    gone = [event for step in server.steps for event in step.events if isinstance(event, ev.AgentStateChanged)]
    assert any(event.before == "lost" and event.after == "offline" for event in gone), "nobody was lost for good"


@pytest.mark.parametrize("name", sorted(ready_made()))
def test_of_every_scenario_that_comes_along_three_minutes_are_the_same(name: str) -> None:
    """As many contacts and people as a test can carry: bots that understand words, mail, hours, pools that help out."""
    whole = load_scenario(ready_made()[name])
    coming = mean_arrivals(whole, whole.at_ms, whole.at_ms + 180 * SECOND)
    people = sum(count for team in whole.teams for count in team.crews.values())
    part = scaled(whole, min(1.0, 300 / coming, 60 / people))
    part = replace(part, end_ms=part.at_ms + 180 * SECOND, drain_ms=60 * SECOND)
    assert difference(twin_log(part), on_the_server(part)) == ""


# --- what would make it fail ------------------------------------------------------------------------------------------

# A minute and a half in which a fifth of the front loses its line, and after which another policy holds.
SHORT = replace(
    SCENARIO,
    end_ms=SCENARIO.at_ms + 90 * SECOND,
    drain_ms=30 * SECOND,
    faults=(Fault("agents_drop", at="10:00:40", for_s=5, team="front", share=0.2),),
    swaps=(replace(SCENARIO.swaps[0], at_ms=SCENARIO.at_ms + 60 * SECOND),),
)


def answer_late(performance: Performance) -> None:
    """To somebody with one customer at a time: with several, the next event puts right when the work is done."""
    alone = (agent.subject for agent in performance.agents if agent.actor.profile.capacity == 1)
    performance.late_for = next(alone)


def other_chance(performance: Performance) -> None:
    person: Any = performance.agents[0].actor
    person._draws = performance.streams.stream("another")


def back_late(performance: Performance) -> None:
    [fault] = performance.scenario.faults
    performance.scenario = replace(performance.scenario, faults=(replace(fault, for_s=fault.for_s + 0.001),))


def swap_late(performance: Performance) -> None:
    [swap] = performance.scenario.swaps
    performance.scenario = replace(performance.scenario, swaps=(replace(swap, at_ms=swap.at_ms + 1),))


def test_without_a_break_the_short_stretch_is_the_same_too() -> None:
    assert difference(twin_log(SHORT), on_the_server(SHORT)) == ""


@pytest.mark.parametrize("change", [answer_late, other_chance, back_late, swap_late])
def test_a_break_of_a_millisecond_or_of_one_person_s_chance_is_found(change: Callable[[Performance], None]) -> None:
    """One answer is a millisecond late; one person draws from another stream; a line is back, a policy in force so late."""
    told = difference(twin_log(SHORT), on_the_server(SHORT, change))
    assert "(server) differs" in told
    assert "\n> server: " in told
