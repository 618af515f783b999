"""Who is let in when more comes than can be done: lateness is measured, new contacts give way, shares are kept."""

from __future__ import annotations

from collections import Counter, deque

import pytest
import trio

from engine.dispatch import commands as cm
from engine.driver.admission import INTERVAL_S, Admission
from engine.driver.limits import DriverLimits
from engine.ports import Answer, Overloaded
from tests.driver.stage import CHANNEL, World, contact

LIMITS = DriverLimits()


# A contact comes to so many commands; all but the first come so much later.
COMMANDS, LATER_S = 5, 0.3


class Floor:
    """An engine that does ``can`` contacts a second, five commands each, one after the other, and says how late it is."""

    def __init__(self, can: float, weights: dict[str, float] | None = None) -> None:
        self.now_s = 100.0
        self.taken = 0
        self.to_come: deque[float] = deque()
        self.can = can
        self.done_s = self.now_s
        self.in_: Counter[str] = Counter()
        self.out: Counter[str] = Counter()
        self.latest_ms = 0.0
        self.retries: list[int] = []
        self.admission = Admission(
            LIMITS, lambda: self.now_s, lambda tenant: (weights or {}).get(tenant, 1.0), self.lateness_ms
        )

    def lateness_ms(self) -> float:
        return max(0.0, (self.done_s - self.now_s) * 1000)

    def play(self, seconds: float, **rates: float) -> None:
        """Each tenant's contacts come at its rate, evenly; a commit every 10 ms."""
        due = {tenant: self.now_s + 1 / rate for tenant, rate in rates.items()}
        end_s, commit_s = self.now_s + seconds, self.now_s + 0.01
        while self.now_s < end_s:
            tenant = min(due, key=due.__getitem__)
            self.now_s = min(due[tenant], commit_s)
            while self.to_come and self.to_come[0] <= self.now_s:
                self.to_come.popleft()
                self.work(COMMANDS - 1)
            if self.now_s == commit_s:
                commit_s += 0.01
                busy = self.lateness_ms() > 0
                self.admission.measured(
                    self.lateness_ms() + 5, round(0.01 * self.can * COMMANDS) if busy else self.taken
                )
                self.taken = 0
                continue
            due[tenant] += 1 / rates[tenant]
            retry_after_ms = self.admission.sheds(tenant)
            if retry_after_ms:
                self.admission.shed(1)
            else:
                retry_after_ms = self.admission.admit(tenant)
            if retry_after_ms:
                self.out[tenant] += 1
                self.retries.append(retry_after_ms)
            else:
                self.in_[tenant] += 1
                self.to_come.append(self.now_s + LATER_S)
                self.work(1)

    def work(self, commands: int) -> None:
        self.taken += commands
        self.done_s = max(self.done_s, self.now_s) + commands / COMMANDS / self.can
        self.latest_ms = max(self.latest_ms, self.lateness_ms())

    def forget(self) -> None:
        self.in_.clear()
        self.out.clear()
        self.retries.clear()
        self.latest_ms = 0.0


def test_nobody_is_held_back_below_what_can_be_done() -> None:
    """Nine of ten: everybody comes in, and nothing is counted."""
    floor = Floor(1000)
    floor.play(10, acme=900)
    assert not floor.out
    assert not floor.admission.holds_back


def test_in_a_flood_as_many_come_in_as_can_be_done() -> None:
    """Ten times too many for a good while: nine tenths of the engine's work get done, and nobody in it is half a second late."""
    floor = Floor(1000)
    floor.play(5, acme=10_000)
    floor.forget()
    floor.play(15, acme=10_000)
    assert floor.in_["acme"] >= 0.9 * 15 * 1000
    assert floor.latest_ms < LIMITS.lateness_refuse_ms
    assert floor.out["acme"] > 125_000


def test_after_the_flood_all_is_as_before_within_five_seconds() -> None:
    """The load falls to four fifths: the line is gone and nobody is refused after a few seconds."""
    floor = Floor(1000)
    floor.play(5, acme=10_000)
    floor.play(3, acme=800)
    floor.forget()
    floor.play(2, acme=800)
    assert not floor.out
    assert floor.latest_ms < LIMITS.lateness_target_ms
    assert not floor.admission.holds_back


def test_the_refused_are_told_apart_when_to_come_back() -> None:
    """The more are refused, the later; and spread over a range of three to one, so that they do not come back together."""
    floor = Floor(1000)
    floor.play(10, acme=10_000)
    assert all(100 <= ms <= 7_500 for ms in floor.retries)
    late = sorted(floor.retries[-1000:])
    assert late[-1] >= 2.5 * late[0]
    assert len(set(late)) > 100


def test_a_hot_tenant_pays_alone() -> None:
    """One tenant sends twenty times its share, nine send what they always do: the nine are hardly ever refused."""
    tenants = {f"t{number}": 70.0 for number in range(9)}
    floor = Floor(1000)
    floor.play(5, hot=2_000, **tenants)
    floor.forget()
    floor.play(20, hot=2_000, **tenants)
    for name in tenants:
        assert floor.out[name] <= 0.01 * floor.in_[name], name
    assert floor.in_["hot"] >= 0.9 * 20 * (1000 - 630)


def test_shares_go_by_weight() -> None:
    """Two tenants both ask for everything; the one of weight three gets three times as much."""
    floor = Floor(1000, {"big": 3.0, "small": 1.0})
    floor.play(5, big=5_000, small=5_000)
    floor.forget()
    floor.play(20, big=5_000, small=5_000)
    assert floor.in_["big"] / floor.in_["small"] == pytest.approx(3, rel=0.15)


def test_a_stalled_disk_keeps_new_contacts_out() -> None:
    """No commit for half a second: nobody new, whatever was measured before; the moment it goes on, they come in."""
    floor = Floor(1000)
    floor.play(1, acme=100)
    floor.done_s = floor.now_s + 5
    floor.now_s += INTERVAL_S
    assert floor.admission.admit("acme") > 0
    assert floor.admission.sheds("acme") > 0
    floor.done_s = floor.now_s = floor.now_s + 5
    assert floor.admission.admit("acme") == 0


async def test_who_is_in_is_never_refused_for_lateness(autojump_clock: trio.testing.MockClock) -> None:
    """The disk hangs for seconds. A new contact is told when to come back; a message of a contact waits, and is taken."""
    world = World()
    async with world.engine() as driver, trio.open_nursery() as nursery:
        await driver.submit(contact(1), CHANNEL)
        world.hand.hold()
        answers: list[Answer | Exception] = []
        driver.post(cm.AddMessage("acme", 1), CHANNEL, "m1", b"hello", answers.append)
        await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(3)
        with pytest.raises(Overloaded) as refused:
            driver.post(contact(2), CHANNEL, "c2", b"", answers.append)
        assert refused.value.retry_after_ms > 0
        assert driver.is_late()
        assert driver.sheds("acme") > 0
        driver.post(cm.AddMessage("acme", 1), CHANNEL, "m2", b"still here", answers.append)
        world.hand.let_go()
        await trio.testing.wait_all_tasks_blocked()
        assert [isinstance(answer, Answer) and answer.code for answer in answers] == ["", ""]
        await trio.sleep(0.1)
        assert (await driver.submit(contact(3), CHANNEL)).result["contact"] == 2
        nursery.cancel_scope.cancel()
