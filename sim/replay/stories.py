"""Contacts whose waiting or agent changed, told under each policy in the dispatcher's own sentences, and why not the other agent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from engine.console.sentences import story, why_not
from engine.console.wording import LANGUAGES, Words
from engine.dispatch import events as ev
from engine.dispatch.explain import AgentVerdict, Explanation, Reason
from engine.dispatch.policy.compiled import Policy
from sim.replay.comparing import Compared, differences, extremes, play

# Besides those who waited longest more and less: contacts that only got another agent.
OTHERS = 3
LINES = 14
# What decides: without the talk and its clocks.
TOLD = (
    ev.ContactSubmitted, ev.ContactDeflected, ev.ContactMoved, ev.StepOpened, ev.AffinityBegan, ev.AffinityEnded,
    ev.OfferMade, ev.OfferDeclined, ev.OfferExpired, ev.OfferRescinded, ev.ContactConnected, ev.ContactTransferred,
    ev.ContactRequeued, ev.PersonAsked, ev.ContactSentToBot, ev.ContactAbandoned, ev.ContactResumed, ev.ContactReopened,
    ev.ContactClosed, ev.MessageLeft, ev.MessageReleased,
)  # fmt: skip


def sample(both: Compared) -> dict[int, str]:
    """Place → why it is told: ``more``, ``less`` or ``agent``."""
    more, less = extremes(both)
    found = dict.fromkeys(more, "more") | dict.fromkeys(less, "less")
    apart = differences(both, range(len(both.day.visits)))
    changed = [place for place in apart if place not in found and _agents(both, place)[0] != _agents(both, place)[1]]
    changed.sort(key=lambda place: (-abs(apart[place]), place))
    return found | dict.fromkeys([place for place in changed if all(_agents(both, place))][:OTHERS], "agent")


def _agents(both: Compared, place: int) -> tuple[str, str]:
    a, b = both.a.outcomes[place], both.b.outcomes[place]
    return ("" if a is None else a.agent), ("" if b is None else b.agent)


def stories(both: Compared, policies: Sequence[Policy]) -> list[dict[str, Any]]:
    """The sample, each with its story under the recorded and the new policy (``policies``): played once more, and listened to."""
    chosen = sample(both)
    if not chosen:
        return []
    told = []
    for number, policy in enumerate(policies):
        rivals = {place: _agents(both, place)[1 - number] for place in chosen}
        told.append(_listen(both, policy, rivals, as_recorded=number == 0))
    found = []
    for place, why in chosen.items():
        visit = both.day.visits[place]
        one: dict[str, Any] = {
            "contact": visit.contact, "place": place, "why": why, "tier": visit.tier, "shop": visit.command.shop,
            "channel": visit.command.channel,
        }  # fmt: skip
        for name, side, (lines, verdicts) in (("a", both.a, told[0]), ("b", both.b, told[1])):
            outcome = side.outcomes[place]
            one[name] = {
                "waited_ms": None if outcome is None else outcome.waited_ms,
                "kind": "none" if outcome is None else outcome.kind,
                "agent": "" if outcome is None else outcome.agent,
                "agent_name": "" if outcome is None else both.day.names.get(outcome.agent) or outcome.agent,
                "story": _tell(lines.get(place, []), both.day.names),
                "why_not": _why_not(verdicts.get(place), both.day.names),
            }
        found.append(one)
    return found


def _listen(
    both: Compared, policy: Policy, rivals: dict[int, str], *, as_recorded: bool
) -> tuple[dict[int, list[ev.Event]], dict[int, Explanation]]:
    heard: dict[int, list[ev.Event]] = {}

    def hear(stage: Any, events: list[ev.Event]) -> None:
        for event in events:
            if isinstance(event, TOLD):
                place = stage.place_of(event.contact)
                if place in rivals:
                    heard.setdefault(place, []).append(event)

    _, stage = play(both.day, both.lives, policy, as_recorded=as_recorded, rivals=rivals, hear=hear)
    return heard, stage.verdicts


def _tell(events: list[ev.Event], names: dict[str, str]) -> dict[str, list[str]]:
    found = {}
    for language in LANGUAGES:
        words = Words(language, names)
        lines = [f"{words.length(line.after_ms)} · {line.text}" for line in story(events, words)]
        found[language[:2]] = lines if len(lines) <= LINES else [*lines[: LINES - 1], "…"]
    return found


def _why_not(explanation: Explanation | None, names: dict[str, str]) -> dict[str, list[str]]:
    """Of the moment just after the other agent was offered it: that it no longer waits is no reason."""
    if explanation is None or explanation.verdict is None:
        return {}
    verdict = explanation.verdict
    reasons = tuple(reason for reason in verdict.reasons if reason.code != "contact_not_waiting")
    if not reasons:
        verdict = AgentVerdict(verdict.agent, True, verdict.pool, (Reason("outranked"),))
    else:
        verdict = msgspec.structs.replace(verdict, reasons=reasons)
    asked = msgspec.structs.replace(explanation, verdict=verdict)
    return {language[:2]: why_not(asked, Words(language, names)) for language in LANGUAGES}
