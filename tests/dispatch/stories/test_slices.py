"""What used to be done in one call however much there was: counted in work per call, never in time."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.slices import AGENTS, SLICE_UNITS
from tests.dispatch.stage import SECOND, Stage, every, only, policy_text, refusal
from tests.dispatch.stories.test_mass import MOST_EVENTS, Crowd, T

LIMITED: dict[str, Any] = {
    "channels": {"web": {"limit": 2}, "mail": {"interruptible": True}},
    "shops": {"flagship": {"limit": 1}},
}
WIDE: dict[str, Any] = {"channels": {"web": {}, "mail": {}}}


def counted(dispatcher: Dispatcher) -> int:
    """Agents whose work is counted by the policy's own limits; the rest is counted when somebody asks."""
    state = dispatcher._state
    return sum(seat.counted >= state.counted_since for seat in state.seats.values())


def test_a_policy_that_limits_for_the_first_time_counts_nobody_at_once() -> None:
    """Two thousand agents, then limits per channel and shop: the swap counts none of them, each slice only its share."""
    crowd = Crowd(0, policy_text(**WIDE), agents=2_000)
    dispatcher = crowd.dispatcher

    crowd.do(cm.ApplyPolicy(text=policy_text(**LIMITED)))

    assert counted(dispatcher) == 0
    steps = [0]
    crowd.finish(lambda: steps.append(counted(dispatcher)))
    assert steps[-1] == 2_000
    assert max(after - before for before, after in itertools.pairwise(steps)) <= SLICE_UNITS
    assert dispatcher.audit() == []


def test_limits_hold_from_the_swap_on_for_whoever_is_asked_about_before_the_turn() -> None:
    """Ann and Cid talk to two each on the web when the new limit of two comes: nobody is put beside them, by hand or by a consult."""
    stage = Stage(**WIDE, slice_units=2)
    stage.agent("ann", capacity=5)
    anns = [stage.connect("ann"), stage.connect("ann")]
    stage.state("ann", "paused")
    stage.agent("cid", capacity=5)
    cids = [stage.connect("cid"), stage.connect("cid")]
    stage.state("cid", "paused")
    stage.agent("bob", capacity=5)
    bobs = [stage.connect("bob")]
    mail = stage.connect("bob", channel="mail")
    stage.state("ann", "available")
    stage.shadow.check = lambda dispatcher: None  # type: ignore[method-assign]  # it would count them all
    stage.do(cm.ApplyPolicy(text=policy_text(channels={"web": {"limit": 2}, "mail": {"interruptible": True}})))
    assert counted(stage.dispatcher) == 0

    def taken(contact: int, agent: str) -> bool:
        """Asked of a restored dispatcher as well: it has counted everybody, and must say the same."""
        command = cm.TakeOverContact(tenant=T, contact=contact, agent=agent)
        restored = Dispatcher.restore(stage.dispatcher.snapshot())
        events = stage.dispatcher.handle(command, stage.now)
        assert msgspec.msgpack.encode(restored.handle(command, stage.now)) == msgspec.msgpack.encode(events)
        return not isinstance(events[-1], ev.CommandRejected)

    assert not taken(bobs[0], "cid"), "two on the web already"
    consult = cm.ConsultAgent(tenant=T, contact=bobs[0], agent="bob", to_agent="ann")
    assert refusal(stage.dispatcher.handle(consult, stage.now)) == "agent_busy"
    assert counted(stage.dispatcher) == 2, "who was asked about, and nobody else"
    assert taken(anns[0], "bob"), "one, and a mail beside"
    stage.finish()
    assert not taken(cids[0], "bob")
    assert stage.contact(mail).agent == "bob"
    assert stage.dispatcher.audit() == []


def test_an_epoch_that_begins_while_agents_get_their_new_lanes() -> None:
    """The engine fell over in the midst of a swap: when it goes on, those who had no new lanes yet get them after all."""
    crowd = Crowd(900, agents=600)
    for number in range(600):
        crowd.do(cm.SignOn(agent=f"a{number}"))
    crowd.do(cm.ApplyPolicy(text=policy_text(queues={"help": {"priority": 1}, "other": {}})))
    placed = 0
    while not placed:
        crowd.now += 1
        slices = every(crowd.dispatcher.expire(crowd.now), ev.RearrangementContinued)
        placed = max((one.cursor for one in slices if one.stage == AGENTS), default=0)
    assert placed < 600
    fallen = Dispatcher.restore(crowd.dispatcher.snapshot())

    started = crowd.do(cm.StartEngine(epoch=2, down_ms=1))
    assert msgspec.msgpack.encode(fallen.handle(cm.StartEngine(epoch=2, down_ms=1), crowd.now)) == (
        msgspec.msgpack.encode(started)
    )
    crowd.finish()

    assert crowd.dispatcher.audit() == []


BOTS: dict[str, Any] = {"queues": {"help": {"bot_pools": ["bot"], "sticky_ms": 0}}, "pools": {"onsite": {}, "bot": {}}}


def with_a_bot(contacts: int, text: str = "") -> Crowd:
    """One bot talks to so many, and twenty people are there."""
    crowd = Crowd(0, text or policy_text(**BOTS, bot_first=["help"]), agents=20)
    kind = cm.AgentKind.BOT
    bot = cm.AgentProfile(agent="robo", kind=kind, pools=("bot",), capacity=10_000, auto_accept=True)
    crowd.do(cm.DefineAgent(profile=bot))
    crowd.do(cm.SignOn(agent="robo"))
    for number in range(contacts):
        crowd.submit(number)
    for number in range(20):
        crowd.do(cm.SignOn(agent=f"a{number}"))
    crowd.calls = []
    return crowd


def test_a_bot_with_thousands_signs_off() -> None:
    """It is gone at once; its three thousand come to the people in slices, in order, clocks kept, and none is left with it."""
    crowd = with_a_bot(3_000)

    gone = crowd.do(cm.SignOff(agent="robo"))
    assert only(gone, ev.AgentStateChanged).after == "offline"
    assert only(gone, ev.BulkStarted).count == 3_000
    happened = crowd.finish()

    ended = only(happened, ev.BulkEnded)
    assert (ended.action, ended.done, ended.passed) == ("signed_off", 3_000, 0)
    assert [offer.contact for offer in every(happened, ev.OfferMade)] == list(range(1, 41))
    assert max(len(call) for call in crowd.calls) <= MOST_EVENTS
    assert not crowd.dispatcher.agents["robo"].contacts
    waiting = [contact for contact in crowd.dispatcher.contacts.values() if contact.state is ContactState.QUEUED]
    assert len(waiting) == 2_960
    assert {contact.stage for contact in waiting} == {"person"}
    assert crowd.dispatcher.audit() == []


def test_a_bot_that_is_back_before_all_are_handed_over_keeps_what_is_new() -> None:
    """Gone and back within the slices: the old ones still go, who comes or comes back since then stays, and who closes is passed."""
    crowd = with_a_bot(1_000)
    crowd.do(cm.SignOff(agent="robo"))
    crowd.now += 1
    crowd.calls.append(crowd.dispatcher.expire(crowd.now))
    crowd.now += 1
    crowd.do(cm.SignOn(agent="robo"))
    crowd.do(cm.CloseContact(tenant=T, contact=1_000))
    crowd.do(cm.AskPerson(tenant=T, contact=999))
    crowd.do(cm.AskBot(tenant=T, contact=999))
    crowd.submit(2_000)

    ended = only(crowd.finish(), ev.BulkEnded)

    assert (ended.done, ended.passed) == (998, 2)
    assert {999, 1_001} <= crowd.dispatcher.agents["robo"].contacts.keys()
    assert max(len(call) for call in crowd.calls) <= MOST_EVENTS
    assert crowd.dispatcher.audit() == []


def test_a_bot_whose_grace_is_over_leaves_thousands_and_a_snapshot_changes_nothing() -> None:
    """Lost and not back: requeued in slices, one restored dispatcher per slice gives the very same events."""
    crowd = with_a_bot(900)
    crowd.do(cm.LoseAgent(agent="robo"))
    due = crowd.dispatcher.next_deadline()
    assert due is not None
    crowd.now = due
    crowd.dispatcher.expire(due)
    assert crowd.dispatcher.agents["robo"].state == "offline"
    other, now, again = Dispatcher.restore(crowd.dispatcher.snapshot()), crowd.now, []
    plain = crowd.finish()

    while other.is_busy:
        now += 1
        again += other.expire(now)
        other = Dispatcher.restore(other.snapshot())

    assert msgspec.msgpack.encode(again) == msgspec.msgpack.encode(plain)
    assert len(every(plain, ev.ContactRequeued)) > 600
    assert max(len(call) for call in crowd.calls) <= MOST_EVENTS


def test_a_bulk_command_waits_for_a_bot_that_goes() -> None:
    """A thousand waiting are being moved when the bot with five hundred leaves: its own come first, and both are whole."""
    crowd = with_a_bot(
        500, policy_text(queues={**BOTS["queues"], "other": {}}, pools=BOTS["pools"], bot_first=["help"])
    )
    for number in range(1_000):
        crowd.submit(5_000 + number, "other")
    waiting = crowd.dispatcher.queue_length("other")
    crowd.do(cm.BulkCommand(tenant=T, queue="other", to_queue="help", expect_count=waiting))
    crowd.do(cm.SignOff(agent="robo"))

    ended = every(crowd.finish(), ev.BulkEnded)

    assert [one.action for one in ended] == ["signed_off", "move"]
    assert ended[0].done == 500
    assert max(len(call) for call in crowd.calls) <= MOST_EVENTS
    assert crowd.dispatcher.audit() == []


def test_a_lender_is_on_time_again_with_hundreds_idle() -> None:
    """Twelve hundred of the lender's sit idle while it is late, two thousand want to borrow: when it may lend, slice by slice."""
    lender: dict[str, Any] = {"owners": ["theirs"], "lend_kpi": {"share": 0.8, "within_ms": 20_000}}
    queues: dict[str, Any] = {"ours": {"pools": ["remote"], "offer_ms": 3_600_000}, "theirs": {"pools": ["remote"]}}
    crowd = Crowd(0, policy_text(queues=queues, pools={"onsite": {}, "remote": lender}))
    crowd.submit(0, "theirs")
    crowd.now += 30 * SECOND
    for number in range(1_200):
        profile = cm.AgentProfile(agent=f"r{number}", pools=("remote",), auto_accept=number == 0)
        crowd.do(cm.DefineAgent(profile=profile))
        crowd.do(cm.SignOn(agent=f"r{number}"))
    crowd.do(cm.AddMessage(tenant=T, contact=1, sender=cm.Sender.AGENT, agent="r0"))
    for number in range(2_000):
        crowd.submit(1 + number, "ours")
    assert not crowd.dispatcher.offers, "late: nothing is lent"
    crowd.calls = []

    happened: list[ev.Event] = []
    while not every(happened, ev.LenderMeasured):
        due = crowd.dispatcher.next_deadline()
        assert due is not None
        crowd.now = due
        crowd.calls.append(crowd.dispatcher.expire(due))
        happened += crowd.calls[-1]
    assert only(happened, ev.RearrangementStarted).why == "lender"
    happened += crowd.finish()

    offers = every(happened, ev.OfferMade)
    assert [offer.contact for offer in offers] == list(range(2, 1_201))
    assert {offer.trigger for offer in offers} == {"lender"}
    assert max(len(call) for call in crowd.calls) <= MOST_EVENTS
    assert max(len(every(call, ev.OfferMade)) for call in crowd.calls) <= SLICE_UNITS * 3 // 2
    assert crowd.dispatcher.audit() == []


def test_slices_of_one_unit_come_to_an_end() -> None:
    """The smallest slice there is: a swap with five waiting and two agents is over, and everybody has what is theirs."""
    stage = Stage(queues={"help": {"requirement": "service >= 5"}}, slice_units=1)
    for name in ("ann", "ben"):
        stage.agent(name, skills={"service": 3}, capacity=2)
    waiting = [stage.submit("help") for _ in range(5)]
    stage.do(cm.ApplyPolicy(text=policy_text(queues={"help": {"requirement": "service >= 3"}})))

    stage.finish()

    assert [bool(stage.offered(contact)) for contact in waiting] == [True] * 4 + [False]


def test_an_epoch_that_starts_in_the_midst_of_a_swap_leaves_no_look_of_its_first_stages_behind() -> None:
    """Crash during a swap: offers are taken back, so steps are to be judged; when their time has come the contacts have no
    place yet. The snapshot holds nothing that a restored dispatcher would not have."""
    steps = [{"after_ms": 3_000, "queue_length": 9, "raise_priority": 1}]
    text = policy_text(queues={"help": {"steps": steps}})
    stage = Stage(text, slice_units=2)
    stage.agent("ann", capacity=6)
    for _ in range(6):
        stage.submit("help")
    stage.do(cm.ApplyPolicy(text=text.replace("= 9", "= 8")))
    stage.do(cm.StartEngine(epoch=2))
    for _ in range(100):
        snapshot = stage.dispatcher.snapshot()
        assert Dispatcher.restore(snapshot).snapshot() == snapshot
        stage.expire()
        stage.lag(1_000)
        if not stage.dispatcher.is_busy:
            break
    else:
        raise AssertionError("the work does not end")
