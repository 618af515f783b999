"""One user's conversation with the engine: hello, commands with their answers, pushes; every step timed for locust."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import gevent
from gevent.event import AsyncResult
from gevent.queue import Empty, Queue

from bench.locust.links import Frame, Link, LinkEnded

# An answer takes milliseconds; past this the engine is not answering, and that is a failure worth a row.
ANSWER_S = 30.0
# Called as locust's request event: request_type, name, response_time (ms), response_length (bytes), exception.
Report = Callable[..., None]


class Refused(Exception):
    """The engine said no: an ``error`` frame."""

    def __init__(self, frame: Frame) -> None:
        self.code = str(frame.get("code", ""))
        self.retry_after_ms = int(frame.get("retry_after_ms") or 0)
        super().__init__(
            f"{self.code}: {frame.get('what') or frame.get('message')}, got {frame.get('got')}, wanted {frame.get('wanted')}"
        )


class Session:
    """Sends frames and sorts what comes back; a greenlet reads. Raises :class:`LinkEnded` when the link is over."""

    def __init__(self, link: Link, report: Report) -> None:
        self.link = link
        self.lost: str = ""
        self._report = report
        self._pushes: Queue[Frame | None] = Queue()
        self._answers: dict[str, AsyncResult] = {}
        self._welcome = AsyncResult()
        self._reader = gevent.spawn(self._read)

    # --- what a user does -------------------------------------------------------------------------------------------

    def hello(self, role: str, subject: str, tenant: str) -> Frame:
        """Say hello without a token (``--dev``); returns ``welcome``."""
        frame = {"op": "hello", "token": "", "role": role, "subject": subject, "tenant": tenant, "client": "locust/1"}
        return self._timed("hello", frame, self._welcome)

    def do(self, command: Frame, text: str = "", expected: tuple[str, ...] = ()) -> Frame | None:
        """One command; returns its ``ok`` frame. A refusal whose code is ``expected`` (a lost race) gives None."""
        frame: Frame = {"op": "do", "id": uuid.uuid4().hex, "command": command}
        if text:
            frame["text"] = text
        return self._asked(str(command["type"]), frame, expected)

    def ask(self, query: Frame) -> Any:
        frame = self._asked(f"ask {query['type']}", {"op": "ask", "id": uuid.uuid4().hex, "query": query}, ())
        return frame and frame.get("result")

    def resume(self, streams: dict[str, int]) -> None:
        self._asked("resume", {"op": "resume", "id": uuid.uuid4().hex, "streams": streams}, ())

    def pushes(self, patience_s: float | None = None) -> Iterator[Frame]:
        """Pushes as they come; ends when ``patience_s`` passed since the call. Raises :class:`LinkEnded`."""
        until = None if patience_s is None else time.perf_counter() + patience_s
        while True:
            left = None if until is None else until - time.perf_counter()
            if left is not None and left <= 0:
                return
            try:
                frame = self._pushes.get(timeout=left)
            except Empty:
                return
            if frame is None:
                raise LinkEnded(self.lost)
            yield frame

    def measured(self, name: str, since: float, failure: Exception | None = None) -> None:
        """Report a wait that began at ``since`` (perf_counter) and is not one frame's answer."""
        self._fire(name, since, 0, failure)

    def close(self) -> None:
        """Say bye and hang up; never raises."""
        try:
            self.link.send({"op": "bye"})
            self.link.close()
        except (LinkEnded, OSError):
            pass  # it hung up first
        self._reader.kill()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _asked(self, name: str, frame: Frame, expected: tuple[str, ...]) -> Frame | None:
        answer = self._answers[frame["id"]] = AsyncResult()
        try:
            return self._timed(name, frame, answer, expected)
        except Refused as refusal:
            if refusal.code in expected:
                return None
            raise
        finally:
            self._answers.pop(frame["id"], None)

    def _timed(self, name: str, frame: Frame, answer: AsyncResult, expected: tuple[str, ...] = ()) -> Frame:
        since = time.perf_counter()
        try:
            self.link.send(frame)
            came, size = answer.get(timeout=ANSWER_S)
            if came["op"] == "error":
                raise Refused(came)
        except Refused as refusal:
            lost_race = refusal.code in expected
            self._fire(f"{name} ({refusal.code})" if lost_race else name, since, 0, None if lost_race else refusal)
            raise
        except (LinkEnded, gevent.Timeout) as error:
            ended = LinkEnded(self.lost or str(error) or f"no answer in {ANSWER_S:.0f} s")
            self._fire(name, since, 0, ended)
            raise ended from error
        self._fire(name, since, size, None)
        return came  # type: ignore[no-any-return]  # a decoded map

    def _fire(self, name: str, since: float, size: int, failure: Exception | None) -> None:
        self._report(
            request_type=self.link.name,
            name=name,
            response_time=(time.perf_counter() - since) * 1000,
            response_length=size,
            exception=failure,
        )

    def _read(self) -> None:
        try:
            while True:
                frame, size = self.link.receive()
                self._sort(frame, size)
        except LinkEnded as ended:
            self.lost = self.lost or str(ended)
        for waiting in [self._welcome, *self._answers.values()]:
            if not waiting.ready():
                waiting.set_exception(LinkEnded(self.lost))
        self._pushes.put(None)

    def _sort(self, frame: Frame, size: int) -> None:
        op = frame["op"]
        if op == "ping":
            self.link.send({"op": "pong"})
        elif op == "welcome" or (op == "error" and not self._welcome.ready()):
            self._welcome.set((frame, size))
        elif op in {"ok", "error"} and frame.get("id") in self._answers:
            self._answers[frame["id"]].set((frame, size))
        elif op in {"push", "resync"}:
            self._pushes.put(frame)
        elif op == "bye":
            self.lost = f"bye: {frame.get('reason')}"
