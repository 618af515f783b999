"""Commands and their answers: durable before they leave, once per id, refusals included."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.driver import DriverLimits
from engine.ports import Answer
from engine.store.answers import RETENTION_MS
from engine.store.verify import verify
from tests.driver.stage import ANN, CHANNEL, POLICY, SUPERVISOR, Asker, World, asking, contact, sign_on


async def test_nothing_leaves_before_it_is_durable(autojump_clock: trio.testing.MockClock) -> None:
    """The commit stalls: no answer, no listener hears. It ends: both have it, and say the same."""
    world = World()
    async with world.engine() as driver, trio.open_nursery() as nursery:
        heard_before = len(world.heard)
        world.hand.hold()
        [asker] = await asking(nursery, driver, contact())
        assert asker.outcome is None
        assert len(world.heard) == heard_before
        world.hand.let_go()
        await trio.testing.wait_all_tasks_blocked()
        assert asker.answer == Answer(lsn=3, result={"contact": 1, "state": "queued"})
        assert world.heard[-1].lsn == driver.last_lsn == 3
        assert isinstance(world.heard[-1].events[0], ev.ContactSubmitted)


async def test_while_a_commit_runs_the_next_batch_gathers(autojump_clock: trio.testing.MockClock) -> None:
    """One command is being committed, five more come: one further commit takes them all, in their order."""
    world = World()
    async with world.engine(limits={"batch_ms": 60_000.0}) as driver, trio.open_nursery() as nursery:
        before = world.hand.commits
        world.hand.hold()
        askers = await asking(nursery, driver, *(contact(number) for number in range(1, 7)))
        assert driver.figures.inbox_depth == 5
        world.hand.let_go()
        await trio.testing.wait_all_tasks_blocked()
        assert world.hand.commits == before + 2
        assert [asker.answer.result["contact"] for asker in askers] == [1, 2, 3, 4, 5, 6]
        assert [asker.answer.lsn for asker in askers] == [3, 4, 5, 6, 7, 8]
        assert driver.figures.inbox_depth == 0


async def test_a_batch_has_a_size(autojump_clock: trio.testing.MockClock) -> None:
    """Five commands wait, two fit into a batch: three commits."""
    world = World()
    async with world.engine(limits={"batch_commands": 2}) as driver, trio.open_nursery() as nursery:
        world.hand.hold()
        await asking(nursery, driver, contact(0))
        before = world.hand.commits
        askers = await asking(nursery, driver, *(contact(number) for number in range(1, 6)))
        world.hand.let_go()
        await trio.testing.wait_all_tasks_blocked()
        assert world.hand.commits == before + 4
        assert [asker.answer.lsn for asker in askers] == [4, 5, 6, 7, 8]


async def test_deciding_has_a_time(autojump_clock: trio.testing.MockClock) -> None:
    """No time at all to decide: one command a batch, and still everybody is served."""
    world = World()
    async with world.engine(limits={"batch_ms": 0.0}) as driver, trio.open_nursery() as nursery:
        world.hand.hold()
        await asking(nursery, driver, contact(0))
        before = world.hand.commits
        await asking(nursery, driver, contact(1), contact(2))
        world.hand.let_go()
        await trio.testing.wait_all_tasks_blocked()
        assert world.hand.commits == before + 3


async def test_a_retry_gets_the_same_answer_and_has_no_effect(autojump_clock: trio.testing.MockClock) -> None:
    """Asked twice under one id, in one engine, then after a restart: one contact, one record, one answer."""
    world = World()
    async with world.engine() as driver:
        first = await driver.submit(contact(), CHANNEL, "k1")
        assert await driver.submit(contact(), CHANNEL, "k1") == first
        assert driver.last_lsn == first.lsn
    async with world.engine() as driver:
        assert await driver.submit(contact(), CHANNEL, "k1") == first
        assert len(await driver.ask(lambda dispatcher: list(dispatcher.contacts))) == 1


async def test_a_retry_that_memory_forgot_is_found_in_the_store(autojump_clock: trio.testing.MockClock) -> None:
    """Memory holds one answer; the older one comes from the store."""
    world = World()
    async with world.engine(limits={"recent_answers": 1, "batch_commands": 1}) as driver:
        first = await driver.submit(contact(1), CHANNEL, "k1")
        await driver.submit(contact(2), CHANNEL, "k2")
        assert await driver.submit(contact(1), CHANNEL, "k1") == first


def test_memory_holds_at_least_a_batch() -> None:
    """The store is asked about a whole batch at once; a retry within it is known from memory or not at all."""
    with pytest.raises(AssertionError, match="retry in the same batch"):
        DriverLimits(recent_answers=10, batch_commands=11)


async def test_twice_in_one_batch_is_once(autojump_clock: trio.testing.MockClock) -> None:
    """The client sent it again before the first was durable: both wait for the same commit and get the same answer."""
    world = World()
    async with world.engine() as driver, trio.open_nursery() as nursery:
        world.hand.hold()
        await asking(nursery, driver, contact(9))
        askers = await asking(
            nursery, driver, contact(1), contact(1), contact(2), contact(1), ids=["k1", "k1", "k2", "k2"]
        )
        assert [asker.outcome for asker in askers] == [None] * 4
        world.hand.let_go()
        await trio.testing.wait_all_tasks_blocked()
        first, again, second, other = [asker.answer for asker in askers]
        assert first == again
        assert second.lsn == first.lsn + 1 == driver.last_lsn
        assert other.code == "conflict", "k2 was for another contact"


async def test_the_same_id_with_another_body_is_a_conflict(autojump_clock: trio.testing.MockClock) -> None:
    """Another command or another text under a used id: refused, nothing journaled, and the first answer stands."""
    world = World()
    async with world.engine() as driver:
        first = await driver.submit(contact(1), CHANNEL, "k1")
        for command, text in ((contact(2), b""), (contact(1), b"some text")):
            answer = await driver.submit(command, CHANNEL, "k1", text)
            assert (answer.code, answer.lsn) == ("conflict", 0)
            assert f"record {first.lsn}" in answer.wanted
        assert driver.last_lsn == first.lsn
        assert await driver.submit(contact(1), CHANNEL, "k1") == first


async def test_an_id_belongs_to_its_sender(autojump_clock: trio.testing.MockClock) -> None:
    """Two principals use the same id: two commands."""
    world = World()
    async with world.engine() as driver:
        one = await driver.submit(contact(1), CHANNEL, "k1")
        two = await driver.submit(contact(2), SUPERVISOR, "k1")
        assert (one.result["contact"], two.result["contact"]) == (1, 2)


async def test_without_an_id_nothing_is_remembered(autojump_clock: trio.testing.MockClock) -> None:
    world = World()
    async with world.engine() as driver:
        lsns = [(await driver.submit(contact(1), CHANNEL)).lsn for _ in range(2)]
        assert lsns == [3, 4]
        assert world.journal.answers == []


async def test_after_a_day_the_id_is_free(mock_clock: trio.testing.MockClock) -> None:
    """24 hours of stamps later the same id is a new command; the old answer is gone from the store as well."""
    world = World()
    async with world.engine() as driver:
        first = await driver.submit(contact(1), CHANNEL, "k1")
        mock_clock.jump(RETENTION_MS / 1_000 - 1)
        assert await driver.submit(contact(1), CHANNEL, "k1") == first
        mock_clock.jump(2)
        later = await driver.submit(contact(1), CHANNEL, "k1")
        assert later.lsn > first.lsn
        mock_clock.jump(1.1)
        await trio.testing.wait_all_tasks_blocked()
        assert [answer.lsn for answer in world.journal.answers] == [later.lsn]


async def test_a_refusal_is_journaled_and_repeated(autojump_clock: trio.testing.MockClock) -> None:
    """An accept of an offer that never was: a record, an answer that says what, got, wanted; the retry gets the same."""
    world = World()
    async with world.engine() as driver:
        await sign_on(driver)
        refused = await driver.submit(cm.AcceptOffer("ann", 77), ANN, "k1")
        assert (refused.code, refused.lsn) == ("unknown_offer", driver.last_lsn)
        assert refused.what.startswith("offer.accept: ")
        assert refused.message
        assert isinstance(world.heard[-1].events[-1], ev.CommandRejected)
        assert await driver.submit(cm.AcceptOffer("ann", 77), ANN, "k1") == refused
        assert driver.last_lsn == refused.lsn


async def test_what_each_command_is_answered(autojump_clock: trio.testing.MockClock) -> None:
    """One contact's life: every answer names what its sender needs next."""
    world = World()
    async with world.engine() as driver:
        await sign_on(driver)
        submitted = await driver.submit(contact(1), CHANNEL)
        assert submitted.result == {"contact": 1, "state": "queued"}
        joined = await driver.submit(contact(1), CHANNEL)
        assert joined.result == {"contact": 1, "state": "joined"}
        accepted = await driver.submit(cm.AcceptOffer("ann", 1, hold=True), ANN)
        assert accepted.result["contact"] == 1
        completed = await driver.submit(cm.CompleteAccept("ann", 1), ANN)
        assert completed.result["contact"] == 1
        assert int(completed.result["version"]) > int(accepted.result["version"])
        said = await driver.submit(cm.AddMessage("acme", 1, cm.Sender.AGENT, "ann"), ANN, "", b"hello")
        assert said.result == {"contact": 1, "seq": 1}
        closed = await driver.submit(cm.CloseContact("acme", 1, "ann"), ANN)
        assert closed.result == {"contact": 1}, "it is gone, and with it its version"
        assert (await driver.submit(cm.SetAgentState("ann", "paused"), ANN)).result == {}
        waiting = (await driver.submit(contact(2), CHANNEL)).result["contact"]
        assert isinstance(waiting, int)
        await driver.submit(cm.AbandonContact("acme", waiting), CHANNEL)
        resumed = await driver.submit(contact(2), CHANNEL)
        assert resumed.result == {"contact": waiting, "state": "resumed"}
        await driver.submit(cm.CloseQueue("help", "storm"), SUPERVISOR)
        deflected = await driver.submit(contact(3), CHANNEL)
        assert deflected.result["state"] == "deflected"
        assert deflected.result["reason"] == "queue_closed"
        assert set(deflected.result) == {"contact", "state", "reason", "alternative", "notice"}
        applied = await driver.submit(cm.ApplyPolicy(POLICY), SUPERVISOR)
        assert str(applied.result["policy"]).startswith("driver@")


async def test_one_bad_value_harms_nobody_else(autojump_clock: trio.testing.MockClock) -> None:
    """Half a surrogate pair among good commands of one moment: it alone is refused, and nothing of it is journaled."""
    world = World()
    async with world.engine() as driver, trio.open_nursery() as nursery:
        world.hand.hold()
        askers = await asking(nursery, driver, contact(1), contact(2, attributes={"name": "\ud800"}), contact(3))
        assert askers[1].answer.code == "bad_value", "said at once"
        assert "surrogates" in askers[1].answer.got
        world.hand.let_go()
        await trio.testing.wait_all_tasks_blocked()
        assert [askers[place].answer.result["contact"] for place in (0, 2)] == [1, 2]
        for bad_id in ("\udfff", "k\ud800"):
            assert (await driver.submit(contact(4), CHANNEL, bad_id)).code == "bad_value"


@settings(max_examples=25)
@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_a_batch_with_bad_commands_commits_the_good_ones(good: list[bool]) -> None:
    """n commands of one moment, k of them bad: n − k records, n − k good answers, and the engine lives."""

    async def story() -> None:
        world = World()
        async with world.engine() as driver, trio.open_nursery() as nursery:
            world.hand.hold()
            commands = [
                contact(place, attributes={"note": "fine" if fine else "\udead"}) for place, fine in enumerate(good)
            ]
            askers = await asking(nursery, driver, *commands)
            world.hand.let_go()
            await trio.testing.wait_all_tasks_blocked()
            assert [asker.answer.code == "" for asker in askers] == good
            assert driver.last_lsn == 2 + sum(good)

    trio.run(story)


@pytest.mark.parametrize(("over", "code"), [(-1, ""), (0, ""), (1, "bad_value")])
async def test_a_payload_has_a_limit(autojump_clock: trio.testing.MockClock, over: int, code: str) -> None:
    """One byte under, at the limit, one over."""
    world = World()
    async with world.engine(limits={"payload_bytes": 100}) as driver:
        await driver.submit(contact(1), CHANNEL)
        said = await driver.submit(cm.AddMessage("acme", 1), CHANNEL, "", b"x" * (100 + over))
        assert said.code == code
        assert not code or "101 bytes, wanted at most 100" in said.got


async def test_a_message_without_a_text_leaves_no_gap(autojump_clock: trio.testing.MockClock) -> None:
    """Words, an empty line, words again: three are counted, and three are read."""
    world = World()
    async with world.engine() as driver:
        await driver.submit(contact(1), CHANNEL)
        for text in (b"one", b"", b"three"):
            await driver.submit(cm.AddMessage("acme", 1), CHANNEL, "", text)
        read = await driver.read_messages(1, 0, 10)
        assert [(seq, record.payload) for seq, record in read] == [(1, b"one"), (2, b""), (3, b"three")]
    assert verify(world.store()).problems == []


async def test_a_waiter_that_gives_up_does_not_undo_the_work(autojump_clock: trio.testing.MockClock) -> None:
    """Cancelled while the commit runs: the contact is there all the same."""
    world = World()
    async with world.engine() as driver:
        world.hand.hold()
        with trio.move_on_after(1) as patience:
            await driver.submit(contact(1), CHANNEL)
        assert patience.cancelled_caught
        world.hand.let_go()
        assert await driver.ask(lambda dispatcher: list(dispatcher.contacts)) == [1]


async def test_post_does_not_wait(autojump_clock: trio.testing.MockClock) -> None:
    """A connection's reader posts and reads on; the answers come in the order of the commands."""
    world = World()
    async with world.engine() as driver:
        got: list[Answer | Exception] = []
        for number in (1, 2, 3):
            driver.post(contact(number), CHANNEL, "", b"", got.append)
        assert got == []
        await trio.testing.wait_all_tasks_blocked()
        assert [answer.result["contact"] for answer in got if isinstance(answer, Answer)] == [1, 2, 3]


async def test_an_asker_of_a_stopped_engine_is_told(autojump_clock: trio.testing.MockClock) -> None:
    world = World()
    async with world.engine() as driver:
        pass
    asker = Asker()
    await asker.submit(driver, contact())
    assert type(asker.outcome).__name__ == "Stopped"
