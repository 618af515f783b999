"""The what-if's folder: page, paired contacts, summary; whole or not at all."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from sim.replay.comparing import Compared
from sim.replay.outcomes import Outcome
from sim.replay.summary import EDGES_MS, histogram, over_the_day
from sim.replay.wording import TEXTS
from sim.reports.figures import safe_text
from sim.reports.folder import whole_folder
from sim.reports.page import render
from sim.reports.wording import measure_words
from sim.twin.clock import NEVER

PAGE, CONTACTS, SUMMARY = "index.html", "contacts.csv", "run.json"
HEAD = (
    "contact", "channel", "external_id", "shop", "tier", "arrived_ms", "patience_ms", "patience_drawn", "talk_drawn",
    *(f"{name}_{side}" for side in ("recorded", "a", "b") for name in ("outcome", "queue", "waited_ms", "agent", "pool", "step")),
    "difference_ms",
)  # fmt: skip


def write_what_if(both: Compared, summary: dict[str, Any], told: list[dict[str, Any]], out: Path, lang: str) -> Path:
    """Returns the page. Raises :class:`~sim.reports.folder.FolderError` where the folder is no good."""
    with whole_folder(out) as folder:
        (folder / PAGE).write_text(page(both, summary, told, lang), encoding="utf-8")
        with (folder / CONTACTS).open("w", encoding="utf-8-sig", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(HEAD)
            rows.writerows(contact_rows(both))
        (folder / SUMMARY).write_bytes(orjson.dumps(summary | {"examples": told}, option=orjson.OPT_INDENT_2))
    return out / PAGE


def page(both: Compared, summary: dict[str, Any], told: list[dict[str, Any]], lang: str) -> str:
    data = {
        "lang": lang, "title": TEXTS[lang]["title"].format(new=summary["policies"]["new"]), "texts": TEXTS, "measures": measure_words(),
        "labels": [], "summary": summary, "examples": told, "edges_ms": EDGES_MS, "histogram": histogram(both),
        "day": over_the_day(both),
    }  # fmt: skip
    return render(data, "what_if.js")


def contact_rows(both: Compared) -> Iterator[list[object]]:
    """A row per visit, in the order of arrival; lengths in ms, empty: there was none."""
    for life in both.lives.lives:
        visit = life.visit
        command = visit.command
        sides = [side.outcomes[visit.place] for side in (both.recorded, both.a, both.b)]
        a, b = sides[1], sides[2]
        is_pair = a is not None and b is not None and a.waited_for_person and b.waited_for_person
        names = [safe_text(text) for text in (command.channel, command.external_id, command.shop, visit.tier)]
        yield [
            visit.contact or "", *names, visit.at - both.day.begin_ms,
            life.patiences[0] if life.patiences[0] < NEVER else "", int(life.drawn), int(visit.place in both.b.drawn),
            *(cell for outcome in sides for cell in _cells(outcome)),
            b.waited_ms - a.waited_ms if is_pair and a is not None and b is not None else "",
        ]  # fmt: skip


def _cells(outcome: Outcome | None) -> list[object]:
    if outcome is None:
        return ["", "", "", "", "", ""]
    waited = outcome.waited_ms if outcome.waited_for_person else ""
    step = outcome.step if outcome.agent else ""
    return [outcome.kind, safe_text(outcome.queue), waited, safe_text(outcome.agent), safe_text(outcome.pool), step]
