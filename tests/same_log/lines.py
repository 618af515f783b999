"""Streams in memory between clients and a server: a line can be shut for a while, and what comes over it be late once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import trio

from adapters.clients.protocol import Address
from tests.server.stage import House

LATE_S = 0.001


class Lines:
    """A client's lines go by its name, which is the host of the address that it dials (:func:`url_of`)."""

    def __init__(self, home: House) -> None:
        self._home = home
        self._shut: dict[str, trio.Event] = {}
        self._late: defaultdict[str, int] = defaultdict(int)

    def shut(self, name: str) -> Callable[[], None]:
        """Whoever dials waits until what is returned is called."""
        self._shut[name] = trio.Event()

        def open_again() -> None:
            self._shut.pop(name).set()

        return open_again

    def delay(self, name: str) -> None:
        """What comes next from the server is a millisecond late, and so is all behind it."""
        self._late[name] += 1

    def is_late(self, name: str) -> bool:
        """Asked once for each arrival."""
        if not self._late[name]:
            return False
        self._late[name] -= 1
        return True

    async def dial(self, address: Address) -> trio.abc.Stream:
        shut = self._shut.get(address.host)
        if shut is not None:
            await shut.wait()
        stream = self._home.connect(address.carrier)
        assert isinstance(stream, trio.StapledStream)
        stream.receive_stream = _Arrivals(stream.receive_stream, self, address.host)
        return stream


class _Arrivals(trio.abc.ReceiveStream):
    def __init__(self, stream: trio.abc.ReceiveStream, lines: Lines, name: str) -> None:
        self._stream, self._lines, self._name = stream, lines, name

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._stream.receive_some(max_bytes)
        if self._lines.is_late(self._name):
            await trio.sleep(LATE_S)
        return data

    async def aclose(self) -> None:
        await self._stream.aclose()


def url_of(carrier: str, name: str) -> str:
    return f"{carrier}://{name}:1"
