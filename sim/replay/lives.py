"""What a day's customers bring to every policy alike: patience and talks, the parts that were cut off drawn.

A value that the recording cut off at c is drawn from Kaplan and Meier's estimate on the condition that it is longer than c, in
the finest stratum with enough observed ends: queue, channel and tier; queue and channel; channel; all. Draws are named streams
of one seed, taken in the order of arrival, so that each policy meets the same lives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import isinf
from typing import NamedTuple

import numpy as np

from engine.dispatch.commands import Sender
from sim.replay.outcomes import Outcome
from sim.replay.reading import Day, Habits, Leg, Visit
from sim.replay.survival import KaplanMeier
from sim.streams import Streams
from sim.twin.clock import NEVER

# So many observed ends make a stratum of its own; with fewer, a coarser one says more.
ENOUGH = 20
LEVELS = ("queue, channel, tier", "queue, channel", "channel", "all")
# Ready again so long after a missed offer, where nobody was seen to come back and the policy names no time.
BACK_MS = 60_000

Stratum = tuple[str, str, str]


class Counts(NamedTuple):
    """Of one kind of length: ``observed`` to their ends, ``drawn`` where they were cut off, by stratum (``levels``), and
    ``never``: drawn, but nothing was ever seen to end."""

    observed: int
    drawn: int
    never: int
    levels: dict[str, int]


class Life:
    """``patiences``: of waiting for a person, the first time and each time that it came back; the last one is drawn. ``people``,
    ``bots``: talks in their order; the spare ones are for connections that the recording had none for."""

    __slots__ = ("bots", "patiences", "people", "spare_bot", "spare_person", "visit")

    def __init__(self, visit: Visit, patiences: list[int]) -> None:
        self.visit, self.patiences = visit, patiences
        self.people: list[Leg] = []
        self.bots: list[Leg] = []
        self.spare_person = self.spare_bot = Leg(False)

    @property
    def drawn(self) -> bool:
        """Whether its first patience is."""
        return len(self.patiences) == 1


class Lives(NamedTuple):
    """``counts``: by kind of length (patience, talk, wrap_up)."""

    lives: list[Life]
    habits: Habits
    counts: dict[str, Counts]
    seed: int


class _Law:
    """One kind of length, by stratum."""

    def __init__(self, draws: np.random.Generator) -> None:
        self._draws = draws
        self._rows: dict[Stratum, list[tuple[int, bool]]] = {}
        self._curves: dict[Stratum, KaplanMeier] = {}
        self.observed = self.drawn = self.never = 0
        self.levels: Counter[str] = Counter()

    def note(self, of: Stratum, length_ms: int, seen: bool) -> None:
        queue, channel, _ = of
        for key in (of, (queue, channel, "*"), ("*", channel, "*"), ("*", "*", "*")):
            self._rows.setdefault(key, []).append((length_ms, seen))
        self.observed += seen

    def _curve(self, key: Stratum) -> KaplanMeier:
        found = self._curves.get(key)
        if found is None:
            rows = self._rows.get(key, [])
            found = self._curves[key] = KaplanMeier([length for length, _ in rows], [seen for _, seen in rows])
        return found

    def draw(self, of: Stratum, beyond_ms: int = 0, *, spare: bool = False) -> int:
        """A length beyond that one; :data:`NEVER` when nothing was seen to end. ``spare``: for nobody in particular, uncounted."""
        share = 1 - self._draws.random()  # in (0, 1]
        queue, channel, _ = of
        keys = (of, (queue, channel, "*"), ("*", channel, "*"), ("*", "*", "*"))
        level = next((at for at, key in enumerate(keys) if self._curve(key).observed >= ENOUGH), len(keys) - 1)
        length = self._curve(keys[level]).beyond(beyond_ms, share)
        endless = isinf(length) or length >= NEVER
        if not spare:
            self.drawn += 1
            self.never += endless
            self.levels[LEVELS[level]] += 1
        return NEVER if endless else max(round(length), beyond_ms)

    def counts(self) -> Counts:
        return Counts(self.observed, self.drawn, self.never, dict(self.levels))


def lives_of(day: Day, seed: int) -> Lives:
    """Every visit's life."""
    streams = Streams(seed)
    laws = {name: _Law(streams.stream("replay", name)) for name in ("patience", "talk", "wrap_up", "bot")}
    outcomes = [day.outcomes.of.get(visit.contact) for visit in day.visits]
    strata = [_stratum(visit, outcome) for visit, outcome in zip(day.visits, outcomes, strict=True)]
    for visit, outcome, stratum in zip(day.visits, outcomes, strata, strict=True):
        _note(visit, outcome, stratum, laws)
    bots = [leg for visit in day.visits for leg in visit.legs if leg.bot and not leg.is_cut_off]
    first_words = [
        leg.first_word_ms for visit in day.visits for leg in visit.legs if not leg.bot and leg.first_word_ms >= 0
    ]
    spares = _Spares(streams, bots, first_words)
    lives = []
    for visit, outcome, stratum in zip(day.visits, outcomes, strata, strict=True):
        life = _patience(visit, outcome, stratum, laws["patience"])
        for leg in visit.legs:
            (life.bots if leg.bot else life.people).append(_whole(leg, stratum, laws, spares))
        life.spare_person = spares.person(stratum, laws)
        life.spare_bot = spares.bot()
        lives.append(life)
    return Lives(lives, day.habits, {name: laws[name].counts() for name in ("patience", "talk", "wrap_up")}, seed)


def _stratum(visit: Visit, outcome: Outcome | None) -> Stratum:
    queue = outcome.queue if outcome is not None else ""
    return queue, visit.command.channel, visit.tier


def _note(visit: Visit, outcome: Outcome | None, stratum: Stratum, laws: dict[str, _Law]) -> None:
    if outcome is not None and outcome.waited_for_person:
        for patience in outcome.patiences:
            laws["patience"].note(stratum, patience, True)
        if outcome.ended != "abandoned":
            laws["patience"].note(stratum, outcome.cut_ms, False)
    for leg in visit.legs:
        # Passed on to somebody else: how long the talk would have taken with the first is not known.
        laws["bot" if leg.bot else "talk"].note(
            stratum, leg.length_ms, leg.end == "closed" or (leg.bot and leg.end != "open")
        )
        if leg.wrap_ms >= 0:
            laws["wrap_up"].note(stratum, leg.wrap_ms, leg.wrap_seen)


def _patience(visit: Visit, outcome: Outcome | None, stratum: Stratum, law: _Law) -> Life:
    if outcome is None or not outcome.waited_for_person or outcome.ended == "abandoned":
        observed = [] if outcome is None else outcome.patiences
        return Life(visit, [*observed, law.draw(stratum, spare=True)])
    return Life(visit, [*outcome.patiences, law.draw(stratum, outcome.cut_ms)])


def _whole(leg: Leg, stratum: Stratum, laws: dict[str, _Law], spares: _Spares) -> Leg:
    """The leg as it would have gone on had nothing cut it off."""
    whole = Leg(leg.bot)
    for name in ("by", "command", "end", "length_ms", "reason", "wrap_ms", "words"):
        setattr(whole, name, getattr(leg, name))
    if leg.is_cut_off:
        whole.drawn = True
        if leg.bot:
            spare = spares.bot()
            whole.end, whole.command, whole.reason, whole.by = spare.end, spare.command, spare.reason, spare.by
            whole.length_ms = _some(laws["bot"].draw(stratum, leg.length_ms, spare=True), leg.length_ms)
        else:
            whole.end = "closed"
            whole.length_ms = _some(laws["talk"].draw(stratum, leg.length_ms), leg.length_ms)
            if leg.first_word_ms < 0:
                word = max(leg.length_ms, spares.first_word(whole.length_ms))
                whole.words = [*leg.words, (min(word, whole.length_ms), Sender.AGENT, False)]
    if not leg.bot and not leg.wrap_seen:
        counted = leg.wrap_ms >= 0
        whole.wrap_ms = laws["wrap_up"].draw(stratum, max(leg.wrap_ms, 0), spare=not counted)
    return whole


def _some(length_ms: int, cut_ms: int) -> int:
    """Where no talk was ever seen to end: it ended where it was cut off."""
    return cut_ms if length_ms >= NEVER else length_ms


class _Spares:
    """Talks for those who had none of that kind."""

    def __init__(self, streams: Streams, bots: Sequence[Leg], first_words: Sequence[int]) -> None:
        self._bots, self._first_words = bots, first_words
        self._words = streams.stream("replay", "first word")
        self._places = streams.stream("replay", "bots")

    def first_word(self, length_ms: int) -> int:
        place = self._words.random()
        if not self._first_words:
            return 0
        return min(self._first_words[int(place * len(self._first_words))], length_ms)

    def person(self, stratum: Stratum, laws: dict[str, _Law]) -> Leg:
        leg = Leg(False)
        leg.drawn, leg.end = True, "closed"
        leg.length_ms = _some(laws["talk"].draw(stratum, spare=True), 0)
        leg.wrap_ms = laws["wrap_up"].draw(stratum, spare=True)
        leg.words = [(self.first_word(leg.length_ms), Sender.AGENT, False)]
        return leg

    def bot(self) -> Leg:
        """One that was seen; where there was none, it hands on at once."""
        place = self._places.random()
        if self._bots:
            return self._bots[int(place * len(self._bots))]
        leg = Leg(True)
        leg.drawn, leg.end = True, "asked"
        return leg


class Answers:
    """What agents do with offers: as recorded where the very offer was recorded, else drawn from what that agent, or with too
    little of it everybody, was seen to do. A draw hangs on the contact and on how many offers it has had, on nothing else."""

    def __init__(self, lives: Lives) -> None:
        self._habits, self._streams = lives.habits, Streams(lives.seed)
        self._missed: Counter[str] = Counter()
        self._all_backs = [back for backs in lives.habits.backs.values() for back in backs]

    def to(self, life: Life, number: int, agent: str) -> tuple[str, int]:
        """``number`` counts the contact's offers from 0. (accepted, declined or missed; after ms.)"""
        recorded = life.visit.answers[number : number + 1]
        cut_ms = -1
        if recorded and recorded[0][0] == agent:
            _, how, after_ms = recorded[0]
            if how:
                return how, after_ms
            cut_ms = after_ms
        own = self._habits.of_agent.get(agent, [])
        seen = own if len(own) >= ENOUGH else self._habits.of_all
        if cut_ms >= 0:
            seen = [each for each in seen if each[1] > cut_ms] or [("missed", cut_ms)]
        if not seen:
            return "accepted", 0
        draws = self._streams.stream("replay", "answer", life.visit.place, number)
        return seen[int(draws.random() * len(seen))]

    def back_after(self, agent: str) -> int:
        """Ms until the agent is ready again after its next missed offer: as recorded while there is a record of it, then drawn from
        all; -1: nobody was seen to come back by himself."""
        place = self._missed[agent]
        self._missed[agent] += 1
        own = self._habits.backs.get(agent, [])
        if place < len(own):
            return own[place]
        seen = self._all_backs
        draws = self._streams.stream("replay", "back", agent, place)
        return seen[int(draws.random() * len(seen))] if seen else -1
