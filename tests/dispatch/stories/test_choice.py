"""Who gets whom: requirements, capacity, channels, the choice of agent and the order of contacts."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import SECOND, Stage, every, only


def test_the_head_needs_a_skill_nobody_has_and_the_next_is_served() -> None:
    """The oldest contact wants Klingon: it waits, and the one behind it has the free agent."""
    stage = Stage(queues={"help": {"requirement": "service >= 1"}})
    rare = stage.submit(requires="klingon >= 1")
    stage.wait(SECOND)
    plain = stage.submit()

    stage.agent("ann", skills={"service": 5})

    assert stage.offered(plain) == "ann"
    assert stage.offered(rare) == ""
    assert stage.dispatcher.position(rare) == 1


@pytest.mark.parametrize("order", list(itertools.permutations(range(5)))[::17])
def test_a_four_chat_agent_and_five_submits_in_one_batch(order: tuple[int, ...]) -> None:
    """Five contacts of different queues and priorities in the same millisecond, in any order: four offers, then none."""
    stage = Stage(queues={f"q{n}": {"priority": n} for n in range(5)})
    stage.agent("ann", capacity=4)

    contacts = [stage.submit(f"q{n}") for n in order]

    offered = [contact for contact in contacts if stage.offered(contact) == "ann"]
    assert offered == contacts[:4], "each got the slot that was free when it came"
    assert stage.dispatcher.agents["ann"].load == 4
    assert stage.contact(contacts[4]).state == "queued"


def test_requirements_with_levels_alternatives_negation_and_attributes() -> None:
    """Billing ≥ 5 and (English or Chinese), no trainee, region north: only the one who has it all is chosen."""
    need = 'billing >= 5 and (english or chinese) and not trainee and @region = "north"'
    stage = Stage(queues={"help": {"requirement": need}})
    stage.agent("low", skills={"billing": 4, "english": 9}, attributes={"region": "north"})
    stage.agent("mute", skills={"billing": 9}, attributes={"region": "north"})
    stage.agent("new", skills={"billing": 9, "english": 9, "trainee": 1}, attributes={"region": "north"})
    stage.agent("south", skills={"billing": 9, "english": 9}, attributes={"region": "south"})
    stage.agent("right", skills={"billing": 5, "chinese": 1}, attributes={"region": "north"})

    contact = stage.submit()

    assert stage.offered(contact) == "right"


def test_longest_idle_is_who_was_freed_first() -> None:
    """Ann, Ben, Cid sign on in this order; Ann has just had a contact: Ben is next, then Cid, then Ann."""
    stage = Stage()
    for name in ("ann", "ben", "cid"):
        stage.agent(name)
        stage.wait(SECOND)
    first = stage.submit()
    assert stage.offered(first) == "ann"
    stage.accept("ann")
    stage.wait(SECOND)
    stage.close(first, "ann")

    assert [stage.contact(stage.submit()).agent for _ in range(3)] == ["ben", "cid", "ann"]


def test_changing_state_back_and_forth_does_not_make_anybody_longest_idle() -> None:
    """Ben pauses and comes back: Ann, idle all the while, is still before him."""
    stage = Stage()
    stage.agent("ann")
    stage.wait(SECOND)
    stage.agent("ben")
    stage.wait(SECOND)
    stage.state("ben", "paused")
    stage.wait(SECOND)
    stage.state("ben", "available")

    assert stage.offered(stage.submit()) == "ann"


def test_least_loaded_compares_ratios() -> None:
    """Ann carries 2 of 8, Ben 1 of 2: least loaded by ratio is Ann."""
    stage = Stage(pools={"onsite": {"choice": "least_loaded"}})
    stage.agent("ann", capacity=8)
    for _ in range(2):
        stage.connect("ann")
    stage.state("ann", "paused")
    stage.agent("ben", capacity=2)
    stage.connect("ben")
    stage.state("ann", "available")

    assert stage.offered(stage.submit()) == "ann"


def test_least_loaded_counts_work_that_another_system_pushed() -> None:
    """Ann carries 1 of 4 here and 2 elsewhere, Ben 2 of 4 here: Ben is less loaded."""
    stage = Stage(pools={"onsite": {"choice": "least_loaded"}})
    stage.agent("ann", capacity=4)
    stage.connect("ann")
    stage.state("ann", "paused")
    stage.agent("ben", capacity=4)
    stage.connect("ben")
    stage.connect("ben")
    stage.state("ann", "available")
    stage.do(cm.SetExternalLoad(agent="ann", source="phone", units=2))

    assert stage.offered(stage.submit()) == "ben"


def test_external_load_takes_capacity_and_gives_it_back() -> None:
    """The phone takes both of Ann's units: a chat waits; the call ends and the chat is hers in the same step."""
    stage = Stage()
    stage.agent("ann", capacity=2)
    stage.do(cm.SetExternalLoad(agent="ann", source="phone", units=2))
    contact = stage.submit()
    assert stage.offered(contact) == ""

    stage.do(cm.SetExternalLoad(agent="ann", source="phone", units=0))

    assert stage.offered(contact) == "ann"


def test_most_proficient_sums_the_skills_that_the_requirement_names() -> None:
    """Refund and English count, juggling does not: 6 + 5 beats 9 + 1."""
    stage = Stage(
        queues={"help": {"requirement": "refund >= 1 and english >= 1"}},
        pools={"onsite": {"choice": "most_proficient"}},
    )
    stage.agent("ann", skills={"refund": 9, "english": 1, "juggling": 10})
    stage.agent("ben", skills={"refund": 6, "english": 5})

    assert stage.offered(stage.submit()) == "ben"


def test_pools_are_tried_in_listed_order() -> None:
    """Remote Rae has been idle far longer, but the queue lists onsite first."""
    stage = Stage(queues={"help": {"pools": ["onsite", "remote"]}}, pools={"onsite": {}, "remote": {}})
    stage.agent("rae", "remote")
    stage.wait(3_600 * SECOND)
    stage.agent("ann")

    assert [stage.contact(stage.submit()).agent for _ in range(2)] == ["ann", "rae"]


def test_strict_order_is_priority_then_waited() -> None:
    """Four wait: the urgent ones first, the longer waiting first among equals."""
    stage = Stage(queues={"plain": {}, "urgent": {"priority": 10}})
    contacts = []
    for queue in ("plain", "urgent", "plain", "urgent"):
        contacts.append(stage.submit(queue))
        stage.wait(SECOND)

    stage.agent("ann", capacity=4)

    assert stage.offers_to("ann") == [contacts[1], contacts[3], contacts[0], contacts[2]]


def test_listed_queues_come_first_whatever_their_priority() -> None:
    """The pool lists vip, then gold: they go before an urgent queue that is not listed."""
    stage = Stage(
        queues={"help": {"priority": 99}, "gold": {}, "vip": {}},
        pools={"onsite": {"listed": ["vip", "gold"]}},
    )
    plain, gold, vip = stage.submit("help"), stage.submit("gold"), stage.submit("vip")

    stage.agent("ann", capacity=3)

    assert stage.offers_to("ann") == [vip, gold, plain]


def score_stage() -> Stage:
    """Gold has 5 points of boost: as much as 5 minutes of waiting."""
    return Stage(queues={"plain": {}, "gold": {"boost": 5.0}}, pools={"onsite": {"order": "score"}})


def test_in_score_order_a_boost_overtakes_just_so_much_waiting() -> None:
    """Gold came 4:59 after plain and goes first; another came 5:01 after plain and does not."""
    stage = score_stage()
    plain = stage.submit("plain")
    stage.wait(299 * SECOND)
    early = stage.submit("gold")
    stage.wait(2 * SECOND)
    late = stage.submit("gold")

    stage.agent("ann", capacity=3)

    assert stage.offers_to("ann") == [early, plain, late]


def test_in_score_order_a_steeper_slope_overtakes_with_time() -> None:
    """Fast gains 3 points a minute and came 2 minutes later: at 2:59 plain leads, at 3:01 fast does."""
    stage = Stage(queues={"plain": {}, "fast": {"slope": 3.0}}, pools={"onsite": {"order": "score"}})
    plain = stage.submit("plain")
    stage.wait(120 * SECOND)
    fast = stage.submit("fast")
    stage.wait(59 * SECOND)
    stage.agent("ann")
    assert stage.offered(plain) == "ann"
    stage.decline("ann")
    stage.wait(2 * SECOND)

    stage.agent("ben")

    assert stage.offered(fast) in ("ann", "ben")


def test_slope_decides_at_the_moment_of_the_choice() -> None:
    """The same two contacts, looked at before and after the crossing: first plain leads, then fast."""
    for waited, leader in ((59, "plain"), (61, "fast")):
        stage = Stage(queues={"plain": {}, "fast": {"slope": 3.0}}, pools={"onsite": {"order": "score"}})
        contacts = {"plain": stage.submit("plain")}
        stage.wait(120 * SECOND)
        contacts["fast"] = stage.submit("fast")
        stage.wait(waited * SECOND)

        stage.agent("ann")

        assert stage.offered(contacts[leader]) == "ann", waited


def test_channels_cost_units() -> None:
    """A call costs 3 of Ann's 4 units, a chat 1: after a call there is room for one chat, not for another call."""
    stage = Stage(channels={"web": {"cost": 1}, "phone": {"cost": 3}})
    stage.agent("ann", capacity=4)

    call, second_call = stage.submit(channel="phone"), stage.submit(channel="phone")
    chat, second_chat = stage.submit(), stage.submit()

    assert stage.offers_to("ann") == [call, chat]
    assert stage.dispatcher.agents["ann"].load == 4
    assert {stage.contact(c).state for c in (second_call, second_chat)} == {"queued"}


def test_a_freed_unit_goes_to_the_contact_that_fits_it() -> None:
    """A call waits longest but one unit is free: the chat behind it is served, the call keeps its place."""
    stage = Stage(channels={"web": {"cost": 1}, "phone": {"cost": 3}})
    stage.agent("ann", capacity=3)
    chats = [stage.connect("ann") for _ in range(3)]
    call = stage.submit(channel="phone")
    stage.wait(SECOND)
    chat = stage.submit()

    stage.close(chats[0], "ann")

    assert stage.offered(chat) == "ann"
    assert stage.contact(call).state == "queued"


def test_a_channels_limit_holds_beside_capacity() -> None:
    """Two calls at most: Ann has ten units and one call's cost is one, the third call waits, a chat does not."""
    stage = Stage(channels={"web": {}, "phone": {"limit": 2}})
    stage.agent("ann", capacity=10)
    calls = [stage.submit(channel="phone") for _ in range(3)]
    chat = stage.submit()

    assert stage.offers_to("ann") == [calls[0], calls[1], chat]
    stage.accept_all("ann")
    stage.close(calls[0], "ann")

    assert stage.offers_to("ann") == [calls[2]]


def test_an_agent_lowers_a_channels_limit_for_herself() -> None:
    """The channel allows two calls, Ann wants one at a time; Ben keeps the policy's two."""
    stage = Stage(channels={"web": {}, "phone": {"limit": 2}})
    stage.agent("ann", capacity=10, channel_limits={"phone": 1})
    calls = [stage.submit(channel="phone") for _ in range(4)]
    assert stage.offers_to("ann") == calls[:1]

    stage.agent("ben", capacity=10)

    assert stage.offers_to("ben") == calls[1:3]
    assert stage.contact(calls[3]).state == "queued"


def test_one_freed_agent_of_two_pools_serves_what_waits_in_both() -> None:
    """Ann is of two pools: whatever waits in either is hers while she has room."""
    stage = Stage(queues={"one": {"pools": ["east"]}, "two": {"pools": ["west"]}}, pools={"east": {}, "west": {}})
    contacts = [stage.submit("one"), stage.submit("two"), stage.submit("one")]

    stage.agent("ann", "east", "west", capacity=3)

    assert sorted(stage.offers_to("ann")) == contacts
    assert {offer.pool for offer in every(stage.log, ev.OfferMade)} == {"east", "west"}


@pytest.mark.parametrize("where", ["pool", "skill", "attribute"])
def test_a_new_profile_is_looked_at_in_the_same_step(where: str) -> None:
    """A contact waits for what Ann lacks; her profile is changed while she is signed on: offered at once."""
    stage = Stage(queues={"help": {"requirement": 'vip >= 3 and @site = "a"'}}, pools={"onsite": {}, "other": {}})
    has: dict[str, Any] = {"pools": ("onsite",), "skills": {"vip": 3}, "attributes": {"site": "a"}}
    lacks: dict[str, Any] = {
        "pool": {"pools": ("other",)},
        "skill": {"skills": {"vip": 2}},
        "attribute": {"attributes": {}},
    }
    contact = stage.submit()
    stage.do(cm.DefineAgent(profile=cm.AgentProfile(agent="ann", **{**has, **lacks[where]})))
    stage.do(cm.SignOn(agent="ann"))
    assert stage.offered(contact) == ""

    events = stage.do(cm.DefineAgent(profile=cm.AgentProfile(agent="ann", **has)))

    assert only(events, ev.OfferMade).contact == contact
