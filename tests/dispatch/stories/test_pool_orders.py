"""Whom a freed agent gets, and which of several equal agents an arriving contact gets: every order and every choice."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.overtaking import overtaking_windows
from engine.measures.fairness import Evenness, evenness
from engine.measures.staff import StaffFold
from tests.dispatch.stage import DAWN, SECOND, Stage, every, policy_text

MINUTE = 60 * SECOND


def order_served(stage: Stage, agent: str = "ann") -> list[int]:
    """Sign the agent on and let it serve everybody, one after the other."""
    stage.agent(agent, auto_accept=True)
    served = []
    while stage.dispatcher.agents[agent].contacts:
        (number,) = stage.dispatcher.agents[agent].contacts
        served.append(number)
        stage.close(number, agent)
    return served


# --- orders -----------------------------------------------------------------------------------------------------------


def promising(**pool: Any) -> tuple[Stage, list[int]]:
    """``quick`` promises 60 s, ``slow`` ten minutes. Waiting at the end: slow due in 1 and in 9 min, quick due 30 s ago,
    and quick due in 50 s."""
    stage = Stage(
        queues={"quick": {"target_ms": 60_000}, "slow": {"target_ms": 600_000}},
        pools={"onsite": {"order": "promise", **pool}},
    )
    old = stage.submit("slow")
    stage.wait(450 * SECOND)
    overdue = stage.submit("quick")
    stage.wait(30 * SECOND)
    new = stage.submit("slow")
    stage.wait(50 * SECOND)
    fresh = stage.submit("quick")
    stage.wait(10 * SECOND)
    return stage, [overdue, fresh, old, new]


def test_the_earliest_promise_due_first() -> None:
    """Whoever is due first is served first, and who is overdue was due first of all."""
    stage, (overdue, fresh, old, new) = promising()

    assert order_served(stage) == [overdue, fresh, old, new]


def test_the_overdue_last() -> None:
    """A promise that is broken already waits until those that can be kept have been; a position says so, too."""
    stage, (overdue, fresh, old, new) = promising(overdue="last")
    assert [stage.dispatcher.position(c) for c in (fresh, overdue)] == [1, 2]
    offered_until_then = len(every(stage.log, ev.OfferMade))

    assert order_served(stage) == [fresh, old, new, overdue]
    first = every(stage.log, ev.OfferMade)[offered_until_then:]
    assert [offer.rank[2] for offer in first] == [0, 0, 0, 1], "late is the third of the rank"


def test_a_promise_breaks_at_the_next_millisecond() -> None:
    """Due this very millisecond is not overdue; one later, the other one goes first."""
    for late, expected in ((0, 0), (1, 1)):
        stage = Stage(queues={"help": {"target_ms": 60_000}}, pools={"onsite": {"order": "promise", "overdue": "last"}})
        contacts = [stage.submit()]
        stage.wait(30 * SECOND)
        contacts.append(stage.submit())
        stage.wait(30 * SECOND + late)
        assert order_served(stage)[0] == contacts[expected]


def test_a_shops_own_promise_goes_before_its_queues() -> None:
    """The flagship promises 30 s where the queue promises a minute: it passes who came 20 s earlier, not 40."""
    stage = Stage(
        queues={"help": {"target_ms": 60_000}},
        pools={"onsite": {"order": "promise"}},
        shops={"flagship": {"target_ms": 30_000}},
    )
    first = stage.submit(shop="outlet")
    stage.wait(20 * SECOND)
    second = stage.submit(shop="outlet")
    stage.wait(20 * SECOND)
    ours = stage.submit(shop="flagship")

    assert order_served(stage) == [first, ours, second]


def test_the_longest_queue_first() -> None:
    """Three wait in a, two in b: a, then by turns as each becomes the longer, equal lengths by the longer wait."""
    stage = Stage(queues={"a": {}, "b": {}}, pools={"onsite": {"order": "longest_queue"}})
    names = {}
    for queue in ("b", "a", "a", "b", "a"):
        names[stage.submit(queue)] = queue
        stage.wait(SECOND)

    assert [names[number] for number in order_served(stage)] == ["a", "b", "a", "b", "a"]


def test_of_equally_long_queues_the_first_listed_goes_first() -> None:
    """Three in a, three in b, of which the oldest waits in b: the pool lists a for ties, so a goes first at each tie; a
    priority still passes everybody, and c, which nobody lists, comes last of the equals."""
    pools = {"onsite": {"order": "longest_queue", "listed": ["a", "b"], "ties": "listed"}}
    stage = Stage(queues={"a": {}, "b": {}, "c": {}, "urgent": {"priority": 1}}, pools=pools)
    names = {}
    for queue in ("c", "b", "b", "b", "a", "a", "a", "urgent"):
        names[stage.submit(queue)] = queue
        stage.wait(SECOND)
    assert [stage.dispatcher.position(number) for number in names] == [1, 1, 2, 3, 1, 2, 3, 1]

    offered_until_then = len(every(stage.log, ev.OfferMade))
    assert [names[number] for number in order_served(stage)] == ["urgent", "a", "b", "a", "b", "a", "b", "c"]
    first = every(stage.log, ev.OfferMade)[offered_until_then:]
    assert [offer.rank[:4] for offer in first[:3]] == [(0, -1, -1, 2), (0, 0, -3, 0), (0, 0, -3, 1)]


def test_a_vip_boost_overtakes_and_nobody_beyond_the_window() -> None:
    """VIP has 2 points more at 1 point a minute: it passes who began up to two minutes earlier, and nobody else. 60 of
    each arrive at random; every offer is held against the window that the policy check declares."""
    queues = {"vip": {"boost": 2.0}, "plain": {}}
    stage = Stage(queues=queues, pools={"onsite": {"order": "score"}})
    (pool,) = overtaking_windows(compile_policy(stage.text))
    windows = {
        (pool.classes[w.earlier].queue, pool.classes[w.later].queue): w.window_ms
        for w in pool.windows
        if w.kind == "within"
    }
    assert windows[("plain", "vip")] == 2 * MINUTE
    rng = np.random.default_rng(7)
    queue_of = {}
    for _ in range(120):
        queue = "vip" if rng.random() < 0.5 else "plain"
        queue_of[stage.submit(queue)] = queue
        stage.wait(int(rng.integers(1, 10)) * SECOND)
    came = {e.contact: e.at for e in every(stage.log, ev.ContactSubmitted)}

    served = order_served(stage)

    overtaken = 0
    for place, first in enumerate(served):
        for other in served[place + 1 :]:
            if came[first] > came[other]:
                overtaken += 1
                assert (queue_of[first], queue_of[other]) == ("vip", "plain")
                assert came[first] - came[other] < 2 * MINUTE
    assert overtaken > 20, "the boost did overtake"


# --- choices ----------------------------------------------------------------------------------------------------------

CHOICES: dict[str, dict[str, Any]] = {
    "longest_idle": {},
    "least_loaded": {},
    "most_loaded": {},
    "most_proficient": {},
    "round_robin": {},
    "weighted": {"weights": {"load": 1}},
}


def a_shift(choice: str, seed: int) -> Evenness:
    """Five equal agents with three slots each, four hours, 1 arrival a minute, 4 minutes a contact: a third is busy."""
    pool = {"choice": choice, **CHOICES[choice]}
    dispatcher = Dispatcher(compile_policy(policy_text(pools={"onsite": pool}, queues={"help": {"requirement": "x"}})))
    staff, rng, now = StaffFold(), np.random.default_rng((11, seed)), DAWN
    ends: list[tuple[int, int]] = []

    def do(command: cm.Command) -> list[ev.Event]:
        happened = dispatcher.handle(command, now)
        for event in happened:
            staff.add(event)
        return happened

    for name in "abcde":
        profile = cm.AgentProfile(agent=name, pools=("onsite",), skills={"x": 3}, capacity=3, auto_accept=True)
        do(cm.DefineAgent(profile=profile))
        do(cm.SignOn(agent=name))
    arrival = DAWN
    while arrival < DAWN + 4 * 60 * MINUTE:
        arrival += int(rng.exponential(MINUTE)) + 1
        while ends and min(ends)[0] <= arrival:
            ends.sort()
            now, contact = ends.pop(0)
            do(cm.CloseContact(tenant="acme", contact=contact))
        now = arrival
        (made,) = every(do(cm.SubmitContact(tenant="acme", channel="web")), ev.ContactSubmitted)
        ends.append((now + int(rng.exponential(4 * MINUTE)) + 1, made.contact))
    (group,) = evenness(staff, now)
    return group


SHIFTS = 6


def by_chance(offers: float, *, lengths: bool = False) -> float:
    """The Gini coefficient of so many offers each, given to anybody at random: of a normal law it is σ ÷ (μ √π), and Poisson
    has σ² = μ. ``lengths``: of the time that they take, whose exponential lengths double the variance."""
    return math.sqrt((2 if lengths else 1) / (math.pi * offers))


def test_each_strategys_effect_among_equals() -> None:
    """Six shifts under each choice, held against chance: who spreads offers, who spreads occupancy, and who fills one
    before the next."""
    shifts = {choice: [a_shift(choice, seed) for seed in range(SHIFTS)] for choice in CHOICES}

    each = np.mean([group.offers.mean * 4 for group in shifts["longest_idle"]])  # a shift is four hours
    offers = {choice: float(np.mean([group.offers.gini for group in groups])) for choice, groups in shifts.items()}
    busy = {choice: float(np.mean([group.occupancy.gini for group in groups])) for choice, groups in shifts.items()}
    chance, chance_busy = by_chance(float(each)), by_chance(float(each), lengths=True)
    assert offers["round_robin"] == min(offers.values()), "to each in turn, but for who is full"
    for even in ("round_robin", "longest_idle", "most_proficient"):
        assert offers[even] < chance / 2, "equals in skill are told apart by who has been idle longest"
    for even in ("least_loaded", "weighted"):
        assert busy[even] < chance_busy / 2
        assert busy[even] < busy["round_robin"], "the load itself is watched"
    assert offers["most_loaded"] > chance, "fills one before the next: some work, some wait"
    assert busy["most_loaded"] == max(busy.values())


def test_no_back_to_back_work_while_an_equal_colleague_idles() -> None:
    """Ann serves three queues and has just been busy; Ben serves them too and has idled: of any queue, the next is Ben's."""
    stage = Stage(queues={name: {"wrap_up_ms": 5_000} for name in "abc"})
    stage.agent("ann")
    stage.agent("ben")
    for queue, agent, other in (("a", "ann", "ben"), ("b", "ben", "ann"), ("c", "ann", "ben"), ("a", "ben", "ann")):
        contact = stage.connect(agent, queue)
        stage.wait(20 * SECOND)
        stage.close(contact, agent)
        stage.wait(6 * SECOND)
        assert stage.dispatcher.agents[other].idle_since < stage.dispatcher.agents[agent].idle_since


def test_most_loaded_fills_one_before_the_next_and_stops_at_capacity() -> None:
    """Three agents of two slots: both of Ann's, both of Ben's, then Cid's; a slot of Ann's that opens is filled first."""
    stage = Stage(pools={"onsite": {"choice": "most_loaded"}})
    for name in ("ann", "ben", "cid"):
        stage.agent(name, capacity=2)
    contacts = [stage.submit() for _ in range(5)]
    assert [stage.offered(c) for c in contacts] == ["ann", "ann", "ben", "ben", "cid"]

    stage.wait(SECOND)
    stage.accept_all("ann")
    stage.close(contacts[0], "ann")

    assert stage.offered(stage.submit()) == "cid", "equal shares of capacity: who has been idle longer"
    assert stage.offered(stage.submit()) == "ann"


def test_round_robin_goes_on_behind_the_last_one() -> None:
    """By turns, whoever is busy is passed over, and the turn of a preferred agent moves nobody's place."""
    stage = Stage(pools={"onsite": {"choice": "round_robin"}})
    for name in ("ann", "ben", "cid", "dan"):
        stage.agent(name, capacity=9)
    assert [stage.offered(stage.submit()) for _ in range(3)] == ["ann", "ben", "cid"]
    stage.state("dan", "paused")
    assert stage.offered(stage.submit()) == "ann"
    stage.state("dan", "available")
    stage.state("ben", "paused")

    assert [stage.offered(stage.submit()) for _ in range(3)] == ["cid", "dan", "ann"]


@pytest.mark.parametrize(("weights", "best"), [
    ({"idle": 1}, "idle"), ({"load": 1}, "free"), ({"proficiency": 1}, "able"), ({"idle": 1, "load": 100}, "free"),
])  # fmt: skip
def test_weighted_says_what_counts(weights: dict[str, int], best: str) -> None:
    """One has been idle longest, one is freest, one is most able: the weights say who is best."""
    stage = Stage(
        queues={"help": {"requirement": "x", "offer_ms": 600_000}},
        pools={"onsite": {"choice": "weighted", "weights": weights}},
    )
    stage.agent("idle", capacity=4, skills={"x": 1})
    stage.agent("able", capacity=4, skills={"x": 9})
    stage.do(cm.SetExternalLoad(agent="idle", source="desk", units=2))
    stage.do(cm.SetExternalLoad(agent="able", source="desk", units=1))
    stage.wait(60 * SECOND)
    stage.agent("free", capacity=4, skills={"x": 1})
    stage.state("able", "not_ready")
    stage.state("able", "available")

    assert stage.offered(stage.submit()) == best
