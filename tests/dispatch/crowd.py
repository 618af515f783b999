"""A plain event loop around the real dispatcher: customers come at random, wait, lose patience; agents serve."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import numpy as np

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from engine.telemetry.calibration import Calibration
from tests.dispatch.stage import DAWN, policy_text

TELL_MS = 5_000
MINUTE_MS = 60_000


class Crowd:
    """``rate(queue, at_ms)``: arrivals per minute. Lengths are drawn in ms: ``handling`` by queue, ``patience`` (None: endless).

    Whoever waits is told the estimate on arrival and every 5 s, as a server would.
    """

    def __init__(
        self,
        seed: int,
        *,
        queues: dict[str, dict[str, Any]],
        rate: Callable[[str, int], float],
        handling: Callable[[np.random.Generator, str], float],
        patience_ms: float = 0.0,
        ring_ms: int = 3_000,
        pools: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self.rng = np.random.default_rng((7, seed))
        self.dispatcher = Dispatcher(compile_policy(policy_text(queues=queues, pools=pools)))
        self.queues, self.rate, self.handling = tuple(queues), rate, handling
        self.patience_ms, self.ring_ms = patience_ms, ring_ms
        self.calibration = Calibration()
        self.now = DAWN
        self.agenda: list[tuple[int, int, str, Any]] = []
        self.turn = 0
        self.waits: list[int] = []

    def agents(self, count: int, *pools: str, prefix: str = "agent", **profile: Any) -> None:
        for number in range(count):
            name = f"{prefix}{number}"
            known = cm.AgentProfile(agent=name, pools=pools or ("onsite",), **profile)
            self.do(cm.DefineAgent(profile=known))
            self.do(cm.SignOn(agent=name))

    def at(self, when: float, what: str, about: Any = None) -> None:
        self.turn += 1
        heappush(self.agenda, (round(when), self.turn, what, about))

    def run(self, minutes: float, peak: float) -> Calibration:
        """``peak``: the highest rate of any queue; arrivals are thinned from it."""
        end = self.now + minutes * MINUTE_MS
        for queue in self.queues:
            self.at(self.now + self.rng.exponential(MINUTE_MS / peak), "arrive", queue)
        while True:
            due = self.dispatcher.next_deadline()
            if due is not None and (not self.agenda or due <= self.agenda[0][0]):
                self.now = max(self.now, due)
                self.hear(self.dispatcher.expire(self.now))
                continue
            self.now, _, what, about = heappop(self.agenda)
            if self.now > end:
                return self.calibration
            if what == "arrive":
                self.at(self.now + self.rng.exponential(MINUTE_MS / peak), "arrive", about)
                if self.rng.random() * peak < self.rate(about, self.now - DAWN):
                    self.arrive(about)
            else:
                getattr(self, what)(about)

    def do(self, command: cm.Command) -> list[ev.Event]:
        events = self.dispatcher.handle(command, self.now)
        self.hear(events)
        return events

    def arrive(self, queue: str) -> None:
        for event in self.do(cm.SubmitContact(tenant="acme", channel="web", attributes={"to": queue})):
            if isinstance(event, ev.ContactSubmitted):
                self.tell(event.contact)
                if self.patience_ms:
                    self.at(self.now + self.rng.exponential(self.patience_ms), "lose_patience", event.contact)

    def tell(self, number: int) -> None:
        contact = self.dispatcher.contacts.get(number)
        if contact is None or contact.state != "queued":
            return
        estimate = self.dispatcher.estimate(number)
        if estimate is not None:
            self.calibration.told(number, contact.queue, self.now, self.dispatcher.position(number), estimate)
        self.at(self.now + TELL_MS, "tell", number)

    def lose_patience(self, number: int) -> None:
        contact = self.dispatcher.contacts.get(number)
        if contact is not None and contact.state == "queued":
            self.do(cm.AbandonContact(tenant="acme", contact=number))

    def answer(self, offer: tuple[str, int]) -> None:
        if offer[1] in self.dispatcher.offers:
            self.do(cm.AcceptOffer(agent=offer[0], offer=offer[1]))

    def close(self, served: tuple[str, int]) -> None:
        self.do(cm.CloseContact(tenant="acme", contact=served[1], agent=served[0]))

    def hear(self, events: list[ev.Event]) -> None:
        self.calibration.on_events(events)
        for event in events:
            if isinstance(event, ev.OfferMade):
                self.at(self.now + self.rng.uniform(0.3, 1.7) * self.ring_ms, "answer", (event.agent, event.offer))
            elif isinstance(event, ev.ContactConnected):
                queue = self.dispatcher.contacts[event.contact].queue
                self.waits.append(event.waited_ms)
                self.at(self.now + self.handling(self.rng, queue), "close", (event.agent, event.contact))
