"""The house as the events say it is: who has which contact, who has room. Each event is asked whether it may happen now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults.checker.history import Frame

WAITING, OFFERED, HELD, CONNECTED, WRAP_UP, ENDED, AWAY = (
    "waiting", "offered", "held", "connected", "wrap_up", "ended", "abandoned",
)  # fmt: skip


@dataclass
class Contact:
    state: str = WAITING
    agent: str = ""
    offer: int = 0
    messages: int = 0
    cost: int = 1


@dataclass
class Agent:
    capacity: int = 1
    state: str = "offline"
    contacts: dict[int, int] = field(default_factory=dict)  # contact → units

    @property
    def load(self) -> int:
        return sum(self.contacts.values())


class House:
    """:meth:`apply` yields what was wrong about an event, and goes on as it says."""

    def __init__(self) -> None:
        self.contacts: dict[int, Contact] = {}
        self.agents: dict[str, Agent] = {}
        self.deadlines: dict[int, int] = {}
        self.epoch = 0
        self.at = 0

    def apply(self, event: Frame) -> Iterator[str]:
        kind = event["type"]
        if event["at"] < self.at:
            yield f"time went back from {self.at} to {event['at']} at {kind}"
        self.at = event["at"]
        if kind == "engine.started":
            if event["epoch"] <= self.epoch:
                yield f"epoch {event['epoch']} began after epoch {self.epoch}"
            self.epoch = event["epoch"]
        handler = getattr(self, "_on_" + kind.replace(".", "_"), None)
        if handler is not None:
            yield from handler(event)

    # --- contacts -------------------------------------------------------------------------------------------------

    def _on_contact_submitted(self, event: Frame) -> Iterator[str]:
        if event["contact"] in self.contacts:
            yield f"contact {event['contact']} was submitted twice"
        self.contacts[event["contact"]] = Contact(cost=event.get("cost", 1))

    def _on_message_added(self, event: Frame) -> Iterator[str]:
        contact = self._contact(event)
        if event["seq"] != contact.messages + 1:
            yield f"message {event['seq']} of contact {event['contact']} follows message {contact.messages}"
        contact.messages = event["seq"]

    def _on_offer_made(self, event: Frame) -> Iterator[str]:
        contact, agent = self._contact(event), self._agent(event)
        number = event["contact"]
        if contact.state != WAITING:
            yield f"contact {number} is offered to {event['agent']} while it is {contact.state} ({contact.agent})"
        if agent.load + event["cost"] > agent.capacity and not event.get("forced"):
            yield f"agent {event['agent']} is offered contact {number}: {agent.load} + {event['cost']} of {agent.capacity}"
        if agent.state != "available" and not event.get("forced"):
            yield f"agent {event['agent']} is offered contact {number} while {agent.state}"
        self._take_from_holder(number, contact)
        contact.state, contact.agent, contact.offer, contact.cost = (
            OFFERED,
            event["agent"],
            event["offer"],
            event["cost"],
        )
        agent.contacts[number] = event["cost"]
        self.deadlines[event["offer"]] = event["deadline"]

    def _on_offer_accepted(self, event: Frame) -> Iterator[str]:
        contact = self._contact(event)
        if (contact.state, contact.offer, contact.agent) != (OFFERED, event["offer"], event["agent"]):
            yield f"offer {event['offer']} is accepted by {event['agent']}; the contact is {contact.state} ({contact.agent})"
        contact.state = HELD

    def _on_contact_connected(self, event: Frame) -> Iterator[str]:
        contact = self._contact(event)
        if (contact.state, contact.agent) != (HELD, event["agent"]):
            yield f"contact {event['contact']} is connected to {event['agent']} while {contact.state} ({contact.agent})"
        contact.state, contact.agent = CONNECTED, event["agent"]

    def _on_offer_expired(self, event: Frame) -> Iterator[str]:
        if event["at"] < self.deadlines.get(event["offer"], 0):
            yield f"offer {event['offer']} expired before its deadline"
        yield from self._offer_over(event)

    def _offer_over(self, event: Frame) -> Iterator[str]:
        contact = self._contact(event)
        if contact.state not in (OFFERED, HELD) or contact.offer != event["offer"]:
            yield f"{event['type']} of offer {event['offer']}, which is not open"
        self._take_from_holder(event["contact"], contact)
        contact.state = WAITING

    _on_offer_declined = _on_offer_rescinded = _offer_over

    def _on_contact_transferred(self, event: Frame) -> Iterator[str]:
        contact = self._contact(event)
        if contact.state != CONNECTED:
            yield f"{event['type']} of contact {event['contact']}, which is {contact.state}"
        self._take_from_holder(event["contact"], contact)
        contact.state = WAITING

    _on_contact_requeued = _on_contact_transferred

    def _on_contact_abandoned(self, event: Frame) -> Iterator[str]:
        contact = self._contact(event)
        if contact.state != WAITING:
            yield f"contact {event['contact']} was abandoned while {contact.state}"
        contact.state = AWAY

    def _on_contact_resumed(self, event: Frame) -> Iterator[str]:
        contact = self._contact(event)
        if contact.state != AWAY:
            yield f"contact {event['contact']} is resumed while {contact.state}"
        contact.state = WAITING

    def _on_contact_forgotten(self, event: Frame) -> Iterator[str]:
        self._contact(event).state = ENDED
        return
        yield

    def _on_contact_closed(self, event: Frame) -> Iterator[str]:
        contact = self._contact(event)
        if contact.state in (ENDED, WRAP_UP):
            yield f"contact {event['contact']} ends a second time"
        self._take_from_holder(event["contact"], contact)
        contact.state = ENDED

    def _on_wrap_up_started(self, event: Frame) -> Iterator[str]:
        contact = self._contact(event)
        contact.state, contact.agent = WRAP_UP, event["agent"]
        cost = event.get("cost")
        self._agent(event).contacts[event["contact"]] = contact.cost if cost is None else cost
        return
        yield

    def _on_wrap_up_ended(self, event: Frame) -> Iterator[str]:
        contact = self._contact(event)
        if contact.state != WRAP_UP:
            yield f"wrap-up of contact {event['contact']} ended, which is {contact.state}"
        self._take_from_holder(event["contact"], contact)
        contact.state = ENDED

    # --- agents ---------------------------------------------------------------------------------------------------

    def _on_agent_defined(self, event: Frame) -> Iterator[str]:
        profile = event["profile"]
        self.agents.setdefault(profile["agent"], Agent()).capacity = profile.get("capacity", 1)
        return
        yield

    def _on_agent_capacity_changed(self, event: Frame) -> Iterator[str]:
        self._agent(event).capacity = event["capacity"]
        return
        yield

    def _on_agent_state_changed(self, event: Frame) -> Iterator[str]:
        self._agent(event).state = event["after"]
        return
        yield

    _on_agent_back = _on_agent_state_changed

    def _on_agent_lost(self, event: Frame) -> Iterator[str]:
        self._agent(event).state = "lost"
        return
        yield

    def _contact(self, event: Frame) -> Contact:
        return self.contacts.setdefault(event["contact"], Contact())

    def _agent(self, event: Frame) -> Agent:
        return self.agents.setdefault(event["agent"], Agent())

    def _take_from_holder(self, number: int, contact: Contact) -> None:
        holder = self.agents.get(contact.agent)
        if holder is not None:
            holder.contacts.pop(number, None)
        contact.agent, contact.offer = "", 0
