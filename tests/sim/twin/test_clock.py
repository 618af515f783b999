"""The clock: commands and events in order, deadlines on time, nothing kept of those who have gone."""

from __future__ import annotations

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from sim.twin.clock import Clock, Refused
from sim.twin.model import CHANNEL, TENANT
from sim.validation.policies import Line, Team, policy_of

POLICY = policy_of([Line("q1", ("p1",))], [Team("p1")])
SUBMIT = cm.SubmitContact(tenant=TENANT, channel=CHANNEL, opening=False)


def staffed(*agents: str) -> Clock:
    clock = Clock(Dispatcher(POLICY))
    for agent in agents:
        clock.do(cm.DefineAgent(profile=cm.AgentProfile(agent=agent, tenant=TENANT, pools=("p1",))))
        clock.do(cm.SignOn(agent=agent))
    return clock


def test_an_offer_nobody_answers_expires_on_its_own_millisecond() -> None:
    """A contact is offered at 5,000 and nobody answers: the dispatcher's deadline comes up at 25,000, not when asked next."""
    clock, heard = staffed("ann"), []
    clock.hear(ev.OfferExpired, heard.append)
    clock.later(5_000, [lambda _: clock.do(SUBMIT)])
    clock.run(24_999 + 1)
    assert not heard
    clock.run(25_001)
    assert [event.at for event in heard] == [25_000]
    clock.run(105_001)
    assert [event.at for event in heard] == [25_000, 105_000], "a minute out, offered again, and 20 s later out again"


def test_answers_given_while_events_are_told_wait_their_turn() -> None:
    """Two contacts wait; ann accepts the first within the telling of its offer: all its events are told before the answer's."""
    clock, told = staffed(), []
    clock.do(SUBMIT)
    clock.do(SUBMIT)
    clock.hear(ev.AgentStateChanged, lambda event: told.append("signed on"))
    clock.hear(ev.OfferMade, lambda event: (told.append("offer"), clock.do(cm.AcceptOffer(event.agent, event.offer))))
    clock.hear(ev.ContactConnected, lambda event: told.append("connected"))
    clock.do(cm.DefineAgent(profile=cm.AgentProfile(agent="ann", tenant=TENANT, pools=("p1",))))
    clock.do(cm.SignOn(agent="ann"))
    assert told == ["signed on", "offer", "connected"]
    assert clock.dispatcher.queue_length("q1") == 1


def test_a_refused_command_ends_the_run() -> None:
    """An actor who closes a contact that never was has a bug: the run stops there and says which command it was."""
    with pytest.raises(Refused, match=r"contact\.close"):
        staffed("ann").do(cm.CloseContact(tenant=TENANT, contact=7, agent="ann"))
