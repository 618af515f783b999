"""The spreadsheet beside the page: sheets with means and half-widths, ready to sort and draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter

from sim.reports.describing import Described, number
from sim.reports.figures import Figures, when
from sim.reports.page import labels, worst_intervals
from sim.reports.reading import ALL, NAMES, WHOLE, WINDOW
from sim.reports.wording import TEXTS, measure_words


class Book:
    """Text is written as text: nothing in it becomes a formula or a link."""

    def __init__(self, path: Path, lang: str) -> None:
        options = {"strings_to_formulas": False, "strings_to_urls": False, "nan_inf_to_errors": False}
        self._book = xlsxwriter.Workbook(str(path), options)
        self._bold = self._book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._formats = {
            "share": self._book.add_format({"num_format": "0.00%"}),
            "s": self._book.add_format({"num_format": "#,##0.00"}),
            "": self._book.add_format({"num_format": "#,##0.##"}),
        }
        self.texts, self.lang, self.measures = TEXTS[lang], lang, measure_words()

    def title(self, measure: str) -> str:
        """Its words; lengths are given in seconds here, as spreadsheets cannot show ms as minutes."""
        found = self.measures[measure]
        words: Any = found["words"]
        return f"{words[self.lang]} (s)" if found["unit"] == "ms" else str(words[self.lang])

    def says(self, measure: str) -> str:
        found: Any = self.measures[measure]["says"]
        return str(found[self.lang])

    def value(self, measure: str, value: float | None) -> tuple[float | None, Any]:
        unit = self.measures[measure]["unit"]
        if unit == "ms":
            return (None if value is None else value / 1000), self._formats["s"]
        return value, self._formats["share" if unit == "share" else ""]

    def sheet(self, name: str, heads: Sequence[str], rows: Iterable[Sequence[Any]], fixed: int = 1) -> None:
        """Cells are text, numbers, None, or (number, format)."""
        sheet = self._book.add_worksheet(name[:31])
        sheet.freeze_panes(1, fixed)
        for place, head in enumerate(heads):
            sheet.write_string(0, place, head, self._bold)
        last = 0
        for last, row in enumerate(rows, 1):
            for place, cell in enumerate(row):
                value, style = cell if isinstance(cell, tuple) else (cell, None)
                if isinstance(value, str):
                    sheet.write_string(last, place, value, style)
                elif value is not None:
                    sheet.write_number(last, place, value, style)
        sheet.set_column(0, len(heads) - 1, 13)
        sheet.set_column(0, 0, 26)
        if last:
            sheet.autofilter(0, 0, last, len(heads) - 1)

    def close(self) -> None:
        self._book.close()


def write_run_book(described: Described, figures: Figures, path: Path, lang: str) -> None:
    book = Book(path, lang)
    texts, known = book.texts, [name for name in NAMES if figures.mean(name).is_known]
    _summary(book, figures, known)
    pairs = [head for name in known for head in (book.title(name), f"{book.title(name)} {texts['half_width']}")]
    heads = [texts["interval"], *pairs]
    rows = (
        [label, *_cells(book, figures, known, ALL, "", i)]
        for label, i in zip(labels(figures), figures.shape.intervals, strict=True)
    )
    book.sheet(texts["sheet_intervals"], heads, rows)
    heads = [texts["name"], texts["dimension"], texts["day"], texts["from"], *pairs]
    book.sheet(texts["sheet_slices"], heads, _slices(book, figures, known), fixed=4)
    book.sheet(
        texts["sheet_steps"], [texts["queue"], texts["step"], texts["mean"], texts["half_width"]],
        ([row.queue, f"{row.step}: {row.name}", row.mean, row.half_width] for row in described.steps),
    )  # fmt: skip
    worst = worst_intervals(figures)
    book.sheet(
        texts["sheet_worst"], [texts["interval"], *pairs],
        ([labels(figures)[i - figures.shape.first], *_cells(book, figures, known, ALL, "", i)] for i in worst),
    )  # fmt: skip
    book.close()


def _summary(book: Book, figures: Figures, known: Sequence[str]) -> None:
    texts = book.texts
    heads = [
        texts["measure"],
        texts["whole"],
        texts["half_width"],
        "08:00-24:00",
        texts["half_width"],
        texts["runs_used"],
        texts["definition"],
    ]
    rows = []
    for name in known:
        whole, window = figures.mean(name), figures.mean(name, interval=WINDOW)
        cells = [book.value(name, number(each)) for mean in (whole, window) for each in (mean.value, mean.half_width)]
        rows.append([book.title(name), *cells, whole.runs, book.says(name)])
    book.sheet(texts["sheet_summary"], heads, rows)


def _cells(book: Book, figures: Figures, known: Sequence[str], dimension: str, name: str, interval: int) -> list[Any]:
    cells = []
    for measure in known:
        mean = figures.mean(measure, dimension, name, interval)
        cells += [book.value(measure, number(mean.value)), book.value(measure, number(mean.half_width))]
    return cells


def _slices(book: Book, figures: Figures, known: Sequence[str]) -> Iterable[list[Any]]:
    """Sums of every name, and of queues and pools each interval too."""
    for key in sorted(figures.table):
        if key.dimension == ALL or (key.interval not in (WHOLE, WINDOW) and key.dimension not in ("queue", "pool")):
            continue
        day, begin = when(figures.shape, key.interval)
        yield [key.name, key.dimension, day, begin, *_cells(book, figures, known, *key)]
