"""When customers come: non-homogeneous Poisson streams of plans, each at its own rate and each drawn by cause.

Rates are constant within a half hour of a profile (or a shorter stretch that the scenario tells apart), so a Poisson count
and sorted uniform instants are exact. A day's Gamma factor makes days differ as they do (variance of the total well above
its mean). Two policies meet the very same customers (common random numbers), and where play starts or ends changes nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np
from scipy.signal import fftconvolve

from sim.laws import Array, spread
from sim.plans import Cast, Wish
from sim.plans import Plan as Plan
from sim.plans import Round as Round
from sim.scenario import DAY_MS, HALF_HOUR_MS, Flow, Scenario, Source, Surge, clock_ms
from sim.streams import Streams

# Drawn at once, about: a half hour of a great rush is drawn in parts of its own, lest all of it be in memory.
BLOCK = 10_000
# What drivers bring is reckoned on this grid.
GRID_MS = 300_000


class _Piece(NamedTuple):
    """One cause in one stretch of constant rate; ``exact``: as many as that in ``whole``, of which this is a part."""

    cause: tuple[str | int, ...]
    begin_ms: int
    end_ms: int
    mean: float
    wish: Wish
    exact: bool = False
    whole: tuple[int, int] = (0, 0)


class Stretch(NamedTuple):
    begin_ms: int
    end_ms: int
    mean: float


def arrivals(scenario: Scenario, streams: Streams, begin_ms: int, end_ms: int) -> Iterator[Plan]:
    """Plans with ``begin_ms <= at_ms < end_ms`` in order of arrival, numbered from 1; past the last day it repeats."""
    number = 0
    cast, flows = Cast(scenario, streams), [_Means(scenario, flow) for flow in scenario.flows]
    for interval in range(begin_ms // HALF_HOUR_MS, -(-end_ms // HALF_HOUR_MS)):
        parts = [_drawn(cast, piece) for piece in _pieces(scenario, flows, streams, interval)]
        plans = parts[0] if len(parts) == 1 else merge(*parts, key=lambda plan: (plan.at_ms, plan.external_id))
        for plan in plans:
            if plan.at_ms >= end_ms:
                break
            if plan.at_ms >= begin_ms:
                number += 1
                msgspec.structs.force_setattr(plan, "number", number)  # nobody else has it yet
                yield plan


def mean_arrivals(scenario: Scenario, begin_ms: int, end_ms: int) -> float:
    """The expected number, Gamma factors left at their mean of 1."""
    total = 0.0
    flows = [_Means(scenario, flow) for flow in scenario.flows]
    for interval in range(begin_ms // HALF_HOUR_MS, -(-end_ms // HALF_HOUR_MS)):
        for piece in _pieces(scenario, flows, None, interval):
            overlap = min(end_ms, piece.end_ms) - max(begin_ms, piece.begin_ms)
            if overlap > 0:
                total += piece.mean * overlap / (piece.end_ms - piece.begin_ms)
    return total


def day_factor(scenario: Scenario, seed: int) -> float:
    """By how much the first day of this seed is busier than an average one; 1 where days do not differ so."""
    return _factor(Streams(seed), scenario.day_of(0).day_alpha, "day", 0)


def _drawn(cast: Cast, piece: _Piece) -> Iterator[Plan]:
    """The piece's plans in order, a part of it at a time."""
    if piece.exact:
        yield from cast.plans(piece.cause, _exact(cast.streams, piece), piece.wish)
        return
    parts = max(1, round(piece.mean / BLOCK))
    length = piece.end_ms - piece.begin_ms
    for part in range(parts):
        cause = piece.cause if parts == 1 else (*piece.cause, "part", part)
        low, high = (piece.begin_ms + length * edge // parts for edge in (part, part + 1))
        instants = cast.streams.stream("instants", *cause)
        n = int(instants.poisson(piece.mean / parts))
        at = np.sort(instants.integers(low, high, n)).tolist()
        yield from cast.plans(cause, at, piece.wish)


def _exact(streams: Streams, piece: _Piece) -> list[int]:
    """So many as counted in the whole interval, anywhere in it: those of this piece."""
    low, high = piece.whole
    mean = piece.mean * (high - low) / (piece.end_ms - piece.begin_ms)
    draws = streams.stream("instants", *piece.cause[:2], low)
    at = np.sort(draws.integers(low, high, round(mean)))
    found: list[int] = at[(at >= piece.begin_ms) & (at < piece.end_ms)].tolist()
    return found


# --- the streams ------------------------------------------------------------------------------------------------------


def _pieces(scenario: Scenario, flows: list[_Means], streams: Streams | None, interval: int) -> Iterator[_Piece]:
    """The half hour's own stream, each surge's part in it, then the flows."""
    place, begin = interval // 48, interval * HALF_HOUR_MS
    day = scenario.day_of(place)
    own = scenario.volume * day.half_hours[interval % 48]
    day_factor = _factor(streams, day.day_alpha, "day", place)
    factor = day_factor * _factor(streams, day.half_hour_alpha, "half hour", interval)
    if own:
        yield _Piece(("arrivals", interval), begin, begin + HALF_HOUR_MS, own * factor, Wish())
        for number, surge in enumerate(day.surges):
            span = _overlap(surge, interval)
            if span is not None:
                share = (span[1] - span[0]) / HALF_HOUR_MS
                wish = Wish(topics=(surge.topic,) if surge.topic else ())
                yield _Piece(("surge", number, interval), *span, own * factor * share * surge.adds, wish)
    for means in flows:
        flow = means.flow
        times = factor
        if flow.day_alpha >= 0 or flow.half_hour_alpha >= 0:
            alpha = flow.day_alpha if flow.day_alpha >= 0 else 0.0
            times = _factor(streams, alpha, "day", flow.name, place) if flow.day_alpha >= 0 else day_factor
            times *= _factor(streams, max(0.0, flow.half_hour_alpha), "half hour", flow.name, interval)
        for stretch in means.stretches(interval):
            cause = ("flow", flow.name, stretch.begin_ms)
            if flow.exact:
                every = flow.source.interval_ms
                whole = (stretch.begin_ms // every * every, (stretch.begin_ms // every + 1) * every)
                yield _Piece(cause, *stretch, means.wish, True, whole)
            else:
                yield _Piece(cause, stretch.begin_ms, stretch.end_ms, stretch.mean * times, means.wish)


def _factor(streams: Streams | None, alpha: float, *cause: str | int) -> float:
    """A Gamma factor of mean 1 and variance 1 / alpha; without streams its mean."""
    return float(streams.stream(*cause).gamma(alpha, 1 / alpha)) if alpha > 0 and streams is not None else 1.0


def _overlap(surge: Surge, interval: int) -> tuple[int, int] | None:
    begin = (clock_ms(surge.at) or 0) + interval // 48 * DAY_MS
    low = max(begin, interval * HALF_HOUR_MS)
    high = min(begin + round(surge.for_s * 1000), (interval + 1) * HALF_HOUR_MS)
    return (low, high) if low < high else None


class _Means:
    """How many of a flow are expected when."""

    def __init__(self, scenario: Scenario, flow: Flow) -> None:
        self.flow, self._scenario = flow, scenario
        self.wish = Wish(flow.channel, flow.shop, flow.topics, flow.tier, tuple(flow.attributes.items()))
        self._source = flow.source
        if flow.lag is not None:
            self._source = Source(counts=tuple(self._lagged().tolist()), interval_ms=GRID_MS)

    def stretches(self, interval: int) -> list[Stretch]:
        """Within this half hour, those in which somebody may come."""
        begin = interval * HALF_HOUR_MS
        return [each for each in _stretches(self._scenario, self._source, begin, begin + HALF_HOUR_MS) if each.mean > 0]

    def _lagged(self) -> Array:
        """The driver's happenings × contact rate, each as much later as the lag says, on a grid of five minutes."""
        flow, end = self.flow, self._scenario.end_ms
        assert flow.lag is not None
        bins = -(-end // GRID_MS)
        happen = np.zeros(bins)
        for place in range(bins):
            stretches = _stretches(self._scenario, flow.source, place * GRID_MS, (place + 1) * GRID_MS)
            happen[place] = sum(each.mean for each in stretches)
        later = spread(flow.lag, GRID_MS / 1000, bins)
        writing: Array = fftconvolve(happen, later)[:bins]
        return np.maximum(writing, 0.0) * flow.contact_rate


def _stretches(scenario: Scenario, source: Source, begin_ms: int, end_ms: int) -> list[Stretch]:
    """Of constant rate, within one half hour."""
    place = begin_ms // DAY_MS
    if source.days and place not in source.days:
        return []
    if source.counts:
        return _counted(source, begin_ms, end_ms)
    midnight = place * DAY_MS
    if source.rates:
        edges = [midnight + at for at, _ in source.rates] + [midnight + DAY_MS]
        cut = [
            (max(begin_ms, low), min(end_ms, high), rate)
            for (low, high), (_, rate) in zip(pairwise(edges), source.rates, strict=True)
        ]
        return [Stretch(low, high, rate * (high - low)) for low, high, rate in cut if low < high]
    weights = source.half_hours or scenario.day_of(place).half_hours
    mean = source.volume * weights[(begin_ms - midnight) // HALF_HOUR_MS]
    return [Stretch(begin_ms, end_ms, mean * (end_ms - begin_ms) / HALF_HOUR_MS)]


def _counted(source: Source, begin_ms: int, end_ms: int) -> list[Stretch]:
    every, found = source.interval_ms, []
    for number in range(begin_ms // every, min(-(-end_ms // every), len(source.counts))):
        low, high = max(begin_ms, number * every), min(end_ms, (number + 1) * every)
        found.append(Stretch(low, high, source.counts[number] * (high - low) / every))
    return found
