"""All runs' readings side by side: a number per run, slice and measure, and what their mean is worth."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.measures.contacts import QUEUE
from sim.reports.reading import ALL, DETAILED, NAMES, WHOLE, WINDOW, Reading, Shape, Slice
from sim.reports.statistics import NOTHING, Mean, mean_of
from sim.scenario import DAY_MS, clock_text

Array = NDArray[np.float64]
HEAD = ("run", "dimension", "name", "day", "from", *NAMES)
WHOLE_TEXT, WINDOW_TEXT = "whole", "08:00-24:00"


class FiguresError(ValueError):
    """A file of figures that cannot be read; says where."""


@dataclass(frozen=True)
class Figures:
    """``table``: slice → array (runs × measures of :data:`~sim.reports.reading.NAMES`), nan where there was nothing."""

    shape: Shape
    seeds: tuple[int, ...]
    table: dict[Slice, Array]

    @property
    def runs(self) -> int:
        return len(self.seeds)

    def values(self, measure: str, key: Slice) -> Array | None:
        found = self.table.get(key)
        return None if found is None else np.asarray(found[:, NAMES.index(measure)])

    def mean(self, measure: str, dimension: str = ALL, name: str = "", interval: int = WHOLE) -> Mean:
        found = self.values(measure, Slice(dimension, name, interval))
        return NOTHING if found is None else mean_of(found)

    def names(self, dimension: str) -> list[str]:
        return sorted({key.name for key in self.table if key.dimension == dimension and key.interval == WHOLE})

    def dimensions(self) -> list[str]:
        """In the order in which a report tells of them."""
        found = {key.dimension for key in self.table}
        return [name for name in (ALL, QUEUE, *DETAILED) if name in found]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """As in the CSV file, the head apart: a row per run and slice; nothing to measure is an empty cell."""
        for place in range(self.runs):
            for key, found in sorted(self.table.items()):
                values = (number_text(value) for value in found[place])
                yield (place + 1, key.dimension, safe_text(key.name), *when(self.shape, key.interval), *values)


def figures_of(readings: Sequence[Reading]) -> Figures:
    """A slice that some run has nothing of is nan there."""
    table: dict[Slice, Array] = {}
    for place, reading in enumerate(readings):
        for key, values in reading.values.items():
            if key not in table:
                table[key] = np.full((len(readings), len(NAMES)), np.nan)
            found = np.asarray(values)
            table[key][place] = np.where(found < 0, np.nan, found)
    return Figures(readings[0].shape, tuple(reading.seed for reading in readings), table)


def when(shape: Shape, interval: int) -> tuple[str, str]:
    """(day from 1, ``HH:MM:SS``) of an interval's beginning; of sums their name, and no day."""
    if interval in (WHOLE, WINDOW):
        return "", WHOLE_TEXT if interval == WHOLE else WINDOW_TEXT
    begin = interval * shape.interval_ms
    return str(begin // DAY_MS + 1), clock_text(begin)


def number_text(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.10g}"


def load_figures(path: Path, shape: Shape, seeds: tuple[int, ...]) -> Figures:
    """Reads ``figures.csv`` back. Raises :class:`FiguresError` with file and line."""
    table: dict[Slice, Array] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file)
        head = tuple(next(lines, ()))
        if head != HEAD:
            raise FiguresError(f"{path}:1: got the columns {', '.join(head) or 'none'}, wanted {', '.join(HEAD)}")
        for line, row in enumerate(lines, 2):
            try:
                key, place = _slice_of(row, shape), int(row[0]) - 1
                if key not in table:
                    table[key] = np.full((len(seeds), len(NAMES)), np.nan)
                table[key][place] = [float(cell) if cell else np.nan for cell in row[5:]]
            except (ValueError, IndexError) as error:
                raise FiguresError(f"{path}:{line}: cannot be read: {error}") from error
    return Figures(shape, seeds, table)


def _slice_of(row: Sequence[str], shape: Shape) -> Slice:
    _, dimension, name, day, begin = row[:5]
    if not day:
        return Slice(dimension, _plain(name), {WHOLE_TEXT: WHOLE, WINDOW_TEXT: WINDOW}.get(begin, WHOLE))
    hours, minutes, seconds = map(int, begin.split(":"))
    at = (int(day) - 1) * DAY_MS + ((hours * 60 + minutes) * 60 + seconds) * 1000
    return Slice(dimension, _plain(name), at // shape.interval_ms)


def safe_text(text: str) -> str:
    """A cell that a spreadsheet would take for a formula starts with an apostrophe."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _plain(text: str) -> str:
    return text[1:] if text[:1] == "'" and safe_text(text[1:]) == text else text
