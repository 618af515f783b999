"""A stage without an engine: the scenario's actors play against a bare dispatcher, on a heap of instants."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from sim.actors.bots import Bot
from sim.actors.customers import Customer, Phase
from sim.actors.deeds import Deed, Do, Wake
from sim.actors.people import Person, passes_on
from sim.arrivals import arrivals
from sim.roster import bots, roster
from sim.scenario import Scenario, load_scenario
from sim.streams import Streams
from sim.witness import Witness

STATES: dict[type, str] = {
    ev.ContactSubmitted: "queued",
    ev.ContactDeflected: "deflected",
    ev.ContactResumed: "resumed",
}
SHOP = Path(__file__).parents[2] / "examples" / "shop" / "scenario.toml"


def shop(**overrides: str | int) -> Scenario:
    return load_scenario(SHOP, **overrides)  # type: ignore[arg-type]  # the names are checked by the call itself


class Stage:
    """Plays ``length_ms`` of the scenario and leaves everything seen in ``witness``; connections never break here."""

    def __init__(self, scenario: Scenario, length_ms: int, drain_ms: int = 0) -> None:
        self.scenario, self.streams = scenario, Streams(scenario.seed)
        self.begin, self.end = scenario.at_ms, scenario.at_ms + length_ms
        self.until = self.end + drain_ms
        self.dispatcher = Dispatcher(compile_policy(scenario.policy_text))
        self.witness = Witness(frozenset(name for name, channel in scenario.channels.items() if channel.mail))
        self.customers: dict[int, Customer] = {}
        self.agents: dict[str, Person | Bot] = {}
        self.holders: dict[int, str] = {}
        self.refusals: dict[str, int] = {}
        self.commands = 0
        self.events: Counter[type] = Counter()
        self.replies: list[tuple[int, int, bool]] = []  # the dispatcher's own reply rounds: contact, length, answered
        self.log: list[ev.Event] = []
        self.lsn = 0
        self._heap: list[tuple[int, int, object, tuple[str, int, int]]] = []
        self._seq = 0

    def play(self) -> Witness:
        passing = passes_on(self.scenario, compile_policy(self.scenario.policy_text))
        for profile in bots(self.scenario):
            self._enter(Bot(profile, self.scenario, self.streams.stream("bot", profile.agent)))
        for post in roster(self.scenario, self.streams):
            if post.works_between(self.begin, self.until):
                draws = self.streams.stream("person", *post.cause)
                self._enter(Person(post, self.scenario, draws, passing))
        for plan in arrivals(self.scenario, self.streams, self.begin, self.end):
            customer = Customer(plan, self.scenario.tenant, self.scenario.topics[plan.topic].words)
            self._wake(plan.at_ms, customer, ("arrive", 0, 0))
        while self._heap and self._heap[0][0] <= self.until:
            instant, _, actor, wake = heapq.heappop(self._heap)
            self._expire_before(instant)
            self._rouse(instant, actor, wake)
        self._expire_before(self.until)
        return self.witness

    def _enter(self, agent: Person | Bot) -> None:
        profile = agent.profile if isinstance(agent, Bot) else agent.post.profile
        self.agents[profile.agent] = agent
        self.witness.agent_signs_on(profile)
        self._carry_out(self.begin, agent, agent.start())

    def _rouse(self, now: int, actor: object, wake: tuple[str, int, int]) -> None:
        if isinstance(actor, Customer) and wake[0] == "arrive":
            self._carry_out(now, actor, actor.arrive())
        elif isinstance(actor, Customer | Person | Bot):
            self._carry_out(now, actor, actor.woken(*wake))
            if isinstance(actor, Customer) and actor.phase == Phase.GONE:
                self.witness.lives[actor.contact].gone = True

    def _carry_out(self, now: int, actor: Customer | Person | Bot, deeds: Iterable[Deed]) -> None:
        for deed in deeds:
            if isinstance(deed, Wake):
                self._wake(now + deed.in_ms, actor, (deed.what, deed.of, deed.guard))
            elif isinstance(deed, Do):
                self._do(now, actor, deed)

    def _do(self, now: int, actor: Customer | Person | Bot, deed: Do) -> None:
        self.commands += 1
        command = deed.command
        events = self.dispatcher.handle(command, now)
        if isinstance(actor, Customer) and isinstance(command, cmd.SubmitContact):
            self._answer_submit(actor, command, events)
        self._spread(now, events, deed.text)
        if isinstance(actor, Customer) and isinstance(command, cmd.SubmitContact) and actor.phase != Phase.DONE:
            # As on the wire: the text of a submit is the contact's first message.
            self._do(now, actor, Do(cmd.AddMessage(contact=actor.contact), deed.text))
        refusal = events[-1] if events else None
        if isinstance(refusal, ev.CommandRejected):
            self.refusals[f"{refusal.command} {refusal.code}"] = (
                self.refusals.get(f"{refusal.command} {refusal.code}", 0) + 1
            )
            if isinstance(actor, Customer):
                self._carry_out(now, actor, actor.refused(command, refusal.code))

    def _answer_submit(self, actor: Customer, command: cmd.SubmitContact, events: list[ev.Event]) -> None:
        for event in events:
            if isinstance(event, ev.ContactSubmitted | ev.ContactDeflected | ev.ContactResumed):
                self.customers[event.contact] = actor
                state = STATES[type(event)]
                self.witness.submit_acked(command.external_id, event.contact, state)
                actor.submitted(event.contact)

    def _expire_before(self, instant: int) -> None:
        while (due := self.dispatcher.next_deadline()) is not None and due <= instant:
            self._spread(due, self.dispatcher.expire(due), "")

    def _spread(self, now: int, events: list[ev.Event], text: str) -> None:
        """To the contact's customer and to the agent concerned, as the streams would carry them."""
        self.lsn += 1
        self.log += events
        for event in events:
            self.events[type(event)] += 1
            if isinstance(event, ev.ReplyStopped):
                self.replies.append((event.contact, event.took_ms, event.answered))
            contact = getattr(event, "contact", 0)
            agent = getattr(event, "agent", "") or self.holders.get(contact, "")
            if isinstance(event, ev.OfferMade):
                self.holders[contact] = event.agent
            if contact:
                self.witness.channel_saw(event, self.lsn)
            actor = self.agents.get(agent)
            if actor is not None:
                self.witness.agent_saw(agent, event, self.lsn)
        for event in events:
            contact = getattr(event, "contact", 0)
            customer = self.customers.get(contact)
            if customer is not None:
                self._carry_out(now, customer, customer.heard(event))
            actor = self.agents.get(getattr(event, "agent", "") or self.holders.get(contact, ""))
            if isinstance(actor, Person) and isinstance(event, ev.OfferMade) and customer is not None:
                actor.met(contact, customer.plan.channel)
            if actor is not None:
                self._carry_out(now, actor, actor.heard(event, text))

    def _wake(self, instant: int, actor: object, wake: tuple[str, int, int]) -> None:
        self._seq += 1
        heapq.heappush(self._heap, (instant, self._seq, actor, wake))
