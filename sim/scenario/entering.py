"""Where the policy puts a scenario's contacts, as far as their facts alone decide."""

from __future__ import annotations

from engine.dispatch.policy.compiled import Policy
from sim.scenario.model import clock_ms
from sim.scenario.tables import File, Flow, Span


def topics_of(file: File, flow: Flow, policy: Policy) -> tuple[str, ...]:
    """The topics that the policy puts into the flow's queue; empty: any."""
    if not flow.queue:
        return ()
    return tuple(name for name in file.topics if queue_of(file, policy, name, flow) == flow.queue)


def queue_of(file: File, policy: Policy, topic: str, flow: Flow) -> str:
    """Where such a contact enters; empty: nowhere."""
    tier = file.tiers.get(flow.tier)
    facts = {
        "topic": topic,
        "tenant": file.scenario.tenant,
        **file.topics[topic].attributes,
        **({"tier": flow.tier, **tier.attributes} if tier is not None else {}),
        **flow.attributes,
    }
    facts |= {name: part for name, part in (("channel", flow.channel), ("shop", flow.shop)) if part}
    return policy.enter(facts).queue


def span_of(span: Span) -> tuple[int, int]:
    """In ms of the day."""
    return clock_ms(span[0]) or 0, clock_ms(span[1]) or 0


def spans_in(spans: tuple[Span, ...] | Span) -> tuple[Span, ...]:
    """One span or several, as several."""
    several = [span for span in spans if not isinstance(span, str)]
    return tuple(several) if several else ((str(spans[0]), str(spans[1])),) if spans else ()
