"""Agents whom a contact names, supervisors who get what nobody takes, and what agents leave behind when they go."""

from __future__ import annotations

from typing import Any

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import SECOND, Stage, every, kinds, only

KNOWN = {"last_agent_ms": 30_000, "named_agent_ms": 60_000}


def with_ann_and_ben(**queue: Any) -> Stage:
    stage = Stage(queues={"help": {**KNOWN, **queue}})
    stage.agent("ann")
    stage.wait(1)
    stage.agent("ben")
    return stage


def test_the_last_agent_is_free() -> None:
    """Ben had the customer last and is free: he gets it although ann has been idle for longer."""
    stage = with_ann_and_ben()

    contact = stage.submit(attributes={"last_agent": "ben"})

    assert stage.offered(contact) == "ben"
    assert only(stage.log, ev.OfferMade).preferred


def test_the_preferred_agent_is_busy() -> None:
    """last_agent_ms 30 s, ben busy, ann free: the contact waits 30 s for ben alone, then ann has it."""
    stage = with_ann_and_ben()
    stage.connect("ben", attributes={"last_agent": "ben"})

    contact = stage.submit(attributes={"last_agent": "ben"})

    assert not stage.offered(contact)
    assert not stage.wait(29 * SECOND)
    assert kinds(stage.wait(1 * SECOND)) == ["AffinityEnded", "OfferMade"]
    assert stage.offered(contact) == "ann"


def test_the_preferred_agent_is_free_in_time() -> None:
    """Ben ends his talk ten seconds later: who waited for him alone goes before all others."""
    stage = with_ann_and_ben()
    talk = stage.connect("ben", attributes={"last_agent": "ben"})
    stage.connect("ann")
    before = stage.submit()
    contact = stage.submit(attributes={"last_agent": "ben"})
    stage.wait(10 * SECOND)

    stage.close(talk, "ben")

    assert stage.offered(contact) == "ben"
    assert not stage.offered(before)


def test_the_named_one_goes_before_the_last_one() -> None:
    """Both named: the named agent is looked at first; who is not there, or could not serve it, is passed over."""
    stage = with_ann_and_ben(requirement="x >= 3")
    for name, skills in (("ann", {"x": 5}), ("ben", {"x": 5}), ("cid", {"x": 1})):
        stage.agent(name, skills=skills)

    def taker(**attributes: str) -> str:
        contact = stage.submit(attributes=attributes)
        agent = stage.offered(contact)
        stage.abandon(contact)
        return agent

    assert taker(named_agent="ben", last_agent="ann") == "ben"
    assert taker(named_agent="cid", last_agent="ben") == "ben"
    assert taker(named_agent="nobody", last_agent="ann") == "ann"
    assert taker(named_agent="nobody") in ("ann", "ben")


def test_a_bot_first_and_then_the_one_who_knows_her() -> None:
    """The bot begins; handed to people, the contact is looked at anew: its last agent gets it."""
    stage = Stage(queues={"help": {**KNOWN, "bot_pools": ["bot"]}}, pools={"onsite": {}, "bot": {}}, bot_first=["help"])
    stage.bot()
    stage.agent("ann")
    stage.wait(1)
    stage.agent("ben")
    contact = stage.submit(attributes={"last_agent": "ben"})
    assert stage.contact(contact).agent == "robo"

    stage.transfer(contact, "robo")

    assert stage.offered(contact) == "ben"


# --- nobody takes it --------------------------------------------------------------------------------------------------


def test_twenty_declines_and_the_supervisors_have_it() -> None:
    """delivery_limit 20: twenty declines by four agents, and the contact stands, clocks kept, in the supervisors' queue."""
    stage = Stage(
        queues={"help": {"decliner_memory_ms": 2_000}, "chiefs": {"pools": ["chiefs"]}},
        pools={"onsite": {}, "chiefs": {}},
        domain={"supervisors_queue": "chiefs"},
    )
    for name in ("ann", "ben", "cid", "dan"):
        stage.agent(name)
    contact = stage.submit("help")

    for number in range(20):
        assert stage.contact(contact).queue == "help", number
        stage.wait(1 * SECOND)
        events = stage.decline(stage.offered(contact))

    moved = only(events, ev.ContactMoved)
    assert (moved.why, moved.queue) == ("delivery_limit", "chiefs")
    assert stage.contact(contact).waited_ms(stage.now) == 20 * SECOND
    stage.agent("eva", "chiefs")
    assert stage.offered(contact) == "eva"
    stage.do(cm.UpdateContact(tenant="acme", contact=contact, attributes={"order": "paid"}))
    assert stage.contact(contact).queue == "chiefs"


def test_expired_offers_count_and_rescinded_ones_do_not() -> None:
    """delivery_limit 3 of the queue's own: a decline, an offer whose agent was lost, and two expiries."""
    stage = Stage(
        queues={
            "help": {"delivery_limit": 3, "supervisors_queue": "chiefs", "rona": "back_off", "rona_return_ms": 1_000},
            "chiefs": {"pools": ["chiefs"]},
        },
        pools={"onsite": {}, "chiefs": {}},
    )
    for name in ("ann", "ben", "cid", "dan"):
        stage.agent(name)
    contact = stage.submit("help")
    stage.decline(stage.offered(contact))
    stage.do(cm.LoseAgent(agent=stage.offered(contact)))
    stage.wait(20 * SECOND)
    assert stage.contact(contact).queue == "help"

    stage.wait(20 * SECOND)

    assert stage.contact(contact).queue == "chiefs"


def test_without_supervisors_it_is_offered_on() -> None:
    """No supervisors' queue anywhere: after thirty declines it still waits where it was."""
    stage = Stage(queues={"help": {"decliner_memory_ms": 0}})
    stage.agent("ann")
    contact = stage.submit()

    for _ in range(30):
        stage.decline("ann")

    assert stage.offered(contact) == "ann"


# --- the shift ends -----------------------------------------------------------------------------------------------------


def shift(**queue: Any) -> Stage:
    """Ann (red) with three open chats; ben is red as well and eva blue, both with room."""
    stage = Stage(queues={"help": queue, "night": {"pools": ["onsite"]}})
    stage.agent("ann", capacity=3, team="red")
    for _ in range(3):
        stage.connect("ann", "help")
    stage.agent("eva", capacity=3, team="blue")
    stage.wait(1)
    stage.agent("ben", capacity=2, team="red")
    return stage


@pytest.mark.parametrize("how", ["sign off", "finishing"])
def test_the_shift_ends_with_three_open_chats(how: str) -> None:
    """hand_over = team for 30 s: ben has room for two of the three, the third waits for the team and then goes to eva."""
    stage = shift(hand_over="team", hand_over_ms=30_000, offer_ms=60_000)

    if how == "sign off":
        stage.do(cm.SignOff(agent="ann"))
    else:
        stage.state("ann", "finishing", until=stage.now + 10 * SECOND)
        stage.wait(10 * SECOND)

    assert stage.dispatcher.agents["ann"].state == "offline"
    assert len(stage.offers_to("ben")) == 2
    assert not stage.offers_to("eva")
    assert kinds(stage.wait(30 * SECOND)) == ["AffinityEnded", "AffinityEnded", "AffinityEnded", "OfferMade"]
    assert len(stage.offers_to("eva")) == 1


def test_nobody_of_the_team_is_there() -> None:
    """Ben is off: nobody waits for a team that is not there, eva has all three at once."""
    stage = shift(hand_over="team", hand_over_ms=30_000)
    stage.do(cm.SignOff(agent="ben"))

    stage.do(cm.SignOff(agent="ann"))

    assert len(stage.offers_to("eva")) == 3
    assert {ended.why for ended in every(stage.log, ev.AffinityEnded)} == {"team_left"}


def test_the_last_of_the_team_leaves_too() -> None:
    """Ben is busy when ann goes, and then goes himself: what was kept for the team is everybody's at once."""
    stage = shift(hand_over="team", hand_over_ms=600_000)
    stage.state("ben", "paused")
    stage.do(cm.SignOff(agent="ann"))
    assert not stage.offers_to("eva")

    stage.do(cm.SignOff(agent="ben"))

    assert len(stage.offers_to("eva")) == 3


def test_to_the_night_queue() -> None:
    """hand_over_queue = night: the chats go there with their clocks; named on signing off, another place wins."""
    stage = shift(hand_over_queue="night")

    events = stage.do(cm.SignOff(agent="ann"))

    assert {moved.queue for moved in every(events, ev.ContactTransferred)} == {"night"}
    stage = shift(hand_over_queue="night")
    assert {
        moved.prefer for moved in every(stage.do(cm.SignOff(agent="ann", to_agent="eva")), ev.ContactTransferred)
    } == {"eva"}


def test_finishing_has_an_end() -> None:
    """finish_ms 10 min in the domain: who is set to finishing without a deadline is off then, the open chat handed over."""
    stage = Stage(domain={"finish_ms": 600_000})
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben")

    assert only(stage.state("ann", "finishing"), ev.AgentStateChanged).until == stage.now + 600 * SECOND
    stage.wait(600 * SECOND)

    assert stage.dispatcher.agents["ann"].state == "offline"
    assert stage.offered(contact) == "ben"
