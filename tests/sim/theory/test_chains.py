"""Markov chains against closed forms: where a chain describes what a formula knows, both say the same."""

from __future__ import annotations

import pytest

from sim.theory.abandonment import erlang_a
from sim.theory.birth_death import BirthDeath
from sim.theory.chains import Explored
from sim.theory.chats import ChatModel, ChatPool, Routing, chat_pool
from sim.theory.erlang import ErlangC, abandoning_queue, erlang_b
from sim.theory.limits import Unstable
from sim.theory.priorities import Priorities, priorities_with_abandonment
from sim.theory.queue_runs import QueueRun
from sim.theory.retrials import Retrials
from sim.theory.sharing import EndlessSharing, OneByOne, SharedAgent, lognormal_variation
from sim.theory.skills import Pool, SkillModel


def test_a_queue_found_state_by_state_is_the_formula() -> None:
    """M/M/2 with places for 5, spelled out as moves: the chain's steady state is the birth–death process's."""
    chain = Explored(0, lambda level: [(min(level + 1, 5), 1.5, 0), (level - 1, min(level, 2) * 1.0, 1)])
    levels = BirthDeath([1.5] * 5, [1.0, 2.0, 2.0, 2.0, 2.0])
    assert chain.states == [0, 1, 2, 3, 4, 5]
    assert chain.probabilities == pytest.approx(levels.probabilities, rel=1e-13)
    assert chain.flow(1) == pytest.approx(1.5 * (1 - levels.probabilities[5]), rel=1e-13)
    assert chain.residual < 1e-15


def test_one_class_one_pool_is_erlang_a() -> None:
    """A skill model with nothing to choose."""
    model = SkillModel((8.0,), (0.5,), (Pool(7, (1.0,), (0,)),), ((0,),))
    plain = erlang_a(8.0, 1.0, 7, 0.5)
    assert model.delay_probability(0) == pytest.approx(plain.delay_probability, rel=1e-10)
    assert model.mean_wait(0) == pytest.approx(plain.mean_wait, rel=1e-10)
    assert model.abandonment(0) == pytest.approx(plain.abandonment, rel=1e-10)
    assert model.occupancy(0) == pytest.approx(plain.occupancy, rel=1e-10)
    assert model.cut < 1e-12


def test_priorities_share_out_what_one_queue_has() -> None:
    """Equal patience and work: classes change who waits, not how many; without abandonment, the closed form appears."""
    split, plain = priorities_with_abandonment((3.0, 5.0), 1.0, 7, (0.5, 0.5)), erlang_a(8.0, 1.0, 7, 0.5)
    assert split.mean_queue(0) + split.mean_queue(1) == pytest.approx(plain.mean_queue, rel=1e-9)
    assert split.mean_wait(0) < plain.mean_wait < split.mean_wait(1)
    patient, formula = priorities_with_abandonment((1.0, 2.0), 1.0, 5, (0.0, 0.0)), Priorities((1.0, 2.0), 1.0, 5)
    for place in (0, 1):
        assert patient.mean_wait(place) == pytest.approx(formula.mean_wait(place), rel=1e-8)


def test_three_classes_wait_in_order_and_their_waits_add_up() -> None:
    """Nobody leaves: the classes' queues sum to Erlang C's, each class's tail integrates to its mean wait."""
    model, plain = Priorities((2.0, 3.0, 2.0), 1.0, 8), ErlangC(7.0, 1.0, 8)
    assert sum(model.mean_queue(place) for place in range(3)) == pytest.approx(plain.mean_queue, rel=1e-12)
    for place, step in ((0, 0.03), (1, 0.06), (2, 0.3)):
        summed = step * sum(model.wait_tail(place, step * (count + 0.5)) for count in range(100))
        assert summed == pytest.approx(model.mean_wait(place), rel=5e-3)
    assert model.wait_tail(2, 0.0) == plain.delay_probability


def test_littles_law_holds_in_every_pool() -> None:
    """An N-model: what enters a pool per class, times its service, is its busy agents; who enters or leaves adds up."""
    pools = (Pool(3, (1.0, 0.0), (0,)), Pool(3, (0.8, 1.0), (1, 0)))
    model = SkillModel((3.0, 2.2), (0.4, 0.6), pools, ((0, 1), (1,)), {(0, 1): 1})
    for place, arrivals in enumerate(model.arrivals):
        served = sum(model.busy_with(pool, place) * pools[pool].service[place] for pool in (0, 1))
        assert served + arrivals * model.abandonment(place) == pytest.approx(arrivals, rel=1e-9)
    for pool in (0, 1):
        busy = sum(model.busy_with(pool, place) for place in (0, 1))
        assert busy == pytest.approx(model.occupancy(pool) * 3, rel=1e-9)


def test_the_longest_queue_is_taken_first() -> None:
    """Two like classes: longest queue first treats them alike and evens them out, strict order does not."""
    fair = SkillModel((2.0, 2.0), (0.3, 0.3), (Pool(4, (1.0, 1.0), None),), ((0,), (0,)))
    strict = SkillModel((2.0, 2.0), (0.3, 0.3), (Pool(4, (1.0, 1.0), (0, 1)),), ((0,), (0,)))
    # Ties go to the lower class: hardly anything.
    assert fair.mean_wait(0) == pytest.approx(fair.mean_wait(1), rel=0.2)
    assert strict.mean_wait(0) < 0.5 * strict.mean_wait(1)
    total = [model.mean_queue(0) + model.mean_queue(1) for model in (fair, strict)]
    assert total[0] == pytest.approx(total[1], rel=1e-9)


def test_a_reserve_keeps_an_agent_for_the_others() -> None:
    """The more agents of the shared pool class 1 must leave free, the longer it waits and the shorter class 2 does."""
    waits = []
    for kept in (0, 1, 3):
        pools = (Pool(3, (1.0, 0.0), (0,)), Pool(3, (0.8, 1.0), (1, 0)))
        model = SkillModel((3.0, 2.2), (0.4, 0.6), pools, ((0, 1), (1,)), {(0, 1): kept})
        waits.append((model.mean_wait(0), model.mean_wait(1)))
    assert waits[0][0] < waits[1][0] < waits[2][0]
    assert waits[0][1] > waits[1][1] > waits[2][1]
    assert waits[2][1] == pytest.approx(erlang_a(2.2, 1.0, 3, 0.6).mean_wait, rel=1e-8)


def test_chats_one_at_a_time_are_erlang_a() -> None:
    """One place per agent: a chat pool is a pool. Speed that grows with the chats: as many servers as places."""
    plain = chat_pool(arrivals=4.0, abandon=0.5, agents=4, rates=(0.0, 1.0))
    assert plain.mean_wait(0) == pytest.approx(erlang_a(4.0, 1.0, 4, 0.5).mean_wait, rel=1e-10)
    for routing in Routing:
        tireless = chat_pool(arrivals=7.0, abandon=0.5, agents=3, rates=(0.0, 1.0, 2.0, 3.0), routing=routing)
        alone = erlang_a(7.0, 1.0, 9, 0.5)
        assert tireless.delay_probability(0) == pytest.approx(alone.delay_probability, rel=1e-9)
        assert tireless.slot_occupancy(0) == pytest.approx(alone.occupancy, rel=1e-9)
        assert tireless.mean_session(0) == pytest.approx(1.0, rel=1e-9)


def test_least_busy_first_beats_most_busy_first() -> None:
    """Attention that shares badly: spreading chats out serves more, and Little's law holds for chats and waits."""
    found = {}
    for routing in Routing:
        model = chat_pool(arrivals=8.0, abandon=0.3, agents=5, rates=(0.0, 1.0, 1.6, 1.8), routing=routing)
        found[routing] = model.abandonment(0)
        assert model.throughput(0) == pytest.approx(8.0 * (1 - model.abandonment(0)), rel=1e-9)
        assert sum(model.level_share(0, level) for level in range(4)) == pytest.approx(1.0, rel=1e-12)
        assert model.mean_chats(0) == pytest.approx(model.throughput(0) * model.mean_session(0), rel=1e-12)
    assert found[Routing.LEAST_BUSY] < found[Routing.MOST_BUSY]


def test_the_figures_of_fifteen_chats() -> None:
    """Five agents × three chats at load 8: 29 % wait; taking them for fifteen servers would say 1.9 or 22 %."""
    exact = chat_pool(arrivals=8.0, abandon=0.3, agents=5, rates=(0.0, 1.0, 1.6, 1.8))
    assert exact.delay_probability(0) == pytest.approx(0.290, abs=5e-4)
    assert exact.abandonment(0) == pytest.approx(0.032, abs=5e-4)
    assert erlang_a(8.0, 1.0, 15, 0.3).delay_probability == pytest.approx(0.019, abs=5e-4)
    session = erlang_a(8.0, 1 / exact.mean_session(0), 15, 0.3)
    assert session.delay_probability == pytest.approx(0.220, abs=5e-3)


def test_customers_leave_their_chats_too() -> None:
    """Leaving in service frees the place: what comes in goes out by one of three doors."""
    model = chat_pool(arrivals=8.0, abandon=0.3, agents=5, rates=(0.0, 1.0, 1.6, 1.8), abandon_in_service=0.1)
    out = model.throughput(0) + model.lost_in_service(0) + 8.0 * model.abandonment(0)
    assert out == pytest.approx(8.0, rel=1e-9)
    assert model.lost_in_service(0) == pytest.approx(0.1 * model.mean_chats(0), rel=1e-12)


def test_two_chat_pools_apart_are_two_chat_pools() -> None:
    """An N-model whose first class has no second pool falls into two; with one, it waits less and the other more."""
    rates = (0.0, 1.0, 1.6)
    pools = (ChatPool(2, rates), ChatPool(2, rates, order=(1, 0)))
    apart = ChatModel((2.5, 1.5), (0.5, 0.4), pools, ((0,), (1,)))
    helped = ChatModel((2.5, 1.5), (0.5, 0.4), pools, ((0, 1), (1,)))
    alone = chat_pool(arrivals=1.5, abandon=0.4, agents=2, rates=rates)
    assert apart.mean_wait(1) == pytest.approx(alone.mean_wait(0), rel=1e-9)
    assert helped.mean_wait(0) < apart.mean_wait(0)
    assert helped.mean_wait(1) > apart.mean_wait(1)


def test_two_chat_pools_of_one_chat_each_are_an_n_model() -> None:
    """One place per agent: two chat pools with a flexible second one say what the skill model says, class by class."""
    chats = ChatModel(
        (3.0, 2.2), (0.4, 0.6), (ChatPool(3, (0.0, 1.0)), ChatPool(3, (0.0, 1.0), order=(1, 0))), ((0, 1), (1,))
    )
    skills = SkillModel(
        (3.0, 2.2), (0.4, 0.6), (Pool(3, (1.0, 0.0), (0,)), Pool(3, (1.0, 1.0), (1, 0))), ((0, 1), (1,))
    )
    for place in (0, 1):
        assert chats.delay_probability(place) == pytest.approx(skills.delay_probability(place), rel=1e-9)
        assert chats.mean_wait(place) == pytest.approx(skills.mean_wait(place), rel=1e-9)
        assert chats.slot_occupancy(place) == pytest.approx(skills.occupancy(place), rel=1e-9)


def test_who_never_comes_back_is_erlang_b() -> None:
    """No persistence: blocked is lost. With it, further attempts load the servers, and all that come are served or lost."""
    assert Retrials(8.0, 1.0, 10, 0.5, 0.0).lost == pytest.approx(erlang_b(8.0, 10), rel=1e-12)
    model = Retrials(8.0, 1.0, 10, 0.5, 0.8)
    assert model.occupancy * 10 == pytest.approx(8.0 * (1 - model.lost), rel=1e-9)
    quick = Retrials(8.0, 1.0, 10, 200.0, 1.0)
    assert quick.occupancy * 10 == pytest.approx(8.0, rel=1e-9)
    assert quick.first_blocked == pytest.approx(ErlangC(8.0, 1.0, 10).delay_probability, rel=0.02)


def test_one_agent_in_three_ways() -> None:
    """Sharing without a limit is M/M/1's number; one by one with exponential service too; lognormal waits longer."""
    assert SharedAgent(0.8, (0.0,) + (1.0,) * 200).mean_chats == pytest.approx(EndlessSharing(0.8, 1.0).mean_number)
    assert OneByOne(0.8, 1.0, 1.0).mean_wait == pytest.approx(ErlangC(0.8, 1.0, 1).mean_wait, rel=1e-12)
    assert OneByOne(0.8, 1.0, lognormal_variation(1.0)).mean_wait > OneByOne(0.8, 1.0, 1.0).mean_wait
    with pytest.raises(Unstable):
        EndlessSharing(1.0, 1.0)


def test_variances_of_known_runs() -> None:
    """M/M/1's number in system has a textbook variance; a Poisson count's is its rate; both roads to Erlang A agree."""
    rho = 0.8
    run = QueueRun(ErlangC(rho, 1.0, 1).process(), 1)
    assert run.number() == pytest.approx(2 * rho * (1 + rho) / (1 - rho) ** 4, rel=1e-9)
    assert run.chain.variance(None, {0: 1.0, 1: 1.0}) == pytest.approx(rho, rel=1e-9)
    assert run.chain.variance(None, {2: 1.0}) == pytest.approx(rho, rel=1e-9)
    by_levels = QueueRun(abandoning_queue(8.0, 1.0, 7, 0.5), 7, 0.5)
    by_classes = SkillModel((8.0,), (0.5,), (Pool(7, (1.0,), (0,)),), ((0,),))
    assert by_levels.delay() == pytest.approx(by_classes.delay_variance(0), rel=1e-8)
    assert by_levels.abandonment() == pytest.approx(by_classes.abandonment_variance(0), rel=1e-8)
    assert by_levels.wait() == pytest.approx(by_classes.wait_variance(0), rel=1e-8)
    assert by_levels.queue() == pytest.approx(by_classes.chain.variance(by_classes.queue(0)), rel=1e-8)


def test_the_variance_of_a_share_is_that_of_its_cycles() -> None:
    """One line, blocked or served: between two services so many are blocked, a geometric number, and the cycles are alike."""
    arrivals, service = 1.5, 1.0
    run = QueueRun(BirthDeath([arrivals], [service]), 1)
    share, blocked = arrivals / (arrivals + service), arrivals / service
    of_a_cycle = (1 - share) ** 2 * blocked * (1 + blocked) / (1 / arrivals + 1 / service)
    assert run.blocked() == pytest.approx(of_a_cycle / arrivals**2, rel=1e-12)
    lost = Retrials(8.0, 1.0, 10, 0.5, 0.0)
    levels = QueueRun(BirthDeath([8.0] * 10, list(range(1, 11))), 10)
    assert lost.lost_variance() == pytest.approx(levels.blocked(), rel=1e-9)
    assert lost.first_blocked_variance() == pytest.approx(levels.blocked(), rel=1e-9)
    coming_back = Retrials(8.0, 1.0, 10, 0.5, 0.8)
    assert coming_back.retrial_rate_variance() > coming_back.retrial_rate


def test_a_chain_too_large_is_refused() -> None:
    """A walk without end is stopped, not followed until memory is gone."""
    with pytest.raises(ValueError, match="at most 200000 states"):
        Explored(0, lambda level: [(level + 1, 1.0, 0)])
    with pytest.raises(Unstable):
        SkillModel((5.0,), (0.0,), (Pool(4, (1.0,), (0,)),), ((0,),))
    with pytest.raises(ValueError, match="freed agents of pool 0 take class 1, which it does not serve"):
        SkillModel((5.0, 1.0), (0.1, 0.1), (Pool(4, (1.0, 0.0), (0, 1)),), ((0,), ()))
    with pytest.raises(ValueError, match="class 0 goes to pool 1, which does not serve it"):
        SkillModel((5.0,), (0.1,), (Pool(4, (1.0,)), Pool(4, (0.0,))), ((0, 1),))
