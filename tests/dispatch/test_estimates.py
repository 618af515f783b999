"""The estimate of the remaining wait: its formula, what it is measured from, and whether it holds for crowds of customers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.estimates import ENOUGH, GAVE_UP, ONE, RELEASED, blank, passage
from engine.telemetry.calibration import Coverage
from tests.dispatch.crowd import Crowd
from tests.dispatch.stage import DAWN, SECOND, Stage

HOUR_MS = 3_600_000
# 20 agents, 2 minutes a contact and 3 s of ringing.
FULL = 20 / 2.05
PLAIN: dict[str, Any] = {"abandon_window_ms": 0}


def exponential(mean_ms: float) -> Callable[[np.random.Generator, str], float]:
    return lambda rng, _queue: float(rng.exponential(mean_ms))


def lognormal(mean_ms: float) -> Callable[[np.random.Generator, str], float]:
    """As long as its mean on average, and as spread out."""
    spread = float(np.log(2))
    return lambda rng, _queue: float(rng.lognormal(np.log(mean_ms) - spread / 2, spread**0.5))


def to_and_fro(at: int) -> float:
    """From 1 down to 0 and up again within two hours."""
    return abs((at / HOUR_MS) % 2 - 1)


def held(rows: dict[str, Coverage], pairs: int) -> None:
    assert sum(row.pairs for row in rows.values()) >= pairs
    for queue, row in rows.items():
        assert 0.85 <= row.p90 <= 0.95, f"{queue}: p90 holds for {row.p90:.3f} of {row.pairs}"


LOADS: dict[str, dict[str, Any]] = {
    "a steady day at 95 % of what the agents can do": {
        "queues": {"help": PLAIN}, "rate": lambda _q, _at: 0.95 * FULL, "handling": exponential(120_000),
    },
    "two hours' tides from 60 % to 140 %, and back": {
        "queues": {"help": PLAIN}, "rate": lambda _q, at: FULL * (0.6 + 0.8 * to_and_fro(at)),
        "handling": lognormal(120_000), "patience_ms": 300_000.0,
    },
    "overload at 140 %, kept bearable by those who give up": {
        "queues": {"help": PLAIN}, "rate": lambda _q, _at: 1.4 * FULL, "handling": lognormal(120_000),
        "patience_ms": 120_000.0,
    },
    "two queues of unlike work that share the agents": {
        "queues": {"a": PLAIN, "b": PLAIN}, "rate": lambda q, _at: 6.5 if q == "a" else 5.0,
        "handling": lambda rng, q: float(rng.exponential(120_000 if q == "a" else 60_000)), "patience_ms": 200_000.0,
    },
}  # fmt: skip


@pytest.mark.parametrize("load", list(LOADS), ids=lambda load: load.split(" at ")[0].replace(" ", "_"))
def test_p90_holds_for_nine_of_ten(load: str) -> None:
    """Ten hours of a crowd and twenty agents: of all told their p90, 85 to 95 % are connected within it, and later ones too."""
    crowd = Crowd(1, **LOADS[load])
    crowd.agents(20)

    calibration = crowd.run(600, peak=1.4 * FULL)

    held(calibration.first, 1_000)
    held(calibration.later, 800)
    assert crowd.dispatcher.audit() == []


# --- the formula ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 127, 128, 1_000, 20_000])
@pytest.mark.parametrize("leaving", [0.0, 1e-7, 1e-5])
def test_the_sum_in_blocks_is_the_sum(count: int, leaving: float) -> None:
    """A place far back is summed in doubling blocks: within 0.3 % of adding up every term."""
    rate = 1e-4
    each = [1 / (rate + j * leaving) for j in range(count)]

    mean, variance = passage(rate, leaving, count)

    assert mean == pytest.approx(sum(each), rel=3e-3)
    assert variance == pytest.approx(sum(term * term for term in each), rel=3e-3)


@pytest.mark.parametrize("position", [1, 3, 30])
def test_the_quantiles_are_those_of_departures_drawn_at_random(position: int) -> None:
    """10,000 releases seen, one a second with two slots; each one before it gives up once in ten minutes."""
    measure = blank()
    measure.releases, measure.slot_ms = 10_000 * ONE, 20_000 * SECOND
    measure.abandons, measure.waited_ms = 100 * ONE, 60_000 * SECOND
    rng = np.random.default_rng(1)
    drawn = sum(rng.exponential(1 / (1 / 1_000 + j / 600_000), 200_000) for j in range(position))

    estimate = measure.estimate(position, 2)

    assert estimate is not None
    assert estimate.p50_ms == pytest.approx(np.quantile(drawn, 0.5), rel=0.03)
    assert estimate.p90_ms == pytest.approx(np.quantile(drawn, 0.9), rel=0.03)


def test_it_rather_says_nothing_than_something_wrong() -> None:
    """Too few releases, nobody to serve, no place in line: no estimate."""
    measure = blank()
    assert measure.estimate(1, 5) is None
    measure.releases, measure.slot_ms = ENOUGH, 1_000_000
    assert measure.estimate(1, 5) is not None
    assert measure.estimate(1, 0) is None
    assert measure.estimate(0, 5) is None


# --- what is measured -----------------------------------------------------------------------------------------------


def test_an_idle_hour_says_nothing_about_the_rate() -> None:
    """Someone stands in line for a minute and is released; an hour later again: two releases in two minutes of slot time."""
    measure = blank()
    measure.left(60_000, 0, 1, RELEASED, False)
    measure.left(3_660_000, 3_600_000, 1, RELEASED, False)
    assert (measure.releases, measure.slot_ms) == (2 * ONE, 120_000)


def test_while_others_stand_the_line_is_busy_whoever_goes_first() -> None:
    """A VIP who came a second ago is released before one who has stood for a minute: the whole minute was busy."""
    measure = blank()
    measure.left(10_000, 0, 2, RELEASED, True)
    measure.left(70_000, 69_000, 2, RELEASED, True)
    measure.left(80_000, 0, 2, GAVE_UP, False)
    assert measure.slot_ms == 2 * 80_000
    assert (measure.releases, measure.abandons) == (2 * ONE, ONE)


def test_old_figures_fade_but_never_to_nothing() -> None:
    """A hundred releases in a thousand seconds; the night passes: the rate is the same, and worth eight releases."""
    measure = blank()
    for number in range(1, 101):
        measure.left(number * 10_000, 0, 1, RELEASED, True)
    fresh = measure.estimate(1, 1)
    measure.left(8 * HOUR_MS, 8 * HOUR_MS, 0, RELEASED, False)
    faded = measure.estimate(1, 1)

    assert fresh is not None
    assert faded is not None
    assert 7 * ONE < measure.releases <= 10 * ONE
    assert faded.p50_ms == pytest.approx(fresh.p50_ms, rel=0.25)
    assert faded.p90_ms > fresh.p90_ms * 0.9


def test_a_colleague_more_shortens_the_estimate_at_once() -> None:
    """One agent frees a slot every 30 s; a second one signs on: who waits third now waits half as long."""
    stage = Stage()
    stage.agent("ann")
    waiting = stage.submit()
    for _ in range(40):
        current, waiting = waiting, stage.submit()
        if stage.offered(current):
            stage.accept("ann")
        stage.wait(30 * SECOND)
        stage.close(current, "ann")
    stage.accept("ann")
    numbers = [stage.submit() for _ in range(4)]
    alone = stage.dispatcher.estimate(numbers[3])

    stage.agent("ben", capacity=1)
    stage.accept("ben")
    together = stage.dispatcher.estimate(numbers[3])

    assert alone is not None
    assert together is not None
    # Its place went from fourth to third, and twice the slots serve it.
    assert together.p50_ms == pytest.approx(alone.p50_ms * 3 / 4 / 2, rel=0.1)


def test_the_measure_is_state() -> None:
    """Half an hour of a crowd, then a snapshot: the restored dispatcher estimates to the millisecond the same."""
    crowd = Crowd(3, **LOADS["overload at 140 %, kept bearable by those who give up"])
    crowd.agents(20)
    crowd.run(30, peak=1.4 * FULL)
    real = crowd.dispatcher
    again = Dispatcher.restore(real.snapshot())

    waiting = [number for number, contact in real.contacts.items() if contact.state == "queued"]
    assert len(waiting) > 5
    assert [again.estimate(number) for number in waiting] == [real.estimate(number) for number in waiting]
    assert real.now > DAWN


# --- the fold -------------------------------------------------------------------------------------------------------


def test_giving_up_at_half_the_time_neither_confirms_nor_refutes() -> None:
    """100 are told 60 s: 45 served within it, 5 after it, 50 gave up at 30 s: nine of the ten that are known held."""
    measure = blank()
    measure.releases, measure.slot_ms = 10_000 * ONE, 10_000 * SECOND
    told = measure.estimate(20, 1)
    assert told is not None
    row = Coverage()
    for _ in range(50):
        row.add(told.p90_ms // 2, told, False)
    for _ in range(45):
        row.add(told.p90_ms * 3 // 4, told, True)
    for _ in range(5):
        row.add(told.p90_ms * 2, told, True)

    assert row.pairs == 100
    assert row.p90 == pytest.approx(0.9)
