"""Names of metrics: a shape, and the numbers in it.

``E_W_class2`` has the shape ``E_W_class#`` with (2,), ``SL_all(0.333333)`` is ``SL_all(#)`` with (1/3,).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

# A sign counts only where a number begins: after "=" or "(".
NUMBER = re.compile(r"(?:(?<=[=(])-)?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
# Numbers printed with so many digits may be a fraction of an hour cut short.
CUT_SHORT = 6
LARGEST_DENOMINATOR = 360


@dataclass(frozen=True)
class Metric:
    """A metric's name taken apart."""

    name: str
    shape: str
    numbers: tuple[float, ...]


def parse_metric(name: str) -> Metric:
    """The shape of a name (# for each number) and its numbers, left to right."""
    numbers = tuple(_number(found) for found in NUMBER.findall(name))
    return Metric(name, NUMBER.sub("#", name), numbers)


def _number(text: str) -> float:
    digits = text.lstrip("-").replace(".", "").lstrip("0")
    if "." not in text or len(digits) < CUT_SHORT or "e" in text.lower():
        return float(text)
    near = Fraction(text).limit_denominator(LARGEST_DENOMINATOR)
    half_unit = Fraction(1, 2 * 10 ** len(text.split(".")[1]))
    return float(near) if abs(near - Fraction(text)) <= half_unit else float(text)
