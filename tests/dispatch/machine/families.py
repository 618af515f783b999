"""Small families of policies and profiles, one per number: few names, so that everything meets everything.

A number stands for the whole text, so a failure prints `policy=17` and not three pages, and a run draws little.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

import numpy as np

from engine.dispatch import commands as cm
from tests.dispatch.stage import policy_text

V = TypeVar("V")

QUEUES = ("a", "b", "c")
AGENTS = ("ann", "ben", "cid", "robo")
POOLS = ("onsite", "remote", "bot")
NEEDS = ("", "x >= 3", "x and (y or z >= 4)", 'not t and @site = "n"')
WISHES = ("", "", "", "y", "z >= 9")
POLICIES = 400
PROFILES = 60
CHANNELS: dict[str, Any] = {
    "web": {"cost": 1},
    "phone": {"cost": 2, "limit": 2, "messages": False},
    "mail": {"cost": 1, "interruptible": True},
}
ENTRY: list[dict[str, Any]] = [
    {"name": "paid", "when": {"order": ["paid"]}, "queue": "b", "priority": 1},
    {"name": "blocked", "when": {"blocked": [True]}, "deflect": {"reason": "blocklist", "alternative": "message"}},
    {"name": "wish", "when": {"wish": ["y"]}, "queue": "a", "requirement": "y >= 1"},
]


class Dice:
    """Draws of one numbered stream."""

    def __init__(self, *number: int) -> None:
        self.rng = np.random.default_rng(number)

    def pick(self, values: Sequence[V]) -> V:
        return values[int(self.rng.integers(len(values)))]

    def flip(self, share: float = 0.5) -> bool:
        return bool(self.rng.random() < share)


def steps(dice: Dice, pools: list[str]) -> list[dict[str, Any]]:
    found = []
    closed = [name for name in ("onsite", "remote") if name not in pools]
    for number in range(dice.pick([0, 1, 2, 2])):
        actions: list[dict[str, Any]] = [{"relax": ["x"]}, {"raise_priority": 2}, {"relax": ["site", "t"]}]
        if closed:
            actions = [{"add_pools": [closed.pop()]}, *actions]
        found.append(
            {
                "name": f"s{number}",
                "clock": dice.pick(["waited", "step", "age"]),
                "after_ms": dice.pick([2_000, 5_000]),
                "when_nobody": dice.flip(0.4),
                **dice.pick(actions),
            }
        )
    return found


def conditions(table: dict[str, Any], following: str, dice: Dice) -> None:
    """Some of the queue's steps ask for more than their clock; some offer a bot, or end in the ``following`` queue."""
    steps: list[dict[str, Any]] = table["steps"]
    for step in steps:
        step.update(dice.pick([{}, {}, {"queue_length": 2}, {"queue_length": 3}, {"estimated_wait_ms": 1_500}]))
        if (step.keys() & {"queue_length", "estimated_wait_ms"} and dice.flip()) or (
            step["when_nobody"] and dice.flip(0.3)
        ):
            del step["after_ms"]
        if "bot_pools" in table and dice.flip(0.4):
            step["offer"] = ["bot"]
    if following and dice.flip(0.3):
        last = {"name": "last", "clock": "waited", "after_ms": 6_000, "queue_length": dice.pick([0, 2])}
        steps.append({**last, "move_to": following})


def ask_lenders(dice: Dice, queues: dict[str, dict[str, Any]], pools: dict[str, dict[str, Any]]) -> None:
    """Some steps ask for a lender's service level, with or without a clock."""
    for queue, table in queues.items():
        lenders = [name for name, pool in pools.items() if "lend_kpi" in pool and queue not in pool["owners"]]
        for step in table["steps"]:
            if lenders and dice.flip():
                step["lender_kpi"] = dice.pick(lenders)


def life(dice: Dice, names: Sequence[str]) -> dict[str, Any]:
    """Silence and reopening, unanswered, affinity, hand-over; some of them, as a shop would."""
    found: dict[str, Any] = {}
    if dice.flip():
        found |= {"remind_ms": dice.pick([0, 1_500]), "dormant_ms": dice.pick([0, 1_000, 2_000])}
        found |= {"idle_close_ms": dice.pick([0, 2_500, 2_500])}
        if found["idle_close_ms"]:
            found |= {"reopen_ms": dice.pick([0, 6_000, 9_000])}
    if dice.flip(0.4):
        found |= {"unanswered_ms": dice.pick([2_000, 5_000])}
    if dice.flip(0.4):
        found |= {"last_agent_ms": dice.pick([1_000, 4_000]), "named_agent_ms": dice.pick([0, 3_000])}
    if dice.flip(0.4):
        found |= {"hand_over": "team", "hand_over_ms": dice.pick([1_000, 4_000])}
    if dice.flip(0.3):
        found |= {"hand_over_queue": dice.pick(names)}
    return found


def queue(dice: Dice, more: Dice, names: Sequence[str]) -> dict[str, Any]:
    pools = dice.pick([["onsite"], ["onsite"], ["onsite", "remote"], ["remote", "onsite"]])
    table: dict[str, Any] = {
        "requirement": dice.pick(NEEDS),
        "pools": pools,
        "priority": dice.pick([0, 0, 1, 2]),
        "boost": dice.pick([0.0, 0.05]),
        "slope": dice.pick([1.0, 1.0, 3.0]),
        "offer_ms": dice.pick([3_000, 4_000]),
        "hold_ms": 2_500,
        "wrap_up_ms": dice.pick([0, 0, 3_000]),
        "rona": dice.pick(["not_ready", "back_off", "lower_capacity"]),
        "rona_return_ms": dice.pick([3_500, 6_000]),
        "decline_back_off_ms": dice.pick([0, 1_500]),
        "decliner_memory_ms": dice.pick([0, 4_000, 9_000]),
        "transfer_prefer_ms": dice.pick([0, 5_000]),
        "sticky_ms": dice.pick([0, 6_000]),
        "abandon_window_ms": dice.pick([0, 5_000]),
        **life(more, names),
        "reply_warn_ms": 6_000,
        "reply_breach_ms": 9_000,
        "steps": steps(dice, pools),
    }
    if dice.flip():
        table["bot_pools"] = ["bot"]
    return table


def channels(dice: Dice) -> dict[str, Any]:
    """Costs that fall when the customer sleeps or the talk is over."""
    found = {name: dict(table) for name, table in CHANNELS.items()}
    if dice.flip(0.4):
        found["web"] |= {"cost": 2, "dormant_cost": dice.pick([0, 1]), "limit": dice.pick([0, 2])}
    if dice.flip(0.4):
        found["phone"] |= {"wrap_up_cost": dice.pick([0, 1])}
    if dice.flip(0.3):
        found["mail"] |= {"wrap_up_cost": 0, "limit": 2}
    return found


def domain(dice: Dice, names: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"finish_ms": dice.pick([0, 0, 3_000])}
    if dice.flip():
        found |= {"supervisors_queue": names[-1], "delivery_limit": dice.pick([1, 3])}
    return found


def pool(dice: Dice, names: Sequence[str]) -> dict[str, Any]:
    return {
        "order": dice.pick(["strict", "strict", "score"]),
        "choice": dice.pick(["longest_idle", "least_loaded", "most_proficient"]),
        "listed": dice.pick([[], [], [names[-1]]]),
    }


def drawing(pool: str, queues: dict[str, dict[str, Any]]) -> list[str]:
    """The queues that may draw on the pool."""
    found = []
    for name, table in queues.items():
        names = [*table["pools"], *table.get("bot_pools", ())]
        names += [added for step in table["steps"] for added in step.get("add_pools", ())]
        if pool in names:
            found.append(name)
    return found


def own_rules(dice: Dice, name: str, queues: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What a pool may say besides order and choice: whom it lends to, whose turn it is, how much is too much."""
    table: dict[str, Any] = {}
    if dice.flip(0.5):
        table["order"] = dice.pick(["promise", "promise", "longest_queue"])
        if table["order"] == "promise" and dice.flip():
            table["overdue"] = "last"
    if dice.flip(0.5):
        table["choice"] = dice.pick(["most_loaded", "round_robin", "weighted"])
        if table["choice"] == "weighted":
            table["weights"] = {"idle": dice.pick([0, 2]), "load": 1, "proficiency": dice.pick([0, 3])}
    drawn = drawing(name, queues)
    if len(drawn) > 1 and dice.flip(0.6):
        table |= {"owners": [dice.pick(drawn)], "reserve": dice.pick([1, 1, 2])}
        if dice.flip(0.4):
            table["lend_kpi"] = {"share": 0.5, "within_ms": 3_000, "window_ms": dice.pick([60_000, 120_000])}
    table["shares"] = dice.pick(["none", "tenant", "shop"])
    table["rona_share"] = dice.pick([1.0, 0.5])
    table["daily_quota"] = dice.pick([0, 0, 0, 3])
    return table


# The machine's time begins at 00:16:40 of a thursday: minutes open and minutes closed, some of them longer.
CALENDARS: dict[str, Any] = {
    "odd": {"zone": "UTC", "weekly": {"thu": [f"00:{m:02}-00:{m + 1:02}" for m in range(17, 58, 2)]}},
    "day": {"zone": "UTC", "weekly": {"thu": ["00:00-00:17", "00:18-00:22", "00:25-08:00"], "fri": "00:00-24:00"}},
}


def keep_hours(dice: Dice, queues: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Hours, ceilings, quotas and promises into some of the queues and shops; returns what else the policy needs."""
    for table in queues.values():
        if dice.flip(0.6):
            table["hours"] = dice.pick(["odd", "day"])
            table["closed"] = dice.pick(["serve", "message", "bot" if "bot_pools" in table else "message"])
            table["closed_notice"] = "closed"
        if table.get("closed") == "message" or dice.flip(0.7):
            table["promise_ms"] = dice.pick([5_000, 20_000])
            table["release_per_minute"] = dice.pick([0, 20, 60])
            table["release_lead_ms"] = dice.pick([0, 3_000])
        if dice.flip(0.3):
            table["ceiling"] = dice.pick([2, 4])
        if dice.flip(0.2):
            table["daily_quota"] = dice.pick([6, 60])
    shops = {"flagship": dice.pick([{}, {"hours": "odd"}, {"hours": "day"}, {"ceiling": 3}, {"daily_quota": 9}])}
    entry = dice.pick([
        [], [{"name": "late", "while_closed": "odd", "when": {"wish": ["y"]}, "queue": "b"}],
        [{"name": "crowd", "queue_length": 2, "of_queue": "a", "queue": "b"}],
    ])  # fmt: skip
    asked = {queue.get("hours") for queue in queues.values()} | {shops["flagship"].get("hours")}
    asked |= {rule.get("while_closed") for rule in entry}
    return {"calendars": {name: CALENDARS[name] for name in CALENDARS if name in asked}, "shops": shops, "entry": entry}


@cache
def policy(number: int) -> str:
    """The text of policy ``number``: two or three queues on three pools; 0 is the plainest."""
    if number == 0:
        return policy_text(queues={"a": {}, "b": {}}, pools={name: {} for name in POOLS}, channels=CHANNELS)
    dice, more = Dice(1, number), Dice(4, number)
    names = QUEUES[: dice.pick([2, 3])]
    queues = {name: queue(dice, more, names) for name in names}
    again = Dice(6, number)
    for name, following in zip(names, (*names[1:], ""), strict=True):
        conditions(queues[name], following, again)
    pools = {name: pool(dice, names) for name in POOLS}
    late = Dice(5, number)
    house: dict[str, Any] = keep_hours(late, queues) if late.flip() else {}
    shops = dict(house.get("shops", {}))
    if more.flip(0.3):
        shops["flagship"] = {**shops.get("flagship", {}), "limit": 2}
    single = Dice(6, number)
    if single.flip(0.6):
        for table in queues.values():
            table["target_ms"] = single.pick([4_000, 10_000, 20_000])
        for name, table in pools.items():
            table |= own_rules(single, name, queues)
        for table in pools.values():
            if table["order"] == "longest_queue" and table["listed"]:
                table["ties"] = Dice(9, number).pick(["waited", "listed"])
        ask_lenders(Dice(8, number), queues, pools)
    if any(table.get("shares") == "shop" for table in pools.values()):
        shops["outlet"] = {"weight": 3}
    return policy_text(
        queues=queues,
        pools=pools,
        channels=channels(more),
        shops=shops,
        calendars=house.get("calendars", {}),
        entry=[*house.get("entry", []), *ENTRY],
        domain={"grace_ms": 4_000, "several_per_customer": dice.flip(0.3), **domain(more, names)},
        bot_first=[name for name in names if "bot_pools" in queues[name] and dice.flip()],
        name=f"p{number}",
    )


@cache
def profile(agent: str, number: int) -> cm.AgentProfile:
    """Profile ``number`` of this agent; 0 is the plainest. ``robo`` is always a bot."""
    dice = Dice(2, number)
    bot = agent == "robo"
    if number == 0:
        return cm.AgentProfile(
            agent=agent,
            kind=cm.AgentKind.BOT if bot else cm.AgentKind.ONSITE,
            pools=("bot",) if bot else ("onsite",),
            auto_accept=bot,
        )
    return cm.AgentProfile(
        agent=agent,
        kind=cm.AgentKind.BOT if bot else dice.pick([cm.AgentKind.ONSITE, cm.AgentKind.REMOTE]),
        pools=("bot",) if bot else dice.pick([("onsite",), ("onsite",), ("remote",), ("onsite", "remote")]),
        skills=dice.pick([{}, {"x": 3}, {"x": 5, "y": 2}, {"x": 9, "z": 4, "t": 1}, {"y": 1}]),
        attributes=dice.pick([{}, {"site": "n"}, {"site": "n"}]),
        tenant=dice.pick(["", "", "acme", "acme", "bell"]),
        team=("red", "blue", "")[number % 3],
        capacity=dice.pick([1, 1, 2, 3, 4]),
        channel_limits=dice.pick([{}, {}, {"phone": 1}]),
        auto_accept=dice.flip(0.7 if bot else 0.3),
    )
