"""What each customer brings and will do, drawn by cause: under another policy the k-th one is the very same.

Everything is drawn in blocks, one stream for each cause, whether or not this customer will come to need it: who needs
less patience moves nobody else's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from engine.dispatch.commands import Attributes, Value
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy
from sim.laws import lengths_ms
from sim.scenario import Length, Scenario
from sim.streams import Streams, pick

# Somebody who comes again and again is followed this far.
MOST_VISITS = 12


class Round(NamedTuple):
    """One round with a person: the customer reads and thinks this long, then writes one or more messages."""

    think_ms: int
    messages: int


class Plan(msgspec.Struct, frozen=True, gc=False):
    """Everything one customer brings and will do. ``at_ms`` counts from the run's first midnight; lengths are ms.

    ``patience_ms`` runs whenever the customer waits for a person. ``silent``: leaves without a word, which is found out
    ``found_out_ms`` later. ``words`` chooses phrases. ``contained``: content with what the bot says, if the bot can.
    ``back_after_ms``: having left unserved, writes again that much later (negative: never), at most ``returns`` times;
    ``retries``: so many times after ``retry_after_ms`` when turned away. ``work_ms``: what it takes altogether while
    connected (negative: by turns); ``bot_ms``: the same with a bot. ``opening``: waits for a word, not only for a person. ``again``: the next visit, ``again_after_ms`` after
    having been served in this one.
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
    returns: int = 1
    retry_after_ms: int = -1
    retries: int = 0
    work_ms: int = -1
    bot_ms: int = -1
    opening: bool = True
    again: Plan | None = None
    again_after_ms: int = 0


class Wish(NamedTuple):
    """What a stream of contacts fixes of each; what is empty is drawn."""

    channel: str = ""
    shop: str = ""
    topics: tuple[str, ...] = ()
    tier: str = ""
    attributes: tuple[tuple[str, Value], ...] = ()


class _Matter(NamedTuple):
    """Where a customer writes, about what, as whom."""

    channel: str
    mail: bool
    shop: str
    topic: str
    tier: str
    language: str
    attributes: Attributes


class _Causes:
    """A block's streams, one per cause."""

    def __init__(self, streams: Streams, cause: tuple[str | int, ...]) -> None:
        self.streams, self.cause = streams, cause

    def __call__(self, name: str) -> np.random.Generator:
        return self.streams.stream(name, *self.cause)


class Cast:
    """Draws a scenario's customers. The scenario's own policy says whose work is whose, whatever policy is played."""

    def __init__(self, scenario: Scenario, streams: Streams) -> None:
        self.scenario, self.streams = scenario, streams
        self._attributes: dict[tuple[str, str, bool, bool, Wish], Attributes] = {}
        self._works: dict[tuple[str, str, str, str], int] = {}
        self._policy: Policy | None = None
        talks = scenario.bots.session is None and scenario.bots.count > 0
        self._all_talk = talks  # whoever meets a bot talks to it by turns, and thinks

    def plans(self, cause: tuple[str | int, ...], at: list[int], wish: Wish) -> list[Plan]:
        """Who comes at these instants (ascending)."""
        causes = _Causes(self.streams, cause)
        matters = self._matters(causes, len(at), wish)
        prefix = "-".join(str(part) for part in cause)
        names = [f"{prefix}-{place}" for place in range(len(at))]
        return self._visits(causes, at, names, names, matters, 0)

    def _visits(
        self, causes: _Causes, at: list[int], ids: list[str], whose: list[str], matters: list[_Matter], depth: int
    ) -> list[Plan]:
        n = len(at)
        scenario, customers = self.scenario, self.scenario.customers
        again, again_after = self._again(causes, ids, whose, matters, depth)
        works = self._work(causes, matters)
        rounds = self._rounds(causes, matters, works)
        temper = causes("temper").random((n, 4)).tolist()
        contained = causes("containment").random(n).tolist()
        patience = self._patience(causes, matters)
        found_out = lengths_ms(customers.found_out, causes("found out"), n)
        bot_rounds = (1 + causes("bot rounds").poisson(customers.bot_rounds - 1, n)).tolist()
        words = causes("words").integers(0, 1 << 30, n).tolist()
        returns, back_after = self._returns(causes("coming back"), customers.comes_back, customers.back_after, n)
        retries, retry_after = self._returns(causes("retries"), customers.retries, customers.retry_after, n)
        session = scenario.bots.session
        bot_ms = lengths_ms(session, causes("bot session"), n) if session is not None else [-1] * n
        topics, hears = scenario.topics, scenario.people.first_reply is not None
        return [
            Plan(
                number=0,
                at_ms=at[i],
                external_id=ids[i],
                customer=f"c-{whose[i]}",
                channel=matter.channel,
                mail=matter.mail,
                shop=matter.shop,
                topic=matter.topic,
                language=matter.language,
                requires="english" if matter.language == "en" else "",
                attributes=matter.attributes,
                contained=contained[i] < topics[matter.topic].contain,
                asks_person=asks < customers.asks_person,
                bot_rounds=bot_rounds[i],
                patience_ms=patience[i],
                silent=silent < customers.silent,
                found_out_ms=found_out[i],
                nudge=nudge < customers.nudge,
                ends_itself=ends < customers.ends_itself,
                words=words[i],
                rounds=rounds[i],
                back_after_ms=back_after[i] if returns[i] else -1,
                returns=returns[i],
                retry_after_ms=retry_after[i] if retries[i] else -1,
                retries=retries[i],
                work_ms=works[i],
                bot_ms=bot_ms[i],
                opening=works[i] < 0 or hears,
                again=again[i],
                again_after_ms=again_after[i],
            )
            for i, (matter, (asks, silent, nudge, ends)) in enumerate(zip(matters, temper, strict=True))
        ]

    # --- what it is about -----------------------------------------------------------------------------------------

    def _matters(self, causes: _Causes, n: int, wish: Wish) -> list[_Matter]:
        scenario = self.scenario
        table, customers, tiers = scenario.channels, scenario.customers, scenario.tiers
        about = list(wish.topics) or list(scenario.topics)
        shares = [scenario.topics[name].share for name in about]
        if not sum(shares):
            shares = [1.0] * len(about)
        topics = pick(causes("topics"), about, shares, n)
        channels = pick(causes("channels"), list(table), [channel.share for channel in table.values()], n)
        shops = pick(causes("shops"), list(scenario.shops), list(scenario.shops.values()), n)
        edges = list(zip(np.cumsum([tier.share for tier in tiers.values()]).tolist(), tiers, strict=True))
        matters = []
        for topic, channel, shop, traits in zip(
            topics, channels, shops, causes("traits").random((n, 4)).tolist(), strict=True
        ):
            tier = wish.tier or next((name for edge, name in edges if traits[0] < edge), "")
            channel, shop = wish.channel or channel, wish.shop or shop
            overseas, blocked = traits[2] < customers.overseas, traits[3] < customers.blocked
            language = "en" if traits[1] < customers.english else "zh"
            attributes = self._facts(topic, tier, overseas, blocked, wish)
            matters.append(_Matter(channel, table[channel].mail, shop, topic, tier, language, attributes))
        return matters

    def _facts(self, topic: str, tier: str, overseas: bool, blocked: bool, wish: Wish) -> Attributes:
        """One mapping for all who are alike."""
        key = (topic, tier, overseas, blocked, wish)
        found = self._attributes.get(key)
        if found is None:
            found = {"topic": topic, **self.scenario.topics[topic].attributes}
            if tier:
                found |= {"tier": tier, **self.scenario.tiers[tier].attributes}
            if overseas:
                found["region"] = "overseas"
            if blocked:
                found["blocked"] = True
            self._attributes[key] = found = {**found, **dict(wish.attributes)}
        return found

    # --- how long it takes ----------------------------------------------------------------------------------------

    def _work(self, causes: _Causes, matters: Sequence[_Matter]) -> list[int]:
        """By the first law that fits; -1: by turns."""
        laws = self.scenario.work
        if not laws:
            return [-1] * len(matters)
        which = [self._law_of(matter) for matter in matters]
        drawn = {
            place: iter(lengths_ms(laws[place].time, causes(f"work {place}"), which.count(place)))
            for place in set(which)
            if place >= 0
        }
        return [next(drawn[place]) if place >= 0 else -1 for place in which]

    def _law_of(self, matter: _Matter) -> int:
        key = (matter.topic, matter.channel, matter.shop, matter.tier)
        found = self._works.get(key)
        if found is None:
            found = self._works[key] = self._find_law(matter)
        return found

    def _find_law(self, matter: _Matter) -> int:
        queue, skills = "", frozenset[str]()
        if any(work.queue or work.skill for work in self.scenario.work):
            if self._policy is None:
                self._policy = compile_policy(self.scenario.policy_text)
            facts = {
                **matter.attributes,
                "tenant": self.scenario.tenant,
                "shop": matter.shop,
                "channel": matter.channel,
            }
            queue = self._policy.enter(facts).queue
            skills = frozenset(self._policy.queues[queue].requirement.skills) if queue else skills
        for place, work in enumerate(self.scenario.work):
            asked = (
                (work.topic, matter.topic), (work.channel, matter.channel), (work.shop, matter.shop),
                (work.tier, matter.tier), (work.queue, queue),
            )  # fmt: skip
            if all(not wanted or wanted == got for wanted, got in asked) and (not work.skill or work.skill in skills):
                return place
        return -1

    def _rounds(self, causes: _Causes, matters: Sequence[_Matter], works: Sequence[int]) -> list[tuple[Round, ...]]:
        """Every customer's rounds, drawn in one go. A mail is one round: its answer ends it."""
        customers = self.scenario.customers
        n = len(matters)
        if not self._all_talk and n and min(works) >= 0:
            return [()] * n
        counts = (1 + causes("rounds").poisson(customers.rounds - 1, n)).tolist()
        counts = [1 if matter.mail else count for count, matter in zip(counts, matters, strict=True)]
        turns, total = causes("turns"), sum(counts)
        think = lengths_ms(customers.think, turns, total)
        bursts = (turns.random(total) < customers.burst).tolist()
        turn = iter(Round(think[i], 2 if bursts[i] else 1) for i in range(total))
        return [tuple(next(turn) for _ in range(count)) for count in counts]

    # --- how it ends ----------------------------------------------------------------------------------------------

    def _patience(self, causes: _Causes, matters: Sequence[_Matter]) -> list[int]:
        n = len(matters)
        ordinary = lengths_ms(self.scenario.customers.patience, causes("patience"), n)
        for tier, table in self.scenario.tiers.items():
            if table.patience is not None and any(matter.tier == tier for matter in matters):
                own = lengths_ms(table.patience, causes(f"patience {tier}"), n)
                ordinary = [
                    its if matter.tier == tier else old
                    for its, old, matter in zip(own, ordinary, matters, strict=True)
                ]  # fmt: skip
        return ordinary

    def _returns(self, draws: np.random.Generator, share: float, after: Length, n: int) -> tuple[list[int], list[int]]:
        """How often each is willing to come back, and how long after."""
        if not share:
            return [0] * n, [-1] * n
        wills = (draws.random(n) < share).astype(int)
        lengths = lengths_ms(after, draws, n)
        times = self.scenario.customers.times
        if times > 1:
            chain = draws.geometric(1 - share, n) if share < 1 else np.full(n, times)
            wills = np.where(wills > 0, np.minimum(chain, times), 0)
        return wills.tolist(), lengths

    def _again(
        self, causes: _Causes, ids: list[str], whose: list[str], matters: list[_Matter], depth: int
    ) -> tuple[list[Plan | None], list[int]]:
        """Re-contacts: the next visit of those who will come again with the same matter, drawn like a visit of its own."""
        customers, n = self.scenario.customers, len(ids)
        visits: list[Plan | None] = [None] * n
        after = [0] * n
        if not customers.recontact or depth >= MOST_VISITS:
            return visits, after
        draws = causes("again")
        who = np.flatnonzero(draws.random(n) < customers.recontact).tolist()
        if not who:
            return visits, after
        lengths = lengths_ms(customers.recontact_after, draws, len(who))
        deeper = _Causes(self.streams, (*causes.cause, "again"))
        again = self._visits(
            deeper,
            [0] * len(who),
            [f"{ids[place]}~{depth + 1}" for place in who],
            [whose[place] for place in who],
            [matters[place] for place in who],
            depth + 1,
        )
        for place, plan, length in zip(who, again, lengths, strict=True):
            visits[place], after[place] = plan, length
        return visits, after
