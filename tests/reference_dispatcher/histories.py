"""Histories at random: who asks for what, and when, drawn from what the reference's desk shows. One seed, one history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.slices import SLICE_UNITS
from tests.reference_dispatcher import ReferenceDispatcher, crowding, policies
from tests.reference_dispatcher.dice import Dice
from tests.reference_dispatcher.moves_together import answer, ask_bot, bulk, consult, group, pools

# A small round number, and a wall clock: large numbers round otherwise.
DAWNS = (1_000_000, 1_000_000, 1_764_000_000_000, 86_340_000)
PEOPLE = ("ann", "ben", "cid", "dot", "eve")
BOTS = ("robo", "robin")
CUSTOMERS = 12
# Half of these are done in slices, of so few units.
FEW = {cm.ApplyPolicy: 4, cm.StartEngine: 6, cm.BulkCommand: 8, cm.SetGroupCapacity: 12}


@dataclass(frozen=True)
class Do:
    """A command with its stamp."""

    command: cm.Command
    stamp: int
    slice_units: int = 0  # so much may be done in one call; 0: as ever


@dataclass(frozen=True)
class Expire:
    """The driver's timer fires."""

    now: int
    limit: int


Move: TypeAlias = Do | Expire


@dataclass
class History:
    seed: int
    text: str
    moves: list[Move]


class Player(Protocol):
    """What both dispatchers are."""

    def handle(self, command: cm.Command, stamp: int) -> list[ev.Event]: ...

    def expire(self, now: int, limit: int = 512) -> list[ev.Event]: ...

    @property
    def is_busy(self) -> bool: ...


def play(dispatcher: Player, move: Move) -> list[ev.Event]:
    """One move on either dispatcher, and every slice of what was too much for one call."""
    if isinstance(move, Expire):
        return dispatcher.expire(move.now, move.limit)
    answer = []
    if move.slice_units and not isinstance(move.command, cm.StartEngine):
        answer = dispatcher.expire(move.stamp)  # what is due is no part of it
    cut(dispatcher, move.slice_units)
    answer = answer + dispatcher.handle(move.command, move.stamp)
    while dispatcher.is_busy:
        answer = answer + dispatcher.expire(move.stamp)
    cut(dispatcher, 0)
    return answer


def cut(dispatcher: Player, units: int) -> None:
    """So much in one call from now on; 0: as ever."""
    if isinstance(dispatcher, ReferenceDispatcher):
        dispatcher.desk.slice_units = units
    elif isinstance(dispatcher, Dispatcher):
        dispatcher._state.slice_units = units or SLICE_UNITS  # a dispatcher keeps one size for life


class Author:
    """Writes one history while the reference plays it: ``next()`` gives a move, which must be played before the next."""

    def __init__(self, seed: int) -> None:
        streams = np.random.SeedSequence([20_261_122, seed]).spawn(5)
        self.policy, self.people, self.time, self.dice, self.kind = (Dice(stream) for stream in streams)
        self.seed = seed
        self.crowded = self.kind.flip(crowding.CROWD)
        self.two = self.policy.flip(0.3) or self.crowded
        self.text = policies.draw(self.policy, f"p{seed}", two=self.two, crowded=self.crowded)
        self.reference = ReferenceDispatcher(compile_policy(self.text))
        self.desk = self.reference.desk
        self.now = self.time.pick(DAWNS)
        self.length = 70 + self.dice.below(110)
        self.agents = (
            *PEOPLE[: self.people.pick([1, 2] if self.crowded else [2, 3, 4, 5])],
            *BOTS[: self.people.pick([0, 1, 1, 2])],
        )
        self.opening: list[cm.Command] = []
        for agent in self.agents:
            self.opening.append(cm.DefineAgent(profile=policies.profile(self.people, agent, crowded=self.crowded)))
            if self.people.flip(0.8):
                self.opening.append(cm.SignOn(agent=agent))
        self.opening.reverse()
        weights = np.array([weight * (LIVELIER.get(what, 1) if self.crowded else 1) for weight, what in MIX])
        self.shares = np.cumsum(weights / weights.sum())

    def next(self) -> Move:
        """Time goes on a little, or to a deadline and a millisecond beside it, or far past several."""
        if self.opening and self.time.flip(0.9):
            return Do(self.opening.pop(), self.now)
        deadline = self.reference.next_deadline()
        how = self.time.pick(
            (
                "stay",
                "stay",
                "stay",
                "stay",
                "step",
                "step",
                "step",
                "step",
                "step",
                "far",
                "due",
                "early",
                "fire",
                "fire",
            )
        )
        if deadline is None and how in ("due", "early", "fire"):
            how = "step"
        if how == "step":
            self.now += 1 + self.time.below(400)
        elif how == "far":
            self.now += 500 + self.time.below(self.time.pick([2_000, 2_000, 9_000, 25_000]))
        elif how in ("due", "fire"):
            self.now = max(self.now, deadline or 0)
        elif how == "early":
            self.now = max(self.now, (deadline or 0) - 1)
        if how == "fire":
            self.now += self.time.pick([0, 0, 0, 1, 1_000])
            return Expire(self.now, self.time.pick([512, 512, 512, 1, 2]))
        while True:
            command = MIX[int(np.searchsorted(self.shares, self.dice.rng.random()))][1](self)
            if command is not None:
                back = 1 if self.now and self.time.flip(0.003) else 0
                return Do(command, self.now - back, self.few(command))

    def few(self, command: cm.Command) -> int:
        """How much of this may be done in one call; a start is cut only if that is less than there is to do."""
        units = FEW.get(type(command), 0) if self.kind.flip() else 0
        small = isinstance(command, cm.StartEngine) and len(self.desk.agents) + len(self.desk.offers) <= units
        return 0 if small else units

    # --- what there is --------------------------------------------------------------------------------------------------

    def contact(self, *states: str) -> int | None:
        """A contact in one of the states; now and then any number."""
        if self.dice.flip(0.02):
            return self.dice.below(self.desk.numbers["contact"] + 2)
        found = [number for number, contact in self.desk.contacts.items() if str(contact.state) in states]
        return self.dice.pick(found) if found else None

    def holder(self, contact: int) -> str:
        """Its agent; now and then somebody else."""
        found = self.desk.contacts.get(contact)
        if found is None or not found.agent or self.dice.flip(0.04):
            return self.anybody()
        return found.agent

    def anybody(self) -> str:
        return "nobody" if self.dice.flip(0.02) else self.dice.pick(self.agents)

    def tenant(self, contact: int) -> str:
        found = self.desk.contacts.get(contact)
        if found is None or self.dice.flip(0.02):
            return self.dice.pick(["", "acme", "bell"])
        return found.tenant

    def version(self, contact: int) -> int | None:
        found = self.desk.contacts.get(contact)
        if found is None or self.dice.flip(0.8):
            return None
        return found.version - (1 if self.dice.flip(0.3) else 0)

    def queue(self) -> str:
        return self.dice.pick([*self.desk.policy.queues] * 3 + ["c", "z"])

    def an_offer(self, *, held: bool) -> tuple[str, int] | None:
        """Agent and number of an open offer; now and then a stale number or the wrong hands."""
        if self.dice.flip(0.06):
            return self.anybody(), self.dice.below(self.desk.numbers["offer"] + 2)
        found = [offer for offer in self.desk.offers.values() if offer.held == held]
        if not found:
            return None
        offer = self.dice.pick(found)
        return (offer.agent if self.dice.flip(0.97) else self.anybody()), offer.offer


# --- commands ---------------------------------------------------------------------------------------------------------


def submit(author: Author) -> cm.Command:
    dice = author.dice
    if author.crowded and dice.flip(0.8):
        return crowding.submit(author)
    tenant = "bell" if dice.flip(0.15) else "acme"
    customer = dice.below(CUSTOMERS)
    extra: dict[str, cm.Value] = dice.pick(
        [{}, {}, {}, {}, {"order": "paid"}, {"wish": "y"}, {"blocked": True}, {"blocked": 1}, {"order": "open"}]
    )
    to: dict[str, cm.Value] = {"to": dice.pick([*policies.QUEUES, "a", "b"])} if dice.flip(0.8) else {}
    known: dict[str, cm.Value] = {}
    for name in ("last_agent", "named_agent"):
        if dice.flip(0.2):
            known[name] = author.anybody() if dice.flip(0.95) else 7
    bad = dice.flip(0.02)
    return cm.SubmitContact(
        tenant=dice.pick(["", "carl", tenant]) if bad else tenant,
        channel=dice.pick(["pigeon", "web"]) if bad else dice.pick(["web", "web", "web", "phone", "mail"]),
        external_id=f"x{customer}" if dice.flip() else "",
        customer=f"c{customer}" if customer < 9 else "",
        shop=dice.pick(
            ["", "flagship" if tenant == "acme" else "tower", "flagship", "corner" if tenant == "acme" else "tower"]
        )
        if dice.flip(0.9)
        else "",
        attributes={**to, **extra, **known},
        requires=dice.pick(["x >=", "", "y"]) if bad else dice.pick(policies.WISHES),
        opening=dice.flip(0.8),
        transcript=dice.pick(["", "", "t/1"]),
        source=dice.pick(["", "app"]),
    )


def leave_message(author: Author) -> cm.Command | None:
    number = author.contact("queued", "queued", "offered", "held", "connected", "promised")
    found = author.desk.contacts.get(number or 0)
    if number is None or (found and found.promised and found.live_at <= author.now and not author.dice.flip(0.02)):
        return None
    kind = author.dice.pick(["message", "call_back"])
    return cm.LeaveMessage(tenant=author.tenant(number), contact=number, kind=kind)  # type: ignore[arg-type]


def assign(author: Author) -> cm.Command | None:
    number = author.contact("queued", "queued", "offered", "held")
    if number is None:
        return None
    return cm.AssignContact(
        tenant=author.tenant(number), contact=number, agent=author.anybody(), reason=author.dice.pick(["vip", "vip", ""]),
        expect_version=author.version(number),
    )  # fmt: skip


def take_over(author: Author) -> cm.Command | None:
    number = author.contact("connected", "connected", "dormant")
    if number is None:
        return None
    reason, agent = author.dice.pick(["", "training"]), author.anybody()
    if author.desk.consults and author.dice.flip(0.7):
        found = author.dice.pick([*author.desk.consults.values()])
        number, agent = found.contact, found.to_agent
    return cm.TakeOverContact(tenant=author.tenant(number), contact=number, agent=agent, reason=reason)


def wake(author: Author) -> cm.Command | None:
    """Who was silent is back."""
    number = author.contact("dormant", "closed")
    return None if number is None else cm.AddMessage(tenant=author.tenant(number), contact=number)


def notice(author: Author) -> cm.Command:
    dice = author.dice
    until = author.now + dice.pick([0, 5_000, 20_000, 20_000])
    hanging = [*author.desk.notices]
    if hanging and dice.flip(0.3):
        return cm.SetQueueNotice(queue=dice.pick(hanging))
    return cm.SetQueueNotice(
        queue=author.queue(), notice=dice.pick(["", "storm", "storm", "flood", "-bad"]), until=until
    )


def update(author: Author) -> cm.Command | None:
    number = author.contact("queued", "queued", "offered", "held", "connected", "dormant", "closed")
    if number is None:
        return None
    change: dict[str, cm.Value] = author.dice.pick(
        [
            {"order": "paid"},
            {"order": "open"},
            {"wish": "y"},
            {"to": "c"},
            {"to": "a"},
            {"blocked": True},
            {"mood": 1},
            {},
        ]
    )
    return cm.UpdateContact(
        tenant=author.tenant(number), contact=number, attributes=change, expect_version=author.version(number)
    )


def say(author: Author) -> cm.Command | None:
    number = author.contact(
        "connected", "connected", "queued", "offered", "dormant", "dormant", "closed", "closed", "promised"
    )
    if number is None:
        return None
    sender = author.dice.pick(
        [cm.Sender.CUSTOMER, cm.Sender.CUSTOMER, *[cm.Sender.AGENT] * 4, cm.Sender.BOT, cm.Sender.SYSTEM]
    )
    named = sender in (cm.Sender.AGENT, cm.Sender.BOT) or author.dice.flip(0.05)
    return cm.AddMessage(
        tenant=author.tenant(number), contact=number, sender=sender, agent=author.holder(number) if named else "",
        automatic=author.dice.flip(0.15),
    )  # fmt: skip


def ask_person(author: Author) -> cm.Command | None:
    number = author.contact("queued", "offered", "held", "connected", "abandoned", "dormant", "closed")
    if number is None:
        return None
    intent = author.dice.pick(["", "refund"])
    return cm.AskPerson(tenant=author.tenant(number), contact=number, intent=intent)


def transfer(author: Author) -> cm.Command | None:
    number = author.contact("connected", "connected", "dormant")
    if number is None:
        return None
    dice = author.dice
    return cm.TransferContact(
        tenant=author.tenant(number), contact=number, agent=author.holder(number),
        to_queue=dice.pick(["", "", author.queue(), author.queue()]),
        to_agent=dice.pick(["", "", author.anybody(), author.anybody()]), reason=dice.pick(["", "wrong desk"]),
        intent=dice.pick(["", "", "refund"]), transcript=dice.pick(["", "", "t/2"]),
        attributes=dice.pick([{}, {}, {"mood": "bad"}, {"order": "paid"}]), expect_version=author.version(number),
    )  # fmt: skip


def abandon(author: Author) -> cm.Command | None:
    number = author.contact("queued", "offered", "held")
    if number is None:
        return None
    return cm.AbandonContact(tenant=author.tenant(number), contact=number, silent=author.dice.flip())


def close(author: Author) -> cm.Command | None:
    number = author.contact("connected", "dormant", "queued" if author.dice.flip(0.1) else "connected")
    if number is None:
        return None
    agent = author.holder(number) if author.dice.flip(0.75) else ""
    return cm.CloseContact(
        tenant=author.tenant(number), contact=number, agent=agent, reason=author.dice.pick(["done", "spam"]),
        expect_version=author.version(number),
    )  # fmt: skip


def close_waiting(author: Author) -> cm.Command | None:
    number = author.contact("queued", "offered", "held", "abandoned", "wrap_up", "closed", "promised")
    return None if number is None else cm.CloseContact(tenant=author.tenant(number), contact=number)


def move(author: Author) -> cm.Command | None:
    number = author.contact("queued", "queued", "offered", "held")
    if number is None:
        return None
    return cm.MoveContact(
        tenant=author.tenant(number), contact=number, queue=author.queue(), reason=author.dice.pick(["", "busy"]),
        expect_version=author.version(number),
    )  # fmt: skip


def prioritise(author: Author) -> cm.Command | None:
    number = author.contact("queued", "queued", "offered", "held")
    if number is None:
        return None
    priority = author.dice.pick([0, 1, 2, 3, 4, -1, 2_000_000])
    return cm.PrioritiseContact(
        tenant=author.tenant(number), contact=number, priority=priority, expect_version=author.version(number)
    )  # fmt: skip


def define(author: Author) -> cm.Command:
    agent = author.dice.pick([*author.agents, *PEOPLE])
    if author.dice.flip(0.03):
        return cm.DefineAgent(profile=cm.AgentProfile(agent=agent, channel_limits={"web": 1}))
    return cm.DefineAgent(profile=policies.profile(author.dice, agent, crowded=author.crowded))


def presence(author: Author) -> cm.Command:
    """What may happen to this agent in its state; sometimes what may not."""
    dice, name = author.dice, author.anybody()
    found = author.desk.agents.get(name)
    state = str(found.state) if found and dice.flip(0.95) else dice.pick(["offline", "lost", "available"])
    if found is None and dice.flip(0.8):
        return cm.DefineAgent(profile=policies.profile(dice, name, crowded=author.crowded))
    if state == "offline":
        if dice.flip(0.12):
            return cm.RemoveAgent(agent=name)
        return cm.SignOn(agent=name, state=dice.pick(["available", "available", "available", "paused", "not_ready"]))
    if state == "lost":
        return cm.ReturnAgent(agent=name) if dice.flip(0.8) else cm.SignOff(agent=name)
    if state != "available" and dice.flip(0.7):
        return cm.SetAgentState(agent=name, state="available")
    what = dice.pick(
        ["available", "paused", "paused", "not_ready", "finishing", "finishing", "lost", "lost", "off", "off"]
    )
    if what == "lost":
        return cm.LoseAgent(agent=name)
    if what == "off":
        queue, agent = dice.pick(["", "", author.queue()]), dice.pick(["", "", author.anybody()])
        return cm.SignOff(agent=name, to_queue=queue, to_agent=agent, reason=dice.pick(["", "home"]))
    until = author.now + dice.pick([0, 1, 1_000, 3_000]) if dice.flip(0.4) else 0
    return cm.SetAgentState(agent=name, state=what, until=until, reason=dice.pick(["", "lunch"]))  # type: ignore[arg-type]


def room(author: Author) -> cm.Command:
    dice, name = author.dice, author.anybody()
    if dice.flip():
        return cm.SetExternalLoad(agent=name, source=dice.pick(["calls", "desk"]), units=dice.pick([0, 0, 1, 2, -1]))
    until = author.now + dice.pick([500, 2_000, 4_000]) if dice.flip(0.7) else 0
    return cm.SetCapacity(agent=name, capacity=dice.pick([0, 1, 2, 3, 4]), until=until)


def accept(author: Author) -> cm.Command | None:
    found = author.an_offer(held=False)
    return found and cm.AcceptOffer(agent=found[0], offer=found[1], hold=author.dice.flip(0.25))


def decline(author: Author) -> cm.Command | None:
    found = author.an_offer(held=False)
    return found and cm.DeclineOffer(agent=found[0], offer=found[1], reason=author.dice.pick(["", "busy"]))


def finish_hold(author: Author) -> cm.Command | None:
    found = author.an_offer(held=True)
    if found is None:
        return None
    agent, offer = found
    well = author.dice.flip(0.6)
    if well:
        return cm.CompleteAccept(agent=agent, offer=offer)
    return cm.FailAccept(agent=agent, offer=offer)


def end_wrap_up(author: Author) -> cm.Command | None:
    number = author.contact("wrap_up")
    return None if number is None else cm.EndWrapUp(agent=author.holder(number), contact=number)


def queues(author: Author) -> cm.Command:
    if author.dice.flip(0.1):
        number = author.contact("connected", "queued") or 0
        return cm.RecordDesk(
            tenant=author.tenant(number) if number else "acme", kind="conversation.note", contact=number
        )
    queue = author.queue()
    return cm.CloseQueue(queue=queue, reason="full") if author.dice.flip(0.4) else cm.OpenQueue(queue=queue)


def swap(author: Author) -> cm.Command:
    if author.dice.flip(0.1):
        return cm.ApplyPolicy(text="[policy")
    two = author.two != author.policy.flip(0.1)
    crowded = author.crowded and author.policy.flip(0.8)
    return cm.ApplyPolicy(text=policies.draw(author.policy, f"p{author.seed}b", two=two, crowded=crowded))


def restart(author: Author) -> cm.Command:
    down_ms = author.dice.pick([0, 10, 3_000])
    author.now += down_ms
    return cm.StartEngine(epoch=2, down_ms=down_ms)


MIX: list[tuple[float, Callable[[Author], cm.Command | None]]] = [
    (22, submit), (32, accept), (6, decline), (3, finish_hold), (8, close), (1, close_waiting), (12, say),
    (4, end_wrap_up), (5, transfer), (4, abandon), (3, leave_message), (1, notice), (5, wake), (1.5, assign), (2, take_over), (3, update), (3, ask_person), (2, move), (2, prioritise),
    (11, presence), (4, room), (1.5, define), (1.2, queues), (6, consult), (40, answer), (1.2, bulk), (1, group), (2, ask_bot), (1.2, pools), (0.5, swap), (0.3, restart),
]  # fmt: skip
# In a crowd people come, are served and go; agents stay as they are.
LIVELIER: dict[Callable[[Author], cm.Command | None], float] = {
    submit: 2, close: 2, decline: 2, presence: 0.3, room: 0.5, say: 0.3, transfer: 2, abandon: 1.5, assign: 2, move: 2,
}  # fmt: skip
