"""Sockets: where we listen, who is let in, and one supervised task per connection."""

from __future__ import annotations

import ipaddress
import math
import os
import resource
import socket
import stat
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from engine.config import Address
from engine.server.connection import Connection
from engine.server.core import Core
from engine.server.rates import Buckets, Pace
from engine.server.sockets import EagerStream
from engine.wire import limits, websocket
from engine.wire.framed import FramedCarrier, framed_later

BACKLOG = 4096
_ACCEPT_AT_ONCE = 256
_READ_HEAD = 4096
# After EMFILE and its kin: let others close something first.
_ACCEPT_PAUSE_S = 0.1
_TURN_AWAY_S = 2.0
# More than a second of a busy stream.
UNSENT_BYTES = 128 * 1024
# Addresses remembered for their rate before those with nothing against them are forgotten.
_ADDRESSES = 10_000
# File descriptors that sockets never take: the journal and its log, archive, snapshots' children, policy files, questions.
KEPT_BACK = 64


class BindError(Exception):
    """We may not or cannot listen there; one line."""


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def bind(address: Address, *, allow_remote: bool) -> list[trio.SocketListener]:
    """Raises :class:`BindError`. Plain listeners stay on this machine unless told otherwise."""
    if address.path:
        return [await _bind_unix(address.path)]
    if not is_loopback(address.host) and not allow_remote:
        raise BindError(f"{address}: not a loopback address; --listen-remote allows it (put TLS before it)")
    try:
        return await trio.open_tcp_listeners(address.port, host=address.host, backlog=BACKLOG)
    except OSError as error:
        raise BindError(f"{address}: cannot listen, got {error.strerror or error}") from None


async def _bind_unix(path: str) -> trio.SocketListener:
    """A socket file left by a killed process is taken over; a living one, or any other file, is not."""
    sock = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    try:
        _remove_dead_socket(path)
        await sock.bind(path)
        os.chmod(path, 0o600)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise BindError(f"unix:{path}: cannot listen, got {error.strerror or error}") from None
    except BindError:
        sock.close()
        raise
    return trio.SocketListener(sock)


def _remove_dead_socket(path: str) -> None:
    where = Path(path)
    if not (where.exists() and stat.S_ISSOCK(where.stat().st_mode)):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        if probe.connect_ex(path) == 0:
            raise BindError(f"unix:{path}: another process listens there")
    where.unlink()


def bound_address(listener: trio.SocketListener) -> str:
    """``host:port`` or ``unix:path``, as bound."""
    name = listener.socket.getsockname()
    if isinstance(name, str):
        return f"unix:{name}"
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def is_at(listener: trio.SocketListener, address: Address) -> bool:
    """Whether it listens where it is wanted; port 0 is anywhere."""
    if address.path:
        return bound_address(listener) == f"unix:{address.path}"
    name = listener.socket.getsockname()
    return not isinstance(name, str) and address.port in (0, name[1]) and name[0] == _numeric(address.host)


def _numeric(host: str) -> str:
    return "127.0.0.1" if host == "localhost" else host


def room_for_sockets() -> int:
    """As many as the table of limits says, or as the system's limit on open files (``ulimit -n``) leaves.

    The soft limit is raised as far as that needs and the hard one allows: 1,024, as systems set it, is for programs that
    still call ``select``.
    """
    wanted = limits.SOCKETS + KEPT_BACK
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return limits.SOCKETS if soft == resource.RLIM_INFINITY else max(1, min(limits.SOCKETS, soft - KEPT_BACK))


class Admission:
    """Who may open a socket. ``waiting`` counts those that have not said hello."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._sockets = room_for_sockets()
        self._by_address: Counter[str] = Counter()
        self._pace = Pace(limits.WELCOMES_PER_S, limits.WELCOMES, trio.current_time)
        self._rates: Buckets[str] = Buckets(
            limits.HANDSHAKES_PER_ADDRESS_PER_S, limits.HANDSHAKES_PER_ADDRESS, trio.current_time
        )

    def refusal(self, peer: str, loopback: bool) -> str:
        """Why not, or nothing."""
        counters = self._core.counters
        pending = sum(number for (_carrier, role), number in counters.open.items() if not role)
        if counters.open.total() + self._by_address.total() >= min(self._sockets, limits.SOCKETS):
            return "sockets"
        if pending + self._by_address.total() >= limits.PENDING:
            return "pending"
        if not loopback and self._by_address[peer] >= limits.PENDING_PER_ADDRESS:
            return "pending_per_address"
        return ""

    def hold_off(self, peer: str, loopback: bool) -> int:
        """0, or the ms after which this address, which has opened too many sockets lately, is to come back."""
        if len(self._rates) > _ADDRESSES:
            self._rates.sweep()
        return 0 if loopback else math.ceil(self._rates.take(peer) * 1000)

    def turn(self) -> int:
        """0: whoever has said what it wants may come in; else the ms after which to come back."""
        retry_after_ms = self._pace.ask()
        if retry_after_ms:
            self._core.counters.refused_sockets["paced"] += 1
        return retry_after_ms

    def enter(self, peer: str) -> None:
        self._by_address[peer] += 1

    def leave(self, peer: str) -> None:
        self._by_address[peer] -= 1
        if self._by_address[peer] <= 0:
            del self._by_address[peer]


Handler = Callable[[trio.abc.Stream, bool, Callable[[], None]], Awaitable[None]]


class Listeners:
    """Runs accept loops. A connection's own failure closes that connection and is counted; nothing else."""

    def __init__(self, core: Core, origins: websocket.OriginRule) -> None:
        self._core = core
        self._origins = origins
        self._admission = Admission(core)

    async def serve_websocket(self, listener: trio.SocketListener, nursery: trio.Nursery) -> None:
        await self._accept(listener, nursery, self.handle_websocket)

    async def serve_framed(self, listener: trio.SocketListener, nursery: trio.Nursery) -> None:
        await self._accept(listener, nursery, self.handle_framed)

    async def _accept(self, listener: trio.SocketListener, nursery: trio.Nursery, handler: Handler) -> None:
        """A storm fills the kernel's queue in a moment, and who does not fit in waits for seconds: it is emptied in one go."""
        async with listener:
            with socket.socket(fileno=os.dup(listener.socket.fileno())) as raw:
                raw.setblocking(False)
                while True:
                    await trio.lowlevel.wait_readable(raw)
                    try:
                        for _ in range(_ACCEPT_AT_ONCE):
                            stream = trio.SocketStream(trio.socket.from_stdlib_socket(raw.accept()[0]))
                            nursery.start_soon(self.supervise, stream, handler)
                    except BlockingIOError:
                        continue
                    except OSError as error:
                        self._core.counters.refused_sockets[f"accept_{error.errno}"] += 1
                        await trio.sleep(_ACCEPT_PAUSE_S)

    async def supervise(self, stream: trio.abc.Stream, handler: Handler) -> None:
        """The whole life of one socket, whatever happens in it."""
        peer, loopback = _peer_of(stream)
        counters = self._core.counters
        try:
            why = self._admission.refusal(peer, loopback)
            if why:
                counters.refused_sockets[why] += 1
                return
            retry_after_ms = self._admission.hold_off(peer, loopback)
            if retry_after_ms:
                counters.refused_sockets["paced"] += 1
                framed = handler == self.handle_framed
                await _turn_away(stream, framed_later(retry_after_ms) if framed else websocket.later(retry_after_ms))
                return
            _set_options(stream)
            if isinstance(stream, trio.SocketStream):
                stream = EagerStream(stream)
            entered = True
            self._admission.enter(peer)

            def opened() -> None:
                nonlocal entered
                if entered:
                    entered = False
                    self._admission.leave(peer)

            try:
                await handler(stream, loopback, opened)
            finally:
                opened()
        except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
            counters.closed["broken"] += 1
        except Exception as error:  # noqa: BLE001  # one connection's crash is that connection's end, and is counted
            self._core.on_crash(error)
        finally:
            with trio.move_on_after(0):
                await trio.aclose_forcefully(stream)

    async def handle_framed(self, stream: trio.abc.Stream, loopback: bool, opened: Callable[[], None]) -> None:
        opened()
        self._core.counters.accepted["framed"] += 1
        await Connection(self._core, stream, FramedCarrier(), loopback=loopback, turn=self._admission.turn).run()

    async def handle_websocket(self, stream: trio.abc.Stream, loopback: bool, opened: Callable[[], None]) -> None:
        with trio.move_on_after(limits.HANDSHAKE_MS / 1000) as deadline:
            carrier = await self._shake_hands(stream, opened)
        if deadline.cancelled_caught:
            self._core.counters.refused_sockets["handshake_timeout"] += 1
            return
        if carrier is None:
            return
        opened()
        self._core.counters.accepted["websocket"] += 1
        await Connection(self._core, stream, carrier, loopback=loopback).run()

    async def _shake_hands(
        self, stream: trio.abc.Stream, opened: Callable[[], None]
    ) -> websocket.WebSocketCarrier | None:
        """The pace is asked last: who stays silent or speaks nonsense uses up nobody's turn."""
        head = websocket.Head()
        try:
            while True:
                data = await stream.receive_some(_READ_HEAD)
                if not data:
                    return None
                whole = head.feed(bytes(data))
                if whole is not None:
                    break
            carrier, answer = websocket.accept(whole, self._origins)
        except websocket.BadHead as bad:
            self._core.counters.refused_sockets[bad.why] += 1
            await stream.send_all(bad.response)
            if isinstance(stream, trio.abc.HalfCloseableStream):
                await stream.send_eof()
                await _drain(stream)
            return None
        if retry_after_ms := self._admission.turn():
            opened()  # it waits for nothing more, and takes no place of those that do
            await _turn_away(stream, websocket.later(retry_after_ms))
            return None
        await stream.send_all(answer)
        return carrier


async def _turn_away(stream: trio.abc.Stream, words: bytes) -> None:
    """Come back later; ``words`` are the carrier's."""
    with trio.move_on_after(_TURN_AWAY_S):
        await stream.send_all(words)
        if isinstance(stream, trio.abc.HalfCloseableStream):
            await stream.send_eof()
        await _drain(stream)


async def _drain(stream: trio.abc.Stream) -> None:
    """Read what the peer still sends for a moment, so that our refusal is not lost to a reset."""
    with trio.move_on_after(0.5):
        while await stream.receive_some(_READ_HEAD):
            pass


def _peer_of(stream: trio.abc.Stream) -> tuple[str, bool]:
    """The peer's address and whether it is this machine; Unix sockets and streams in memory are."""
    if not isinstance(stream, trio.SocketStream):
        return "memory", True
    try:
        name = stream.socket.getpeername()
    except OSError:
        return "gone", False
    if isinstance(name, str | bytes):
        return "unix", True
    return str(name[0]), is_loopback(str(name[0]).removeprefix("::ffff:"))


def _set_options(stream: trio.abc.Stream) -> None:
    """A peer that vanished in the middle of our write is given up after 30 s by the kernel too."""
    if isinstance(stream, trio.SocketStream) and stream.socket.family != trio.socket.AF_UNIX:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            # What a slow reader has not taken waits in its outbox, which has a bound, and not in megabytes of the kernel's.
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000)
