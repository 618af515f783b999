"""When customers come, and what each of them will do: a non-homogeneous Poisson stream of plans.

The rate is constant within a half hour of the day's profile, so a Poisson count and sorted uniform instants are exact.
A day's Gamma factor makes days differ as they do (variance of the total well above its mean). Everything a customer
will do is drawn here, by cause and half hour: two policies meet the very same customers (common random numbers), and
where play starts or ends changes nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import numpy as np

from engine.dispatch.commands import Attributes
from sim.scenario import DAY_MS, HALF_HOUR_MS, Scenario, Surge, clock_ms
from sim.streams import Streams, lognormals_ms, pick


class Round(NamedTuple):
    """One round with a person: the customer reads and thinks this long, then writes one or more messages."""

    think_ms: int
    messages: int


class Plan(msgspec.Struct, frozen=True, gc=False):
    """Everything one customer brings and will do. ``at_ms`` counts from the day's midnight; lengths are ms.

    ``patience_ms`` runs whenever the customer waits for a person. ``silent``: leaves without a word, which is found out
    ``found_out_ms`` later. ``words`` chooses phrases. ``contained``: content with what the bot says, if the bot can.
    ``back_after_ms``: having left unserved, writes again that much later; negative: never.
    """

    number: int
    at_ms: int
    external_id: str
    customer: str
    channel: str
    mail: bool
    shop: str
    topic: str
    language: str
    requires: str
    attributes: Attributes
    contained: bool
    asks_person: bool
    bot_rounds: int
    patience_ms: int
    silent: bool
    found_out_ms: int
    nudge: bool
    ends_itself: bool
    words: int
    rounds: tuple[Round, ...]
    back_after_ms: int = -1


class _Piece(NamedTuple):
    """One cause in one stretch of constant rate."""

    cause: tuple[str | int, ...]
    begin_ms: int
    end_ms: int
    mean: float
    topic: str


def arrivals(scenario: Scenario, streams: Streams, begin_ms: int, end_ms: int) -> Iterator[Plan]:
    """Plans with ``begin_ms <= at_ms < end_ms`` in order of arrival, numbered from 1; past midnight the day repeats."""
    number = 0
    for interval in range(begin_ms // HALF_HOUR_MS, -(-end_ms // HALF_HOUR_MS)):
        plans = [plan for piece in _pieces(scenario, streams, interval) for plan in _draw(scenario, streams, piece)]
        plans.sort(key=lambda plan: (plan.at_ms, plan.external_id))
        for plan in plans:
            if begin_ms <= plan.at_ms < end_ms:
                number += 1
                yield msgspec.structs.replace(plan, number=number)


def mean_arrivals(scenario: Scenario, begin_ms: int, end_ms: int) -> float:
    """The expected number, Gamma factors left at their mean of 1."""
    total = 0.0
    for interval in range(begin_ms // HALF_HOUR_MS, -(-end_ms // HALF_HOUR_MS)):
        for piece in _pieces(scenario, None, interval):
            overlap = min(end_ms, piece.end_ms) - max(begin_ms, piece.begin_ms)
            if overlap > 0:
                total += piece.mean * overlap / (piece.end_ms - piece.begin_ms)
    return total


def _pieces(scenario: Scenario, streams: Streams | None, interval: int) -> Iterator[_Piece]:
    """The half hour's own stream, then each surge's part in it."""
    day, begin = scenario.day, interval * HALF_HOUR_MS
    mean = scenario.volume * day.half_hours[interval % 48]
    if streams is not None:
        mean *= _factor(streams, day.day_alpha, "day", interval // 48)
        mean *= _factor(streams, day.half_hour_alpha, "half hour", interval)
    yield _Piece(("arrivals", interval), begin, begin + HALF_HOUR_MS, mean, "")
    for place, surge in enumerate(day.surges):
        span = _overlap(surge, interval)
        if span is not None:
            share = (span[1] - span[0]) / HALF_HOUR_MS
            yield _Piece(("surge", place, interval), *span, mean * share * surge.adds, surge.topic)


def _factor(streams: Streams, alpha: float, *cause: str | int) -> float:
    """A Gamma factor of mean 1 and variance 1 / alpha."""
    return float(streams.stream(*cause).gamma(alpha, 1 / alpha)) if alpha > 0 else 1.0


def _overlap(surge: Surge, interval: int) -> tuple[int, int] | None:
    begin = (clock_ms(surge.at) or 0) + interval // 48 * DAY_MS
    low = max(begin, interval * HALF_HOUR_MS)
    high = min(begin + round(surge.for_s * 1000), (interval + 1) * HALF_HOUR_MS)
    return (low, high) if low < high else None


class _Matter(NamedTuple):
    """Where a customer writes, about what."""

    channel: str
    mail: bool
    shop: str
    topic: str
    language: str
    attributes: Attributes


class _Temper(NamedTuple):
    """What kind of customer it is."""

    contained: float
    asks_person: bool
    bot_rounds: int
    patience_ms: int
    silent: bool
    found_out_ms: int
    nudge: bool
    ends_itself: bool
    words: int
    back_after_ms: int


class _Causes:
    """The piece's streams, one per cause."""

    def __init__(self, streams: Streams, piece: _Piece) -> None:
        self.streams, self.piece = streams, piece

    def __call__(self, name: str) -> np.random.Generator:
        return self.streams.stream(name, *self.piece.cause)


def _draw(scenario: Scenario, streams: Streams, piece: _Piece) -> list[Plan]:
    causes = _Causes(streams, piece)
    instants = causes("instants")
    n = int(instants.poisson(piece.mean))
    at = np.sort(instants.integers(piece.begin_ms, piece.end_ms, n)).tolist()
    matters, tempers = _matters(scenario, causes, n), _tempers(scenario, causes, n)
    rounds = _rounds(scenario, causes, [matter.mail for matter in matters])
    prefix = "-".join(str(part) for part in piece.cause)
    return [
        Plan(
            number=0,
            at_ms=at[i],
            external_id=f"{prefix}-{i}",
            customer=f"c-{prefix}-{i}",
            channel=matter.channel,
            mail=matter.mail,
            shop=matter.shop,
            topic=matter.topic,
            language=matter.language,
            requires="english" if matter.language == "en" else "",
            attributes=matter.attributes,
            contained=temper.contained < scenario.topics[matter.topic].contain,
            asks_person=temper.asks_person,
            bot_rounds=temper.bot_rounds,
            patience_ms=temper.patience_ms,
            silent=temper.silent,
            found_out_ms=temper.found_out_ms,
            nudge=temper.nudge,
            ends_itself=temper.ends_itself,
            words=temper.words,
            rounds=rounds[i],
            back_after_ms=temper.back_after_ms,
        )
        for i, (matter, temper) in enumerate(zip(matters, tempers, strict=True))
    ]


def _matters(scenario: Scenario, causes: _Causes, n: int) -> list[_Matter]:
    table, customers = scenario.channels, scenario.customers
    topics = pick(causes("topics"), list(scenario.topics), [topic.share for topic in scenario.topics.values()], n)
    if causes.piece.topic:
        topics = [causes.piece.topic] * n
    channels = pick(causes("channels"), list(table), [channel.share for channel in table.values()], n)
    shops = pick(causes("shops"), list(scenario.shops), list(scenario.shops.values()), n)
    traits = causes("traits").random((n, 4)).tolist()
    matters = []
    for topic, channel, shop, (vip, english, overseas, blocked) in zip(topics, channels, shops, traits, strict=True):
        attributes: Attributes = {"topic": topic, **scenario.topics[topic].attributes}
        if vip < customers.vip:
            attributes["tier"] = "vip"
        if overseas < customers.overseas:
            attributes["region"] = "overseas"
        if blocked < customers.blocked:
            attributes["blocked"] = True
        language = "en" if english < customers.english else "zh"
        matters.append(_Matter(channel, table[channel].mail, shop, topic, language, attributes))
    return matters


def _tempers(scenario: Scenario, causes: _Causes, n: int) -> list[_Temper]:
    customers = scenario.customers
    contained = causes("containment").random(n).tolist()
    waits = (causes("patience").weibull(customers.patience.shape, n) * customers.patience.scale_s * 1000).tolist()
    found_out = lognormals_ms(causes("found out"), customers.found_out.mean_s, customers.found_out.sigma, n)
    bot_rounds = (1 + causes("bot rounds").poisson(customers.bot_rounds - 1, n)).tolist()
    words = causes("words").integers(0, 1 << 30, n).tolist()
    coming_back = causes("coming back")
    comes_back = (coming_back.random(n) < customers.comes_back).tolist()
    back_after = lognormals_ms(coming_back, customers.back_after.mean_s, customers.back_after.sigma, n)
    return [
        _Temper(
            contained=contained[i],
            asks_person=asks < customers.asks_person,
            bot_rounds=bot_rounds[i],
            patience_ms=round(waits[i]),
            silent=silent < customers.silent,
            found_out_ms=found_out[i],
            nudge=nudge < customers.nudge,
            ends_itself=ends < customers.ends_itself,
            words=words[i],
            back_after_ms=back_after[i] if comes_back[i] else -1,
        )
        for i, (asks, silent, nudge, ends) in enumerate(causes("temper").random((n, 4)).tolist())
    ]


def _rounds(scenario: Scenario, causes: _Causes, mails: list[bool]) -> list[tuple[Round, ...]]:
    """Every customer's rounds, drawn in one go. A mail is one round: its answer ends it."""
    customers = scenario.customers
    counts = (1 + causes("rounds").poisson(customers.rounds - 1, len(mails))).tolist()
    counts = [1 if is_mail else count for count, is_mail in zip(counts, mails, strict=True)]
    turns, total = causes("turns"), sum(counts)
    think = lognormals_ms(turns, customers.think.mean_s, customers.think.sigma, total)
    bursts = (turns.random(total) < customers.burst).tolist()
    turn = iter(Round(think[i], 2 if bursts[i] else 1) for i in range(total))
    return [tuple(next(turn) for _ in range(count)) for count in counts]
