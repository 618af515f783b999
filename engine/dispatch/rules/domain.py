"""Queues, the policy, the engine's start."""

from __future__ import annotations

from typing import Final

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.agents import SIGNED_ON
from engine.dispatch.contacts import ContactState
from engine.dispatch.matching import place_all, reconsider_without
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.policy.problems import PolicyErrors
from engine.dispatch.refusals import Code
from engine.dispatch.rules.agents import grace
from engine.dispatch.rules.promises import release_all
from engine.dispatch.rules.rearranging import rehouse
from engine.dispatch.rules.registry import handles
from engine.dispatch.state import State

S = ContactState
# Of a desk record, in characters: its kind is a command's tag, its subject a customer key as the wire lets in. Contacts' numbers fit
# the journal's eight bytes.
DESK_KIND: Final = 64
DESK_SUBJECT: Final = 1_024
CONTACTS_END: Final = 1 << 62


@handles(cmd.CloseQueue)
def close_queue(state: State, command: cmd.CloseQueue) -> None:
    """Closed to new contacts; those waiting are served."""
    if command.queue not in state.policy.queues:
        return state.refuse(command, Code.UNKNOWN_QUEUE, command.queue, f"one of {', '.join(state.policy.queues)}")
    if command.queue not in state.closed_queues:
        state.emit(ev.QueueClosed(state.now, command.queue, command.reason))


@handles(cmd.OpenQueue)
def open_queue(state: State, command: cmd.OpenQueue) -> None:
    if command.queue not in state.policy.queues:
        return state.refuse(command, Code.UNKNOWN_QUEUE, command.queue, f"one of {', '.join(state.policy.queues)}")
    if command.queue in state.closed_queues:
        state.emit(ev.QueueOpened(state.now, command.queue, command.reason))


@handles(cmd.ApplyPolicy)
def apply_policy(state: State, command: cmd.ApplyPolicy) -> None:
    """Whole or not at all. Clocks are kept, open offers stand; what lost its queue goes through the entry rules."""
    try:
        policy = compile_policy(command.text)
    except PolicyErrors as errors:
        return state.refuse(command, Code.BAD_POLICY, str(errors), "a policy without problems")
    if not state.policy.tenants.keys() <= policy.tenants.keys():
        tenants = {contact.tenant for contact in state.contacts.values()}
        if not tenants <= policy.tenants.keys():
            gone = ", ".join(sorted(tenants - policy.tenants.keys()))
            return state.refuse(command, Code.BAD_POLICY, f"no tenant {gone}", "every tenant that has open contacts")
    homeless = tenant_without_queue(state, policy)
    if homeless:
        got = f"no queue of tenant {homeless}, whose contacts are here"
        return state.refuse(command, Code.BAD_POLICY, got, "a queue for them")
    sliced = state.rearranging is not None or len(state.contacts) + len(state.agents) > state.slice_units
    state.emit(ev.PolicyApplied(state.now, policy.version, command.text, sliced))
    if not sliced:
        resettle(state)
    return None


def tenant_without_queue(state: State, policy: Policy) -> str:
    """A tenant whose contacts would have nowhere to wait under this policy; empty: none."""
    served = {queue.tenant for queue in policy.queues.values()}
    if all(queue.tenant in served for queue in state.policy.queues.values()):
        return ""  # nobody stands in another tenant's queue
    return next((contact.tenant for contact in state.contacts.values() if contact.tenant not in served), "")


def resettle(state: State) -> None:
    """After a swap: contacts of removed queues are moved, and everything that waits is decided anew."""
    policy = state.policy
    for number in sorted(state.contacts):
        contact = state.contacts[number]
        if contact.queue not in policy.queues:
            rehouse(state, contact)
    place_all(state, [contact for contact in state.contacts.values() if contact.state is S.QUEUED], "policy")
    release_all(state)


@handles(cmd.RecordDesk)
def record_desk(state: State, command: cmd.RecordDesk) -> None:
    """Only sizes are looked at: what the desk does it has checked itself. A contact that is known is the tenant's own."""
    for name, text, limit in (("kind", command.kind, DESK_KIND), ("subject", command.subject, DESK_SUBJECT)):
        if len(text) > limit or (name == "kind" and not text):
            return state.refuse(command, Code.BAD_VALUE, f"{name} of {len(text)} characters", f"at most {limit}")
    if not 0 <= command.contact < CONTACTS_END:
        return state.refuse(command, Code.BAD_VALUE, command.contact, "a contact's number, or 0")
    contact = state.contacts.get(command.contact)
    if contact is not None and contact.tenant != command.tenant:
        return state.refuse(command, Code.UNKNOWN_CONTACT, command.contact, "a contact of the tenant")
    state.emit(ev.DeskRecorded(state.now, command.tenant, command.kind, command.subject, command.contact))
    return None


@handles(cmd.StartEngine)
def start_engine(state: State, command: cmd.StartEngine) -> None:
    """First input of an epoch. Offers open when the last one ended are rescinded without blame, agents are lost."""
    sliced = state.rearranging is not None or len(state.offers) + len(state.agents) > state.slice_units
    state.emit(ev.EngineStarted(state.now, command.epoch, command.down_ms, sliced))
    if sliced:
        return
    contacts = [state.contacts[state.offers[number].contact] for number in sorted(state.offers)]
    for contact in contacts:
        state.emit_on(contact, ev.OfferRescinded(state.now, contact.offer, contact.contact, contact.agent, "restart"))
    lost = [agent for agent in sorted(state.agents.values(), key=lambda agent: agent.seq) if agent.state in SIGNED_ON]
    for agent in lost:
        grace(state, agent)
    for agent in lost:  # only now: whoever waited for one of them is not to be offered to the next
        reconsider_without(state, state.seats[agent.profile.agent])
    place_all(state, [contact for contact in contacts if contact.state is S.QUEUED], "restart")
    state.reached = {name: None for name, line in state.lines.items() if line.watched}
    for queues in state.asking.values():
        state.reached.update(queues)
