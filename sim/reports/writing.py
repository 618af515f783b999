"""A run's folder: page, figures, spreadsheet, and what was played."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from sim.reports.describing import Described, describe, write_described
from sim.reports.figures import HEAD, Figures
from sim.reports.folder import whole_folder
from sim.reports.page import run_page
from sim.reports.spreadsheet import write_run_book
from sim.scenario import Scenario
from sim.twin.listening import Replication

PAGE, FIGURES, BOOK = "index.html", "figures.csv", "report.xlsx"


def write_report(scenario: Scenario, found: Sequence[Replication], out: Path, lang: str, place: int = 0) -> Path:
    """Everything or nothing; returns the page. ``place``: the report's fold among the folds asked for.

    Raises :class:`~sim.reports.folder.FolderError` where the folder is no good.
    """
    described, figures = describe(scenario, found, place)
    with whole_folder(out) as folder:
        write_folder(described, figures, folder, lang)
    return out / PAGE


def write_folder(described: Described, figures: Figures, folder: Path, lang: str) -> None:
    (folder / PAGE).write_text(run_page(described, figures, lang), encoding="utf-8")
    write_figures(figures, folder / FIGURES)
    write_run_book(described, figures, folder / BOOK, lang)
    write_described(described, folder)


def write_figures(figures: Figures, path: Path) -> None:
    """With a byte-order mark, so that spreadsheets read Chinese names."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(HEAD)
        rows.writerows(figures.rows())
