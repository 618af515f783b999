"""Chance by name: one seed, and a stream of its own for each cause, so that one more draw here moves nothing there."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
_MASK = (1 << 64) - 1


class Chance:
    """SplitMix64 (Steele, Lea, Flood 2014): a few additions and shifts a draw, where a draw of numpy's costs microseconds."""

    __slots__ = ("_state",)

    def __init__(self, seed: int, name: str = "") -> None:
        self._state = ((seed * 0x9E3779B97F4A7C15) ^ (zlib.crc32(name.encode()) * 0xD1342543DE82EF95)) & _MASK

    def spawn(self, name: str) -> Chance:
        return Chance(self._next(), name)

    def below(self, below: int) -> int:
        """0 … below − 1; also ``engine.ports.Draw``. Numbers past 64 bits are put together from several draws."""
        number, bits = self._next(), 64
        while below >> bits:
            number, bits = number << 64 | self._next(), bits + 64
        return number % below

    def between(self, first: int, last: int) -> int:
        return first + self.below(last - first + 1)

    def happens(self, share: float) -> bool:
        return self.share() < share

    def share(self) -> float:
        """0 ≤ … < 1."""
        return (self._next() >> 11) / (1 << 53)

    def length_s(self, first_s: float, last_s: float) -> float:
        """In whole microseconds."""
        return round(first_s + (last_s - first_s) * self.share(), 6)

    def one_of(self, things: Sequence[T]) -> T:
        return things[self.below(len(things))]

    def shuffled(self, things: Sequence[T]) -> list[T]:
        left = list(things)
        return [left.pop(self.below(len(left))) for _ in range(len(left))]

    def _next(self) -> int:
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK
        return z ^ (z >> 31)
