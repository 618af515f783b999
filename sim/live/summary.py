"""The summary that people read: a row per queue, bots and people apart, the longest waits in sentences, the checks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from engine.console.sentences import story
from engine.console.wording import Words, language_of
from engine.dispatch import events as ev
from sim.live.predicting import LENGTHS, SHARES
from sim.live.report import Report
from sim.live.wording import Wording, share, span
from sim.scenario import clock_text
from sim.tally import Figures, quantile
from sim.witness import Life

# Of a wait's story: what happened to it, without the talk and the clocks.
TOLD = frozenset(
    {
        "contact.submitted", "contact.moved", "contact.transferred", "contact.requeued", "person.asked", "step.opened",
        "offer.made", "offer.declined", "offer.expired", "offer.rescinded", "contact.connected", "contact.answered",
        "contact.abandoned", "contact.resumed", "contact.reopened", "contact.closed", "agent.lost",
    }
)  # fmt: skip
LINES_TOLD = 9


def show_summary(console: Console, report: Report, words: Wording, stories: Mapping[int, Mapping[str, Any]]) -> None:
    def say(text: str, style: str = "") -> None:
        console.print(text, highlight=False, soft_wrap=True, style=style)

    console.print(_table(report, words))
    for text in _paragraphs(report, words):
        say(text)
    say("")
    say(words("longest_waits"), "bold")
    for life, waited_ms in report.waits:
        for text in _wait(report, words, life, waited_ms, stories.get(life.contact)):
            say(text)
    say("")
    say(words("checks"), "bold")
    for is_good, text in checks(report, words):
        say(("✓ " if is_good else "✗ ") + text, "green" if is_good else "bold red")
    for text in _speed(report, words):
        say(text)
    for text in _predicted(report, words):
        say(text)
    for name, target in report.targets.items():
        mark = "✓ " if target.passed else "✗ "
        text = words("target", name=name, p99=target.p99_ms, limit=target.limit_ms, n=target.measured)
        say(mark + text, "green" if target.passed else "bold red")


def _predicted(report: Report, words: Wording) -> Iterator[str]:
    if not report.predicted:
        return
    yield ""
    yield words("predicted", reps=report.settings.reps)
    for name, one in report.predicted.items():
        mark = words("unsaid" if one.inside is None else "inside" if one.inside else "outside")
        shown = {key: _figure(name, getattr(one, key)) for key in ("predicted", "low", "high", "measured")}
        yield words("beside", name=name, mark=mark, **shown)
    left_out = len(report.settings.scenario.faults) + len(report.settings.scenario.swaps)
    if left_out:
        yield words("faults_left", n=left_out)


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return share(value) if name in SHARES else span(round(value)) if name in LENGTHS else f"{value:,.0f}"


def _table(report: Report, words: Wording) -> Table:
    seen = report.seen
    title = words("summary", begin=clock_text(seen.begin_day_ms), end=clock_text(seen.end_day_ms))
    table = Table(title=title, title_justify="left", pad_edge=False)
    table.add_column(words("queue"), no_wrap=True)
    names = (
        "submitted",
        "bot_contained",
        "answered",
        "abandoned",
        "deflected",
        "open",
        "first_reply",
        "mean_wait",
        "reply_rate",
    )
    for name in (*names, "abandonment"):
        table.add_column(words(name), justify="right")
    for row in report.rows:
        if row.submitted:
            table.add_row(row.name or words("door"), *_cells(row))
    table.add_section()
    table.add_row(words("all"), *_cells(report.total), style="bold")
    return table


def _cells(row: Figures) -> Iterator[str]:
    yield str(row.submitted)
    for name in ("bot_contained", "answered", "abandoned", "deflected", "open"):
        yield str(row.outcomes[name] or "")
    yield f"{span(quantile(row.first_replies, 0.5))} / {span(quantile(row.first_replies, 0.9))}"
    yield span(row.asa_ms)
    yield share(row.reply_rate)
    yield share(row.abandonment)


def _paragraphs(report: Report, words: Wording) -> Iterator[str]:
    total, seen, engine = report.total, report.seen, report.seen.figures
    yield words(
        "by_person",
        to_people=total.to_people,
        replied=total.ever_answered,
        answered=total.outcomes["answered"],
        talking=total.open_answered,
        p50=span(quantile(total.first_replies, 0.5)),
        p90=span(quantile(total.first_replies, 0.9)),
        abandoned=total.outcomes["abandoned"],
        silent=total.silent,
        gone=total.gone,
    )
    talked = len(total.bot_first_replies)
    settled = total.outcomes["bot_contained"]
    yield words(
        "by_bot",
        talked=talked,
        settled=settled,
        share=share(settled / talked if talked else -1.0),
        p50=span(quantile(total.bot_first_replies, 0.5)),
    )
    if report.mail.submitted:
        yield words("mail", rounds=report.mail.mail_rounds)
    peaks = sorted(report.peaks.items(), reverse=True)[:3]
    yield words(
        "staff",
        served=sum(hands.served for hands in report.witness.hands.values() if not hands.is_bot),
        agents=seen.people,
        peak=", ".join(words("peak", n=n, units=units) for units, n in peaks),
        declined=engine["offers_declined"],
        expired=engine["offers_expired"],
        rescinded=engine["offers_rescinded"],
        cuts=seen.troupe.cuts,
    )


def _wait(report: Report, words: Wording, life: Life, waited_ms: int, told: Mapping[str, Any] | None) -> Iterator[str]:
    names = report.seen.names
    if life.answered_at:
        until = words("until_answered", agent=names.get(life.answered_by, life.answered_by))
    else:
        until = words("until_left" if life.ended_at else "until_now")
    yield words(
        "long_wait", contact=life.contact, queue=life.queue, channel=life.channel, waited=span(waited_ms), until=until
    )
    if told is None:
        return
    events = msgspec.convert([event for line in told.get("story", []) for event in line["events"]], list[ev.Event])
    by_people = [event for event in events if not _is_about_bot(report, event)]
    lines = [line for line in story(by_people, Words(language_of(words.language), names)) if line.code in TOLD]
    # The wait ends with the first word; what came after it explains nothing.
    end = next((place for place, line in enumerate(lines, 1) if line.code == "contact.answered"), len(lines))
    lines = lines[:end]
    texts = [f"    +{span(line.after_ms)}  {line.text}" for line in lines]
    if len(texts) > LINES_TOLD:
        texts[LINES_TOLD - 2 : -1] = [f"    … sluice explain {life.contact}"]
    yield from texts


def _is_about_bot(report: Report, event: ev.Event) -> bool:
    """A bot takes whoever comes at once: that is no part of a wait for a person. Its hand-off is."""
    hands = report.witness.hands.get(getattr(event, "agent", ""))
    return hands is not None and hands.is_bot and not isinstance(event, ev.ContactTransferred)


def checks(report: Report, words: Wording) -> Iterator[tuple[bool, str]]:
    verdict, witness = report.seen.verdict, report.witness
    yield verdict.lost == 0, words("check_lost", lost=verdict.lost, acked=len(witness.acked))
    yield (
        verdict.double_assigned == 0,
        words("check_double", double=verdict.double_assigned, holdings=len(witness.holdings)),
    )
    yield verdict.over_capacity == 0, words("check_capacity", over=verdict.over_capacity, agents=len(witness.hands))
    counts = ", ".join(
        f"{name} {ours}" if ours == theirs else f"{name} {ours} ≠ {theirs}"
        for name, (ours, theirs) in report.counts.items()
    )
    if report.counts_agree and report.strangers:
        yield True, words("check_counts_others", others=report.strangers, counts=counts)
    else:
        yield report.counts_agree, words("check_counts" if report.counts_agree else "check_counts_not", counts=counts)
    journal = report.journal
    if journal.get("ok"):
        yield True, words("check_journal", records=journal.get("records", "?"))
    elif journal:
        yield False, words("check_journal_not", message=journal.get("message", journal))
    for fault in verdict.faults[:10]:
        yield False, fault


def _speed(report: Report, words: Wording) -> Iterator[str]:
    measured, speed = report.seen.troupe.measured, report.settings.speed
    yield words(
        "latency",
        offer_p50=measured.offers.quantile(0.5),
        offer_p99=measured.offers.quantile(0.99),
        ack_p50=measured.acks.quantile(0.5),
        ack_p99=measured.acks.quantile(0.99),
    )
    yield words(
        "dishonest" if report.is_distorted else "honest",
        speed=speed,
        share=share(report.distortion),
        offer_s=report.offer_ms / 1000,
    )
    if report.is_overrun:
        rate = report.total.submitted / report.settings.play_s
        yield words("not_carried", rate=rate, lag=report.seen.lag_ms)
    elif report.is_lagging:
        yield words("lagging", lag=report.seen.lag_ms)
