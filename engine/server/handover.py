"""From one process to the next, while customers talk.

An engine started with ``--handover PATH`` listens there (a Unix socket, this user's only). A second one started with the
same words finds it, reads the journal into memory while the first goes on, and then asks: the first passes its listening
sockets, so that nobody who connects is refused, takes nothing more in, makes its last commit, releases the store, and
says goodbye to its clients one after the other. The second reads the few records that are left, takes the next epoch, and
accepts whoever has knocked meanwhile. The way back is the same.
"""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

import trio

from engine.config import Address
from engine.server.listeners import BindError, bind

if TYPE_CHECKING:
    from engine.server.server import Server

_ASK = b'{"op":"hand_over","version":1}\n'
_ASK_S = 5.0
# Longer than an engine takes to stop at worst.
_GONE_S = 35.0
_NAMES = ("ws", "msgpack")
_READ_BYTES = 4096


class NoHandover(BindError):
    """The engine that runs does not hand over; one line."""


class Predecessor:
    """The engine that has what we are about to take."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream

    @classmethod
    async def find(cls, path: str) -> Predecessor | None:
        """None: nobody is there, and we are the first."""
        try:
            return cls(await trio.open_unix_socket(path))
        except OSError:
            return None

    async def hand_over(self) -> dict[str, socket.socket]:
        """The listening sockets by carrier; from now on it goes down. Raises :class:`NoHandover`."""
        said, passed = b"", list[tuple[int, int, bytes]]()
        with trio.move_on_after(_ASK_S):
            try:
                await self._stream.send_all(_ASK)
                room = socket.CMSG_LEN(len(_NAMES) * array.array("i").itemsize)
                said, passed, _flags, _from = await self._stream.socket.recvmsg(_READ_BYTES, room)
            except (trio.BrokenResourceError, OSError):
                pass
            sockets = [socket.socket(fileno=fd) for fd in _fds(passed)]
            names = json.loads(said)["sockets"] if said else []
            if said and len(names) == len(sockets):
                return dict(zip(names, sockets, strict=True))
            for passed_socket in sockets:
                passed_socket.close()
        await self._stream.aclose()
        raise NoHandover("the running engine does not hand over, got no sockets from it")

    async def gone(self) -> None:
        """Until it has released the store, or is dead. Raises :class:`NoHandover` when it does neither."""
        async with self._stream:
            with trio.move_on_after(_GONE_S):
                try:
                    while await self._stream.receive_some(_READ_BYTES):
                        pass
                except trio.BrokenResourceError:
                    pass
                return
        raise NoHandover(f"the running engine has not released its store, waited {_GONE_S:g} s")


def _fds(passed: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in passed:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return list(found)


async def attend(path: str, server: Server, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Wait for a successor and give way to it. Raises :class:`BindError` when we cannot listen there."""
    [listener] = await bind(Address(path=path), allow_remote=False)
    async with listener:
        task_status.started()
        while True:
            stream = await listener.accept()
            if await _asks(stream):
                break
            await stream.aclose()
    async with stream:
        await _pass(stream, server.listening)
        server.stop()
        await server.released.wait()


async def _asks(stream: trio.SocketStream) -> bool:
    data = b""
    with trio.move_on_after(_ASK_S):
        try:
            while len(data) < len(_ASK) and (more := await stream.receive_some(len(_ASK))):
                data += more
        except trio.BrokenResourceError:
            return False
    return data == _ASK


async def _pass(stream: trio.SocketStream, listening: Mapping[str, trio.SocketListener]) -> None:
    names = [name for name in _NAMES if name in listening]
    fds = array.array("i", [os.dup(listening[name].socket.fileno()) for name in names])
    try:
        told = json.dumps({"sockets": names}).encode()
        await stream.socket.sendmsg([told], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    except OSError:
        pass  # it died in this moment: we go down all the same, and the next one is started as ever
    finally:
        for fd in fds:
            os.close(fd)
