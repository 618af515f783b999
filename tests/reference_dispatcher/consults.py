"""A second agent is asked to help: the contact stays with the first, units of the second are held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.agents import SIGNED_ON, AgentState
from engine.dispatch.contacts import ContactState
from engine.dispatch.policy.compiled import Queue
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import eligible, matching
from tests.reference_dispatcher.desk import Agent, Consult, Contact, Desk
from tests.reference_dispatcher.registry import CHOICES, OBJECTIONS, Deadline, Refused, deadlines, handles, hears

PASSES_ON = (ev.ContactTransferred, ev.ContactRequeued, ev.MessageLeft)


@handles(cm.ConsultAgent)
def consult(desk: Desk, command: cm.ConsultAgent) -> None:
    contact = desk.contact(command.contact, command.tenant)
    if command.agent != contact.agent:
        raise Refused(Code.NOT_YOURS, contact.agent or "nobody", "the agent that serves the contact")
    if contact.state != ContactState.CONNECTED:
        raise Refused(Code.WRONG_STATE, contact.state, "connected")
    asking = desk.agents[contact.agent].state
    if asking not in SIGNED_ON:
        raise Refused(Code.WRONG_STATE, asking, "an agent whose connection is there")
    if bool(command.to_agent) == bool(command.to_queue):
        raise Refused(Code.BAD_VALUE, "both" if command.to_agent else "neither", "to_agent or to_queue")
    queue, second = desk.policy.queues.get(command.to_queue), desk.agents.get(command.to_agent)
    if command.to_queue and (queue is None or queue.tenant != contact.tenant):
        raise Refused(Code.UNKNOWN_QUEUE, command.to_queue, "a queue of the contact's tenant")
    if command.to_agent and (second is None or second.profile.tenant not in ("", contact.tenant)):
        raise Refused(Code.UNKNOWN_AGENT, command.to_agent, "a defined agent")
    if command.to_agent == contact.agent:
        raise Refused(Code.WRONG_STATE, command.to_agent, "somebody other than the agent who asks")
    if contact.contact in desk.consults:
        helper = desk.consults[contact.contact].to_agent
        raise Refused(Code.WRONG_STATE, helper, "a contact that nobody else is asked to help with")
    pool = ""
    if queue is not None:
        pool, second = somebody_of(desk, contact, queue)
        if second is None:
            raise Refused(Code.AGENT_BUSY, "nobody", f"somebody of queue {command.to_queue} with room")
    assert second is not None
    stands_against = ("state", "back_off", "capacity", "channel_limit", "shop_limit")
    if any(OBJECTIONS[name](desk, contact, second) for name in stands_against):
        takes = second.state == AgentState.AVAILABLE and not second.back_off_until
        got = desk.free_units_for_live(second) if takes else f"{second.state} {second.reason}".strip()
        raise Refused(Code.AGENT_BUSY, got, f"available, with room for {contact.cost} units")
    ask(desk, contact, second, command, pool)


def somebody_of(desk: Desk, contact: Contact, queue: Queue) -> tuple[str, Agent | None]:
    """As for a contact of that queue which asks for nothing of its own and has opened no step."""
    alike = replace(
        contact, state=ContactState.QUEUED, queue=queue.name, stage="person", requires="", asks="", step=0, prefer="",
        prefer_only=False, team="", decliners={contact.agent: 0},
    )  # fmt: skip
    for pool in queue.pools:
        able = [one for one in desk.agents.values() if eligible.may(desk, alike, one)]
        able = [agent for agent in able if eligible.through(desk, alike, agent, pool)]
        if able:
            key = CHOICES[desk.policy.pools[pool].choice]
            return pool, min(able, key=lambda agent: (key(desk, alike, agent, pool), agent.seq))
    return "", None


def ask(desk: Desk, contact: Contact, second: Agent, command: cm.ConsultAgent, pool: str) -> None:
    deadline = desk.now + desk.queue_of(contact).offer_ms
    desk.emit(
        ev.ConsultAsked, contact=contact.contact, agent=contact.agent, to_agent=second.name, queue=command.to_queue,
        pool=pool, cost=contact.cost, deadline=deadline, reason=command.reason,
    )  # fmt: skip
    desk.consults[contact.contact] = Consult(contact.contact, contact.agent, second.name, deadline, contact)
    second.helping[contact.contact] = contact.cost
    second.idle_since = desk.now
    if second.profile.auto_accept:
        accepted(desk, desk.consults[contact.contact], automatic=True)


def accepted(desk: Desk, found: Consult, *, automatic: bool = False) -> None:
    desk.emit(ev.ConsultAccepted, contact=found.contact, agent=found.to_agent, automatic=automatic)
    found.accepted, found.deadline = True, 0


def consult_of(desk: Desk, command: cm.AcceptConsult | cm.EndConsult) -> Consult:
    contact = desk.contact(command.contact, command.tenant)
    found = desk.consults.get(contact.contact)
    if found is None or command.agent not in (found.agent, found.to_agent):
        got = "no consult" if found is None else f"{found.agent} asks {found.to_agent}"
        raise Refused(Code.NOT_YOURS, got, "a consult of this agent")
    return found


@handles(cm.AcceptConsult)
def accept(desk: Desk, command: cm.AcceptConsult) -> None:
    found = consult_of(desk, command)
    if command.agent != found.to_agent:
        raise Refused(Code.NOT_YOURS, found.to_agent, "the agent who is asked")
    if found.accepted:
        raise Refused(Code.WRONG_STATE, "accepted", "a consult not answered yet")
    accepted(desk, found)


@handles(cm.EndConsult)
def end(desk: Desk, command: cm.EndConsult) -> None:
    found = consult_of(desk, command)
    before = "withdrawn" if command.agent == found.agent else "declined"
    second = over(desk, found, "ended" if found.accepted else before, command.agent)
    matching.freed(desk, second)


def over(desk: Desk, found: Consult, why: str, by: str = "") -> Agent:
    desk.emit(ev.ConsultEnded, contact=found.contact, agent=found.to_agent, why=why, by=by)
    del desk.consults[found.contact]
    second = desk.agents[found.to_agent]
    del second.helping[found.contact]
    second.idle_since = desk.now
    return second


@hears
def loses_ground(desk: Desk, event: ev.Event) -> None:
    """The contact leaves the first agent, or one of the two is gone. The first cause counts, and is told at the end."""
    for found in desk.consults.values():
        own = getattr(event, "contact", 0) == found.contact
        agent = getattr(event, "agent", "")
        why = ""
        if own and isinstance(event, ev.ContactClosed):
            why = "closed"
        elif own and isinstance(event, PASSES_ON):
            why = "passed_on"
        elif agent in (found.agent, found.to_agent) and isinstance(event, ev.AgentLost):
            why = "agent_lost"
        elif agent in (found.agent, found.to_agent) and isinstance(event, ev.AgentStateChanged):
            why = "agent_left" if event.after == AgentState.OFFLINE else ""
        found.lost = found.lost or why


def end_lost(desk: Desk) -> None:
    """Everything else is done: all that lost ground end, and then each second is free for something else."""
    lost = sorted((found for found in desk.consults.values() if found.lost), key=lambda found: found.contact)
    for agent in [over(desk, found, found.lost) for found in lost]:
        matching.freed(desk, agent)


@deadlines
def running(desk: Desk) -> Iterator[Deadline]:
    """No answer: no blame."""
    for found in desk.consults.values():
        if found.deadline:

            def act(found: Consult = found) -> None:
                matching.freed(desk, over(desk, found, "expired"))

            yield Deadline(found.deadline, "consult", (found.contact,), act)
