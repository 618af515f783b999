"""What a policy says that cannot all be true: keys that need each other, circles, promises that cannot be kept.

Works on drafts, so that everything is told at once; a key that could not be read is never called missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from engine.dispatch.hours import MINUTE_MS
from engine.dispatch.policy.dates import WEEKDAYS, show_date
from engine.dispatch.policy.decode import Table
from engine.dispatch.policy.findings import Findings
from engine.dispatch.policy.loader import Path
from engine.dispatch.policy.model import SECTIONS
from engine.dispatch.policy.problems import quoted, shown


class Part(NamedTuple):
    """One table of a draft, with its place and the table that tomllib read."""

    section: str
    path: Path
    table: Table
    raw: Table

    def __call__(self, key: str) -> Any:
        """The key's value, or its default."""
        return self.table.get(key, SECTIONS[self.section][key].default)

    def unread(self, *keys: str) -> bool:
        """Whether one of the keys is given and could not be read (of a list of names: none of it)."""
        return any(
            key in self.raw and (key not in self.table or (self.table[key] == () and self.raw[key])) for key in keys
        )

    def lacks(self, *keys: str) -> bool:
        """Whether none of the keys says anything but its default."""
        fields = SECTIONS[self.section]
        return not self.unread(*keys) and all(self(key) == fields[key].default for key in keys)

    def place(self, key: str) -> Path:
        return (*self.path, key)


class Draft:
    """All tables of a draft that could be read as tables."""

    def __init__(self, draft: Table, raw: Table) -> None:
        domain = raw.get("domain", {})
        self.domain = Part("domain", ("domain",), draft["domain"], domain if isinstance(domain, dict) else {})
        self.shops = _named("shops", draft, raw)
        self.channels = _named("channels", draft, raw)
        self.calendars = _named("calendars", draft, raw)
        self.pools = _named("pools", draft, raw)
        self.queues = _named("queues", draft, raw)
        self.entry = list(_listed("entry", ("entry",), draft["entry"], raw.get("entry")))
        self.steps = {
            name: list(_listed("steps", queue.place("steps"), queue("steps"), queue.raw.get("steps")))
            for name, queue in self.queues.items()
        }
        self.drawing: dict[str, list[str]] = {}  # pool → the queues that may come to draw on it
        for name, queue in self.queues.items():
            added = (step("add_pools") for step in self.steps[name])
            for pool in sorted({*queue.table.get("pools", ()), *queue("bot_pools")}.union(*added)):
                self.drawing.setdefault(pool, []).append(name)

    def tenants_with(self, *keys: str) -> set[str]:
        """The tenants of shops that say something under one of these keys."""
        return {shop.table.get("tenant", "") for shop in self.shops.values() if not shop.lacks(*keys)}


def _named(section: str, draft: Table, raw: Table) -> dict[str, Part]:
    tables = ((name, table, raw[section][name]) for name, table in draft[section].items())
    return {name: Part(section, (section, name), table, own) for name, table, own in tables if isinstance(own, dict)}


def _listed(section: str, path: Path, tables: Sequence[Table], raw: Any) -> Iterator[Part]:
    for index, table in enumerate(tables):
        if isinstance(raw[index], dict):
            yield Part(section, (*path, index), table, raw[index])


def check_contradictions(draft: Table, raw: Table, findings: Findings) -> None:
    """Report what contradicts itself. ``raw``: the tables as tomllib read them."""
    whole = Draft(draft, raw)
    for calendar in whole.calendars.values():
        _check_calendar(calendar, findings)
    for channel in whole.channels.values():
        _check_channel(channel, findings)
    for pool in whole.pools.values():
        _check_pool(whole, pool, findings)
    timed, bounded = whole.tenants_with("hours"), whole.tenants_with("ceiling", "daily_quota")
    for queue in whole.queues.values():
        tenant = queue.table.get("tenant", "")
        _check_room(queue, timed=tenant in timed, bounded=tenant in bounded, findings=findings)
        _check_queue(whole, queue, findings)
        _check_promises(whole, queue, findings)
        _check_steps(whole, queue, findings)
    _check_shops(whole, findings)
    for rule in whole.entry:
        _check_rule(rule, findings)
    _check_circles(whole, findings)


def _needs(findings: Findings, part: Part, key: str, wanted: str) -> None:
    findings.report("needs", part.place(key), got=shown(part(key)), wanted=wanted)


def _useless(findings: Findings, part: Part, key: str, wanted: str) -> None:
    findings.report("useless", part.place(key), wanted=wanted)


# --- calendars, channels, shops ---------------------------------------------------------------------------------------


def _check_calendar(calendar: Part, findings: Findings) -> None:
    weekly: Mapping[int, Any] = calendar("weekly")
    for day, weekday in calendar("make_up").items():
        place = (*calendar.path, "make_up", show_date(day))
        if day in calendar("holidays"):
            findings.report("day_twice", place, got=quoted(show_date(day)))
        if any(weekly.values()) and not weekly.get(weekday):
            findings.report("make_up_closed", place, got=quoted(WEEKDAYS[weekday]))
    # Of the raw tables: what is given and could not be read has been told already.
    given = [calendar.raw.get(key, {}) for key in ("weekly", "special")]
    if not any(value != [] for table in given for value in (table.values() if isinstance(table, dict) else [table])):
        findings.report("never_opens", calendar.path)


def _check_channel(channel: Part, findings: Findings) -> None:
    for key in ("dormant_cost", "wrap_up_cost"):
        if channel(key) is not None and channel(key) > channel("cost"):
            findings.report("above_cost", channel.place(key), wanted=str(channel("cost")), got=str(channel(key)))


def _check_shops(whole: Draft, findings: Findings) -> None:
    offers: dict[str, int] = {}  # tenant → the shortest offer of its queues
    for queue in whole.queues.values():
        tenant = queue.table.get("tenant", "")
        offers[tenant] = min(queue("offer_ms"), offers.get(tenant, queue("offer_ms")))
    for shop in whole.shops.values():
        offer = offers.get(shop.table.get("tenant", ""), 0)
        if 0 < shop("target_ms") < offer:
            place = shop.place("target_ms")
            findings.report("promise_short", place, wanted=str(offer), got=str(shop("target_ms")))


# --- pools ------------------------------------------------------------------------------------------------------------


def _check_pool(whole: Draft, pool: Part, findings: Findings) -> None:
    name = str(pool.path[1])
    _check_choice(whole, pool, findings)
    if pool("overdue") == "last" and _order_of(whole, pool) != "promise":
        _useless(findings, pool, "overdue", 'order = "promise"')
    if pool("ties") == "listed":
        if _order_of(whole, pool) != "longest_queue":
            _useless(findings, pool, "ties", 'order = "longest_queue"')
        elif pool.lacks("listed"):
            _useless(findings, pool, "ties", "listed")
    protects = not pool.lacks("reserve", "lend_kpi")
    if protects and pool.lacks("owners"):
        _useless(findings, pool, "lend_kpi" if pool("lend_kpi") else "reserve", "owners")
    elif pool("owners") and not protects:
        _useless(findings, pool, "owners", "reserve, lend_kpi")
    drawing = whole.drawing.get(name, [])
    if protects and pool("owners") and drawing and not set(drawing) - set(pool("owners")):
        findings.report("no_borrower", pool.place("owners"), got=", ".join(map(quoted, drawing)))
    kpi = pool("lend_kpi")
    if kpi is not None and kpi.get("window_ms", 0) % MINUTE_MS:
        findings.report("whole_minutes", (*pool.place("lend_kpi"), "window_ms"), got=str(kpi["window_ms"]))
    if _order_of(whole, pool) == "promise":
        for queue in (whole.queues[one] for one in drawing):
            if queue.lacks("target_ms"):
                findings.report("no_target", queue.place("target_ms"), got=quoted(name))


def _order_of(whole: Draft, pool: Part) -> str:
    return str(pool("order") if "order" in pool.table else whole.domain("order"))


def _check_choice(whole: Draft, pool: Part, findings: Findings) -> None:
    own = "choice" in pool.table
    weighted = (pool("choice") if own else whole.domain("choice")) == "weighted"
    weights = pool("weights")
    if weighted and pool.lacks("weights"):
        _needs(findings, pool if own else whole.domain, "choice", f"pools.{pool.path[1]}.weights")
    elif weights is not None and not weighted and not pool.unread("choice"):
        _useless(findings, pool, "weights", 'choice = "weighted"')
    elif weights is not None and not any(weights.values()) and set(weights) == set(pool.raw["weights"]):
        findings.report("all_zero", pool.place("weights"))


# --- queues -----------------------------------------------------------------------------------------------------------


def _check_room(queue: Part, *, timed: bool, bounded: bool, findings: Findings) -> None:
    """``timed``, ``bounded``: a shop of the queue's tenant has hours; a ceiling or a quota."""
    if not queue.lacks("closed") and not queue.unread("closed") and queue.lacks("hours") and not timed:
        _needs(findings, queue, "closed", "hours")
    _check_means(queue, "closed", [queue("closed")], findings)
    for key in ("full_notice", "full_alternative"):
        if not bounded and not queue.lacks(key) and queue.lacks("ceiling", "daily_quota"):
            _useless(findings, queue, key, "ceiling, daily_quota")


def _check_queue(whole: Draft, queue: Part, findings: Findings) -> None:
    for key in ("release_per_minute", "release_lead_ms"):
        if queue(key) and queue.lacks("promise_ms"):
            _useless(findings, queue, key, "promise_ms")
    if queue("reopen_ms") and queue.lacks("idle_close_ms"):
        _useless(findings, queue, "reopen_ms", "idle_close_ms")
    if queue("hand_over") == "queue" and not queue.lacks("hand_over_ms") and not queue.unread("hand_over"):
        _useless(findings, queue, "hand_over_ms", 'hand_over = "team"')
    if queue("delivery_limit") and queue.lacks("supervisors_queue") and whole.domain.lacks("supervisors_queue"):
        _useless(findings, queue, "delivery_limit", "supervisors_queue")
    for key in ("hand_over_queue", "supervisors_queue"):
        _check_tenant(whole, queue, queue, key, findings)
    if queue.lacks("supervisors_queue"):
        _check_tenant(whole, queue, whole.domain, "supervisors_queue", findings)


def _check_means(
    queue: Part, key: str, alternatives: Sequence[str], findings: Findings, step: Part | None = None
) -> None:
    """A queue that sends contacts to bots has bots; one that takes messages promises when they are answered."""
    for alternative in alternatives:
        if alternative == "bot" and queue.lacks("bot_pools"):
            findings.report("needs", (step or queue).place(key), got=quoted(alternative), wanted="bot_pools")
        elif alternative in ("message", "call_back") and queue.lacks("promise_ms"):
            findings.report("needs", (step or queue).place(key), got=quoted(alternative), wanted="promise_ms")


def _check_tenant(whole: Draft, queue: Part, part: Part, key: str, findings: Findings) -> None:
    """Contacts stay with their tenant, wherever ``key`` sends those of the queue."""
    target = whole.queues.get(part(key))
    if target is None or not part(key) or not target.table.get("tenant") or not queue.table.get("tenant"):
        return
    if target.table["tenant"] != queue.table["tenant"]:
        said = {"got": quoted(part(key)), "wanted": quoted(queue.table["tenant"]), "queue": quoted(str(queue.path[1]))}
        findings.report("other_tenants_queue", part.place(key), **said)


def _check_promises(whole: Draft, queue: Part, findings: Findings) -> None:
    offer = queue("offer_ms")
    for key in ("target_ms", "promise_ms"):
        if 0 < queue(key) < offer:
            findings.report("promise_short", queue.place(key), wanted=str(offer), got=str(queue(key)))


# --- steps ------------------------------------------------------------------------------------------------------------

_ACTIONS = ("add_pools", "relax", "raise_priority", "offer")


def _check_steps(whole: Draft, queue: Part, findings: Findings) -> None:
    moved = False
    for step in whole.steps[str(queue.path[1])]:
        if moved:
            findings.report("unreachable_step", step.path)
        _check_means(queue, "offer", step("offer"), findings, step)
        _check_lender(whole, queue, step, findings)
        if step("move_to"):
            moved = True
            _check_tenant(whole, queue, step, "move_to", findings)
            for key in _ACTIONS:
                if not step.lacks(key):
                    findings.report("with_move", step.place(key))


def _check_lender(whole: Draft, queue: Part, step: Part, findings: Findings) -> None:
    pool = whole.pools.get(step("lender_kpi"))
    if pool is None or not step("lender_kpi"):
        return
    if pool.lacks("lend_kpi"):
        _needs(findings, step, "lender_kpi", "lend_kpi")
    if queue.path[1] in pool("owners"):
        findings.report("own_lender", step.place("lender_kpi"), got=quoted(step("lender_kpi")))


# --- entry rules ------------------------------------------------------------------------------------------------------


def _check_rule(rule: Part, findings: Findings) -> None:
    if rule("of_queue") and rule.lacks("queue_length"):
        _useless(findings, rule, "of_queue", "queue_length")
    if rule("queue_length") and rule("deflect") is not None and rule.lacks("of_queue"):
        _needs(findings, rule, "queue_length", "of_queue")
    if rule("while_open") and rule("while_open") == rule("while_closed"):
        findings.report("open_and_closed", rule.path, got=quoted(rule("while_open")))


# --- circles ----------------------------------------------------------------------------------------------------------


def _check_circles(whole: Draft, findings: Findings) -> None:
    """Contacts that are sent round and round, by steps or because nobody takes them."""
    moves = {name: next((step for step in steps if step("move_to")), None) for name, steps in whole.steps.items()}
    targets = {name: step("move_to") for name, step in moves.items() if step is not None}
    for circle in _circles(targets):
        step = moves[circle[0]]
        assert step is not None
        findings.report("move_circle", step.place("move_to"), got=_arrows(circle))
    general = whole.domain("supervisors_queue")
    targets = {name: queue("supervisors_queue") or general for name, queue in whole.queues.items()}
    if general and general in whole.queues and whole.queues[general].lacks("supervisors_queue"):
        del targets[general]  # the supervisors keep what they have
    targets = {name: target for name, target in targets.items() if name != target}  # so do those who name themselves
    for circle in _circles(targets):
        named = next(name for name in circle if whole.queues[name]("supervisors_queue"))
        findings.report("limit_circle", whole.queues[named].place("supervisors_queue"), got=_arrows(circle))


def _arrows(circle: list[str]) -> str:
    return " → ".join(map(quoted, [*circle, circle[0]]))


def _circles(targets: Mapping[str, str]) -> Iterator[list[str]]:
    """Every circle of a graph in which each node has at most one arrow, from its first node on."""
    seen: set[str] = set()
    for start in targets:
        way: list[str] = []
        node = start
        while node in targets and node not in seen:
            seen.add(node)
            way.append(node)
            node = targets[node]
        if node in way:
            circle = way[way.index(node) :]
            order = list(targets)
            first = min(range(len(circle)), key=lambda place: order.index(circle[place]))
            yield circle[first:] + circle[:first]
