"""What the formulas ask of their parameters, said in one way."""

from __future__ import annotations

from collections.abc import Iterable


class Unstable(ValueError):
    """More work comes than the servers can do, and nobody leaves: there is no steady state."""


def need_positive(**values: float) -> None:
    """Each named value must be finite and > 0; else ``ValueError`` with its name and what was got."""
    for name, value in values.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} must be finite and > 0, got {value!r}")


def need_not_negative(**values: float) -> None:
    """Each named value must be finite and ≥ 0."""
    for name, value in values.items():
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name} must be finite and ≥ 0, got {value!r}")


def need_share(**values: float) -> None:
    """Each named value must lie in 0…1."""
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must lie in 0…1, got {value!r}")


def need_count(least: int = 1, **values: int) -> None:
    """Each named value must be a whole number ≥ ``least``."""
    for name, value in values.items():
        if value != int(value) or value < least:
            raise ValueError(f"{name} must be a whole number ≥ {least}, got {value!r}")


def need_same_length(**values: Iterable[object]) -> int:
    """The named sequences must be of one length ≥ 1, which is returned."""
    lengths = {name: len(list(value)) for name, value in values.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise ValueError(f"{', '.join(lengths)} must be of one length ≥ 1, got {lengths}")
    return next(iter(lengths.values()))
