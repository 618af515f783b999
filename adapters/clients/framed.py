"""Frames over a byte stream: u32 big-endian length, then one msgpack map. TCP or a Unix socket."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import trio

from adapters.clients.protocol import MAX_FRAME_BYTES, Address, Dial, Frame, LinkDown, MsgpackCodec, ProtocolError

RECEIVE_BYTES = 64 * 1024
_LENGTH = struct.Struct(">I")
# An answer in HTTP, read as a length: it would be over a GiB.
(_HTTP,) = _LENGTH.unpack(b"HTTP")


class FramedLink:
    """A :class:`adapters.clients.protocol.Link` on any trio stream."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._codec = MsgpackCodec()
        self._buffer = bytearray()

    async def send(self, frames: Sequence[bytes | str]) -> None:
        parts: list[bytes] = []
        for frame in frames:
            assert isinstance(frame, bytes)
            parts += (_LENGTH.pack(len(frame)), frame)
        try:
            await self._stream.send_all(b"".join(parts))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise LinkDown("the connection broke while sending") from error

    async def receive(self) -> list[Frame]:
        while True:
            try:
                data = await self._stream.receive_some(RECEIVE_BYTES)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise LinkDown("the connection broke") from error
            if not data:
                raise LinkDown("the engine closed the connection")
            self._buffer += data
            frames = self._whole_frames()
            if frames:
                return frames

    def _whole_frames(self) -> list[Frame]:
        buffer, at, frames = self._buffer, 0, []
        while len(buffer) - at >= 4:
            (length,) = _LENGTH.unpack_from(buffer, at)
            if length == _HTTP:
                raise ProtocolError(
                    "the peer answers in HTTP, wanted framed msgpack: is this a ws:// or http:// address?"
                )
            if length > MAX_FRAME_BYTES:
                raise ProtocolError(f"a frame is too long, got {length} bytes, wanted at most {MAX_FRAME_BYTES}")
            if len(buffer) - at - 4 < length:
                break
            frames.append(self._codec.decode(bytes(buffer[at + 4 : at + 4 + length])))
            at += 4 + length
        del buffer[:at]
        return frames

    async def aclose(self, politely: bool = False) -> None:
        await trio.aclose_forcefully(self._stream)


async def open_framed(address: Address, dial: Dial) -> FramedLink:
    """Raises :class:`LinkDown` when nobody listens there."""
    try:
        return FramedLink(await dial(address))
    except OSError as error:
        raise LinkDown(f"cannot connect to {address.path if address.is_unix else address.host}: {error}") from error
