"""What a client knows of its streams: how far each has been read, and which are being brought up to date.

No I/O here. A stream is *gated* from the moment its continuity is in doubt (a new connection, an overflowing inbox)
until the answer to a ``resume`` arrives: what comes in between may lie behind a gap, will be replayed, and is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from adapters.clients.protocol import FROM_NOW, Frame, ProtocolError, Push


@dataclass(slots=True)
class _Stream:
    offset: int = FROM_NOW
    gated: bool = False


class Streams:
    """Offsets of all streams of one client."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}

    def offset(self, stream: str) -> int:
        """The last offset taken, ``FROM_NOW`` when nothing was."""
        found = self._streams.get(stream)
        return FROM_NOW if found is None else found.offset

    def names(self) -> list[str]:
        return list(self._streams)

    def follow(self, stream: str, offset: int) -> None:
        """A stream asked for: gated until its ``resume`` is answered."""
        found = self._streams.setdefault(stream, _Stream())
        found.offset, found.gated = max(found.offset, offset), True

    def forget(self, stream: str) -> None:
        self._streams.pop(stream, None)

    def gate(self, streams: Iterable[str] | None = None) -> dict[str, int]:
        """Gate these streams (None: all) and return what a ``resume`` must ask for."""
        names = self.names() if streams is None else [name for name in streams if name in self._streams]
        for name in names:
            self._streams[name].gated = True
        return {name: self._streams[name].offset for name in names}

    def resumed(self, streams: Iterable[str]) -> None:
        """The ``resume`` of these was answered: what comes now continues them."""
        for name in streams:
            self._streams.setdefault(name, _Stream()).gated = False

    def note(self, stream: str, offset: int) -> None:
        """Where a stream stands, as the server says; of use until its first push."""
        found = self._streams.setdefault(stream, _Stream())
        if found.offset == FROM_NOW:
            found.offset = offset

    def take_push(self, frame: Frame) -> Push | None:
        """The push, or None when it was seen before or its stream is gated. Raises :class:`ProtocolError`."""
        stream, offset = _place(frame)
        found = self._streams.get(stream)
        if found is None:  # subscribed by the server on welcome
            found = self._streams[stream] = _Stream()
        if found.gated or offset <= found.offset:
            return None
        found.offset = offset
        events, text = tuple(frame.get("events") or ()), frame.get("text") or ""
        return Push(stream, offset, events, text, erased=frame.get("erased") is True)

    def take_resync(self, frame: Frame) -> Push:
        """The state in place of a replay. Raises :class:`ProtocolError`."""
        stream, offset = _place(frame)
        found = self._streams.setdefault(stream, _Stream())
        found.offset, found.gated = offset, False
        return Push(stream, offset, snapshot=frame.get("snapshot") or {})


def _place(frame: Frame) -> tuple[str, int]:
    stream, offset = frame.get("stream"), frame.get("offset")
    if type(stream) is not str or type(offset) is not int:
        raise ProtocolError(f"a {frame['op']} names its stream and its offset, got {stream!r} and {offset!r}")
    return stream, offset
