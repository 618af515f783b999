"""What a load test needs to know of a policy to play its customers and agents: read from the file's text."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any

_WORDS = re.compile(r'"[^"]*"|(not\s+)?(@?)([A-Za-z_][\w-]*)')
_OPERATORS = {"and", "or", "not", "in", "true", "false"}


@dataclass(frozen=True)
class Shop:
    """The names that submits and profiles may use. ``intents``: per entry rule that leads to a queue, what matches it."""

    tenant: str
    shops: tuple[str, ...]
    channels: tuple[str, ...]
    pools: tuple[str, ...]
    bot_pools: tuple[str, ...]
    skills: tuple[str, ...]
    intents: tuple[dict[str, Any], ...]

    @property
    def has_bots(self) -> bool:
        return bool(self.bot_pools)


def skills_in(requirement: str) -> set[str]:
    """Every skill that a requirement wants; those under a plain ``not`` are left out, attributes too."""
    return {
        name
        for negated, at, name in _WORDS.findall(requirement)
        if name and not negated and not at and name not in _OPERATORS
    }


def read(text: str) -> Shop:
    """The shop of a policy's text: its first tenant with a queue, chat channels only."""
    policy = tomllib.loads(text)
    queues: dict[str, dict[str, Any]] = policy.get("queues", {})
    tenant = next(queue["tenant"] for queue in queues.values())
    ours = {name: queue for name, queue in queues.items() if queue["tenant"] == tenant}
    steps = [step for queue in ours.values() for step in queue.get("steps", [])]
    rules = [rule for rule in policy["entry"] if rule.get("queue") in ours]
    wanted = [queue.get("requirement", "") for queue in ours.values()] + [rule.get("requirement", "") for rule in rules]
    channels = {name: channel for name, channel in policy.get("channels", {}).items() if channel.get("messages", True)}
    intents = ({key: _first(value) for key, value in rule.get("when", {}).items()} for rule in rules)
    return Shop(
        tenant=tenant,
        shops=tuple(name for name, shop in policy.get("shops", {}).items() if shop["tenant"] == tenant),
        channels=tuple(channels),
        pools=_names([*ours.values(), *steps], "pools", "add_pools"),
        bot_pools=_names([*ours.values()], "bot_pools"),
        skills=tuple(sorted(set().union(*(skills_in(text) for text in wanted)))),
        # Channels that limit how many an agent holds would choke a load test whose agents all look alike.
        intents=tuple(i for i in intents if not channels.get(i.get("channel", ""), {}).get("limit")),
    )


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) else value


def _names(tables: list[dict[str, Any]], *keys: str) -> tuple[str, ...]:
    return tuple(sorted({name for table in tables for key in keys for name in table.get(key, [])}))
