"""A scenario played by the twin, call by call of its dispatcher."""

from __future__ import annotations

import msgspec

from engine.dispatch.commands import Command
from engine.dispatch.events import Event
from sim.scenario import Scenario
from sim.twin.scenes import play
from tests.same_log.comparing import Log, Step


def twin_log(scenario: Scenario) -> Log:
    """Played by the twin. An actor leaves it to its token to say whose tenant's it is; here the scenario says it."""
    steps: list[Step] = []

    def hear(stamp: int, command: Command | None, events: list[Event]) -> None:
        if events or command is not None:  # a look that finds nothing due is written down nowhere
            steps.append(Step(stamp, _of_tenant(command, scenario.tenant), tuple(events)))

    until_ms = play(scenario, scenario.seed, [hear]).until_ms
    return Log([step for step in steps if step.stamp < until_ms], until_ms)


def _of_tenant(command: Command | None, tenant: str) -> Command | None:
    if command is None or "tenant" not in command.__struct_fields__ or command.tenant:  # type: ignore[union-attr]  # it has
        return command
    return msgspec.structs.replace(command, tenant=tenant)  # type: ignore[no-any-return]  # of the same type
