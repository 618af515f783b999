"""Where two rules meet: small stories that a dispatcher forgets most easily."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from tests.dispatch.stage import SECOND, Stage, every, kinds, only, policy_text

BOTS: dict[str, Any] = {"onsite": {}, "bot": {}}


def test_finishing_with_one_offer_open_and_the_customer_leaves() -> None:
    """Ann finishes her shift with an offer open; the customer hangs up: nothing is left, so she is offline."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.submit()
    stage.state("ann", "finishing")
    assert stage.dispatcher.agents["ann"].state == "finishing"

    stage.abandon(contact)

    assert stage.dispatcher.agents["ann"].state == "offline"


def test_finishing_with_one_offer_open_and_the_contact_is_moved() -> None:
    """The same, but a supervisor moves the contact away."""
    stage = Stage(queues={"help": {}, "refund": {}})
    stage.agent("ann")
    contact = stage.submit("help")
    stage.state("ann", "finishing")

    stage.do(cm.MoveContact(tenant="acme", contact=contact, queue="refund"))

    assert stage.dispatcher.agents["ann"].state == "offline"


def test_a_finishing_bot_hands_off_its_last_contact() -> None:
    """A bot being drained hands its last contact to people: it is empty and goes offline."""
    stage = Stage(queues={"help": {"bot_pools": ["bot"]}}, pools=BOTS, bot_first=["help"])
    stage.bot()
    contact = stage.submit()
    stage.state("robo", "finishing")

    stage.do(cm.AskPerson(tenant="acme", contact=contact))

    assert stage.dispatcher.agents["robo"].state == "offline"


def test_a_short_break_of_the_line_does_not_make_a_rona_last_for_ever() -> None:
    """Ann is not ready for a minute after a RONA; her line drops for a second: she still returns by herself."""
    stage = Stage(queues={"help": {"rona": "not_ready", "rona_return_ms": 60_000}})
    stage.agent("ann")
    stage.submit()
    stage.wait(20 * SECOND)
    assert stage.dispatcher.agents["ann"].state == "not_ready"
    stage.do(cm.LoseAgent(agent="ann"))
    stage.wait(SECOND)
    stage.do(cm.ReturnAgent(agent="ann"))

    stage.wait(60 * SECOND)

    assert stage.dispatcher.agents["ann"].state == "available"


def test_a_short_break_of_the_line_keeps_the_deadline_of_finishing() -> None:
    """Ann's shift ends in ten minutes with a contact in hand; her line drops: she is still sent home at the deadline."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.state("ann", "finishing", until=stage.now + 600 * SECOND)
    stage.do(cm.LoseAgent(agent="ann"))
    stage.wait(SECOND)
    stage.do(cm.ReturnAgent(agent="ann"))
    assert stage.dispatcher.agents["ann"].state == "finishing"

    stage.wait(600 * SECOND)

    assert stage.dispatcher.agents["ann"].state == "offline"
    assert stage.contact(contact).state == "queued"


def test_a_capacity_for_good_survives_a_missed_offer() -> None:
    """A supervisor gave Ann 5 units for good; a RONA takes one for a minute: then she has 5 again, not her profile's 2."""
    stage = Stage(queues={"help": {"rona": "lower_capacity", "rona_return_ms": 60_000}})
    stage.agent("ann", capacity=2)
    stage.do(cm.SetCapacity(agent="ann", capacity=5))
    contact = stage.submit()
    stage.wait(20 * SECOND)
    assert stage.dispatcher.agents["ann"].capacity == 4
    stage.abandon(contact)

    stage.wait(60 * SECOND)

    assert stage.dispatcher.agents["ann"].capacity == 5


def test_a_person_is_asked_for_while_a_bot_is_being_offered() -> None:
    """A bot that must accept has an offer open and another contact waits for it: the bot is free, so that one is offered."""
    stage = Stage(queues={"help": {"bot_pools": ["bot"]}}, pools=BOTS, bot_first=["help"])
    stage.agent("slow_bot", "bot", kind=cm.AgentKind.BOT)
    offered, waiting = stage.submit(), stage.submit()
    assert stage.offered(offered) == "slow_bot"

    stage.do(cm.AskPerson(tenant="acme", contact=offered))

    assert stage.offered(waiting) == "slow_bot"


def test_unpaid_becomes_paid_while_waiting_for_a_bot() -> None:
    """The contact waits for a full bot; the update sends it to a queue that has no bot: it waits for a person there."""
    stage = Stage(
        queues={"help": {"bot_pools": ["bot"]}, "paid": {}}, pools=BOTS, bot_first=["help"],
        entry=[{"name": "paid", "when": {"order": ["paid"]}, "queue": "paid"}],
    )  # fmt: skip
    stage.bot(capacity=1)
    stage.submit("help")
    contact = stage.submit("help")

    stage.do(cm.UpdateContact(tenant="acme", contact=contact, attributes={"order": "paid"}))

    assert (stage.contact(contact).queue, stage.contact(contact).stage) == ("paid", "person")
    stage.agent("ann")
    assert stage.offered(contact) == "ann"


def test_the_new_policy_has_no_bots_any_more() -> None:
    """A contact waits for a full bot when the bots are taken out of the policy: it waits for a person."""
    stage = Stage(queues={"help": {"bot_pools": ["bot"]}}, pools=BOTS, bot_first=["help"])
    stage.bot(capacity=1)
    stage.submit()
    contact = stage.submit()

    stage.do(cm.ApplyPolicy(text=policy_text(queues={"help": {}}, pools=BOTS)))

    stage.agent("ann")
    assert stage.offered(contact) == "ann"


def test_the_only_other_agent_loses_the_skill() -> None:
    """Ann declined, Ben is busy and could serve; his profile loses the skill: Ann is asked again, as nobody else can."""
    stage = Stage(queues={"help": {"requirement": "vip >= 1", "decliner_memory_ms": 3_600_000}})
    stage.agent("ann", skills={"vip": 1})
    contact = stage.submit()
    stage.agent("ben", skills={"vip": 1}, on=False)
    stage.do(cm.SetExternalLoad(agent="ben", source="phone", units=1))
    stage.do(cm.SignOn(agent="ben"))
    stage.decline("ann")
    assert stage.offered(contact) == ""

    stage.do(cm.DefineAgent(profile=cm.AgentProfile(agent="ben")))

    assert stage.offered(contact) == "ann"


def test_the_last_eligible_agent_loses_the_skill_and_the_step_opens() -> None:
    """Ben is busy and the only one who could; his profile changes: nobody eligible is logged in, so the next step opens."""
    steps = [{"name": "far", "when_nobody": True, "after_ms": 3_600_000, "add_pools": ["far"], "relax": ["vip"]}]
    stage = Stage(queues={"help": {"requirement": "vip >= 1", "steps": steps}}, pools={"onsite": {}, "far": {}})
    stage.agent("ben", skills={"vip": 1})
    stage.connect("ben")
    stage.agent("far_away", "far")
    contact = stage.submit()
    assert stage.offered(contact) == ""

    stage.do(cm.DefineAgent(profile=cm.AgentProfile(agent="ben")))

    assert stage.offered(contact) == "far_away"


def test_an_until_means_something_or_is_refused() -> None:
    """Available until five: either refused, or there is nothing armed that does nothing."""
    stage = Stage()
    stage.agent("ann")
    stage.state("ann", "paused")

    events = stage.state("ann", "available", until=stage.now + 60 * SECOND)
    stage.wait(61 * SECOND)

    assert stage.dispatcher.next_deadline() is None
    assert stage.dispatcher.audit() == []
    assert kinds(events) in (["CommandRejected"], [], ["AgentStateChanged"])


def test_a_pause_with_an_end() -> None:
    """Paused until a given instant: it is refused, or she is back then and takes contacts."""
    stage = Stage()
    stage.agent("ann")
    paused = stage.state("ann", "paused", until=stage.now + 60 * SECOND)
    stage.wait(60 * SECOND)

    if kinds(paused) != ["CommandRejected"]:
        assert stage.dispatcher.agents["ann"].state == "available"
    assert stage.dispatcher.next_deadline() is None


def test_a_question_already_answered_is_not_asked_again_by_a_transfer() -> None:
    """Ann answered and passes the contact on: no reply clock runs until the customer writes again."""
    stage = Stage(queues={"help": {}, "refund": {}})
    stage.agent("ann")
    contact = stage.connect("ann", "help")
    stage.say(contact, "agent", "ann")
    stage.state("ann", "paused")

    stage.transfer(contact, "ann", to_queue="refund")

    assert not stage.contact(contact).replying
    stage.say(contact, "customer")
    assert stage.contact(contact).replying


def test_two_contacts_of_one_customer_and_a_snapshot_between() -> None:
    """Several per customer: the newer one closes, the older one is left and comes back, with and without a restart."""
    answers = []
    for restart in (False, True):
        stage = Stage(domain={"several_per_customer": True})
        first, second = stage.submit(customer="eve"), stage.submit(customer="eve")
        stage.close(second)
        if restart:
            stage.dispatcher = Dispatcher.restore(stage.dispatcher.snapshot())
        stage.abandon(first)
        events = stage.do(
            cm.SubmitContact(tenant="acme", channel="web", shop="flagship", customer="eve", external_id="e9")
        )
        answers.append(kinds(events))

    assert answers[0] == answers[1]
    assert answers[0][0] == "ContactResumed"


def test_an_agent_is_removed_and_defined_anew_while_her_contact_prefers_her() -> None:
    """Ann is lost, her contact waits with a preference for her; she is removed, hired again and signs on: it is hers."""
    stage = Stage(domain={"grace_ms": 1_000}, queues={"help": {"sticky_ms": 600_000}})
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.do(cm.LoseAgent(agent="ann"))
    stage.wait(SECOND)
    assert stage.contact(contact).prefer == "ann"
    stage.do(cm.RemoveAgent(agent="ann"))

    stage.agent("ann")

    assert stage.offered(contact) == "ann"


def test_a_decliner_is_removed_and_comes_back() -> None:
    """Ann declined, left the company and came back within the hour: remembered or forgotten, but the books agree."""
    stage = Stage(queues={"help": {"decliner_memory_ms": 3_600_000}})
    stage.agent("ann")
    contact = stage.submit()
    stage.agent("ben", capacity=1)
    stage.connect("ben")
    stage.decline("ann")
    stage.do(cm.SignOff(agent="ann"))
    stage.do(cm.RemoveAgent(agent="ann"))
    stage.agent("ann")

    stage.wait(3_600 * SECOND)

    assert stage.contact(contact).state in ("offered", "queued")


def test_five_thousand_different_wishes() -> None:
    """More different requirements than are kept in the index: everyone whose wish can be met is served all the same."""
    stage = Stage()
    stage.shadow.check = lambda dispatcher: None  # type: ignore[method-assign]
    waiting = [stage.submit(requires=f"skill{n} >= 5", opening=False) for n in range(5_000)]
    for n in (0, 2_500, 4_999):
        stage.agent(f"agent{n}", skills={f"skill{n}": 5})
    assert [stage.offered(waiting[n]) for n in (0, 2_500, 4_999)] == ["agent0", "agent2500", "agent4999"]
    for number in waiting:
        stage.close(number)
    stage.agent("all", skills={f"skill{n}": 9 for n in range(6_000)}, capacity=3)

    assert stage.offered(stage.submit(requires="skill5500 >= 5")) == "all"
    assert stage.dispatcher.audit() == []


def test_the_day_may_start_at_stamp_0() -> None:
    """Case time begins at 0: clocks that start there run all the same."""
    stage = Stage(now=0)
    stage.agent("ann")
    contact = stage.connect("ann")

    warned = every(stage.wait(100 * SECOND), ev.ReplyWarned)

    assert [event.contact for event in warned] == [contact]
    stopped = only(stage.say(contact, "agent", "ann"), ev.ReplyStopped)
    assert stopped.took_ms == 100 * SECOND


def test_a_failed_hold_passes_nobody() -> None:
    """Ann's line to a plain contact fails while a vip waits for her: she gets the vip, not the same one again."""
    stage = Stage(queues={"help": {}, "vip": {"priority": 9}})
    stage.agent("ann")
    plain = stage.submit("help")
    stage.accept("ann", hold=True)
    vip = stage.submit("vip")

    stage.do(cm.FailAccept(agent="ann", offer=stage.offer_to("ann")))

    assert stage.offered(vip) == "ann"
    assert stage.contact(plain).state == "queued"


def test_a_decline_without_memory_passes_nobody() -> None:
    """Decliner memory 0: Ann declines a plain contact while a vip waits; she gets the vip."""
    stage = Stage(queues={"help": {"decliner_memory_ms": 0}, "vip": {"priority": 9}})
    stage.agent("ann")
    plain = stage.submit("help")
    vip = stage.submit("vip")

    stage.decline("ann")

    assert stage.offered(vip) == "ann"
    assert stage.contact(plain).state == "queued"


def test_a_transfer_into_ones_own_other_queue_passes_nobody() -> None:
    """Ann passes her contact to a queue that she serves too; somebody there has waited longer and comes first."""
    stage = Stage(queues={"help": {}, "refund": {"decliner_memory_ms": 0}})
    stage.agent("ann")
    contact = stage.connect("ann", "help")
    stage.wait(10 * SECOND)
    older = stage.submit("refund")
    stage.wait(SECOND)

    stage.transfer(contact, "ann", to_queue="refund")

    assert stage.offered(older) == "ann"


def test_two_open_offers_of_a_lost_agent_and_one_free_slot() -> None:
    """Ann, with offers of a plain contact and then of a vip, is lost; Ben has one unit: the vip is his."""
    stage = Stage(queues={"help": {}, "vip": {"priority": 9}})
    stage.agent("ann", capacity=2)
    plain, vip = stage.submit("help"), stage.submit("vip")
    stage.agent("ben")

    stage.do(cm.LoseAgent(agent="ann"))

    assert stage.offered(vip) == "ben"
    assert stage.contact(plain).state == "queued"


def test_three_contacts_of_a_leaving_agent_and_one_free_slot() -> None:
    """Ann signs off with three contacts in hand; Ben has one unit: who has waited longest of all is his."""
    stage = Stage()
    stage.agent("ann", capacity=3)
    stage.state("ann", "paused")
    first = stage.submit()
    stage.wait(SECOND)
    second = stage.submit()
    stage.do(cm.PrioritiseContact(tenant="acme", contact=second, priority=5))
    stage.state("ann", "available")
    stage.accept_all("ann")
    stage.agent("ben")

    stage.do(cm.SignOff(agent="ann"))

    assert stage.offered(second) == "ben"
    assert stage.contact(first).state == "queued"


def test_a_restart_opens_the_step_that_says_nobody() -> None:
    """Ann is being offered a contact whose wish changes to what nobody can do; the engine restarts: the next step opens."""
    steps = [{"name": "any", "when_nobody": True, "after_ms": 3_600_000, "relax": ["y"]}]
    stage = Stage(
        queues={"help": {"steps": steps}},
        entry=[{"name": "wish", "when": {"wish": ["y"]}, "queue": "help", "requirement": "y >= 1"}],
    )
    stage.agent("ann")
    contact = stage.submit("help")
    stage.do(cm.UpdateContact(tenant="acme", contact=contact, attributes={"wish": "y"}))
    assert stage.offered(contact) == "ann"

    stage.do(cm.StartEngine(epoch=2, down_ms=0))
    assert stage.contact(contact).step == 1
    stage.do(cm.ReturnAgent(agent="ann"))

    assert stage.offered(contact) == "ann"


def test_two_contacts_come_loose_and_their_pools_rank_them_differently() -> None:
    """Dan is lost with two offers; Ann of pool onsite has one unit, and onsite lists queue b first: she gets b's contact."""
    stage = Stage(
        queues={"a": {"pools": ["other", "onsite"]}, "b": {"pools": ["onsite"]}},
        pools={"onsite": {"listed": ["b"]}, "other": {}},
    )
    stage.agent("dan", "other", "onsite", capacity=2)
    first = stage.submit("a")
    stage.wait(SECOND)
    second = stage.submit("b")
    stage.agent("ann")

    stage.do(cm.LoseAgent(agent="dan"))

    assert stage.offered(second) == "ann"
    assert stage.contact(first).state == "queued"


def test_a_new_policy_and_one_free_agent() -> None:
    """Two contacts want what nobody can do; the new policy asks for nothing: the free agent gets whom her pool lists first."""
    queues = {"a": {"pools": ["other", "onsite"]}, "b": {"pools": ["onsite"]}}
    pools = {"onsite": {"listed": ["b"]}, "other": {}}
    hard = {name: {**table, "requirement": "magic >= 10"} for name, table in queues.items()}
    stage = Stage(queues=hard, pools=pools)
    stage.agent("ann")
    first = stage.submit("a")
    stage.wait(SECOND)
    second = stage.submit("b")

    stage.do(cm.ApplyPolicy(text=policy_text(queues=queues, pools=pools)))

    assert stage.offered(second) == "ann"
    assert stage.contact(first).state == "queued"


def test_a_removed_queue_and_one_free_agent() -> None:
    """Two wait in a queue that the new policy no longer has; its rules make the younger one urgent: that one is served."""
    queues = {"help": {}, "old": {"requirement": "magic >= 10"}}
    stage = Stage(queues=queues)
    stage.agent("ann")
    plain = stage.submit("old")
    urgent = stage.submit("old", attributes={"tier": "vip"})
    rules = [{"name": "vip", "when": {"tier": ["vip"]}, "queue": "help", "priority": 9}]

    stage.do(cm.ApplyPolicy(text=policy_text(queues={"help": {}}, entry=rules)))

    assert stage.offered(urgent) == "ann"
    assert stage.contact(plain).state == "queued"


@pytest.mark.parametrize("ready", [False, True], ids=["ben answers", "ben accepts by himself"])
def test_an_offer_expires_and_who_waited_for_that_agent_alone_looks_elsewhere_too(ready: bool) -> None:
    """Ann's offer expires, and Cid's contact, which waited for her alone, is let go: who waited longer has Ben, and once."""
    stage = Stage(queues={"help": {"transfer_prefer_ms": 60_000, "rona": "not_ready"}})
    stage.agent("cid")
    meant_for_ann = stage.connect("cid")
    stage.wait(SECOND)
    stage.agent("ann")
    stage.state("cid", "paused")
    ringing = stage.submit()
    stage.wait(SECOND)
    stage.transfer(meant_for_ann, "cid", to_agent="ann")
    stage.agent("ben", auto_accept=ready)
    assert (stage.offered(ringing), stage.contact(meant_for_ann).prefer) == ("ann", "ann")

    happened = stage.wait(20 * SECOND)

    assert only(happened, ev.OfferExpired).contact == ringing
    assert [(made.contact, made.agent) for made in every(happened, ev.OfferMade)] == [(ringing, "ben")]
    assert stage.contact(meant_for_ann).state == "queued"
    assert stage.contact(meant_for_ann).prefer == ""
