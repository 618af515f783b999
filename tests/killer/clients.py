"""Everybody outside: a channel that submits at a rate, agents who take and close, a supervisor who watches. One process.

    python -m tests.killer.clients CONFIG

Reads ``calm`` from stdin when the kills are over; then it lets everything drain, has everybody come back once more, lets an
auditor look, writes the history down and ends.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import trio

from tests.faults.chance import Chance
from tests.faults.checker.history import Frame, History
from tests.faults.checker.ledger import AUDITOR
from tests.faults.client import Client, result_of
from tests.faults.people import Agent, Supervisor
from tests.killer.sockets import Dialler

# Beyond so many contacts that wait or are served, new ones wait outside: an open loop without a bound ends in memory.
OPEN_SECONDS = 3.0
# Unanswered submits; the engine takes 1,024 of a channel's commands at once.
UNANSWERED = 800
DRAIN_S = 120.0
# Agents on a WebSocket; the others speak framed msgpack. Reading a WebSocket in Python costs a client three times as much,
# and at a thousand contacts a second clients and engine have one core each.
ONE_IN = 8


class Config(msgspec.Struct, frozen=True):
    """``rate``: contacts a second; ``history``: the file to write; ``ports``: of each engine that may be there."""

    rate: float
    agents: int
    capacity: int
    seed: int
    ws_ports: list[int]
    msgpack_ports: list[int]
    history: str


def now_ms() -> int:
    """One clock for the clients and whoever kills."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000_000


class Channel(Client):
    """Submits, and knows by its stream which contacts have ended."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.open: dict[int, int] = {}  # contact → lsn of its submit's answer
        self.ended: set[int] = set()
        self.asking = 0
        self.submitted = 0

    async def arrivals(self, rate: float, start: Callable[..., None]) -> None:
        """Open loop: late arrivals are caught up, as customers do not wait for us."""
        begin_s = trio.current_time()
        while not self.calm:
            due = int((trio.current_time() - begin_s) * rate) - self.submitted
            room = min(UNANSWERED - self.asking, int(rate * OPEN_SECONDS) + 100 - len(self.open))
            if due > room:  # what cannot be brought now is not owed later
                begin_s += (due - max(0, room)) / rate
            for _ in range(max(0, min(due, room))):
                self.submitted += 1
                start(self._submit, self.submitted)
            await trio.sleep(0.01)

    async def _submit(self, number: int) -> None:
        self.asking += 1
        command = {"type": "contact.submit", "channel": "web", "external_id": f"x{number}", "customer": f"c{number}"}
        answer = await self.do(command, text=f"hello from {number}" if number % 10 == 0 else "")
        self.asking -= 1
        contact = result_of(answer).get("contact", 0)
        if contact and contact not in self.ended:
            self.open[contact] = answer["lsn"]

    def on_push(self, frame: Frame) -> None:
        for event in frame["events"]:
            if event["type"] == "contact.closed":
                self.ended.add(event["contact"])
                self.open.pop(event["contact"], None)

    def on_resync(self, frame: Frame) -> None:
        """What was acknowledged before the snapshot and is not in it, has ended."""
        there = {row["contact"] for row in frame["snapshot"].get("contacts", [])}
        for contact, lsn in list(self.open.items()):
            if lsn <= frame["offset"] and contact not in there:
                del self.open[contact]

    async def look(self) -> None:
        """Nothing moves any more? Ask for each that seems open."""
        for contact in list(self.open):
            answer = await self.ask({"type": "contact", "contact": contact})
            if answer["op"] == "error":
                self.open.pop(contact, None)


class Worker(Agent):
    """As agents of the schedules, but brisk: one contact in five gets a word before it is closed."""

    async def _talk(self, contact: int) -> None:
        await trio.sleep(self.chance.length_s(0.0, 0.3))
        if contact in self.serving and contact % 5 == 0:
            await self.do({"type": "contact.message", "contact": contact}, text=f"{self.subject} answers {contact}")
        if contact in self.serving:
            await self.do({"type": "contact.close", "contact": contact})
        self.serving.discard(contact)


class House:
    def __init__(self, config: Config, nursery: trio.Nursery) -> None:
        self.config = config
        self.history = History(now_ms)
        self.chance = Chance(config.seed, "killer")
        self.nursery = nursery
        self.channel = Channel(*self._who("web", "channel", ["channel:web"], websocket=False))
        self.agents = [self._agent(number) for number in range(config.agents)]
        self.watcher = Supervisor(*self._who("sue", "supervisor", ["domain"], websocket=False))

    def _who(self, name: str, role: str, streams: list[str], *, websocket: bool) -> tuple[Any, ...]:
        ports = self.config.ws_ports if websocket else self.config.msgpack_ports
        return name, role, name, Dialler(ports, websocket=websocket), self.history, self.chance.spawn(name), streams

    def _agent(self, number: int) -> Worker:
        name = f"agent-{number}"
        who = self._who(name, "agent", [f"agent:{name}"], websocket=number % ONE_IN == 0)
        worker = Worker(*who, capacity=self.config.capacity, start=self.nursery.start_soon)
        worker.calm = True
        return worker

    @property
    def people(self) -> list[Client]:
        return [self.channel, *self.agents, self.watcher]

    async def play(self) -> None:
        start = self.nursery.start_soon
        for person in self.people:
            start(person.run)
        start(self.channel.arrivals, self.config.rate, start)
        await _calm_is_said()
        self.channel.calm = True
        brought = {"submitted": self.channel.submitted, "cpu_s": time.process_time()}
        self.history.add("operator", "calm", brought)
        await self._drain()
        self.history.add("operator", "audit", {})
        for person in self.people:
            person.leave(0.1, silently=False)
        await trio.sleep(2.5)
        await self._audit()

    async def _drain(self) -> None:
        """Until nobody waits and nobody is busy; what its stream may have missed, the channel asks for."""
        with trio.move_on_after(DRAIN_S):
            while True:
                before = len(self.channel.open)
                await trio.sleep(0.5)
                if not self.channel.asking and not self.channel.open and all(agent.is_idle for agent in self.agents):
                    return
                if len(self.channel.open) == before and not self.channel.asking:
                    await self.channel.look()

    async def _audit(self) -> None:
        auditor = Supervisor(*self._who(AUDITOR, "supervisor", [], websocket=False))
        self.nursery.start_soon(auditor.run)
        with trio.move_on_after(20.0):
            await auditor.ask({"type": "contacts"})
            await auditor.ask({"type": "agents"})
            await trio.sleep(1.0)


async def _calm_is_said() -> None:
    stdin = trio.lowlevel.FdStream(sys.stdin.fileno())
    said = b""
    while b"calm" not in said:
        data = await stdin.receive_some(100)
        if not data:
            break
        said += data


async def _main(config: Config) -> History:
    async with trio.open_nursery() as nursery:
        house = House(config, nursery)
        await house.play()
        nursery.cancel_scope.cancel()
    return house.history


def main(path: Path) -> None:
    config = msgspec.json.decode(path.read_bytes(), type=Config)
    history = trio.run(_main, config)
    with Path(config.history).open("wb") as file:
        file.writelines(msgpack.packb(tuple(entry)) for entry in history.entries)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
