"""A scenario as plain as a formula: one queue, people with one or more chats each, exponential work."""

from __future__ import annotations

from pathlib import Path

POLICY = """
[policy]
name = "line"
[tenants.house]
[shops.house]
tenant = "house"
[channels.web]
messages = true
[pools.onsite]
choice = "{choice}"
[queues.help]
tenant = "house"
pools = ["onsite"]
abandon_window_ms = 0
offer_ms = 60_000
[[entry]]
name = "all"
queue = "help"
"""

SCENARIO = """
[scenario]
name = "line"
tenant = "house"
policy = "policy.toml"
day = "flat"
volume = {volume}
seed = 7
warm_up_s = 3_600
drain_s = 3_600
[days.flat]
title = "all hours alike"
half_hours = {half_hours}
[channels]
web = {{ share = 1.0 }}
[shops]
house = 1.0
[topics]
any = {{ share = 1.0 }}
[customers]
patience = {{ law = "exponential", mean_s = {patience_s} }}
[[work]]
time = {{ law = "exponential", mean_s = {work_s} }}
[people]
first_reply = {{ mean_s = 0 }}
total_rate_by_level = {rates}
[shifts]
day = ["00:00", "24:00"]
[[teams]]
name = "desk"
kind = "onsite"
crews = {{ day = {crew} }}
capacity = [{chats}, {chats}]
cost_per_hour = 30
"""


def write_line(
    folder: Path, volume: int, work_s: float, *, patience_s: float = 1e7, crew: int = 4, rates: tuple[float, ...] = (1.0,),
    half_hours: tuple[float, ...] = (1.0,) * 48, choice: str = "least_loaded",
) -> Path:  # fmt: skip
    """``volume``: contacts of the day; ``rates``: speed of 1, 2, … chats together."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy.toml").write_text(POLICY.format(choice=choice))
    text = SCENARIO.format(
        volume=volume, work_s=work_s, patience_s=patience_s, crew=crew, rates=list(rates), chats=len(rates),
        half_hours=list(half_hours),
    )  # fmt: skip
    path = folder / "scenario.toml"
    path.write_text(text)
    return path
