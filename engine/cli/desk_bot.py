"""``sluice desk bot``: try the bot by hand, and measure it with the labelled questions. Works on files; needs no engine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn, get_args

import click
import msgspec

from engine.bootstrap import wall_ms
from engine.cli.policy import language as spoken
from engine.desk.bot.evaluation import Asked, ask_all, by_language, confusions
from engine.desk.bot.loading import load_brain
from engine.desk.bot.questions import BadQuestions, Split, read_questions
from engine.desk.bot.turns import Reply, Said, State
from engine.desk.dates import day_of, is_day
from engine.desk.problems import DeskErrors

EXIT_CODES = """\b
Exit codes:
  0  done
  1  a file has problems
  2  wrong usage, or a file that cannot be read
"""
FOLDER = click.option(
    "--folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    default=Path("examples/desk"),
    show_default=True,
    help="Holds articles/, categories.csv, terms.csv, phrases.csv, bot.toml and questions.csv.",
)


def _day(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    if text and not is_day(text):
        raise click.BadParameter(f"got {text[:40]!r}, wanted a date YYYY-MM-DD")
    return text or day_of(wall_ms())


TODAY = click.option(
    "--today", default="", callback=_day, help="The day that decides which articles hold, YYYY-MM-DD. Today by default."
)
JSON = click.option("--json", "json_out", is_flag=True, help="One JSON object.")


@click.group(epilog=EXIT_CODES)
def bot() -> None:
    """Try the bot by hand, and measure it."""


@bot.command(name="eval", epilog=EXIT_CODES)
@FOLDER
@click.option("--split", type=click.Choice(get_args(Split)), default="dev", show_default=True)
@TODAY
@JSON
def evaluate(folder: Path, split: Split, today: str, json_out: bool) -> None:
    """Ask the bot the labelled questions of a split, and say how good it is.

    Tune with dev only; test is for the last measurement, so its mistakes are not shown.
    """
    try:
        questions = read_questions(folder / "questions.csv", split)
        brain = load_brain(folder, questions)
    except (DeskErrors, BadQuestions, OSError) as error:
        give_up(error)
    asked = ask_all(brain, questions, today)
    report: dict[str, Any] = {"split": split, "languages": msgspec.to_builtins(by_language(asked))}
    if split == "dev":
        report["confusions"] = [
            {"wanted": wanted, "got": got, "act": act, "times": times} for wanted, got, act, times in confusions(asked)
        ]
    if json_out:
        click.echo(msgspec.json.encode(report))
    else:
        _show(report, asked if split == "dev" else [])


def _show(report: dict[str, Any], asked: list[Asked]) -> None:
    languages: dict[str, dict[str, float]] = report["languages"]
    click.echo(f"{report['split']:<24}" + "".join(f"{name:>10}" for name in languages))
    for row in languages["total"]:
        click.echo(f"{row:<24}" + "".join(f"{figures[row]:>10}" for figures in languages.values()))
    for one in asked:
        if one.is_confidently_wrong or not (one.is_right or one.wanted in ("none", "human")):
            reply = one.reply
            got = reply.article or reply.act
            click.echo(f"{one.wanted} → {got} ({reply.act}, {reply.confidence:.2f}): {one.question.text}")


@bot.command(epilog=EXIT_CODES)
@click.argument("texts", nargs=-1, required=True)
@FOLDER
@TODAY
@JSON
def ask(texts: tuple[str, ...], folder: Path, today: str, json_out: bool) -> None:
    """Say TEXTS to the bot, one after the other, and see what it answers and why."""
    try:
        brain = load_brain(folder)
    except (DeskErrors, OSError) as error:
        give_up(error)
    state = State(language="zh" if spoken() == "zh-CN" else "en")
    for text in texts:
        reply = brain.reply(state, Said(text, today))
        state = reply.state
        click.echo(msgspec.json.encode(reply) if json_out else _told(text, reply))


def _told(text: str, reply: Reply) -> str:
    about = ", ".join(filter(None, (reply.act, reply.intent, f"{reply.confidence:.2f}" if reply.confidence else "")))
    if reply.lookup:
        return f"> {text}\n[{about}: {reply.lookup.kind} {reply.lookup.key}]\n"
    return f"> {text}\n[{about}]\n{reply.text}\n" + (f"\n{reply.hand_off.summary}\n" if reply.hand_off else "")


def give_up(error: Exception) -> NoReturn:
    """Every problem with its place, in the language of the locale."""
    lines = (
        [problem.sentence(spoken()) for problem in error.problems] if isinstance(error, DeskErrors) else [str(error)]
    )
    for line in lines:
        click.echo(f"sluice: {line}", err=True)
    sys.exit(2 if isinstance(error, OSError) else 1)
