"""Who answers whom: both directions of the decision, in the step that made it possible.

``place``: a contact waits → the best free agent. ``feed``: an agent is free → the best waiting contact. Nothing polls.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from engine.dispatch import events as ev
from engine.dispatch.agents import PRESENT, AgentState
from engine.dispatch.choosing import (
    best_agent,
    best_preferred,
    best_waiting,
    can_serve_preferred,
    only_decliners_left,
    pool_between,
    served_by,
    stranded,
)
from engine.dispatch.contacts import Contact, ContactState, Offer
from engine.dispatch.lanes import Lane, Seat
from engine.dispatch.policy.compiled import Step
from engine.dispatch.pools import kind_of, shown
from engine.dispatch.slices import NOTES, OPENING
from engine.dispatch.state import State
from engine.dispatch.stepping import holds, next_step, open_step
from engine.dispatch.timers import FAR

QUEUED: Final = ContactState.QUEUED
FINISHING: Final = AgentState.FINISHING
# Contacts for whom a step opens in one go; the rest of a long line follows in the next calls, at the same instant.
AT_ONCE: Final = 200


# --- a contact waits --------------------------------------------------------------------------------------------------


def place(state: State, contact: Contact, trigger: str) -> None:
    """Offer a QUEUED contact to the agent whom its open pools put first; leave it waiting if there is none."""
    if state.frozen:
        place_later(state, contact)
        return
    if state.reached:
        look_again(state)
        if contact.state is not QUEUED:
            return
    if contact.prefer and place_preferred(state, contact, trigger):
        return
    stand = state.stood(contact)
    if stand.stepped and (stand.at_once or contact.arrived_at != state.now):
        open_due_steps(state, contact)
    widened = False
    while contact.state is QUEUED:
        found = best_agent(state, contact)
        if found is not None:
            # From the bots to the people, say, it goes to the end of the line.
            if widened and place_before(state, contact, trigger):
                continue
            pool, key, seat = found
            make_offer(state, contact, seat, pool, trigger, key)
            return
        widened = widen(state, contact, state.stood(contact).lanes)
        if not widened:
            return


def place_preferred(state: State, contact: Contact, trigger: str) -> bool:
    """Offer it to the agent whom it prefers; False: that agent cannot have it now, and others may."""
    if offer_preferred(state, contact, trigger):
        return True
    if contact.prefer_only and state.stood(contact).watched:
        open_due_steps(state, contact)
        # A pool that a step has opened may let the preferred agent through.
        return offer_preferred(state, contact, trigger) or contact.prefer_only
    return contact.prefer_only


def offer_preferred(state: State, contact: Contact, trigger: str) -> bool:
    """Whether the contact waits and the agent whom it prefers can have it, and so is offered it."""
    seat = state.seats.get(contact.prefer)
    if seat is None or contact.state is not QUEUED or not can_serve_preferred(state, seat, contact):
        return False
    make_offer(state, contact, seat, "", trigger, (float(seat.agent.idle_since),), preferred=True)
    return True


def place_before(state: State, contact: Contact, trigger: str) -> bool:
    """It stands elsewhere now: whom the agent that it found would rather have goes first. False: nobody, or in vain."""
    first = first_before(state, contact)
    if first is contact:
        return False
    place(state, first, trigger)
    return first.state is not QUEUED


def place_later(state: State, contact: Contact) -> None:
    """During a rearrangement: nobody is offered anything, and the contact has its turn when its stage comes.

    Once steps are being opened, they are for those who begin to wait then, too.
    """
    work = state.rearranging
    if work is not None and work.stage >= OPENING:
        open_anew(state, contact)


def open_anew(state: State, contact: Contact, *, yields: bool = False) -> None:
    """What a contact that waits opens before anyone is offered it: steps due, steps for nobody.

    ``yields``: who declined it may be asked again if nobody else is left, of those who could have it then: not of the bots
    or the team that are gone.
    """
    if yields:
        if contact.stage == "bot":
            leave_bots(state, contact)
        elif contact.team and nobody_there(state, contact):
            state.emit_on(contact, ev.AffinityEnded(state.now, contact.contact, "", "team_left"))
        let_decliners_yield(state, contact)
    open_due_steps(state, contact)
    if contact.prefer_only:
        return
    while widen(state, contact, state.stood(contact).lanes):
        pass


def let_decliners_yield(state: State, contact: Contact) -> None:
    """Who declined the contact may be asked again when nobody else could have it."""
    if contact.decliners and only_decliners_left(state, contact):
        for name in sorted(contact.decliners, key=lambda agent: state.agents[agent].seq):
            state.emit_on(contact, ev.DeclinerForgotten(state.now, contact.contact, name, "yielded"))


def nobody_there(state: State, contact: Contact) -> bool:
    """Nobody who could have it is signed on."""
    return not any(lane.signed_on and not lane.drained for lane in state.stood(contact).lanes)


def open_due_steps(state: State, contact: Contact) -> None:
    """Open what may be open already: steps of 0 ms, a long wait brought along, conditions that hold.

    Where others stand to gain as well (a queue has grown long enough), they come first: the contact may have an offer then.
    """
    work = state.rearranging
    if work is not None and work.stage < OPENING:
        return
    while contact.state is QUEUED:
        if state.reached:
            look_again(state)
            continue
        step = next_step(state, contact)
        if step is None or step.only_nobody or not may_open(state, contact, step):
            return
        if step.watched and state.looks.get(contact.contact, FAR) <= state.now:
            return  # the line before it was too long for one call: its turn comes at this same instant
        open_step(state, contact, step, "conditions" if step.watched else "clock")


def may_open(state: State, contact: Contact, step: Step) -> bool:
    """Whether its conditions hold. Who has an agent at hand does not wait, whatever the estimate says."""
    if not step.watched:
        return state.clock_due(contact, step) <= state.now
    if not holds(state, contact, step):
        return False
    return not step.estimated_wait_ms or agent_for(state, contact) is None


def look_again(state: State) -> None:
    """Queues have become long enough for a step of theirs: open it for all who stand before it, in line order."""
    queues = list(state.reached)
    state.reached.clear()
    work = state.rearranging
    if work is not None and work.stage < OPENING:
        return  # everybody's steps are looked at when that stage comes
    for queue in queues:
        ready: list[Contact] = []
        for number in state.lines[queue].waiting:
            contact = state.contacts[number]
            if contact.state is QUEUED:
                step = next_step(state, contact)
                if step is not None and step.watched and may_open(state, contact, step):
                    ready.append(contact)
        ready.sort(key=lambda contact: (state.line_key(contact), contact.contact))
        for contact in ready[AT_ONCE:]:
            state.look_now(contact)
        place_all(state, ready[:AT_ONCE], "step")


def widen(state: State, contact: Contact, lanes: Iterable[Lane]) -> bool:
    """Nobody free. If nobody eligible is even signed on: keep it for no team, leave the bot stage, or open a ``when_nobody``
    step."""
    for lane in lanes:
        if lane.signed_on and not lane.drained:
            return False
    if contact.team:
        state.emit_on(contact, ev.AffinityEnded(state.now, contact.contact, "", "team_left"))
    elif contact.stage == "bot":
        ask_person(state, contact, "", "no_bot")
    else:
        step = next_step(state, contact)
        if step is None or not step.when_nobody:
            return False
        open_step(state, contact, step, "nobody")
    open_due_steps(state, contact)
    return True


def leave_bots(state: State, contact: Contact) -> None:
    """No bot of its queue is signed on: from here on it waits for a person, unless it is kept for one bot."""
    if not contact.prefer_only and nobody_there(state, contact):
        ask_person(state, contact, "", "no_bot")


def ask_person(state: State, contact: Contact, intent: str, reason: str) -> None:
    """From the bot stage to the person stage, the reply clock with it."""
    state.emit_on(contact, ev.PersonAsked(state.now, contact.contact, intent, reason))
    start_reply_clock(state, contact)


def start_reply_clock(state: State, contact: Contact) -> None:
    """If the customer has written and waits for a person, the reply clock runs from now, unless it already does."""
    if contact.promised or contact.replying or not contact.owed or contact.stage != "person":
        return  # a promise is its own clock
    channel = state.channels.get(contact.channel)
    if channel is not None and channel.messages:
        state.emit_on(contact, ev.ReplyStarted(state.now, contact.contact, contact.reply_round + 1))


def stop_reply_clock(state: State, contact: Contact, agent: str = "", *, answered: bool = False) -> None:
    """End the running round, if one runs."""
    if contact.replying:
        took = state.now - contact.reply_since
        number = contact.contact
        state.emit_on(contact, ev.ReplyStopped(state.now, number, contact.reply_round, took, answered, agent))


# --- an agent is free -------------------------------------------------------------------------------------------------


def feed(state: State, seat: Seat, trigger: str) -> None:
    """Offer the agent waiting contacts, best first, as long as it has room; thousands of them in slices."""
    left = state.slice_units // 2
    while seat.room() > 0 and feed_one(state, seat, trigger):
        left -= 1
        if left <= 0:
            if seat.room() > 0:
                state.emit(ev.RearrangementStarted(state.now, trigger, NOTES, seat.name))
            return


def feed_one(state: State, seat: Seat, trigger: str, before: int = 0) -> bool:
    """Offer the agent with room its best waiting contact, unless that is ``before``; False: nothing was offered."""
    if state.frozen:
        return False
    if state.arriving:
        state.settle()
    if seat.preferred:
        contact = best_preferred(state, seat)
        if contact is not None:
            if contact.contact != before:
                make_offer(state, contact, seat, "", trigger, state.shown_first(contact), preferred=True)
            return contact.contact != before
    key = best_waiting(state, seat)
    if key is None or key[3] == before:
        return False
    contact = state.contacts[key[3]]
    pool = pool_between(state, seat, contact)
    rank = shown(kind_of(state.policy.pools[pool]), key) if state.shaped else key[:3]
    make_offer(state, contact, seat, pool, trigger, rank)
    return True


def place_beside(state: State, contact: Contact, seat: Seat, trigger: str) -> None:
    """One step both sent a contact back to wait and freed an agent: neither may pass anybody.

    Who stands before the contact in this agent's order has the agent first; then the contact looks for the best agent,
    this one included. The caller feeds the agent afterwards.
    """
    if contact.stage == "bot" and not state.frozen:
        leave_bots(state, contact)
    open_due_steps(state, contact)
    while seat.room() > 0 and feed_one(state, seat, "freed", contact.contact):
        pass
    if state.protected and not state.frozen:  # the freed agent may make its pool lend another one
        place_in_turn(state, contact, trigger)
    elif contact.state is QUEUED:
        place(state, contact, trigger)


def place_in_turn(state: State, contact: Contact, trigger: str) -> None:
    """Offer it to the agent whom it finds, after everybody whom that agent would rather have."""
    while contact.state is QUEUED:
        first = first_before(state, contact)
        place(state, first, trigger)
        if first.state is QUEUED:
            return


def place_all(state: State, contacts: Iterable[Contact], trigger: str) -> None:
    """Several contacts look for an agent in one step: in the order in which they stand, and nobody passes anybody."""
    waiting = [contact for contact in contacts if contact.state is QUEUED]
    if state.frozen:
        for contact in waiting:
            place_later(state, contact)
        return
    for contact in waiting:  # all begin to wait before anyone is given an agent
        if contact.stage == "bot":
            leave_bots(state, contact)
    for contact in waiting:
        open_due_steps(state, contact)
    for contact in sorted(waiting, key=lambda contact: (state.place_key(contact), contact.contact)):
        judged = False
        while contact.state is QUEUED:
            if not judged:  # the agent it had in view may be gone by now
                judged = True
                if state.stood(contact).watched:
                    open_due_steps(state, contact)
                    continue
            first = first_before(state, contact)
            place(state, first, trigger)
            if first.state is QUEUED:
                break


def first_before(state: State, contact: Contact) -> Contact:
    """Pools may rank differently: whoever the agent chosen for ``contact`` would rather have goes first, and so on."""
    seen = {contact.contact}
    while True:
        seat = agent_for(state, contact)
        first = None if seat is None else first_for(state, seat)
        if first is None or first.contact in seen:
            return contact
        contact = first
        seen.add(first.contact)


def agent_for(state: State, contact: Contact) -> Seat | None:
    """Whom :func:`place` would ask: the preferred agent, or the best of the open pools."""
    if contact.prefer:
        seat = state.seats.get(contact.prefer)
        if seat is not None and can_serve_preferred(state, seat, contact):
            return seat
        if contact.prefer_only:
            return None
    found = best_agent(state, contact)
    return None if found is None else found[2]


def first_for(state: State, seat: Seat) -> Contact | None:
    """Whom :func:`feed` would offer the agent: who prefers it, or who stands first in its pools."""
    state.settle()
    if seat.preferred:
        preferred = best_preferred(state, seat)
        if preferred is not None:
            return preferred
    key = best_waiting(state, seat)
    return None if key is None else state.contacts[key[3]]


# --- both in one step -------------------------------------------------------------------------------------------------


def freed(state: State, seat: Seat | None, trigger: str = "freed") -> None:
    """Room again: the next contact is chosen in the same step; a finishing agent without work goes offline."""
    if seat is None:
        return
    agent = seat.agent
    if agent.state is FINISHING and not agent.contacts and not agent.helping:
        state.emit(ev.AgentStateChanged(state.now, seat.name, agent.state, "offline", "finished"))
        reconsider_without(state, seat)
        return
    feed(state, seat, trigger)


def again(state: State, contact: Contact, seat: Seat | None, trigger: str) -> None:
    """The contact waits once more, and the agent that had it (if any) has room: decide for both."""
    if seat is None:
        return place(state, contact, trigger)
    place_beside(state, contact, seat, trigger)
    return freed(state, seat)


# --- the pair -----------------------------------------------------------------------------------------------------------


def make_offer(
    state: State,
    contact: Contact,
    seat: Seat,
    pool: str,
    trigger: str,
    rank: tuple[float, ...],
    *,
    preferred: bool = False,
) -> None:
    """Reserve and offer in one event; an auto-accepting agent is connected in the same step."""
    rules = state.pools.get(pool)
    now = state.now
    state.chosen = seat
    state.emit_on(
        contact,
        ev.OfferMade(
            at=now,
            offer=state.next_offer,
            contact=contact.contact,
            agent=seat.name,
            queue=contact.queue,
            pool=pool or next(iter(seat.groups), ""),
            step=contact.step,
            cost=contact.cost,
            deadline=now + state.queue_of(contact).offer_ms,
            waited_ms=now - contact.start,
            trigger=trigger,
            choice="preferred" if rules is None else rules.choice,
            order="preferred" if rules is None else rules.order,
            rank=rank,
            policy=state.policy_version,
            preferred=preferred,
        ),
    )
    if seat.auto_accept:
        offer = state.offers[contact.offer]
        state.emit_on(contact, ev.OfferAccepted(state.now, offer.offer, contact.contact, seat.name, automatic=True))
        connect(state, contact, offer)


def connect(state: State, contact: Contact, offer: Offer) -> None:
    """HELD → CONNECTED; on a channel without messages connected is answered."""
    waited, promised = state.now - contact.start, contact.promised
    state.emit_on(contact, ev.ContactConnected(state.now, contact.contact, offer.agent, waited))
    if promised:
        start_reply_clock(state, contact)
    channel = state.channels.get(contact.channel)
    if contact.answered or channel is None or channel.messages:
        return
    if contact.seat is not None and not contact.seat.bot:
        state.emit_on(contact, ev.ContactAnswered(state.now, contact.contact, offer.agent, waited, waited))


# --- somebody is no longer there ----------------------------------------------------------------------------------------


def reconsider_without(state: State, seat: Seat) -> None:
    """The agent takes nothing more: contacts that waited for it alone look elsewhere."""
    state.settle()
    released = [contact for contact in map(state.contacts.__getitem__, sorted(seat.preferred)) if contact.prefer_only]
    for contact in released:
        state.emit_on(contact, ev.AffinityEnded(state.now, contact.contact, seat.agent.profile.agent, "agent_left"))
    place_all(state, released, "affinity_ended")
    if seat.agent.state not in PRESENT:
        reconsider_stranded(state, seat.lanes)


def reconsider_stranded(state: State, lanes: Iterable[Lane], still: Seat | None = None) -> None:
    """These lanes have lost an agent: who waits in them with nobody left, or decliners only, is decided anew.

    ``still``: the agent, if it may serve some of them by other lanes, as before.
    """
    work = state.rearranging
    if work is not None and work.stage < OPENING:
        return
    state.settle()
    lanes = list(lanes)
    if sum(lane.waiting for lane in lanes if lane.drained or not lane.signed_on) > state.slice_units // 2:
        state.emit(ev.RearrangementStarted(state.now, "agent_left", OPENING))
        return
    contacts = [state.contacts[number] for number in sorted(stranded(state, lanes))]
    if still is not None:
        contacts = [one for one in contacts if not served_by(state, one, still)]
    for contact in contacts:
        if contact.stage == "bot" and contact.state is QUEUED:
            leave_bots(state, contact)
    for contact in contacts:
        let_decliners_yield(state, contact)
    place_all(state, contacts, "agent_left")
