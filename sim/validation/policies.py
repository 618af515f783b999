"""Policies for reference cases: a queue for each class, pools with their orders, nothing that passes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy
from sim.twin.model import CHANNEL, KIND, TENANT


@dataclass(frozen=True)
class Line:
    """A class's queue: the pools that it tries, in order; ``ceiling``: how many may wait there (0: endless)."""

    name: str
    pools: tuple[str, ...]
    priority: int = 0
    ceiling: int = 0


@dataclass(frozen=True)
class Team:
    """A pool: which queues a freed agent turns to, which agent an arrival gets; ``reserve`` against all but ``owners``.

    ``listed``: the order itself, or of order longest queue whose turn it is among equally long ones.
    """

    name: str
    listed: tuple[str, ...] = ()
    order: str = "strict"
    choice: str = "longest_idle"
    owners: tuple[str, ...] = ()
    reserve: int = 0


def policy_of(lines: Sequence[Line], teams: Sequence[Team]) -> Policy:
    """The compiled policy; contacts say by the attribute :data:`~sim.twin.model.KIND` where they belong."""
    return compile_policy(policy_text(lines, teams))


def policy_text(lines: Sequence[Line], teams: Sequence[Team]) -> str:
    text = ["[policy]", 'name = "case"', f"[tenants.{TENANT}]", f"[channels.{CHANNEL}]", "messages = false"]
    for team in teams:
        text += [f"[pools.{team.name}]", f'order = "{team.order}"', f'choice = "{team.choice}"']
        text += [f"listed = {_names(team.listed)}"] if team.listed else []
        text += ['ties = "listed"'] if team.listed and team.order == "longest_queue" else []
        text += [f"owners = {_names(team.owners)}", f"reserve = {team.reserve}"] if team.owners else []
    for line in lines:
        text += [f"[queues.{line.name}]", f'tenant = "{TENANT}"', f"pools = {_names(line.pools)}"]
        text += [f"priority = {line.priority}", f"ceiling = {line.ceiling}", "abandon_window_ms = 0"]
    for line in lines[:-1]:
        text += ["[[entry]]", f'name = "{line.name}"', f'queue = "{line.name}"', f'when = {{{KIND} = "{line.name}"}}']
    text += ["[[entry]]", f'name = "{lines[-1].name}"', f'queue = "{lines[-1].name}"']
    return "\n".join(text)


def _names(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"
