"""One seed, one schedule: a few contacts and people, some minutes of virtual time, and whatever may go wrong meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import trio
from structlog.testing import capture_logs

from adapters.storage import lease
from tests.faults.chance import Chance
from tests.faults.checker.due import GRACE_MS
from tests.faults.checker.history import History
from tests.faults.disk import Disk
from tests.faults.machine import COMMIT_IO, Machine, Settings
from tests.faults.network import Network
from tests.faults.people import Agent, Channel, Client, Supervisor
from tests.virtual_time import run_in_virtual_time

# When everything is mended, this long is enough for whatever is still open.
CALM_S = 300.0
# The longest wrap-up of the policies below, and a little more.
LAST_WRAP_UP_S = 7.0
# Never signs on; its coming is the event before which everything due must have come.
WITNESS = {"agent": "witness", "kind": "onsite", "pools": ["onsite"], "skills": {}}
# Contacts are few: what goes wrong between two of them goes wrong between thousands.
_POLICY = """
[policy]
name = "{name}"
[domain]
grace_ms = {grace}
[tenants.acme]
[channels.web]
[pools.onsite]
[pools.bot]
[queues.help]
tenant = "acme"
pools = ["onsite"]
bot_pools = ["bot"]
offer_ms = {offer}
hold_ms = 3000
wrap_up_ms = {wrap_up}
rona = "{rona}"
rona_return_ms = 2000
decliner_memory_ms = 3000
sticky_ms = 2000
transfer_prefer_ms = 1000
abandon_window_ms = 4000
[queues.vip]
tenant = "acme"
pools = ["onsite"]
requirement = "vip >= 3"
priority = 5
offer_ms = {offer}
wrap_up_ms = {wrap_up}
abandon_window_ms = 4000
closed_alternative = "message"
[[queues.vip.steps]]
name = "anybody"
after_ms = {step}
relax = ["vip"]
[[entry]]
name = "bots first"
when = {{first = "bot"}}
queue = "help"
first = "bot"
[[entry]]
name = "vip"
when = {{need = "vip"}}
queue = "vip"
[[entry]]
name = "default"
queue = "help"
"""


# Events that promise something for later. In a share of the schedules whoever breaks things waits for one of them, lets a
# snapshot or two be taken, and kills: a deadline is seldom open at a moment that chance alone picks.
PREY = ("wrap_up.started", "contact.abandoned", "agent.lost", "offer.expired", "offer.declined", "contact.submitted")
HUNTS = 0.4
HUNTED_SNAPSHOT_RECORDS = 3


def policy(chance: Chance, name: str) -> str:
    return _POLICY.format(
        name=name,
        grace=chance.one_of((1_000, 5_000)),
        offer=chance.one_of((2_000, 4_000)),
        wrap_up=chance.one_of((0, 1_500, 6_000)),
        rona=chance.one_of(("not_ready", "back_off", "lower_capacity")),
        step=chance.one_of((1_000, 3_000)),
    )


@dataclass
class Outcome:
    seed: int
    history: History
    virtual_s: float
    faults: list[str]

    @property
    def digest(self) -> str:
        return self.history.digest()


class Stage:
    """Everything of one schedule."""

    def __init__(self, seed: int, nursery: trio.Nursery) -> None:
        self.seed = seed
        self.chance = Chance(seed, "schedule")
        self.history = History(lambda: round(trio.current_time() * 1_000))
        self.nursery = nursery
        self.faults: list[str] = []
        network = Network(self.chance.spawn("network"), nursery)
        draw = self.chance.spawn("settings")
        self.policies = [policy(draw, f"p{number}") for number in range(3)]
        settings = Settings(
            self.policies[0],
            snapshot_records=draw.one_of((5, 15, 60, 50_000)),
            batch_commands=(batch := draw.one_of((1, 4, 512))),
            recent_answers=draw.one_of((batch, 1_000)),
            inbox_commands=draw.one_of((6, 8_192, 8_192)),
            stall=draw.one_of((0.0, 0.0, 0.01, 0.04)),
            sees_processes=draw.happens(0.7),
        )
        hunt = Chance(
            seed, "hunt"
        )  # a stream of its own: seeds without a hunt mean what they meant before there was one
        self.prey = hunt.one_of(PREY) if hunt.happens(HUNTS) else ""
        settings = replace(settings, sealed=Chance(seed, "sealed").happens(0.5))  # as with the hunt
        if self.prey:
            settings = replace(settings, snapshot_records=HUNTED_SNAPSHOT_RECORDS)
        self.machine = Machine(
            self.chance.spawn("machine"), settings, self.history, network, nursery, Disk(self.chance.spawn("disk"))
        )
        network.slow = draw.one_of((0.0, 0.02, 0.1))
        network.pieces = draw.one_of((0.0, 0.1))
        lease._started = self.machine.started_at
        self.channel = self._channel()
        self.agents = [self._agent(name, draw) for name in ("ann", "bob", "cat")[: draw.between(1, 3)]]
        self.agents.append(self._agent("robo", draw))
        self.supervisor = self._person(Supervisor, "sue", "supervisor", ["domain"])
        self.supervisor.policies = self.policies
        self.customers = draw.between(2, 8)
        self.fault_s = draw.length_s(5.0, 25.0)

    @property
    def people(self) -> list[Client]:
        return [self.channel, *self.agents, self.supervisor]

    def _person(self, make: Callable[..., Any], name: str, role: str, streams: list[str], **rest: object) -> Any:
        chance = self.chance.spawn(name)
        person = make(name, role, name, self.machine, self.history, chance, streams, **rest)
        person.duplicates = chance.one_of((0.0, 0.1, 0.5))
        return person

    def _channel(self) -> Channel:
        made: Channel = self._person(Channel, "web", "channel", ["channel:web"])
        return made

    def _agent(self, name: str, draw: Chance) -> Agent:
        bot = name == "robo"
        made: Agent = self._person(
            Agent,
            name,
            "bot" if bot else "agent",
            [f"agent:{name}"],
            capacity=10 if bot else draw.between(1, 3),
            kind="bot" if bot else "onsite",
            start=self.nursery.start_soon,
        )
        if name == "ann":
            made.profile["skills"] = {"vip": 5}
        return made

    # --- what happens ---------------------------------------------------------------------------------------------

    async def play(self) -> None:
        start = self.nursery.start_soon
        start(self.machine.operate)
        for person in self.people:
            start(person.run)
        draw = self.chance.spawn("arrivals")
        for number in range(self.customers):
            start(self.channel.customer, number, draw.length_s(0.0, self.fault_s))
        if self.prey:
            start(self._hunt)
        await self._trouble()
        await self._calm()
        await self._audit()

    async def _trouble(self) -> None:
        """Each schedule draws which kinds of trouble it knows at all, then when they come: rare mixtures come up too."""
        draw = self.chance.spawn("trouble")
        kinds = [kind for kind in self._kinds() if draw.happens(0.3)] or [self.machine_kill]
        antics = [kind for kind in self._antics() if draw.happens(0.5)] or [self.wire_cut]
        coming = [(draw.length_s(0.0, self.fault_s), draw.one_of(kinds)) for _ in range(draw.between(1, 5))]
        coming += [(draw.length_s(0.0, self.fault_s), draw.one_of(antics)) for _ in range(draw.between(0, 9))]
        for at_s, kind in sorted(coming, key=lambda one: one[0]):
            await trio.sleep_until(at_s)
            for _ in range(draw.below(12)):  # any await, not only those that a timer ends
                await trio.lowlevel.checkpoint()
            self.faults.append(f"{trio.current_time():.3f} {kind.__name__}")
            await kind(draw)
        await trio.sleep_until(self.fault_s)

    async def _hunt(self) -> None:
        """Kills whenever a deadline has just been promised, and a little later."""
        draw = Chance(self.seed, "hunter")
        with trio.move_on_at(self.fault_s):
            for _ in range(draw.between(1, 3)):
                await self._until_told_of(self.prey)
                await trio.sleep(draw.length_s(0.1, 2.5))
                self.faults.append(f"{trio.current_time():.3f} machine_kill after {self.prey}")
                await self.machine_kill(draw)

    async def _until_told_of(self, kind: str) -> None:
        looked = len(self.history.entries)
        while True:
            await trio.sleep(0.05)
            new, looked = self.history.entries[looked:], len(self.history.entries)
            told = (entry.said for entry in new if entry.who == self.supervisor.name and entry.kind == "got")
            if any(event["type"] == kind for said in told for event in said.get("events", ())):
                return

    def _kinds(self) -> list[Callable[[Chance], Awaitable[None]]]:
        return [
            self.machine_kill,
            self.machine_crash_in_io,
            self.machine_cut_power,
            self.machine_fail_io,
            self.machine_fill_disk,
            self.machine_stop,
            self.machine_pause,
            self.machine_second,
            self.wall_jump,
        ]

    def _antics(self) -> list[Callable[[Chance], Awaitable[None]]]:
        """What clients and their networks do all day."""
        return [self.wire_cut, self.wire_silent, self.somebody_leaves, self.meddle, self.stray_command]

    async def machine_kill(self, draw: Chance) -> None:
        for process in self.machine.processes:
            process.kill()

    async def machine_crash_in_io(self, draw: Chance) -> None:
        for process in self.machine.processes:
            process.faults.crash_in = draw.between(1, 3 * COMMIT_IO)
            process.faults.power = draw.happens(0.5)

    async def machine_cut_power(self, draw: Chance) -> None:
        self.machine.cut_power()

    async def machine_fail_io(self, draw: Chance) -> None:
        for process in self.machine.processes:
            if draw.happens(0.5):
                process.faults.fail_sync_in = draw.between(1, 4)
            else:
                process.faults.fail_write_in = draw.between(1, 3 * COMMIT_IO)

    async def machine_fill_disk(self, draw: Chance) -> None:
        if draw.happens(0.5):
            self.machine.disk.full = True
        self.machine.disk.free_bytes = 1_000_000
        await trio.sleep(draw.length_s(0.5, 4.0))
        self.machine.disk.full, self.machine.disk.free_bytes = False, 1 << 40

    async def machine_stop(self, draw: Chance) -> None:
        for process in self.machine.serving():
            await process.stop()

    async def machine_pause(self, draw: Chance) -> None:
        """Stopped for longer than its lease or shorter; meanwhile another is started, and then it wakes."""
        for process in self.machine.serving():
            process.pause()
        if draw.happens(0.8):
            self.machine.start()
        await trio.sleep(draw.length_s(1.0, 9.0))
        if draw.happens(0.5):
            self.machine.start()
            await trio.sleep(draw.length_s(0.0, 2.0))
        for process in self.machine.processes:
            process.wake()

    async def machine_second(self, draw: Chance) -> None:
        """Somebody starts another engine on the same disk."""
        self.machine.start()

    async def wall_jump(self, draw: Chance) -> None:
        self.machine.wall_off_ms += draw.one_of((-3_600_000, 3_600_000, -5_000, 30_000))

    async def wire_cut(self, draw: Chance) -> None:
        if self.machine.network.wires:
            draw.one_of(self.machine.network.wires).cut()

    async def wire_silent(self, draw: Chance) -> None:
        if self.machine.network.wires:
            draw.one_of(self.machine.network.wires).silent = True

    async def somebody_leaves(self, draw: Chance) -> None:
        who = draw.one_of(self.people)
        who.leave(draw.length_s(0.0, 8.0), silently=draw.happens(0.5))

    async def meddle(self, draw: Chance) -> None:
        self.nursery.start_soon(self.supervisor.meddle, lambda: sorted(self.channel.agents))

    async def stray_command(self, draw: Chance) -> None:
        """A command that was answered a while ago arrives once more, or its id comes with another body."""
        who = draw.one_of([self.channel, *self.agents])
        mine = [entry for entry in self.history.entries if entry.who == who.name]
        answered = {entry.said["id"]: entry.at_ms for entry in mine if entry.kind == "got" and entry.said["op"] == "ok"}
        old_ms = trio.current_time() * 1_000 - 4_500
        frames = [
            entry.said
            for entry in mine
            if entry.kind == "sent"
            and answered.get(entry.said["id"], old_ms) < old_ms
            and entry.said["id"] not in who.unanswered
        ]
        if not frames:
            return
        frame = draw.one_of(frames)
        if frame.get("text") and draw.happens(0.7):
            frame = {**frame, "text": f"{frame['text']}, or something else"}
        await who.send_now(frame)

    async def _calm(self) -> None:
        """All is mended; everybody who was away comes back; then everything drains, or something is stuck."""
        machine = self.machine
        machine.calm, machine.disk.full, machine.disk.free_bytes = True, False, 1 << 40
        machine.network.calm()
        for process in machine.processes:
            process.wake()
            process.faults.crash_in = process.faults.fail_sync_in = process.faults.fail_write_in = 0
        for person in self.people:
            person.calm, person.duplicates = True, 0.0
        self.history.add("operator", "calm", {})
        self.nursery.start_soon(self._reopen)
        with trio.move_on_after(CALM_S):
            while self.channel.waiting_customers or not all(agent.is_idle for agent in self.agents):  # noqa: ASYNC110  # virtual time
                await trio.sleep(0.5)
        await trio.sleep(LAST_WRAP_UP_S)
        with trio.move_on_after(20.0):  # two more events, apart: whatever was due by now must stand before the second
            for capacity in (1, 2):
                await self.supervisor.do({"type": "agent.define", "profile": {**WITNESS, "capacity": capacity}})
                await trio.sleep(2 * GRACE_MS / 1_000)

    async def _reopen(self) -> None:
        await self.supervisor.do({"type": "queue.open", "queue": "vip"})

    async def _audit(self) -> None:
        """Somebody new looks at everything; in some schedules after one more death, so that it is what was recovered."""
        draw = self.chance.spawn("audit")
        if draw.happens(0.5):
            self.machine.cut_power() if draw.happens(0.5) else [p.kill() for p in self.machine.processes]
            await trio.sleep(8.0)
        self.history.add("operator", "audit", {})
        for person in self.people:  # who sits before a dead wire would not know it
            person.leave(0.1, silently=False)
        auditor: Supervisor = self._person(Supervisor, "auditor", "supervisor", ["domain"])
        self.nursery.start_soon(auditor.run)
        with trio.move_on_after(30.0):
            await trio.sleep(2.0)  # what its return brought about
            await auditor.ask({"type": "contacts"})
            await auditor.ask({"type": "agents"})
            heard = [entry.said for entry in self.history.entries if entry.kind == "got" and entry.said["op"] == "ok"]
            results = [said["result"] for said in heard if isinstance(said.get("result"), dict)]
            for contact in sorted({result["contact"] for result in results if "seq" in result}):
                await auditor.ask({"type": "history", "contact": contact})
            await trio.sleep(1.0)  # pushes that are still under way
        if self.machine.settings.sealed:
            self.history.add("operator", "searched", {"plain": self.machine.disk.holding(b"hello from ")})


async def _run_schedule(seed: int) -> Outcome:
    stage: Stage | None = None
    try:
        async with trio.open_nursery() as nursery:
            stage = Stage(seed, nursery)
            await stage.play()
            nursery.cancel_scope.cancel()
    finally:
        if stage is not None:
            stage.machine.close()
    return Outcome(seed, stage.history, trio.current_time(), stage.faults)


def run_schedule(seed: int) -> Outcome:
    """Trio's own scheduler draws from the seed too."""
    started = lease._started
    try:
        with capture_logs():  # what goes wrong here is meant to, and is told in the history
            return run_in_virtual_time(seed, _run_schedule, seed)
    finally:
        lease._started = started
