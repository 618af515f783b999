"""Opening hours: what a calendar says is what the wall clock on the shop's wall would say, also when it jumps."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dispatch import hours
from engine.dispatch.hours import DAY_MS, MINUTE_MS, Calendar, Span, Zone, date_of, day_of, weekday_of
from engine.dispatch.policy.zones import find_zone, zone_names

HOUR = 60
EPOCH = date(1970, 1, 1)
SHANGHAI, NEW_YORK, HOWE = "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"
# Half-hour jumps, jumps at midnight, a month of winter in summer, a day that never was, and the plain ones.
ZONES = ["UTC", SHANGHAI, NEW_YORK, HOWE, "America/Havana", "Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu"]
WORK: tuple[Span, ...] = ((9 * HOUR, 18 * HOUR),)
WEEK = (*(WORK,) * 5, (), ())
ALWAYS = (((0, 24 * HOUR),),) * 7


def zone_of(name: str) -> Zone:
    found = find_zone(name)
    assert found is not None
    return found


def day(text: str) -> int:
    return (date.fromisoformat(text) - EPOCH).days


def at(text: str, zone: str = SHANGHAI, *, fold: int = 0) -> int:
    """What the clocks of the zone show, as epoch ms."""
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(local.timestamp() * 1_000)


def shown(instant: int | None, zone: str = SHANGHAI) -> str:
    """The other way round, with the offset, as a winter's 01:30 is not a summer's."""
    if instant is None:
        return "never"
    assert instant % MINUTE_MS == 0
    return datetime.fromtimestamp(instant / 1_000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %z")


def office(zone: str = SHANGHAI, weekly: tuple[tuple[Span, ...], ...] = WEEK, **dates: tuple[Span, ...]) -> Calendar:
    """``d2026_10_01``: what holds on that day."""
    special = {day(name[1:].replace("_", "-")): spans for name, spans in dates.items()}
    return Calendar("office", zone_of(zone), weekly, special)


# --- stories ------------------------------------------------------------------------------------------------------------


def test_an_office_opens_and_closes_at_its_minute() -> None:
    """Open from nine, closed at six: the opening instant belongs to the day's work, the closing one does not."""
    calendar = office()
    nine, six = at("2026-06-22 09:00"), at("2026-06-22 18:00")  # a Monday
    assert [calendar.is_open(nine + step) for step in (-1, 0, 1)] == [False, True, True]
    assert [calendar.is_open(six + step) for step in (-1, 0)] == [True, False]
    assert calendar.next_open(nine - 1) == calendar.next_open(nine) == nine
    assert calendar.next_open(nine + 5) == nine + 5
    assert calendar.next_close(nine) == six
    assert calendar.next_close(six) == six
    assert (calendar.next_change(nine - 1), calendar.next_change(nine), calendar.next_change(six - 1)) == (
        nine,
        six,
        six,
    )
    assert shown(calendar.next_change(at("2026-06-26 18:00"))) == "2026-06-29 09:00 +0800"


def test_the_national_holiday_and_its_make_up_days() -> None:
    """国庆 2026: a week off, and the Sunday before and the Saturday after are worked (调休)."""
    closed = {f"d2026_10_0{n}": () for n in range(1, 8)}
    calendar = office(**closed, d2026_09_27=WORK, d2026_10_10=WORK)
    assert shown(calendar.next_open(at("2026-09-26 12:00"))) == "2026-09-27 09:00 +0800"
    assert shown(calendar.next_open(at("2026-09-30 18:00"))) == "2026-10-08 09:00 +0800"
    assert calendar.is_open(at("2026-10-10 12:00")) and not calendar.is_open(at("2026-10-11 12:00"))
    opened = [shown(begin) for begin, _ in islice(calendar.periods(at("2026-10-08 00:00")), 4)]
    assert [text[5:10] for text in opened] == ["10-08", "10-09", "10-10", "10-12"]


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    """22:00 to 02:00 on New Year's Eve goes on into the holiday; on the holiday itself nobody comes."""
    calendar = office(weekly=(((22 * HOUR, 26 * HOUR),),) * 7, d2027_01_01=())
    assert shown(calendar.next_close(at("2026-12-31 23:00"))) == "2027-01-01 02:00 +0800"
    assert calendar.is_open(at("2027-01-01 01:59"))
    assert shown(calendar.next_open(at("2027-01-01 02:00"))) == "2027-01-02 22:00 +0800"


def test_hours_that_touch_at_midnight_are_one_opening() -> None:
    """Late on Friday and early on Saturday: nobody is told at midnight that it is closed."""
    calendar = office(weekly=((), (), (), (), ((20 * HOUR, 24 * HOUR),), ((0, 6 * HOUR),), ()))
    assert shown(calendar.next_close(at("2026-06-26 21:00"))) == "2026-06-27 06:00 +0800"


def test_spans_of_two_days_that_overlap_are_one_opening() -> None:
    """Till three in the night, and again from two: open throughout."""
    calendar = office(weekly=(((20 * HOUR, 27 * HOUR),), ((2 * HOUR, 5 * HOUR),), (), (), (), (), ()))
    assert shown(calendar.next_close(at("2026-06-22 21:00"))) == "2026-06-23 05:00 +0800"


def test_open_day_and_night_has_no_next_change() -> None:
    """Never closes; with one holiday far ahead it closes for that day, and never after."""
    calendar = office(weekly=ALWAYS)
    now = at("2026-06-22 12:00")
    assert (calendar.is_open(now), calendar.next_open(now)) == (True, now)
    assert (calendar.next_close(now), calendar.next_change(now)) == (None, None)
    calendar = office(weekly=ALWAYS, d2028_02_29=())
    assert shown(calendar.next_close(now)) == "2028-02-29 00:00 +0800"
    assert shown(calendar.next_open(at("2028-02-29 00:00"))) == "2028-03-01 00:00 +0800"
    assert calendar.next_close(at("2028-03-01 00:00")) is None


def test_hours_of_single_days_end_for_good() -> None:
    """A fair in November: open on two days, ten years apart, and then never again."""
    calendar = office(weekly=((),) * 7, d2026_11_11=((0, 24 * HOUR),), d2036_11_11=((8 * HOUR, 9 * HOUR),))
    assert shown(calendar.next_open(at("2026-01-01 00:00"))) == "2026-11-11 00:00 +0800"
    assert shown(calendar.next_open(at("2026-11-12 00:00"))) == "2036-11-11 08:00 +0800"
    after = at("2036-11-11 09:00")
    assert (calendar.next_open(after), calendar.next_close(after), calendar.next_change(after)) == (None, after, None)
    never = office(weekly=((),) * 7)
    assert (never.is_open(0), never.next_open(0), never.next_close(0), never.next_change(0)) == (False, None, 0, None)


@pytest.mark.parametrize(
    ("span", "date_", "opens", "closes"),
    [
        # 8 March 2026: 02:00 EST is 03:00 EDT. What the clocks skip is the moment of the jump.
        ((1 * HOUR, 5 * HOUR), "2026-03-08", "01:00 -0500", "05:00 -0400"),
        ((2 * HOUR + 30, 5 * HOUR), "2026-03-08", "03:00 -0400", "05:00 -0400"),
        ((1 * HOUR, 2 * HOUR + 30), "2026-03-08", "01:00 -0500", "03:00 -0400"),
        # 1 November 2026: 02:00 EDT is 01:00 EST. What comes twice is meant at its first.
        ((0, 1 * HOUR + 30), "2026-11-01", "00:00 -0400", "01:30 -0400"),
        ((1 * HOUR + 30, 3 * HOUR), "2026-11-01", "01:30 -0400", "03:00 -0500"),
        ((1 * HOUR, 2 * HOUR), "2026-11-01", "01:00 -0400", "02:00 -0500"),
    ],
)
def test_the_clocks_change_in_new_york(span: Span, date_: str, opens: str, closes: str) -> None:
    """Early hours on the two Sundays of the year that are not 24 hours long."""
    calendar = office(NEW_YORK, ((),) * 7, **{f"d{date_.replace('-', '_')}": (span,)})
    begin = calendar.next_open(at(f"{date_} 00:00", NEW_YORK) - DAY_MS)
    assert shown(begin, NEW_YORK) == f"{date_} {opens}"
    assert begin is not None and shown(calendar.next_close(begin), NEW_YORK) == f"{date_} {closes}"


def test_an_hour_that_the_clocks_skip_is_not_there() -> None:
    """Open from two to three only: on the day of the jump not at all, a week later as ever."""
    calendar = office(NEW_YORK, ((),) * 6 + (((2 * HOUR, 3 * HOUR),),))
    assert shown(calendar.next_open(at("2026-03-02 00:00", NEW_YORK)), NEW_YORK) == "2026-03-15 02:00 -0400"
    closes = (*(((0, 24 * HOUR),),) * 6, ((0, 2 * HOUR), (3 * HOUR, 24 * HOUR)))
    shuts = office(NEW_YORK, closes)
    assert shown(shuts.next_close(at("2026-03-02 00:00", NEW_YORK)), NEW_YORK) == "2026-03-15 02:00 -0400"


def test_a_day_that_never_was() -> None:
    """Samoa went from 29 to 31 December 2011: who works daily works on both, and not in between."""
    calendar = office("Pacific/Apia", (WORK,) * 7)
    opened = [
        shown(begin, "Pacific/Apia") for begin, _ in islice(calendar.periods(at("2011-12-29 00:00", "Pacific/Apia")), 2)
    ]
    assert opened == ["2011-12-29 09:00 -1000", "2011-12-31 09:00 +1400"]
    assert zone_of("Pacific/Apia").day(at("2011-12-31 00:00", "Pacific/Apia")) == day("2011-12-31")


def test_a_day_of_quotas_begins_at_the_zones_midnight() -> None:
    """Where the clocks jump at midnight the day begins at one; where they fall back at midnight it begins once."""
    zone = zone_of("America/Havana")
    spring, autumn = at("2026-03-07 12:00", "America/Havana"), at("2026-10-31 12:00", "America/Havana")
    assert shown(zone.next_day(spring), "America/Havana") == "2026-03-08 01:00 -0400"
    assert shown(zone.next_day(autumn), "America/Havana") == "2026-11-01 00:00 -0400"
    assert zone.next_day(zone.next_day(autumn)) - zone.next_day(autumn) == 25 * 60 * MINUTE_MS


def test_a_place_that_is_none_has_no_zone() -> None:
    """A folder, a way out of the database, the machine's own time, leap seconds."""
    for name in ("America", "../../etc/passwd", "/etc/localtime", "localtime", "right/UTC", "Mars/Olympus", ""):
        assert find_zone(name) is None
    assert {SHANGHAI, "UTC"} <= set(zone_names())


# --- against the standard library, and minute by minute -----------------------------------------------------------------

zones = st.sampled_from(ZONES)
instants = st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1)).map(  # noqa: DTZ001  # given its zone in a moment
    lambda moment: int(moment.replace(tzinfo=UTC).timestamp()) * 1_000
)
JUMPS = [begin for name in ZONES for begin in zone_of(name).begins if begin > 0]
near_jumps = st.builds(
    lambda jump, minutes: jump + minutes * MINUTE_MS, st.sampled_from(JUMPS), st.integers(-3_000, 3_000)
)
moments = instants | near_jumps


@given(st.integers(-1_000_000, 1_000_000))
def test_dates_are_counted_as_the_standard_library_counts(number: int) -> None:
    """Any day within some thousand years, both ways."""
    if not date.min.toordinal() <= EPOCH.toordinal() + number <= date.max.toordinal():
        return
    said = EPOCH + timedelta(days=number)
    assert date_of(number) == (said.year, said.month, said.day)
    assert day_of(said.year, said.month, said.day) == number
    assert weekday_of(number) == said.weekday()


@given(zones, moments)
def test_a_zones_table_shows_what_the_database_shows(name: str, instant: int) -> None:
    """Offsets at any moment, and at the very millisecond of a jump."""
    zone, info = zone_of(name), ZoneInfo(name)
    for moment in (instant - 1, instant):
        whole, rest = divmod(moment, 1_000)
        local = datetime.fromtimestamp(whole, info).replace(tzinfo=UTC)
        assert zone.local(moment) == int(local.timestamp()) * 1_000 + rest


@given(zones, moments)
def test_a_local_time_is_its_first_instant(name: str, instant: int) -> None:
    """No earlier minute of the two days before shows that local time or a later one."""
    zone = zone_of(name)
    local = zone.local(instant)
    found = zone.instant(local)
    assert zone.local(found) >= local > zone.local(found - 1)
    assert found <= instant
    assert all(zone.local(found - minute * MINUTE_MS) < local for minute in range(1, 2 * 1_440, 7))


spans = st.lists(st.integers(0, 48).map(lambda half: half * 30), min_size=2, max_size=4, unique=True).map(
    lambda times: tuple(zip(*[iter(sorted(times))] * 2, strict=False))
)
nights = st.tuples(st.integers(20, 23), st.integers(25, 40)).map(lambda pair: ((pair[0] * HOUR, pair[1] * HOUR),))
days = st.just(()) | spans | nights | st.just(((0, 24 * HOUR),))


@st.composite
def calendars(draw: st.DrawFn) -> tuple[Calendar, int]:
    """A calendar and a moment near one of the days that it names, or near a jump of its zone."""
    zone = zone_of(draw(zones))
    moment = draw(moments)
    around = zone.day(moment)
    named = draw(st.dictionaries(st.integers(-3, 5).map(lambda n: around + n), days, max_size=4))
    return Calendar("c", zone, draw(st.tuples(*[days] * 7)), dict(sorted(named.items()))), moment


@settings(max_examples=60, deadline=None)
@given(calendars())
def test_what_comes_next_is_what_every_minute_says(case: tuple[Calendar, int]) -> None:
    """Four days minute by minute: the next opening, closing and change are the first ones that is_open shows."""
    calendar, moment = case
    start = moment - moment % MINUTE_MS
    minutes = [start + n * MINUTE_MS for n in range(4 * 1_440)]
    opened = [calendar.is_open(one) for one in minutes]
    for found, wanted in ((calendar.next_open(start), True), (calendar.next_close(start), False)):
        first = minutes[opened.index(wanted)] if wanted in opened else None
        assert found == first or (first is None and (found is None or found > minutes[-1]))
    change = calendar.next_change(start)
    other = not opened[0]
    first = minutes[opened.index(other)] if other in opened else None
    assert change == first or (first is None and (change is None or change > minutes[-1]))


@settings(max_examples=60, deadline=None)
@given(calendars())
def test_the_wall_clock_agrees_away_from_jumps(case: tuple[Calendar, int]) -> None:
    """Where the clocks do not change within three days, open is what the local time of day says."""
    calendar, moment = case
    zone = calendar.zone
    if len({zone.local(moment + n * DAY_MS) - (moment + n * DAY_MS) for n in (-3, -2, -1, 0, 1)}) > 1:
        return
    number, minute = zone.day(moment), zone.local(moment) % DAY_MS / MINUTE_MS

    def spans_of(one: int) -> tuple[Span, ...]:
        return calendar.dates.get(one, calendar.weekly[weekday_of(one)])

    today = any(begin <= minute < end for begin, end in spans_of(number))
    yesterday = any(begin <= minute + 1_440 < end for begin, end in spans_of(number - 1))
    assert calendar.is_open(moment) == (today or yesterday)


def test_periods_are_in_order_and_apart() -> None:
    """A year of openings, without gap or overlap between neighbours."""
    calendar = office(NEW_YORK, (*(((8 * HOUR, 26 * HOUR),),) * 6, ((1 * HOUR, 3 * HOUR),)))
    found = list(islice(calendar.periods(at("2026-01-01 00:00", NEW_YORK)), 12))
    assert len(found) >= 10
    for (begin, end), (following, _) in pairwise(found):
        assert end is not None and begin < end < following
    assert hours.UTC.next_day(5) == DAY_MS


def test_periods_end_with_a_whole_one() -> None:
    """Open all week but for Sundays: where the list ends, in the middle of a week, no opening is called endless."""
    calendar = office("UTC", (*(((0, 24 * HOUR),),) * 6, ()))
    for start in range(7):
        running, *found = calendar.periods((day("2026-06-22") + start) * DAY_MS)
        assert running[1] is not None
        assert {(weekday_of(begin // DAY_MS), end and weekday_of(end // DAY_MS)) for begin, end in found} == {(0, 6)}
