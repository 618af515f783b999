"""A client of its own making: framed msgpack, command ids, retries, streams that go on after the last offset seen."""

from __future__ import annotations

from typing import Any, Protocol

import msgpack
import trio

from tests.faults.chance import Chance
from tests.faults.checker.history import Frame, History
from tests.faults.network import Wire

# "Nothing was stored, send it again": with the same id, here or at the next engine.
UNSETTLED = frozenset({"going_away", "store_failed", "overloaded", "rate_limited"})
LOOK_S = 2.0
ANSWER_S = 6.0
SILENCE_S = 40.0


class Dial(Protocol):
    async def dial(self, chance: Chance) -> Wire: ...


class Client:
    """``run`` keeps one session alive; :meth:`do` and :meth:`ask` wait for the answer through any number of connections.

    ``habit_s`` scales how long it waits before it dials again.
    """

    def __init__(
        self, name: str, role: str, subject: str, engines: Dial, history: History, chance: Chance, streams: list[str]
    ) -> None:
        self.name, self.role, self.subject = name, role, subject
        self.offsets = dict.fromkeys(streams, 0)
        self.calm = False
        self.duplicates = 0.0
        self.wire: Wire | None = None
        self.away_s = 0.0
        self.epoch = 0
        self.chance = chance
        self.unanswered: dict[str, Frame] = {}
        self._engines, self._history = engines, history
        self._session = ""
        self._count = 0
        self._answers: dict[str, Frame] = {}
        self._asked: dict[str, trio.Event] = {}
        self._sent_at: dict[str, float] = {}
        self._queue: list[Frame] = []
        self._news = trio.Event()
        self._welcomed = False
        self._resuming = ""
        self._heard_s = 0.0
        self._conversation = trio.CancelScope()
        self._nursery: trio.Nursery | None = None

    # --- what it does ---------------------------------------------------------------------------------------------

    async def do(self, command: Frame, text: str = "", id: str = "") -> Frame:
        """The final answer, an ``ok`` or ``error`` frame."""
        frame: Frame = {"op": "do", "id": id or self.new_id(), "command": command}
        return await self._call({**frame, "text": text} if text else frame)

    async def ask(self, query: Frame) -> Frame:
        return await self._call({"op": "ask", "id": self.new_id(), "query": query})

    async def send_now(self, frame: Frame) -> None:
        """On this connection or never; nobody waits for the answer."""
        if self._welcomed:
            self._put(frame)

    def new_id(self) -> str:
        self._count += 1
        return f"{self.name}-{self._count}"

    async def _call(self, frame: Frame) -> Frame:
        id = frame["id"]
        event = self._asked[id] = trio.Event()
        self.unanswered[id] = frame
        if self._welcomed:
            self._put(frame)
        await event.wait()
        return self._answers.pop(id)

    def leave(self, away_s: float, *, silently: bool) -> None:
        """Gone without a word: the wire is cut, or (``silently``) goes dead. Back after a while."""
        self.away_s = away_s
        if self.wire is not None and silently:
            self.wire.silent = True
        self._conversation.cancel()

    # --- what it hears --------------------------------------------------------------------------------------------

    def on_welcome(self) -> None:
        """A session is up."""

    def on_push(self, frame: Frame) -> None:
        """Of one of its streams."""

    def on_resync(self, frame: Frame) -> None:
        """A snapshot instead of what was missed."""

    # --- its connections ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        async with trio.open_nursery() as self._nursery:
            while True:
                try:
                    self.wire = await self._engines.dial(self.chance)
                except OSError:
                    await trio.sleep(self.chance.length_s(0.1, 0.8))
                    continue
                self._history.add(self.name, "opened", {})
                with trio.CancelScope() as self._conversation:
                    await self._converse(self.wire)
                self._welcomed = False
                await trio.aclose_forcefully(self.wire.near)
                self._history.add(self.name, "lost", {})
                await trio.sleep(self.away_s or self.chance.length_s(0.05, 0.6))
                self.away_s = 0.0

    async def _converse(self, wire: Wire) -> None:
        hello = {"op": "hello", "role": self.role, "subject": self.subject, "tenant": "acme", "session": self._session}
        self._queue, self._heard_s = [{name: said for name, said in hello.items() if said}], trio.current_time()
        async with trio.open_nursery() as both:
            both.start_soon(self._write, wire)
            await self._read(wire)
            both.cancel_scope.cancel()

    async def _write(self, wire: Wire) -> None:
        while True:
            while not self._queue:
                self._news = trio.Event()
                await self._news.wait()
            frames, self._queue = self._queue, []
            packed = [_pack(frame) for frame in frames]
            if self.chance.happens(self.duplicates):
                packed += [_pack(frame) for frame in frames if frame["op"] == "do"]
            for frame in frames:
                if frame["op"] in ("do", "ask"):
                    self._history.add(self.name, "sent" if frame["op"] == "do" else "asked", frame)
            try:
                await wire.near.send_all(b"".join(packed))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return

    async def _read(self, wire: Wire) -> None:
        """Until the connection ends, or is given up for dead."""
        buffer = b""
        while True:
            data: bytes | None = None
            with trio.move_on_after(LOOK_S):
                try:
                    data = bytes(await wire.near.receive_some())
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    return
            now_s = trio.current_time()
            if data == b"":
                return
            if data is None:
                waits = now_s - min((self._sent_at[id] for id in self.unanswered if id in self._sent_at), default=now_s)
                if waits > ANSWER_S or now_s - self._heard_s > (SILENCE_S if self._welcomed else ANSWER_S):
                    return
                continue
            self._heard_s = now_s
            buffer += data
            while len(buffer) >= 4 and len(buffer) >= (end := 4 + int.from_bytes(buffer[:4])):
                frame: Frame = msgpack.unpackb(buffer[4:end])
                buffer = buffer[end:]
                if not self._on_frame(frame):
                    return

    def _on_frame(self, frame: Frame) -> bool:
        """False: this connection is of no use."""
        match frame["op"]:
            case "ping":
                self._put({"op": "pong"})
            case "waiting":
                pass
            case "welcome":
                return self._on_welcome(frame)
            case "push" | "resync" if self._resuming:
                # Its own stream began by itself; the replay that was asked for brings this again, in its place.
                self._history.add(self.name, "early", frame)
            case "push" | "resync" as op:
                self._history.add(self.name, "got", frame)
                if frame["stream"] in self.offsets:
                    self.offsets[frame["stream"]] = frame["offset"]
                    (self.on_push if op == "push" else self.on_resync)(frame)
            case "ok" | "error":
                self._history.add(self.name, "got", frame)
                if frame["id"] == self._resuming:
                    self._resuming = ""
                if not frame["id"] and frame.get("retry_after_ms"):
                    self.away_s = frame["retry_after_ms"] / 1_000  # it connects too often: told to wait, it waits
                self._on_answer(frame)
            case _:
                self._history.add(self.name, "got", frame)
        return True

    def _on_welcome(self, frame: Frame) -> bool:
        self._history.add(self.name, "got", {name: frame[name] for name in ("op", "session", "epoch", "now")})
        if frame["epoch"] < self.epoch:
            return False  # an engine whose time is over, and does not know it yet
        self.epoch, self._session, self._welcomed = frame["epoch"], frame["session"], True
        self._sent_at.clear()
        if self.offsets:
            self._resuming = f"resume-{self.new_id()}"
            self._put({"op": "resume", "id": self._resuming, "streams": dict(self.offsets)})
        for waiting in self.unanswered.values():
            self._put(waiting)
        self.on_welcome()
        return True

    def _on_answer(self, frame: Frame) -> None:
        id = frame["id"]
        if id not in self.unanswered:
            return
        if frame["op"] == "error" and (frame["code"] in UNSETTLED or frame.get("retry_after_ms") is not None):
            assert self._nursery is not None
            self._nursery.start_soon(self._again, id, (frame.get("retry_after_ms") or 500) / 1_000)
            return
        del self.unanswered[id]
        self._sent_at.pop(id, None)
        self._answers[id] = frame
        self._asked.pop(id).set()

    async def _again(self, id: str, after_s: float) -> None:
        epoch, wire = self.epoch, self.wire
        await trio.sleep(after_s)
        if id in self.unanswered and self._welcomed and (epoch, wire) == (self.epoch, self.wire):
            self._put(self.unanswered[id])

    def _put(self, frame: Frame) -> None:
        if "id" in frame:
            self._sent_at.setdefault(frame["id"], trio.current_time())
        self._queue.append(frame)
        self._news.set()


def _pack(frame: Frame) -> bytes:
    packed: bytes = msgpack.packb(frame)
    return len(packed).to_bytes(4) + packed


def result_of(answer: Frame) -> dict[str, Any]:
    """Empty for a refusal."""
    found = answer.get("result") if answer["op"] == "ok" else None
    return found if isinstance(found, dict) else {}
