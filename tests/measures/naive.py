"""Measures the long way: counts by looking at the dispatcher itself, areas by integrating its state between calls.

Shares nothing with the folds but the events' names.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.agents import PRESENT, AgentState
from engine.dispatch.contacts import WAITING
from tests.dispatch.stage import Stage


class Naive:
    """Watches a stage; keys are (what, interval, name)."""

    def __init__(self, stage: Stage, interval_ms: int) -> None:
        self.stage, self.interval_ms = stage, interval_ms
        self.sums: Counter[tuple[str, int, str]] = Counter()
        self.calls: list[list[ev.Event]] = []
        self.began: dict[int, int] = {}  # contact → interval in which its wait for a person began
        self._at = stage.now
        self._told = 0

    def pass_until(self, at: int) -> None:
        """State stands still; time does not."""
        while self._at < at:
            index = self._at // self.interval_ms
            until = min(at, (index + 1) * self.interval_ms)
            self._integrate(index, until - self._at)
            self._at = until

    def _integrate(self, index: int, ms: int) -> None:
        dispatcher, sums = self.stage.dispatcher, self.sums
        for contact in dispatcher.contacts.values():
            if contact.state in WAITING and contact.stage == "person":
                sums["waiting_ms", index, contact.queue] += ms
        for name, agent in dispatcher.agents.items():
            if agent.state in PRESENT:
                sums["present_ms", index, name] += ms
                sums["used", index, name] += agent.load * ms
                sums["held_ms", index, name] += len(agent.contacts) * ms
                sums["busy_ms", index, name] += bool(agent.contacts) * ms
                sums["capacity", index, name] += agent.capacity * ms
            if agent.state is AgentState.AVAILABLE:
                sums["free", index, name] += max(agent.capacity - agent.load, 0) * ms
                sums["available_ms", index, name] += ms

    def look(self) -> None:
        """After each call: what it did."""
        events = self.stage.log[self._told :]
        self._told = len(self.stage.log)
        self.calls.append(events)
        for event in events:
            self._count(event)

    def _count(self, event: Any) -> None:
        sums, index = self.sums, event.at // self.interval_ms
        contact = self.stage.dispatcher.contacts.get(getattr(event, "contact", 0))
        if isinstance(event, ev.ContactSubmitted):
            sums["submitted", index, event.queue] += 1
        if (isinstance(event, ev.ContactSubmitted) and event.stage == "person") or (
            isinstance(event, ev.PersonAsked | ev.ContactReopened)
            or (isinstance(event, ev.ContactTransferred) and event.hand_off)
        ):
            self.began[event.contact] = index
        elif isinstance(event, ev.ContactAnswered):
            assert contact is not None
            began = self.began[event.contact]
            sums["answered", began, contact.queue] += 1
            sums["waits", began, contact.queue] += event.waited_ms
            sums["in time", began, contact.queue] += event.waited_ms <= 20_000
        elif isinstance(event, ev.ContactAbandoned) and event.contact in self.began:
            assert contact is not None
            sums["abandoned", self.began[event.contact], contact.queue] += 1
            if not contact.answered:
                sums["abandoned waits", self.began[event.contact], contact.queue] += event.waited_ms
        elif isinstance(event, ev.ReplyStopped):
            queue = self._queues.get(event.contact, "")
            sums["rounds", (event.at - event.took_ms) // self.interval_ms, queue] += 1
        elif isinstance(event, ev.OfferMade):
            sums["offers", index, event.agent] += 1
        if contact is not None:
            self._queues[event.contact] = contact.queue

    @property
    def _queues(self) -> dict[int, str]:
        return self.__dict__.setdefault("_last_queues", {})


def random_play(seed: int, interval_ms: int, deeds: int = 250) -> Naive:
    """Two queues, bots, wrap-up, RONA, people who come and go and talk; time passes in seconds and fires each deadline."""
    queues = {
        "help": {"wrap_up_ms": 20_000, "offer_ms": 15_000, "rona": "back_off", "bot_pools": ["bot"]},
        "sales": {"wrap_up_ms": 0, "offer_ms": 10_000, "rona": "not_ready", "rona_return_ms": 30_000},
    }
    stage = Stage(queues=queues, pools={"onsite": {}, "bot": {}}, bot_first=["help"], now=10 * interval_ms)
    naive, draws = Naive(stage, interval_ms), np.random.default_rng(seed)
    for number in range(4):
        stage.agent(f"a{number}", capacity=1 + number % 3)
    stage.bot()
    naive.look()
    for _ in range(deeds):
        _pass(naive, int(draws.integers(0, interval_ms // 10)))
        _deed(stage, draws)
        naive.look()
    return naive


def _pass(naive: Naive, ms: int) -> None:
    stage, until = naive.stage, naive.stage.now + ms
    while (deadline := stage.dispatcher.next_deadline()) is not None and deadline <= until:
        naive.pass_until(max(deadline, stage.now))
        stage.now = max(deadline, stage.now)
        stage.expire()
        naive.look()
    naive.pass_until(until)
    stage.now = until


def _deed(stage: Stage, draws: np.random.Generator) -> None:
    dispatcher = stage.dispatcher

    def one(of: list[Any]) -> Any:
        return of[int(draws.integers(len(of)))] if of else None

    deed = int(draws.integers(12))
    contact = one([c.contact for c in dispatcher.contacts.values() if c.state in ("queued", "connected", "offered")])
    agent = f"a{draws.integers(4)}"
    offer = one(list(dispatcher.offers.values()))
    if deed <= 2:
        stage.submit(one(["help", "sales"]))
    elif deed <= 5 and offer is not None:
        stage.do(cm.AcceptOffer(agent=offer.agent, offer=offer.offer))
    elif deed == 6 and offer is not None:
        stage.do(cm.DeclineOffer(agent=offer.agent, offer=offer.offer, reason="busy"))
    elif deed == 7:
        state = one(["available", "paused", "not_ready", "available"])
        stage.do(cm.SetAgentState(agent=agent, state=state))
    elif contact is None:
        return
    else:
        _about(stage, draws, deed, contact)


def _about(stage: Stage, draws: np.random.Generator, deed: int, contact: int) -> None:
    served_by = stage.contact(contact).agent
    if deed == 8:
        stage.say(contact, "customer")
    elif deed == 9:
        stage.say(contact, "bot" if served_by == "robo" else "agent", served_by)
    elif deed == 10 and served_by == "robo":
        stage.transfer(contact, served_by)
    elif deed == 10 and draws.random() < 0.5:
        stage.transfer(contact, served_by, to_queue="sales")
    elif draws.random() < 0.4:
        stage.abandon(contact, silent=bool(draws.random() < 0.5))
    else:
        stage.close(contact, served_by if stage.contact(contact).state == "connected" else "")
