"""What an agent has room for: shop limits, follow-ups that yield, wrap-up that costs less, work from other systems."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import SECOND, Stage, every, kinds, only

FOLLOW_UPS = {"web": {}, "mail": {"cost": 1, "interruptible": True}}


def test_a_follow_up_never_keeps_a_live_contact_waiting() -> None:
    """One agent of one unit writes a follow-up (interruptible); a live chat is offered to her beside it at once."""
    stage = Stage(channels=FOLLOW_UPS)
    stage.agent("ann")
    follow_up = stage.connect("ann", channel="mail")

    live = stage.submit()

    assert stage.offered(live) == "ann"
    assert stage.contact(follow_up).state == "connected"
    stage.accept("ann")
    assert stage.dispatcher.agents["ann"].load == 2


def test_a_follow_up_waits_for_live_work_and_for_other_follow_ups() -> None:
    """A live chat fills ann; the follow-up waits until it ends, and a second follow-up waits for the first."""
    stage = Stage(channels=FOLLOW_UPS)
    stage.agent("ann")
    live = stage.connect("ann")
    first, second = stage.submit(channel="mail"), stage.submit(channel="mail")
    assert (stage.offered(first), stage.offered(second)) == ("", "")
    reasons = stage.dispatcher.explain(first, "ann").verdict
    assert reasons is not None
    assert [reason.code for reason in reasons.reasons] == ["capacity"]

    stage.close(live, "ann")

    assert stage.offered(first) == "ann"
    stage.accept("ann")
    assert stage.offered(second) == ""
    stage.close(first, "ann")
    assert stage.offered(second) == "ann"


def test_live_contacts_among_themselves_never_exceed_capacity() -> None:
    """Capacity 2, two follow-ups and three chats: two chats are offered beside them, the third waits."""
    stage = Stage(channels=FOLLOW_UPS)
    stage.agent("ann", capacity=2)
    for _ in range(2):
        stage.connect("ann", channel="mail")

    chats = [stage.submit() for _ in range(3)]

    assert [stage.offered(chat) for chat in chats] == ["ann", "ann", ""]


def test_a_shop_has_two_contacts_per_agent_at_most() -> None:
    """limit = 2 for the flagship, capacity 4: its third contact waits while the outlet's goes in, and follows the first's end."""
    stage = Stage(shops={"flagship": {"limit": 2}})
    stage.agent("ann", capacity=4)
    first = stage.connect("ann")
    stage.connect("ann")
    third = stage.submit()
    assert stage.offered(third) == ""
    reasons = stage.dispatcher.explain(third, "ann").verdict
    assert reasons is not None
    assert [(reason.code, reason.got) for reason in reasons.reasons] == [("shop_limit", "2")]

    outlet = stage.submit(shop="outlet")
    assert stage.offered(outlet) == "ann"
    stage.close(first, "ann")

    assert stage.offered(third) == "ann"


def test_wrap_up_that_costs_less_makes_room_in_the_same_step() -> None:
    """A call costs 2 units and its wrap-up 1 (wrap_up_ms 10 s): a chat that waited has the freed unit with the close."""
    stage = Stage(
        channels={"phone": {"cost": 2, "messages": False, "wrap_up_cost": 1}, "web": {}},
        queues={"help": {"wrap_up_ms": 10_000}},
    )
    stage.agent("ann", capacity=2)
    call = stage.connect("ann", channel="phone")
    chat = stage.submit()
    assert stage.offered(chat) == ""

    events = stage.close(call, "ann")

    assert kinds(events) == ["ContactClosed", "WrapUpStarted", "OfferMade"]
    assert only(events, ev.WrapUpStarted).cost == 1
    assert stage.offered(chat) == "ann"
    stage.wait(10 * SECOND)
    assert stage.dispatcher.agents["ann"].load == 1


def test_two_hundred_outside_chats_are_pushed_by_another_system() -> None:
    """40 agents of 5 units; another system pushes 200 chats to 30 of them: they get nothing new, what they serve stays, and our own
    load never exceeds capacity; taken away again, they are offered what waits."""
    stage = Stage(queues={"help": {"offer_ms": 600_000}})
    names = [stage.agent(f"a{number:02}", capacity=5) for number in range(40)]
    served = {}
    for name in names:
        stage.wait(1)
        served[name] = stage.connect(name)
    pushed = {name: 7 if number < 20 else 6 for number, name in enumerate(names[:30])}
    assert sum(pushed.values()) == 200
    for name, units in pushed.items():
        stage.do(cm.SetExternalLoad(agent=name, source="other", units=units))

    contacts = [stage.submit() for _ in range(60)]

    offers = every(stage.log, ev.OfferMade)[len(served) :]
    assert {offer.agent for offer in offers} == set(names[30:])
    assert len(offers) == 40
    agents = stage.dispatcher.agents
    assert all(agent.load <= agent.capacity for agent in agents.values())
    assert all(stage.contact(number).state == "connected" for number in served.values())
    waiting = [number for number in contacts if not stage.offered(number)]
    assert len(waiting) == 20
    assert stage.dispatcher.explain(waiting[0]).nobody == {"capacity": 40}

    for name in pushed:
        stage.do(cm.SetExternalLoad(agent=name, source="other", units=0))

    assert not [number for number in contacts if not stage.offered(number)]
    assert all(agent.load <= agent.capacity for agent in agents.values())
