"""Who is let in when more comes than can be done: new contacts are refused before anybody else has to wait for them.

Lateness, the time from a command's entering the inbox until it is durable, is measured at each commit. While even the
least late commit of an interval is later than the target, work stands in line, and new contacts are let in at a rate
only. The rate is what the engine was seen to do: commands a second while work stood in line, over commands a contact; a
little less the longer the line is. Most of a contact's commands come seconds after it, so a rate that goes by the line
alone swings between too much and too little. While no line stands and somebody is refused, the rate creeps up. Everything
else (accepts, closes, messages, what agents say of themselves) is never refused for lateness: it belongs to contacts that
were let in.

The rate is shared among the tenants that ask, by their weights; what one does not use is anybody's. A tenant below its
share is not refused because of another.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from engine.driver.limits import DriverLimits

# Time between two judgements: several commits of a busy engine (each 10 to 30 ms).
INTERVAL_S = 0.1
# A line of half the target is wanted: the engine is at work, and nobody waits long. Steered by the part of the rate that a
# line longer by one target takes off it: with the 0.3 s until most of a contact's work is there, more would swing.
_STEER, _LEAST_PART = 0.17, 0.5
# Up to what the engine was seen to do, and beyond: it may be able to do more by now.
_RAISE, _TRY = 1.05, 1.01
# What was seen is forgotten in so many seconds: how much the engine does; how many commands a contact comes to.
_PACE_S, _LIFE_S = 1.0, 10.0
# Let in per second at the very least, so that the rate can be seen to be too low.
_FLOOR = 5.0
# Intervals without a refusal after which nobody is held back any more.
_CALM = 20
# Saved up in seconds of the rate: what may come in at once.
_BURST_S = 0.03
# A tenant that asked within this time has its share kept for it.
_ACTIVE_S = 1.0
_REFILL_S = 0.005
_RETRY_MS = (250.0, 5_000.0)
# The golden ratio's fraction: its multiples spread evenly however many there are, and need no dice.
_SPREAD = 0.6180339887498949


class _Share:
    """One tenant's part of the rate."""

    __slots__ = ("seen_s", "tokens", "weight")

    def __init__(self, weight: float, now_s: float) -> None:
        self.weight = weight
        self.tokens = 1.0
        self.seen_s = now_s


class Admission:
    """``weight_of``: a tenant's weight in the policy; ``lateness_ms``: of the oldest command that is not durable yet.

    ``rate_per_s`` is infinite while nobody is held back. Refusals are told in how many ms to come back.
    """

    def __init__(
        self,
        limits: DriverLimits,
        now_s: Callable[[], float],
        weight_of: Callable[[str], float],
        lateness_ms: Callable[[], float],
    ) -> None:
        self.rate_per_s = math.inf
        self.refused = 0
        self._limits, self._now_s, self._weight_of, self._lateness_ms = limits, now_s, weight_of, lateness_ms
        self._shares: dict[str, _Share] = {}
        self._spare = 0.0
        self._filled_s = self._judged_s = now_s()
        self._is_too_late = False
        self._least_ms = math.inf
        self._let_in = self._refused_before = self._calm = self._done = self._told = 0
        self._commands_per_s = 0.0
        self._commands = self._contacts = 0.0
        self._overload = 1.0

    @property
    def holds_back(self) -> bool:
        return self.rate_per_s < math.inf

    def measured(self, lateness_ms: float, commands: int) -> None:
        """After each commit that answered so many commands."""
        self._least_ms = min(self._least_ms, lateness_ms)
        self._done += commands
        now_s = self._now_s()
        if now_s - self._judged_s >= INTERVAL_S:
            self._judge(now_s)

    def admit(self, tenant: str) -> int:
        """0: one more contact is in; else it is not, and may come back after so many ms."""
        now_s = self._now_s()
        self._refill(now_s)
        if self._is_too_late or (self.holds_back and not self._take(tenant, now_s)):
            return self._refuse()
        self._let_in += 1
        return 0

    def sheds(self, tenant: str) -> int:
        """As :meth:`admit`, for who has not read the contact yet and will tell :meth:`shed`; 0: ask there."""
        now_s = self._now_s()
        self._refill(now_s)
        if not self._is_too_late:
            share = self._shares.get(tenant)
            if not self.holds_back or share is None or share.tokens >= 1 or self._spare >= 1:
                return 0
            share.seen_s = now_s
        return self._come_back_ms()

    def shed(self, contacts: int) -> None:
        """So many were refused because of :meth:`sheds`."""
        self.refused += contacts

    def _refuse(self) -> int:
        self.refused += 1
        return self._come_back_ms()

    def _come_back_ms(self) -> int:
        self._told += 1
        low, high = _RETRY_MS
        return round(min(high, low * self._overload) * (0.5 + self._told * _SPREAD % 1))

    # --- the rate -------------------------------------------------------------------------------------------------

    def _judge(self, now_s: float) -> None:
        length_s, self._judged_s = now_s - self._judged_s, now_s
        least_ms, self._least_ms = self._least_ms, math.inf
        refused, self._refused_before = self.refused - self._refused_before, self.refused
        let_in, self._let_in = self._let_in, 0
        done, self._done = self._done, 0
        self._overload = 1 + refused / max(let_in, 1)
        stands = least_ms > self._limits.lateness_target_ms / 2
        self._learn(done, let_in, length_s, at_work=stands)
        if not self.holds_back:
            if least_ms > self._limits.lateness_target_ms:
                self.rate_per_s = self._steered(least_ms)
                self._calm = 0
            return
        if stands:
            self.rate_per_s = self._steered(least_ms)
        elif refused:
            self.rate_per_s *= _RAISE if self.rate_per_s < self._contacts_per_s() else _TRY
        self._calm = 0 if stands or refused else self._calm + 1
        if self._calm >= _CALM:
            self.rate_per_s = math.inf
            self._shares.clear()

    def _learn(self, done: int, let_in: int, length_s: float, *, at_work: bool) -> None:
        """``at_work``: there was something to do all the time, so what was done is what can be done."""
        kept = math.exp(-length_s / _LIFE_S)
        self._commands = self._commands * kept + done
        self._contacts = self._contacts * kept + let_in
        if at_work:
            kept = math.exp(-length_s / _PACE_S) if self._commands_per_s else 0.0
            self._commands_per_s = self._commands_per_s * kept + done / length_s * (1 - kept)

    def _contacts_per_s(self) -> float:
        return self._commands_per_s * min(1.0, self._contacts / max(self._commands, 1.0))

    def _steered(self, least_ms: float) -> float:
        target_ms = self._limits.lateness_target_ms
        part = 1 - _STEER * (least_ms - target_ms / 2) / target_ms
        return max(_FLOOR, self._contacts_per_s() * max(_LEAST_PART, part))

    def _take(self, tenant: str, now_s: float) -> bool:
        share = self._shares.get(tenant)
        if share is None:
            share = self._shares[tenant] = _Share(self._weight_of(tenant), now_s)
        share.seen_s = now_s
        if share.tokens >= 1:
            share.tokens -= 1
        elif self._spare >= 1:
            self._spare -= 1
        else:
            return False
        return True

    def _refill(self, now_s: float) -> None:
        """Each its share of what has come in since; what does not fit into a share is anybody's."""
        passed_s = now_s - self._filled_s
        if passed_s < _REFILL_S:
            return
        self._filled_s = now_s
        self._is_too_late = self._lateness_ms() > self._limits.lateness_refuse_ms
        if not self.holds_back:
            return
        for tenant in [name for name, share in self._shares.items() if now_s - share.seen_s > _ACTIVE_S]:
            del self._shares[tenant]
        whole = sum(share.weight for share in self._shares.values())
        for share in self._shares.values():
            rate = self.rate_per_s * share.weight / whole
            room = max(1.0, rate * _BURST_S)
            share.tokens += rate * passed_s
            if share.tokens > room:
                self._spare += share.tokens - room
                share.tokens = room
        self._spare = min(self._spare, max(1.0, self.rate_per_s * _BURST_S))
