"""`sluice sim`: the twin on the command line."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import click

from sim.live.commands import live
from sim.reports.commands import compare
from sim.staffing.commands import staff
from sim.twin.commands import run

BUDGET_S = 25.0

VALIDATE_EXIT = """\b
Exit codes:
  0    every case passed (unsupported kinds apart, with --skip-unsupported)
  1    a case failed
  2    wrong usage, or a file with problems
  130  interrupted

\b
The JSON line has cases, passed, failed, skipped and, per case and metric: the roads used (formula, twin), the exact
value, the formula's, the twin's with the half-width of its 95 % interval, the widest allowed, and p of a two-sided t-test.
"""


@click.group()
def sim() -> None:
    """Simulate with the dispatcher that will route, and check the figures."""


sim.add_command(run)
sim.add_command(compare)
sim.add_command(live)
sim.add_command(staff)


def _language() -> str:
    return os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"


@sim.command(epilog=VALIDATE_EXIT)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--only", multiple=True, metavar="ID", help="This case alone (may be given several times).")
@click.option("--budget", "budget_s", type=click.FloatRange(0.05, 36_000), default=BUDGET_S, show_default=True,
              help="Processor seconds for each simulated case; one whose intervals are still too wide takes up to 8 times as many.")  # fmt: skip
@click.option(
    "--contacts", type=click.IntRange(1), help="So many contacts of each case instead: the same on every machine."
)
@click.option("--json", "as_json", is_flag=True, help="End with one JSON line on stdout; the story goes to stderr.")
@click.option("--skip-unsupported", is_flag=True, help="Leave cases of unknown kinds out instead of failing.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="One seed, one stream of chance.")
@click.option("--processes", type=click.IntRange(1, 1_000), help="Cases at once.  [default: one per core]")
@click.option("--lang", default=_language, show_default="from LANG", help="Language: en or zh.")
def validate(
    file: Path, only: tuple[str, ...], budget_s: float, contacts: int | None, as_json: bool, skip_unsupported: bool, seed: int,
    processes: int | None, lang: str,
) -> None:  # fmt: skip
    """Check formulas and twin against a file of reference cases with exact answers.

    Every case that can be simulated goes through the dispatcher, under a policy made for it, as well as its closed form.
    """
    # Imported late: `sluice --help` needs no arrays.
    from sim.validation.campaign import Campaign, cores
    from sim.validation.cases import CaseErrors, load_cases
    from sim.validation.wording import texts_in

    texts = texts_in(lang)
    try:
        loaded = load_cases(file, skip_unsupported=skip_unsupported)
    except CaseErrors as error:
        for problem in error.problems:
            click.echo(f"sluice: {problem}", err=True)
        sys.exit(2)
    known = [case.id for case in loaded.cases]
    for name in only:
        if name not in known:
            raise click.BadParameter(texts["no_case"].format(id=name, known=", ".join(known)), param_hint="--only")
    cases = [case for case in loaded.cases if not only or case.id in only]
    metrics = sum(len(case.expected) for case in loaded.cases)
    campaign = Campaign(cases, max(metrics, 1), seed, budget_s, contacts or 0, processes or cores())
    sys.exit(_play(campaign, loaded.unsupported if not only else (), texts, as_json))


def _play(campaign: Any, unsupported: tuple[tuple[str, str], ...], texts: dict[str, str], as_json: bool) -> int:
    import orjson

    from sim.validation.campaign import run_campaign
    from sim.validation.telling import Teller

    begun_s = time.perf_counter()

    def say(line: str) -> None:
        click.echo(line, err=as_json)

    budget = texts["contacts" if campaign.contacts else "cpu"]
    start = {"cases": len(campaign.cases), "metrics": campaign.metrics, "processes": campaign.processes}
    limits = budget.format(contacts=campaign.contacts, seconds=campaign.budget_s)
    say(texts["start"].format(**start, budget=limits, seed=campaign.seed))
    for name, kind in unsupported:
        say(texts["skipped"].format(id=name, kind=kind))
    teller = Teller(texts, len(campaign.cases), time.perf_counter)

    def told(outcome: Any) -> None:
        for line in teller.lines(outcome):
            say(line)

    outcomes = run_campaign(campaign, told)
    passed = sum(outcome.passed for outcome in outcomes)
    counts = {
        "cases": len(outcomes) + len(unsupported),
        "passed": passed,
        "failed": len(outcomes) - passed,
        "skipped": len(unsupported),
    }
    say(texts["end"].format(**counts))
    if as_json:
        how = {"seed": campaign.seed, "budget_s": campaign.budget_s, "contacts": campaign.contacts, "metrics": campaign.metrics,
               "seconds": round(time.perf_counter() - begun_s, 1)}  # fmt: skip
        results = [outcome.table() for outcome in outcomes]
        click.echo(orjson.dumps({**counts, **how, "results": results}, option=orjson.OPT_SERIALIZE_NUMPY).decode())
    return 0 if passed == len(outcomes) else 1
