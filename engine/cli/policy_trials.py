"""``sluice policy test`` plays a policy's cases; ``sluice policy explain`` says what would happen to a contact."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from engine.cli.policy import FILE, USAGE, give_up, language, read_text
from engine.console.wording import Language, language_of
from engine.dispatch.commands import AgentProfile, SubmitContact
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.policy.problems import PolicyErrors, Problem
from engine.trials import foretelling, report
from engine.trials.foresight import foresee
from engine.trials.judging import run_case
from engine.trials.lengths import WANTED, find_length
from engine.trials.phrases import Speech
from engine.trials.reading import begin_of, read_cases, read_contact, read_team
from engine.trials.report import Line
from engine.trials.values import FindPolicy

TEST_EXIT_CODES = """\b
Exit codes:
  0  every case passes
  1  a case fails
  2  wrong usage, a file that cannot be read, or one with problems
"""
EXPLAIN_EXIT_CODES = """\b
Exit codes:
  0  told (that the contact would not be let in is an answer, too)
  1  the contact would be refused
  2  wrong usage, a file that cannot be read, or one with problems
"""
_STYLES: dict[str, dict[str, Any]] = {
    "pass": {"fg": "green"},
    "fail": {"fg": "red", "bold": True},
    "strong": {"bold": True},
    "plain": {},
    "faint": {"dim": True},
}
T = TypeVar("T")

_json = click.option("--json", "json_out", is_flag=True, help="One JSON object instead of text.")
_lang = click.option("--lang", type=click.Choice(["en", "zh", "zh-CN"]), default=language, show_default="by LANG")


@click.command("test", epilog=TEST_EXIT_CODES)
@click.argument("policy", type=FILE)
@click.argument("cases", type=FILE)
@click.option("--only", default="", metavar="TEXT", help="Only the cases with this text in their name.")
@click.option("--verbose", is_flag=True, help="Each expectation that holds, and each contact's story, too.")
@_json
@_lang
def run_cases(policy: Path, cases: Path, only: str, verbose: bool, json_out: bool, lang: str) -> None:
    """Play the CASES written for a POLICY through the real dispatcher, on a simulated clock.

    A case says who is there and who waits (given), what happens (when), and who gets whom, when, or never (expect). What
    fails is shown with what came instead, and why, in the dispatcher's own words. Either file may be - for standard input.
    """
    spoken = language_of(lang)
    compiled = _without_problems(policy, spoken, json_out, partial(_read_policy, policy))
    found = _without_problems(cases, spoken, json_out, lambda: read_cases(read_text(cases), compiled, beside(cases)))
    chosen = [case for case in found if only in case.name or only in case.name_zh]
    if not chosen:
        give_up(Speech(spoken).say("none_chosen", only=f'"{only}"'))
    outcomes = [run_case(compiled, case) for case in chosen]
    if json_out:
        click.echo(report.as_json(outcomes, compiled.version, str(cases), spoken))
    else:
        _show(report.render(outcomes, str(cases), spoken, verbose=verbose))
    sys.exit(0 if all(outcome.ok for outcome in outcomes) else 1)


@click.command("explain", epilog=EXPLAIN_EXIT_CODES)
@click.argument("policy", type=FILE)
@click.option("--contact", required=True, metavar="JSON", help="The contact, as below; - reads it from standard input.")
@click.option("--agents", "agents_file", type=FILE, help="Who is there: [groups.…] of a cases file, or [[agents]].")
@click.option("--bot", "bot_text", default="0s", show_default=True, metavar="LENGTH", help="How long a bot keeps it.")
@click.option("--at", "at", type=click.DateTime(), help="When it comes, in the policy's zone (else: a Monday, 10:00).")
@_json
@_lang
def explain_policy(
    policy: Path,
    contact: str,
    agents_file: Path | None,
    bot_text: str,
    at: datetime | None,
    json_out: bool,
    lang: str,
) -> None:
    """Say step by step what a POLICY does with a contact, before any such contact comes.

    Which entry rule takes it and which nearly did, who may serve it from when on, who overtakes it, and what happens when
    nobody is there. --contact holds "tenant", "channel", "shop" (each may be left out where the policy has only one) and
    "attributes", for example '{"channel": "web", "attributes": {"tier": "vip"}}'.
    """
    spoken = language_of(lang)
    bot_ms = find_length(bot_text)
    if bot_ms is None:
        give_up(f"--bot: {WANTED}; got {bot_text!r}")
    compiled = _without_problems(policy, spoken, json_out, partial(_read_policy, policy))
    submit = _without_problems("--contact", spoken, json_out, partial(_read_contact, contact, compiled))
    team: list[AgentProfile] = []
    if agents_file is not None:
        team = _without_problems(agents_file, spoken, json_out, partial(_read_team, agents_file, compiled))
    seen = foresee(compiled, submit, begin_of(compiled, at), team, bot_ms)
    if json_out:
        click.echo(foretelling.as_json(seen, compiled, spoken))
    else:
        _show(foretelling.render(seen, compiled, spoken))
    sys.exit(1 if seen.refused else 0)


def beside(cases: Path) -> FindPolicy:
    """Policies that the cases apply: their names are paths from where the cases file stands."""

    def find(name: str) -> str | None:
        file = cases.parent / name
        return read_text(file) if file.is_file() else None

    return find


def _read_policy(file: Path) -> Policy:
    return compile_policy(read_text(file))


def _read_contact(given: str, policy: Policy) -> SubmitContact:
    return read_contact(read_text(Path(given)) if given == "-" else given, policy)


def _read_team(file: Path, policy: Policy) -> list[AgentProfile]:
    return read_team(read_text(file), policy)


def _without_problems(file: Path | str, lang: Language, json_out: bool, read: Callable[[], T]) -> T:
    try:
        return read()
    except PolicyErrors as errors:
        _show_problems(str(file), errors.problems, lang, json_out)


def _show_problems(file: str, problems: list[Problem], lang: Language, json_out: bool) -> NoReturn:
    """All of them, in the file's order, as ``policy check`` shows them."""
    if json_out:
        click.echo(report.problems_as_json(file, problems, lang))
    else:
        for problem in problems:
            click.echo(problem.placed(file, lang))
        click.echo(Speech(lang).say("problems", n=len(problems)), err=True)
    sys.exit(USAGE)


def _show(lines: Iterable[Line]) -> None:
    for line in lines:
        click.echo(click.style(line.text, **_STYLES[line.style]))
