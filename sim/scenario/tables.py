"""The tables of a scenario file, as its author writes them. Units are people's: seconds, shares of 1, ``HH:MM``.

What is left out has a default that leaves it out of the play, too: nobody silent, no breaks, no faults.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from engine.dispatch.commands import AgentKind, Attributes

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[float, msgspec.Meta(ge=0)]
Above = Annotated[float, msgspec.Meta(gt=0)]
Level = Annotated[int, msgspec.Meta(ge=1, le=10)]
Count = Annotated[int, msgspec.Meta(ge=0)]
Span = tuple[str, str]
# From this time of day on: so many a minute.
Rate = tuple[str, Positive]
# After so many seconds: this share.
Point = tuple[Positive, Share]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Length(Table, frozen=True):
    """A length of time by its law; without ``law`` told by its keys.

    ``lognormal`` (the usual): ``mean_s`` and ``sigma`` of its logarithm, 0 for always the mean; ``exponential`` and
    ``deterministic``: ``mean_s``; ``gamma``: ``mean_s`` and ``cv2``; ``weibull``: ``scale_s`` and ``shape``;
    ``hyperexponential``: ``shares`` of ``means_s``; ``empirical``: ``values_s``, or a ``file`` of them, each as likely;
    ``survival``: points [seconds, share still there], or made of a file of ``censored`` lengths by Kaplan and Meier,
    exponential beyond the last. ``balk``: that share is 0, whatever the law.
    """

    mean_s: Positive = 0.0
    sigma: Positive = 0.0
    law: Literal[
        "", "lognormal", "exponential", "deterministic", "gamma", "weibull", "hyperexponential", "empirical", "survival"
    ] = ""
    cv2: Above = 1.0
    scale_s: Positive = 0.0
    shape: Above = 1.0
    shares: tuple[Share, ...] = ()
    means_s: tuple[Positive, ...] = ()
    values_s: tuple[Positive, ...] = ()
    file: str = ""
    survival: tuple[Point, ...] = ()
    censored: str = ""
    balk: Share = 0.0

    @property
    def kind(self) -> str:
        """The law by name, also where the file leaves it to the keys."""
        if self.law:
            return self.law
        if self.scale_s:
            return "weibull"
        if self.means_s:
            return "hyperexponential"
        if self.values_s or self.file:
            return "empirical"
        return "survival" if self.survival or self.censored else "lognormal"


class Surge(Table, frozen=True):
    """``adds`` × the profile's rate on top of it, from ``at`` for ``for_s`` seconds; of one topic, or of all."""

    name: str
    at: str
    for_s: Positive
    adds: Positive
    topic: str = ""


class DayTable(Table, frozen=True):
    """``half_hours``: 48 weights, or 24 for whole hours; ``titles``: the title in other languages, by code (``zh``)."""

    title: str
    titles: dict[str, str] = {}
    profile: str = ""
    half_hours: tuple[Positive, ...] = ()
    day_alpha: Positive = 0.0
    half_hour_alpha: Positive = 0.0
    surges: tuple[Surge, ...] = ()
    shifts: dict[str, Span] = {}


class Flow(Table, frozen=True):
    """One stream of contacts beside the day's own. What it does not name is drawn by the scenario's shares.

    Exactly one of: ``rates`` a minute from these times of day on; ``volume`` a day in the shape of the day (or of
    ``half_hours``); ``counts``, a CSV file; ``driver`` × ``contact_rate``, each contact ``lag`` after what it is about.
    ``queue``: only topics that the policy puts there. ``days``: on these days of the run alone, counted from 1.
    ``exact``: so many as counted, instead of about as many.
    """

    name: str
    rates: tuple[Rate, ...] = ()
    volume: Positive = 0.0
    half_hours: tuple[Positive, ...] = ()
    counts: str = ""
    interval_min: Annotated[float, msgspec.Meta(gt=0, le=1440)] = 30.0
    exact: bool = False
    driver: str = ""
    contact_rate: Positive = 0.0
    lag: Length = Length()
    days: tuple[Annotated[int, msgspec.Meta(ge=1, le=366)], ...] = ()
    channel: str = ""
    shop: str = ""
    topic: str = ""
    queue: str = ""
    tier: str = ""
    attributes: Attributes = {}
    day_alpha: Positive | None = None
    half_hour_alpha: Positive | None = None


class Driver(Table, frozen=True):
    """What makes contacts: visitors, orders, deliveries. Given as a flow's: ``rates``, ``volume`` or ``counts``."""

    rates: tuple[Rate, ...] = ()
    volume: Positive = 0.0
    half_hours: tuple[Positive, ...] = ()
    counts: str = ""
    interval_min: Annotated[float, msgspec.Meta(gt=0, le=1440)] = 30.0
    days: tuple[Annotated[int, msgspec.Meta(ge=1, le=366)], ...] = ()


class ChannelTable(Table, frozen=True):
    share: Share
    mail: bool = False


class Topic(Table, frozen=True):
    """``contain``: the share that a bot settles. ``value``: money that one such contact is worth."""

    share: Share
    contain: Share = 0.0
    words: tuple[str, ...] = ()
    attributes: Attributes = {}
    passed_to: str = ""
    value: Positive = 0.0


class Tier(Table, frozen=True):
    """A kind of customer. ``attributes`` besides ``tier``; ``value`` × its topic's; ``patience`` of its own."""

    share: Share
    attributes: Attributes = {}
    patience: Length | None = None
    value: Positive = 1.0


class Customers(Table, frozen=True):
    """``found_out``: how long after a silent leaving it is noticed. ``comes_back``: of those who left, at most
    ``times`` each; ``retries``: of those turned away. ``recontact``: of those served, with the same matter again."""

    patience: Length
    english: Share = 0.0
    overseas: Share = 0.0
    blocked: Share = 0.0
    asks_person: Share = 0.0
    silent: Share = 0.0
    found_out: Length = Length(60.0)
    nudge: Share = 0.0
    think: Length = Length(45.0)
    rounds: Annotated[float, msgspec.Meta(ge=1)] = 1.0
    bot_rounds: Annotated[float, msgspec.Meta(ge=1)] = 1.0
    burst: Share = 0.0
    ends_itself: Share = 1.0
    comes_back: Share = 0.0
    back_after: Length = Length(90.0)
    times: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    retries: Share = 0.0
    retry_after: Length = Length(300.0)
    recontact: Share = 0.0
    recontact_after: Length = Length(3_600.0)


class Mail(Table, frozen=True):
    """``work``: what one answer takes."""

    work: Length


class Work(Table, frozen=True):
    """What a contact takes altogether while it is connected, if it is of these; the first that fits counts.

    Who has a ``time`` here talks as long as that; who has none talks by turns (``people.reply``).
    """

    time: Length
    topic: str = ""
    queue: str = ""
    skill: str = ""
    channel: str = ""
    shop: str = ""
    tier: str = ""


class People(Table, frozen=True):
    """How people work. ``total_rate_by_level[j - 1]``: speed of all j chats together, where 1 alone has 1.0.

    ``reply``: one reply's work, for conversations by turns. ``attention``: ``shared`` over all chats, or ``one`` at a
    time, by ``order`` of replying. ``first_reply``: the first word to a contact whose work is given as a whole.
    """

    accept: Length = Length()
    decline: Share = 0.0
    decline_after: Length = Length(3.0)
    ignore: Share = 0.0
    back_after_rona: Length = Length(30.0)
    reply: Length | None = None
    first_reply: Length | None = None
    total_rate_by_level: Annotated[tuple[Above, ...], msgspec.Meta(min_length=1)] = (1.0,)
    attention: Literal["shared", "one"] = "shared"
    order: Literal["oldest", "newest", "new_customers_first"] = "oldest"
    silence: Length = Length(180.0)
    wrap_up: Length = Length()
    pass_on: Share = 0.0
    cuts_per_hour: Positive = 0.0
    away: Length = Length(25.0)
    breaks_per_hour: Positive = 0.0
    break_length: Length = Length(420.0)

    def slowdown(self, level: int) -> float:
        """How much longer one chat's work takes when ``level`` chats are worked on at once (1.0 when alone)."""
        rates = self.total_rate_by_level
        return max(1, level) / rates[min(max(1, level), len(rates)) - 1]


class Bots(Table, frozen=True):
    """``answer``: until each of its answers. ``session``: a bot keeps a contact as long as that, says one word in it (none
    where ``answer`` takes no time) and settles it or hands it on; without it, it talks by turns."""

    count: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    pool: str = "bot"
    capacity: Annotated[int, msgspec.Meta(ge=1)] = 1_000
    answer: Length = Length(1.0)
    silence: Length = Length(240.0)
    session: Length | None = None


class Some(Table, frozen=True):
    share: Share
    level: tuple[Level, Level]


class Team(Table, frozen=True):
    """A group of like agents. ``crews``: how many of them work which shift.

    ``breaks``: times of day off, one agent after the other over ``breaks_stagger_s``. ``shrinkage``: the share that is not there at all that day. ``late``: how much after the
    shift's beginning one signs on (adherence); ``ramp_s``: the team comes one by one over so long. ``pace``: speed of work.
    """

    name: str
    kind: AgentKind
    crews: dict[str, Count]
    capacity: tuple[Annotated[int, msgspec.Meta(ge=1)], Annotated[int, msgspec.Meta(ge=1)]]
    skills: dict[str, tuple[Level, Level]] = {}
    some: dict[str, Some] = {}
    attributes: Attributes = {}
    pools: tuple[str, ...] = ()
    channel_limits: dict[str, int] = {}
    cuts_per_hour: Positive | None = None
    site: str = ""
    breaks: tuple[Span, ...] = ()
    breaks_stagger_s: Positive = 0.0
    shrinkage: Share = 0.0
    late: Length | None = None
    ramp_s: Positive = 0.0
    pace: Above = 1.0
    cost_per_hour: Positive = 0.0


class Fault(Table, frozen=True):
    """Something goes wrong at ``at`` of the run's ``day`` (from 1), for ``for_s``.

    ``agents_drop`` (a ``share`` of a team, site or pool), ``site_outage`` (all of a site), ``bot_down``: their lines are cut
    and back at once. ``late``: a team or pool begins its shifts of that day so much later. ``engine_restart``: nobody is heard.
    """

    kind: Literal["agents_drop", "site_outage", "bot_down", "late", "engine_restart"]
    at: str = "00:00"
    for_s: Above = 60.0
    day: Annotated[int, msgspec.Meta(ge=1, le=366)] = 1
    team: str = ""
    site: str = ""
    pool: str = ""
    share: Share = 1.0


class Swap(Table, frozen=True):
    """From ``at`` of the run's ``day`` (from 1) on another ``policy`` is in force, applied to the engine as it runs."""

    policy: str
    at: str
    day: Annotated[int, msgspec.Meta(ge=1, le=366)] = 1


class Money(Table, frozen=True):
    """``conversion``: the share of a contact's value that is kept when it has waited [seconds, share], straight between
    the points; who leaves unserved keeps ``abandoned``."""

    conversion: tuple[Point, ...] = ((0.0, 1.0),)
    abandoned: Share = 0.0


class Head(Table, frozen=True):
    """``day``: the shape of every day, or ``days``: one name each, for a run of several. ``volume``: a day's contacts in
    that shape, surges apart. Customers come for ``for_h`` hours (0: to the end of the last day), and whoever is there then
    is served for ``drain_s`` more at most. ``date``: of the first day, for policies with opening hours."""

    name: str
    policy: str
    tenant: str = ""
    title: str = ""
    titles: dict[str, str] = {}
    day: str = ""
    days: tuple[str, ...] = ()
    date: str = ""
    volume: Count = 0
    at: str = "00:00"
    for_h: Positive = 0.0
    drain_s: Positive = 3_600.0
    warm_up_s: Positive = 0.0
    seed: Count = 1


class File(Table, frozen=True):
    scenario: Head
    days: dict[str, DayTable]
    channels: dict[str, ChannelTable]
    topics: dict[str, Topic]
    customers: Customers
    shifts: dict[str, tuple[Span, ...] | Span]
    teams: tuple[Team, ...]
    shops: dict[str, Share] = {}
    tiers: dict[str, Tier] = {}
    flows: tuple[Flow, ...] = ()
    drivers: dict[str, Driver] = {}
    mail: Mail = Mail(Length(180.0))
    work: tuple[Work, ...] = ()
    people: People = People()
    bots: Bots = Bots()
    faults: tuple[Fault, ...] = ()
    swaps: tuple[Swap, ...] = ()
    money: Money = Money()
