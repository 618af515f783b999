"""From the journal to the sockets: each commit's events to the streams that somebody listens to.

A stream keeps its recent pushes, so a short drop is resumed from memory. Older offsets are read from the journal where
membership follows from the journal itself; else the client gets a snapshot. All work here is synchronous: a batch is
routed whole before anything else runs, and offsets are lsns, so nothing here needs to survive a restart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from engine.dispatch import events as ev
from engine.dispatch.events import Event
from engine.ports import Committed
from engine.wire.codec import Encoding, encode
from engine.wire.messages import Push, ServerFrame
from engine.wire.streams import Directory, StreamKey, slimmed

# Pushes kept per stream, by what one socket may have missed in a minute or so.
RING = {"agent": 64, "contact": 32, "channel": 1024, "domain": 1024}
# How long a stream nobody listens to keeps its recent pushes, and how many such streams there may be.
KEEP_S = 600
KEPT_STREAMS = 20_000


class Entry:
    """One push, encoded once per encoding whoever gets it."""

    __slots__ = ("_encoded", "push")

    def __init__(self, push: Push) -> None:
        self.push = push
        self._encoded: dict[Encoding, bytes] = {}

    def encoded(self, encoding: Encoding) -> bytes:
        data = self._encoded.get(encoding)
        if data is None:
            data = self._encoded[encoding] = encode(self.push, encoding)
        return data

    def forget_encoded(self) -> None:
        """It is seldom sent again, and many are kept."""
        self._encoded = {}


class Listener(Protocol):
    """A connection, as the hub sees it. ``deliver`` never waits and never raises."""

    encoding: Encoding

    def deliver(self, data: bytes) -> None: ...


class Subscription:
    """One listener of one stream. While ``held`` is a list, pushes gather there instead of going out."""

    __slots__ = ("held", "listener", "stream")

    def __init__(self, listener: Listener, stream: Stream, *, hold: bool) -> None:
        self.listener = listener
        self.stream = stream
        self.held: list[Entry] | None = [] if hold else None

    def offer(self, entry: Entry) -> None:
        if self.held is None:
            self.listener.deliver(entry.encoded(self.listener.encoding))
        else:
            self.held.append(entry)

    def release(self, after_lsn: int) -> None:
        """Send what gathered after ``after_lsn``, and from now on everything at once."""
        held, self.held = self.held or [], None
        for entry in held:
            if entry.push.offset > after_lsn:
                self.offer(entry)


class Stream:
    """``complete_after``: every push with a higher offset is in ``ring``."""

    __slots__ = ("complete_after", "key", "left_s", "ring", "subscriptions")

    def __init__(self, key: StreamKey, complete_after: int) -> None:
        self.key = key
        self.complete_after = complete_after
        self.ring: deque[Entry] = deque()
        self.subscriptions: dict[Listener, Subscription] = {}
        self.left_s = 0.0

    def append(self, entry: Entry) -> None:
        if len(self.ring) >= RING[self.key.kind]:
            self.complete_after = self.ring.popleft().push.offset
        self.ring.append(entry)
        for subscription in list(self.subscriptions.values()):
            subscription.offer(entry)
        entry.forget_encoded()

    def after(self, offset: int) -> list[Entry] | None:
        """The pushes after ``offset``; None when some of them are gone from memory."""
        if offset < self.complete_after:
            return None
        return [entry for entry in self.ring if entry.push.offset > offset]


class Hub:
    """Listens to commits. ``last_lsn``: of the last record heard of."""

    def __init__(self, directory: Directory, now_s: Callable[[], float]) -> None:
        self.directory = directory
        self.last_lsn = 0
        self._now_s = now_s
        self._streams: dict[StreamKey, Stream] = {}

    def on_commit(self, records: Sequence[Committed]) -> None:
        for record in records:
            self.last_lsn = record.lsn
            for key, events in self.directory.route(record, self._streams).items():
                self._streams[key].append(Entry(push_of(key, record, events)))

    def subscribe(self, listener: Listener, key: StreamKey, *, hold: bool) -> Subscription:
        """Listen from now on; a subscription that the listener already has to this stream is replaced."""
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = Stream(key, self.last_lsn)
            if key.kind == "domain" and key.tenant:
                self.directory.hear_of(key.tenant)
        subscription = stream.subscriptions[listener] = Subscription(listener, stream, hold=hold)
        return subscription

    def tell(self, keys: Iterable[StreamKey], frame: ServerFrame) -> bool:
        """Something that passes, and is no part of a stream, to those who listen now; False: nobody does."""
        encoded: dict[Encoding, bytes] = {}
        told: set[Listener] = set()
        for key in keys:
            stream = self._streams.get(key)
            for subscription in list(stream.subscriptions.values()) if stream is not None else ():
                listener = subscription.listener
                if subscription.held is None and listener not in told:
                    told.add(listener)
                    if listener.encoding not in encoded:
                        encoded[listener.encoding] = encode(frame, listener.encoding)
                    listener.deliver(encoded[listener.encoding])
        return bool(told)

    def unsubscribe(self, listener: Listener, keys: Sequence[StreamKey]) -> None:
        for key in keys:
            stream = self._streams.get(key)
            if stream is not None:
                stream.subscriptions.pop(listener, None)
                if not stream.subscriptions:
                    stream.left_s = self._now_s()

    def sweep(self) -> None:
        """Forget streams that nobody has listened to for long, the longest left first when there are too many."""
        left = sorted((s for s in self._streams.values() if not s.subscriptions), key=lambda s: s.left_s)
        oldest_s = self._now_s() - KEEP_S
        for index, stream in enumerate(left):
            if stream.left_s < oldest_s or len(left) - index > KEPT_STREAMS:
                del self._streams[stream.key]

    @property
    def stream_count(self) -> int:
        return len(self._streams)


def push_of(key: StreamKey, record: Committed, events: list[Event]) -> Push:
    """What a stream says of a record; the message's text goes where the message's event goes."""
    if not any(type(event) is ev.MessageAdded for event in events):
        return Push(key.public, record.lsn, slimmed(events))
    return Push(key.public, record.lsn, slimmed(events), text_of(record.payload), record.erased)


def text_of(payload: bytes) -> str:
    """A message's text: the journal record's payload is its UTF-8."""
    return payload.decode(errors="replace")
