"""Sets the stage for driver stories: a real dispatcher and store on virtual time, with a hand on every commit."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar, TypeVarTuple

import trio
import trio.testing

from engine.clock import ScaledClock
from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile
from engine.driver import Driver, DriverLimits
from engine.ports import Answer, Committed, Principal, Store, StoreError
from engine.store.memory import JournalInMemory, MemoryStore

T = TypeVar("T")
Args = TypeVarTuple("Args")

CHANNEL = Principal("acme", "channel", "web")
SUPERVISOR = Principal("acme", "supervisor", "sue")
ANN = Principal("acme", "agent", "ann")
# Wall-clock milliseconds when the first engine starts.
NOON = 1_700_000_000_000

POLICY = """
[policy]
name = "driver"
[tenants.acme]
[shops.flagship]
tenant = "acme"
[channels.web]
[pools.onsite]
[queues.help]
tenant = "acme"
pools = ["onsite"]
offer_ms = 20000
[[entry]]
name = "default"
queue = "help"
"""


class Hand:
    """``run_blocking`` without threads. Commits can be held back, and the work that passed is counted by name."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self._open = trio.Event()
        self._open.set()

    async def __call__(self, function: Callable[[*Args], T], *args: *Args) -> T:
        await trio.lowlevel.checkpoint()
        name = function.__name__
        if name == "commit":
            await self._open.wait()
        self.passed.append(name)
        return function(*args)

    def hold(self) -> None:
        """Commits stall until :meth:`let_go`."""
        self._open = trio.Event()

    def let_go(self) -> None:
        self._open.set()

    @property
    def commits(self) -> int:
        return self.passed.count("commit")


class BreakingStore(MemoryStore):
    """Fails its ``fail_at``-th commit and counts how often it is asked."""

    def __init__(self, journal: JournalInMemory | None = None, *, fail_at: int = 0) -> None:
        super().__init__(journal, boot_ms=lambda: 0)
        self.fail_at = fail_at
        self.asked = 0
        self.free = 1 << 40

    def commit(self, batch: Any) -> None:
        self.asked += 1
        if self.asked == self.fail_at:
            raise StoreError("the disk is gone")
        super().commit(batch)

    def free_bytes(self) -> int:
        return self.free


class World:
    """What outlives an engine: the journal, the wall clock, and what listeners heard."""

    def __init__(self) -> None:
        self.journal = JournalInMemory()
        self.wall = NOON
        self.heard: list[Committed] = []
        self.hand = Hand()

    def store(self) -> MemoryStore:
        return MemoryStore(self.journal, boot_ms=lambda: 0)

    @asynccontextmanager
    async def engine(
        self, store: Store | None = None, policy: str = POLICY, scale: float = 1.0, **options: Any
    ) -> AsyncIterator[Driver]:
        """A running driver on this world's journal; it is stopped at the end of the block."""
        limits = DriverLimits(**options.pop("limits", {}))
        driver = Driver(
            store or self.store(),
            ScaledClock(scale),
            self.hand,
            policy,
            wall_ms=lambda: self.wall,
            limits=limits,
            **options,
        )
        driver.add_listener(self.heard.extend)
        async with trio.open_nursery() as nursery:
            await nursery.start(driver.run)
            yield driver
            nursery.cancel_scope.cancel()

    def events(self, kind: type[ev.Event] | None = None) -> list[ev.Event]:
        """Everything heard, or all of one type."""
        found = [event for record in self.heard for event in record.events]
        return found if kind is None else [event for event in found if isinstance(event, kind)]


@contextmanager
def ends_with(kind: type[Exception], match: str = "") -> Iterator[None]:
    """The block ends with this exception, alone in whatever nurseries it came through."""
    try:
        yield
    except (Exception, BaseExceptionGroup) as error:
        found: BaseException = error
        while isinstance(found, BaseExceptionGroup) and len(found.exceptions) == 1:
            found = found.exceptions[0]
        if not isinstance(found, kind) or not re.search(match, str(found)):
            raise
    else:
        raise AssertionError(f"the block was to end with {kind.__name__}")


class Asker:
    """Submits in a task of its own and keeps the outcome: an answer, or the exception that came instead."""

    def __init__(self) -> None:
        self.outcome: Answer | Exception | None = None

    async def submit(
        self,
        driver: Driver,
        command: cm.Command,
        principal: Principal = CHANNEL,
        command_id: str = "",
        payload: bytes = b"",
    ) -> None:
        try:
            self.outcome = await driver.submit(command, principal, command_id, payload)
        except Exception as error:  # noqa: BLE001  # the outcome, whatever it is, is what the story is about
            self.outcome = error

    @property
    def answer(self) -> Answer:
        assert isinstance(self.outcome, Answer), self.outcome
        return self.outcome


async def asking(nursery: trio.Nursery, driver: Driver, *commands: cm.Command, ids: Sequence[str] = ()) -> list[Asker]:
    """One asker for each command, all on their way into the inbox in this order."""
    askers = []
    for place, command in enumerate(commands):
        asker = Asker()
        nursery.start_soon(asker.submit, driver, command, CHANNEL, ids[place] if ids else "")
        await trio.testing.wait_all_tasks_blocked()
        askers.append(asker)
    return askers


def contact(number: int = 1, **fields: Any) -> cm.SubmitContact:
    return cm.SubmitContact(
        tenant="acme", channel="web", external_id=f"x{number}", customer=f"c{number}", shop="flagship", **fields
    )


async def sign_on(driver: Driver, agent: str = "ann", capacity: int = 1) -> None:
    """Defined and available."""
    for command in (cm.DefineAgent(AgentProfile(agent, capacity=capacity)), cm.SignOn(agent)):
        answer = await driver.submit(command, SUPERVISOR)
        assert not answer.code, answer
