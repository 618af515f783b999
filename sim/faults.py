"""What goes wrong in a scenario, as instants: whose line is cut for how long, and when the engine itself is down.

Pools that are late are no disturbance of this kind: :mod:`sim.roster` lets them come later.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.roster import Post, bots, roster
from sim.scenario import DAY_MS, Fault, Scenario, clock_ms
from sim.streams import Streams


class Disturbance(NamedTuple):
    """At ``at_ms`` (from the run's first midnight) for ``for_ms``: this agent's line, or (empty) the engine."""

    at_ms: int
    for_ms: int
    agent: str = ""


def disturbances(scenario: Scenario, streams: Streams) -> list[Disturbance]:
    """From the run's beginning on, in order; who of a team is hit is drawn per fault."""
    posts = roster(scenario, streams) if scenario.faults else []
    found: list[Disturbance] = []
    for place, fault in enumerate(scenario.faults):
        at = (clock_ms(fault.at) or 0) + (fault.day - 1) * DAY_MS
        length = round(fault.for_s * 1000)
        if fault.kind == "engine_restart":
            found.append(Disturbance(at, length))
        elif fault.kind == "bot_down":
            found += [Disturbance(at, length, bot.agent) for bot in bots(scenario)]
        elif fault.kind in ("agents_drop", "site_outage"):
            # Drawn for everybody, hit or not: one more colleague changes nobody else's luck.
            luck = streams.stream("fault", place).random(len(posts)).tolist()
            hit = [post for post, draw in zip(posts, luck, strict=True) if _is_of(fault, post) and draw < fault.share]
            found += [Disturbance(at, length, post.profile.agent) for post in hit]
    return sorted(each for each in found if each.at_ms >= scenario.at_ms)


def _is_of(fault: Fault, post: Post) -> bool:
    return (
        (not fault.team or fault.team == post.profile.team)
        and (not fault.site or fault.site == post.site)
        and (not fault.pool or fault.pool in post.profile.pools)
    )
