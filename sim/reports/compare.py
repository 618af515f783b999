"""Two runs of the same customers, B less A, pair by pair: what another policy, or other people, would have changed.

Runs pair when their seeds are the same one by one and their intervals and T alike; then run k of both met the same arrivals,
patience and work, and the differences scatter far less than the runs.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import msgspec

from sim.reports.describing import Described, number, pair
from sim.reports.figures import Figures, FiguresError, load_figures, safe_text, when
from sim.reports.folder import whole_folder
from sim.reports.page import COLUMNS, MOST_ROWS, busiest, labels, render
from sim.reports.reading import ALL, NAMES, WHOLE, WINDOW, Slice
from sim.reports.spreadsheet import Book
from sim.reports.statistics import NOTHING, Mean, paired
from sim.reports.wording import TEXTS, measure_words

DRAWN = ("sl_all", "reply_rate", "abandonment", "asa_ms", "wait_p95_ms", "queue_length")
HEAD = ("dimension", "name", "day", "from", "measure", "a", "b", "difference", "half_width", "pairs")


class CompareError(Exception):
    """Two runs that do not compare, or a folder that holds none; says what was wanted."""


class Pair(msgspec.Struct, frozen=True):
    """``names``: what A and B are called on the page."""

    a: tuple[Described, Figures]
    b: tuple[Described, Figures]
    names: tuple[str, str]

    def difference(self, measure: str, key: Slice) -> Mean:
        before, after = self.a[1].values(measure, key), self.b[1].values(measure, key)
        return NOTHING if before is None or after is None else paired(before, after)

    def means(self, measure: str, key: Slice) -> tuple[float | None, float | None]:
        return number(self.a[1].mean(measure, *key).value), number(self.b[1].mean(measure, *key).value)

    @property
    def slices(self) -> list[Slice]:
        return sorted(set(self.a[1].table) & set(self.b[1].table))


def load_run(folder: Path) -> tuple[Described, Figures]:
    """A report's folder. Raises :class:`CompareError` or :class:`FiguresError`."""
    try:
        described = msgspec.json.decode((folder / "run.json").read_bytes(), type=Described)
    except FileNotFoundError:
        raise CompareError(f"{folder} holds no run.json: wanted a folder that `sluice sim run --out` wrote") from None
    except (OSError, msgspec.DecodeError) as error:
        raise CompareError(f"{folder / 'run.json'} cannot be read: {error}") from error
    if described.kind != "run":
        raise CompareError(f"{folder} holds a {described.kind}, wanted the folder of one run")
    try:
        return described, load_figures(folder / "figures.csv", described.shape, described.seeds)
    except OSError as error:
        raise FiguresError(f"{folder / 'figures.csv'} cannot be read: {error}") from error


def pair_of(a: tuple[Described, Figures], b: tuple[Described, Figures], names: tuple[str, str]) -> Pair:
    """Raises :class:`CompareError` when the runs are no pairs."""
    first, second = a[0], b[0]
    if first.seeds != second.seeds:
        raise CompareError(
            f"{names[0]} has {first.runs} run(s) from seed {first.seed}, {names[1]} {second.runs} from seed {second.seed}:"
            " wanted the same seeds (run both with the same --seed and --reps)"
        )
    shapes = [
        (d.shape.interval_ms, d.shape.first, d.shape.last, d.shape.within_ms, d.shape.short_ms) for d in (first, second)
    ]
    if shapes[0] != shapes[1]:
        raise CompareError(
            f"the runs are cut otherwise: {names[0]} {shapes[0]}, {names[1]} {shapes[1]}"
            " (interval_ms, first, last, within_ms, short_ms); wanted the same hours, --interval and --within"
        )
    return Pair(a, b, names)


def compare_page(both: Pair, lang: str) -> str:
    figures = both.a[1]
    known = [name for name in NAMES if both.difference(name, Slice(ALL, "", WHOLE)).is_known]
    data: dict[str, Any] = {
        "lang": lang, "title": f"{both.names[1]} – {both.names[0]}", "names": both.names, "texts": TEXTS,
        "measures": measure_words(), "runs": figures.runs, "labels": labels(figures),
        "about": {"policy_a": both.a[0].policy, "policy_b": both.b[0].policy, "version": both.b[0].sluice},
        "drawn": [name for name in DRAWN if name in known],
        "overall": [_overall(both, name) for name in known],
        "series": {queue: _series(both, queue) for queue in ("", *busiest(figures))},
        "columns": COLUMNS,
        "tables": {name: _table(both, name) for name in figures.dimensions() if name not in (ALL, "pool")},
    }  # fmt: skip
    return render(data, "compare.js")


def _row(mean: Mean) -> dict[str, float | None]:
    value, half = pair(mean)
    return {"value": value, "half": half}


def _overall(both: Pair, measure: str) -> dict[str, Any]:
    a, b = both.means(measure, Slice(ALL, "", WHOLE))
    whole, window = (_row(both.difference(measure, Slice(ALL, "", interval))) for interval in (WHOLE, WINDOW))
    return {"measure": measure, "a": a, "b": b, "whole": whole, "window": window}


def _series(both: Pair, queue: str) -> dict[str, dict[str, list[float | None]]]:
    found: dict[str, dict[str, list[float | None]]] = {}
    for measure in DRAWN:
        means = [
            pair(both.difference(measure, Slice("queue" if queue else ALL, queue, interval)))
            for interval in both.a[1].shape.intervals
        ]
        found[measure] = {"mean": [mean for mean, _ in means], "half": [half for _, half in means]}
    return found


def _table(both: Pair, dimension: str) -> list[dict[str, Any]]:
    names = sorted({*both.a[1].names(dimension), *both.b[1].names(dimension)})[:MOST_ROWS]
    return [
        {"name": name, "values": [_row(both.difference(measure, Slice(dimension, name, WHOLE))) for measure in COLUMNS]}
        for name in names
    ]


def write_compare(both: Pair, out: Path, lang: str) -> Path:
    """Page, CSV and XLSX; everything or nothing. Returns the page."""
    with whole_folder(out) as folder:
        (folder / "index.html").write_text(compare_page(both, lang), encoding="utf-8")
        with (folder / "differences.csv").open("w", encoding="utf-8-sig", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(HEAD)
            for key in both.slices:
                for measure in NAMES:
                    found = both.difference(measure, key)
                    if found.is_known:
                        numbers = [*both.means(measure, key), number(found.value), number(found.half_width)]
                        cells = ["" if value is None else value for value in numbers]
                        rows.writerow(
                            [
                                key.dimension,
                                safe_text(key.name),
                                *when(both.a[1].shape, key.interval),
                                measure,
                                *cells,
                                found.runs,
                            ]
                        )
        _write_book(both, folder / "differences.xlsx", lang)
        described = msgspec.structs.replace(both.b[0], kind="comparison", steps=(), shares={}, fairness={})
        (folder / "run.json").write_bytes(msgspec.json.format(msgspec.json.encode(described), indent=1) + b"\n")
    return out / "index.html"


def _write_book(both: Pair, path: Path, lang: str) -> None:
    book = Book(path, lang)
    texts = book.texts
    heads = [
        texts["name"],
        texts["dimension"],
        texts["day"],
        texts["from"],
        texts["measure"],
        *both.names,
        texts["difference"],
        texts["half_width"],
    ]
    rows = []
    for key in both.slices:
        if key.interval not in (WHOLE, WINDOW) and key.dimension != ALL:
            continue
        day, begin = when(both.a[1].shape, key.interval)
        for measure in NAMES:
            found = both.difference(measure, key)
            if found.is_known:
                numbers = [*both.means(measure, key), number(found.value), number(found.half_width)]
                cells = [book.value(measure, value) for value in numbers]
                rows.append([key.name, key.dimension, day, begin, book.title(measure), *cells])
    book.sheet(texts["sheet_differences"], heads, rows, fixed=5)
    book.close()
