"""`sluice sim run`: a scenario in the twin."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import click

from sim.reports.commands import check_out, report_fold, report_options

RUN_EXIT = """\b
SCENARIO is a file, or the name of one that comes along (`sluice sim run --list`).

\b
Exit codes:
  0    played
  2    wrong usage, or a scenario or policy file with problems
  130  interrupted
"""


def _language() -> str:
    return os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"


@click.command(epilog=RUN_EXIT)
@click.argument("scenario", required=False)
@click.option(
    "--reps", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Runs with seeds of their own."
)
@click.option("--processes", type=click.IntRange(1, 1_000), help="Runs at once.  [default: one per core]")
@click.option("--seed", type=click.IntRange(0), help="One seed, one run: the same customers and people.")
@click.option("--volume", type=click.IntRange(1, 100_000_000), help="Contacts of the whole day.")
@click.option("--day", help="The day's shape, one of the scenario's.")
@click.option("--at", metavar="HH:MM", help="Time of day at which play starts.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the report: page, CSV, XLSX.")
@report_options
@click.option("--json", "as_json", is_flag=True, help="End with one JSON line on stdout; the story goes to stderr.")
@click.option("--list", "listing", is_flag=True, help="Name the scenarios that come along.")
@click.option("--lang", default=_language, show_default="from LANG", help="Language: en or zh.")
def run(
    scenario: str | None, reps: int, processes: int | None, seed: int | None, volume: int | None, day: str | None,
    at: str | None, out: Path | None, interval_min: int | None, within_s: int, short_s: int | None, detail: bool, as_json: bool,
    listing: bool, lang: str,
) -> None:  # fmt: skip
    """Play a scenario with the dispatcher that will route, in simulated time."""
    # Imported late: `sluice --help` needs no arrays.
    from sim.ready_made import find_scenario, ready_made
    from sim.scenario import ScenarioErrors, load_scenario
    from sim.validation.campaign import cores

    names = ready_made()
    if listing:
        for name, where in names.items():
            click.echo(f"{name:20}  {where}")
        return
    path = find_scenario(scenario) if scenario else None
    if path is None:
        raise click.BadParameter(f"got {scenario or 'nothing'}, wanted a file or one of {', '.join(names)}")
    try:
        loaded = load_scenario(path, day=day, at=at, volume=volume, seed=seed)
    except ScenarioErrors as error:
        for problem in error.told(lang):
            click.echo(f"sluice: {problem}", err=True)
        sys.exit(2)
    folds: tuple[Any, ...] = ()
    if out is not None:
        check_out(out)
        folds = (report_fold(interval_min, within_s, short_s, detail),)
    _play(loaded, reps, min(processes or cores(), reps), folds, out, as_json, lang)


def _play(
    loaded: Any, reps: int, processes: int, folds: tuple[Any, ...], out: Path | None, as_json: bool, lang: str
) -> None:
    import orjson

    from sim.twin.money import Money
    from sim.twin.scenes import replicate
    from sim.twin.telling import Teller

    teller = Teller(loaded, reps, lang, lambda line: click.echo(line, err=as_json), time.perf_counter)
    # Where contacts are worth something: what is lost by waiting beside what the staff costs. Last: reports know their places.
    if any(topic.value for topic in loaded.topics.values()):
        folds = (*folds, Money)
    found = replicate(loaded, reps, processes, folds, told=teller.told, progress=teller.progress if reps == 1 else None)
    summary = teller.summary(found)
    if out is not None:
        from sim.reports.wording import TEXTS, language_of
        from sim.reports.writing import write_report

        page = write_report(loaded, found, out, language_of(lang))
        click.echo(TEXTS[language_of(lang)]["written"].format(path=page), err=as_json)
    if as_json:
        click.echo(orjson.dumps(summary).decode())
