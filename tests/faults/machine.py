"""The machine engines run on, and its operator: processes that are killed, paused and started again on one disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, TypeVarTuple

import apsw
import trio

from adapters.storage.keys_sqlite import SqliteKeys
from adapters.storage.lease import Holder
from adapters.storage.sqlite import SqliteJournal, SqliteStore
from engine.clock import ScaledClock
from engine.driver import Driver, DriverLimits
from engine.ports import StoreError
from engine.server.core import Core
from engine.server.listeners import Listeners
from engine.store.recovery import take_snapshot
from engine.store.sealing import KeyRing
from engine.wire.websocket import OriginRule
from tests.faults.chance import Chance
from tests.faults.checker.history import History
from tests.faults.disk import Disk, Layer
from tests.faults.network import Network, Wire

T = TypeVar("T")
Args = TypeVarTuple("Args")

EPOCH_WALL_MS = 1_700_000_000_000
# Writes and syncs of one commit, about; a crash inside one falls on any of them.
COMMIT_IO = 12
_MASTER_KEY = bytes(range(32))


class Killed(BaseException):
    """This process is no more; raised wherever its code would have gone on."""


@dataclass
class Settings:
    """Drawn for a schedule, the same for all its processes. ``stall``: the share of blocking calls that take long;
    ``sees_processes``: whether an engine can tell that the lease's holder is dead, or has to wait for its end; ``sealed``:
    texts are sealed, with keys on the same disk."""

    policy: str
    snapshot_records: int = 50_000
    recent_answers: int = 32_768
    batch_commands: int = 512
    inbox_commands: int = 8_192
    stall: float = 0.01
    sees_processes: bool = True
    sealed: bool = False


@dataclass
class Faults:
    """What is to go wrong with one process's disk: countdowns of I/O calls (0: not at all)."""

    crash_in: int = 0
    power: bool = False
    fail_sync_in: int = 0
    fail_write_in: int = 0


@dataclass
class Machine:
    """``boot``: changes when the power goes, and its clock begins anew; ``wall_off_ms``: how wrong the wall clock is."""

    chance: Chance
    settings: Settings
    history: History
    network: Network
    nursery: trio.Nursery
    disk: Disk
    boot: int = 1
    booted_s: float = 0.0
    wall_off_ms: int = 0
    calm: bool = False
    processes: list[Process] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    started: int = 0

    def boot_ms(self) -> int:
        return 60_000 + round((trio.current_time() - self.booted_s) * 1_000)

    def wall_ms(self) -> int:
        return EPOCH_WALL_MS + round(trio.current_time() * 1_000) + self.wall_off_ms

    def started_at(self, number: int) -> str:
        """What the kernel says of a process number (``adapters.storage.lease``); a stopped one is still there."""
        alive = any(process.number == number and not (process.over or process.dead) for process in self.processes)
        return f"at {number}" if alive else ""

    def serving(self) -> list[Process]:
        return [process for process in self.processes if process.listeners is not None]

    async def operate(self) -> None:
        """As a service manager does: whenever no engine runs, one is started."""
        while True:
            if not any(not process.over for process in self.processes):
                self.start()
            await trio.sleep(self.chance.length_s(0.1, 1.0))

    def start(self) -> Process:
        self.started += 1
        process = Process(self, self.started)
        self.processes.append(process)
        self.nursery.start_soon(process.live)
        return process

    def cut_power(self) -> None:
        self.disk.after_power_cut()
        self.boot, self.booted_s = self.boot + 1, trio.current_time()
        quietly = self.chance.happens(0.5)
        for process in [process for process in self.processes if not process.over]:
            process.die(quietly=quietly)

    async def dial(self, chance: Chance) -> Wire:
        """Raises OSError when nobody listens. Where several engines do, any of them may get the call."""
        await trio.sleep(chance.length_s(0.0, 0.01))
        serving = self.serving()
        if not serving:
            raise OSError("connection refused")
        return chance.one_of(serving).accept()

    def close(self) -> None:
        for layer in self.layers:
            layer.unregister()
        self.disk.remove()


class Process:
    """One engine, from its start to its end. ``dead``: killed; ``over``: gone, whatever the reason."""

    def __init__(self, machine: Machine, number: int) -> None:
        self.machine = machine
        self.number = number
        self.chance = machine.chance.spawn(f"process {number}")
        self.faults = Faults()
        self.listeners: Listeners | None = None
        self.core: Core | None = None
        self.dead = self.over = False
        self._gone = trio.Event()
        self._paused: trio.Event | None = None
        self._scope = trio.CancelScope()
        self._wires: list[Wire] = []
        self._layer = Layer(machine.disk, self._before_io)
        machine.layers.append(self._layer)
        holder = Holder(
            f"boot-{machine.boot}", "here", number, f"at {number}" if machine.settings.sees_processes else ""
        )
        self._store = _Store(machine.disk, self._layer.name, machine.boot_ms, holder)
        self._keys: _Keys | None = None
        self._connections: trio.Nursery | None = None

    # --- its life -------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        try:
            with self._scope:
                await self._serve()
        except BaseException as error:  # whatever it died of is written down, or raised again
            problem = _problem_of(error)
            if problem is None:
                raise
            self._end(problem)
        else:
            self._end("stopped")

    async def _serve(self) -> None:
        settings, machine = self.machine.settings, self.machine
        limits = DriverLimits(
            snapshot_records=settings.snapshot_records,
            recent_answers=settings.recent_answers,
            batch_commands=settings.batch_commands,
            inbox_commands=settings.inbox_commands,
            batch_ms=float("inf"),  # real time: none here
        )
        sealer = await self.run_blocking(self._open_keys) if settings.sealed else None
        driver = Driver(
            self._store,
            ScaledClock(),
            self.run_blocking,
            settings.policy,
            wall_ms=machine.wall_ms,
            limits=limits,
            take_snapshot=self._take_snapshot,
            sealer=sealer,
        )
        async with trio.open_nursery() as engine:
            await engine.start(driver.run)
            machine.history.add("operator", "started", {"process": self.number, "epoch": driver.figures.epoch})
            core = await Core.start(
                driver, wall_s=lambda: machine.wall_ms() / 1_000, dev=True, draw=self.chance.spawn("core").below
            )
            engine.start_soon(core.sweep)
            engine.start_soon(core.teller.run)
            core.log = self
            self.core, self._connections = core, engine
            self.listeners = Listeners(core, OriginRule([], loopback=True))
            await trio.sleep_forever()

    async def stop(self) -> None:
        """SIGTERM: goodbye to all, a little time to hear it, the end."""
        if self.over or self.core is None:
            return
        self.listeners = None
        self.core.close_all()
        await trio.sleep(self.chance.length_s(0.0, 0.5))
        self._scope.cancel()

    def die(self, *, quietly: bool = False) -> None:
        """SIGKILL, or the power: from here on nothing of it is heard. ``quietly``: its peers are not told either."""
        if self.over or self.dead:
            return
        self.dead = True
        self.listeners = None
        for wire in self._wires:
            wire.far_died(quietly=quietly)
        self._gone.set()
        self.wake()  # a stopped process dies at once too, and the operator hears of it
        self._scope.cancel()

    def kill(self) -> None:
        """SIGKILL while the machine lives on: written is written."""
        if self.over or self.dead:
            return
        self.die()
        if all(process.over or process.dead for process in self.machine.processes):
            self.machine.disk.after_kill()

    def pause(self) -> None:
        """SIGSTOP: nothing blocking is begun or ends, nothing is heard or said, until :meth:`wake`."""
        if self._paused is None and not self.over:
            self._paused = trio.Event()

    def wake(self) -> None:
        paused, self._paused = self._paused, None
        if paused is not None:
            paused.set()

    @property
    def is_paused(self) -> bool:
        return self._paused is not None

    def _end(self, problem: str) -> None:
        self.over = True
        self.listeners = None
        for wire in self._wires:
            wire.far_died(quietly=False)
        self._store.let_go()
        if self._keys is not None:
            self._keys.let_go()
        self.wake()
        crashes = self.core.counters.crashes if self.core is not None else 0
        said = "killed" if self.dead else problem.replace(str(self.machine.disk.root), "")
        self.machine.history.add("operator", "ended", {"process": self.number, "why": said, "crashes": crashes})

    def error(self, event: str, where: list[str]) -> None:
        """The server's log of what should never happen: the operator reads it."""
        said = [place.rpartition("/")[2] for place in where]
        self.machine.history.add("operator", "logged", {"process": self.number, "event": event, "where": said})

    # --- its sockets ----------------------------------------------------------------------------------------------

    def accept(self) -> Wire:
        assert self.listeners is not None and self._connections is not None
        wire = self.machine.network.wire()
        wire.is_held = lambda: self.is_paused
        self._wires = [*(wire for wire in self._wires if not wire.broken), wire]
        self._connections.start_soon(self.listeners.supervise, wire.far, self.listeners.handle_framed)
        return wire

    # --- what blocks ----------------------------------------------------------------------------------------------

    async def run_blocking(self, function: Callable[[*Args], T], *args: *Args) -> T:
        """``engine.ports.RunBlocking``: here and now, with a drawn wait before and after."""
        await self._pass_time()
        try:
            result = function(*args)
        except BaseException:
            self._look()
            raise
        await self._pass_time()
        return result

    async def _pass_time(self) -> None:
        self._look()
        wait_s = 0.0
        if self.chance.happens(0.5):
            wait_s = self.chance.length_s(0.0, 0.003)
        if not self.machine.calm and self.chance.happens(self.machine.settings.stall):
            wait_s = self.chance.length_s(0.1, 3.0)
        with trio.CancelScope(shield=True):
            with trio.move_on_after(wait_s):
                await self._gone.wait()
            while self._paused is not None and not self.dead:
                await self._paused.wait()
        self._look()

    def _look(self) -> None:
        if self.dead:
            raise Killed

    def _before_io(self, kind: str) -> None:
        if self.dead:
            return
        faults = self.faults
        if kind == "write" and self.machine.disk.full:
            raise apsw.FullError("no room")
        if faults.crash_in:
            faults.crash_in -= 1
            if not faults.crash_in:
                if faults.power:
                    self.machine.cut_power()
                else:
                    self.kill()
                raise apsw.IOError("the process died in this call")
        if kind == "sync" and faults.fail_sync_in:
            faults.fail_sync_in -= 1
            if not faults.fail_sync_in:
                raise apsw.IOError("the disk did not take it")
        if kind == "write" and faults.fail_write_in:
            faults.fail_write_in -= 1
            if not faults.fail_write_in:
                raise apsw.IOError("the disk did not write it")

    def _open_keys(self) -> KeyRing:
        self._keys = _Keys(self._store.folder / "keys.db", self._layer.name)
        return KeyRing(self._keys, _MASTER_KEY)

    async def _take_snapshot(self) -> None:
        journal = SqliteJournal(self._store.folder, self._layer.name)
        try:
            await self.run_blocking(take_snapshot, journal)
        finally:
            journal.close()


class _Store(SqliteStore):
    """The store as it is; only how much room the disk has is the simulated disk's word."""

    def __init__(self, disk: Disk, vfs: str, boot_ms: Callable[[], int], holder: Holder) -> None:
        super().__init__(disk.folder, boot_ms=boot_ms, holder=holder, vfs=vfs)
        self._disk = disk

    def free_bytes(self) -> int:
        return self._disk.free_bytes

    def let_go(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            self._idle.append(writer)
        while self._idle:
            _let_go(self._idle.pop())


class _Keys(SqliteKeys):
    def let_go(self) -> None:
        _let_go(self._connection)


def _let_go(connection: apsw.Connection) -> None:
    """What the kernel does for a dead process: its handles are closed, and nothing is written for it."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    try:
        connection.close(True)
    except apsw.Error:
        pass  # a disk that fails lets nobody go in good order


def _problem_of(error: BaseException) -> str | None:
    """What an operator reads when an engine ends by itself; None: that is a failure of ours."""
    if isinstance(error, BaseExceptionGroup):
        said = [_problem_of(inner) for inner in error.exceptions]
        if None in said:
            return None
        return next((one for one in said if one != "killed"), "killed")
    if isinstance(error, Killed):
        return "killed"
    if isinstance(error, StoreError):
        return f"{type(error).__name__}: {error}"
    return f"crashed: {error!r}" if isinstance(error, Exception) else None
