"""Reads a played case: who was offered what when, where a contact stood, and the dispatcher's reasons why not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from engine.dispatch import events as ev
from engine.dispatch.explain import AgentVerdict, Explanation, Reason
from engine.trials.cases import Names
from engine.trials.lengths import shown_length
from engine.trials.outcome import Said, Why
from engine.trials.player import CAME, Happening, Play

# Of a group's equal members a reader needs the reasons once, and of several groups a few.
AGENTS_ASKED = 3


def offered(played: Play, name: str, since: int | None, by: int | None, *, bots: bool) -> list[Happening]:
    """The contact's offers from ``since`` to ``by`` (both included), oldest first; those to bots only where asked for."""
    begin = played.begin
    return [
        one
        for one in played.offers(name)
        if (bots or not played.is_bot(one.event.agent))
        and (since is None or one.event.at >= begin + since)
        and (by is None or one.event.at <= begin + by)
    ]


def shown_instant(played: Play, at: int) -> str:
    """An event's stamp as the case writes instants; before its beginning with a minus."""
    offset = at - played.begin
    return shown_length(offset) if offset >= 0 else f"-{shown_length(-offset)}"


def told_offer(played: Play, event: ev.OfferMade) -> Said:
    said = {
        "agent": event.agent,
        "at": shown_instant(played, event.at),
        "waited": shown_length(event.waited_ms),
        "pool": event.pool,
        "step": step_name(played, event.queue, event.step),
    }
    return Said("was_offered_at_step" if event.step else "was_offered", said)


def step_name(played: Play, queue: str, step: int) -> str:
    policy = next((policy for policy in played.policies() if queue in policy.queues), None)
    steps = () if policy is None else policy.queues[queue].steps
    return steps[step - 1].name if 0 < step <= len(steps) else str(step)


def step_matches(played: Play, wanted: str | int, queue: str, step: int) -> bool:
    """``wanted``: a step's number, or its name in the queue; 0 is the queue itself."""
    return step == wanted if isinstance(wanted, int) else step > 0 and step_name(played, queue, step) == wanted


def steps_opened(played: Play, name: str) -> Iterator[tuple[str, ev.StepOpened]]:
    """Each step that opened for the contact, with the queue it stood in then."""
    queue = ""
    for event in played.about(name):
        if isinstance(event, ev.ContactSubmitted | ev.ContactMoved | ev.ContactTransferred):
            queue = event.queue
        elif isinstance(event, ev.StepOpened):
            yield queue, event


def stand_at(played: Play, name: str, instant: int) -> Explanation | None:
    """Where the contact stands at the instant; None when it is not there (yet, or any more)."""
    dispatcher, number = played.at(instant), played.numbers.get(name)
    if number is None or number not in dispatcher.contacts:
        return None
    return dispatcher.explain(number)


def entered_as(played: Play, name: str) -> Explanation | None:
    """Where the contact stood right after it came."""
    if name not in played.entered:
        return None
    dispatcher, number = played.before(played.entered[name] + 1), played.numbers[name]
    return dispatcher.explain(number) if number in dispatcher.contacts else None


def came_as(played: Play, name: str) -> ev.Event | None:
    """The event with which the contact came: submitted, deflected, joined, resumed or reopened."""
    if name not in played.entered:
        return None
    return next(event for event in played.calls[played.entered[name]].events if isinstance(event, CAME))


# --- why ------------------------------------------------------------------------------------------------------------


def asked_agents(names: Names | None) -> tuple[str, ...]:
    return () if names is None else names.all[:AGENTS_ASKED]


def why_nobody(played: Play, name: str, instant: int, agents: Iterable[str]) -> tuple[Why, ...]:
    """Nothing was offered by the instant: where the contact stands then, and why none of these agents has it."""
    dispatcher, number = played.at(instant), played.numbers.get(name)
    if number is None or number not in dispatcher.contacts:
        return ()
    verdicts = [dispatcher.explain(number, agent) for agent in agents]
    return (dispatcher.explain(number), *_distinct(verdicts))


def why_not_then(played: Play, name: str, offer: Happening, agents: Iterable[str]) -> tuple[Why, ...]:
    """It was offered to somebody else: why that one, and why none of these agents.

    Asked right after the call that made the offer: what opened or ended in that very call counts.
    """
    number, dispatcher = played.numbers[name], played.before(offer.call + 1)
    if number not in dispatcher.contacts:
        return (offer.event,)
    others = [agent for agent in agents if agent != offer.event.agent]
    return (offer.event, *_distinct([_as_of_waiting(dispatcher.explain(number, agent)) for agent in others]))


def _as_of_waiting(explanation: Explanation) -> Explanation:
    """That it no longer waits is no reason for the moment at which it was given away."""
    verdict = explanation.verdict
    assert verdict is not None
    kept = tuple(reason for reason in verdict.reasons if reason.code != "contact_not_waiting")
    if len(kept) == len(verdict.reasons):
        return explanation
    if not kept:
        return replace(explanation, verdict=AgentVerdict(verdict.agent, True, verdict.pool, (Reason("outranked"),)))
    return replace(explanation, verdict=replace(verdict, reasons=kept))


def _distinct(explanations: list[Explanation]) -> list[Explanation]:
    """Equal members of a group have equal reasons: told once."""
    seen: list[tuple[Reason, ...]] = []
    kept = []
    for one in explanations:
        assert one.verdict is not None
        if one.verdict.reasons not in seen:
            seen.append(one.verdict.reasons)
            kept.append(one)
    return kept
