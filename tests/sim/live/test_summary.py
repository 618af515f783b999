"""The report and the summary, from a quarter of an hour that was played without sockets."""

from __future__ import annotations

import io
import json

import msgspec
import pytest
from rich.console import Console

from engine.dispatch import events as ev
from sim.checker import judge
from sim.live.clock import SharedClock, Timeline
from sim.live.latency import Measured
from sim.live.play import Seen, Settings
from sim.live.players import Troupe
from sim.live.report import Report
from sim.live.summary import LINES_TOLD, show_summary
from sim.live.view import Moment, View
from sim.live.wording import Wording, span
from tests.sim.stage import Stage, shop

COUNTS = ("submitted", "answered", "abandoned", "closed", "deflected", "reply_rounds")


@pytest.fixture(scope="module")
def played() -> Stage:
    stage = Stage(shop(volume=15_000), 900_000, drain_ms=300_000)
    stage.play()
    return stage


def _report(stage: Stage, *, offer_ms: float = 4.0, wrong: int = 0) -> Report:
    scenario, witness = stage.scenario, stage.witness
    clock = SharedClock(30.0)
    measured = Measured()
    for _ in range(100):
        measured.offers.add(offer_ms)
        measured.acks.add(offer_ms)
    # Nobody plays here: the troupe's nursery is never asked for.
    troupe = Troupe(scenario, clock, Timeline(clock), witness, measured, nursery=None)  # type: ignore[arg-type]  # unused
    troupe.refusals.update(stage.refusals)
    counts = witness.counts(10**9)
    figures = {name: counts[name] + wrong for name in COUNTS}
    figures |= {"last_lsn": 10**9, "offers_declined": 3, "offers_expired": 2, "offers_rescinded": 1}
    seen = Seen(
        troupe=troupe,
        policy=stage.dispatcher.policy,
        people=209,
        bots=4,
        begin_day_ms=stage.begin,
        end_day_ms=stage.end,
        now_ms=stage.until,
        verdict=judge(witness, stage.dispatcher.contacts),
        figures=figures,
        names={"gao.wei": "高伟"},
        lag_ms=300.0,
    )
    return Report(seen, Settings(scenario, 30.0, 30.0, 5.0))


def _told(report: Report, lang: str, stage: Stage) -> str:
    page = io.StringIO()
    longest = report.waits[0][0].contact
    events = [msgspec.to_builtins(event) for event in stage.log if getattr(event, "contact", 0) == longest]
    story = {"story": [{"lsn": 1, "at": 1, "by": "", "events": events}]}
    show_summary(Console(file=page, width=120), report, Wording(lang), {longest: story})
    return page.getvalue()


def test_the_json_line_holds_what_was_asked_for_and_sums(played: Stage) -> None:
    """All named figures; submitted is the sum of the five outcomes; the three faults are nought and the run is ok."""
    report = _report(played)
    report.journal = {"ok": True, "records": 7}
    line = json.loads(report.json_line())
    outcomes = ("answered", "abandoned", "deflected", "bot_contained", "open")
    assert line["submitted"] == sum(line[name] for name in outcomes) == len(played.witness.lives)
    assert (line["lost"], line["double_assigned"], line["over_capacity"]) == (0, 0, 0)
    assert line["ok"] and line["counts_agree"] and not line["distorted"]
    assert 0.9 < line["reply_rate_180s"] <= 1 and line["asa_ms"] > 0
    assert (line["offer_p99_ms"], line["speed"], line["at"], line["seed"]) == (
        pytest.approx(4.0, rel=0.03), 30.0, "09:30:00", 20_191_111,
    )  # fmt: skip
    assert sum(row["submitted"] for row in line["queues"].values()) == line["submitted"]
    assert line["engine_version"]


def test_the_summary_tells_queues_bots_people_waits_and_checks(played: Stage) -> None:
    """In English and in Chinese; the longest wait with its story, without the bot's own part of it."""
    report = _report(played)
    report.journal = {"ok": True, "records": 12_345}
    english, chinese = _told(report, "en", played), _told(report, "zh_CN.UTF-8", played)
    for queue in ("presale", "delivery", "vip"):
        assert queue in english and queue in chinese
    assert "The longest waits, explained" in english and "+0 s  Arrived on" in english
    assert "Offered to bot-" not in english
    assert "✓ journal verified: 12345 records" in english and "✓ 日志校验通过：12345" in chinese
    assert "✗" not in english
    assert "within the 5 % that leave the waits above true" in english and "fell behind by up to 300 real ms" in english


def test_first_replies_and_the_tables_answered_are_told_apart(played: Stage) -> None:
    """The table counts those that have ended; the sentence on people says how many more are still in talk."""
    report = _report(played)
    ended, total = report.total.outcomes["answered"], report.total
    talking = sum(life.answered_at > 0 and not life.ended_at for life in played.witness.lives.values())
    assert total.ever_answered == ended + talking > ended
    assert f"{total.ever_answered} got a first reply" in _told(report, "en", played)
    assert f"{ended} of these have ended, as in the table, and {talking} are still open" in _told(report, "en", played)
    assert f"其中 {ended} 位已结束" in _told(report, "zh", played)
    assert report.as_json()["open_answered"] == talking


def test_a_longest_wait_is_told_to_its_end(played: Stage) -> None:
    """The story's last line is what ended the wait: the first word, or the leaving; nothing that came after."""
    report = _report(played)
    lines = _told(report, "en", played).split("The longest waits, explained\n")[1].split("\n\n")[0].splitlines()
    life, waited_ms = report.waits[0]
    last = next(i for i, line in enumerate(lines) if i and not line.startswith("    +")) - 1
    assert lines[0].startswith(f"Contact {life.contact} (") and life.answered_at
    since_arrival = life.answered_at - life.submitted_at
    assert lines[last].startswith(f"    +{span(since_arrival)}  First reply by a person:"), lines
    assert waited_ms == life.answered_at - life.person_since


def test_a_long_story_is_cut_in_the_middle_not_at_its_end(played: Stage) -> None:
    """Twelve declines: the beginning, where to read on, and how it ended."""
    report = _report(played)
    life = report.waits[0][0]
    declined = [ev.OfferDeclined(life.submitted_at + n, n, life.contact, "ann", "busy", 0) for n in range(12)]
    answered = ev.ContactAnswered(life.answered_at, life.contact, "ann", 0, 0)
    events = [msgspec.to_builtins(event) for event in (*declined, answered)]
    page = io.StringIO()
    story = {"story": [{"lsn": 1, "at": 1, "by": "", "events": events}]}
    show_summary(Console(file=page, width=120), report, Wording("en"), {life.contact: story})
    told = [line for line in page.getvalue().splitlines() if line.startswith("    ")]
    assert len(told) == LINES_TOLD
    assert told[-2] == f"    … sluice explain {life.contact}" and "First reply by a person" in told[-1]


def test_what_is_wrong_is_said_in_red_and_spoils_the_run(played: Stage) -> None:
    """Counts that differ, a journal that does not verify, a speed that distorts: each has its line."""
    report = _report(played, offer_ms=40.0, wrong=1)
    report.journal = {"ok": False, "message": "record 7 does not fit its checksum"}
    told = _told(report, "en", played)
    assert "✗ the engine's own counts differ: submitted" in told and "≠" in told
    assert "✗ the journal does not verify: record 7 does not fit its checksum" in told
    assert "NOTE: at 30 × this takes" in told
    assert not report.is_clean and report.is_distorted


def _moment(queues: int = 2) -> Moment:
    row = {"queue": "vip", "waiting": 3, "longest_wait_ms": 200_000, "bot": 0, "connected": 5, "submitted": 9,
           "answered": 4, "abandoned": 1, "reply_rate_180s": 0.5}  # fmt: skip
    calm = {**row, "queue": "presale", "waiting": 0, "longest_wait_ms": 0, "abandoned": 0, "reply_rate_180s": -1.0}
    figures = {"submitted": 18, "waiting": 3, "connected": 10, "answered": 8, "abandoned": 1, "bot_contained": 2,
               "reply_rate_180s": 0.5, "agents_signed_on": 200, "agents_available": 150, "load": 20, "capacity": 900}  # fmt: skip
    return Moment("10:00:00", [row, calm], figures, 321.4, 5_000, 7.25, 2)


def test_a_log_gets_a_line_now_and_then(played: Stage) -> None:
    """Not a terminal: a line a moment, moments seconds apart, and no table."""
    page = io.StringIO()
    view = View(Console(file=page, width=200), Wording("en"))
    view.start()
    view.show(_moment())
    view.stop()
    lines = page.getvalue().splitlines()
    assert len(lines) == 1 and view.every_s > 1
    assert lines[0].startswith("10:00:00  in 18  waiting 3") and "321/s journal records" in lines[0]


def test_a_terminal_gets_a_table_that_renews_itself() -> None:
    """Queues, agents, rates; and the word that waits are scenario time."""
    page = io.StringIO()
    view = View(Console(file=page, width=140, force_terminal=True), Wording("en"))
    view.start()
    view.show(_moment())
    view.stop()
    told = page.getvalue()
    assert "3:20" in told and "agents 200 signed on" in told and "latencies are real milliseconds" in told


def test_an_unknown_event_of_a_newer_engine_is_left_out(played: Stage) -> None:
    """The clients read what they know."""
    from adapters.clients import Push
    from sim.live.players import events_of

    push = Push(
        "agent:ann", 1, ({"type": "agent.back", "at": 1, "agent": "ann", "after": "available"}, {"type": "new"})
    )
    assert events_of(push) == [ev.AgentBack(1, "ann", "available")]
