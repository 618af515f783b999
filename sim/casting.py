"""Who serves in a scenario: its people and bots as actors, each with a stream of chance of its own."""

from __future__ import annotations

from engine.dispatch.policy.compiled import Policy
from sim.actors.bots import Bot
from sim.actors.people import Person, passes_on
from sim.actors.turns import AGENTS
from sim.roster import bots, roster
from sim.scenario import Scenario
from sim.streams import Streams


def cast(scenario: Scenario, streams: Streams, policy: Policy, until_ms: int) -> list[Person | Bot]:
    """In the order of their turns: whoever of the roster is there before ``until_ms`` (from the first midnight), then bots."""
    passing = passes_on(scenario, policy)
    found: list[Person | Bot] = [
        Person(post, scenario, streams.stream("person", *post.cause), passing)
        for post in roster(scenario, streams)
        if post.works_between(scenario.at_ms, until_ms)
    ]
    found += [Bot(profile, scenario, streams.stream("bot", profile.agent)) for profile in bots(scenario)]
    for place, actor in enumerate(found):
        actor.rank = AGENTS + place
    return found
