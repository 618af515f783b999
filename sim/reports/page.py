"""The page: one HTML file with everything in it, figures and ECharts included; it asks nothing of any network.

Names from scenarios and policies travel as JSON (``<``, ``>``, ``&`` and quotes escaped by Jinja2's ``tojson``) and are put into the
page as text only; its content policy forbids everything that is not in the file.
"""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sim.reports.describing import Described, number, pair
from sim.reports.figures import Figures, when
from sim.reports.reading import ALL, CAPACITY, COST, LOST, NAMES, WINDOW
from sim.reports.statistics import mean_of
from sim.reports.wording import TEXTS, measure_words

HERE: Final = Path(__file__).parent
# So many queues can be looked at one by one; more would make a page that no browser likes.
MOST_QUEUES: Final = 40
# … and so many rows a table has.
MOST_ROWS: Final = 200
WORST: Final = 10
CARDS: Final = (
    ("sl_all", "whole"), ("reply_rate", "window"), ("asa_ms", "whole"), ("wait_p95_ms", "whole"), ("first_reply_mean_ms", "whole"),
    ("abandonment", "whole"), ("containment", "whole"), ("occupancy", "whole"),
)  # fmt: skip
DRAWN: Final = (
    "submitted", "to_people", "sl_all", "sl_excl_ab_t", "sl_served", "reply_rate", "abandonment", "asa_ms", "wait_p50_ms",
    "wait_p90_ms", "wait_p95_ms", "wait_p99_ms", "queue_length", "bot_share",
)  # fmt: skip
DRAWN_OF_ALL: Final = (*DRAWN, "occupancy", CAPACITY, LOST, COST)
COLUMNS: Final = (
    "submitted", "to_people", "answered", "sl_all", "reply_rate", "asa_ms", "wait_p95_ms", "first_reply_mean_ms", "abandonment",
    "bot_share", "reoffer_share", "transfer_share",
)  # fmt: skip
STAFF_COLUMNS: Final = ("agents", "occupancy", "concurrency", "handle_ms", "not_ready_share")


def run_page(described: Described, figures: Figures, lang: str) -> str:
    """The report of one scenario."""
    data = {
        **_shared(described, figures, lang),
        "title": described.titles[lang],
        "titles": described.titles,
        "about": {
            "policy": described.policy, "seed": described.seed, "contacts": f"{described.contacts:,.0f}", "span": described.span,
            "version": described.sluice,
        },
        "within_ms": described.shape.within_ms,
        "has_money": described.shape.has_money,
        "cards": _cards(figures),
        "series": {name: _series(figures, name) for name in ("", *busiest(figures))},
        "summary": summary_rows(figures),
        "worst": [interval - figures.shape.first for interval in worst_intervals(figures)],
        "heat": _heat(figures),
        "shares": [{"pool": pool, "mean": [None if v is None else number(v) for v in shares]} for pool, shares in described.shares.items()],
        "steps": [{"name": f"{row.queue}: {row.name}", "mean": number(row.mean), "half": row.half_width} for row in described.steps],
        "columns": COLUMNS,
        "tables": {name: _table(figures, name) for name in figures.dimensions() if name not in (ALL, "pool")},
        "staff_columns": STAFF_COLUMNS,
        "staff": [_staff(described, figures, name) for name in figures.names("pool")],
    }  # fmt: skip
    return render(data, "report.js")


def _shared(described: Described, figures: Figures, lang: str) -> dict[str, Any]:
    return {
        "lang": lang,
        "texts": TEXTS,
        "measures": measure_words(),
        "runs": figures.runs,
        "labels": labels(figures),
    }


def render(data: dict[str, Any], script: str) -> str:
    """``data`` is all that the page knows; ``script``: which one fills it."""
    environment = Environment(
        loader=FileSystemLoader(HERE / "page"), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("page.html.j2").render(
        data=data,
        style=(HERE / "page" / "page.css").read_text(encoding="utf-8"),
        echarts=(HERE / "vendor" / "echarts.min.js").read_text(encoding="utf-8"),
        script="\n".join((HERE / "page" / name).read_text(encoding="utf-8") for name in ("shared.js", script)),
    )


def labels(figures: Figures) -> list[str]:
    """``HH:MM``, with the day before it where there are several."""
    found = [when(figures.shape, interval) for interval in figures.shape.intervals]
    several = len({day for day, _ in found}) > 1
    return [f"d{day} {begin[:5]}" if several else begin[:5] for day, begin in found]


def busiest(figures: Figures) -> list[str]:
    """Queues by name; of too many those with the most contacts."""
    names = [name for name in figures.names("queue") if name]
    names.sort(key=lambda name: (-(figures.mean("submitted", "queue", name).value or 0), name))
    return sorted(names[:MOST_QUEUES])


def _cards(figures: Figures) -> list[tuple[str, str]]:
    """A day without the window's hours shows its whole reply rate; without bots no containment."""
    has_window = figures.mean("reply_rate", interval=WINDOW).is_known
    cards = [(measure, "whole" if interval == "window" and not has_window else interval) for measure, interval in CARDS]
    return [(measure, interval) for measure, interval in cards if figures.mean(measure).is_known]


def _series(figures: Figures, queue: str) -> dict[str, dict[str, list[float | None]]]:
    dimension = "queue" if queue else ALL
    found: dict[str, dict[str, list[float | None]]] = {}
    for measure in DRAWN if queue else DRAWN_OF_ALL:
        pairs = [pair(figures.mean(measure, dimension, queue, interval)) for interval in figures.shape.intervals]
        found[measure] = {"mean": [mean for mean, _ in pairs], "half": [half for _, half in pairs]}
    return found


def summary_rows(figures: Figures) -> list[dict[str, Any]]:
    return [
        {"measure": name, "whole": pair(figures.mean(name)), "window": pair(figures.mean(name, interval=WINDOW))}
        for name in NAMES
        if figures.mean(name).is_known
    ]


def worst_intervals(figures: Figures) -> list[int]:
    """Lowest service level of all first; none that stands at 1, and none with hardly any contacts."""
    found = []
    busy = mean_of([figures.mean("to_people", interval=interval).value for interval in figures.shape.intervals]).value
    for interval in figures.shape.intervals:
        level, contacts = figures.mean("sl_all", interval=interval), figures.mean("to_people", interval=interval)
        if level.is_known and level.value < 1 and contacts.value >= busy / 5:
            found.append((level.value, interval))
    return [interval for _, interval in sorted(found)[:WORST]]


def _heat(figures: Figures) -> dict[str, Any]:
    pools = figures.names("pool")
    cells = [
        (x, y, number(mean.value))
        for y, pool in enumerate(pools)
        for x, interval in enumerate(figures.shape.intervals)
        if (mean := figures.mean("occupancy", "pool", pool, interval)).is_known
    ]
    return {"pools": pools, "cells": cells}


def _table(figures: Figures, dimension: str) -> list[dict[str, Any]]:
    names = figures.names(dimension)
    names.sort(key=lambda name: (-_zero_if_none(figures.mean("submitted", dimension, name).value), name))
    return [
        {"name": name, "values": [pair(figures.mean(measure, dimension, name)) for measure in COLUMNS]}
        for name in names[:MOST_ROWS]
    ]


def _zero_if_none(value: float) -> float:
    """nan does not sort."""
    return 0.0 if isnan(value) else value


def _staff(described: Described, figures: Figures, pool: str) -> dict[str, Any]:
    values = [pair(figures.mean(measure, "pool", pool)) for measure in STAFF_COLUMNS]
    fairness = described.fairness.get(pool)
    return {
        "name": pool,
        "values": values,
        "fairness": [None, None] if fairness is None else [number(each) for each in fairness],
    }
