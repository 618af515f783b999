"""Logs: one JSON object a line on stderr, without personal data, and no flood."""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

# One line per event and second; what was left out is counted on the next one.
_QUIET_S = 1.0
_KINDS_KEPT = 1024
# Each answers something that an operator did just now: the second may say other than the first.
_ALWAYS = frozenset({"policy_applied", "policy_not_applied"})


class Calm:
    """A structlog processor: the same event at most once a second, except answers to an operator's own deed."""

    def __init__(self) -> None:
        self._said_s: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def __call__(self, _logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        kind = str(entry.get("event"))
        if kind in _ALWAYS:
            return entry
        now_s = time.perf_counter()
        if now_s - self._said_s.get(kind, -_QUIET_S) < _QUIET_S:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            raise structlog.DropEvent
        if len(self._said_s) >= _KINDS_KEPT:
            self._said_s.clear()
        self._said_s[kind] = now_s
        left_out = self._left_out.pop(kind, 0)
        if left_out:
            entry["left_out"] = left_out
        return entry


def set_up_logs(level: int = logging.INFO) -> None:
    """For a process of our own; an embedding program sets structlog up as it likes."""
    structlog.configure(
        processors=[
            Calm(),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=lambda entry, **_: orjson.dumps(entry, default=str).decode()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # The libraries' own: warnings and worse, as plain lines.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")


def where(error: BaseException, frames: int = 6) -> list[str]:
    """The innermost frames of an error as file:line function: never its message or locals, which may quote a client."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    found = traceback.extract_tb(error.__traceback__)[-frames:]
    return [f"{type(error).__name__}", *(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in found)]
