"""`sluice sim compare`, and what `sluice sim run` needs for a report."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import click

COMPARE_EXIT = """\b
A and B are folders that `sluice sim run --out` wrote, or scenarios (a file or a name), which are played now; with
--scenario they are policy files, each in place of that scenario's.

\b
Exit codes:
  0    compared
  2    wrong usage, runs that are no pairs, or a file with problems
  130  interrupted

\b
The JSON line has runs, names and, per measure of the whole run: a, b, difference and the half-width of its 95 % interval.
"""


def _language() -> str:
    return os.environ.get("LC_ALL") or os.environ.get("LANG") or "en"


def report_options(command: Any) -> Any:
    """How a run is measured and cut; the same for both commands."""
    for option in (
        click.option("--interval", "interval_min", type=click.IntRange(1, 1440), metavar="MIN",
                     help="Length of the report's intervals, which must divide a day.  [default: by the length of the run]"),
        click.option("--within", "within_s", type=click.IntRange(1, 86_400), default=180, show_default=True, metavar="S",
                     help="T of service levels and reply rate, in seconds."),
        click.option("--short", "short_s", type=click.IntRange(0, 86_400), metavar="S",
                     help="T_short: who abandons within it is left out of one service level.  [default: T]"),
        click.option("--detail", is_flag=True, help="Also by channel, pool and agent."),
    ):  # fmt: skip
        command = option(command)
    return command


def report_fold(interval_min: int | None, within_s: int, short_s: int | None, detail: bool) -> Any:
    """A maker for :func:`sim.twin.scenes.replicate`."""
    from sim.reports.reading import ReportFold

    if interval_min and 1440 % interval_min:
        raise click.BadParameter(
            f"got {interval_min}, wanted minutes that divide a day (1440)", param_hint="--interval"
        )
    short_ms = None if short_s is None else short_s * 1000
    return partial(
        ReportFold,
        interval_ms=(interval_min or 0) * 60_000,
        within_ms=within_s * 1000,
        short_ms=short_ms,
        detailed=detail,
    )


def check_out(out: Path) -> None:
    """Before anything is played. Raises :class:`click.UsageError`."""
    from sim.reports.folder import FolderError, check_target

    try:
        check_target(out)
    except FolderError as error:
        raise click.UsageError(str(error)) from None


@click.command(epilog=COMPARE_EXIT)
@click.argument("a")
@click.argument("b")
@click.option("--scenario", help="The scenario in which policies A and B are played.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for page, CSV and XLSX.")
@click.option(
    "--reps",
    type=click.IntRange(2, 10_000),
    default=10,
    show_default=True,
    help="Runs of each, where they are played now.",
)
@click.option("--processes", type=click.IntRange(1, 1_000), help="Runs at once.  [default: one per core]")
@click.option("--seed", type=click.IntRange(0), help="One seed for both.  [default: A's]")
@click.option("--volume", type=click.IntRange(1, 100_000_000), help="Contacts of the whole day.")
@report_options
@click.option("--json", "as_json", is_flag=True, help="End with one JSON line on stdout; the story goes to stderr.")
@click.option("--lang", default=_language, show_default="from LANG", help="Language: en or zh.")
def compare(
    a: str, b: str, scenario: str | None, out: Path | None, reps: int, processes: int | None, seed: int | None, volume: int | None,
    interval_min: int | None, within_s: int, short_s: int | None, detail: bool, as_json: bool, lang: str,
) -> None:  # fmt: skip
    """What B changes against A: paired differences over runs that meet the same customers, with 95 % intervals."""
    from sim.reports.compare import CompareError, load_run, pair_of, write_compare
    from sim.reports.figures import FiguresError
    from sim.reports.wording import language_of

    lang = language_of(lang)
    if out is not None:
        check_out(out)
    folders = [Path(each) for each in (a, b) if (Path(each) / "run.json").exists()]
    try:
        if len(folders) == 2:
            both = pair_of(load_run(folders[0]), load_run(folders[1]), (a, b))
        elif folders:
            raise click.UsageError(f"got {folders[0]}, a run's folder, and something else: wanted two of a kind")
        else:
            fold = report_fold(interval_min, within_s, short_s, detail)
            both = pair_of(*_play_both(a, b, scenario, reps, processes, seed, volume, fold, lang))
    except (CompareError, FiguresError) as error:
        raise click.UsageError(str(error)) from None
    _say(both, lang, as_json)
    if out is not None:
        from sim.reports.wording import TEXTS

        click.echo(TEXTS[lang]["written"].format(path=write_compare(both, out, lang)), err=as_json)


def _play_both(
    a: str,
    b: str,
    scenario: str | None,
    reps: int,
    processes: int | None,
    seed: int | None,
    volume: int | None,
    fold: Any,
    lang: str,
) -> Any:
    from sim.reports.describing import describe
    from sim.twin.scenes import replicate
    from sim.validation.campaign import cores

    loaded = [_scenario(scenario or name, volume, seed, lang) for name in (a, b)]
    if scenario is not None:
        loaded = [_with_policy(one, Path(name), lang) for one, name in zip(loaded, (a, b), strict=True)]
    found = []
    for one, name in zip(loaded, (a, b), strict=True):
        begun_s = time.perf_counter()
        played = replicate(
            one, reps, min(processes or cores(), reps), (fold,), seed=loaded[0].seed if seed is None else seed
        )
        click.echo(f"{name}: {reps} × {one.name}, {time.perf_counter() - begun_s:.1f} s", err=True)
        found.append(describe(one, played))
    return found[0], found[1], (a, b)


def _scenario(name: str, volume: int | None, seed: int | None, lang: str) -> Any:
    from sim.ready_made import find_scenario, ready_made
    from sim.scenario import ScenarioErrors, load_scenario

    path = find_scenario(name)
    if path is None:
        wanted = f"a run's folder, a scenario file or one of {', '.join(ready_made())}"
        raise click.UsageError(f"got {name}, wanted {wanted}")
    try:
        return load_scenario(path, volume=volume, seed=seed)
    except ScenarioErrors as error:
        _end_with(error.told(lang))


def _with_policy(scenario: Any, path: Path, lang: str) -> Any:
    """The scenario under this policy, checked on its own first. What the twin then needs of it shows when it plays."""
    import msgspec

    from engine.dispatch.policy.compile import compile_policy
    from engine.dispatch.policy.problems import PolicyErrors

    try:
        text = path.read_text(encoding="utf-8")
        compile_policy(text)
    except (OSError, UnicodeDecodeError) as error:
        _end_with([f"{path} cannot be read: {error}"])
    except PolicyErrors as error:
        _end_with([str(problem) for problem in error.problems])
    return msgspec.structs.replace(scenario, policy_text=text, swaps=())


def _end_with(problems: Any) -> Any:
    for problem in problems:
        click.echo(f"sluice: {problem}", err=True)
    sys.exit(2)


def _say(both: Any, lang: str, as_json: bool) -> None:
    import orjson
    from rich.console import Console
    from rich.table import Table

    from sim.reports.describing import number
    from sim.reports.reading import ALL, NAMES, WHOLE, Slice
    from sim.reports.telling import shown
    from sim.reports.wording import TEXTS, measure_words

    texts, measures, rows = TEXTS[lang], measure_words(), {}
    table = Table(
        title=texts["compared"].format(a=both.names[0], b=both.names[1]), title_justify="left", pad_edge=False
    )
    table.add_column(texts["measure"])
    for head in (*both.names, texts["difference"], texts["half_width"], ""):
        table.add_column(head, justify="right")
    for name in NAMES:
        found = both.difference(name, Slice(ALL, "", WHOLE))
        if not found.is_known:
            continue
        a, b = both.means(name, Slice(ALL, "", WHOLE))
        rows[name] = {"a": a, "b": b, "difference": number(found.value), "half_width": number(found.half_width)}
        unit, better, words = (measures[name][key] for key in ("unit", "better", "words"))
        verdict = (
            "" if not found.differs or not better else "better" if (better == "more") == (found.value > 0) else "worse"
        )
        cells = [shown(value, str(unit)) for value in (a, b, found.value, found.half_width)]
        table.add_row(words[lang], *cells, texts[verdict] if verdict else "")  # type: ignore[index]  # a table of words
    Console(stderr=as_json).print(table)
    if as_json:
        click.echo(orjson.dumps({"names": both.names, "runs": both.a[1].runs, "measures": rows}).decode())
