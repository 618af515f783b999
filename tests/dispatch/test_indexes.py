"""The indexes alone: ranks against a sorted list, timers against a sorted list, and the pruning of what is stale."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dispatch import commands as cm
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.ranks import BUCKET, Ranked
from engine.dispatch.snapshots import VERSION, SnapshotError
from engine.dispatch.timers import Kind, Timers
from tests.dispatch.stage import SECOND, Stage

KEYS = st.tuples(st.integers(0, 3), st.integers(-50, 50), st.integers(0, 400))


@given(st.lists(KEYS, max_size=120), st.lists(st.integers(0, 10_000), max_size=120))
@settings(derandomize=True, deadline=None)
def test_ranks_are_places_in_a_sorted_list(keys: list[tuple[int, int, int]], removals: list[int]) -> None:
    """Add and remove in any order: the multiset is sorted, and each rank is the number of smaller keys."""
    ranked, plain = Ranked(), []
    for key in dict.fromkeys(keys):
        ranked.add(key)
        plain.append(key)
        plain.sort()
        assert list(ranked) == plain
    for removal in removals:
        if plain:
            ranked.remove(plain.pop(removal % len(plain)))
        assert list(ranked) == plain
        assert len(ranked) == len(plain)
        for key in ((0, 0, 0), (1, -50, 7), (9, 9, 9)):
            assert ranked.rank(key) == sum(other < key for other in plain)


def test_ranks_beyond_one_bucket() -> None:
    """Five buckets' worth of keys, from both ends and the middle, and out again: ranks stay right at every border."""
    ranked = Ranked()
    numbers = [number * 7_919 % (5 * BUCKET) for number in range(5 * BUCKET)]
    for number in numbers:
        ranked.add((number,))
    assert list(ranked) == [(number,) for number in range(5 * BUCKET)]
    assert [ranked.rank((number,)) for number in range(0, 5 * BUCKET, 97)] == list(range(0, 5 * BUCKET, 97))
    assert ranked.rank((10**9,)) == 5 * BUCKET

    for number in numbers[: 4 * BUCKET]:
        ranked.remove((number,))

    left = sorted(numbers[4 * BUCKET :])
    assert list(ranked) == [(number,) for number in left]
    assert [ranked.rank((number,)) for number in left] == list(range(BUCKET))


@given(
    st.lists(
        st.one_of(
            st.tuples(st.integers(1, 2_000), st.integers(1, 10), st.integers(0, 5)),
            st.just("first"),
        ),
        max_size=200,
    )
)
@settings(derandomize=True, deadline=None)
def test_timers_come_in_order_of_deadline_kind_and_id(doings: list[tuple[int, int, int] | str]) -> None:
    """Armed and fetched in any order, behind and before the bucket at hand: always the smallest comes first."""
    everyone = range(10)
    timers, plain = Timers(everyone, everyone), []
    for doing in doings:
        if isinstance(doing, tuple):
            timers.arm(*doing)
            plain.append(doing)
            plain.sort()
        elif plain:
            assert timers.first()
            assert (timers.deadline, timers.kind, timers.ident) == plain.pop(0)
            assert timers.near_ms <= timers.deadline
            timers.drop()
    assert sorted(timers.entries()) == sorted(set(plain))
    for wanted in plain:
        assert timers.first()
        assert (timers.deadline, timers.kind, timers.ident) == wanted
        timers.drop()
    assert not timers.first()


def test_timers_of_what_is_gone_fall_out() -> None:
    """Deadlines of contacts and offers that no longer exist never come up; agents' do."""
    timers = Timers({7}, set())
    timers.arm(100, Kind.STEP, 6)
    timers.arm(101, Kind.OFFER, 7)
    timers.arm(102, Kind.REPLY, 7)
    timers.arm(103, Kind.BACK_OFF, 6)

    seen = []
    while timers.first():
        seen.append((timers.deadline, timers.kind, timers.ident))
        timers.drop()

    assert seen == [(102, Kind.REPLY, 7), (103, Kind.BACK_OFF, 6)]
    assert timers.size == 0


def quiet(stage: Stage) -> Stage:
    """Without the judge at every call, for thousands of them."""
    stage.shadow.check = lambda dispatcher: None  # type: ignore[method-assign]
    return stage


def test_ten_thousand_questions_answered_leave_no_pile_of_timers() -> None:
    """Each round arms a warning far away; what is stale is dropped long before its time."""
    stage = quiet(Stage())
    stage.agent("ann")
    contact = stage.connect("ann")
    for _ in range(10_000):
        stage.say(contact, "agent", "ann")
        stage.say(contact, "customer")
        stage.lag(1)
        stage.expire()

    assert stage.dispatcher._state.timers.size < 6_000
    assert stage.dispatcher.audit() == []
    assert stage.dispatcher.next_deadline() == stage.now - 1 + 100 * SECOND


def test_a_line_of_customers_who_come_and_go() -> None:
    """A thousand wait for a moment in a queue nobody serves; the one who stays is still found, and first."""
    stage = quiet(Stage(queues={"help": {"abandon_window_ms": 0}}))
    first = stage.submit()
    for _ in range(1_000):
        stage.abandon(stage.submit())
    assert stage.dispatcher.audit() == []
    last = stage.submit()

    stage.agent("ann", capacity=2)

    assert stage.offers_to("ann") == [first, last]
    assert stage.dispatcher.position(last) == 0


@pytest.mark.parametrize("choice", ["longest_idle", "least_loaded", "most_proficient"])
def test_agents_whose_load_goes_up_and_down_a_thousand_times(choice: str) -> None:
    """The index of free agents is pruned on the way and still says who is best."""
    stage = quiet(Stage(pools={"onsite": {"choice": choice}}, queues={"help": {"requirement": "x >= 1"}}))
    for number in range(3):
        stage.agent(f"agent{number}", capacity=4, skills={"x": 5})
    contact = 0
    for number in range(1_000):
        stage.lag(1)
        stage.do(cm.SetExternalLoad(agent=f"agent{number % 3}", source="phone", units=number % 4))
        if number % 5 == 0:
            contact = stage.submit()
            stage.accept(stage.offered(contact))
            stage.close(contact, stage.contact(contact).agent)
    stage.do(cm.SetExternalLoad(agent="agent1", source="phone", units=0))
    for number in (0, 2):
        stage.do(cm.SetExternalLoad(agent=f"agent{number}", source="phone", units=3))

    contact = stage.submit()

    if choice == "least_loaded":
        assert stage.offered(contact) == "agent1"
    assert stage.offered(contact)
    assert stage.dispatcher.audit() == []


def test_wishes_beyond_what_the_index_keeps_while_agents_are_seated() -> None:
    """Agents are in thousands of lanes when the idle ones are dropped: who waits is still served by the right one."""
    stage = quiet(Stage())
    stage.agent("all", skills={f"skill{n}": 9 for n in range(3_000)}, on=False)
    stage.agent("one", skills={"skill7": 5}, on=False)
    kept = stage.submit(requires="skill7 >= 5", opening=False)
    for number in range(9_000):
        stage.close(stage.submit(requires=f"skill{number % 3_000} >= {1 + number // 3_000}", opening=False))
    assert len(stage.dispatcher._state.lanes) < 9_000
    assert stage.dispatcher.audit() == []

    stage.do(cm.SignOn(agent="one"))

    assert stage.offered(kept) == "one"
    stage.do(cm.SignOn(agent="all"))
    assert stage.offered(stage.submit(requires="skill2999 >= 2")) == "all"


def test_what_is_no_snapshot_is_refused() -> None:
    """Bytes of another kind, and a snapshot of a release to come: an error that says so."""
    with pytest.raises(SnapshotError, match="not a snapshot"):
        Dispatcher.restore(b"hello")
    data = Stage().dispatcher.snapshot()
    newer = data.replace(b"\xa7version" + bytes([VERSION]), b"\xa7version\x7f")
    assert newer != data
    with pytest.raises(SnapshotError, match="version 127"):
        Dispatcher.restore(newer)


def test_audit_sees_what_is_wrong() -> None:
    """The safety net has no holes where they matter: a load that lies, a lost place, a timer that is not armed."""
    stage = Stage()
    stage.agent("ann", capacity=2)
    held = stage.connect("ann")
    waiting = stage.submit(requires="never >= 1")
    state = stage.dispatcher._state
    assert stage.dispatcher.audit() == []

    state.agents["ann"].load = 5
    assert any("load" in line for line in stage.dispatcher.audit())
    state.agents["ann"].load = 1
    state.contacts[held].agent = "nobody"
    assert any(f"contact {held}" in line for line in stage.dispatcher.audit())
    state.contacts[held].agent = "ann"
    state.timers = Timers(state.contacts, state.offers)
    assert any("not armed" in line for line in stage.dispatcher.audit())
    state.set_policy(state.policy)
    assert stage.dispatcher.audit() == []
    state.leave_lanes(state.contacts[waiting])
    assert any(f"contact {waiting}" in line for line in stage.dispatcher.audit())
