"""``sluice policy``: look at a policy file before it decides anything, or begin one."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import NoReturn

import click

from engine.cli import PluginGroup
from engine.cli.policy_report import as_json, show_problems, show_report
from engine.dispatch.commands import AgentProfile
from engine.dispatch.policy.check import Report, check_policy
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.policy.loader import MAX_TEXT
from engine.dispatch.policy.problems import Lang, PolicyErrors, problem
from engine.dispatch.policy.profiles import read_profiles
from engine.dispatch.policy.template import TEMPLATE

EXIT_CODES = """\b
Exit codes:
  0  fine (remarks do not count)
  1  the policy, or the file of agents, has problems
  2  wrong usage, or a file that cannot be read or written
"""
USAGE = 2
GROUPS = re.compile(r"^\s*\[groups\.", re.MULTILINE)
FILE = click.Path(dir_okay=False, allow_dash=True, path_type=Path)


def language() -> Lang:
    """Chinese when the locale's environment says so, else English."""
    told = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "zh-CN" if told.lower().startswith("zh") else "en"


# Loaded on use: they bring the player of cases along.
TRIALS = {"test": "engine.cli.policy_trials:run_cases", "explain": "engine.cli.policy_trials:explain_policy"}


@click.group(cls=PluginGroup, own=TRIALS, entry_point_group="sluice.policy_commands", epilog=EXIT_CODES)
def policy() -> None:
    """Check a policy file, test and explain it, begin one, or swap it in a running engine."""


@policy.command(epilog=EXIT_CODES)
@click.argument("file", type=FILE)
@click.option(
    "--agents",
    "agents_file",
    type=FILE,
    help="Who there is: [groups.…] of a cases file, or [[agents]]. Says by name who can serve what.",
)
@click.option("--json", "json_out", is_flag=True, help="One JSON object instead of tables.")
@click.option("--lang", type=click.Choice(["en", "zh", "zh-CN"]), default=language, show_default="by LANG")
def check(file: Path, agents_file: Path | None, json_out: bool, lang: str) -> None:
    """Show every problem of a policy FILE with its line; for a good one, what it will do.

    That is: who can serve each queue at each step, what can never match or be reached, and the overtaking windows: how
    much later one contact may arrive than another and still be chosen first. FILE may be - for standard input.
    """
    spoken: Lang = "zh-CN" if lang.startswith("zh") else "en"
    team = "" if agents_file is None else _text_of(agents_file, json_out, spoken)
    agents: list[AgentProfile] | None = None
    at_fault = file
    try:
        text = read_text(file)
        if GROUPS.search(team):
            policy = compile_policy(text)
        if agents_file is not None:
            at_fault = agents_file
            agents = read_groups(team, policy) if GROUPS.search(team) else read_profiles(team)
            at_fault = file
        report = check_policy(text, agents)
    except PolicyErrors as errors:
        report = Report(problems=tuple(errors.problems))
    _show(report, str(at_fault), json_out, spoken)


def _text_of(file: Path, json_out: bool, lang: Lang) -> str:
    try:
        return read_text(file)
    except PolicyErrors as errors:
        _show(Report(problems=tuple(errors.problems)), str(file), json_out, lang)


def read_groups(text: str, policy: Policy) -> list[AgentProfile]:
    """A cases file's people. Its reader brings the player of cases along, so it is loaded on use."""
    from engine.trials.reading import read_team

    return read_team(text, policy)


def _show(report: Report, file: str, json_out: bool, lang: Lang) -> NoReturn:
    if json_out:
        click.echo(as_json(report, file, lang))
    elif report.problems:
        show_problems(report, file, lang)
    else:
        show_report(report, file, lang)
    sys.exit(1 if report.problems else 0)


def read_text(file: Path) -> str:
    """The file's text. One byte too many of it is enough to call it too long."""
    try:
        with click.open_file(str(file), "rb") as stream:
            data = stream.read(4 * MAX_TEXT + 1)
    except OSError as error:
        give_up(f'cannot read "{file}": {error.strerror}')
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise PolicyErrors([problem("not_utf8", (), line, ("", ""), got=str(error.start))]) from error


def give_up(sentence: str) -> NoReturn:
    click.echo(f"sluice: {sentence}", err=True)
    sys.exit(USAGE)


@policy.command(epilog=EXIT_CODES)
@click.argument("path", type=FILE, default="policy.toml")
@click.option("--force", is_flag=True, help="Write over a file that is there already.")
@click.option("--lang", type=click.Choice(["en", "zh", "zh-CN"]), default=language, show_default="by LANG")
def init(path: Path, force: bool, lang: str) -> None:
    """Write a commented example policy to PATH (policy.toml by default, - for standard output)."""
    if str(path) == "-":
        click.echo(TEMPLATE, nl=False)
        return
    try:
        with path.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(TEMPLATE)
    except FileExistsError:
        give_up(
            f'"{path}" is there already; --force writes over it' if lang == "en" else f"{path} 已存在；--force 可覆盖"
        )
    except OSError as error:
        give_up(f'cannot write "{path}": {error.strerror}')
    if lang == "en":
        click.echo(f"Wrote {path}. Next: sluice policy check {path}")
    else:
        click.echo(f"已写入 {path}。下一步：sluice policy check {path}")
