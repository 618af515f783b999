"""A scenario made smaller, for a machine that cannot carry it: so much of its contacts, and of its people."""

from __future__ import annotations

from math import ceil

import msgspec

from sim.scenario import Scenario
from sim.scenario.model import Flow, Source


def scaled(scenario: Scenario, scale: float) -> Scenario:
    """Every source of contacts and every crew times ``scale``; of a crew somebody stays. Smaller teams wait longer at the
    same load, so figures of another scale are not the scenario's own."""
    if scale == 1.0:
        return scenario
    replace = msgspec.structs.replace
    teams = tuple(
        replace(team, crews={shift: ceil(count * scale) for shift, count in team.crews.items()})
        for team in scenario.teams
    )
    flows = tuple(replace(flow, source=_source(flow, scale)) for flow in scenario.flows)
    volume = max(1, round(scenario.volume * scale)) if scenario.volume else 0
    return replace(scenario, teams=teams, flows=flows, volume=volume)


def _source(flow: Flow, scale: float) -> Source:
    """Counts that are meant exactly stay whole numbers."""
    source = flow.source
    counts = tuple(float(round(count * scale)) if flow.exact else count * scale for count in source.counts)
    rates = tuple((at, rate * scale) for at, rate in source.rates)
    return msgspec.structs.replace(source, rates=rates, volume=source.volume * scale, counts=counts)
