"""What a step may ask for beside its clock: so many waiting, so long to wait, another pool's service level."""

from __future__ import annotations

from engine.dispatch import estimates
from engine.dispatch import events as ev
from engine.dispatch.agents import AgentState
from engine.dispatch.contacts import ContactState
from engine.dispatch.policy.compiled import Step
from tests.reference_dispatcher import hours, lender, needs, orders
from tests.reference_dispatcher.desk import Contact, Desk
from tests.reference_dispatcher.registry import hears

RINGS_KEPT = 8  # of so many connections one is measured: those of contacts whose number this divides


def hold(desk: Desk, contact: Contact, step: Step) -> bool:
    """All of them; the clock is not looked at."""
    if step.queue_length and hours.length(desk, contact.queue) < step.queue_length:
        return False
    if step.lender_kpi and not lender.holds(desk, step.lender_kpi):
        return False
    if not step.estimated_wait_ms:
        return True
    estimate = estimate_of(desk, contact)
    return estimate is not None and estimate.p50_ms >= step.estimated_wait_ms


def line(desk: Desk, queue: str) -> list[Contact]:
    """Who waits for a person there without an offer, in the order of each one's first open pool."""
    found = [contact for contact in standing(desk, queue) if contact.stage == "person"]
    return sorted(found, key=lambda contact: orders.standing(desk, contact))


def standing(desk: Desk, queue: str) -> list[Contact]:
    return [one for one in desk.contacts.values() if one.queue == queue and one.state == ContactState.QUEUED]


# --- a length is reached, a level holds again ---------------------------------------------------------------------------


@hears
def watch(desk: Desk, event: ev.Event | None = None) -> None:
    """Whatever a step asks for has just come to hold: the queue's line is to be judged."""
    lengths = {name: hours.length(desk, name) for name in desk.policy.queues}
    levels = {name: lender.holds(desk, name) for name, pool in desk.policy.pools.items() if pool.lend_kpi}
    for name, queue in desk.policy.queues.items():
        grown = lengths[name] > desk.lengths.get(name, 0) or desk.entered == name
        for step in queue.steps:
            again = levels.get(step.lender_kpi, False) and not desk.levels.get(step.lender_kpi, True)
            if (grown and lengths[name] == step.queue_length) or again:
                desk.reached[name] = None
    desk.lengths, desk.levels, desk.entered = lengths, levels, ""


def swapped(desk: Desk) -> None:
    """It is not a swap that makes a queue long, and it looks at everybody anyway."""
    watch(desk)
    desk.reached = {}
    for contact in desk.contacts.values():
        contact.judged_at = desk.now


def reached(desk: Desk) -> list[str]:
    """Queues whose line is to be judged."""
    watch(desk)
    return [*desk.reached]


# --- the estimate -----------------------------------------------------------------------------------------------------


def slots(desk: Desk, contact: Contact) -> int:
    """So many contacts like this one could be served at once by those who are available, through each open pool."""
    found = 0
    for pool in needs.open_pools(desk, contact):
        units = sum(
            max(agent.capacity - sum(agent.external.values()), 0)
            for agent in desk.agents.values()
            if agent.state == AgentState.AVAILABLE
            and pool in agent.profile.pools
            and pool not in desk.drained
            and contact.team in ("", agent.profile.team)
            and needs.qualifies(desk, contact, agent)
        )
        found += units // contact.cost
    return found


def estimate_of(desk: Desk, contact: Contact) -> estimates.Estimate | None:
    measure = desk.measures.get(contact.queue)
    if measure is None:
        return None
    mine = orders.standing(desk, contact)
    before = sum(orders.standing(desk, one) < mine for one in standing(desk, contact.queue))
    return measure.estimate(1 + before, slots(desk, contact))


@hears
def measure(desk: Desk, event: ev.Event) -> None:
    """A contact leaves the line of its queue; or is connected, so long after it was offered."""
    contact = desk.contacts.get(getattr(event, "contact", 0))
    if contact is None or contact.stage == "bot" or contact.queue not in desk.policy.queues:
        return
    if isinstance(event, ev.ContactConnected):
        ringing = desk.measures.get(contact.queue)
        offer = desk.rings.pop(contact.contact, None)
        if ringing is not None and offer is not None and contact.contact % RINGS_KEPT == 0:
            ringing.rang(desk.now - offer)
    how = leaves(contact, event)
    if how is not None and desk.rearranging:
        paused = desk.measures.get(contact.queue)
        if paused is not None:
            paused.busy, paused.until = False, desk.now
    elif how is not None:
        others = sum(one.stage == "person" for one in standing(desk, contact.queue)) > 1
        entered = desk.now if contact.promised else contact.start + contact.waited
        kept = desk.measures.setdefault(contact.queue, estimates.blank())
        kept.left(desk.now, entered, slots(desk, contact), how, others)
    if isinstance(event, ev.OfferMade):
        desk.rings[contact.contact] = desk.now


def leaves(contact: Contact, event: ev.Event) -> int | None:
    """How it leaves the line; None: it does not."""
    if contact.state != ContactState.QUEUED:
        return None
    if isinstance(event, ev.OfferMade):
        if not event.waited_ms:
            return None
        fed = event.trigger in estimates.FEEDS and not event.preferred
        return estimates.RELEASED if fed else estimates.OTHERWISE
    if isinstance(event, ev.ContactAbandoned):
        return estimates.GAVE_UP
    elsewhere = isinstance(event, ev.ContactMoved) and event.queue != contact.queue
    leaving = isinstance(event, ev.ContactClosed | ev.ContactSentToBot | ev.MessageLeft)
    return estimates.OTHERWISE if elsewhere or leaving else None
