"""The sweep's plot: cost per life against each axis, with the targets. Needs the extra ``plots``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

INK, FAINT, LIMIT = "#1f4e79", "#9aa5b1", "#c0392b"
TITLES = {"agents": "agents", "waiting": "contacts that wait", "queues": "queues"}


def draw(
    series: dict[str, list[dict[str, Any]]], targets: Sequence[tuple[str, int, int, float]], folder: Path
) -> list[Path]:
    """One panel per axis, all on one scale of µs per life; the same points give the same bytes of SVG."""
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    panels = figure.subplots(1, len(series), sharey=True)
    for panel, (axis, points) in zip(panels, series.items(), strict=True):
        _panel(panel, axis, points)
        costs = {int(point[axis]): float(point["us_per_life"]) for point in points}
        for on, near, far, times in targets:
            if on == axis and near in costs:
                _limit(panel, near, far, costs[near] * times, f"≤ {times:g} × from {near:,} to {far:,}")
        if panel.get_legend_handles_labels()[0]:
            panel.legend(loc="upper left", fontsize=8, frameon=False)
    panels[0].set_ylabel("µs per life")
    top = max((panel.dataLim.y1 for panel in panels), default=1.0)
    panels[0].set_ylim(0, top * 1.35 if top > 0 else 1.0)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / "sweep.svg", folder / "sweep.png"]
    with mpl.rc_context({"svg.hashsalt": "sweep", "svg.fonttype": "none"}):
        figure.savefig(paths[0], metadata={"Date": None})
        figure.savefig(paths[1], dpi=150)
    return paths


def _panel(panel: Axes, axis: str, points: Sequence[dict[str, Any]]) -> None:
    at = [int(point[axis]) for point in points]
    if 0 in at:  # nobody waits: left of the logarithm
        panel.set_xscale("symlog", linthresh=100, linscale=0.5)
    else:
        panel.set_xscale("log")
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.tick_params(axis="x", labelrotation=30, labelsize=8)
    panel.set_xlabel(TITLES[axis])
    panel.grid(True, color=FAINT, alpha=0.3, linewidth=0.6)
    panel.spines[["top", "right"]].set_visible(False)
    panel.plot(at, [point["us_per_life"] for point in points], "o-", color=INK, label="wall time")
    panel.plot(at, [point["cpu_us_per_life"] for point in points], "x:", color=INK, alpha=0.5, label="processor time")


def _limit(panel: Axes, near: int, far: int, cost: float, label: str) -> None:
    panel.plot([near, far], [cost, cost], "--", color=LIMIT, linewidth=1.2, alpha=0.8, label=label)
    panel.plot([far], [cost], "v", color=LIMIT, markersize=6)
