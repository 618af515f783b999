"""A supervisor's notice in a queue: who is told, when it ends, and what is kept of it."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from tests.dispatch.stage import SECOND, Stage, every, kinds, only, policy_text

MINUTE = 60 * SECOND


def test_a_notice_reaches_those_waiting_and_arriving_and_expires() -> None:
    """Settings: notice "storm" in queue a for ten minutes. Offered ones wait too; another queue hears nothing."""
    stage = Stage(queues={"a": {}, "b": {}})
    stage.agent("ann")
    offered, waiting, elsewhere = stage.submit("a"), stage.submit("a"), stage.submit("b")

    events = stage.do(cm.SetQueueNotice(queue="a", notice="storm", until=stage.now + 10 * MINUTE))

    assert kinds(events) == ["QueueNoticeSet", "ContactTold", "ContactTold"]
    assert [(e.contact, e.why, e.notice) for e in every(events, ev.ContactTold)] == [
        (offered, "notice", "storm"), (waiting, "notice", "storm"),
    ]  # fmt: skip
    assert elsewhere
    stage.mirror = Dispatcher.restore(stage.dispatcher.snapshot())
    stage.wait(9 * MINUTE)
    arriving = stage.submit("a")
    assert kinds(stage.log)[-3:] == ["ContactSubmitted", "ContactTold", "ReplyStarted"]
    assert stage.log[-2] == ev.ContactTold(stage.now, arriving, "notice", "storm")
    ended = only(stage.wait(MINUTE), ev.QueueNoticeEnded)
    assert ended == ev.QueueNoticeEnded(stage.now, "a", "storm", "expired")
    stage.submit("a")
    assert "ContactTold" not in kinds(stage.log[-2:])


def test_a_notice_is_replaced_prolonged_and_taken_down() -> None:
    """A new one is told to all; the same with another end to nobody again; an empty one takes it down."""
    stage = Stage()
    stage.submit()
    until = stage.now + MINUTE
    assert len(stage.do(cm.SetQueueNotice(queue="help", notice="storm", until=until))) == 2

    assert stage.do(cm.SetQueueNotice(queue="help", notice="storm", until=until)) == []
    assert kinds(stage.do(cm.SetQueueNotice(queue="help", notice="storm", until=until + 1))) == ["QueueNoticeSet"]
    assert len(stage.do(cm.SetQueueNotice(queue="help", notice="flood", until=until))) == 2
    assert stage.do(cm.SetQueueNotice(queue="help")) == [ev.QueueNoticeEnded(stage.now, "help", "flood", "cleared")]
    assert stage.do(cm.SetQueueNotice(queue="help")) == []


def test_many_are_told_in_slices_and_a_swap_in_between_loses_none() -> None:
    """Settings: 400 wait. 128 a millisecond are told; meanwhile the policy is swapped and the dispatcher restored."""
    stage = Stage()
    stage.shadow.check = lambda dispatcher: None  # type: ignore[method-assign]
    waiting = [stage.submit() for _ in range(400)]

    events = stage.do(cm.SetQueueNotice(queue="help", notice="storm", until=stage.now + MINUTE))

    assert len(every(events, ev.ContactTold)) == 128
    assert events[-1] == ev.EffectSliced(stage.now, "notice", "help", waiting[127], stage.now + 1)
    stage.do(cm.ApplyPolicy(text=policy_text(name="other")))
    stage.dispatcher = Dispatcher.restore(stage.dispatcher.snapshot())
    stage.wait(1)
    stage.mirror = Dispatcher.restore(stage.dispatcher.snapshot())
    stage.close(waiting[300])
    stage.wait(SECOND)
    assert [e.contact for e in every(stage.log, ev.ContactTold)] == [n for n in waiting if n != waiting[300]]
    assert stage.log[-1] == ev.EffectSliced(stage.dawn + 3, "notice", "help", waiting[-1], 0)
    type(stage.shadow).check(stage.shadow, stage.dispatcher)
    again = Dispatcher(stage.shadow.policy)
    again.apply_events(stage.log)
    assert again.snapshot()[40:] == stage.dispatcher.snapshot()[40:]
