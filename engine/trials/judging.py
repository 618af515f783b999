"""Holds a played case against what was expected of it, and gathers the dispatcher's own reasons where they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.explain import Explanation
from engine.dispatch.policy.compiled import Policy
from engine.trials.cases import Case, Claim, Names
from engine.trials.evidence import (
    asked_agents,
    came_as,
    entered_as,
    offered,
    shown_instant,
    stand_at,
    step_matches,
    steps_opened,
    told_offer,
    why_nobody,
    why_not_then,
)
from engine.trials.lengths import shown_length
from engine.trials.outcome import Judgement, Outcome, Said, Why
from engine.trials.player import Happening, Play, Trouble, play, put_in

Values = Mapping[str, Any]
Parts = tuple[Said, ...]


class Finding(NamedTuple):
    """``got`` empty: it holds."""

    expected: Parts
    got: Parts = ()
    why: tuple[Why, ...] = ()
    contact: str = ""  # whose story to tell, if not that of whom it is about


def run_case(policy: Policy, case: Case) -> Outcome:
    """Play the case and judge it."""
    played = play(policy, case)
    judged = [_trouble(played, trouble) for trouble in played.troubles]
    if played.runaway:
        judged.append(Judgement(False, case.place, (Said("ends"),), (Said("runaway"),)))
    judged += [judgement for claim in case.claims for judgement in _judge(played, claim)]
    return Outcome(case, played, tuple(sorted(judged, key=lambda one: one.ok)))


def _trouble(played: Play, trouble: Trouble) -> Judgement:
    action, refusal = trouble.action, trouble.refusal
    doing = {"action": action.kind, "name": trouble.name, "at": shown_length(action.at_ms), "code": action.refused}
    got = Said(trouble.code, {"name": trouble.name})
    if refusal is not None:
        got = Said(
            "refused", {"code": refusal.code, "what": refusal.what, "got": refusal.got, "wanted": refusal.wanted}
        )
    contact = trouble.name if trouble.name in played.numbers else ""
    expected = Said("is_refused" if action.refused else "is_done", doing)
    return Judgement(False, action.place, (expected,), (got,), (), contact)


def _judge(played: Play, claim: Claim) -> Iterator[Judgement]:
    """One judgement for each contact or agent that it is about; one for an order or a queue."""
    names = claim.subject.all[:1] if claim.kind in ("order", "queue") else claim.subject.all
    for name in names:
        found = RULES[claim.kind](played, name, claim)
        contact = found.contact or (name if name in played.numbers else "")
        yield Judgement(not found.got, claim.place, found.expected, found.got, found.why, contact)


def _frame(values: Values) -> Parts:
    """``since``, ``by`` and ``at`` as parts of a sentence."""
    return tuple(Said(key, {"at": shown_length(values[key])}) for key in ("since", "by", "at") if key in values)


def _listed(names: Names | None) -> tuple[str, ...]:
    return () if names is None else names.said


# --- who gets it ------------------------------------------------------------------------------------------------------


def _offered(played: Play, name: str, claim: Claim) -> Finding:
    """The first offer of the window is as said. Bots do not count unless a bot, or a pool of bots, is asked for."""
    values = claim.values
    agents: Names | None = values.get("offered_to")
    expected = (Said("offered", {"name": name}), *_offer_parts(played, values), *_frame(values))
    bots = any(map(played.is_bot, agents.all if agents else ())) or _bot_pools(played, values.get("in_pool", ()))
    offers = offered(played, name, values.get("since"), values.get("by"), bots=bots)
    if not offers:
        at = values.get("by", played.case.end_ms)
        return Finding(expected, _not_offered(played, name, at), why_nobody(played, name, at, asked_agents(agents)))
    first = offers[0]
    if not _offer_differs(played, first.event, values):
        return Finding(expected)
    why = why_not_then(played, name, first, asked_agents(agents))
    return Finding(expected, (told_offer(played, first.event),), why)


def _bot_pools(played: Play, pools: tuple[str, ...]) -> bool:
    queues = [queue for policy in played.policies() for queue in policy.queues.values()]
    return any(pool in queue.bot_pools for queue in queues for pool in pools)


def _offer_parts(played: Play, values: Values) -> Parts:
    parts = []
    if "offered_to" in values:
        agents: Names = values["offered_to"]
        parts.append(Said("to" if len(agents.all) == 1 else "to_one_of", {"agents": agents.said}))
    if "in_pool" in values:
        parts.append(Said("through", {"pools": values["in_pool"]}))
    if "at_step" in values:
        parts.append(Said("at_step", {"step": str(values["at_step"])}))
    for key in ("after_waiting", "waited_at_most"):
        if key in values:
            parts.append(Said(key, {"waited": shown_length(values[key])}))
    return tuple(parts)


def _offer_differs(played: Play, event: ev.OfferMade, values: Values) -> bool:
    agents: Names | None = values.get("offered_to")
    return (
        (agents is not None and event.agent not in agents.all)
        or event.pool not in values.get("in_pool", (event.pool,))
        or ("at_step" in values and not step_matches(played, values["at_step"], event.queue, event.step))
        or event.waited_ms < values.get("after_waiting", 0)
        or event.waited_ms > values.get("waited_at_most", event.waited_ms)
    )


def _not_offered(played: Play, name: str, at: int) -> Parts:
    came = came_as(played, name)
    if isinstance(came, ev.ContactDeflected):
        return (Said("was_deflected", {"reason": came.reason, "rule": came.rule}),)
    return (Said("was_not_offered", {"at": shown_length(at)}),)


def _never(played: Play, name: str, claim: Claim) -> Finding:
    """Never in the window: bots' offers count, too."""
    values = claim.values
    agents: Names | None = values.get("never_to")
    pools: tuple[str, ...] = values.get("never_in_pool", ())
    said: list[Said] = []
    if agents is not None:
        said.append(Said("never_to", {"name": name, "agents": agents.said}))
    if pools:
        said.append(Said("never_through", {"name": name, "pools": pools}))
    expected = (*said, *_frame(values))
    for one in offered(played, name, values.get("since"), values.get("by"), bots=True):
        if (agents is not None and one.event.agent in agents.all) or one.event.pool in pools:
            return Finding(expected, (told_offer(played, one.event),), (one.event,))
    return Finding(expected)


def _waits(played: Play, name: str, claim: Claim) -> Finding:
    """Not offered before the instant (true: nor at the case's last one), and still there."""
    until, since = claim.values["stays_waiting"], claim.values.get("since")
    to_the_end = until is True
    last = played.case.end_ms if to_the_end else until - 1
    key = "waits_on" if to_the_end else "waits_until"
    shown = shown_length(last if to_the_end else until)
    expected = (Said(key, {"name": name, "at": shown}), *_frame({"since": since} if since is not None else {}))
    early = offered(played, name, since, last, bots=True)
    if early:
        return Finding(expected, (told_offer(played, early[0].event),), (early[0].event,))
    stand = stand_at(played, name, last)
    if stand is not None and stand.state == "queued":
        return Finding(expected)
    return Finding(expected, _not_waiting(played, name, stand))


def _not_waiting(played: Play, name: str, stand: Explanation | None) -> Parts:
    came = came_as(played, name)
    if isinstance(came, ev.ContactDeflected):
        return (Said("was_deflected", {"reason": came.reason, "rule": came.rule}),)
    return (Said("is_in_state", {"state": stand.state if stand else "closed"}),)


def _order(played: Play, name: str, claim: Claim) -> Finding:
    """First offers to people come in this order; of the last contact none need have come yet."""
    values, wanted = claim.values, claim.subject.all
    expected = (Said("order", {"names": claim.subject.said}), *_frame(values))
    firsts: dict[str, Happening] = {}
    for one in wanted:
        offers = offered(played, one, values.get("since"), values.get("by"), bots=False)
        if offers:
            firsts[one] = offers[0]
    actual = sorted(firsts, key=lambda one: (firsts[one].call, firsts[one].event.offer))
    missing = [one for one in wanted if one not in firsts]
    if (*actual, *missing) == wanted and len(missing) <= 1:
        return Finding(expected)
    told = tuple(
        Said("in_turn", {"name": one, "at": shown_instant(played, firsts[one].event.at)}) for one in actual
    ) + tuple(Said("not_in_turn", {"name": one}) for one in missing)
    wrong = next((one for one, right in zip(actual, wanted, strict=False) if one != right), "")
    return Finding(expected, told, (firsts[wrong].event,) if wrong else (), wrong)


# --- what it goes through -----------------------------------------------------------------------------------------------


def _opens(played: Play, name: str, claim: Claim) -> Finding:
    values = claim.values
    wanted = values["step_opens"]
    expected = (Said("step_opens", {"name": name, "step": str(wanted)}), *_frame(values))
    for queue, event in steps_opened(played, name):
        if step_matches(played, wanted, queue, event.step):
            offset = event.at - played.begin
            if offset == values.get("at", offset) and offset <= values.get("by", offset):
                return Finding(expected)
            return Finding(expected, (Said("opened", {"at": shown_instant(played, event.at)}),))
    at = values.get("at", values.get("by", played.case.end_ms))
    return Finding(expected, (Said("did_not_open", {"at": shown_length(at)}),), why_nobody(played, name, at, ()))


def _shut(played: Play, name: str, claim: Claim) -> Finding:
    values = claim.values
    wanted, by = values["step_shut"], values.get("by", played.case.end_ms)
    expected = (Said("step_shut", {"name": name, "step": str(wanted)}), *_frame(values))
    for queue, event in steps_opened(played, name):
        if step_matches(played, wanted, queue, event.step) and event.at <= played.begin + by:
            return Finding(expected, (Said("opened", {"at": shown_instant(played, event.at)}),))
    return Finding(expected)


def _entered(played: Play, name: str, claim: Claim) -> Finding:
    """How it came in; with ``at``, the same at that instant."""
    values = claim.values
    expected = (Said("stands", {"name": name}), *_fields(values), *_frame(values))
    came = came_as(played, name)
    if isinstance(came, ev.ContactDeflected):
        got: dict[str, Any] = {"rule": came.rule}
        if values.keys() == {"rule"} and came.rule == values["rule"]:
            return Finding(expected)
        return Finding(expected, (*_fields(got), Said("was_deflected", {"reason": came.reason, "rule": came.rule})))
    stand = stand_at(played, name, values["at"]) if "at" in values else entered_as(played, name)
    if stand is None:
        return Finding(expected, (Said("is_gone", {"name": name}),))
    got = {"rule": stand.rule, "in_queue": stand.queue, "priority": stand.priority, "first": stand.stage}
    if isinstance(came, ev.ContactSubmitted) and "at" not in values:
        got = {"rule": came.rule, "in_queue": came.queue, "priority": came.priority, "first": came.stage}
    return Finding(expected, _differing(values, got))


def _stands(played: Play, name: str, claim: Claim) -> Finding:
    values = claim.values
    at = values.get("at", played.case.end_ms)
    expected = (Said("stands", {"name": name}), *_fields(values), *_frame({"at": at}))
    stand = stand_at(played, name, at)
    if stand is None:
        came = came_as(played, name)
        if isinstance(came, ev.ContactDeflected):
            return Finding(expected, (Said("was_deflected", {"reason": came.reason, "rule": came.rule}),))
        return Finding(expected, _differing(values, {"state": "closed", "position": 0, "served_by": ""}))
    served_by = stand.agent if stand.state in ("connected", "dormant", "wrap_up") else ""
    got = {"state": stand.state, "position": stand.position, "served_by": served_by}
    differing = _differing(values, got)
    if not differing:
        return Finding(expected)
    offers = offered(played, name, None, at, bots=True)
    if "served_by" in values and offers:
        return Finding(expected, differing, why_not_then(played, name, offers[-1], asked_agents(values["served_by"])))
    return Finding(expected, differing, (stand,))


def _deflected(played: Play, name: str, claim: Claim) -> Finding:
    values = claim.values
    reason = values.get("deflected", True)
    said = (
        Said("deflected", {"name": name}) if reason is True else Said("deflected_as", {"name": name, "reason": reason})
    )
    expected = (said, *_fields({key: values[key] for key in values if key == "alternative"}))
    came = came_as(played, name)
    if not isinstance(came, ev.ContactDeflected):
        queue, rule = getattr(came, "queue", ""), getattr(came, "rule", "")
        return Finding(expected, (Said("let_in", {"queue": queue, "rule": rule}),))
    if came.reason == (came.reason if reason is True else reason) and came.alternative == values.get(
        "alternative", came.alternative
    ):
        return Finding(expected)
    got = Said("was_deflected", {"reason": came.reason, "rule": came.rule})
    return Finding(expected, (got, *_fields({"alternative": came.alternative})))


def _joined(played: Play, name: str, claim: Claim) -> Finding:
    other = claim.values["joined"]
    expected = (Said("joined", {"name": name, "other": other}),)
    came = came_as(played, name)
    if isinstance(came, ev.ContactJoined) and played.numbers[name] == played.numbers.get(other):
        return Finding(expected)
    return Finding(expected, (Said("not_joined"),))


# --- agents and queues --------------------------------------------------------------------------------------------------


def _agent(played: Play, name: str, claim: Claim) -> Finding:
    values = claim.values
    at = values.get("at", played.case.end_ms)
    expected = (Said("agent_stands", {"name": name}), *_fields(values), *_frame({"at": at}))
    dispatcher = played.at(at)
    stamp = played.begin + at
    got: dict[str, Any] = {"state": str(dispatcher.agents[name].state)}
    if "serves" in values:
        got["serves"] = Names((), tuple(one for one in played.numbers if _serves(dispatcher, played, name, one)))
    if "helps" in values:
        helping = dispatcher.agents[name].helping
        got["helps"] = Names((), tuple(one for one, number in played.numbers.items() if number in helping))
    if "offers" in values:
        made = [one.event for one in played.happenings(ev.OfferMade) if one.event.agent == name]
        got["offers"] = sum(1 for event in made if event.at <= stamp)
    if "load_at_most" in values:
        got["load_at_most"] = _largest_load(played, name, stamp)
    return Finding(expected, _differing(values, got))


def _serves(dispatcher: Dispatcher, played: Play, agent: str, name: str) -> bool:
    found = dispatcher.contacts.get(played.numbers[name])
    return found is not None and found.agent == agent and not found.offer


def _largest_load(played: Play, agent: str, stamp: int) -> int:
    dispatcher, largest = Dispatcher(played.policy), 0
    for call in played.calls:
        if call.stamp <= stamp:
            put_in(dispatcher, call.command, call.stamp)
            largest = max(largest, dispatcher.agents[agent].load if agent in dispatcher.agents else 0)
    return largest


def _queue(played: Play, name: str, claim: Claim) -> Finding:
    values = claim.values
    at = values.get("at", played.case.end_ms)
    dispatcher = played.at(at)
    expected = (Said("queue_stands", {"name": name}), *_fields(values), *_frame({"at": at}))
    got = {"length": dispatcher.queue_length(name), "closed": name in dispatcher.closed_queues}
    return Finding(expected, _differing(values, got))


# --- fields as they are said --------------------------------------------------------------------------------------------


def _fields(values: Values) -> Parts:
    return tuple(
        Said(f"field.{key}", {"value": _shown(value)})
        for key, value in values.items()
        if key not in ("at", "since", "by")
    )


def _shown(value: Any) -> Any:
    if isinstance(value, Names):
        return value.said or value.all or ("-",)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _differing(values: Values, got: Values) -> Parts:
    """What is otherwise than said, as it is."""
    return _fields({key: got[key] for key in values if key in got and not _as_said(key, values[key], got[key])})


def _as_said(key: str, wanted: Any, got: Any) -> bool:
    if key == "load_at_most":
        return bool(got <= wanted)
    if key == "served_by":
        return got in wanted.all
    if key in ("serves", "helps"):
        return set(wanted.all) <= set(got.all)
    return bool(got == wanted)


RULES: Mapping[str, Callable[[Play, str, Claim], Finding]] = {
    "offered": _offered,
    "never": _never,
    "waits": _waits,
    "order": _order,
    "opens": _opens,
    "shut": _shut,
    "entered": _entered,
    "stands": _stands,
    "deflected": _deflected,
    "joined": _joined,
    "agent": _agent,
    "queue": _queue,
}
