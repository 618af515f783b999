"""Sets the stage for what-if stories: small days, recorded call by call as a journal has them."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile, Command
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from sim.replay.commands import compare
from sim.replay.comparing import Compared
from sim.replay.reading import Call

POLICY = """
[policy]
name = "small"
[domain]
grace_ms = 10_000
[tenants.acme]
[shops.flagship]
tenant = "acme"
[shops.outlet]
tenant = "acme"
[channels.web]
[pools.onsite]
[queues.help]
tenant = "acme"
pools = ["onsite"]
offer_ms = 20_000
[[entry]]
name = "default"
queue = "help"
"""
VIPS_FIRST = POLICY.replace('[[entry]]\nname = "default"', '[[entry]]\nname = "vip"\nwhen = { tier = "vip" }\nqueue = "help"\npriority = 10\n[[entry]]\nname = "default"')  # fmt: skip


class Recorder:
    """A dispatcher, and what a journal would hold of it. Instants in seconds."""

    def __init__(self, policy: str = POLICY) -> None:
        self.dispatcher = Dispatcher(compile_policy(policy))
        self.calls: list[Call] = []
        self.do(0, cm.ApplyPolicy(policy))

    def do(self, at: float, command: Command) -> list[ev.Event]:
        """Whatever falls due before comes first, each at its own instant, as a driver's ticks do."""
        stamp = round(at * 1000)
        due = self.dispatcher.next_deadline()
        while due is not None and due < stamp:
            self.calls.append((due, None, self.dispatcher.expire(due)))
            due = self.dispatcher.next_deadline()
        events = self.dispatcher.handle(command, stamp)
        self.calls.append((stamp, command, events))
        return events

    def sign_on(self, at: float, agent: str) -> None:
        self.do(at, cm.DefineAgent(AgentProfile(agent)))
        self.do(at, cm.SignOn(agent))

    def come(self, at: float, name: str, tier: str = "", shop: str = "flagship") -> int:
        """A customer, whose contact's number is returned."""
        command = cm.SubmitContact("acme", "web", name, name, shop, {"tier": tier} if tier else {})
        events = self.do(at, command)
        return next(event.contact for event in events if isinstance(event, ev.ContactSubmitted))

    def accept(self, at: float, agent: str) -> None:
        offer = next(offer.offer for offer in self.dispatcher.offers.values() if offer.agent == agent)
        self.do(at, cm.AcceptOffer(agent, offer))

    def say(self, at: float, contact: int, agent: str) -> None:
        self.do(at, cm.AddMessage("acme", contact, cm.Sender.AGENT, agent))

    def close(self, at: float, contact: int, agent: str) -> None:
        self.do(at, cm.CloseContact("acme", contact, agent))

    def serve(self, at: float, contact: int, agent: str, talk: float) -> None:
        """Accepts what is offered at that instant, says a word at once, and closes after ``talk`` seconds."""
        self.accept(at, agent)
        self.say(at, contact, agent)
        self.close(at + talk, contact, agent)


def vip_behind_two(recorder: Recorder | None = None) -> list[Call]:
    """Ann alone: an ordinary customer is served, another waits, then a VIP comes. Each talk takes 100 s, each answer 2 s."""
    day = recorder or Recorder()
    day.sign_on(0, "ann")
    first = day.come(1, "first")
    day.accept(3, "ann")
    day.say(3, first, "ann")
    second, vip = day.come(10, "second"), day.come(20, "vip", "vip", "outlet")
    day.close(103, first, "ann")
    day.serve(105, second, "ann", 100)
    day.serve(207, vip, "ann", 100)
    return day.calls


def what_if(calls: list[Call], policy: str, seed: int = 1) -> Compared:
    return compare(calls, compile_policy(policy), seed, 180_000)[0]


def waits(both: Compared) -> dict[str, tuple[int | None, ...]]:
    """External id → wait in ms as recorded, re-created, and under the other policy."""
    return {
        visit.command.external_id: tuple(
            None if (outcome := side.outcomes[visit.place]) is None else outcome.waited_ms
            for side in (both.recorded, both.a, both.b)
        )
        for visit in both.day.visits
    }
