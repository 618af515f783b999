"""A long day at random: one number gives one history, in any process.

Run as a program it prints the SHA-256 of every event of such a day, encoded:
``python -m tests.dispatch.golden.history SEED STEPS [RESTORE_EVERY [SLICE_UNITS]]``.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
import numpy as np

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from tests.dispatch.machine import families
from tests.dispatch.stage import DAWN

V = TypeVar("V")
T = "acme"
PEOPLE = tuple(f"agent{number}" for number in range(12))
BOTS = ("robo", "bobo")


class Day:
    """Draws one command after another from what the dispatcher's state offers; ``step`` plays one."""

    def __init__(self, seed: int, dispatcher: Dispatcher | None = None, slice_units: int = 0) -> None:
        self.rng = np.random.default_rng((3, seed))
        # 0 is the plain policy; a day wants one with rules in it.
        self.policies = [1 + int(number) for number in self.rng.choice(families.POLICIES - 1, 4, replace=False)]
        policy = compile_policy(families.policy(self.policies[0]))
        self.dispatcher = dispatcher or Dispatcher(policy, slice_units=slice_units)
        self.now = DAWN
        self.arrivals = 0
        self.opening: list[cm.Command] = []
        for agent in (*PEOPLE, *BOTS):
            self.opening.append(cm.DefineAgent(profile=self.profile(agent)))
            self.opening.append(cm.SignOn(agent=agent))
        self.opening.reverse()
        self.mix: list[tuple[float, Callable[[], cm.Command | None]]] = [
            (26, self.submit), (24, self.accept), (4, self.decline), (2, self.finish_hold), (16, self.close),
            (8, self.say), (6, self.end_wrap_up), (4, self.transfer), (3, self.abandon), (2, self.update),
            (2, self.ask_person), (2, self.move), (6, self.presence), (2, self.room), (0.5, self.define),
            (0.3, self.upheaval), (0.3, self.bulk), (1, self.by_hand), (0.4, self.tap), (1, self.leave_message), (0.3, self.notice), (3, self.consult),
        ]  # fmt: skip
        weights = np.array([weight for weight, _ in self.mix])
        self.shares = np.cumsum(weights / weights.sum())

    # --- draws ------------------------------------------------------------------------------------------------------

    def pick(self, values: Sequence[V]) -> V:
        return values[int(self.rng.integers(len(values)))]

    def flip(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def contact(self, *states: str) -> int | None:
        found = [number for number, c in sorted(self.dispatcher.contacts.items()) if c.state in states]
        return self.pick(found) if found else None

    def profile(self, agent: str) -> cm.AgentProfile:
        kind = "robo" if agent in BOTS else "ann"
        number = int(self.rng.integers(families.PROFILES))
        return msgspec.structs.replace(families.profile(kind, number), agent=agent)

    # --- commands ---------------------------------------------------------------------------------------------------

    def submit(self) -> cm.Command:
        self.arrivals += 1
        # Some customers come again and again, most once.
        customer = int(self.rng.integers(20)) if self.flip(0.2) else 100 + self.arrivals
        extra: dict[str, cm.Value] = self.pick([{}, {}, {}, {}, {"order": "paid"}, {"wish": "y"}, {"blocked": True}])
        if self.flip(0.2):
            extra = {**extra, self.pick(["last_agent", "named_agent"]): self.pick(PEOPLE)}
        return cm.SubmitContact(
            tenant=T,
            channel=self.pick(["web", "web", "web", "mail", "phone"]),
            external_id=f"x{customer}",
            customer=f"c{customer}",
            shop=self.pick(["flagship", "outlet"]),
            attributes={"to": self.pick(families.QUEUES), **extra},
            requires=self.pick(families.WISHES),
            opening=self.flip(0.8),
        )

    def accept(self) -> cm.Command | None:
        offers = [offer for _, offer in sorted(self.dispatcher.offers.items()) if not offer.held]
        if not offers:
            return None
        offer = self.pick(offers)
        return cm.AcceptOffer(agent=offer.agent, offer=offer.offer, hold=self.flip(0.2))

    def decline(self) -> cm.Command | None:
        offers = sorted(self.dispatcher.offers)
        if not offers:
            return None
        offer = self.dispatcher.offers[self.pick(offers)]
        return cm.DeclineOffer(agent=offer.agent, offer=offer.offer, reason="busy")

    def finish_hold(self) -> cm.Command | None:
        offers = [offer for _, offer in sorted(self.dispatcher.offers.items()) if offer.held]
        if not offers:
            return None
        offer = self.pick(offers)
        if self.flip(0.8):
            return cm.CompleteAccept(agent=offer.agent, offer=offer.offer)
        return cm.FailAccept(agent=offer.agent, offer=offer.offer)

    def close(self) -> cm.Command | None:
        number = self.contact("connected")
        if number is None:
            return None
        agent = self.dispatcher.contacts[number].agent if self.flip(0.8) else ""
        return cm.CloseContact(tenant=T, contact=number, agent=agent)

    def say(self) -> cm.Command | None:
        number = self.contact("connected", "queued", "dormant", "closed")
        if number is None:
            return None
        if self.dispatcher.contacts[number].state == "closed":
            return cm.AddMessage(tenant=T, contact=number)
        sender = self.pick(["customer", "agent", "agent", "bot", "system"])
        agent = self.dispatcher.contacts[number].agent if sender in ("agent", "bot") else ""
        return cm.AddMessage(tenant=T, contact=number, sender=cm.Sender(sender), agent=agent, automatic=self.flip(0.1))

    def end_wrap_up(self) -> cm.Command | None:
        number = self.contact("wrap_up")
        return None if number is None else cm.EndWrapUp(agent=self.dispatcher.contacts[number].agent, contact=number)

    def transfer(self) -> cm.Command | None:
        number = self.contact("connected")
        if number is None:
            return None
        return cm.TransferContact(
            tenant=T,
            contact=number,
            agent=self.dispatcher.contacts[number].agent,
            to_queue=self.pick(["", *families.QUEUES]),
            to_agent=self.pick(["", "", *PEOPLE]),
            reason="passed on",
        )

    def abandon(self) -> cm.Command | None:
        number = self.contact("queued", "offered", "held")
        return None if number is None else cm.AbandonContact(tenant=T, contact=number, silent=self.flip(0.5))

    def update(self) -> cm.Command | None:
        number = self.contact("queued", "offered", "connected")
        change: dict[str, cm.Value] = self.pick([{"order": "paid"}, {"wish": "y"}, {"to": "c"}])
        return None if number is None else cm.UpdateContact(tenant=T, contact=number, attributes=change)

    def leave_message(self) -> cm.Command | None:
        number = self.contact("queued", "offered", "held", "connected")
        return None if number is None else cm.LeaveMessage(tenant=T, contact=number)

    def notice(self) -> cm.Command:
        until = self.now + int(self.rng.integers(9_000))
        return cm.SetQueueNotice(
            queue=self.pick(families.QUEUES), notice=self.pick(["storm", "flood", ""]), until=until
        )

    def ask_person(self) -> cm.Command | None:
        number = self.contact("queued", "offered", "connected")
        if number is not None and self.flip(0.3):
            return cm.AskBot(tenant=T, contact=number)
        return None if number is None else cm.AskPerson(tenant=T, contact=number, intent="refund")

    def move(self) -> cm.Command | None:
        number = self.contact("queued", "offered", "held")
        if number is None:
            return None
        if self.flip(0.5):
            return cm.PrioritiseContact(tenant=T, contact=number, priority=int(self.rng.integers(5)))
        return cm.MoveContact(tenant=T, contact=number, queue=self.pick(families.QUEUES))

    def presence(self) -> cm.Command:
        agent = self.pick([*PEOPLE, *BOTS])
        state = self.dispatcher.agents[agent].state if agent in self.dispatcher.agents else "gone"
        if state == "gone":
            return cm.DefineAgent(profile=self.profile(agent))
        if state == "offline":
            return cm.RemoveAgent(agent=agent) if self.flip(0.1) else cm.SignOn(agent=agent)
        if state == "lost":
            return cm.ReturnAgent(agent=agent)
        if state != "available":
            return cm.SetAgentState(agent=agent, state="available")
        what = self.pick(["paused", "not_ready", "finishing", "lost", "off", "off"])
        if what == "lost":
            return cm.LoseAgent(agent=agent)
        if what == "off":
            return cm.SignOff(agent=agent, to_queue=self.pick(["", "", "b"]), to_agent=self.pick(["", "", *PEOPLE]))
        until = self.now + 3_000 if what != "paused" and self.flip(0.5) else 0
        return cm.SetAgentState(agent=agent, state=what, until=until)  # type: ignore[arg-type]

    def room(self) -> cm.Command:
        if self.flip(0.1):
            return self.group()
        agent = self.pick([*PEOPLE, *BOTS])
        if self.flip(0.5):
            return cm.SetExternalLoad(agent=agent, source=self.pick(["phone", "desk"]), units=int(self.rng.integers(3)))
        until = self.now + 5_000 if self.flip(0.7) else 0
        return cm.SetCapacity(agent=agent, capacity=int(self.rng.integers(5)), until=until)

    def group(self) -> cm.Command:
        pool = self.pick(families.POOLS)
        members = sum(pool in agent.profile.pools for agent in self.dispatcher.agents.values())
        until = self.now + 5_000 if self.flip(0.8) else 0
        return cm.SetGroupCapacity(
            tenant=T, pool=pool, capacity=int(self.rng.integers(1, 5)), until=until, expect_count=members
        )

    def define(self) -> cm.Command:
        return cm.DefineAgent(profile=self.profile(self.pick([*PEOPLE, *BOTS])))

    def upheaval(self) -> cm.Command:
        what = self.pick(["policy", "close", "open", "open", "restart", "night"])
        if what == "policy":
            return cm.ApplyPolicy(text=families.policy(self.pick(self.policies)))
        if what == "night":  # the days of quotas end
            self.now += 86_400_000
            return self.submit()
        if what == "restart":
            self.now += 20_000
            return cm.StartEngine(epoch=2, down_ms=20_000)
        queue = self.pick(families.QUEUES)
        return cm.CloseQueue(queue=queue, reason="full") if what == "close" else cm.OpenQueue(queue=queue)

    def by_hand(self) -> cm.Command | None:
        number = self.contact("queued", "offered", "connected", "dormant")
        if number is None:
            return None
        agent, reason = self.pick([*PEOPLE, *BOTS]), self.pick(["a friend", "a friend", ""])
        if self.dispatcher.contacts[number].state in ("connected", "dormant"):
            return cm.TakeOverContact(tenant=T, contact=number, agent=agent, reason=reason)
        return cm.AssignContact(tenant=T, contact=number, agent=agent, reason=reason)

    def consult(self) -> cm.Command | None:
        """Asks somebody, or answers: once in a while a colleague takes over what it was asked about."""
        consults = self.dispatcher.consults
        if not consults or self.flip(0.3):
            number = self.contact("connected")
            if number is None:
                return None
            named = self.flip(0.5)
            return cm.ConsultAgent(
                tenant=T,
                contact=number,
                agent=self.dispatcher.contacts[number].agent,
                to_agent=self.pick(PEOPLE) if named else "",
                to_queue="" if named else self.pick(families.QUEUES),
            )
        found = consults[self.pick(sorted(consults))]
        if not found.accepted and self.flip(0.7):
            return cm.AcceptConsult(tenant=T, contact=found.contact, agent=found.to_agent)
        if self.flip(0.2):
            return cm.TakeOverContact(tenant=T, contact=found.contact, agent=found.to_agent)
        return cm.EndConsult(tenant=T, contact=found.contact, agent=self.pick([found.agent, found.to_agent]))

    def tap(self) -> cm.Command:
        pool = self.pick(families.POOLS)
        return cm.DrainPool(pool=pool, reason="storm") if self.flip(0.3) else cm.OpenPool(pool=pool)

    def bulk(self) -> cm.Command:
        queue = self.pick(["", *families.QUEUES])
        matching = [c for c in self.dispatcher.contacts.values() if c.state in ("queued", "offered")]
        return cm.BulkCommand(
            tenant=T,
            queue=queue,
            action=self.pick(["move", "move", "prioritise", "bot", "message"]),  # type: ignore[arg-type]
            to_queue=self.pick(families.QUEUES),
            priority=int(self.rng.integers(5)),
            expect_count=sum(queue in ("", c.queue) for c in matching),
            everything=not queue,
        )

    # --- the clock --------------------------------------------------------------------------------------------------

    def next(self) -> cm.Command:
        """The next command; time has moved on a little before it."""
        if self.opening:
            return self.opening.pop()
        self.now += int(self.rng.exponential(150))
        while True:
            command = self.mix[int(np.searchsorted(self.shares, self.rng.random()))][1]()
            if command is not None:
                return command

    def step(self) -> list[ev.Event]:
        """One command, or every other time what is due before it; returns the events."""
        if self.flip(0.3):
            deadline = self.dispatcher.next_deadline()
            if deadline is not None and deadline <= self.now + 500:
                self.now = max(self.now, deadline)
                return self.dispatcher.expire(self.now)
        return self.dispatcher.handle(self.next(), self.now)


def digest(seed: int, steps: int, restore_every: int = 0, slice_units: int = 0) -> str:
    """SHA-256 over the encoded events of the first ``steps`` steps; restored from a snapshot every so many."""
    day = Day(seed, slice_units=slice_units)
    sha = hashlib.sha256()
    for number in range(1, steps + 1):
        sha.update(msgspec.msgpack.encode(day.step()))
        if restore_every and number % restore_every == 0:
            day.dispatcher = Dispatcher.restore(day.dispatcher.snapshot())
    sha.update(day.dispatcher.snapshot())
    return sha.hexdigest()


if __name__ == "__main__":
    sys.stdout.write(digest(*map(int, sys.argv[1:])) + "\n")
