"""Counts are folded from events; logs say what happened and never whom it happened to."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import structlog

from engine.dispatch import events as ev
from engine.ports import Committed, Principal
from engine.telemetry.counters import Counters
from engine.telemetry.gauges import Gauges
from engine.telemetry.logs import Calm, set_up_logs, where
from engine.telemetry.metrics import EngineFigures, EngineMetrics
from engine.telemetry.tally import Distribution, Tally


def record(*events: ev.Event) -> Committed:
    return Committed(1, 0, Principal("", "engine", ""), None, events)


def submitted(contact: int, queue: str = "help", stage: str = "person") -> ev.ContactSubmitted:
    return ev.ContactSubmitted(0, contact, "acme", "web", "", "", "", queue, "r", stage, 0, "", {})


def test_a_round_that_ends_with_the_contact_counts() -> None:
    """Whatever the order inside a record, its last events go to the contact's queue."""
    tally = Tally()
    tally.on_commit(
        [record(submitted(1)), record(ev.ContactClosed(9, 1, "done"), ev.ReplyStopped(9, 1, 1, 5, answered=False))]
    )
    assert tally.queue("help").rounds_unanswered == 1
    tally.on_commit([record(ev.ReplyStopped(9, 1, 2, 5, answered=True))])
    assert tally.queue("help").reply_rounds.count == 0


def test_a_bot_contains_what_it_closes_alone() -> None:
    """Closed by a bot in the bot stage: contained. Handed off first, or closed unserved: not."""
    tally = Tally()
    tally.on_commit(
        [
            record(submitted(1, stage="bot"), submitted(2, stage="bot"), submitted(3, stage="bot")),
            record(ev.ContactClosed(1, 1, "done", agent="robo")),
            record(ev.ContactTransferred(1, 2, "robo", "help", "person", 0, "", hand_off=True)),
            record(ev.ContactClosed(1, 2, "done", agent="ann"), ev.ContactClosed(1, 3, "gone")),
        ]
    )
    queue = tally.queue("help")
    assert (queue.bot_contained, queue.handed_off, queue.closed) == (1, 1, 3)


def test_counts_follow_a_contact_to_its_new_queue() -> None:
    """Submitted here, abandoned there: each queue its own."""
    tally = Tally()
    tally.on_commit(
        [
            record(submitted(1)),
            record(ev.ContactMoved(1, 1, "vip", "r", 0, "", "moved")),
            record(ev.ContactAbandoned(2, 1, 100, silent=True, resume_until=9), ev.ContactForgotten(9, 1)),
        ]
    )
    assert (tally.queue("help").submitted, tally.queue("help").abandoned) == (1, 0)
    assert (tally.queue("vip").abandoned, tally.queue("vip").abandoned_silently) == (1, 1)


def test_an_alert_is_counted_for_who_scrapes() -> None:
    """RONA at a pool's share: one alert each time, and a 0 that can be watched before the first."""
    tally = Tally()
    metrics = EngineMetrics(tally, Counters())

    def scraped() -> list[str]:
        lines = metrics.text(Gauges(), EngineFigures()).decode().splitlines()
        return [line for line in lines if line.startswith("sluice_alerts_total")]

    assert scraped() == ['sluice_alerts_total{alert="rona_share"} 0.0']
    alert = ev.AlertRaised(5, "rona_share", "onsite", "ann", got=4, limit=3, present=10)
    tally.on_commit([record(alert, alert), record(alert)])
    assert scraped() == ['sluice_alerts_total{alert="rona_share"} 3.0']


def test_a_bound_belongs_to_its_bucket() -> None:
    """Exactly 20 s is within 20 s; a millisecond more is not."""
    held = Distribution((20_000, 30_000))
    for value in (20_000, 20_001, 30_000, 30_001):
        held.observe(value)
    assert held.counts == [1, 2, 1]
    assert (held.count, held.total) == (4, 100_002)


def test_the_same_news_is_told_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood is one line a second, with the number left out on the next."""
    now = [100.0]
    monkeypatch.setattr("engine.telemetry.logs.time.perf_counter", lambda: now[0])
    calm = Calm()
    assert calm(None, "", {"event": "a"}) == {"event": "a"}
    for _ in range(5):
        with pytest.raises(structlog.DropEvent):
            calm(None, "", {"event": "a"})
    assert calm(None, "", {"event": "b"}) == {"event": "b"}
    now[0] += 1.5
    assert calm(None, "", {"event": "a"}) == {"event": "a", "left_out": 5}


def test_what_answers_an_operator_is_always_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two reloads within a second, each with its own fault: both are in the log."""
    monkeypatch.setattr("engine.telemetry.logs.time.perf_counter", lambda: 100.0)
    calm = Calm()
    for why in ("cannot be read", "line 3: unknown queue"):
        entry = {"event": "policy_not_applied", "why": why}
        assert calm(None, "", dict(entry)) == entry


def test_log_lines_are_json(capfd: pytest.CaptureFixture[str]) -> None:
    """One object a line on stderr."""
    set_up_logs(logging.INFO)
    try:
        structlog.get_logger("x").info("hello", lsn=3)
        line: dict[str, Any] = json.loads(capfd.readouterr().err)
        assert (line["event"], line["lsn"], line["level"]) == ("hello", 3, "info")
    finally:
        structlog.reset_defaults()


def test_an_error_is_placed_without_its_words() -> None:
    """Where it happened, never what it said: the message may quote a customer."""
    try:
        raise ValueError("Zhang San, 138 0013 8000")
    except ValueError as error:
        found = where(ExceptionGroup("several", [error]))
    assert found[0] == "ValueError"
    assert "test_tally.py" in found[-1]
    assert "Zhang" not in str(found)
