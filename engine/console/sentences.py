"""A contact's story, its present state, and why not an agent, in sentences that a team lead understands.

What is said comes from events and from :class:`engine.dispatch.explain.Explanation`; nothing is guessed. The codes stay
beside the sentences, for programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from engine.console.wording import Words, requirement
from engine.dispatch import events as ev
from engine.dispatch.commands import Attributes
from engine.dispatch.explain import Explanation, NextStep, Reason

# Triggers by which a free agent looked for a contact; by all others a contact looked for an agent.
AGENT_TRIGGERS = frozenset({"freed", "available", "capacity", "external_load", "back_off_ended", "redefined", "quota"})
# Fields that hold an instant ahead of the event, told as a length from then.
INSTANTS = frozenset(
    {
        "deadline",
        "until",
        "grace_until",
        "forget_at",
        "return_at",
        "resume_until",
        "prefer_until",
        "hold_until",
        "promised_by",
        "reopen_until",
    }
)
LENGTHS = frozenset({"waited_ms", "took_ms", "first_reply_ms"})
AGENTS = frozenset({"agent", "prefer", "to_agent"})
CODES = frozenset({"reason", "why", "by", "effect", "alternative", "kind"})


class Line(msgspec.Struct, frozen=True):
    """One line of a story. ``after_ms``: since the story's first event; ``code``: the event's type."""

    at: int
    after_ms: int
    code: str
    text: str


def story(events: Iterable[ev.Event], words: Words) -> list[Line]:
    """The events of one contact, oldest first, as lines; messages between two other events are counted in one."""
    lines: list[Line] = []
    messages: dict[str, int] = {}
    first: int | None = None
    talked_at = 0

    def tell_messages() -> None:
        if messages:
            counts = words.listed(words.say("messages.one", who=who, n=n) for who, n in messages.items())
            assert first is not None
            lines.append(Line(talked_at, talked_at - first, "message.added", words.say("messages", counts=counts)))
            messages.clear()

    for event in events:
        first = event.at if first is None else first
        if isinstance(event, ev.MessageAdded):
            who = words.agent(event.agent) if event.agent else words.code("sender", event.sender)
            messages[who] = messages.get(who, 0) + 1
            talked_at = event.at
            continue
        text = tell(event, words)
        if text:
            tell_messages()
            lines.append(Line(event.at, event.at - first, code_of(event), text))
    tell_messages()
    return lines


def code_of(event: ev.Event) -> str:
    return str(type(event).__struct_config__.tag)


def tell(event: ev.Event, words: Words) -> str:
    """What an event means; empty for those that mean nothing to a contact's story."""
    parts = PARTS.get(type(event), _plain)(event)
    fields = _fields(event, words)
    said = [words.say(key, **fields) for key in parts if words.has(key)]
    if isinstance(event, ev.OfferMade):
        said += why_offered(event, words)
    return words.joined(said)


def _fields(event: ev.Event, words: Words) -> dict[str, object]:
    """The event's fields as they are said."""
    fields: dict[str, object] = {}
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if name in AGENTS:
            value = words.agent(value)
        elif name in LENGTHS:
            value = words.length(value)
        elif name in INSTANTS:
            value = words.length(value - event.at)
        elif name in CODES:
            value = words.agent(value) if name == "by" and value in words.names else words.code("word", value)
        elif name == "alternatives":
            value = words.listed(words.code("word", each) for each in value)
        elif name == "attributes":
            value = _attributes(value, words)
        elif name == "requires":
            value = requirement(value)
        fields[name] = value
    if isinstance(event, ev.ContactSubmitted):
        fields["for_shop"] = words.say("contact.submitted.shop", shop=event.shop) if event.shop else ""
    elif isinstance(event, ev.OfferDeclined):
        fields["because"] = words.say("offer.declined.because", **fields) if event.reason else ""
    elif isinstance(event, ev.OfferExpired):
        fields["back"] = words.say("offer.expired.back", **fields) if event.return_at else ""
    return fields


def _attributes(attributes: Attributes, words: Words) -> str:
    return words.listed(f"{name} = {value}" for name, value in attributes.items())


# --- which sentences an event is made of ----------------------------------------------------------------------------


def _plain(event: Any) -> Iterator[str]:
    yield code_of(event)


def _submitted(event: ev.ContactSubmitted) -> Iterator[str]:
    yield "contact.submitted"
    if event.priority:
        yield "contact.submitted.priority"
    if event.requires:
        yield "contact.submitted.requires"
    yield f"contact.submitted.{event.stage}"


def _moved(event: ev.ContactMoved) -> Iterator[str]:
    if event.why in ("prioritised", "delivery_limit"):
        yield f"contact.moved.{event.why}"
    else:
        yield "contact.moved" if event.rule else "contact.moved.no_rule"
    if event.reason:
        yield "contact.moved.reason"


def _reply_stopped(event: ev.ReplyStopped) -> Iterator[str]:
    yield "reply.stopped" if event.answered else "reply.stopped.unanswered"


def _transferred(event: ev.ContactTransferred) -> Iterator[str]:
    yield "contact.transferred.hand_off" if event.hand_off else "contact.transferred"
    if event.prefer:
        yield "contact.transferred.prefer"
    if event.team:
        yield "contact.kept_for_team"
    if event.intent:
        yield "contact.transferred.intent"
    if event.reason:
        yield "contact.transferred.reason"


def _requeued(event: ev.ContactRequeued) -> Iterator[str]:
    yield f"contact.requeued.{event.reason}" if event.reason in ("unanswered", "woke") else "contact.requeued"
    if event.prefer:
        yield "contact.requeued.prefer"
    if event.team:
        yield "contact.kept_for_team"


def _affinity_began(event: ev.AffinityBegan) -> Iterator[str]:
    known = event.why in ("named", "last", "reopened", "woke")
    yield f"affinity.began.{event.why}" if known else "affinity.began"


def _affinity_ended(event: ev.AffinityEnded) -> Iterator[str]:
    if event.why in ("agent_left", "agent_removed", "team_left"):
        yield f"affinity.ended.{event.why}"
    else:
        yield "affinity.ended" if event.agent else "affinity.ended.team"


def _abandoned(event: ev.ContactAbandoned) -> Iterator[str]:
    yield "contact.abandoned.silent" if event.silent else "contact.abandoned"
    if event.resume_until > event.at:
        yield "contact.abandoned.window"


def _offer_made(event: ev.OfferMade) -> Iterator[str]:
    yield "offer.made"
    if event.forced:
        yield "offer.made.forced"


def _accepted(event: ev.OfferAccepted) -> Iterator[str]:
    if event.automatic:
        yield "offer.accepted.automatic"
    else:
        yield "offer.accepted.held" if event.held else "offer.accepted"


def _declined(event: ev.OfferDeclined) -> Iterator[str]:
    yield "offer.declined"
    if event.forget_at > event.at:
        yield "offer.declined.memory"


def _told(event: ev.ContactTold) -> Iterator[str]:
    yield "contact.told" if event.why == "outside_hours" else f"contact.told.{event.why}"
    if event.notice:
        yield "contact.told.what"
    if event.alternative:
        yield "contact.told.offered"


def _by(field: str, plain: str) -> Callable[[Any], Iterator[str]]:
    """``type.value`` of a field where there is such a text, else ``type``."""

    def parts(event: Any) -> Iterator[str]:
        value = getattr(event, field)
        yield code_of(event) if value == plain else f"{code_of(event)}.{value}"

    return parts


def _consult_asked(event: ev.ConsultAsked) -> Iterator[str]:
    yield "consult.asked.queue" if event.queue else "consult.asked"
    if event.reason:
        yield "consult.asked.reason"


def _closed(event: ev.ContactClosed) -> Iterator[str]:
    yield "contact.closed.idle" if event.by == "clock" else "contact.closed"
    if event.reopen_until:
        yield "contact.closed.reopens"


PARTS: dict[type, Callable[[Any], Iterator[str]]] = {
    ev.ContactSubmitted: _submitted,
    ev.ContactMoved: _moved,
    ev.StepOpened: _by("why", "clock"),
    ev.AffinityBegan: _affinity_began,
    ev.AffinityEnded: _affinity_ended,
    ev.DeclinerForgotten: _by("why", "expired"),
    ev.ReplyStopped: _reply_stopped,
    ev.ContactTransferred: _transferred,
    ev.ContactRequeued: _requeued,
    ev.ContactAbandoned: _abandoned,
    ev.ContactTold: _told,
    ev.MessageReleased: _by("why", "pace"),
    ev.ContactClosed: _closed,
    ev.ConsultAsked: _consult_asked,
    ev.ConsultAccepted: lambda event: iter(["consult.accepted.automatic" if event.automatic else "consult.accepted"]),
    ev.ConsultEnded: _by("why", ""),
    ev.AlertRaised: _by("alert", ""),
    ev.OfferMade: _offer_made,
    ev.OfferAccepted: _accepted,
    ev.OfferDeclined: _declined,
    ev.WrapUpEnded: lambda event: iter(["wrap_up.ended.clock" if event.by == "clock" else "wrap_up.ended"]),
}


# --- why this agent -------------------------------------------------------------------------------------------------


def why_offered(event: ev.OfferMade, words: Words) -> Iterator[str]:
    """The reasons that an offer carries: what made it possible, and what put this pair first."""
    agent = words.agent(event.agent)
    if event.forced:
        return
    from_agent = event.trigger in AGENT_TRIGGERS
    if from_agent:
        yield words.say("why.agent", agent=agent, trigger=words.code("trigger", event.trigger))
    else:
        trigger = words.code("trigger", event.trigger)
        yield words.say("why.contact", trigger=words.code("word", trigger) if trigger == event.trigger else trigger)
    if event.preferred:
        yield words.say("why.preferred", agent=agent)
    elif from_agent:
        yield _order(event, words)
    else:
        yield _choice(event, agent, words)
    if event.step and not event.preferred:
        yield words.say("why.step", step=event.step)


def _choice(event: ev.OfferMade, agent: str, words: Words) -> str:
    """``rank`` begins with what the pool's choice measures: idle since, ± parts per million in use, −proficiency, −points."""
    measure = int(event.rank[0]) if event.rank else 0
    if not words.has(f"why.{event.choice}"):  # a choice of a later release
        return ""
    return words.say(
        f"why.{event.choice}",
        agent=agent,
        pool=event.pool,
        idle=words.length(event.at - measure),
        load=f"{abs(measure) / 10_000:.0f} %",
        level=-measure,
        points=f"{-measure / 60_000:.1f}",
    )


def _order(event: ev.OfferMade, words: Words) -> str:
    """``rank`` is (place in the pool's list, −priority or points, what else the order compares …)."""
    if not words.has(f"why.{event.order}"):  # an order of a later release
        return ""
    priority = -int(event.rank[1]) if event.order != "score" and len(event.rank) > 1 else 0
    length = -int(event.rank[2]) if event.order == "longest_queue" and len(event.rank) > 2 else 0
    return words.say(f"why.{event.order}", pool=event.pool, priority=priority, length=length)


# --- the present state ----------------------------------------------------------------------------------------------


def present(now: Explanation, words: Words) -> list[str]:
    """Where the contact stands and, if it waits, why nobody takes it yet and what happens next."""
    key = "now.queued.next" if now.state == "queued" and now.position == 1 else f"now.{now.state}"
    waited = words.length(now.waited_ms)
    agent = words.agent(now.agent)
    said = [words.say(key, queue=now.queue, waited=waited, position=now.position, agent=agent)]
    if now.helper:
        key = "now.helper" if now.helper_in_ms < 0 else "now.helper.asked"
        said.append(words.say(key, helper=words.agent(now.helper), left=words.length(now.helper_in_ms)))
    if now.promise_in_ms >= 0:
        key = "now.promise" if now.promise_in_ms else "now.promise.due"
        said.append(words.say(key, left=words.length(now.promise_in_ms)))
    if now.state == "queued":
        said += _waiting(now, words)
    return [*said, words.say("now.policy", policy=now.policy)]


def _waiting(now: Explanation, words: Words) -> Iterator[str]:
    if now.stage == "bot":
        yield words.say("now.bot")
    key = "now.needs" if now.requirement else "now.needs.anyone"
    yield words.say(key, pools=words.listed(now.pools), requirement=requirement(now.requirement))
    if now.prefer and now.prefer_in_ms:
        yield words.say("now.prefer", prefer=words.agent(now.prefer), prefer_in=words.length(now.prefer_in_ms))
    if now.free_agents:
        yield words.say("now.free", n=now.free_agents)
    elif now.nobody:
        most_first = sorted(now.nobody.items(), key=lambda entry: (-entry[1], entry[0]))
        counts = words.listed(words.say(f"nobody.{code}", n=count) for code, count in most_first)
        yield words.say("now.nobody", counts=counts)
    else:
        yield words.say("now.nobody.none")
    if now.p50_ms >= 0:
        yield words.say("now.estimate", p50=words.length(now.p50_ms), p90=words.length(now.p90_ms))
    if now.next_step is not None:
        yield next_step(now.next_step, words)


def next_step(step: NextStep, words: Words) -> str:
    """When the step opens, or what it still lacks, and what it does."""
    adds = words.say("now.step.adds", pools=words.listed(step.add_pools)) if step.add_pools else ""
    relaxes = words.say("now.step.relaxes", relax=words.listed(step.relax)) if step.relax else ""
    if adds and relaxes:
        adds = adds + words.texts["list"].rstrip()
    if not adds and not relaxes:
        adds = words.say("now.step.only")
    if step.move_to:
        adds = words.say("now.step.moves", queue=step.move_to)
    elif step.offer:
        offers = words.say("now.step.offers", offers=words.listed(words.code("word", each) for each in step.offer))
        only = not step.add_pools and not step.relax
        relaxes = "" if only else relaxes + words.texts["list"].rstrip() + offers
        adds = offers if only else adds
    key = "now.step" if step.in_ms >= 0 else "now.step.open"
    if step.in_ms < 0 and step.missing:
        key = "now.step.missing"
    lacking = words.listed(_lacking(reason, words) for reason in step.missing)
    length = words.length(step.in_ms)
    return words.say(key, name=step.name, in_ms=length, adds=adds, relaxes=relaxes, missing=lacking)


def _lacking(reason: Reason, words: Words) -> str:
    """A step's condition that does not hold yet."""
    key, wanted, got = f"missing.{reason.code}", reason.wanted, reason.got
    if reason.code.endswith("_ms"):
        wanted = words.length(int(wanted))
        key, got = (key, words.length(int(got))) if got else (f"{key}.unknown", got)
    return words.say(key, wanted=wanted, got=got, in_ms=words.length(reason.in_ms))


def why_not(now: Explanation, words: Words) -> list[str]:
    """The answer about the one agent asked for; empty when none was."""
    verdict = now.verdict
    if verdict is None:
        return []
    agent = words.agent(verdict.agent)
    reasons = [_reason(reason, agent, words) for reason in verdict.reasons]
    if verdict.eligible:
        return reasons or [words.say("why_not.eligible", agent=agent)]
    return [words.say("why_not.not", agent=agent), *reasons]


def _reason(reason: Reason, agent: str, words: Words) -> str:
    state, _, why = reason.got.partition(" ")
    family = "contact_state" if reason.code in ("contact_not_waiting", "serving") else "state"
    state = words.code(family, state) + (f" ({words.code('word', why)})" if why else "")
    wanted = words.agent(reason.wanted) if reason.code == "preferred_other" else requirement(reason.wanted)
    return words.say(
        f"why_not.{reason.code}",
        agent=agent,
        state=state,
        wanted=wanted,
        got=reason.got,
        in_ms=words.length(reason.in_ms),
    )
