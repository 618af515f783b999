"""What happens when a deadline passes. ``EXPIRE`` maps each kind to its rule; the id is the timer's."""

from __future__ import annotations

from collections.abc import Callable

from engine.dispatch import events as ev
from engine.dispatch.agents import AgentState
from engine.dispatch.contacts import ContactState
from engine.dispatch.lanes import Seat
from engine.dispatch.matching import again, feed, freed, may_open, place
from engine.dispatch.rules.agents import change_state, leave
from engine.dispatch.rules.consults import consult_due
from engine.dispatch.rules.hours import house_due
from engine.dispatch.rules.offers import rescind, undeliverable
from engine.dispatch.rules.silence import talk_due
from engine.dispatch.slices import OPENING
from engine.dispatch.state import State
from engine.dispatch.stepping import next_step, open_step
from engine.dispatch.timers import Kind

S = ContactState
A = AgentState


def offer_due(state: State, number: int) -> None:
    """RONA: the agent per the queue's setting, the contact to the next agent in the same instant."""
    offer = state.offers[number]
    if offer.held:
        return rescind(state, offer, "hold_expired")
    contact, name = state.contacts[offer.contact], offer.agent
    seat = contact.seat
    queue = state.queue_of(contact)
    return_at = state.now + queue.rona_return_ms if queue.rona_return_ms else 0
    alert = None if seat is None else too_many_out(state, seat)
    effect = "none" if alert is not None else queue.rona
    state.emit(ev.OfferExpired(state.now, number, contact.contact, name, effect, return_at))
    if seat is None:
        return None
    agent = seat.agent
    if alert is not None:
        state.emit(alert)
    elif queue.rona == "not_ready" and agent.state is A.AVAILABLE:
        change_state(state, agent, "not_ready", "rona", return_at)
    elif queue.rona == "lower_capacity":
        state.emit(ev.CapacityChanged(state.now, name, max(agent.capacity - 1, 0), return_at, "rona"))
    if contact.state is not S.QUEUED:  # who waited for this agent alone looked elsewhere, and it went along with them
        return freed(state, seat)
    again(state, contact, seat, "delivery_limit" if undeliverable(state, contact) else "expired")
    return None


def too_many_out(state: State, seat: Seat) -> ev.AlertRaised | None:
    """The alert, if with this agent RONA would take more out of one of its pools than the pool's share."""
    for gate in seat.gates:
        out, share = gate.out - seat.known_out + 1, gate.pool.rona_share
        if share < 1.0 and out > share * gate.present:
            limit = int(share * gate.present)
            return ev.AlertRaised(state.now, "rona_share", gate.pool.name, seat.name, out, limit, gate.present)
    return None


def lender_due(state: State, place: int) -> None:
    """A minute has left the window of a lender's service level; the borrowers are looked at when the step ends."""
    gate = state.gates[state.pool_names[place]]
    assert gate.kpi is not None, gate.pool.name
    answered, in_time, abandoned = gate.ledger.sums(state.now, gate.kpi.window_ms)
    holds = in_time >= gate.kpi.share * (answered + abandoned)
    state.emit(ev.LenderMeasured(state.now, gate.pool.name, holds, answered, in_time, abandoned))


def quota_due(state: State, seq: int) -> None:
    """Midnight: the agent's contacts count from zero."""
    seat = state.seats_by_seq[seq]
    state.emit(ev.QuotaEnded(state.now, seat.name))
    feed(state, seat, "quota")


def wrap_up_due(state: State, number: int) -> None:
    contact = state.contacts[number]
    seat = contact.seat
    state.emit(ev.WrapUpEnded(state.now, number, contact.agent, "clock"))
    freed(state, seat)


def back_off_due(state: State, seq: int) -> None:
    seat = state.seats_by_seq[seq]
    state.emit(ev.BackOffEnded(state.now, seat.agent.profile.agent))
    feed(state, seat, "back_off_ended")


def agent_due(state: State, seq: int) -> None:
    """Grace over → offline; finishing's deadline → offline; not ready → available again."""
    agent = state.seats_by_seq[seq].agent
    if agent.state is A.LOST:
        leave(state, agent, "agent_lost", "agent_lost", sticky=True)
    elif agent.state is A.FINISHING:
        leave(state, agent, "finished", "finished")
    else:
        change_state(state, agent, "available", "returned", 0)


def capacity_due(state: State, seq: int) -> None:
    seat = state.seats_by_seq[seq]
    agent = seat.agent
    state.emit(ev.CapacityChanged(state.now, agent.profile.agent, agent.lasting_capacity, 0, "ended"))
    feed(state, seat, "capacity")


def affinity_due(state: State, number: int) -> None:
    contact = state.contacts[number]
    state.emit_on(contact, ev.AffinityEnded(state.now, number, contact.prefer))
    if contact.state is S.QUEUED:
        place(state, contact, "affinity_ended")


def decliner_due(state: State, number: int) -> None:
    contact = state.contacts[number]
    over = [name for name, until in contact.decliners.items() if until <= state.now]
    for name in sorted(over, key=lambda name: state.agents[name].seq if name in state.agents else 0):
        state.emit(ev.DeclinerForgotten(state.now, number, name))
    if contact.state is S.QUEUED:
        place(state, contact, "decliner_forgotten")


def step_due(state: State, number: int) -> None:
    """The clock has run, or it is time to look again whether the other conditions hold."""
    contact = state.contacts[number]
    step = next_step(state, contact)
    assert step is not None, number
    work = state.rearranging
    if step.watched and ((work is not None and work.stage < OPENING) or not may_open(state, contact, step)):
        state.look_later(contact)
        return
    open_step(state, contact, step, "conditions" if step.watched else "clock")
    if contact.state is S.QUEUED:
        place(state, contact, "step")


def reply_due(state: State, number: int) -> None:
    contact = state.contacts[number]
    event = ev.ReplyBreached if contact.reply_alarm else ev.ReplyWarned
    state.emit(event(state.now, number, contact.reply_round, contact.agent))


def resume_due(state: State, number: int) -> None:
    state.emit(ev.ContactForgotten(state.now, number))


EXPIRE: dict[int, Callable[[State, int], None]] = {
    Kind.OFFER: offer_due,
    Kind.WRAP_UP: wrap_up_due,
    Kind.BACK_OFF: back_off_due,
    Kind.AGENT_UNTIL: agent_due,
    Kind.CAPACITY: capacity_due,
    Kind.AFFINITY: affinity_due,
    Kind.DECLINER: decliner_due,
    Kind.STEP: step_due,
    Kind.REPLY: reply_due,
    Kind.RESUME: resume_due,
    Kind.HOUSE: house_due,
    Kind.TALK: talk_due,
    Kind.CONSULT: consult_due,
    Kind.LENDER: lender_due,
    Kind.QUOTA: quota_due,
}
