"""A scenario that has been read and checked: what the actors, the arrivals and the twin are given. Nothing here draws."""

from __future__ import annotations

import msgspec

from engine.dispatch.commands import Attributes
from sim.scenario.tables import (
    Bots,
    ChannelTable,
    Customers,
    Fault,
    Length,
    Mail,
    Money,
    People,
    Surge,
    Team,
    Tier,
    Topic,
    Work,
)

DAY_MS = 24 * 3_600_000
HALF_HOUR_MS = 1_800_000


class Day(msgspec.Struct, frozen=True):
    """A day's shape. ``half_hours``: 48 weights that sum to 1; an alpha of 0: no Gamma factor."""

    name: str
    title: str
    titles: dict[str, str]
    half_hours: tuple[float, ...]
    day_alpha: float
    half_hour_alpha: float
    surges: tuple[Surge, ...]
    shifts: dict[str, tuple[int, int]]

    def title_in(self, language: str) -> str:
        """In this language where the scenario has it, else as it stands."""
        return self.titles.get(language, self.title)


class Source(msgspec.Struct, frozen=True):
    """How many come when. One of: ``rates`` (ms of the day, per ms from then on); ``volume`` a day over ``half_hours``
    (none: the day's own); ``counts`` per ``interval_ms`` from the first midnight on. ``days``: places of days, from 0."""

    rates: tuple[tuple[int, float], ...] = ()
    volume: float = 0.0
    half_hours: tuple[float, ...] = ()
    counts: tuple[float, ...] = ()
    interval_ms: int = HALF_HOUR_MS
    days: frozenset[int] = frozenset()


class Flow(msgspec.Struct, frozen=True):
    """One stream of contacts beside the day's own. With a ``lag`` the source is a driver's, ``contact_rate`` of which write
    that much later. What is empty is drawn by the scenario's shares; ``topics`` are those it may be about.
    A negative alpha: the day's own factor, and so in step with all others."""

    name: str
    source: Source
    exact: bool = False
    contact_rate: float = 1.0
    lag: Length | None = None
    channel: str = ""
    shop: str = ""
    topics: tuple[str, ...] = ()
    tier: str = ""
    attributes: Attributes = {}
    day_alpha: float = -1.0
    half_hour_alpha: float = -1.0


class Swap(msgspec.Struct, frozen=True):
    """Another policy from ``at_ms`` (from the run's first midnight) on; ``policy_text``: its file's text."""

    at_ms: int
    policy_text: str


class Scenario(msgspec.Struct, frozen=True):
    """A checked scenario. ``at_ms``, ``end_ms``: customers come from then until then, in ms from the first day's midnight,
    which is ``origin_ms`` of dispatcher time; ``calendar``: the days of the run in order, ``day`` the first of them;
    ``policy_text``: the policy file's text; ``shifts``: spans of ms of the day; ``swaps``: in order, within the run;
    ``staggers``: shift → the share (0 to 1) of its team's stagger and ramp at which its crew begins, where that is not the
    beginning."""

    path: str
    name: str
    tenant: str
    seed: int
    volume: int
    at_ms: int
    end_ms: int
    drain_ms: int
    warm_up_ms: int
    origin_ms: int
    day: Day
    policy_path: str
    policy_text: str
    channels: dict[str, ChannelTable]
    shops: dict[str, float]
    topics: dict[str, Topic]
    customers: Customers
    mail: Mail
    shifts: dict[str, tuple[tuple[int, int], ...]]
    people: People
    bots: Bots
    teams: tuple[Team, ...]
    calendar: tuple[Day, ...] = ()
    title: str = ""
    titles: dict[str, str] = {}
    tiers: dict[str, Tier] = {}
    flows: tuple[Flow, ...] = ()
    work: tuple[Work, ...] = ()
    faults: tuple[Fault, ...] = ()
    swaps: tuple[Swap, ...] = ()
    money: Money = Money()
    staggers: dict[str, float] = {}

    def day_of(self, place: int) -> Day:
        """The day of the run at this place, from 0; past the last it repeats."""
        return self.calendar[min(place, len(self.calendar) - 1)] if self.calendar else self.day

    def title_in(self, language: str) -> str:
        """What it is, in this language where the file has it."""
        return self.titles.get(language, self.title) or self.day.title_in(language)

    def spans_of(self, shift: str, place: int = 0) -> tuple[tuple[int, int], ...]:
        """The shift's spans, in ms of the day, on the day at this place of the run."""
        own = self.day_of(place).shifts.get(shift)
        return (own,) if own else self.shifts[shift]


def clock_ms(text: str) -> int | None:
    """``HH:MM`` or ``HH:MM:SS`` (up to 24:00) as ms of the day; None when it is no such time."""
    parts = text.split(":")
    if not (2 <= len(parts) <= 3 and all(part.isascii() and part.isdigit() for part in parts)):
        return None
    if any(len(part) != 2 or int(part) > 59 for part in parts[1:]) or len(parts[0]) > 2:
        return None
    hours, minutes, seconds = (*map(int, parts), 0)[:3]
    instant = ((hours * 60 + minutes) * 60 + seconds) * 1000
    return instant if instant <= DAY_MS else None


def clock_text(ms: int) -> str:
    """Ms of the day as ``HH:MM:SS``; past midnight it starts again."""
    seconds = ms // 1000 % 86_400
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
