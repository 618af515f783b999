"""``python -m tests.fuzz``: every target for so many seconds, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from tests.fuzz.targets import CORPUS, TARGETS

NAMES = (*TARGETS, "process")
FOUND = Path(tempfile.gettempdir()) / "sluice-fuzz"
# Beyond its seconds: starting, the corpus, the last round.
GRACE_S = 180


@click.group(invoke_without_command=True)
@click.option("--seconds", default=10.0, show_default=True, help="For each target.")
@click.option("--target", "targets", multiple=True, type=click.Choice(NAMES), help="Only this one; again for more.")
@click.option("--seed", type=int, default=None, help="Of the mutations; drawn when not given.")
@click.option("--guided", is_flag=True, help="Coverage-guided, by atheris (extra `fuzz`); no server, parsers alone.")
@click.option("--json", "as_json", is_flag=True, help="Results as JSON lines.")
@click.option("--found", type=click.Path(path_type=Path), default=FOUND, help="Folder for inputs with a fault.")
@click.pass_context
def fuzz(
    context: click.Context,
    seconds: float,
    targets: tuple[str, ...],
    seed: int | None,
    guided: bool,
    as_json: bool,
    found: Path,
) -> None:
    """Malformed input by mutation. Exit 1 on a death, an undeclared exception, a hang, or memory beyond its bound."""
    if context.invoked_subcommand is not None:
        return
    seed = int.from_bytes(os.urandom(4)) if seed is None else seed
    if not as_json:
        click.echo(f"seed {seed}; {seconds:g} s a target; faults are kept in {found}")
    bad = False
    for name in targets or NAMES:
        if guided and name == "process":
            continue
        if guided:
            words = ["tests.fuzz.guided", name, str(int(seconds)), str(found / name), str(found / f"{name}-grown")]
        else:
            words = ["tests.fuzz", "one", name, "--seconds", str(seconds), "--found", str(found), "--seed", str(seed)]
        said = _child(words, seconds)
        bad = _report(name, said, as_json) or bad
    sys.exit(int(bad))


def _child(words: list[str], seconds: float) -> dict[str, object]:
    """What the child said last; a death or a hang is a fault like any other."""
    command = [sys.executable, "-m", *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE_S, check=False)
    except subprocess.TimeoutExpired:
        return {"faults": [f"hangs: no end {GRACE_S} s after its time"]}
    last = done.stdout.strip().rpartition("\n")[2]
    try:
        said: dict[str, object] = json.loads(last)
    except ValueError:
        faults = [] if done.returncode == 0 else [f"died with {done.returncode}: {done.stderr[-2000:]}"]
        figures = [line.split(":") for line in done.stderr.splitlines() if line.startswith("stat::")]
        said = {"faults": faults, **{parts[2]: int(parts[-1]) for parts in figures}}
    return said


def _report(name: str, said: dict[str, object], as_json: bool) -> bool:
    faults = said.get("faults")
    assert isinstance(faults, list)
    if as_json:
        click.echo(json.dumps({"target": name, **said}))
    else:
        figures = " ".join(f"{key}={value}" for key, value in said.items() if key not in ("faults", "target"))
        click.echo(f"{name:10} {figures} faults={len(faults)}")
        for fault in faults:
            click.echo(f"    {fault}")
    return bool(faults)


@fuzz.command()
@click.argument("target", type=click.Choice(NAMES))
@click.option("--seconds", default=0.0)
@click.option("--inputs", default=0)
@click.option("--seed", default=0)
@click.option("--found", type=click.Path(path_type=Path), default=FOUND)
def one(target: str, seconds: float, inputs: int, seed: int, found: Path) -> None:
    """One target in this process; its result as a line of JSON."""
    from tests.fuzz.campaign import Campaign

    result = Campaign(found, seed).run(target, inputs=inputs, seconds=seconds)
    click.echo(json.dumps(result.as_map()))


@fuzz.command()
@click.argument("target", type=click.Choice(list(TARGETS)))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--keep", default="", help="Also into the corpus, under this name.")
def again(target: str, file: Path, keep: str) -> None:
    """One input once more; raises what it raises."""
    from tests.fuzz.campaign import again as play_again

    data = file.read_bytes()
    if keep:
        (CORPUS / target / f"{keep}.bin").write_bytes(data)
    play_again(TARGETS[target], data)
    click.echo("fine")


fuzz()
