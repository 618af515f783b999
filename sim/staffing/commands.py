"""`sluice sim staff`: the fewest people that meet stated targets."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

STAFF_EXIT = """\b
SCENARIO is a file, or the name of one that comes along (`sluice sim run --list`).
TARGET, in quotes:
  'reply_rate(180s, 08:00-24:00, queue=presale)>=0.95'
  'abandonment<=5%'     'wait_p95_ms(tier=vip)<=30s'     'sl_all(60s, period=1h)>=0.8'

What is guaranteed: the last line but one says it. Either nobody can be spared (with one person fewer in any one interval of
any team a target is missed on the days of the search), or a step further down was not confirmed, or the budget cut the search
and perhaps fewer people would do.

\b
Exit codes:
  0    found, and confirmed on fresh runs
  1    found and not confirmed in the time given, or out of reach
  2    wrong usage, or a scenario, policy or target with problems
  130  interrupted
"""


def _language() -> str:
    return os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"


@click.command(epilog=STAFF_EXIT)
@click.argument("scenario")
@click.option("--target", "targets", multiple=True, required=True, metavar="TARGET", help="May be given several times.")
@click.option("--interval", "minutes", type=click.Choice(["15", "30", "60", "120", "240", "1440"]), default="60",
              show_default=True, help="Minutes for which people are counted.")  # fmt: skip
@click.option(
    "--reps",
    type=click.IntRange(2, 1_000),
    help="Days on which each candidate is played.  [default: 8, of slow days 3]",
)
@click.option("--fresh", type=click.IntRange(4, 1_000), default=8, show_default=True, help="Days that confirm.")
@click.option("--budget", "budget_s", type=click.FloatRange(1, 86_400), default=300.0, show_default=True,
              help="Seconds for all of it: it takes less and less away as long as time to confirm is left.")  # fmt: skip
@click.option("--volume", type=click.IntRange(1, 100_000_000), help="Contacts of the whole day.")
@click.option("--seed", type=click.IntRange(0), help="One seed, one search; confirmed on others.")
@click.option("--processes", type=click.IntRange(1, 1_000), help="Runs at once.  [default: one per core]")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for staffing.json, .csv and .svg."
)
@click.option("--json", "as_json", is_flag=True, help="End with one JSON line on stdout; the story goes to stderr.")
@click.option("--lang", default=_language, show_default="from LANG", help="Language: en or zh.")
def staff(
    scenario: str, targets: tuple[str, ...], minutes: str, reps: int | None, fresh: int, budget_s: float, volume: int | None,
    seed: int | None, processes: int | None, out: Path | None, as_json: bool, lang: str,
) -> None:  # fmt: skip
    """The fewest people, by interval and team, with whom a scenario meets its targets."""
    # Imported late: `sluice --help` needs no arrays.
    import orjson

    from sim.staffing.reading import read
    from sim.staffing.searching import Effort, NothingToMeasure, OutOfReach, TimeIsUp
    from sim.staffing.searching import staff as search
    from sim.staffing.telling import lines, table, write
    from sim.staffing.wording import TEXTS
    from sim.validation.campaign import cores

    texts = TEXTS["zh" if lang.startswith("zh") else "en"]
    interval_ms = int(minutes) * 60_000
    loaded, parsed, problems = read(scenario, targets, interval_ms, lang, volume=volume, seed=seed)
    if problems or loaded is None:
        for problem in problems:
            click.echo(f"sluice: {problem}", err=True)
        sys.exit(2)

    def told(code: str, figures: Mapping[str, object]) -> None:
        verdict = texts["met" if figures.get("met") else "missed"]
        click.echo(texts[code].format(**figures, verdict=verdict), err=as_json)

    try:
        found = search(loaded, parsed, interval_ms, Effort(reps or 0, fresh, budget_s, processes or cores()), told)
    except NothingToMeasure as error:
        click.echo(f"sluice: {texts['nothing'].format(what=error)}", err=True)
        sys.exit(2)
    except OutOfReach as error:
        click.echo(f"sluice: {texts['out_of_reach'].format(what=error)}", err=True)
        sys.exit(1)
    except TimeIsUp as error:
        click.echo(f"sluice: {texts['time_is_up'].format(what=error)}", err=True)
        sys.exit(1)
    for line in lines(found, texts):
        click.echo(line, err=as_json)
    if out is not None:
        write(found, out, texts)
    if as_json:
        click.echo(orjson.dumps(table(found)).decode())
    sys.exit(0 if found.confirmed else 1)
