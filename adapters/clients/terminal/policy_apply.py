"""``sluice policy apply``: swap the policy of a running engine, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import click

from adapters.clients.protocol import Refused
from adapters.clients.terminal.engine_options import EXIT_REFUSED, Door, engine_options, json_option, print_json, run
from adapters.clients.terminal.texts import clean
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.problems import PolicyErrors

EXIT_CODES = """\b
Exit codes:
  0    applied
  1    refused: the file has problems (each with its line), or may not be applied; the old policy stays
  2    wrong usage, or a file that cannot be read
  3    no engine answers, or the connection was lost
  130  interrupted
"""


@click.command(epilog=EXIT_CODES)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@engine_options
def apply(door: Door, file: Path, as_json: bool) -> None:
    """Check FILE, and send it to a running engine, which swaps it in whole or keeps the old one.

    Waiting contacts keep their clocks and open offers stand. `sluice policy check FILE` looks at it beforehand.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise click.UsageError(
            f"{file}: not UTF-8, got byte {error.object[error.start]:#04x} at {error.start}"
        ) from None
    run(send_policy, door, file, text, as_json)


async def send_policy(door: Door, file: Path, text: str, as_json: bool) -> None:
    problems = check(file, text, door)
    if problems:
        refuse(problems, as_json)
    async with door.connect("supervisor") as client:
        try:
            result = await client.do({"type": "policy.apply", "text": text})
        except Refused as refused:
            if refused.code != "bad_policy":
                raise
            refuse([f"{file}: {line}" for line in (refused.got or str(refused)).splitlines()], as_json)
        version = result.get("version") or (await client.ask({"type": "policy"})).get("version", "")
    if as_json:
        print_json({"ok": True, "version": version, "lsn": result.get("lsn", 0)})
    else:
        click.echo(door.texts.say("policy.applied", version=version, lsn=result.get("lsn", 0)))


def check(file: Path, text: str, door: Door) -> list[str]:
    """Every problem with its place, found here; the engine looks again, and has the last word."""
    try:
        compile_policy(text)
    except PolicyErrors as errors:
        return [problem.placed(str(file), door.texts.language) for problem in errors.problems]
    return []


def refuse(problems: list[str], as_json: bool) -> NoReturn:
    if as_json:
        print_json({"ok": False, "problems": problems})
    else:
        for problem in problems:
            click.echo(clean(problem), err=True)
    raise SystemExit(EXIT_REFUSED)
