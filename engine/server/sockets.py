"""A socket that is written to without waiting.

trio's own stream passes the scheduler for every send and asks the kernel twice for every receive. A life of a contact
takes some ten of them; written straight, a core carries a third more lives. Everything that has to wait still waits in
trio. The streams in memory of the tests have no ``send_now``, and go the same way as a socket whose peer reads slowly.
"""

from __future__ import annotations

import os

import trio

_BROKEN = "the connection broke"


class EagerStream(trio.abc.HalfCloseableStream):
    """Takes over ``stream``: use only this one from now on. One reader and one writer at a time, as with any stream."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._fd = stream.socket.fileno()

    def send_now(self, data: bytes) -> int:
        """How many bytes the kernel took, at once: 0 when its buffer is full. Raises :class:`trio.BrokenResourceError`."""
        try:
            return os.write(self._open_fd(), data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise trio.BrokenResourceError(_BROKEN) from error

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        rest = memoryview(data)
        await trio.lowlevel.checkpoint_if_cancelled()
        while rest:
            try:
                rest = rest[os.write(self._open_fd(), rest) :]
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._open_fd())
            except OSError as error:
                raise trio.BrokenResourceError(_BROKEN) from error

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.wait_writable(self._open_fd())

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        while True:
            await trio.lowlevel.wait_readable(self._open_fd())
            try:
                return os.read(self._open_fd(), max_bytes or 65536)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(_BROKEN) from error

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def aclose(self) -> None:
        self._fd = -1  # the number will soon be another socket's
        await self._stream.aclose()

    def _open_fd(self) -> int:
        if self._fd < 0:
            raise trio.ClosedResourceError("this stream was closed")
        return self._fd
