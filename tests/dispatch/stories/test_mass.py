"""Mass effects: done in slices, counted in units of work, and whole for each contact."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import msgspec

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.slices import CONTACTS, SLICE_UNITS
from tests.dispatch.stage import DAWN, SECOND, Stage, every, only, policy_text, refusal

T = "acme"
# Events of one call, mass effects included: two or three per unit of work, whatever there is to do.
MOST_EVENTS = 3 * SLICE_UNITS


class Crowd:
    """A bare dispatcher with many waiting, and what its calls gave; nobody is judged, so that thousands may come."""

    def __init__(self, waiting: int, text: str = "", agents: int = 0) -> None:
        self.dispatcher = Dispatcher(compile_policy(text or policy_text(queues={"help": {}, "other": {}})))
        self.now = DAWN
        self.calls: list[list[ev.Event]] = []
        for number in range(waiting):
            self.submit(number)
        for number in range(agents):
            profile = cm.AgentProfile(agent=f"a{number}", capacity=2)
            self.dispatcher.handle(cm.DefineAgent(profile=profile), self.now)

    def submit(self, number: int, to: str = "help") -> None:
        attributes: cm.Attributes = {"to": to}
        self.dispatcher.handle(
            cm.SubmitContact(tenant=T, channel="web", attributes=attributes, customer=str(number)), self.now
        )

    def do(self, command: cm.Command) -> list[ev.Event]:
        self.calls.append(self.dispatcher.handle(command, self.now))
        return self.calls[-1]

    def finish(self, between: Callable[[], None] | None = None) -> list[ev.Event]:
        """Slice after slice, a millisecond each; ``between`` two of them something else may be asked."""
        happened: list[ev.Event] = []
        while self.dispatcher.is_busy:
            self.now += 1
            self.calls.append(self.dispatcher.expire(self.now))
            happened += self.calls[-1]
            if between is not None:
                between()
        return happened


def test_twenty_thousand_contacts_moved_by_one_command() -> None:
    """Previewed, confirmed by its count, moved in slices: no call does more than its share, and nobody is half moved."""
    crowd = Crowd(20_000)
    command = cm.BulkCommand(tenant=T, queue="help", to_queue="other", reason="outage", preview=True)
    crowd.do(command)
    assert crowd.dispatcher.count_matching(command) == 20_000
    assert refusal(crowd.do(msgspec.structs.replace(command, preview=False, expect_count=19_999))) == "count_changed"

    started = crowd.do(msgspec.structs.replace(command, preview=False, expect_count=20_000))
    assert only(started, ev.BulkStarted).count == 20_000
    halves = []

    def look() -> None:
        helped, other = crowd.dispatcher.queue_length("help"), crowd.dispatcher.queue_length("other")
        halves.append(helped)
        assert helped + other == 20_000

    ended = only(crowd.finish(look), ev.BulkEnded)

    assert (ended.done, ended.passed) == (20_000, 0)
    assert crowd.dispatcher.queue_length("other") == 20_000
    assert max(len(call) for call in crowd.calls) <= MOST_EVENTS
    assert len(halves) > 100
    assert crowd.dispatcher.audit() == []


def test_who_leaves_before_the_turn_is_passed_and_who_comes_later_is_not_meant() -> None:
    """Three hundred are moved; between two slices one gives up and a new one comes: 299 are done, one passed."""
    crowd = Crowd(300)
    crowd.do(cm.BulkCommand(tenant=T, queue="help", to_queue="other", expect_count=300))
    crowd.do(cm.AbandonContact(tenant=T, contact=300))
    crowd.submit(301)

    ended = only(crowd.finish(), ev.BulkEnded)

    assert (ended.done, ended.passed) == (299, 1)
    assert crowd.dispatcher.queue_length("help") == 1


def test_a_policy_swap_with_thousands_waiting_under_load() -> None:
    """Four thousand wait, agents free up and customers come between the slices: clocks are kept, nobody passes anybody."""
    crowd = Crowd(4_000, agents=40)
    waited = {number: contact.start for number, contact in crowd.dispatcher.contacts.items()}
    queues = {"new": {}, "other": {}}
    entry = [{"name": "renamed", "when": {"to": ["help"]}, "queue": "new"}]
    text = policy_text(queues=queues, entry=entry)
    assert only(crowd.do(cm.ApplyPolicy(text=text)), ev.PolicyApplied).sliced
    arrivals = iter(range(40))

    def load() -> None:
        number = next(arrivals, None)
        if number is not None:
            crowd.calls.append(crowd.dispatcher.handle(cm.SignOn(agent=f"a{number}"), crowd.now))
            crowd.submit(5_000 + number)

    happened = crowd.finish(load)

    offers = [event for call in crowd.calls for event in call if isinstance(event, ev.OfferMade)]
    assert sorted(offer.contact for offer in offers) == list(range(1, len(offers) + 1)), "the longest waiting first"
    signed_on = sum(agent.state == "available" for agent in crowd.dispatcher.agents.values())
    assert len(offers) == 2 * signed_on >= 30
    placed = [event.cursor for event in every(happened, ev.RearrangementContinued) if event.stage == CONTACTS]
    steps = [after - before for before, after in itertools.pairwise([0, *placed])]
    assert max(steps) <= SLICE_UNITS, "so many contacts a call, and no more"
    assert all(crowd.dispatcher.contacts[number].start == start for number, start in waited.items())
    assert {contact.queue for contact in crowd.dispatcher.contacts.values()} == {"new"}
    assert only(happened, ev.RearrangementEnded).why == "policy"
    assert max(len(call) for call in crowd.calls) <= MOST_EVENTS
    assert crowd.dispatcher.audit() == []


def test_nobody_is_offered_anything_while_the_swap_runs_and_all_else_goes_on() -> None:
    """Ann accepts, talks and closes while the new policy is taken in; her next contact comes when it is done."""
    stage = Stage(queues={"help": {}}, slice_units=3)
    stage.agent("ann")
    first, second = stage.submit(), stage.submit()
    stage.submit()
    stage.do(cm.ApplyPolicy(text=policy_text(queues={"help": {"priority": 1}})))
    assert stage.dispatcher.is_busy

    stage.accept("ann")
    stage.say(first, "agent", "ann")
    stage.close(first, "ann")
    assert stage.offered(second) == ""
    stage.finish()

    assert stage.offered(second) == "ann"


def test_a_gateway_with_forty_agents_is_lost_in_one_instant() -> None:
    """Forty agents with two contacts each vanish and do not come back: all are served again, longest waiting first."""
    stage = Stage(domain={"grace_ms": 5_000})
    stage.shadow.check = lambda dispatcher: None  # type: ignore[method-assign]
    for number in range(40):
        stage.agent(f"a{number}", capacity=2)
    contacts = [stage.submit() for _ in range(80)]
    for number in range(40):
        stage.accept_all(f"a{number}")
    for number in range(40):
        stage.do(cm.LoseAgent(agent=f"a{number}"))

    gone = stage.wait(5 * SECOND)
    del stage.shadow.check

    assert len(every(gone, ev.ContactRequeued)) == 80
    assert {stage.contact(number).state for number in contacts} == {"queued"}
    stage.agent("new", capacity=3)
    assert stage.offers_to("new") == contacts[:3]


def test_five_hundred_agents_run_out_of_grace_at_once() -> None:
    """One call does what it may, says that more is due, and the next goes on at the same instant."""
    crowd = Crowd(0, policy_text(domain={"grace_ms": 5_000}), agents=500)
    for number in range(500):
        crowd.do(cm.SignOn(agent=f"a{number}"))
    for number in range(1_000):
        crowd.submit(number)
    for offer in list(crowd.dispatcher.offers.values()):
        crowd.do(cm.AcceptOffer(agent=offer.agent, offer=offer.offer))
    for number in range(500):
        crowd.do(cm.LoseAgent(agent=f"a{number}"))
    due = crowd.dispatcher.next_deadline()
    assert due is not None
    crowd.calls = []
    assert crowd.dispatcher.is_behind(due)
    while crowd.dispatcher.next_deadline() == due:
        crowd.calls.append(crowd.dispatcher.expire(due))

    assert sum(len(every(call, ev.ContactRequeued)) for call in crowd.calls) == 1_000
    assert max(len(call) for call in crowd.calls) <= MOST_EVENTS
    assert len(crowd.calls) > 1


def test_an_epoch_begins_with_thousands_of_offers_open() -> None:
    """Two thousand offers of the last epoch are taken back in slices, and none of them expires meanwhile."""
    crowd = Crowd(0, agents=1_000)
    for number in range(1_000):
        crowd.do(cm.SignOn(agent=f"a{number}"))
    for number in range(2_000):
        crowd.submit(number)
    crowd.now += 3_600 * SECOND

    assert only(crowd.do(cm.StartEngine(epoch=2, down_ms=3_600_000)), ev.EngineStarted).sliced
    happened = crowd.finish()

    assert len(every(happened, ev.OfferRescinded)) == 2_000
    assert every(happened, ev.OfferExpired) == []
    assert len(every(happened, ev.AgentLost)) == 1_000
    assert max(len(call) for call in crowd.calls) <= MOST_EVENTS
    assert crowd.dispatcher.audit() == []


def test_a_bot_comes_for_whom_thousands_wait() -> None:
    """Room for ten thousand, three thousand waiting: offered in slices, in order, and a newcomer has its turn behind them."""
    text = policy_text(queues={"help": {"bot_pools": ["bot"]}}, pools={"onsite": {}, "bot": {}}, bot_first=["help"])
    crowd = Crowd(0, text)
    bot = cm.AgentProfile(agent="robo", kind=cm.AgentKind.BOT, pools=("bot",), capacity=10_000)
    crowd.do(cm.DefineAgent(profile=bot))
    crowd.do(cm.SignOn(agent="robo", state="paused"))
    for number in range(3_000):
        crowd.submit(number)
    crowd.do(cm.SetAgentState(agent="robo", state="available"))
    crowd.submit(9_999)
    crowd.finish()

    offers = [event.contact for call in crowd.calls for event in call if isinstance(event, ev.OfferMade)]
    assert offers == list(range(1, 3_002))
    assert max(len(call) for call in crowd.calls) <= MOST_EVENTS


def test_two_hundred_outside_chats_are_pushed_to_agents_by_another_system() -> None:
    """Ten agents of ten units get twenty chats each from elsewhere: no new offers for the full, and none of ours too many."""
    stage = Stage()
    for number in range(10):
        stage.agent(f"a{number}", capacity=10)
    ours = [stage.submit() for _ in range(10)]
    for number in range(10):
        stage.accept_all(f"a{number}")
    for number in range(10):
        stage.do(cm.SetExternalLoad(agent=f"a{number}", source="old desk", units=20))

    late = stage.submit()

    assert stage.offered(late) == ""
    assert {stage.contact(number).state for number in ours} == {"connected"}
    for agent in stage.dispatcher.agents.values():
        assert agent.load <= agent.capacity, "our own over-capacity stays 0"
    stage.do(cm.SetExternalLoad(agent="a3", source="old desk", units=0))
    assert stage.offered(late) == "a3"


def test_a_snapshot_between_two_slices_changes_nothing() -> None:
    """Restored in the midst of a swap and of a bulk command, the domain goes on with the very same slices."""
    crowd = Crowd(900, agents=5)
    crowd.do(cm.BulkCommand(tenant=T, queue="help", to_queue="other", expect_count=900))
    crowd.do(cm.ApplyPolicy(text=policy_text(queues={"other": {}})))
    other = Dispatcher.restore(crowd.dispatcher.snapshot())
    plain = crowd.finish()
    now, again = DAWN, []
    while other.is_busy:
        now += 1
        again += other.expire(now)
        other = Dispatcher.restore(other.snapshot())

    assert msgspec.msgpack.encode(again) == msgspec.msgpack.encode(plain)
    assert other.snapshot() == crowd.dispatcher.snapshot()


def test_whom_an_agent_has_just_accepted_no_bulk_command_means() -> None:
    """One is held, one is offered, one waits: everybody is prioritised, and that is two, with a filter and without."""
    stage = Stage()
    stage.agent("ann", capacity=2)
    held, offered, queued = (stage.submit() for _ in range(3))
    stage.do(cm.AcceptOffer(agent="ann", offer=stage.contact(held).offer, hold=True))

    for priority, shop in ((3, ""), (4, "flagship")):
        everybody = cm.BulkCommand(action="prioritise", priority=priority, everything=True, shop=shop, expect_count=2)
        happened = stage.do(everybody)

        assert only(happened, ev.BulkStarted).count == 2
        priorities = [stage.contact(one).priority for one in (held, offered, queued)]
        assert priorities == [0, priority, priority]
