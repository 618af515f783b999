"""The folds: a small history by hand, random ones the long way round, and parts that add to the whole."""

from __future__ import annotations

import msgspec
import pytest

from engine.dispatch import events as ev
from engine.measures.contacts import DIMENSIONS, QUEUE
from engine.measures.definitions import MEASURES, Terms
from engine.measures.rows import StaffRow
from engine.measures.sheet import Measures, Sheet, read
from engine.ports import Committed, Principal, Record
from engine.store.records import command_of, encode_events, events_of, open_record, seal
from engine.telemetry.tally import Tally
from tests.dispatch.stage import Stage
from tests.measures.naive import random_play

MINUTE = 60_000
INTERVAL = 10 * MINUTE
SEEDS = [1, 2, 3, 4, 5]


def folded(
    calls: list[list[ev.Event]], now: int, interval_ms: int = INTERVAL, dimensions: tuple[str, ...] = ()
) -> Sheet:
    measures = Measures(interval_ms, dimensions=dimensions)
    for events in calls:
        measures.hear(events)
    return measures.sheet(now)


def of_stage(stage: Stage, dimensions: tuple[str, ...] = ()) -> Sheet:
    return folded([stage.log], stage.now, dimensions=dimensions)


def test_a_small_history_by_hand() -> None:
    """Ann takes the first at once and the second after 30 s; the third leaves after 60 s, the fourth stays.

    Every figure is written out: waits 0 and 30 s of the answered, 60 s of the one who left.
    """
    stage = Stage(channels={"web": {"messages": False}}, now=INTERVAL)
    stage.agent("ann")
    first = stage.connect("ann")
    second, third = stage.submit(), stage.submit()
    stage.wait(30_000)
    stage.close(first, "ann")
    stage.accept("ann")
    stage.wait(30_000)
    stage.abandon(third, silent=True)
    stage.close(second, "ann")
    stage.wait(60_000)
    stage.submit()
    stage.accept("ann")
    stage.wait(60_000)

    sheet = of_stage(stage)
    span = stage.now - INTERVAL
    row, people = sheet.contacts(), sheet.people()
    seen = read(row, Terms(20_000, span)) | read(people, Terms(20_000, span))

    assert (row.submitted, row.answered, row.abandoned, row.abandoned_silently) == (4, 3, 1, 1)
    assert seen["sl_all"] == 2 / 4  # two of four within 20 s
    assert seen["sl_excl_ab_t"] == 2 / 4  # nobody left within 20 s
    assert read(row, Terms(60_000, span))["sl_excl_ab_t"] == 3 / 3  # who left did so within T
    assert read(row, Terms(20_000, span, short_ms=60_000))["sl_excl_ab_t"] == 2 / 3
    assert seen["sl_served"] == 2 / 3
    assert seen["asa_ms"] == 30_000 / 3
    assert seen["wait_mean_ms"] == 90_000 / 4
    assert seen["abandonment"] == 1 / 4 and seen["silent_share"] == 1
    assert seen["queue_length"] == pytest.approx((30_000 + 60_000) / span)
    assert people.present_ms == span
    assert seen["occupancy"] == pytest.approx(120_000 / 180_000)
    assert seen["concurrency"] == 1 and seen["handle_ms"] == 120_000 / 3
    assert seen["deflection"] == 0 and seen["containment"] == -1


def test_a_bot_contains_one_and_hands_the_other_on() -> None:
    """Its word comes at once, the person's wait begins at the hand-off, and the pools have one connection each."""
    stage = Stage(
        queues={"help": {"bot_pools": ["bot"]}}, pools={"onsite": {}, "bot": {}}, bot_first=["help"], now=INTERVAL
    )
    stage.agent("ann")
    stage.bot()
    kept, passed = stage.submit(), stage.submit()
    stage.wait(2_000)
    stage.say(kept, "bot", "robo")
    stage.close(kept, "robo")
    stage.transfer(passed, "robo")
    stage.wait(5_000)
    stage.accept("ann")
    stage.say(passed, "agent", "ann")

    row = of_stage(stage).contacts()
    assert (row.to_bot, row.to_people, row.bot_contained, row.handed_off, row.answered) == (2, 1, 1, 1, 1)
    assert read(row, Terms())["containment"] == 0.5
    assert (row.bot_replies.total, row.waits.total) == (2_000, 5_000)
    assert row.served_by == {"bot": 2, "onsite": 1}


def test_offers_that_come_to_nothing_are_made_again() -> None:
    """Declined by Ann, taken by Ben: two offers, one of them again."""
    stage = Stage(now=INTERVAL)
    stage.agent("ann")
    stage.agent("ben")
    stage.submit()
    stage.decline("ann")
    stage.accept("ben")
    row = of_stage(stage).contacts()
    assert (row.offers["made"], row.offers["declined"], row.reoffers) == (2, 1, 1)


def test_a_round_counts_where_it_began() -> None:
    """Asked in one interval, answered in the next: a window is the sum of its intervals."""
    stage = Stage(now=INTERVAL)
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.wait(INTERVAL - 10_000)
    stage.say(contact, "agent", "ann")
    stage.say(contact, "customer")
    stage.wait(20_000)
    stage.say(contact, "agent", "ann")
    sheet = of_stage(stage)
    assert (stage.now // INTERVAL, sheet.contacts(first=2).reply_rounds.count) == (2, 0)
    assert sheet.contacts(last=1).reply_rounds.count == 2


@pytest.mark.parametrize("seed", SEEDS)
def test_folds_agree_with_the_long_way_round(seed: int) -> None:
    """Random plays: each count against the dispatcher's contacts, each area against its state integrated."""
    naive = random_play(seed, INTERVAL)
    sheet = folded(naive.calls, naive.stage.now, dimensions=("agent",))
    found: dict[tuple[str, int, str], int] = {}
    for (index, queue), row in sheet.rows[QUEUE].items():
        found |= {
            ("submitted", index, queue): row.submitted,
            ("answered", index, queue): row.answered,
            ("waits", index, queue): row.waits.total,
            ("in time", index, queue): row.waits.within(20_000),
            ("abandoned waits", index, queue): row.abandoned_waits.total,
            ("rounds", index, queue): row.reply_rounds.count + row.rounds_unanswered,
            ("waiting_ms", index, queue): row.waiting_ms,
        }
    for (index, agent), staff in sheet.agents.items():
        for name in ("present_ms", "used", "held_ms", "busy_ms", "capacity", "free", "available_ms", "offers"):
            found[name, index, agent] = getattr(staff, name)
    wanted = {key: value for key, value in naive.sums.items() if value and key[0] != "abandoned"}
    assert {key: value for key, value in found.items() if value} == wanted


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_intervals_and_dimensions_add_to_the_whole(seed: int) -> None:
    """One long interval holds what the short ones hold together; shops together what queues hold; groups what agents do."""
    naive = random_play(seed, INTERVAL)
    now = naive.stage.now
    short = folded(naive.calls, now, dimensions=DIMENSIONS)
    long = folded(naive.calls, now, interval_ms=1_000 * INTERVAL)
    assert msgspec.to_builtins(_numbers(short, QUEUE)) == _numbers(long, QUEUE)
    shops = _numbers(short, "shop")
    assert {name: shops[name] for name in ("submitted", "answered", "closed", "rounds")} == {
        name: _numbers(short, QUEUE)[name] for name in ("submitted", "answered", "closed", "rounds")
    }
    everybody, agents = short.people(kinds=("onsite", "remote", "bot")), StaffRow()
    for row in short.agents.values():
        agents.merge(row)
    assert everybody == agents == long.people(kinds=("onsite", "remote", "bot"))


def _numbers(sheet: Sheet, dimension: str) -> dict[str, object]:
    row = sheet.contacts(dimension)
    return {
        **{name: getattr(row, name) for name in ("submitted", "answered", "closed", "abandoned", "reoffers", "waiting_ms")},
        "rounds": row.reply_rounds.count, "waits": row.waits.total, "messages": row.messages.total(), "made": row.offers["made"],
    }  # fmt: skip


def test_sheets_of_two_days_add_up() -> None:
    """Merged, they hold both; with other intervals they are refused."""
    plays = [random_play(seed, INTERVAL, deeds=80) for seed in (6, 7)]
    sheets = [folded(naive.calls, naive.stage.now) for naive in plays]
    apart = [sheet.contacts() for sheet in sheets]
    sheets[0].merge(sheets[1])
    apart[0].merge(apart[1])
    assert sheets[0].contacts() == apart[0]
    with pytest.raises(ValueError, match="do not add"):
        sheets[0].merge(Sheet(1, 0, ()))


def test_a_journal_of_the_same_events_gives_the_same_sheet_and_the_live_tally_its_sums() -> None:
    """Through records, sealed, opened and decoded as recovery does; and through the tally that metrics are read from."""
    naive = random_play(8, INTERVAL)
    records = [
        open_record(seal(Record(lsn, 1, events[-1].at, "acme", "system/", "", b"", encode_events(events)), bytes(32)))
        for lsn, events in enumerate((events for events in naive.calls if events), 1)
    ]
    journaled = folded([events_of(record) for record in records], naive.stage.now)
    played = folded(naive.calls, naive.stage.now)
    assert (journaled.rows, journaled.staff, journaled.fairness) == (played.rows, played.staff, played.fairness)

    tally = Tally()
    principal = Principal("", "engine", "")
    tally.on_commit([Committed(r.lsn, r.stamp, principal, command_of(r), events_of(r)) for r in records])
    for queue, row in tally.queues.items():
        live, whole = read(row, Terms()), read(played.contacts(name=queue), Terms())
        assert {name: live[name] for name in live if name != "queue_length"} == {
            name: whole[name] for name in whole if name != "queue_length"
        }


def test_dimensions_and_intervals_that_make_no_sense_are_refused() -> None:
    """A name that is none; no length at all."""
    with pytest.raises(ValueError, match="got colour, wanted some of shop"):
        Measures(dimensions=("colour",))
    with pytest.raises(ValueError, match="interval_ms: got 0"):
        Measures(0)


def test_every_measure_says_what_it_is_in_both_languages() -> None:
    """Its definition, its unit, and its words."""
    for name, measure in MEASURES.items():
        assert measure.says.endswith("."), name
        assert measure.unit in {"share", "ms", "contacts", "agents", "ratio"}, name
        assert set(measure.words) == {"en", "zh"} and all(measure.words.values()), name
