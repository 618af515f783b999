"""The one way in: commands are encoded, counted and stamped here, before the dispatcher sees them."""

from __future__ import annotations

from collections import deque
from itertools import islice

from engine.dispatch.commands import Command
from engine.driver.limits import DriverLimits
from engine.ports import Clock, CommandKey, Deliver, Overloaded, Principal, Sealer, StoredAnswer
from engine.store.answers import body_hash
from engine.store.records import encode_command, principal_text


class Pending:
    """A command on its way: what came, its stamp, and who waits for the answer.

    ``key`` None: no command id, never taken for a retry. ``looked_up``: the store was asked about ``key``, and the key that
    seals the payload is at hand.
    ``only_again``: wants the stored answer, and is not to be handled if there is none. ``body``: what stored answers are
    compared by; ``came``: the command's bytes that it was made of, where there are keys.
    """

    __slots__ = (
        "asker",
        "body",
        "came",
        "command",
        "deliver",
        "input",
        "key",
        "looked_up",
        "only_again",
        "payload",
        "principal",
        "stamp",
        "stored",
    )

    def __init__(
        self,
        command: Command,
        encoded: bytes,
        principal: Principal,
        command_id: str,
        payload: bytes,
        deliver: Deliver,
        body: bytes,
        *,
        sealed: bool,
    ) -> None:
        self.command = command
        self.input = encoded
        self.principal = principal
        self.asker = principal_text(principal)
        self.payload = payload
        self.deliver = deliver
        self.key = CommandKey(principal.tenant, self.asker, command_id) if command_id else None
        self.body = body
        self.came = b""
        self.looked_up = self.key is None and not sealed
        self.only_again = False
        self.stored: StoredAnswer | None = None
        self.stamp = 0

    def body_like(self, stored: StoredAnswer) -> bytes:
        """The body, as an engine without keys told it where that is how ``stored`` was kept: before the store had any."""
        if stored.body_hash == self.body or not self.came:
            return self.body
        return body_hash(self.came, self.payload)

    @property
    def size(self) -> int:
        return len(self.input) + len(self.payload)


def prepare(
    command: Command,
    principal: Principal,
    command_id: str,
    payload: bytes,
    deliver: Deliver,
    limits: DriverLimits,
    asked: Command | None = None,
    sealer: Sealer | None = None,
) -> Pending:
    """``asked``: see ``Driver.post``. Raises ValueError for what could not be journaled: no such bytes, or too many of them."""
    for name, text in (("tenant", principal.tenant), ("subject", principal.subject), ("command id", command_id)):
        if not text.isascii():
            _check_text(name, text)
    encoded, read_back = encode_command(command)
    for name, size, limit in (
        ("command", len(encoded), limits.command_bytes),
        ("payload", len(payload), limits.payload_bytes),
    ):
        if size > limit:
            raise ValueError(f"the {name} has {size} bytes, wanted at most {limit}")
    body = came = b""
    if command_id:
        came = encoded if asked is None else encode_command(asked)[0]
        # A plain hash would tell whoever holds the store that a guess of a short text is right.
        body = body_hash(came, payload) if sealer is None else sealer.mark(principal.tenant, came + payload)
    sealed = sealer is not None and bool(payload)
    pending = Pending(read_back, encoded, principal, command_id, payload, deliver, body, sealed=sealed)
    pending.came = b"" if sealer is None else came
    return pending


class Stamps:
    """Dispatcher time as the journal sees it: never back, whatever the clock does."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.last = 0

    def next(self) -> int:
        self.last = max(self.last, self._clock.now_ms())
        return self.last

    def set(self, instant: int) -> None:
        self._clock.set(instant)
        self.last = instant


class Inbox:
    """First in, first out; stamped on entering; bounded in commands and bytes."""

    def __init__(self, stamps: Stamps, limits: DriverLimits) -> None:
        self._stamps = stamps
        self._limits = limits
        self._waiting: deque[Pending] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, pending: Pending) -> None:
        """Raises :class:`Overloaded`."""
        limits = self._limits
        if len(self._waiting) >= limits.inbox_commands:
            raise Overloaded(f"{len(self._waiting)} commands wait already, the limit", limits.retry_after_ms)
        if self._bytes + pending.size > limits.inbox_bytes:
            raise Overloaded(f"{self._bytes} bytes of commands wait already, close to the limit", limits.retry_after_ms)
        pending.stamp = self._stamps.next()
        self._waiting.append(pending)
        self._bytes += pending.size

    def first(self) -> Pending | None:
        return self._waiting[0] if self._waiting else None

    def pop(self) -> Pending:
        pending = self._waiting.popleft()
        self._bytes -= pending.size
        return pending

    def waiting(self, limit: int) -> list[Pending]:
        """The first ``limit``, still in the inbox."""
        return list(islice(self._waiting, limit))


def _check_text(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name}: got half a surrogate pair at character {error.start}, wanted text") from error
