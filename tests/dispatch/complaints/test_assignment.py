"""Routing complaints 1–9: unfair assignment, and assignment that does not look at capacity."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import SECOND, Stage, every, refusal

ROOT = Path(__file__).parents[3]


def test_complaint_01_one_agent_gets_more_than_her_limit() -> None:
    """Routing complaint 1: automatic assignment gives one agent more chats than her limit while others have room.

    Three agents for two chats each, twenty customers: nobody ever holds more than two, and all six places are used.
    """
    stage = Stage()
    for name in ("ann", "ben", "cid"):
        stage.agent(name, capacity=2)
    for _ in range(20):
        stage.wait(100)
        stage.submit()
        loads = [agent.load for agent in stage.dispatcher.agents.values()]
        assert max(loads) <= 2
        assert max(loads) - min(loads) <= 1, "nobody has two while a colleague has none"

    assert [agent.load for agent in stage.dispatcher.agents.values()] == [2, 2, 2]
    assert stage.dispatcher.queue_length("help") == 20, "six offered, fourteen in line, none pushed on top"


def test_complaint_02_no_queue_and_chats_lost_in_a_spike() -> None:
    """Routing complaint 2: without a queue, agents are flooded in a traffic spike and chats are lost from sight.

    Three hundred arrive in one second at two agents with two places each: all wait in line, all are served, in order.
    """
    stage = Stage(queues={"help": {"offer_ms": 600_000}})
    for name in ("ann", "ben"):
        stage.agent(name, capacity=2, auto_accept=True)
    contacts = []
    for number in range(300):
        contacts.append(stage.submit())
        stage.wait(SECOND // 300 + number % 2)
    assert stage.dispatcher.queue_length("help") == 296

    served: list[int] = []
    while stage.dispatcher.contacts:
        for number, contact in sorted(stage.dispatcher.contacts.items()):
            if contact.state == "connected":
                served.append(number)
                stage.close(number, contact.agent)
    assert served == contacts


def test_complaint_03_a_freed_agent_gets_the_newest_chat() -> None:
    """Routing complaint 3: a freed agent is given the newest chat, and the backlog starves.

    Five wait while the only agent is busy, and new ones keep coming: she gets them in the order of their coming.
    """
    stage = Stage()
    stage.agent("ann")
    serving = stage.connect("ann")
    waiting = []
    for _ in range(5):
        waiting.append(stage.submit())
        stage.wait(SECOND)
    order = []
    for _ in range(5):
        stage.close(serving, "ann")
        stage.submit()
        serving = stage.offers_to("ann")[0]
        order.append(serving)
        stage.accept("ann")

    assert order == waiting


def test_complaint_04_no_limit_per_agent() -> None:
    """Routing complaint 4: there is no way to say how many conversations one agent may have at a time.

    Capacity is each agent's own, a channel's limit can be lowered by an agent, and both can be changed in mid-shift.
    """
    stage = Stage(channels={"web": {"limit": 3}})
    stage.agent("new", capacity=1)
    stage.agent("old", capacity=5)
    stage.agent("mid", capacity=5, channel_limits={"web": 2})
    for _ in range(10):
        stage.submit()
    held = {name: len(stage.offers_to(name)) for name in ("new", "old", "mid")}
    assert held == {"new": 1, "old": 3, "mid": 2}

    stage.do(cm.SetCapacity(agent="new", capacity=2))
    assert len(stage.offers_to("new")) == 2


def test_complaint_05_the_capacity_check_counts_for_each_conversation() -> None:
    """Routing complaint 5: checking capacity costs a count over all conversations, for each conversation.

    Load is kept as a sum. The same arrival, offer, accept and close take no more calls with 3,000 waiting than with 3.
    """
    count = [
        subprocess.run(
            [sys.executable, "-m", "tests.dispatch.complaints.calls", backlog],
            cwd=ROOT,
            env={**os.environ, "SLUICE_PURE": "1", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout
        for backlog in ("3", "3000")
    ]
    few, many = map(int, count)
    assert many <= few * 1.25


def test_complaint_06_selection_ignores_current_load() -> None:
    """Routing complaint 6: selection ignores what agents carry, and the limit on simultaneous chats is read wrongly.

    Ann has 3 of 4 places taken, Ben 1 of 4: the next two are Ben's. An offer not yet answered is a place taken.
    """
    stage = Stage(pools={"onsite": {"choice": "least_loaded"}})
    stage.agent("ann", capacity=4)
    for _ in range(3):
        stage.submit()
    stage.accept_all("ann")
    stage.agent("ben", capacity=4)
    stage.submit()
    assert len(stage.offers_to("ben")) == 1, "not accepted yet, and counted"

    stage.submit()
    assert len(stage.offers_to("ben")) == 2
    for _ in range(20):
        stage.submit()
    assert {name: agent.load for name, agent in stage.dispatcher.agents.items()} == {"ann": 4, "ben": 4}


def handled(choice: str) -> dict[str, int]:
    """How many of sixty contacts each agent is given when Ann takes 10 s for one and Ben 50 s; both always have room."""
    stage = Stage(pools={"onsite": {"choice": choice}})
    takes = {"ann": 10, "ben": 50}
    for name in takes:
        stage.agent(name, capacity=10, auto_accept=True)
    ends: list[tuple[int, int, str]] = []
    given = dict.fromkeys(takes, 0)
    for _ in range(60):
        stage.wait(7 * SECOND)
        for end in sorted(ends):
            if end[0] <= stage.t():
                stage.close(end[1], end[2])
                ends.remove(end)
        contact = stage.submit()
        agent = stage.contact(contact).agent
        given[agent] += 1
        ends.append((stage.t() + takes[agent] * SECOND, contact, agent))
    return given


def test_complaint_07_efficient_agents_are_punished() -> None:
    """Routing complaint 7: who has the most room gets the next chat, so whoever works fast is given more and more.

    What is fair is the policy's choice, and its effect can be counted: by load the quick one gets most, by turns each half.
    """
    by_load = handled("least_loaded")
    assert by_load["ann"] > 1.5 * by_load["ben"]
    by_idle = handled("longest_idle")
    assert abs(by_idle["ann"] - by_idle["ben"]) < by_load["ann"] - by_load["ben"]
    assert handled("round_robin") == {"ann": 30, "ben": 30}


def test_complaint_08_hoarding_cherry_picking_and_two_on_one() -> None:
    """Routing complaint 8: nothing is assigned, so agents hoard, pick the easy ones, and two take the same ticket.

    An offer has one agent and a deadline; nobody can take what is not offered to her, and an unanswered one moves on.
    """
    stage = Stage()
    stage.agent("ann")
    stage.agent("ben")
    first, second, easy = stage.submit(), stage.submit(), stage.submit()
    assert (stage.offered(first), stage.offered(second)) == ("ann", "ben")
    offer = stage.offer_to("ben")

    assert refusal(stage.do(cm.AcceptOffer(agent="ann", offer=offer))) == "not_yours", "two never take one"
    assert refusal(stage.do(cm.AcceptOffer(agent="ann", offer=99))) == "unknown_offer", "nothing can be picked"
    assert refusal(stage.say(easy, "agent", "ann")) == "not_yours"
    stage.accept("ben")
    stage.wait(20 * SECOND)
    assert stage.contact(first).agent != "ann", "an offer that is hoarded is taken back at its deadline"
    assert stage.dispatcher.agents["ann"].state == "not_ready"


def test_complaint_09_calls_counted_twice() -> None:
    """Routing complaint 9: under load calls are counted twice, and fairness by number of calls breaks.

    Each of fifty contacts is accepted twice and closed twice: the second time is refused, and load and count are exact.
    """
    stage = Stage()
    for name in ("ann", "ben"):
        stage.agent(name, capacity=3)
    for number in range(50):
        contact = stage.submit()
        agent = stage.offered(contact)
        stage.accept(agent)
        stage.do(cm.AcceptOffer(agent=agent, offer=number + 1))
        stage.wait(SECOND)
        stage.close(contact, agent)
        stage.close(contact, agent)

    agents = stage.dispatcher.agents
    assert {name: agent.load for name, agent in agents.items()} == {"ann": 0, "ben": 0}
    assert len(every(stage.log, ev.ContactConnected)) == 50
    assert agents["ann"].served + agents["ben"].served == 50
    assert agents["ann"].served == agents["ben"].served


def test_complaint_35_asking_a_colleague_means_forwarding_the_chat() -> None:
    """Routing complaint 35: to ask a colleague one must forward the chat, and whoever gets it was not asked.

    Ann asks Ben, who is full with it and gets nothing else; he declines, and is free; the customer was Ann's all the time.
    """
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben")
    stage.do(cm.ConsultAgent(tenant="acme", contact=contact, agent="ann", to_agent="ben"))
    waiting = stage.submit()
    assert stage.offered(waiting) == "", "nobody is carried beyond capacity by being asked"
    assert stage.contact(contact).agent == "ann"

    stage.do(cm.EndConsult(tenant="acme", contact=contact, agent="ben", reason="no time"))

    assert stage.offered(waiting) == "ben"
    assert stage.contact(contact).agent == "ann"
