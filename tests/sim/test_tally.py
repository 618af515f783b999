"""Figures come from lives: outcomes are disjoint, rounds and waits are those of the glossary."""

from __future__ import annotations

import msgspec

from engine.dispatch import events as ev
from engine.dispatch.commands import Sender
from sim.tally import longest_waits, per_queue, quantile
from sim.witness import OUTCOMES, Witness

# An engine's instants are never 0, and 0 means "not yet" in a life.
T = 1_000_000


class Story:
    """One contact's events, as its channel hears them; told with instants from 0, heard with instants from ``T``."""

    def __init__(
        self, witness: Witness, contact: int, *, stage: str = "person", channel: str = "web", at: int = 0
    ) -> None:
        self.witness, self.contact, self.lsn = witness, contact, 1000 * contact
        self.tell(
            ev.ContactSubmitted(
                at, contact, "maple", channel, f"x-{contact}", f"c-{contact}", "", "help", "", stage, 0, "", {}
            )
        )

    def tell(self, *events: ev.Event) -> Story:
        for event in events:
            self.lsn += 1
            self.witness.channel_saw(msgspec.structs.replace(event, at=event.at + T), self.lsn)
        return self

    def said(self, at: int, sender: Sender) -> Story:
        seq = self.witness.lives[self.contact].messages + 1
        agent = "" if sender == Sender.CUSTOMER else "ann"
        return self.tell(ev.MessageAdded(at, self.contact, seq, sender, agent, sender == Sender.BOT))

    def connected(self, at: int) -> Story:
        return self.tell(ev.ContactConnected(at, self.contact, "ann", 0))

    def closed(self, at: int) -> Story:
        return self.tell(ev.ContactClosed(at, self.contact, "done", "ann"))


def _day() -> Witness:
    """Seven contacts: answered, answered late after a hand-off, left aloud, left unanswered, by a bot, turned away, open."""
    witness = Witness(frozenset({"email"}))
    Story(witness, 1).connected(5_000).said(9_000, Sender.AGENT).said(20_000, Sender.CUSTOMER).said(
        30_000, Sender.AGENT
    ).closed(40_000)
    Story(witness, 2, stage="bot").connected(0).said(100, Sender.CUSTOMER).said(900, Sender.BOT).tell(
        ev.ContactTransferred(10_000, 2, "bot", "help", "person", 0, "", hand_off=True)
    ).connected(150_000).said(210_000, Sender.AGENT).closed(220_000)
    Story(witness, 3).tell(ev.ContactAbandoned(60_000, 3, 60_000, True, 90_000))
    Story(witness, 4).connected(1_000).closed(30_000)
    Story(witness, 5, stage="bot").connected(0).said(700, Sender.BOT).closed(5_000)
    witness.channel_saw(
        ev.ContactDeflected(0, 6, "maple", "web", "x-6", "c-6", "", "", "blocked", "blocked", "message"), 1
    )
    Story(witness, 7, channel="email").connected(300_000)
    return witness


def test_every_contact_has_exactly_one_outcome() -> None:
    """The outcomes sum to what was submitted; whoever is closed without a person's word has left."""
    lives = _day().lives
    assert {number: life.outcome for number, life in lives.items()} == {
        1: "answered", 2: "answered", 3: "abandoned", 4: "abandoned", 5: "bot_contained", 6: "deflected", 7: "open",
    }  # fmt: skip
    rows, total = per_queue(lives.values(), ["help", "idle"])
    assert total.submitted == 7 == sum(total.outcomes[name] for name in OUTCOMES)
    assert [(row.name, row.submitted) for row in rows] == [("help", 6), ("idle", 0), ("", 1)]
    assert (total.silent, total.to_people, total.abandonment) == (1, 4, 0.5)


def test_waits_begin_with_the_wait_for_a_person_and_leave_bot_and_talk_out() -> None:
    """Waited: until connected. First reply: until the first word. A bot's word is counted apart."""
    _, total = per_queue(_day().lives.values(), ["help"])
    assert sorted(total.waits) == [5_000, 140_000]
    assert sorted(total.first_replies) == [9_000, 200_000]
    assert sorted(total.bot_first_replies) == [700, 900]
    assert total.asa_ms == 72_500


def test_the_reply_clock_runs_from_the_first_unanswered_message() -> None:
    """Five chat rounds ended: two in time, one too late, two without an answer. An unanswered mail has not ended."""
    witness = _day()
    _, total = per_queue(witness.lives.values(), ["help"])
    assert (total.rounds, total.in_time, total.mail_rounds) == (5, 2, 0)
    assert total.reply_rate == 0.4
    assert witness.counts(10**9) == {
        "submitted": 6, "abandoned": 1, "closed": 4, "deflected": 1, "answered": 2, "reply_rounds": 5,
    }  # fmt: skip
    assert witness.counts(1_500)["submitted"] == 1


def test_rows_without_anything_say_so() -> None:
    """No rounds, no waits: -1, which is shown as a dash and never as a good figure."""
    _, total = per_queue([], ["help"])
    assert (total.reply_rate, total.abandonment, total.asa_ms, quantile([], 0.5)) == (-1.0, -1.0, -1, -1)


def test_a_quantile_is_one_of_the_values() -> None:
    """Of one to a hundred: the median is 50, the 99th percentile 99, the whole 100."""
    values = list(range(100, 0, -1))
    assert [quantile(values, share) for share in (0.0, 0.5, 0.9, 0.99, 1.0)] == [1, 50, 90, 99, 100]


def test_the_longest_waits_are_of_chats_and_go_on_for_the_open_ones() -> None:
    """Longest first; a mail is none; one that still waits has waited until now."""
    witness = _day()
    Story(witness, 8, at=100_000)
    waits = longest_waits(witness.lives.values(), 3, now_ms=T + 400_000)
    assert [(life.contact, waited) for life, waited in waits] == [(8, 300_000), (2, 200_000), (3, 60_000)]


def test_back_with_a_person_after_a_transfer_or_a_dead_line_the_wait_goes_on() -> None:
    """Waited is the sum of both waits until the first word; a requeue starts no reply clock for one who was answered."""
    witness = Witness(frozenset())
    story = Story(witness, 1).connected(2_000).tell(ev.ContactRequeued(9_000, 1, "ann", "agent_lost")).connected(12_000)
    story.said(15_000, Sender.AGENT)
    life = witness.lives[1]
    assert (life.waited_ms, life.first_reply_ms) == (5_000, 15_000)
    story.tell(ev.ContactTransferred(20_000, 1, "ann", "other", "person", 0, "")).connected(21_000).closed(30_000)
    assert [reply.answered for reply in life.replies] == [True]
    assert (life.queue, life.entry_queue, life.transfers) == ("other", "help", 1)


def test_time_away_is_no_wait() -> None:
    """Sixty seconds in line, a minute away, ten more in line, a word after five: seventy waited, seventy-five to the word."""
    witness = Witness(frozenset())
    story = Story(witness, 1).tell(ev.ContactAbandoned(60_000, 1, 60_000, True, 360_000))
    witness.lives[1].gone = True
    story.tell(ev.ContactResumed(120_000, 1, "x-1")).connected(130_000).said(135_000, Sender.AGENT).closed(140_000)
    life = witness.lives[1]
    assert (life.waited_ms, life.first_reply_ms, life.gone) == (70_000, 75_000, False)
    [(_, waited_ms)] = longest_waits(witness.lives.values(), 1, now_ms=T + 400_000)
    assert waited_ms == 75_000


def test_a_resumed_contact_is_open_again_and_a_moved_one_is_elsewhere() -> None:
    """Left and came back inside the window: no outcome yet."""
    witness = Witness(frozenset())
    story = Story(witness, 1).tell(ev.ContactAbandoned(5, 1, 5, False, 99), ev.ContactResumed(9, 1, "x-1"))
    assert witness.lives[1].outcome == "open"
    story.tell(ev.ContactMoved(10, 1, "vip", "vip", 5, "", "update"), ev.PersonAsked(11, 1))
    assert (witness.lives[1].queue, witness.lives[1].stage) == ("vip", "person")


def test_a_recontact_waits_from_its_return_on() -> None:
    """Closed as silent at 60 s, written again at 500 s, answered at 530 s: it waited 30 s, not eight minutes; the life goes on."""
    witness = Witness(frozenset())
    story = Story(witness, 1).connected(5_000).said(10_000, Sender.AGENT)
    story.tell(ev.ContactClosed(60_000, 1, "idle", "ann", "clock", 0, 900_000), ev.ContactReopened(500_000, 1, "x-1"))
    life = witness.lives[1]
    assert (life.state, life.ended_at, life.gone, life.person_since) == ("queued", 0, False, T + 500_000)
    story.connected(530_000)
    assert life.state == "connected"
