"""A session of the protocol: hello, commands with their answers, one stream; it comes back by itself when it broke."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np

from bench.crowd.links import Link
from bench.crowd.loop import Loop

Frame = dict[str, Any]
OnAnswer = Callable[[Frame, float], None]
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 10.0
# Refusals after which the command is still to be answered, by the next engine.
_UNSETTLED = frozenset({"going_away", "store_failed"})
_pack = msgpack.packb


class Session:
    """``on_push(events, offset)`` hears the own stream, each push once; ``on_resync(snapshot)`` what stands in for lost ones.

    ``link_s``: since when the present socket is welcomed, None between two. ``reconnects``: how often it was welcomed again.
    """

    def __init__(
        self,
        loop: Loop,
        urls: Callable[[], str],
        who: Frame,
        rng: np.random.Generator,
        *,
        on_push: Callable[[list[Frame], int], None],
        on_resync: Callable[[Frame], None] | None = None,
        source: str = "",
    ) -> None:
        self.stream = ("agent:" if who["role"] in ("agent", "bot") else f"{who['role']}:") + who["subject"]
        self.link: Link | None = None
        self.link_s: float | None = None
        self.offset = -1
        self.reconnects = -1
        self.last_down = ""
        self.resyncs = self.turned_away = 0
        self.fenced = self.closed = False
        self._loop, self._urls, self._who, self._rng, self._source = loop, urls, who, rng, source
        self._on_push, self._on_resync = on_push, on_resync
        self._asked: dict[str, tuple[bytes, OnAnswer, float]] = {}
        self._count = self._attempt = self._retry_after_ms = 0
        self._prefix = f"{who['subject']}-{rng.integers(1 << 40):x}-"
        self._gated = False

    @property
    def unanswered(self) -> int:
        return len(self._asked)

    def open(self) -> None:
        self.link = Link(self._loop, self._urls(), self._greet, self._on_frames, self._on_down, self._source)

    def close(self) -> None:
        self.closed = True
        if self.link is not None:
            self.link.cut()

    def cut(self) -> None:
        """Break the connection as a pulled cable would, and come back."""
        if self.link is not None and not self.link.is_down:
            self.link.cut()
            self._on_down("cut")

    def do(self, command: Frame, on_answer: OnAnswer, since_s: float | None = None) -> None:
        """``on_answer(answer, seconds since since_s)``, once: after a break the same id is sent again."""
        self._count += 1
        id = f"{self._prefix}{self._count}"
        self._ask(id, {"op": "do", "id": id, "command": command}, on_answer, since_s)

    def ask(self, query: Frame, on_answer: OnAnswer) -> None:
        self._count += 1
        id = f"{self._prefix}{self._count}"
        self._ask(id, {"op": "ask", "id": id, "query": query}, on_answer, None)

    def _ask(self, id: str, frame: Frame, on_answer: OnAnswer, since_s: float | None) -> None:
        data = _pack(frame)
        self._asked[id] = (data, on_answer, self._loop.now_s() if since_s is None else since_s)
        if self.link_s is not None and self.link is not None:
            self.link.send(data)

    # --- the connection -------------------------------------------------------------------------------------------

    def _greet(self) -> None:
        assert self.link is not None
        self.link.send(_pack({"op": "hello", "tenant": "acme", **self._who}))

    def _on_welcome(self, _frame: Frame) -> None:
        assert self.link is not None
        self.link_s = self._loop.now_s()
        self.reconnects += 1
        self._attempt = 0
        unanswered = [data for data, _on_answer, _since_s in self._asked.values()]
        if self.offset >= 0:
            self._gated = True
            self.link.send(_pack({"op": "resume", "id": "resume", "streams": {self.stream: self.offset}}))
        else:
            self.ask({"type": "streams"}, self._on_streams)
        for data in unanswered:
            self.link.send(data)

    def _on_streams(self, frame: Frame, _s: float) -> None:
        if self.offset < 0 and frame["op"] == "ok":
            self.offset = frame["result"]["streams"].get(self.stream, -1)

    def _on_down(self, why: str) -> None:
        self.link_s = None
        self.last_down = why
        told_ms = self.link.carrier.retry_after_ms if self.link is not None else 0
        if told_ms or self._retry_after_ms:
            self.turned_away += 1
            self._retry_after_ms = max(self._retry_after_ms, told_ms)
        if self.closed or self.fenced:
            return
        ceiling_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._attempt, 20))
        pause_s = max(float(self._rng.random()) * ceiling_s, self._retry_after_ms / 1000)
        self._attempt, self._retry_after_ms = self._attempt + 1, 0
        self._loop.after(pause_s, self._again)

    def _again(self) -> None:
        if not self.closed:
            self.open()

    # --- frames in ------------------------------------------------------------------------------------------------

    def _on_frames(self, frames: list[bytes]) -> None:
        for data in frames:
            frame = msgpack.unpackb(data)
            op = frame["op"]
            if op == "push":
                self._take_push(frame)
            elif op in ("ok", "error"):
                self._take_answer(frame)
            elif op == "welcome":
                self._on_welcome(frame)
            elif op == "resync":
                self.offset, self._gated = frame["offset"], False
                self.resyncs += 1
                if self._on_resync is not None:
                    self._on_resync(frame["snapshot"])
            elif op == "ping" and self.link is not None:
                self.link.send(_pack({"op": "pong"}))
            elif op == "bye":
                self._retry_after_ms = frame.get("retry_after_ms", 0)
                self.fenced = frame["reason"] == "fenced"

    def _take_push(self, frame: Frame) -> None:
        if frame["stream"] == self.stream and frame["offset"] > self.offset and not self._gated:
            self.offset = frame["offset"]
            self._on_push(frame["events"], frame["offset"])

    def _take_answer(self, frame: Frame) -> None:
        if frame["id"] == "resume":
            self._gated = False
            return
        if frame["op"] == "error" and frame["code"] in _UNSETTLED:
            return
        if not frame["id"]:
            self._retry_after_ms = frame.get("retry_after_ms") or 0
            return
        asked = self._asked.pop(frame["id"], None)
        if asked is not None:
            _data, on_answer, since_s = asked
            on_answer(frame, self._loop.now_s() - since_s)
