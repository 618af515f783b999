"""A policy is swapped while contacts wait: whole or not at all."""

from __future__ import annotations

from typing import Any

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.slices import AGENTS
from tests.dispatch.stage import SECOND, Stage, every, kinds, only, policy_text, refusal

HELP = {"help": {"requirement": "service >= 5"}}


def test_clocks_are_kept_and_the_new_requirement_counts_at_once() -> None:
    """A contact waits for level 5 and only level 3 is there: the new policy wants 3, and it is offered in the same call."""
    stage = Stage(queues=HELP)
    stage.agent("ann", skills={"service": 3})
    contact = stage.submit("help")
    stage.wait(40 * SECOND)

    events = stage.do(cm.ApplyPolicy(text=policy_text(queues={"help": {"requirement": "service >= 3"}})))

    assert only(events, ev.PolicyApplied).version == stage.dispatcher.policy.version
    stage.wait(0)
    assert stage.offered(contact) == "ann"
    offer = every(stage.log, ev.OfferMade)[-1]
    assert offer.waited_ms == 40 * SECOND
    assert offer.policy == stage.dispatcher.policy.version, "the version stands on every decision"


def test_open_offers_stand() -> None:
    """Ann has an offer when the policy changes to one she would not qualify for: she may still accept it."""
    stage = Stage(queues=HELP)
    stage.agent("ann", skills={"service": 5})
    contact = stage.submit("help")
    deadline = stage.dispatcher.offers[stage.offer_to("ann")].deadline

    stage.do(cm.ApplyPolicy(text=policy_text(queues={"help": {"requirement": "service >= 9", "offer_ms": 5_000}})))

    assert stage.offered(contact) == "ann"
    assert stage.dispatcher.offers[stage.offer_to("ann")].deadline == deadline
    stage.accept("ann")
    assert stage.contact(contact).state == "connected"


def test_a_bad_file_changes_nothing() -> None:
    """The new file names a pool that does not exist: bad_policy, and everything is as before to the byte."""
    stage = Stage(queues=HELP)
    stage.agent("ann", skills={"service": 5})
    stage.submit("help")
    waiting = stage.submit("help")
    before, version = stage.dispatcher.snapshot(), stage.dispatcher.policy.version

    assert refusal(stage.do(cm.ApplyPolicy(text=policy_text(queues={"help": {"pools": ["nowhere"]}})))) == "bad_policy"
    assert refusal(stage.do(cm.ApplyPolicy(text="this is [not toml"))) == "bad_policy"

    assert stage.dispatcher.snapshot() == before
    assert stage.dispatcher.policy.version == version
    assert stage.contact(waiting).state == "queued"


def test_a_queue_that_is_gone_sends_its_contacts_through_the_entry_rules() -> None:
    """The new policy has no refund queue: who waits there waits elsewhere, with the old clocks; who talks goes on."""
    stage = Stage(queues={"help": {}, "refund": {}})
    stage.agent("ann")
    talking = stage.connect("ann", "refund")
    waiting = stage.submit("refund")
    stage.wait(30 * SECOND)

    stage.do(cm.ApplyPolicy(text=policy_text(queues={"help": {}})))
    stage.wait(0)

    assert stage.contact(waiting).queue == "help"
    assert stage.contact(waiting).waited_ms(stage.now) == 30 * SECOND
    assert stage.contact(talking).state == "connected"
    stage.close(talking, "ann")
    assert stage.offered(waiting) == "ann"


def test_a_new_step_counts_for_who_waits_already() -> None:
    """A contact has waited 40 s when a step of waited ≥ 30 s comes with the new policy: it opens now."""
    stage = Stage(queues={"help": {}}, pools={"onsite": {}, "far": {}})
    stage.agent("far_away", "far")
    contact = stage.submit()
    stage.wait(40 * SECOND)
    steps = [{"name": "far", "clock": "waited", "after_ms": 30_000, "add_pools": ["far"]}]

    stage.do(cm.ApplyPolicy(text=policy_text(queues={"help": {"steps": steps}}, pools={"onsite": {}, "far": {}})))
    stage.wait(0)

    assert stage.offered(contact) == "far_away"


def test_a_changed_order_of_the_pool_counts_for_the_next_choice() -> None:
    """The new policy lists vip first: a vip contact behind a plain one is served before it."""
    queues: dict[str, dict[str, object]] = {"help": {}, "vip": {}}
    stage = Stage(queues=queues)
    plain = stage.submit("help")
    stage.wait(SECOND)
    vip = stage.submit("vip")

    stage.do(cm.ApplyPolicy(text=policy_text(queues=queues, pools={"onsite": {"listed": ["vip"]}})))
    stage.agent("ann", capacity=2)

    assert stage.offers_to("ann") == [vip, plain]


def test_many_waiting_contacts_are_all_carried_over() -> None:
    """Eight hundred wait in a queue that is renamed: every one is in the new queue, in the old order."""
    stage = Stage(queues={"help": {}, "old": {}})
    shadow, stage.shadow.check = stage.shadow, lambda dispatcher: None  # type: ignore[method-assign]
    contacts = []
    for _ in range(800):
        contacts.append(stage.submit("old"))
        stage.lag(1)
    del stage.shadow.check

    stage.do(cm.ApplyPolicy(text=policy_text(queues={"help": {}, "new": {}}, entry=[RENAMED])))
    stage.wait(SECOND)

    assert {stage.contact(c).queue for c in contacts} == {"new"}
    assert shadow.submitted == 800
    stage.agent("ann", capacity=3)
    assert stage.offers_to("ann") == contacts[:3]
    assert "CommandRejected" not in kinds(stage.log)


RENAMED = {"name": "renamed", "when": {"to": ["old"]}, "queue": "new"}


def test_who_is_sent_from_the_bots_to_the_people_by_a_swap_passes_nobody() -> None:
    """The new policy knows no bots: who waited for one waits for a person from now on, behind who did so for 10 s."""
    pools = {"onsite": {}, "bot": {}}
    rules = [{"name": "person", "when": {"first": ["person"]}, "queue": "help"}]
    before = {"help": {"requirement": "service >= 5", "bot_pools": ["bot"]}}
    stage = Stage(queues=before, pools=pools, bot_first=["help"], entry=rules)
    stage.bot("robo", capacity=1)
    stage.submit()
    for_the_bot = stage.submit()
    stage.wait(10 * SECOND)
    for_a_person = stage.submit(attributes={"first": "person"})
    stage.wait(10 * SECOND)
    stage.agent("ann")
    assert [stage.contact(one).stage for one in (for_the_bot, for_a_person)] == ["bot", "person"]

    stage.do(cm.ApplyPolicy(text=policy_text(pools=pools)))
    stage.wait(1)

    assert stage.offered(for_a_person) == "ann"
    assert (stage.contact(for_the_bot).stage, stage.contact(for_the_bot).state) == ("person", "queued")


def test_the_step_clock_of_who_was_moved_while_connected_starts_with_the_next_wait() -> None:
    """A swap takes the queue of a running conversation away; a minute later its agent signs off: the step opens after 10 s."""
    steps = [{"name": "far", "clock": "step", "after_ms": 10_000, "add_pools": ["far"]}]
    pools = {"onsite": {}, "far": {}}
    stage = Stage(queues={"old": {}, "new": {"steps": steps}}, pools=pools)
    stage.agent("ann")
    contact = stage.connect("ann", "old")
    stage.wait(30 * SECOND)
    stage.do(cm.ApplyPolicy(text=policy_text(queues={"new": {"steps": steps}}, pools=pools)))
    stage.wait(60 * SECOND)
    assert stage.contact(contact).queue == "new"
    stage.do(cm.SignOff(agent="ann"))

    happened = stage.wait(10 * SECOND)

    assert only(happened, ev.StepOpened).contact == contact


def test_the_shop_closes_between_two_slices_of_a_swap_that_takes_the_queue_away() -> None:
    """Their queue is gone when their shop shuts on six: each has another first, and is told what that one says."""
    calendar = {"zone": "UTC", "weekly": {"thu": ["00:00-00:20"]}}
    hours: dict[str, Any] = {"calendars": {"desk": calendar}, "shops": {"outlet": {"hours": "desk"}}}
    help_desk = {"closed": "message", "closed_notice": "tomorrow", "promise_ms": 60_000}
    stage = Stage(queues={"help": help_desk, "old": {"closed_notice": "old"}}, slice_units=2, **hours)
    waiting = [stage.submit("old", shop="outlet") for _ in range(6)]
    stage.now = 20 * 60 * SECOND
    stage.do(cm.ApplyPolicy(text=policy_text(queues={"help": help_desk}, **hours)), at=stage.now - 1)

    happened = stage.expire()

    assert "HoursChanged" in kinds(happened)
    assert [told.notice for told in every(stage.log, ev.ContactTold)] == ["tomorrow"] * 6
    stage.finish()
    assert {stage.contact(one).state for one in waiting} == {"promised"}


def test_the_engine_starts_anew_while_agents_get_their_lanes() -> None:
    """A crash between the slices of a swap: the next epoch gives Ann her place under the new policy, and she has work."""
    stage = Stage(queues=HELP, slice_units=2)
    for name in ("ann", "ben"):
        stage.agent(name, skills={"service": 3})
    contact = stage.submit("help")
    stage.do(cm.ApplyPolicy(text=policy_text(queues={"help": {"requirement": "service >= 3"}})))
    while [slice.stage for slice in every(stage.log, ev.RearrangementContinued)][-1:] != [AGENTS]:
        stage.expire()

    stage.do(cm.StartEngine(epoch=2))
    stage.finish()
    stage.do(cm.ReturnAgent(agent="ann"))

    assert stage.offered(contact) == "ann"
