"""A circuit breaker: who has failed several times in a row is left alone for a while, and then tried once."""

from __future__ import annotations

from collections.abc import Callable

FAILURES = 5
REST_S = 10.0


class Breaker:
    """``may_ask`` before, ``succeeded`` or ``failed`` after. ``now_s``: real seconds, of any beginning."""

    def __init__(self, now_s: Callable[[], float], failures: int = FAILURES, rest_s: float = REST_S) -> None:
        self._now_s = now_s
        self._most = failures
        self._rest_s = rest_s
        self._in_a_row = 0
        self._open_until_s = 0.0
        self._is_trying = False

    def may_ask(self) -> bool:
        """Closed; or the rest is over, and nobody tries just now: then this is the one that does."""
        if self._in_a_row < self._most:
            return True
        if self._is_trying or self._now_s() < self._open_until_s:
            return False
        self._is_trying = True
        return True

    def left_s(self) -> float:
        """How long it stays open; 0: somebody is trying."""
        return max(0.0, self._open_until_s - self._now_s())

    def succeeded(self) -> None:
        self._in_a_row, self._is_trying = 0, False

    def failed(self) -> None:
        self._in_a_row += 1
        self._is_trying = False
        if self._in_a_row >= self._most:
            self._open_until_s = self._now_s() + self._rest_s

    def given_up(self) -> None:
        """Asked, and whoever asked went away before there was an answer: that says nothing."""
        self._is_trying = False
