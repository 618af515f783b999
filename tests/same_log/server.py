"""A scenario played on the real server: clients, wire, server, driver and a store on disk, over streams in memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from math import inf

import trio

from adapters.clients import Client, connect
from adapters.storage.sqlite import SqliteStore
from engine.dispatch.policy.compile import compile_policy
from engine.driver import DriverLimits
from engine.ports import Committed
from sim.actors.people import mail_queues
from sim.actors.turns import CUSTOMERS, OUTSIDE
from sim.arrivals import arrivals
from sim.casting import cast
from sim.faults import disturbances
from sim.live.clock import SharedClock
from sim.live.latency import Measured
from sim.live.players import PATIENT, Player, Troupe
from sim.scenario import Scenario
from sim.streams import Streams
from sim.twin.scenes import looks
from sim.witness import Witness
from tests.faults.disk import folder_in_memory
from tests.same_log.comparing import Log, Step
from tests.same_log.conductor import Conductor
from tests.same_log.lines import Lines, url_of
from tests.same_log.players import AgentInTurn, ChannelInTurn
from tests.server.stage import House, house

READ_AT_ONCE = 1_000
# Whoever dials waits for as long as its line is shut.
OPTIONS = replace(PATIENT, connect_timeout_s=inf)


class Performance:
    """One scenario on one server. ``late_for``: the answer to this agent's next accept is a millisecond late."""

    def __init__(self, scenario: Scenario, home: House, nursery: trio.Nursery) -> None:
        self.scenario, self.nursery = scenario, nursery
        self.streams = Streams(scenario.seed)
        self.late_for = ""
        clock = SharedClock(1.0)
        self.conductor, self.lines = Conductor(clock, scenario.origin_ms + scenario.at_ms), Lines(home)
        witness = Witness(frozenset())
        self.troupe = Troupe(
            scenario, clock, self.conductor, witness, Measured(), nursery, dial=self.lines.dial, options=OPTIONS
        )
        policy = compile_policy(scenario.policy_text)
        self.troupe.mail_queues = mail_queues(scenario, policy)
        self.agents = [
            AgentInTurn(self.troupe, self.conductor, self.lines, actor, self._on_accept)
            for actor in cast(scenario, self.streams, policy, scenario.end_ms + scenario.drain_ms)
        ]
        self.channels = {name: ChannelInTurn(self.troupe, self.conductor, name) for name in scenario.channels}

    def _on_accept(self, agent: str) -> None:
        if agent == self.late_for:
            self.late_for = ""
            self.lines.delay(agent)

    async def perform(self, supervisor: Client) -> int:
        """Returns the instant (dispatcher ms) at which it was over."""
        scenario, conductor, origin = self.scenario, self.conductor, self.scenario.origin_ms
        await self._enter()
        self._expect(supervisor)
        begin, end = origin + scenario.at_ms, origin + scenario.end_ms
        instant = begin
        for instant in looks(begin, end, end + scenario.drain_ms):
            await conductor.play(instant)
            if instant >= end and all(channel.is_empty for channel in self.channels.values()):
                break
        assert self.troupe.resyncs == self.troupe.retries == 0, "somebody was told a state, or to come later"
        return instant

    async def _enter(self) -> None:
        """Everybody connects; then the agents have their first turn."""
        players: list[Player] = [*self.channels.values(), *self.agents]
        for player in players:
            await self.nursery.start(player.run)
        for agent in self.agents:
            self.conductor.put(self.conductor.now_ms, agent.actor.rank, agent.enter)

    def _expect(self, supervisor: Client) -> None:
        """What will befall the house, and who will come."""
        scenario, put, origin = self.scenario, self.conductor.put, self.scenario.origin_ms
        by_name = {agent.subject: agent for agent in self.agents}
        for fault in disturbances(scenario, self.streams):
            over = fault.at_ms >= scenario.end_ms + scenario.drain_ms
            assert fault.agent or over, "an engine's restart is not played here"
            if fault.agent in by_name:  # else somebody who does not come before all is over
                put(origin + fault.at_ms, OUTSIDE, by_name[fault.agent].cut_off, fault.for_ms)
        for swap in scenario.swaps:
            command = {"type": "policy.apply", "text": swap.policy_text}
            put(origin + swap.at_ms, OUTSIDE, self.nursery.start_soon, supervisor.do, command)
        for plan in arrivals(scenario, self.streams, scenario.at_ms, scenario.end_ms):
            put(origin + plan.at_ms, CUSTOMERS + plan.number, self.channels[plan.channel].arrive, plan)


def _unchanged(_performance: Performance) -> None:
    pass


async def server_log(scenario: Scenario, change: Callable[[Performance], None] = _unchanged) -> Log:
    """The journal, as it stands in the store when all is over. ``change``: made before anybody enters."""
    folder = folder_in_memory()
    begun_s, begin_ms = trio.current_time(), scenario.origin_ms + scenario.at_ms
    store = SqliteStore(folder / "store", boot_ms=lambda: 60_000 + round((trio.current_time() - begun_s) * 1000))
    # A batch is not cut short by real time.
    limits = DriverLimits(batch_ms=inf)
    try:
        async with (
            house(store=store, start_ms=begin_ms, policy=scenario.policy_text, limits=limits) as home,
            trio.open_nursery() as nursery,
        ):
            performance = Performance(scenario, home, nursery)
            change(performance)
            line = performance.lines.dial
            async with connect(url_of("msgpack", "boss"), role="supervisor", subject="boss", dial=line) as boss:
                until = await performance.perform(boss)
                # Before anybody leaves: that would be an input, too.
                journal: list[Committed] = []
                while page := await home.driver.read_committed(len(journal), READ_AT_ONCE):
                    journal += page
            nursery.cancel_scope.cancel()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Log([Step(record.stamp, record.command, tuple(record.events)) for record in journal], until)
