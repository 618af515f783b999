"""The scene of the dispatcher's benchmark: agents, queues, and contacts who live whole lives.

Seven tenths of the queues are busy: their agents are full and contacts wait, so a freed agent takes from a queue. The rest
are calm: their agents have room, so an arriving contact finds one. A life is submit, offer, accept, close, wrap-up; 5 % of
offers are declined and 2 % expire. Load stays level, as each arrival goes with one close.

The scene is played once to write the inputs down (a command and its stamp each); what is measured is a dispatcher,
restored from the same snapshot, that is given the same inputs and nothing else.

Three in ten of those who arrive are offered at once, seven wait first. Where that does not come by itself (few agents, few
queues) the play steers by a little: where arrivals go, and how full the agents are. With one queue and contacts that wait
in it nobody can be offered at once: then all wait first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy

DAWN_MS = 1_000_000
CAPACITY = 3
HANDLE_MS = 600_000
ACCEPT_MS = 2_000
WRAP_UP_MS = 5_000
REPLY_MS = 5_000
BUSY_SHARE = 0.7
DECLINED, EXPIRED = 0.05, 0.02
LANGUAGES = ("zh", "en", "yue", "ja")
SITES = ("north", "south", "west")
# A calm agent's share of capacity in use: most have room, as they would off peak.
CALM_LOAD = 0.6
# With fewer agents to a topic than this, chance would leave topics that nobody, or nobody with room, knows.
FEW_TO_A_TOPIC = 20
# How often the number of those who wait is looked at, in arrivals.
LOOK_AFTER = 200


# A command, or nothing but time; and its stamp.
Input: TypeAlias = tuple[cm.Command | None, int]


@dataclass(frozen=True)
class Size:
    agents: int
    queues: int
    skills: int
    waiting: int
    replies: bool = False
    seed: int = 1


@dataclass
class Counts:
    """What happened, counted from events."""

    lives: int = 0
    submitted: int = 0
    offers: int = 0
    direct: int = 0
    declined: int = 0
    expired: int = 0
    accepted: int = 0
    steps: int = 0
    events: int = 0
    refused: int = 0

    def count(self, events: Iterable[ev.Event]) -> None:
        for event in events:
            self.events += 1
            kind = type(event)
            if kind is ev.OfferMade:
                self.offers += 1
                self.direct += event.trigger == "arrival"  # type: ignore[union-attr]  # `kind` says which it is
            elif (name := COUNTED.get(kind)) is not None:
                setattr(self, name, getattr(self, name) + 1)


COUNTED: dict[type, str] = {
    ev.ContactSubmitted: "submitted",
    ev.OfferAccepted: "accepted",
    ev.ContactClosed: "lives",
    ev.OfferDeclined: "declined",
    ev.OfferExpired: "expired",
    ev.StepOpened: "steps",
    ev.CommandRejected: "refused",
}


# --- the policy -----------------------------------------------------------------------------------------------------


def requirement(queue: int) -> str:
    """Three shapes in turn: a level; a skill and one of two languages; a level and a place."""
    skill = f"topic{queue}"
    if queue % 3 == 0:
        return f"{skill} >= {2 + queue % 2}"
    if queue % 3 == 1:
        return f"{skill} and ({LANGUAGES[queue % 4]} or {LANGUAGES[(queue + 1) % 4]})"
    return f'{skill} >= 2 and @site = "{SITES[queue % 2]}"'


def relaxed(queue: int) -> list[str]:
    """What the first step drops."""
    return [[f"topic{queue}"], [LANGUAGES[queue % 4], LANGUAGES[(queue + 1) % 4]], ["site"]][queue % 3]


def policy_text(queues: int, *, messages: bool, without: Collection[int] = ()) -> str:
    """Queues that differ in requirement, each with two steps on timers; those of ``without`` left out (never the first)."""
    lines = ["[policy]", 'name = "bench"', "[tenants.shop]", "[channels.web]", f"messages = {str(messages).lower()}"]
    lines += ["[pools.onsite]", "[pools.second]"]
    numbers = [queue for queue in range(queues) if queue not in without]
    for queue in numbers:
        name = f"queues.q{queue}"
        lines += [
            f"[{name}]", 'tenant = "shop"', f"requirement = '{requirement(queue)}'", 'pools = ["onsite"]',
            "offer_ms = 20000", f"wrap_up_ms = {4 * WRAP_UP_MS}", 'rona = "back_off"', "rona_return_ms = 5000",
            "decliner_memory_ms = 60000",
            f"[[{name}.steps]]", 'name = "second line"', 'clock = "waited"', "after_ms = 20000",
            'add_pools = ["second"]', f"relax = {relaxed(queue) if queue % 3 else []}",
            f"[[{name}.steps]]", 'name = "hurry"', 'clock = "step"', "after_ms = 30000", "raise_priority = 1",
        ]  # fmt: skip
    for queue in numbers[1:]:
        lines += ["[[entry]]", f'name = "q{queue}"', f'queue = "q{queue}"', f'when = {{to = ["{queue}"]}}']
    lines += ["[[entry]]", 'name = "rest"', 'queue = "q0"']
    return "\n".join(lines)


# --- the agents -----------------------------------------------------------------------------------------------------


def profiles(size: Size, rng: np.random.Generator, busy: int) -> list[cm.AgentProfile]:
    """Every agent a different set of skills: topics, one language, and what fills up the number.

    The first seven tenths know any topic, the rest only those of calm queues, so that calm queues find room.
    """
    calm = size.queues - busy
    crowd = round(size.agents * busy / size.queues)
    kinds = [
        Topics(rng, range(size.queues), crowd if calm else size.agents, size.skills),
        Topics(rng, range(busy, size.queues), size.agents - crowd, size.skills),
    ]
    seen: set[frozenset[str]] = set()
    found = []
    for number in range(size.agents):
        topics = kinds[0 if number < crowd or not calm else 1]
        skills = draw_skills(size, rng, topics)
        while frozenset(skills) in seen:
            # Small worlds run out of sets: one skill more, which no queue asks for, makes the difference.
            skills = {**draw_skills(size, rng, topics), f"other{number}": 5}
        seen.add(frozenset(skills))
        found.append(
            cm.AgentProfile(
                agent=f"agent{number}",
                tenant="shop",
                pools=("second",) if number % 10 == 9 else ("onsite",),
                skills=skills,
                attributes={"site": SITES[int(rng.integers(2))]},
                capacity=CAPACITY,
            )
        )
    return found


class Topics:
    """Which topics an agent knows: drawn, or dealt like cards where there are few agents to a topic."""

    def __init__(self, rng: np.random.Generator, topics: range, agents: int, skills: int) -> None:
        self.rng, self.topics = rng, topics
        self.count = min(max(skills - 1, 1), len(topics))
        self.dealt = agents * self.count < FEW_TO_A_TOPIC * len(topics)
        if self.dealt:  # at least one agent to a topic, whatever number of skills that takes
            self.count = max(self.count, min(-(-len(topics) // max(agents, 1)), len(topics)))
        # A topic that is dealt is known well enough for any queue.
        self.least = 3 if self.dealt else 2
        self.deck: list[int] = []

    def hand(self) -> list[int]:
        if not self.dealt:
            drawn = self.rng.choice(len(self.topics), self.count, replace=False)
            return [self.topics.start + int(topic) for topic in drawn]
        hand: list[int] = []
        while len(hand) < self.count:
            left = [topic for topic in self.deck if topic not in hand]
            if not left:
                left = self.rng.permutation(self.topics).tolist()
                self.deck += left
                continue
            hand.append(left[0])
            self.deck.remove(left[0])
        return hand


def draw_skills(size: Size, rng: np.random.Generator, topics: Topics) -> dict[str, int]:
    names = [f"topic{topic}" for topic in topics.hand()]
    if len(names) < size.skills:
        names.append(LANGUAGES[int(rng.integers(len(LANGUAGES)))])
    while len(names) < size.skills:  # few queues: the sets differ in what no queue asks for
        names.append(f"other{int(rng.integers(100_000))}")
    return {name: int(level) for name, level in zip(names, rng.integers(topics.least, 11, len(names)), strict=True)}


# --- the play -------------------------------------------------------------------------------------------------------


@dataclass
class Play:
    """Plays the scene on a dispatcher; ``inputs`` collects what it was given."""

    size: Size
    dispatcher: Dispatcher = field(init=False)
    inputs: list[Input] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        size = self.size
        self.rng = np.random.default_rng(size.seed)
        self.busy = max(1, round(size.queues * BUSY_SHARE))
        self.dispatcher = Dispatcher(compile_policy(policy_text(size.queues, messages=size.replies)))
        self.now = DAWN_MS
        self.arrivals = 0
        self.served: list[deque[tuple[int, str]]] = [deque() for _ in range(size.queues)]
        self.set = False
        self.wanted = 0  # arrivals still missing for the number that should wait
        # What comes due by itself, each in its own order of time: (instant, command).
        self.accepts: deque[tuple[int, cm.Command]] = deque()
        self.replies: deque[tuple[int, cm.Command]] = deque()
        self.wrap_ups: deque[tuple[int, cm.Command]] = deque()
        self.answers = _Draws(self.rng)
        self.ticking = False  # whether what is due expires by itself, or with the next command
        self.patient = False  # while the scene is set, every offer is accepted at once

    # setting

    def set_scene(self) -> None:
        """Agents sign on, the busy ones are filled, the calm ones partly, and ``waiting`` contacts wait."""
        for profile in profiles(self.size, self.rng, self.busy):
            self.do(cm.DefineAgent(profile=profile))
            self.do(cm.SignOn(agent=profile.agent))
        self.patient = True
        units = self.size.agents * CAPACITY
        crowd = round(units * self.busy / self.size.queues)
        for number in range(crowd):
            self.submit(number % self.busy)
        calm = self.size.queues - self.busy
        for number in range(round((units - crowd) * CALM_LOAD) if calm else 0):
            self.submit(self.busy + number % calm)
        self.patient = False
        self.gap_ms = HANDLE_MS / max(sum(map(len, self.served)), 1)
        self.clock = float(self.now)
        # What waits because the first wave met the wrong agents goes before the wanted number is made up.
        self.counts = Counts()
        self.run(units // 3)
        # Those who wait came one after the other, as fast as they will be served, so that their steps open one by one.
        while self.waiting() < self.size.waiting:
            for number in range(max(self.size.waiting // 10, self.busy)):
                self.tick(self.gap_ms / BUSY_SHARE)
                self.submit(number % self.busy)
        self.inputs.clear()
        self.counts = Counts()
        self.set = True

    # one life after the other

    def run(self, lives: int) -> None:
        """``lives`` arrivals, each with one close, give or take those that keep the shares and the number waiting."""
        calm = self.size.queues - self.busy
        draws, picks = self.rng.random((2, lives)).tolist()
        for draw, pick in zip(draws, picks, strict=True):
            self.tick(self.gap_ms)
            # Above 0: more than three in ten are offered at once, so a few more go to busy queues.
            counts = self.counts
            too_direct = (counts.direct - (1 - BUSY_SHARE) * counts.submitted) / max(counts.submitted, 100)
            if not calm and self.size.waiting:
                too_direct = 0.0
            busy = not calm or draw < BUSY_SHARE + too_direct * 3
            queue = int(pick * self.busy) if busy else self.busy + int(pick * calm)
            direct = self.submit(queue)
            if direct and busy and too_direct > 0:
                continue  # the busy agents have room, and should not
            self.close(queue, busy)
            if not direct and not (busy and calm) and too_direct < 0:
                self.close(queue, busy)  # the calm ones have none, and should
            self.make_up()

    def make_up(self) -> None:
        """Now and then the number of those who wait is looked at; what is missing comes one with each arrival."""
        if self.set and self.size.waiting and not self.arrivals % LOOK_AFTER:
            self.wanted = self.size.waiting - self.waiting()
        if self.wanted > 0:
            self.wanted -= 1
            self.submit(self.arrivals % self.busy)

    def waiting(self) -> int:
        return sum(self.dispatcher.queue_length(queue) for queue in self.dispatcher.policy.queues)

    def tick(self, ms: float) -> None:
        """Time passes; people do what they had in mind."""
        self.clock += ms
        until = int(self.clock)
        while True:
            ready = [due for due in (self.accepts, self.replies, self.wrap_ups) if due and due[0][0] <= until]
            if not ready:
                break
            at, command = min(ready, key=lambda due: due[0][0]).popleft()
            self.now = max(self.now, at)
            if not isinstance(command, cm.AddMessage) or self.talks(command):
                self.do(command)
        self.now = max(self.now, until)

    def talks(self, reply: cm.AddMessage) -> bool:
        """Whether the agent who meant to reply still has the contact."""
        contact = self.dispatcher.contacts.get(reply.contact)
        return contact is not None and contact.state == "connected" and contact.agent == reply.agent

    def submit(self, queue: int) -> bool:
        """Whether the contact was offered in the step of its arrival."""
        self.arrivals += 1
        events = self.do(
            cm.SubmitContact(
                tenant="shop",
                channel="web",
                external_id=f"x{self.arrivals}",
                customer=f"c{self.arrivals}",
                attributes={"to": str(queue), "source": "item page"},
                opening=self.size.replies,
            )
        )
        return any(type(event) is ev.OfferMade and event.trigger == "arrival" for event in events)

    def close(self, queue: int, busy: bool) -> None:
        """The longest-served contact of this queue ends, or of another of its kind."""
        kind = range(self.busy) if busy else range(self.busy, self.size.queues)
        turn = queue
        for _ in kind:
            if self.served[turn]:
                contact, agent = self.served[turn].popleft()
                self.do(cm.CloseContact(tenant="shop", contact=contact, agent=agent))
                end = cm.EndWrapUp(agent=agent, contact=contact)
                self.wrap_ups.append((self.now + WRAP_UP_MS, end))
                return
            turn = turn + 1 if turn + 1 in kind else kind[0]

    def do(self, command: cm.Command) -> list[ev.Event]:
        if self.ticking:
            self.pass_time()
        self.inputs.append((command, self.now))
        events = self.dispatcher.handle(command, self.now)
        self.follow(events)
        return events

    def pass_time(self) -> None:
        """As a driver does while no command waits: what is due before now expires, call by call, a millisecond each."""
        now, last = self.now, self.dispatcher.now
        while (due := self.dispatcher.next_deadline()) is not None and max(due, last + 1) < now:
            last = self.now = max(due, last + 1)
            self.inputs.append((None, last))
            self.follow(self.dispatcher.expire(last))
        self.now = now

    def follow(self, events: list[ev.Event]) -> None:
        """Agents and customers do what they do when this has happened."""
        self.counts.count(events)
        for event in events:
            kind = type(event)
            if kind is ev.OfferMade:
                self.answer(event)  # type: ignore[arg-type]  # `kind` says which it is
            elif kind is ev.ContactConnected:
                self.talk(event)  # type: ignore[arg-type]  # the same

    def talk(self, event: ev.ContactConnected) -> None:
        queue = int(self.dispatcher.contacts[event.contact].queue[1:])
        self.served[queue].append((event.contact, event.agent))
        if self.size.replies:
            reply = cm.AddMessage(tenant="shop", contact=event.contact, sender=cm.Sender.AGENT, agent=event.agent)
            self.replies.append((self.now + REPLY_MS, reply))

    def answer(self, offer: ev.OfferMade) -> None:
        draw = 1.0 if self.patient else self.answers.next()
        if draw < DECLINED:
            self.do(cm.DeclineOffer(agent=offer.agent, offer=offer.offer, reason="busy"))
        elif draw >= DECLINED + EXPIRED:
            accept = cm.AcceptOffer(agent=offer.agent, offer=offer.offer)
            if self.patient:
                self.do(accept)
            else:
                self.accepts.append((self.now + ACCEPT_MS, accept))


class _Draws:
    """Uniform draws, fetched by the thousand."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.left: list[float] = []

    def next(self) -> float:
        if not self.left:
            self.left = self.rng.random(1_000).tolist()
        return self.left.pop()
