"""A supervisor's hand: forced assignment, take-over, a drained pool."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import SECOND, Stage, only, refusal

T = "acme"


def test_a_forced_assignment_goes_beyond_capacity_and_is_named() -> None:
    """Ann is full: the supervisor gives her one more, says why, and it is counted apart; nothing new comes until she is below."""
    stage = Stage()
    stage.agent("ann")
    first = stage.connect("ann")
    vip, other = stage.submit(), stage.submit()

    events = stage.do(cm.AssignContact(tenant=T, contact=vip, agent="ann", reason="knows the case"))

    named = only(events, ev.ContactAssigned)
    assert (named.agent, named.reason, named.beyond) == ("ann", "knows the case", 1)
    assert only(events, ev.OfferMade).forced
    assert stage.contact(vip).state == "connected"
    stage.close(first, "ann")
    assert stage.offered(other) == "", "she is at her capacity now"
    stage.close(vip, "ann")
    assert stage.offered(other) == "ann"


def test_an_assignment_takes_the_offer_back_from_who_was_asked() -> None:
    """Ann is being asked; the contact goes to Ben, who is on a break; Ann gets the next one at once."""
    stage = Stage()
    stage.agent("ann")
    stage.agent("ben")
    stage.state("ben", "not_ready", reason="lunch")
    contact = stage.submit()
    following = stage.submit()
    assert stage.offered(contact) == "ann"

    events = stage.do(cm.AssignContact(tenant=T, contact=contact, agent="ben", reason="his own customer"))

    assert only(events, ev.OfferRescinded).reason == "assigned"
    assert stage.contact(contact).agent == "ben"
    assert stage.offered(following) == "ann"


def test_assignments_that_are_refused() -> None:
    """Without a reason, to somebody who is gone, of a contact that is served already."""
    stage = Stage()
    stage.agent("ann")
    stage.agent("ben", on=False)
    talking, waiting = stage.connect("ann"), stage.submit()

    assert refusal(stage.do(cm.AssignContact(tenant=T, contact=waiting, agent="ann"))) == "bad_value"
    assert refusal(stage.do(cm.AssignContact(tenant=T, contact=waiting, agent="ben", reason="x"))) == "wrong_state"
    assert refusal(stage.do(cm.AssignContact(tenant=T, contact=waiting, agent="eve", reason="x"))) == "unknown_agent"
    assert refusal(stage.do(cm.AssignContact(tenant=T, contact=talking, agent="ann", reason="x"))) == "wrong_state"


def test_a_colleague_takes_over_and_the_clocks_go_on() -> None:
    """Ben takes Ann's chat after twenty seconds: one record, the reply round goes on, and Ann has room for the next."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben")
    stage.state("ben", "paused")
    following = stage.submit()
    stage.wait(20 * SECOND)

    events = stage.do(cm.TakeOverContact(tenant=T, contact=contact, agent="ben", reason="I know this one"))

    assert only(events, ev.ContactTransferred).reason == "I know this one"
    assert stage.contact(contact).agent == "ben"
    assert stage.contact(contact).replying
    assert stage.contact(contact).reply_since == stage.dawn
    assert stage.offered(following) == "ann"


def test_take_overs_that_are_refused() -> None:
    """By who has it already, by who has no room, of a contact that waits."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben")
    stage.connect("ben")
    waiting = stage.submit()

    assert refusal(stage.do(cm.TakeOverContact(tenant=T, contact=contact, agent="ann"))) == "wrong_state"
    assert refusal(stage.do(cm.TakeOverContact(tenant=T, contact=contact, agent="ben"))) == "agent_busy"
    assert refusal(stage.do(cm.TakeOverContact(tenant=T, contact=waiting, agent="ben"))) == "wrong_state"


def test_a_drained_pool_gets_nothing_new_and_is_opened_again() -> None:
    """The remote team is drained: its chats go on, the queue's step for nobody opens, and on opening it has what waits."""
    steps = [{"name": "home", "when_nobody": True, "add_pools": ["onsite"]}]
    stage = Stage(queues={"help": {"pools": ["remote"], "steps": steps}}, pools={"onsite": {}, "remote": {}})
    stage.agent("far", "remote", capacity=2)
    talking = stage.connect("far")

    stage.do(cm.DrainPool(pool="remote", reason="line cut"))
    late = stage.submit()

    assert stage.offered(late) == ""
    assert stage.contact(late).step == 1, "nobody of the remote pool counts as there"
    assert stage.contact(talking).state == "connected"
    stage.do(cm.OpenPool(pool="remote"))
    stage.finish()
    assert stage.offered(late) == "far"


def test_the_last_agent_outside_the_drained_pool_leaves_the_others() -> None:
    """Remote is drained, and Ann, busy, is of remote alone from now on: nobody is there for who waits, so the step opens."""
    steps = [{"name": "far", "when_nobody": True, "after_ms": 3_600_000, "add_pools": ["far"]}]
    queues = {"help": {"pools": ["onsite", "remote"], "steps": steps}}
    stage = Stage(queues=queues, pools={"onsite": {}, "remote": {}, "far": {}})
    stage.agent("ann", "onsite", "remote")
    stage.connect("ann")
    stage.agent("far_away", "far")
    contact = stage.submit()
    stage.do(cm.DrainPool(pool="remote"))
    assert stage.offered(contact) == ""

    stage.do(cm.DefineAgent(profile=cm.AgentProfile(agent="ann", pools=("remote",))))

    assert stage.offered(contact) == "far_away"
