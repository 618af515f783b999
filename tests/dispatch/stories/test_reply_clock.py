"""The reply clock: starts at the customer's first unanswered message, stops at a person's reply, and at nothing else."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import SECOND, Stage, every, kinds, only


def clock_events(events: list[ev.Event]) -> list[str]:
    return [kind for kind in kinds(events) if kind.startswith("Reply")]


def test_warned_at_100_s_and_breached_at_180_s() -> None:
    """The customer has written and nobody answers: one warning, one breach, to the millisecond, and no more."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")
    assert only(stage.log, ev.ReplyStarted).round == 1

    assert clock_events(stage.wait(100 * SECOND - 1)) == []
    warned = only(stage.wait(1), ev.ReplyWarned)
    assert (warned.contact, warned.round, warned.agent) == (contact, 1, "ann")
    assert clock_events(stage.wait(80 * SECOND - 1)) == []
    breached = only(stage.wait(1), ev.ReplyBreached)
    assert (breached.contact, breached.round, breached.agent) == (contact, 1, "ann")

    assert clock_events(stage.wait(3_600 * SECOND)) == []


def test_a_persons_reply_stops_it_and_the_next_question_starts_round_two() -> None:
    """Asked, answered after 40 s; asked again twice, answered after 25 s from the first of the two."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.wait(40 * SECOND)

    stopped = only(stage.say(contact, "agent", "ann"), ev.ReplyStopped)
    assert (stopped.round, stopped.took_ms, stopped.answered, stopped.agent) == (1, 40 * SECOND, True, "ann")
    assert clock_events(stage.wait(600 * SECOND)) == []
    assert only(stage.say(contact), ev.ReplyStarted).round == 2
    stage.wait(20 * SECOND)
    assert clock_events(stage.say(contact)) == [], "a second message does not restart the clock"
    stage.wait(5 * SECOND)

    stopped = only(stage.say(contact, "agent", "ann"), ev.ReplyStopped)
    assert (stopped.round, stopped.took_ms) == (2, 25 * SECOND)


def test_automatic_replies_never_stop_it() -> None:
    """ "Please hold" from the agent's macro and a system notice: the clock goes on and warns."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.wait(50 * SECOND)

    assert clock_events(stage.say(contact, "agent", "ann", automatic=True)) == []
    assert clock_events(stage.say(contact, "system", automatic=True)) == []
    assert "ContactAnswered" not in kinds(stage.log)

    assert only(stage.wait(50 * SECOND), ev.ReplyWarned).round == 1


def test_answered_is_the_first_message_by_a_person() -> None:
    """Connected at 10 s, first message at 25 s: answered once, with both figures, and never again."""
    stage = Stage()
    contact = stage.submit()
    stage.wait(10 * SECOND)
    stage.agent("ann")
    stage.accept("ann")
    assert "ContactAnswered" not in kinds(stage.log), "connected is not answered on a channel with messages"
    stage.wait(15 * SECOND)

    answered = only(stage.say(contact, "agent", "ann"), ev.ContactAnswered)
    stage.say(contact, "agent", "ann")

    assert (answered.agent, answered.first_reply_ms) == ("ann", 25 * SECOND)
    assert answered.waited_ms == 10 * SECOND
    assert len(every(stage.log, ev.ContactAnswered)) == 1


def test_on_a_channel_without_messages_connected_is_answered() -> None:
    """A call: answered with the connection, and no reply clock runs."""
    stage = Stage(channels={"phone": {"messages": False}})
    stage.agent("ann")
    contact = stage.submit(channel="phone")
    stage.wait(3 * SECOND)

    events = stage.accept("ann")

    assert only(events, ev.ContactAnswered).contact == contact
    assert clock_events(stage.log) == []
    assert clock_events(stage.wait(600 * SECOND)) == []


def test_a_contact_that_has_not_written_has_no_clock() -> None:
    """The widget is open, nothing written: no round until the first message."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann", opening=False)
    assert clock_events(stage.wait(600 * SECOND)) == []

    assert only(stage.say(contact), ev.ReplyStarted).round == 1


def test_the_clock_runs_while_the_contact_waits() -> None:
    """Nobody is there: the customer who has written is warned about and breached in the queue."""
    stage = Stage()
    stage.submit()

    assert clock_events(stage.wait(180 * SECOND)) == ["ReplyWarned", "ReplyBreached"]


def test_a_transfer_does_not_stop_the_clock() -> None:
    """Asked at 0, transferred at 60 s: the next agent inherits the question, and the warning comes at 100 s."""
    stage = Stage(queues={"help": {}, "refund": {}})
    stage.agent("ann")
    contact = stage.connect("ann", "help")
    stage.wait(60 * SECOND)
    stage.state("ann", "paused")
    stage.agent("ben")

    assert clock_events(stage.transfer(contact, "ann", to_queue="refund")) == []
    stage.accept("ben")

    warned = only(stage.wait(40 * SECOND), ev.ReplyWarned)
    assert warned.agent == "ben"


def test_closing_stops_the_clock_unanswered() -> None:
    """The customer closes with an open question: the round ends, and it was not answered."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.wait(30 * SECOND)

    stopped = only(stage.close(contact), ev.ReplyStopped)

    assert (stopped.took_ms, stopped.answered) == (30 * SECOND, False)


def test_a_bots_answer_is_not_a_persons() -> None:
    """The bot answers, then hands off: answered is still to come, and only a person's message makes it so."""
    stage = Stage(queues={"help": {"bot_pools": ["bot"]}}, pools={"onsite": {}, "bot": {}}, bot_first=["help"])
    stage.bot()
    contact = stage.submit()
    stage.say(contact, "bot", "robo")
    stage.wait(30 * SECOND)
    stage.say(contact, "customer")
    stage.transfer(contact, "robo")
    stage.agent("ann")
    stage.accept("ann")
    assert "ContactAnswered" not in kinds(stage.log)
    stage.wait(10 * SECOND)

    answered = only(stage.say(contact, "agent", "ann"), ev.ContactAnswered)

    assert answered.first_reply_ms == 10 * SECOND, "counted from when it began waiting for a person"


def test_messages_count_without_gaps_in_every_open_state() -> None:
    """Written while waiting, while offered, while connected: seq 1, 2, 3 …, and refused after the end."""
    stage = Stage()
    contact = stage.submit()
    stage.say(contact)
    stage.agent("ann")
    stage.say(contact)
    stage.accept("ann")
    stage.say(contact, "agent", "ann")

    assert [m.seq for m in every(stage.log, ev.MessageAdded)] == [1, 2, 3]
    stage.close(contact, "ann")
    assert kinds(stage.say(contact)) == ["CommandRejected"]


def test_only_the_agent_who_serves_may_write_as_agent() -> None:
    """Ben writes into Ann's conversation: not_yours, and the message is not counted."""
    stage = Stage()
    stage.agent("ann")
    contact = stage.connect("ann")
    stage.agent("ben")

    refused = only(stage.say(contact, "agent", "ben"), ev.CommandRejected)

    assert refused.code == "not_yours"
    assert stage.contact(contact).messages == 0
    assert stage.do(cm.CloseContact(tenant="acme", contact=contact, agent="ben"))[-1].code == "not_yours"  # type: ignore[union-attr]
