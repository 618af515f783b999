"""Everything at once: a machine that gives any command at any time and looks at everything after each.

The stage checks the invariants of `tests.dispatch.judge` after every call. Besides, a restored dispatcher is given the
same inputs and must answer with the same bytes, and at the end the events alone must build the same state.
`SLUICE_EXAMPLES=2000` asks for that many runs, drawn anew; without it the same few are played, so that a clone is calm.
A failure prints the steps to paste into a story, and the blob that reproduces it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from engine.dispatch import commands as cm
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from tests.dispatch import judge
from tests.dispatch.machine import families
from tests.dispatch.stage import Stage

EXAMPLES = int(os.environ.get("SLUICE_EXAMPLES", "0"))
PICK = st.integers(0, 11)
AGENT = st.sampled_from(families.AGENTS)
CHANNEL = st.sampled_from(("web", "web", "phone", "mail"))
QUEUE = st.sampled_from((*families.QUEUES, "a", "b"))
SOME_QUEUE = st.sampled_from(("", *families.QUEUES))
SOME_AGENT = st.sampled_from(("", "", *families.AGENTS))
POLICY = st.integers(0, families.POLICIES - 1)
PROFILE = st.integers(0, families.PROFILES - 1)
EXTRA: list[dict[str, cm.Value]] = [
    {}, {}, {}, {"order": "paid"}, {"wish": "y"}, {"blocked": True}, {"last_agent": "ann"}, {"named_agent": "ben"},
    {"last_agent": "cid", "named_agent": "nobody"},
]  # fmt: skip
# How much one call does of a mass effect: as usual, or so little that there is always something between two slices.
UNITS = (0, 0, 1, 2, 5)
BULK = ("move", "move", "prioritise", "bot", "message")
T = "acme"


def there_is(*states: str) -> Callable[[Any], bool]:
    """A rule's condition: a contact in one of the states (in any)."""
    return lambda machine: any(
        not states or contact.state in states for contact in machine.stage.dispatcher.contacts.values()
    )


class DispatcherMachine(RuleBasedStateMachine):
    """Commands pick what they act on by number among what there is, so that shrinking keeps their meaning.

    Hypothesis weighs rules alike, so what happens often in life has several rules here and what is rare shares one.
    """

    stage: Stage

    @initialize(policy=POLICY, profiles=st.tuples(PROFILE, PROFILE, PROFILE, PROFILE), units=st.sampled_from(UNITS))
    def open_doors(self, policy: int, profiles: tuple[int, ...], units: int) -> None:
        self.stage = Stage(families.policy(policy), slice_units=units)
        for agent, number in zip(families.AGENTS, profiles, strict=True):
            self.stage.do(cm.DefineAgent(profile=families.profile(agent, number)))
            self.stage.do(cm.SignOn(agent=agent))

    # --- what there is ----------------------------------------------------------------------------------------------

    def contact(self, pick: int, *states: str) -> int:
        """A contact in one of the states, or else any."""
        contacts = self.stage.dispatcher.contacts
        found = [number for number, contact in sorted(contacts.items()) if not states or contact.state in states]
        found = found or sorted(contacts) or [pick]
        return found[pick % len(found)]

    def holder(self, contact: int, pick: int) -> str:
        """Its agent; now and then somebody else."""
        found = self.stage.dispatcher.contacts.get(contact)
        if found is None or not found.agent or pick == 11:
            return families.AGENTS[pick % len(families.AGENTS)]
        return found.agent

    # --- contacts come ----------------------------------------------------------------------------------------------

    def come(self, to: str, customer: int, channel: str, extra: dict[str, cm.Value], requires: str = "") -> None:
        self.stage.do(
            cm.SubmitContact(
                tenant=T,
                channel=channel,
                external_id=f"x{customer}" if customer % 2 else "",
                customer=f"c{customer}" if customer < 9 else "",
                shop="outlet" if customer % 3 == 1 else "flagship",
                attributes={"to": to, **extra},
                requires=requires,
                opening=customer != 4,
            )
        )

    @rule(to=QUEUE, customer=st.integers(0, 15), channel=CHANNEL, extra=st.sampled_from(EXTRA))
    def submit(self, to: str, customer: int, channel: str, extra: dict[str, cm.Value]) -> None:
        self.come(to, customer, channel, extra)

    @rule(to=QUEUE, first=st.integers(0, 12), count=st.integers(2, 4), requires=st.sampled_from(families.WISHES))
    def several_submit(self, to: str, first: int, count: int, requires: str) -> None:
        for customer in range(first, first + count):
            self.come(to, customer, "web", {}, requires)

    # --- what happens to them ---------------------------------------------------------------------------------------

    @precondition(there_is())
    @rule(pick=PICK, extra=st.sampled_from([{"order": "paid"}, {"order": "none"}, {"wish": "y"}, {"to": "c"}]))
    def update(self, pick: int, extra: dict[str, cm.Value]) -> None:
        self.stage.do(cm.UpdateContact(tenant=T, contact=self.contact(pick), attributes=extra))

    @precondition(there_is("connected", "queued"))
    @rule(pick=PICK, sender=st.sampled_from(list(cm.Sender)), automatic=st.sampled_from([False, False, True]))
    def say(self, pick: int, sender: cm.Sender, automatic: bool) -> None:
        contact = self.contact(pick, "connected")
        agent = self.holder(contact, pick) if sender in (cm.Sender.AGENT, cm.Sender.BOT) else ""
        self.stage.say(contact, sender, agent, automatic)

    @precondition(there_is("connected", "dormant", "closed"))
    @rule(pick=PICK, sender=st.sampled_from(["agent", "agent", "customer"]), ms=st.sampled_from([0, 1_500, 3_000]))
    def talk_and_be_silent(self, pick: int, sender: str, ms: int) -> None:
        """The agent has the last word, or the customer comes back; then nobody says anything for a while."""
        states = ("connected",) if sender == "agent" else ("dormant", "closed")
        contact = self.contact(pick, *states)
        if sender == "agent":
            found = self.stage.dispatcher.contacts[contact]
            sender = "bot" if found.agent == "robo" else "agent"
            self.stage.say(contact, sender, self.holder(contact, 0))
        else:
            self.stage.say(contact)
        self.stage.wait(ms)

    @precondition(there_is("connected", "dormant"))
    @rule(pick=PICK, to_queue=SOME_QUEUE, to_agent=SOME_AGENT)
    def transfer(self, pick: int, to_queue: str, to_agent: str) -> None:
        contact = self.contact(pick, "connected")
        self.stage.transfer(contact, self.holder(contact, pick), to_queue=to_queue, to_agent=to_agent)

    @precondition(there_is("connected"))
    @rule(pick=PICK)
    def agent_closes(self, pick: int) -> None:
        contact = self.contact(pick, "connected")
        self.stage.close(contact, self.holder(contact, pick))

    @precondition(there_is("queued", "offered", "held"))
    @rule(pick=PICK, what=st.sampled_from(["abandon", "abandon", "close", "move", "prioritise"]), queue=QUEUE)
    def while_waiting(self, pick: int, what: str, queue: str) -> None:
        contact = self.contact(pick, "queued", "offered", "held")
        if what == "abandon":
            self.stage.abandon(contact)
        elif what == "close":
            self.stage.close(contact)
        elif what == "move":
            self.stage.do(cm.MoveContact(tenant=T, contact=contact, queue=queue))
        else:
            self.stage.do(cm.PrioritiseContact(tenant=T, contact=contact, priority=pick % 4))

    @precondition(there_is("queued", "offered", "held", "connected"))
    @rule(pick=PICK, kind=st.sampled_from(["message", "call_back"]))
    def leave_message(self, pick: int, kind: Any) -> None:
        contact = self.contact(pick, *(("queued", "offered", "held") if pick < 9 else ("connected",)))
        self.stage.do(cm.LeaveMessage(tenant=T, contact=contact, kind=kind))

    @rule(queue=QUEUE, notice=st.sampled_from(["storm", "flood", "", "not a code"]), ms=st.sampled_from([0, 1, 4_000]))
    def notice(self, queue: str, notice: str, ms: int) -> None:
        self.stage.do(cm.SetQueueNotice(queue=queue, notice=notice, until=self.stage.now + ms))

    @precondition(there_is("promised"))
    @rule(pick=PICK, what=st.sampled_from(["say", "close", "update", "ask_person"]))
    def under_a_promise(self, pick: int, what: str) -> None:
        contact = self.contact(pick, "promised")
        command: dict[str, cm.Command] = {
            "say": cm.AddMessage(tenant=T, contact=contact),
            "close": cm.CloseContact(tenant=T, contact=contact),
            "update": cm.UpdateContact(tenant=T, contact=contact, attributes={"order": "paid"}),
            "ask_person": cm.AskPerson(tenant=T, contact=contact),
        }
        self.stage.do(command[what])

    @precondition(there_is())
    @rule(pick=PICK)
    def ask_person(self, pick: int) -> None:
        self.stage.do(cm.AskPerson(tenant=T, contact=self.contact(pick)))

    # --- offers -----------------------------------------------------------------------------------------------------

    @precondition(there_is("offered"))
    @rule(pick=PICK, answer=st.sampled_from(["accept", "accept", "hold", "early"]))
    def accept(self, pick: int, answer: str) -> None:
        """``early``: stamped a millisecond before the deadline at the latest, and read only now."""
        offers = [offer for _, offer in sorted(self.stage.dispatcher.offers.items()) if not offer.held]
        offer = offers[pick % len(offers)]
        at = max(self.stage.dispatcher.now, min(self.stage.now, offer.deadline - 1)) if answer == "early" else None
        self.stage.do(cm.AcceptOffer(agent=offer.agent, offer=offer.offer, hold=answer == "hold"), at)

    @precondition(there_is("offered"))
    @rule(pick=PICK)
    def decline(self, pick: int) -> None:
        offers = [offer for _, offer in sorted(self.stage.dispatcher.offers.items()) if not offer.held]
        offer = offers[pick % len(offers)]
        self.stage.do(cm.DeclineOffer(agent=offer.agent, offer=offer.offer))

    @precondition(there_is("held"))
    @rule(pick=PICK, kind=st.sampled_from([cm.CompleteAccept, cm.FailAccept]))
    def finish_hold(self, pick: int, kind: Any) -> None:
        offers = [offer for _, offer in sorted(self.stage.dispatcher.offers.items()) if offer.held]
        offer = offers[pick % len(offers)]
        self.stage.do(kind(agent=offer.agent, offer=offer.offer))

    @precondition(there_is("wrap_up"))
    @rule(pick=PICK)
    def end_wrap_up(self, pick: int) -> None:
        contact = self.contact(pick, "wrap_up")
        self.stage.do(cm.EndWrapUp(agent=self.holder(contact, pick), contact=contact))

    # --- agents -----------------------------------------------------------------------------------------------------

    @rule(agent=AGENT, state=st.sampled_from(["available", "available", "paused", "not_ready"]))
    def sign_on(self, agent: str, state: Any) -> None:
        self.stage.do(cm.SignOn(agent=agent, state=state))

    @rule(
        agent=AGENT,
        state=st.sampled_from(["available", "available", "paused", "not_ready", "finishing"]),
        until=st.sampled_from([0, 0, 1, 2_000]),
    )
    def set_state(self, agent: str, state: Any, until: int) -> None:
        self.stage.state(agent, state, until=self.stage.now + until if until else 0)

    @rule(agent=AGENT, what=st.sampled_from(["lost", "back", "back", "off"]), to_queue=SOME_QUEUE, to_agent=SOME_AGENT)
    def presence(self, agent: str, what: str, to_queue: str, to_agent: str) -> None:
        command: dict[str, cm.Command] = {
            "lost": cm.LoseAgent(agent=agent),
            "back": cm.ReturnAgent(agent=agent),
            "off": cm.SignOff(agent=agent, to_queue=to_queue, to_agent=to_agent),
        }
        self.stage.do(command[what])

    @rule(agent=AGENT, what=st.sampled_from(["capacity", "phone", "desk"]), units=st.integers(0, 4), ms=PICK)
    def room(self, agent: str, what: str, units: int, ms: int) -> None:
        if what == "capacity":
            until = self.stage.now + ms * 500 if ms > 3 else 0
            self.stage.do(cm.SetCapacity(agent=agent, capacity=units, until=until))
        else:
            self.stage.do(cm.SetExternalLoad(agent=agent, source=what, units=units % 3))

    @rule(agent=AGENT, profile=PROFILE)
    def define(self, agent: str, profile: int) -> None:
        self.stage.do(cm.DefineAgent(profile=families.profile(agent, profile)))

    # --- the domain -------------------------------------------------------------------------------------------------

    @rule(
        what=st.sampled_from(["policy", "policy", "close", "open", "restart", "remove", "stale", "note"]), number=POLICY
    )
    def upheaval(self, what: str, number: int) -> None:
        agent, queue = families.AGENTS[number % 4], families.QUEUES[number % 3]
        if what == "restart":
            down_ms = (0, 10, 3_000, 60_000)[number % 4]
            self.stage.now = max(self.stage.dispatcher.now, self.stage.now) + down_ms
            self.stage.do(cm.StartEngine(epoch=2, down_ms=down_ms))
            return
        command: dict[str, cm.Command] = {
            "policy": cm.ApplyPolicy(text=families.policy(number)),
            "close": cm.CloseQueue(queue=queue, reason="full"),
            "open": cm.OpenQueue(queue=queue),
            "remove": cm.RemoveAgent(agent=agent),
            "stale": cm.AcceptOffer(agent=agent, offer=number % 30),
            "note": cm.RecordDesk(tenant=T, kind="conversation.note", subject="c1", contact=number % 30),
        }
        self.stage.do(command[what])

    @precondition(there_is())
    @rule(pick=PICK, agent=AGENT, why=st.sampled_from(["a friend", "a friend", ""]))
    def by_hand(self, pick: int, agent: str, why: str) -> None:
        contact = self.contact(pick, "queued", "offered", "connected", "dormant")
        found = self.stage.dispatcher.contacts.get(contact)
        if found is not None and found.state in ("connected", "dormant"):
            self.stage.do(cm.TakeOverContact(tenant=T, contact=contact, agent=agent, reason=why))
        else:
            self.stage.do(cm.AssignContact(tenant=T, contact=contact, agent=agent, reason=why))

    @precondition(there_is("connected"))
    @rule(pick=PICK, agent=SOME_AGENT, queue=QUEUE)
    def consult(self, pick: int, agent: str, queue: str) -> None:
        contact = self.contact(pick, "connected")
        queue = "" if agent and pick else queue
        self.stage.do(
            cm.ConsultAgent(tenant=T, contact=contact, agent=self.holder(contact, pick), to_agent=agent, to_queue=queue)
        )

    @precondition(lambda self: self.stage.dispatcher.consults)
    @rule(pick=PICK, what=st.sampled_from(["accept", "accept", "end", "withdraw", "take_over"]))
    def answer_consult(self, pick: int, what: str) -> None:
        consults = self.stage.dispatcher.consults
        consult = consults[sorted(consults)[pick % len(consults)]]
        number, asked = consult.contact, families.AGENTS[0] if pick == 11 else consult.to_agent
        command: dict[str, cm.Command] = {
            "accept": cm.AcceptConsult(tenant=T, contact=number, agent=asked),
            "end": cm.EndConsult(tenant=T, contact=number, agent=asked),
            "withdraw": cm.EndConsult(tenant=T, contact=number, agent=consult.agent),
            "take_over": cm.TakeOverContact(tenant=T, contact=number, agent=asked),
        }
        self.stage.do(command[what])

    @rule(pool=st.sampled_from(["onsite", "remote", "bot"]), drain=st.booleans())
    def tap(self, pool: str, drain: bool) -> None:
        self.stage.do(cm.DrainPool(pool=pool, reason="storm") if drain else cm.OpenPool(pool=pool))

    @rule(pool=st.sampled_from(["onsite", "remote", "bot"]), units=st.integers(0, 4), ms=PICK, right=st.booleans())
    def group(self, pool: str, units: int, ms: int, right: bool) -> None:
        members = sum(pool in agent.profile.pools for agent in self.stage.dispatcher.agents.values())
        until = self.stage.now + ms * 500 if ms > 3 else 0
        expect = members + (not right)
        self.stage.do(cm.SetGroupCapacity(tenant=T, pool=pool, capacity=units, until=until, expect_count=expect))

    @precondition(there_is("queued", "offered", "held"))
    @rule(pick=PICK)
    def ask_bot(self, pick: int) -> None:
        self.stage.do(cm.AskBot(tenant=T, contact=self.contact(pick, "queued", "offered", "held")))

    @rule(queue=SOME_QUEUE, to_queue=QUEUE, action=st.sampled_from(BULK), right=st.booleans())
    def bulk(self, queue: str, to_queue: str, action: Any, right: bool) -> None:
        matching = [c for c in self.stage.dispatcher.contacts.values() if c.state in ("queued", "offered")]
        count = sum(queue in ("", c.queue) for c in matching) + (not right)
        command = cm.BulkCommand(tenant=T, queue=queue, action=action, to_queue=to_queue, priority=3)
        self.stage.do(msgspec.structs.replace(command, expect_count=count, everything=right))

    # --- time -------------------------------------------------------------------------------------------------------

    @rule(ms=st.sampled_from([1, 500, 1_000, 2_500, 4_000, 7_000, 25_000]), fire=st.sampled_from([True, True, False]))
    def time_passes(self, ms: int, fire: bool) -> None:
        if fire:
            self.stage.wait(ms)
        else:
            self.stage.lag(ms)

    @precondition(lambda self: self.stage.dispatcher.next_deadline() is not None)
    @rule(off=st.sampled_from([-1, 0, 0, 1]), fire=st.booleans(), limit=st.sampled_from([1, 2, 512]))
    def time_passes_to_a_deadline(self, off: int, fire: bool, limit: int) -> None:
        deadline = self.stage.dispatcher.next_deadline()
        assert deadline is not None
        self.stage.now = max(self.stage.now, deadline + off)
        if fire:
            self.stage.expire(limit)

    # --- the same again ---------------------------------------------------------------------------------------------

    @rule()
    def restore(self) -> None:
        """From here on a restored dispatcher goes along."""
        data = self.stage.dispatcher.snapshot()
        self.stage.mirror = Dispatcher.restore(data)
        assert self.stage.mirror.snapshot() == data

    @rule()
    def ask_why(self) -> None:
        before = self.stage.dispatcher.snapshot()
        judge.explanations_agree(self.stage.shadow, self.stage.dispatcher)
        assert self.stage.dispatcher.snapshot() == before

    def teardown(self) -> None:
        if not hasattr(self, "stage") or not self.stage.sound:
            return
        self.stage.now = max(self.stage.now, self.stage.dispatcher.now)
        self.stage.expire()
        self.stage.wait(0)  # the last slice of a job may leave something that is due at this very instant
        before = self.stage.dispatcher.snapshot()
        # A refusal changes nothing, and carries the last stamp into the log.
        self.stage.do(cm.CloseContact(tenant=T, contact=9_999))
        assert self.stage.dispatcher.snapshot() == before
        if self.stage.mirror is not None:
            assert self.stage.mirror.snapshot() == before
        again = Dispatcher(compile_policy(self.stage.text), slice_units=self.stage.units)
        again.apply_events(self.stage.log)
        assert again.snapshot() == before, "the events alone build another state"
        assert again.audit() == []


DispatcherMachine.TestCase.settings = settings(
    max_examples=EXAMPLES or 250,
    stateful_step_count=50,
    derandomize=not EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
TestDispatcher = DispatcherMachine.TestCase
