"""What a policy that compiles may still have got wrong: what can never match, open or be reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from engine.dispatch.commands import Value
from engine.dispatch.policy.compiled import EntryRule, Policy, Queue
from engine.dispatch.policy.findings import Findings
from engine.dispatch.policy.loader import Document
from engine.dispatch.policy.problems import quoted
from engine.dispatch.policy.requirements import Node, Requirement, both
from engine.dispatch.policy.satisfiable import Search

# Attribute → values a rule accepts.
When: TypeAlias = dict[str, frozenset[Value]]


def remarks_on(policy: Policy, document: Document) -> Findings:
    """Everything worth a second look, with its place."""
    found = Findings(document)
    live = _remark_on_rules(policy, found)
    _remark_on_reach(policy, live, found)
    needs = {queue.name: [need for _, need in needs_of(policy, queue)] for queue in policy.queues.values()}
    asked = {
        name: frozenset[str]().union(*(_terms(one.node, frozenset()) or () for one in of_queue))
        for name, of_queue in needs.items()
    }
    told: set[str] = set()
    search = Search()
    for queue in policy.queues.values():
        _remark_on_needs(policy, queue, search, found)
        _remark_on_steps(queue, found)
        _remark_on_relaxed(queue, needs[queue.name], asked, told, found)
        if queue.offer_ms > policy.grace_ms:
            path = ("queues", queue.name, "offer_ms")
            found.report("offer_beyond_grace", path, got=str(queue.offer_ms), wanted=str(policy.grace_ms))
    if search.given_up:
        found.report("search_ended", ("queues",), got=str(search.given_up))
    return found


def needs_of(policy: Policy, queue: Queue) -> Iterator[tuple[tuple[str, ...], Requirement]]:
    """The different requirements with which contacts stand in the queue, each with the entry rules that bring it."""
    rules: dict[Requirement, list[str]] = {}
    for rule in policy.entry:
        if rule.entry.queue == queue.name:
            own = rule.entry.requirement
            need = queue.requirement if own is None else both(queue.requirement, own)
            rules.setdefault(need, []).append(rule.entry.rule)
    if not rules:
        rules[queue.requirement] = []
    for need, names in rules.items():
        yield tuple(names), need


# --- entry rules ----------------------------------------------------------------------------------------------------


def _remark_on_rules(policy: Policy, found: Findings) -> list[EntryRule]:
    """The rules that can match."""
    live: list[tuple[int, When, EntryRule]] = []
    for index, rule in enumerate(policy.entry):
        when = _implied(rule, policy)
        stray = _stray_shop(when, policy)
        first = next((one for one in live if _takes(one[2], rule) and _covers(one[1], when)), None)
        if stray:
            found.report("when_never", ("entry", index), got=quoted(stray))
        elif first is not None:
            line = found.document.line_of(("entry", first[0]))
            found.report("shadowed", ("entry", index), got=quoted(first[2].entry.rule), first=str(line))
        else:
            before = [one for _, one, earlier in live if not earlier.conditional]
            _remark_on_tenants(index, rule, when, before, policy, found)
            live.append((index, when, rule))
    return [rule for _, _, rule in live]


def _implied(rule: EntryRule, policy: Policy) -> When:
    """The rule's conditions, with the tenants that its shops imply, and without those that every contact meets."""
    when = {name: frozenset(values) for name, values in rule.when.items()}
    if "shop" in when and "tenant" not in when:
        when["tenant"] = frozenset(policy.shops[str(name)].tenant for name in when["shop"])
    for name, every in (("tenant", policy.tenants), ("channel", policy.channels)):
        if name in when and "shop" not in when and when[name] >= frozenset(every):
            del when[name]
    return when


def _stray_shop(when: When, policy: Policy) -> str:
    """A shop of the rule, if none of its shops belongs to a tenant that it accepts."""
    shops = [str(name) for name in when.get("shop", ())]
    if not shops or any(policy.shops[name].tenant in when.get("tenant", ()) for name in shops):
        return ""
    return min(shops)


def _takes(earlier: EntryRule, later: EntryRule) -> bool:
    """Whether hours and lengths let the earlier rule take whatever they let the later have."""
    same_hours = earlier.while_open in ("", later.while_open) and earlier.while_closed in ("", later.while_closed)
    if not earlier.queue_length:
        return same_hours
    same_queue = (earlier.of_queue or earlier.entry.queue) == (later.of_queue or later.entry.queue)
    return same_hours and same_queue and earlier.queue_length <= later.queue_length


def _covers(wide: When, narrow: When) -> bool:
    """Whether every contact that meets ``narrow`` meets ``wide``."""
    return all(name in narrow and narrow[name] <= accepted for name, accepted in wide.items())


def _remark_on_tenants(
    index: int, rule: EntryRule, when: When, before: list[When], policy: Policy, found: Findings
) -> None:
    """Contacts of one tenant in a queue of another."""
    if not rule.entry.queue:
        return
    queue = policy.queues[rule.entry.queue]
    taken = {str(tenant) for one in before if one.keys() == {"tenant"} for tenant in one["tenant"]}
    for tenant in policy.tenants:
        if tenant != queue.tenant and tenant not in taken and tenant in when.get("tenant", policy.tenants):
            names = {"got": quoted(tenant), "queue": quoted(queue.name), "wanted": quoted(queue.tenant)}
            found.report("other_tenant", ("entry", index), **names)


def _remark_on_reach(policy: Policy, live: list[EntryRule], found: Findings) -> None:
    reached = {rule.entry.queue for rule in live} | {policy.supervisors_queue}
    for queue in policy.queues.values():
        reached |= {queue.supervisors_queue, queue.hand_over_queue, *(step.move_to for step in queue.steps)}
    drawn: dict[str, set[str]] = {name: set() for name in policy.pools}
    for queue in policy.queues.values():
        if queue.name not in reached:
            found.report("queue_unreached", ("queues", queue.name))
        added = tuple(name for step in queue.steps for name in step.add_pools)
        for name in queue.pools + queue.bot_pools + added:
            drawn[name].add(queue.name)
    for pool in policy.pools.values():
        if not drawn[pool.name]:
            found.report("pool_unused", ("pools", pool.name))
        for key, names in (("listed", pool.listed), ("owners", pool.owners)):
            for name in names:
                if name not in drawn[pool.name]:
                    found.report("listed_elsewhere", ("pools", pool.name, key), got=quoted(name))


# --- queues ---------------------------------------------------------------------------------------------------------


def _remark_on_needs(policy: Policy, queue: Queue, search: Search, found: Findings) -> None:
    if not search.can_be_met(queue.requirement.node):
        found.report("contradiction", ("queues", queue.name, "requirement"), got=queue.requirement.text)
        return
    for index, rule in enumerate(policy.entry):
        own = rule.entry.requirement
        if rule.entry.queue == queue.name and own is not None:
            need = both(queue.requirement, own)
            if not search.can_be_met(need.node):
                found.report("contradiction", ("entry", index, "requirement"), got=need.text)


def _remark_on_steps(queue: Queue, found: Findings) -> None:
    for index, step in enumerate(queue.steps):
        path = ("queues", queue.name, "steps", index)
        if not step.conditional and not step.when_nobody:
            found.report("opens_at_once", path)
        if step.only_nobody and step is not queue.steps[-1]:
            found.report("blocks_next", path)
        if step.queue_length > queue.ceiling > 0:
            got, wanted = str(step.queue_length), str(queue.ceiling)
            found.report("beyond_ceiling", (*path, "queue_length"), got=got, wanted=wanted)


def _remark_on_relaxed(
    queue: Queue, needs: list[Requirement], asked: dict[str, frozenset[str]], told: set[str], found: Findings
) -> None:
    """Terms relaxed where nothing asks for them. What the whole policy never asks for, contacts bring: said once.

    ``asked``: queue → all terms that its needs ask for.
    """
    relaxed: frozenset[str] = frozenset()
    for index, step in enumerate(queue.steps):
        left = frozenset[str]().union(*(_terms(one.node, relaxed) or () for one in needs)) if step.relax else ()
        for term in step.relax:
            if term in left or (term in told and not any(term in terms for terms in asked.values())):
                continue
            told.add(term)
            found.report("relaxes_nothing", ("queues", queue.name, "steps", index, "relax"), got=quoted(term))
        relaxed |= frozenset(step.relax)


def _terms(node: Node, relaxed: frozenset[str]) -> frozenset[str] | None:
    """What the canonical tree asks for without the relaxed terms, an attribute with and without its ``@``; None: anyone.

    As :meth:`Requirement.without` leaves it, without the making of another requirement.
    """
    match node:
        case ("skill", name, _, _):
            return None if name in relaxed else frozenset((name,))
        case ("attr", name, _, _):
            names = frozenset((name, f"@{name}"))
            return None if names & relaxed else names
        case ("and", *parts):
            kept = [terms for terms in (_terms(part, relaxed) for part in parts) if terms is not None]
            return frozenset[str]().union(*kept) if kept else None
        case ("or", *parts):
            each = [_terms(part, relaxed) for part in parts]
            return None if None in each else frozenset[str]().union(*(terms for terms in each if terms is not None))
    return None
