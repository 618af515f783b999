"""Wires between clients and engines: streams in memory with a pump each way that delays, cuts up, holds and loses."""

from __future__ import annotations

from collections.abc import Callable

import trio
import trio.testing

from tests.faults.chance import Chance

# Writes that are taken in while the pump carries another; then the writer has to wait for its peer.
WINDOW_WRITES = 8


class Wire:
    """One connection. ``near`` is the client's end, ``far`` the engine's.

    ``cut``: both ends learn of it. ``silent``: neither does, whatever is said is lost (half-open). ``held``: nothing moves
    until it is let go.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.silent = False
        self.broken = False
        self._up = _Pump(self)
        self._down = _Pump(self)
        self.near = trio.StapledStream(self._up.entry, self._down.exit)
        self.far = trio.StapledStream(self._down.entry, self._up.exit)
        self.is_held: Callable[[], bool] = lambda: False
        network.nursery.start_soon(self._up.run)
        network.nursery.start_soon(self._down.run)

    def cut(self) -> None:
        """Both ends get an end of stream; what was under way is lost."""
        self.broken = True
        for pump in (self._up, self._down):
            pump.end()

    def far_died(self, *, quietly: bool) -> None:
        """The engine's process is gone: the kernel still sends what it took in, then says so (or nobody does)."""
        if quietly:
            self.silent = True
        else:
            self._down.close_entry()
        self._up.end()


class _Pump:
    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.entry = trio.testing.MemorySendStream(send_all_hook=self._on_send)
        self.exit = trio.testing.MemoryReceiveStream()
        self._ended = False
        self._moved = trio.Event()
        self._under_way = 0

    async def _on_send(self) -> None:
        if self._ended or self.wire.broken:
            raise trio.BrokenResourceError("the wire is cut")
        self._under_way += 1
        # A window: more than a few sends ahead of the pump wait for it.
        while self._under_way > WINDOW_WRITES and not (self._ended or self.wire.broken):
            await self._moved.wait()

    def close_entry(self) -> None:
        """What was taken in so far is all there will ever be."""
        self.entry.close()

    def end(self) -> None:
        self._ended = True
        self._moved.set()
        try:
            self.exit.put_eof()
        except trio.ClosedResourceError:
            pass  # that end is gone already

    async def run(self) -> None:
        network = self.wire.network
        while not self._ended:
            data = bytes(await self.entry.get_data())
            self._under_way = 0
            self._moved.set()
            self._moved = trio.Event()
            await network.carry()
            while self.wire.is_held() and not self._ended:  # noqa: ASYNC110  # virtual time, and nobody tells
                await trio.sleep(0.05)
            if self._ended:
                return
            if self.wire.silent:
                if not data:
                    return
                continue
            if not data:
                self.end()
                return
            await self._put(data)

    async def _put(self, data: bytes) -> None:
        for part in self.wire.network.cut_up(data):
            try:
                self.exit.put_data(part)
            except trio.ClosedResourceError:
                self.end()
                return
            if len(part) < len(data):
                await trio.lowlevel.checkpoint()


class Network:
    """All wires of a schedule. ``slow``: the share of passages that take long."""

    def __init__(self, chance: Chance, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.chance = chance
        self.slow = 0.05
        self.pieces = 0.05
        self.wires: list[Wire] = []

    def wire(self) -> Wire:
        made = Wire(self)
        self.wires = [wire for wire in self.wires if not wire.broken]
        self.wires.append(made)
        return made

    async def carry(self) -> None:
        if self.chance.happens(self.slow):
            await trio.sleep(self.chance.length_s(0.05, 1.5))
        else:
            await trio.sleep(self.chance.length_s(0.0, 0.004))

    def cut_up(self, data: bytes) -> list[bytes]:
        if len(data) < 2 or not self.chance.happens(self.pieces):
            return [data]
        at = self.chance.between(1, len(data) - 1)
        return [data[:at], data[at:]]

    def calm(self) -> None:
        self.slow = self.pieces = 0.0
