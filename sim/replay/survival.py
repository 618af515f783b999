"""How long something lasts when some of it was cut off before its end: Kaplan and Meier's estimate, and draws from it.

S(t) = Π over observed lengths tᵢ ≤ t of (1 − dᵢ/nᵢ): dᵢ ended at tᵢ, nᵢ lasted at least that long; what was cut off at tᵢ
still counts among nᵢ (Kaplan and Meier 1958). Beyond the last observed length S says nothing: there the rest is exponential, with
the hazard of the last quarter of the observed lengths (ends ÷ time at risk since the length before that quarter).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log

import numpy as np

# The part of the observed lengths from which the tail's hazard is taken: a quarter, but at least so many.
TAIL_SHARE = 0.25
TAIL_LEAST = 5


class KaplanMeier:
    """``lengths`` ≥ 0 in any one unit; ``seen``: whether each was observed to its end, or cut off there."""

    def __init__(self, lengths: Sequence[float], seen: Sequence[bool]) -> None:
        """Raises ValueError for unequal numbers."""
        if len(lengths) != len(seen):
            raise ValueError(f"got {len(lengths)} lengths and {len(seen)} marks, wanted as many of both")
        all_lengths = np.sort(np.asarray(lengths, dtype=float))
        ended = np.asarray([length for length, is_seen in zip(lengths, seen, strict=True) if is_seen], dtype=float)
        self.count, self.observed = len(all_lengths), len(ended)
        self.times, ends = np.unique(ended, return_counts=True)
        at_risk = self.count - np.searchsorted(all_lengths, self.times, side="left")
        self._curve = np.cumprod(1 - ends / at_risk) if len(ends) else np.ones(0)
        self.tail_hazard = self._hazard(np.sort(ended), all_lengths)

    @staticmethod
    def _hazard(ended: np.ndarray, lengths: np.ndarray) -> float:
        """Per unit of length; 0 when nothing was seen to end."""
        if not len(ended):
            return 0.0
        last = min(len(ended), max(TAIL_LEAST, round(len(ended) * TAIL_SHARE)))
        since = float(ended[-last - 1]) if last < len(ended) else 0.0
        exposure = float(np.clip(lengths - since, 0, None).sum())
        return int((ended > since).sum()) / exposure if exposure else inf

    def survival(self, length: float) -> float:
        """The share that lasts longer than this."""
        place = int(np.searchsorted(self.times, length, side="right"))
        if place < len(self.times) or not len(self.times):
            return float(self._curve[place - 1]) if place else 1.0
        left = float(self._curve[-1])
        past = length - float(self.times[-1])
        return left * exp(-self.tail_hazard * past) if left and past else left

    def beyond(self, cut: float, share: float) -> float:
        """A length that is longer than ``cut``: the one that only this ``share`` (0 to 1) of those who last so long pass.

        inf: nothing was ever seen to end.
        """
        wanted = self.survival(cut) * share
        place = int(np.searchsorted(self.times, cut, side="right"))
        # The curve falls: the first point behind the cut that is low enough.
        found = place + int(np.searchsorted(-self._curve[place:], -wanted, side="left"))
        if found < len(self.times):
            return float(self.times[found])
        if not self.tail_hazard:
            return inf
        last = float(self.times[-1])
        left = float(self._curve[-1])
        if cut >= last or not left:
            return max(cut, last) - log(max(share, 1e-300)) / self.tail_hazard
        return last + log(left / max(wanted, 1e-300)) / self.tail_hazard
