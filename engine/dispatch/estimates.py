"""How long a waiting contact still has to wait: what a queue's line has been seen to do, and what follows from it.

**Measured**, per queue, by contacts leaving its line (people's stage; offered ones are out of it):

* releases: contacts given to an agent who became free for them, over *slot time*: the time during which somebody stood in
  the line, times the slots that could have served them. So an idle hour says nothing, a colleague more helps at once, and
  what other queues take of shared agents is part of the rate;
* abandonments over the time that contacts have waited.

Old figures fade: each ten seconds take a 64th (a memory of eleven minutes), down to ``KEPT`` releases, so that the last
evening's rate still counts in the morning, for as little as it is worth. All of it is integers, changed by events alone.

**Estimated**, for the contact at position n (1 is next) with s eligible slots: it needs n releases, less those before it
who give up. With μ = s × releases ÷ slot time, and θ = abandonments ÷ waited, the next departure comes at the rate
μ + jθ while j stand before it, so

    mean = Σ 1 ÷ (μ + jθ),  variance = Σ 1 ÷ (μ + jθ)²,  j = 0 … n−1

(the wait of a customer with n−1 before it in M/M/s+M: W. Whitt, "Predicting Queueing Delays", Management Science 45(6),
1999). As μ itself was counted from R releases, mean² ÷ R is added to the variance. The quantiles are those of the gamma
distribution of this mean and variance, by Wilson and Hilferty's cube root: with k = mean² ÷ variance,

    q(z) = mean × (1 − 1 ÷ 9k + z × √(1 ÷ 9k))³,  z = 0 for p50, 1.2816 for p90

and to both is added what an offer takes from being made to being connected. Only + − × ÷ √ are used, so that every machine
gets the same milliseconds. Fewer than ``ENOUGH`` releases, or no slot: no estimate, rather than a wrong one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final, NamedTuple

from mypy_extensions import mypyc_attr

BUCKET_MS: Final = 10_000
FADE_BITS: Final = 6
ONE: Final = 1_024  # counts are kept in 1,024ths, so that fading loses nothing worth having
KEPT: Final = 8 * ONE
ENOUGH: Final = 5 * ONE
Z90: Final = 1.2815515655446004
# Terms summed one by one; further on the sum is taken in blocks that double.
EXACT: Final = 64

# How a contact leaves the line.
OTHERWISE: Final = 0
RELEASED: Final = 1
GAVE_UP: Final = 2
# Triggers of offers that an agent's becoming free has made possible.
FEEDS: Final = ("freed", "available", "back_off_ended", "capacity", "external_load", "redefined")


class Estimate(NamedTuple):
    """Milliseconds still to wait, if nothing changes: in half, and in nine of ten such cases not more."""

    p50_ms: int
    p90_ms: int


@mypyc_attr(acyclic=True, serializable=True)
@dataclass(init=False, eq=False)
class Measure:
    """What one queue's line has done. ``busy``: somebody stood in it at ``until``, the last time that anybody left it."""

    bucket: int = 0
    releases: int = 0
    slot_ms: int = 0
    abandons: int = 0
    waited_ms: int = 0
    ring_ms: int = 0
    until: int = 0
    busy: bool = False

    def __init__(self) -> None:
        self.bucket = 0
        self.releases = 0
        self.slot_ms = 0
        self.abandons = 0
        self.waited_ms = 0
        self.ring_ms = 0
        self.until = 0
        self.busy = False

    def left(self, at: int, entered: int, slots: int, how: int, busy: bool) -> None:
        """A contact that entered the line at ``entered`` leaves it; ``busy``: others still stand there."""
        if at // BUCKET_MS != self.bucket:
            self.fade(at // BUCKET_MS)
        if self.busy:
            self.slot_ms += (at - self.until) * slots
        elif how != OTHERWISE:
            self.slot_ms += (at - max(entered, self.until)) * slots
        if how != OTHERWISE:
            self.waited_ms += at - entered
            if how == RELEASED:
                self.releases += ONE
            else:
                self.abandons += ONE
        self.busy = busy
        self.until = at

    def fade(self, bucket: int) -> None:
        gone = bucket - self.bucket
        self.bucket = bucket
        while gone > 0 and self.releases > KEPT:
            gone -= 1
            self.releases -= self.releases >> FADE_BITS
            self.slot_ms -= self.slot_ms >> FADE_BITS
            self.abandons -= self.abandons >> FADE_BITS
            self.waited_ms -= self.waited_ms >> FADE_BITS

    def rang(self, ms: int) -> None:
        """So long it took from an offer to the connection: a mean with a memory of eight."""
        self.ring_ms += (ms - self.ring_ms) // 8 if self.ring_ms else ms

    def estimate(self, position: int, slots: int) -> Estimate | None:
        """See the module; None: too little is known."""
        if position < 1 or slots < 1 or self.releases < ENOUGH or self.slot_ms < 1:
            return None
        rate = slots * self.releases / (ONE * self.slot_ms)
        leaving = self.abandons / (ONE * self.waited_ms) if self.waited_ms else 0.0
        mean, variance = passage(rate, leaving, position)
        variance += mean * mean * ONE / self.releases
        ninth = variance / (9.0 * mean * mean)
        middle = 1.0 - ninth
        upper = middle + Z90 * sqrt(ninth)
        ring = self.ring_ms
        return Estimate(ring + int(mean * middle * middle * middle), ring + int(mean * upper * upper * upper))


def blank() -> Measure:
    """One that has seen nothing yet. From code that is not compiled, ``Measure()`` would skip its ``__init__``: see 0005."""
    return Measure()


def passage(rate: float, leaving: float, count: int) -> tuple[float, float]:
    """Mean and variance of the time until ``count`` departures, the last of them the contact's own."""
    if leaving == 0.0:
        return count / rate, count / (rate * rate)
    mean = variance = 0.0
    for before in range(min(count, EXACT)):
        each = 1.0 / (rate + before * leaving)
        mean += each
        variance += each * each
    start = EXACT
    while start < count:
        end = min(2 * start, count)
        # Simpson's rule over the block, from half a step before its first term to half a step after its last.
        low, high = start - 0.5, end - 0.5
        first, last = 1.0 / (rate + low * leaving), 1.0 / (rate + high * leaving)
        half = 1.0 / (rate + (low + high) / 2.0 * leaving)
        width = (high - low) / 6.0
        mean += width * (first + 4.0 * half + last)
        variance += width * (first * first + 4.0 * half * half + last * last)
        start = end
    return mean, variance
