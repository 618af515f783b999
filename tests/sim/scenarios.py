"""A small scenario to be written to a file, with changes."""

from __future__ import annotations

from pathlib import Path

from sim.scenario import Scenario, ScenarioErrors, load_scenario

POLICY = """
[policy]
name = "house"

[tenants.house]

[channels.chat]

[channels.phone]
messages = false

[pools.onsite]

[pools.bot]

[queues.sales]
tenant = "house"
requirement = "selling"
pools = ["onsite"]
bot_pools = ["bot"]

[queues.help]
tenant = "house"
requirement = ""
pools = ["onsite"]
ceiling = 30

[[entry]]
name = "sales"
when = { topic = "buy" }
queue = "sales"

[[entry]]
name = "help"
queue = "help"
"""

SCENARIO = """
[scenario]
name = "house"
tenant = "house"
policy = "policy.toml"
day = "plain"
volume = 2_400
at = "08:00"
for_h = 1
drain_s = 1_200

[days.plain]
title = "every hour the same"
half_hours = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]

[channels]
chat = { share = 1.0 }

[topics]
buy = { share = 0.5 }
ask = { share = 0.5 }

[customers]
patience = { law = "exponential", mean_s = 300 }

[[work]]
time = { law = "exponential", mean_s = 120 }

[shifts]
day = ["06:00", "20:00"]

[[teams]]
name = "people"
kind = "onsite"
crews = { day = 6 }
capacity = [1, 1]
skills = { selling = [3, 8] }
"""


def written(folder: Path, *changes: tuple[str, str], more: str = "") -> Path:
    """The file, with each first text replaced (it must be there), and more tables at its end."""
    text = SCENARIO
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
    path = folder / "scenario.toml"
    path.write_text(text + more, encoding="utf-8")
    return path


def small(folder: Path, *changes: tuple[str, str], more: str = "") -> Scenario:
    return load_scenario(written(folder, *changes, more=more))


def refused(folder: Path, *changes: tuple[str, str], more: str = "", lang: str = "en") -> list[str]:
    """What is said of it, with the folder left out."""
    try:
        small(folder, *changes, more=more)
    except ScenarioErrors as error:
        return [problem.replace(f"{folder}/", "") for problem in error.told(lang)]
    return []
