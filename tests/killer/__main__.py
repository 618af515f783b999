"""``python -m tests.killer``: a real engine, kill -9 again and again, clients outside, and what the checker counts."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click

from tests.cluster import programs, running_cluster
from tests.killer.operator import Campaign, Plan


@click.command()
@click.option("--kills", default=30, show_default=True)
@click.option("--rate", default=1000.0, show_default=True, help="Contacts a second, as many as the machine carries.")
@click.option("--agents", default=0, help="As many as the rate needs, when not given.")
@click.option("--capacity", default=10, show_default=True, help="Contacts that each agent serves at once.")
@click.option("--store", default="", help="`postgresql`: a server of its own; or a URL. A folder when not given.")
@click.option("--pause", is_flag=True, help="At the end: SIGSTOP longer than the lease, a second owner, SIGCONT.")
@click.option("--fail-io", default=0, help="This call of the first engine to its disk fails.")
@click.option(
    "--fail-io-up-to", default=0, help="Without kills: one run for each call from --fail-io (or the first) to this."
)
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The verdict as one line of JSON, and nothing else.")
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Folder to leave store and history in.")
def killer(
    kills: int,
    rate: float,
    agents: int,
    capacity: int,
    store: str,
    pause: bool,
    fail_io: int,
    fail_io_up_to: int,
    seed: int,
    as_json: bool,
    keep: Path | None,
) -> None:
    """Exit 1 when anything acknowledged is lost, done twice or out of order, or the journal does not verify."""
    with ExitStack() as stack:
        if store == "postgresql":
            if programs() is None:
                raise click.UsageError("there is no PostgreSQL server here: sh tools/postgresql.sh installs Debian's")
            store = stack.enter_context(running_cluster()).new_place()
        plan = Plan(kills, rate, agents, capacity, seed, store, pause, fail_io)
        plans = [plan]
        if fail_io_up_to:
            plans = [replace(plan, kills=0, fail_io=number) for number in range(max(1, fail_io), fail_io_up_to + 1)]
        fine = [_play(each, keep, as_json) for each in plans]
    sys.exit(0 if all(fine) else 1)


def _play(plan: Plan, keep: Path | None, as_json: bool) -> bool:
    with tempfile.TemporaryDirectory(prefix="sluice-killer-") as folder:
        where = keep or Path(folder)
        where.mkdir(parents=True, exist_ok=True)
        campaign = Campaign(plan, where)
        try:
            verdict = campaign.run()
        finally:
            campaign.close()
    if not as_json:
        for problem in verdict.problems[:40]:
            click.echo(problem, err=True)
    click.echo(verdict.as_json())
    return verdict.fine


killer()
