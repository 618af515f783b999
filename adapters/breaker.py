"""A circuit breaker: who fails again and again is left alone for a while, then tried once."""

from __future__ import annotations


class Breaker:
    """``failures`` in a row open it for ``open_s``; then one call is let through, and its outcome decides. Time is an argument,
    in seconds of any clock that does not go back.
    """

    def __init__(self, failures: int = 5, open_s: float = 10.0) -> None:
        self._limit, self._open_s = failures, open_s
        self._failed = 0
        self._closed_at = 0.0
        self._trying = False

    @property
    def is_open(self) -> bool:
        return self._failed >= self._limit

    def lets_through(self, now: float) -> bool:
        """Whether a call may be made now; who is let through says :meth:`succeeded`, :meth:`failed` or :meth:`withdrew`."""
        if not self.is_open:
            return True
        if self._trying or now < self._closed_at:
            return False
        self._trying = True
        return True

    def succeeded(self) -> None:
        self._failed, self._trying = 0, False

    def failed(self, now: float) -> None:
        self._failed, self._trying = self._failed + 1, False
        self._closed_at = now + self._open_s

    def withdrew(self) -> None:
        """The call ended without saying anything about the other side (it was cancelled)."""
        self._trying = False
