"""A scenario: who writes when about what, who answers and how; read from TOML, checked as a whole.

Files keep people's units (seconds, shares, ``HH:MM``); what comes out of :mod:`sim.arrivals` and the actors is integer
milliseconds. Nothing here draws a number.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from engine.dispatch.commands import AgentKind, Attributes

T = TypeVar("T")
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[float, msgspec.Meta(ge=0)]
Level = Annotated[int, msgspec.Meta(ge=1, le=10)]
Span = tuple[str, str]

DAY_MS = 24 * 3_600_000
HALF_HOUR_MS = 1_800_000


class ScenarioErrors(ValueError):
    """Everything wrong with a scenario file, each with the file and the path inside it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Length(_Table, frozen=True):
    """A lognormal length of time: its mean in seconds and the deviation of its logarithm."""

    mean_s: Positive
    sigma: Positive = 0.0


class Weibull(_Table, frozen=True):
    scale_s: Positive
    shape: Annotated[float, msgspec.Meta(gt=0)] = 1.0


class Surge(_Table, frozen=True):
    """``adds`` × the profile's rate on top of it, from ``at`` for ``for_s`` seconds; of one topic, or of all."""

    name: str
    at: str
    for_s: Positive
    adds: Positive
    topic: str = ""


class DayTable(_Table, frozen=True):
    """``titles``: the title in other languages, by code (``zh``)."""

    title: str
    titles: dict[str, str] = {}
    profile: str = ""
    half_hours: tuple[Positive, ...] = ()
    day_alpha: Positive = 0.0
    half_hour_alpha: Positive = 0.0
    surges: tuple[Surge, ...] = ()
    shifts: dict[str, Span] = {}


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


class ChannelTable(_Table, frozen=True):
    share: Share
    mail: bool = False


class Topic(_Table, frozen=True):
    share: Share
    contain: Share
    words: tuple[str, ...]
    attributes: Attributes = {}
    passed_to: str = ""


class Customers(_Table, frozen=True):
    vip: Share
    english: Share
    overseas: Share
    blocked: Share
    asks_person: Share
    patience: Weibull
    silent: Share
    found_out: Length
    nudge: Share
    think: Length
    rounds: Annotated[float, msgspec.Meta(ge=1)]
    bot_rounds: Annotated[float, msgspec.Meta(ge=1)]
    burst: Share
    ends_itself: Share
    comes_back: Share = 0.0
    back_after: Length = Length(90.0)


class Mail(_Table, frozen=True):
    """``work``: what one answer takes."""

    work: Length


class People(_Table, frozen=True):
    accept: Length
    decline: Share
    decline_after: Length
    ignore: Share
    back_after_rona: Length
    reply: Length
    total_rate_by_level: Annotated[tuple[float, ...], msgspec.Meta(min_length=1)]
    silence: Length
    wrap_up: Length
    pass_on: Share
    cuts_per_hour: Positive
    away: Length
    breaks_per_hour: Positive
    break_length: Length

    def slowdown(self, level: int) -> float:
        """How much longer one chat's work takes when ``level`` chats are worked on at once (1.0 when alone)."""
        rates = self.total_rate_by_level
        return max(1, level) / rates[min(max(1, level), len(rates)) - 1]


class Bots(_Table, frozen=True):
    count: Annotated[int, msgspec.Meta(ge=0, le=100)]
    capacity: Annotated[int, msgspec.Meta(ge=1)]
    answer: Length
    silence: Length


class Some(_Table, frozen=True):
    share: Share
    level: tuple[Level, Level]


class Team(_Table, frozen=True):
    """A group of like agents. ``crews``: how many of them work which shift."""

    name: str
    kind: AgentKind
    crews: dict[str, int]
    capacity: tuple[int, int]
    skills: dict[str, tuple[Level, Level]]
    some: dict[str, Some] = {}
    pools: tuple[str, ...] = ()
    channel_limits: dict[str, int] = {}
    cuts_per_hour: Positive | None = None


class Head(_Table, frozen=True):
    name: str
    tenant: str
    policy: str
    day: str
    volume: Annotated[int, msgspec.Meta(ge=1)]
    at: str = "09:30"
    seed: Annotated[int, msgspec.Meta(ge=0)] = 1
    for_h: Positive = 0.0
    drain_s: Positive = 1_800.0
    warm_up_s: Positive = 0.0


class _File(_Table, frozen=True):
    scenario: Head
    days: dict[str, DayTable]
    channels: dict[str, ChannelTable]
    shops: dict[str, Share]
    topics: dict[str, Topic]
    customers: Customers
    mail: Mail
    shifts: dict[str, Span]
    people: People
    bots: Bots
    teams: tuple[Team, ...]


class Scenario(msgspec.Struct, frozen=True):
    """A checked scenario. ``at_ms``: ms of the day at which play starts; ``policy_text``: the policy file's text."""

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
    shifts: dict[str, tuple[int, int]]
    people: People
    bots: Bots
    teams: tuple[Team, ...]


def load_scenario(
    path: Path, *, day: str | None = None, at: str | None = None, volume: int | None = None, seed: int | None = None
) -> Scenario:
    """Read, check, and override; raises :class:`ScenarioErrors` with every problem found."""
    file = _read(path)
    problems = list(_problems(file, str(path)))
    name = day or file.scenario.day
    start = at or file.scenario.at
    if name not in file.days:
        problems.append(f"{path}: the day is {name!r}, wanted one of {', '.join(sorted(file.days))} (days)")
    if clock_ms(start) is None or start == "24:00":
        problems.append(f"{path}: at is {start!r}, wanted HH:MM from 00:00 to 23:59 (scenario.at)")
    policy_path = path.parent / file.scenario.policy
    policy_text = ""
    try:
        policy_text = policy_path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{path}: policy {policy_path} cannot be read: {error} (scenario.policy)")
    if problems:
        raise ScenarioErrors(problems)
    return Scenario(
        path=str(path),
        name=file.scenario.name,
        tenant=file.scenario.tenant,
        seed=file.scenario.seed if seed is None else seed,
        volume=file.scenario.volume if volume is None else volume,
        at_ms=clock_ms(start) or 0,
        end_ms=(clock_ms(start) or 0) + round(file.scenario.for_h * 3_600_000) if file.scenario.for_h else DAY_MS,
        drain_ms=round(file.scenario.drain_s * 1000),
        warm_up_ms=round(file.scenario.warm_up_s * 1000),
        origin_ms=0,
        day=_shape(name, file.days[name], path),
        policy_path=str(policy_path),
        policy_text=policy_text,
        channels=file.channels,
        shops=file.shops,
        topics=file.topics,
        customers=file.customers,
        mail=file.mail,
        shifts={shift: _span(span) for shift, span in file.shifts.items()},
        people=file.people,
        bots=file.bots,
        teams=file.teams,
    )


def clock_ms(text: str) -> int | None:
    """``HH:MM`` (up to 24:00) as ms of the day; None when it is no such time."""
    hours, colon, minutes = text.partition(":")
    if not (colon and hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2 and int(minutes) < 60):
        return None
    instant = (int(hours) * 60 + int(minutes)) * 60_000
    return instant if instant <= DAY_MS else None


def clock_text(ms: int) -> str:
    """Ms of the day as ``HH:MM:SS``; past midnight it starts again."""
    seconds = ms // 1000 % 86_400
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _read(path: Path) -> _File:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioErrors([f"{path}: cannot be read: {error}"]) from error
    except tomllib.TOMLDecodeError as error:
        raise ScenarioErrors([f"{path}: is not TOML: {error}"]) from error
    problems: list[str] = []
    parts: dict[str, Any] = {}
    # Table by table: msgspec stops at its first error, and a reader wants to see all of them.
    for field in msgspec.structs.fields(_File):
        if field.name not in tables:
            problems.append(f"{path}: the table {field.name!r} is missing")
            continue
        try:
            parts[field.name] = msgspec.convert(tables.pop(field.name), field.type)
        except msgspec.ValidationError as error:
            problems.append(_placed(path, field.name, error))
    problems += [f"{path}: unknown table {name!r}" for name in tables]
    if problems:
        raise ScenarioErrors(problems)
    return _File(**parts)


def _placed(path: Path, table: str, error: msgspec.ValidationError) -> str:
    """``Expected `float` <= 1.0 - at `$.vip``` becomes ``…: customers.vip: expected float <= 1.0``."""
    what, _, place = str(error).partition(" - at `$")
    where = place.rstrip("`") if place else ""
    return f"{path}: {table}{where}: {what[:1].lower()}{what[1:]}".replace("`", "")


def _problems(file: _File, path: str) -> Iterator[str]:
    for name, topic in file.topics.items():
        if topic.passed_to and topic.passed_to not in file.topics:
            yield f"{path}: topics.{name}.passed_to is {topic.passed_to!r}, wanted one of {', '.join(file.topics)}"
    for table, shares in (
        ("topics", [topic.share for topic in file.topics.values()]),
        ("channels", [channel.share for channel in file.channels.values()]),
        ("shops", list(file.shops.values())),
    ):
        if abs(sum(shares) - 1) > 1e-6:
            yield f"{path}: {table}: the shares sum to {sum(shares):g}, wanted 1"
    for name, day in file.days.items():
        yield from _day_problems(file, f"{path}: days.{name}", day)
    for name, span in file.shifts.items():
        yield from _span_problems(f"{path}: shifts.{name}", span)
    for place, team in enumerate(file.teams):
        yield from _team_problems(file, f"{path}: teams[{place}] ({team.name})", team)


def _day_problems(file: _File, where: str, day: DayTable) -> Iterator[str]:
    if bool(day.profile) == bool(day.half_hours):
        yield f"{where}: wanted exactly one of profile and half_hours"
    if day.half_hours and (len(day.half_hours) != 48 or sum(day.half_hours) <= 0):
        yield f"{where}.half_hours: got {len(day.half_hours)} weights, wanted 48 with a positive sum"
    for place, surge in enumerate(day.surges):
        if clock_ms(surge.at) is None:
            yield f"{where}.surges[{place}].at is {surge.at!r}, wanted HH:MM"
        if surge.topic and surge.topic not in file.topics:
            yield f"{where}.surges[{place}].topic is {surge.topic!r}, wanted one of {', '.join(file.topics)}"
    for name, span in day.shifts.items():
        if name not in file.shifts:
            yield f"{where}.shifts.{name}: wanted one of {', '.join(file.shifts)}"
        yield from _span_problems(f"{where}.shifts.{name}", span)


def _span_problems(where: str, span: Span) -> Iterator[str]:
    begin, end = clock_ms(span[0]), clock_ms(span[1])
    if begin is None or end is None or begin >= end:
        yield f"{where}: got {span[0]!r} to {span[1]!r}, wanted two times HH:MM, the earlier first"


def _team_problems(file: _File, where: str, team: Team) -> Iterator[str]:
    for shift, count in team.crews.items():
        if shift not in file.shifts:
            yield f"{where}.crews: unknown shift {shift!r}, wanted one of {', '.join(file.shifts)}"
        if count < 0:
            yield f"{where}.crews.{shift} is {count}, wanted 0 or more"
    if not 1 <= team.capacity[0] <= team.capacity[1]:
        yield f"{where}.capacity is {list(team.capacity)}, wanted [least, most] with 1 <= least <= most"
    levels = [*team.skills.items(), *((skill, some.level) for skill, some in team.some.items())]
    for skill, (low, high) in levels:
        if low > high:
            yield f"{where}: skill {skill}: levels {low} to {high}, wanted the lower first"


def _span(span: Span) -> tuple[int, int]:
    return clock_ms(span[0]) or 0, clock_ms(span[1]) or 0


def _shape(name: str, table: DayTable, path: Path) -> Day:
    weights, alpha = table.half_hours, table.day_alpha
    if table.profile:
        weights, measured = _profile(path.parent / table.profile, f"{path}: days.{name}.profile")
        alpha = alpha or measured
    total = sum(weights)
    return Day(
        name=name,
        title=table.title,
        titles=table.titles,
        half_hours=tuple(weight / total for weight in weights),
        day_alpha=alpha,
        half_hour_alpha=table.half_hour_alpha,
        surges=table.surges,
        shifts={shift: _span(span) for shift, span in table.shifts.items()},
    )


class _Profile(msgspec.Struct, frozen=True):
    """What we read of a profile file; the rest of it is documentation."""

    half_hour_mean_calls: tuple[Positive, ...]
    implied_gamma_alpha: Positive = 0.0


def _profile(path: Path, where: str) -> tuple[tuple[float, ...], float]:
    try:
        profile = msgspec.json.decode(path.read_bytes(), type=_Profile)
    except OSError as error:
        raise ScenarioErrors([f"{where}: {path} cannot be read: {error}"]) from error
    except msgspec.MsgspecError as error:
        raise ScenarioErrors([f"{where}: {path}: {error}"]) from error
    weights = profile.half_hour_mean_calls
    if len(weights) != 48 or sum(weights) <= 0:
        raise ScenarioErrors([f"{where}: {path}: got {len(weights)} half hours, wanted 48 with a positive sum"])
    return weights, profile.implied_gamma_alpha
