"""Policies at random: few names, so that everything meets everything. One stream gives one text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from engine.dispatch import commands as cm
from tests.reference_dispatcher import crowding
from tests.reference_dispatcher.dice import Dice

Table = Mapping[str, Any]

QUEUES = ("a", "b", "c")  # of tenant acme
BELLS = "z"  # of tenant bell, when there is one
# Open by the minute, at the hours in which histories begin.
CALENDARS = {
    name: [
        f"{m // 60:02}:{m % 60:02}-{(m + 1) // 60:02}:{(m + 1) % 60:02}"
        for begin in (0, 16, 16 * 60, 23 * 60 + 58)
        for m in range(begin + odd, min(begin + 10, 24 * 60), 2)
    ]
    for name, odd in (("even", 0), ("odd", 1))
}
POOLS = ("onsite", "remote", "bot")
NEEDS = (
    "", "", "x >= 3", "x and (y or z >= 4)", "x or not t", 'not t and @site = "n"', '@site in ["n", "s"] or y >= 2',
    "not (x >= 5 and y)",
)  # fmt: skip
WISHES = ("", "", "", "y", "z >= 9 or x", "not t")


def draw(dice: Dice, name: str, *, two: bool, crowded: bool = False) -> str:
    """The text of a whole policy: two or three queues on three pools, three channels, perhaps a second tenant's queue.
    ``crowded``: all of them on one pool, which the tenants and their shops share by weight."""
    names = QUEUES[: dice.pick([2, 2, 3])]
    queues = {one: queue(dice) for one in names}
    for one in names:
        if dice.flip(0.3):
            queues[one]["hand_over_queue"] = dice.pick(names)
    for one in names[:-1]:
        if dice.flip(0.25):
            go = {"name": "go", "clock": dice.pick(["step", "age"]), "after_ms": dice.pick([0, 2_000, 6_000])}
            queues[one]["steps"].append({**go, "when_nobody": dice.flip(), "move_to": names[-1]})
    if two:
        queues[BELLS] = queue(dice)
    if crowded:
        queues = {one: crowding.queue(rules) for one, rules in queues.items()}
    lines = table("policy", {"name": name})
    domain: dict[str, Any] = {"grace_ms": dice.pick([2_000, 5_000]), "several_per_customer": dice.flip(0.25)}
    domain["finish_ms"] = dice.pick([0, 2_500])
    if dice.flip() and not two:
        domain |= {"supervisors_queue": names[-1], "delivery_limit": dice.pick([1, 2, 3])}
    elif dice.flip():
        queues[names[0]] |= {"supervisors_queue": names[-1], "delivery_limit": dice.pick([1, 2, 3])}
    lines += table("domain", domain)
    lines += houses(dice, crowding.WEIGHTS if crowded else (1, 1, 3), limits=not crowded)
    lines += table("channels.web", units(dice, dice.pick([1, 2, 2])))
    phone = {"limit": dice.pick([0, 1, 2]), "messages": False, **units(dice, dice.pick([1, 2]))}
    lines += table("channels.phone", phone)
    mail = {"limit": dice.pick([0, 1, 2]), "interruptible": dice.flip(0.4), **units(dice, 1)}
    lines += table("channels.mail", mail)
    for name, spans in CALENDARS.items():
        lines += table(f"calendars.{name}", {"zone": "UTC", "weekly": {"mon-sun": spans}})
    lines += pools_for(dice, queues, crowded=crowded)
    for one, rules in queues.items():
        lines += table(f"queues.{one}", {"tenant": "bell" if one == BELLS else "acme", **rules})
    for rule in entry_rules(dice, queues):
        lines += ["[[entry]]", *(f"{key} = {toml(value)}" for key, value in rule.items()), ""]
    return "\n".join(lines)


def houses(dice: Dice, weights: Sequence[int], *, limits: bool) -> list[str]:
    """Two tenants and their shops, as text."""
    lines: list[str] = []
    for tenant in ("acme", "bell"):
        lines += table(f"tenants.{tenant}", {"weight": dice.pick(weights)})
    flagship = {
        "tenant": "acme",
        "weight": dice.pick(weights),
        "limit": dice.pick([0, 0, 1, 2]),
        "ceiling": dice.pick([0, 0, 4]),
        "daily_quota": dice.pick([0, 0, 10]),
        "hours": dice.pick(["", "", "", "even"]),
    }
    if not limits:
        flagship = {key: flagship[key] for key in ("tenant", "weight")}
    lines += table("shops.flagship", flagship) + table("shops.tower", {"tenant": "bell"})
    return lines + table("shops.corner", {"tenant": "acme", "weight": dice.pick(weights)})


def pools_for(dice: Dice, queues: dict[str, dict[str, Any]], *, crowded: bool) -> list[str]:
    """As text; some steps of the queues now ask for what the pools measure."""
    pools = {pool: {**pool_rules(dice, list(queues)), **lending(dice, pool, queues)} for pool in POOLS}
    if crowded:
        pools = {pool: crowding.pool(dice, rules) for pool, rules in pools.items()}
    for one, rules in queues.items():
        ask_for_more(dice, one, rules, pools)
    return [line for pool, found in pools.items() for line in table(f"pools.{pool}", found)]


def units(dice: Dice, cost: int) -> dict[str, Any]:
    """What a contact takes of its agent, and what of that it keeps later."""
    less = {key: dice.below(cost + 1) for key in ("wrap_up_cost", "dormant_cost") if dice.flip()}
    return {"cost": cost, **less}


def queue(dice: Dice) -> dict[str, Any]:
    pools = dice.pick([["onsite"], ["onsite"], ["remote"], ["onsite", "remote"], ["remote", "onsite"]])
    rules: dict[str, Any] = {
        "requirement": dice.pick(NEEDS),
        "pools": pools,
        "priority": dice.pick([0, 0, 1, 2]),
        "target_ms": dice.pick([4_000, 8_000, 20_000]),
        "boost": dice.pick([0.0, 0.0, 0.05, 2.5]),
        "slope": dice.pick([1.0, 1.0, 3.0, 0.0]),
        "offer_ms": dice.pick([2_000, 4_000]),
        "hold_ms": dice.pick([1_500, 3_000]),
        "wrap_up_ms": dice.pick([0, 0, 2_500]),
        "rona": dice.pick(["not_ready", "back_off", "lower_capacity"]),
        "rona_return_ms": dice.pick([0, 3_500, 3_500, 6_000]),
        "decline_back_off_ms": dice.pick([0, 0, 1_500]),
        "decliner_memory_ms": dice.pick([0, 3_000, 8_000]),
        "transfer_prefer_ms": dice.pick([0, 3_000]),
        "sticky_ms": dice.pick([0, 3_000, 6_000]),
        "abandon_window_ms": dice.pick([0, 5_000]),
        "reply_warn_ms": dice.pick([3_000, 6_000]),
        "reply_breach_ms": dice.pick([6_500, 9_000]),
        "closed_notice": dice.pick(["", "back at nine"]),
        "closed_alternative": dice.pick(["message", "call_back", "bot"]),
        "steps": steps(dice, pools),
        **talk(dice),
        **hands(dice),
        **door(dice),
    }
    if dice.flip():
        rules["bot_pools"] = ["bot"]
    if "promise_ms" in rules and dice.flip(0.4):
        more = {"name": "ask", "clock": "waited", "after_ms": dice.pick([0, 2_000]), "offer": ["message", "call_back"]}
        rules["steps"].append(more)
    if "hours" in rules and dice.flip(0.7):
        rules["closed"] = dice.pick(
            [*["bot"] * ("bot_pools" in rules), *["message"] * ("promise_ms" in rules), "serve"]
        )
    return rules


def door(dice: Dice) -> dict[str, Any]:
    """Hours, room, and what is promised to whom nobody serves."""
    found: dict[str, Any] = {}
    if dice.flip(0.4):
        found["hours"] = dice.pick([*CALENDARS])
    if dice.flip(0.3):
        found |= {"ceiling": dice.pick([0, 2, 3]), "daily_quota": dice.pick([0, 4, 8])}
        if found["ceiling"] or found["daily_quota"]:
            found |= {"full_notice": dice.pick(["", "later"]), "full_alternative": dice.pick(["message", "call_back"])}
    if dice.flip(0.6):
        found["promise_ms"] = dice.pick([10_000, 30_000])
        found["release_per_minute"] = dice.pick([0, 6, 20])
        found["release_lead_ms"] = dice.pick([0, 5_000])
    return found


def talk(dice: Dice) -> dict[str, Any]:
    """Who is silent, and what becomes of it."""
    found: dict[str, Any] = {"unanswered_ms": dice.pick([0, 0, 0, 2_500, 5_000])}
    if dice.flip(0.75):
        found |= {"remind_ms": dice.pick([0, 1_000, 2_000]), "dormant_ms": dice.pick([0, 1_000, 1_500])}
        found["idle_close_ms"] = dice.pick([0, 1_000, 4_000])
        if found["idle_close_ms"]:
            found["reopen_ms"] = dice.pick([0, 6_000, 12_000])
    return found


def hands(dice: Dice) -> dict[str, Any]:
    """Whose it was, whose it is to be."""
    found: dict[str, Any] = {
        "last_agent_ms": dice.pick([0, 2_000, 4_000]), "named_agent_ms": dice.pick([0, 0, 3_000]),
    }  # fmt: skip
    if dice.flip(0.4):
        found |= {"hand_over": "team", "hand_over_ms": dice.pick([1_500, 4_000])}
    return found


def steps(dice: Dice, pools: list[str]) -> list[dict[str, Any]]:
    closed = [name for name in ("onsite", "remote") if name not in pools]
    found = []
    for number in range(dice.pick([0, 1, 2, 3])):
        actions: list[dict[str, Any]] = [
            {"relax": ["x"]}, {"raise_priority": 2}, {"relax": ["site", "t"]}, {"relax": ["y"], "raise_priority": 1},
        ]  # fmt: skip
        if closed:
            actions = [{"add_pools": [closed.pop()]}, {"add_pools": ["onsite"], "relax": ["x"]}, *actions]
        action = dice.pick(actions)
        if "onsite" in action.get("add_pools", ()) and "onsite" in pools:
            action = {"raise_priority": 1}
        found.append(
            {
                "name": f"s{number}",
                "clock": dice.pick(["waited", "step", "age"]),
                "after_ms": dice.pick([0, 1_500, 3_000, 5_000]),
                "when_nobody": dice.flip(0.4),
                **action,
            }
        )
    return found


def pool_rules(dice: Dice, names: list[str]) -> dict[str, Any]:
    choice = dice.pick(["longest_idle", "least_loaded", "most_proficient", "most_loaded", "round_robin", "weighted"])
    order = dice.pick(["strict", "strict", "score", "promise", "longest_queue"])
    more: dict[str, Any] = {"rona_share": dice.pick([1.0, 1.0, 0.4]), "daily_quota": dice.pick([0, 0, 3, 6])}
    more["shares"] = dice.pick(["none", "none", "none", "tenant", "shop"])
    if choice == "weighted":
        more["weights"] = {"idle": dice.below(3), "load": 1 + dice.below(4), "proficiency": dice.below(3)}
    if order == "promise":
        more["overdue"] = dice.pick(["first", "last"])
    listed = dice.pick([[], [], [names[-1]], [names[1], names[0]]])
    if order == "longest_queue" and listed:  # no draw of its own: the histories of all seeds stay what they were
        more["ties"] = "listed" if more["rona_share"] == 1.0 else "waited"
    return {**more, "order": order, "choice": choice, "listed": listed}


def lending(dice: Dice, pool: str, queues: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Whose pool it is, and when others may borrow; somebody has to."""
    drawing = [name for name, rules in queues.items() if pool in draws_on(rules)]
    if len(drawing) < 2 or dice.flip(0.4):
        return {}
    borrower = dice.pick(drawing)
    owners = [name for name in queues if name != borrower][: 1 + dice.below(2)]
    found: dict[str, Any] = {"owners": owners, "reserve": dice.pick([0, 0, 1, 2])}
    if dice.flip(0.6) or not found["reserve"]:
        within = {"within_ms": dice.pick([1_000, 3_000, 9_000]), "short_ms": dice.pick([0, 1_500])}
        found["lend_kpi"] = {"share": dice.pick([0.3, 0.6, 1.0]), "window_ms": dice.pick([60_000, 120_000]), **within}
    return found


def ask_for_more(dice: Dice, queue: str, rules: dict[str, Any], pools: dict[str, dict[str, Any]]) -> None:
    """Some steps ask for more than their clock."""
    lenders = [name for name, pool in pools.items() if "lend_kpi" in pool and queue not in pool["owners"]]
    for step in rules["steps"]:
        more: list[dict[str, Any]] = [
            {}, {}, {"queue_length": dice.pick([1, 2, 2, 3, 4])}, {"estimated_wait_ms": dice.pick([1, 800, 2_500])},
        ]  # fmt: skip
        if lenders:
            more += [{"lender_kpi": dice.pick(lenders)}] * 2
        step |= dice.pick(more)
        if dice.flip(0.1):
            step |= dice.pick(more)


def draws_on(rules: dict[str, Any]) -> set[str]:
    added = [pool for step in rules["steps"] for pool in step.get("add_pools", ())]
    return {*rules["pools"], *rules.get("bot_pools", ()), *added}


def entry_rules(dice: Dice, queues: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    def first(name: str) -> dict[str, str]:
        return {"first": "bot"} if "bot_pools" in queues[name] and dice.flip(0.6) else {}

    rules: list[dict[str, Any]] = []
    if BELLS in queues:
        rules.append({"name": "bell", "when": {"tenant": ["bell"]}, "queue": BELLS, **first(BELLS)})
    else:
        told = {"reason": "no such tenant here", "alternative": "call_back"}
        rules.append({"name": "bell", "when": {"tenant": ["bell"]}, "deflect": told})
    rules += [
        {"name": "blocked", "when": {"blocked": [True]}, "deflect": {"reason": "blocklist", "alternative": "message"}},
        {"name": "paid", "when": {"order": ["paid"]}, "queue": "b", "priority": 3},
        {"name": "wish", "when": {"wish": ["y"]}, "queue": "a", "requirement": "y >= 1", **first("a")},
        {"name": "calls", "when": {"channel": ["phone"], "shop": ["flagship"], "to": ["b"]}, "queue": "a"},
    ]
    if dice.flip(0.3):
        notice = {"reason": "mail", "alternative": "bot", "notice": "write to us"}
        rules.append({"name": "no mail", "when": {"channel": ["mail"], "to": ["a"]}, "deflect": notice})
    if dice.flip(0.3):
        rules.append(
            {"name": "even", dice.pick(["while_open", "while_closed"]): "even", "queue": dice.pick([*QUEUES[:2]])}
        )
    if dice.flip(0.3):
        rules.append(
            {"name": "many", "queue_length": dice.pick([1, 3]), "queue": "b", "of_queue": dice.pick(["a", "b"])}
        )
    rules += [
        {"name": f"to_{name}", "when": {"to": [name]}, "queue": name, **first(name)} for name in queues if name != BELLS
    ]
    rules.append({"name": "default", "queue": "a", **first("a")})
    return rules


def profile(dice: Dice, agent: str, *, crowded: bool = False) -> cm.AgentProfile:
    """One agent, drawn."""
    found = any_profile(dice, agent)
    return crowding.profile(dice, found) if crowded else found


def any_profile(dice: Dice, agent: str) -> cm.AgentProfile:
    """Names that begin with `robo` are bots, now and then in a pool of people; few people stand in the bots' pool."""
    bot = agent.startswith("robo")
    people = [("onsite",), ("onsite",), ("remote",), ("onsite", "remote"), ("remote", "onsite"), ("onsite", "bot")]
    return cm.AgentProfile(
        agent=agent,
        kind=cm.AgentKind.BOT if bot else dice.pick([cm.AgentKind.ONSITE, cm.AgentKind.REMOTE]),
        pools=dice.pick([("bot",)] * 5 + [("bot", "onsite")]) if bot else dice.pick(people),
        skills=dice.pick(
            [{}, {"x": 3}, {"x": 5, "y": 2}, {"x": 9, "z": 4, "t": 1}, {"y": 1}, {"x": 4, "y": 4, "z": 9}]
        ),
        attributes=dice.pick([{}, {"site": "n"}, {"site": "s"}]),
        tenant=dice.pick(["", "", "acme", "acme", "bell"]),
        team=dice.pick(["", "red", "red", "blue"]),
        capacity=dice.pick([0, 1, 1, 2, 2, 3, 4, 6]),
        channel_limits=dice.pick([{}, {}, {}, {"phone": 1}]),
        auto_accept=dice.flip(0.7 if bot else 0.2),
    )


# --- as text ----------------------------------------------------------------------------------------------------------


def table(path: str, rules: Table) -> list[str]:
    """One table; a value that is a list of tables becomes ``[[path.name]]`` blocks behind it."""
    lists = {key: value for key, value in rules.items() if key == "steps"}
    lines = [f"[{path}]", *(f"{key} = {toml(value)}" for key, value in rules.items() if key not in lists), ""]
    for key, items in lists.items():
        for item in items:
            lines += [f"[[{path}.{key}]]", *(f"{name} = {toml(value)}" for name, value in item.items()), ""]
    return lines


def toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {toml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
