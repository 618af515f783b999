"""A scenario's actors play it in simulated time: the dispatcher decides, the same seed gives the same day."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from sim.scenario import Scenario
from sim.twin.listening import Played
from sim.twin.scenes import play, replicate
from tests.sim.stage import shop


def quarter(**overrides: str | int) -> Scenario:
    """Ten minutes of the shop from 09:30, and ten more to serve whoever is there."""
    scenario = shop(**{"volume": 12_000, **overrides})
    return msgspec.structs.replace(scenario, end_ms=scenario.at_ms + 600_000, drain_ms=600_000)


class Log:
    """Everything that is told."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.told: list[tuple[int, Any, tuple[Any, ...]]] = []

    def hear(self, stamp: int, command: Any, events: list[Any]) -> None:
        self.told.append((stamp, command, tuple(events)))

    def result(self, played: Played) -> int:
        return sum(isinstance(event, ev.ContactAnswered) for _, _, events in self.told for event in events)

    def arrivals(self) -> list[tuple[int, str]]:
        """Instant and name of each first submit."""
        found = {}
        for stamp, command, _ in self.told:
            if isinstance(command, cm.SubmitContact):
                found.setdefault(command.external_id, stamp)
        return [(stamp, name) for name, stamp in found.items()]


def logged(scenario: Scenario, seed: int = 1) -> tuple[Log, Played]:
    log = Log(scenario, seed)
    return log, play(scenario, seed, [log.hear])


def test_one_seed_is_one_day_and_listeners_hear_all_of_it_in_order() -> None:
    """Call by call in two runs; stamps never go back; the counts are those of the events."""
    (first, played), (second, _) = logged(quarter()), logged(quarter())
    assert first.told == second.told
    stamps = [stamp for stamp, _, _ in first.told]
    assert stamps == sorted(stamps) and stamps[0] == played.begin_ms
    assert played.counts["ContactSubmitted"] == sum(
        isinstance(event, ev.ContactSubmitted) for _, _, events in first.told for event in events
    )
    assert played.counts["ContactAnswered"] > 20


def test_one_more_colleague_moves_no_arrival() -> None:
    """Chance is drawn by cause: whoever serves, the same customers come at the same instants."""
    scenario = quarter()
    team = scenario.teams[0]
    more = msgspec.structs.replace(team, crews={shift: count + 1 for shift, count in team.crews.items()})
    bigger = msgspec.structs.replace(scenario, teams=(more, *scenario.teams[1:]))
    assert logged(scenario)[0].arrivals() == logged(bigger)[0].arrivals() != []


@pytest.mark.parametrize("processes", [1, 2])
def test_replications_have_seeds_of_their_own_and_give_their_folds_results(processes: int) -> None:
    """In order of their seeds, in one process or in two; each the run that its seed gives alone."""
    scenario = msgspec.structs.replace(quarter(volume=4_000), end_ms=shop().at_ms + 300_000)
    found = replicate(scenario, 2, processes, [Log])
    assert [one.place for one in found] == [0, 1]
    assert found[0].played.seed != found[1].played.seed
    for one in found:
        log, played = logged(scenario, one.played.seed)
        assert one.results == (log.result(played),)
        assert one.played.counts == played.counts
