"""Counts what a history exercises, from commands and events alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from engine.dispatch import agents as agent_table
from engine.dispatch import commands as cm
from engine.dispatch import contacts as contact_table
from engine.dispatch import events as ev
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy, Step
from tests.dispatch.coverage import items
from tests.dispatch.coverage.items import Item

C = contact_table.ContactState
A = agent_table.AgentState

# What sets an agent looking for a contact; every other trigger sets a contact looking for an agent.
AN_AGENT_LOOKS = ("freed", "available", "back_off_ended", "capacity", "external_load", "redefined")

compiled = lru_cache(maxsize=64)(compile_policy)


class Coverage:
    """How often each item was exercised, over any number of histories."""

    def __init__(self) -> None:
        self.counts: Counter[Item] = Counter()

    def missing(self) -> list[Item]:
        return [item for item in items.everything() if not self.counts[item]]

    def table(self) -> str:
        """Markdown: one table per kind, in the order of the code's tables."""
        lines: list[str] = []
        kind = ""
        for item in items.everything():
            if item.kind != kind:
                kind = item.kind
                lines += ["", f"| {kind} | times |", "| --- | ---: |"]
            lines.append(f"| {item.name} | {self.counts[item]} |")
        return "\n".join(lines[1:])


class Witness:
    """Sees one history and reports to a :class:`Coverage`. It keeps what events say, and asks the dispatcher nothing."""

    def __init__(self, coverage: Coverage, text: str) -> None:
        self.counts = coverage.counts
        self.policy: Policy = compiled(text)
        self.contacts: dict[int, C] = {}
        self.queues: dict[int, str] = {}
        self.agents: dict[str, A] = {}

    def saw(self, command: cm.Command | None, happened: Sequence[ev.Event]) -> None:
        """One call's events; ``command`` None: time passed."""
        for event in happened:
            self._event(event)
        if command is not None and not (happened and isinstance(happened[-1], ev.CommandRejected)):
            self.count(items.COMMAND, items.tag(type(command)))

    def count(self, kind: str, names: str | Iterable[str]) -> None:
        for name in (names,) if isinstance(names, str) else names:
            self.counts[Item(kind, name)] += 1

    def _event(self, event: ev.Event) -> None:
        self.count(items.EVENT, items.tag(type(event)))
        if isinstance(event, ev.OfferMade):
            self._offer(event)
        elif isinstance(event, ev.StepOpened):
            self._step(event)
        elif isinstance(event, ev.ContactMoved):
            if event.why == "step":
                self._steps_move(event)
            self.queues[event.contact] = event.queue
        elif isinstance(event, ev.ContactSubmitted | ev.ContactTransferred):
            self.queues[event.contact] = event.queue
        elif isinstance(event, ev.OfferExpired):
            self.count(items.RONA, event.effect)
        elif isinstance(event, ev.ContactDeflected):
            self.count(items.ALTERNATIVE, event.alternative)
        elif isinstance(event, ev.CommandRejected):
            self.count(items.REFUSAL, event.code)
        elif isinstance(event, ev.PolicyApplied):
            self.policy = compiled(event.text)
        self._arrow_of_contact(event)
        self._arrow_of_agent(event)

    # --- transitions ----------------------------------------------------------------------------------------------------

    def _arrow_of_contact(self, event: ev.Event) -> None:
        number = getattr(event, "contact", None)
        if number is None:
            return
        before = self.contacts.get(number)
        after = contact_table.TRANSITIONS.get((before, type(event)))
        if after is None:
            return
        self.counts[items.contact_arrow(before and before.value, type(event), after.value)] += 1
        self.contacts[number] = after

    def _arrow_of_agent(self, event: ev.Event) -> None:
        if isinstance(event, ev.AgentRemoved):
            del self.agents[event.agent]
            return
        name = event.profile.agent if isinstance(event, ev.AgentDefined) else getattr(event, "agent", None)
        if not name:
            return
        before, said = self.agents.get(name), getattr(event, "after", None)
        after = agent_table.TRANSITIONS.get((before, type(event), None if said is None else A(said)))
        if after is None:
            return
        self.counts[items.agent_arrow(before and before.value, type(event), after.value)] += 1
        self.agents[name] = after

    # --- decisions ------------------------------------------------------------------------------------------------------

    def _offer(self, event: ev.OfferMade) -> None:
        """A choice or an order counts where there was something to choose between."""
        pool = self.policy.pools.get(event.pool)
        if event.trigger not in AN_AGENT_LOOKS:
            if event.preferred or sum(state is A.AVAILABLE for state in self.agents.values()) > 1:
                self.count(items.CHOICE, event.choice)
            return
        if not event.preferred and sum(state is C.QUEUED for state in self.contacts.values()) < 2:
            return
        self.count(items.ORDER, event.order)
        if pool is not None and not event.preferred:
            self.count(items.SHARES, pool.shares)
            if pool.order == "promise":
                self.count(items.OVERDUE, pool.overdue)
            if pool.order == "longest_queue":
                self.count(items.TIES, pool.ties)

    def _step(self, event: ev.StepOpened) -> None:
        step = self.policy.queues[self.queues[event.contact]].steps[event.step - 1]
        self._conditions(step, event.why)
        self.count(items.ACTION, (name for name in items.ACTIONS if getattr(step, name)))

    def _steps_move(self, event: ev.ContactMoved) -> None:
        """The step that moved it is told by the move alone, or by an event before it."""
        steps = self.policy.queues[self.queues[event.contact]].steps
        if steps and steps[-1].move_to:
            self.count(items.ACTION, "move_to")

    def _conditions(self, step: Step, why: str) -> None:
        if why == "nobody":
            self.count(items.CONDITION, "when_nobody")
            return
        if step.after_ms:
            self.count(items.CONDITION, f"after_ms, {step.clock}")
        self.count(
            items.CONDITION,
            (name for name in items.CONDITIONS if name != "when_nobody" and getattr(step, name)),
        )
