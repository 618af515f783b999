"""Bad commands: refused with a code, and nothing but time has changed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.refusals import Code
from tests.dispatch.stage import SECOND, Stage, kinds, refusal


def furnished() -> Stage:
    """Contact 1 connected to ann, 2 offered to ben, 3 waiting, 4 abandoned; cid is offline, dot paused."""
    stage = Stage(queues={"help": {}, "refund": {}})
    stage.agent("ann")
    stage.connect("ann")
    stage.agent("ben")
    stage.submit()
    stage.submit()
    stage.abandon(stage.submit())
    stage.agent("cid", on=False)
    stage.agent("dot")
    return stage


T = "acme"
BAD: list[tuple[cm.Command, set[str]]] = [
    (cm.AddMessage(tenant=T, contact=99), {"unknown_contact"}),
    (cm.RecordDesk(tenant=T, kind=""), {"bad_value"}),
    (cm.RecordDesk(tenant=T, kind="k" * 65), {"bad_value"}),
    (cm.RecordDesk(tenant=T, kind="note", subject="s" * 1_025), {"bad_value"}),
    (cm.RecordDesk(tenant=T, kind="note", contact=-1), {"bad_value"}),
    (cm.RecordDesk(tenant=T, kind="note", contact=2**62), {"bad_value"}),
    (cm.RecordDesk(tenant="bell", kind="note", contact=1), {"unknown_contact"}),
    (cm.AddMessage(tenant="other", contact=1), {"unknown_contact"}),
    (cm.UpdateContact(tenant=T, contact=99, attributes={"a": 1}), {"unknown_contact"}),
    (cm.UpdateContact(tenant="other", contact=1, attributes={"a": 1}), {"unknown_contact"}),
    (cm.CloseContact(tenant=T, contact=99), {"unknown_contact"}),
    (cm.CloseContact(tenant="other", contact=1), {"unknown_contact"}),
    (cm.CloseContact(tenant=T, contact=1, agent="ben"), {"not_yours"}),
    (cm.AbandonContact(tenant=T, contact=99), {"unknown_contact"}),
    (cm.AbandonContact(tenant="other", contact=3), {"unknown_contact"}),
    (cm.MoveContact(tenant=T, contact=3, queue="nowhere"), {"unknown_queue"}),
    (cm.MoveContact(tenant="other", contact=3, queue="refund"), {"unknown_contact"}),
    (cm.MoveContact(tenant=T, contact=1, queue="refund"), {"wrong_state"}),
    (cm.PrioritiseContact(tenant=T, contact=99, priority=1), {"unknown_contact"}),
    (cm.AskPerson(tenant=T, contact=99), {"unknown_contact"}),
    (cm.TransferContact(tenant="other", contact=1, agent="ann", to_queue="refund"), {"unknown_contact"}),
    (cm.TransferContact(tenant=T, contact=1, agent="ann"), {"bad_value", "wrong_state"}),
    (cm.AcceptOffer(agent="nobody", offer=2), {"unknown_agent", "not_yours"}),
    (cm.AcceptOffer(agent="ben", offer=77), {"unknown_offer"}),
    (cm.AcceptOffer(agent="ann", offer=2), {"not_yours"}),
    (cm.DeclineOffer(agent="ann", offer=2), {"not_yours"}),
    (cm.CompleteAccept(agent="ben", offer=2), {"wrong_state"}),
    (cm.FailAccept(agent="ben", offer=2), {"wrong_state"}),
    (cm.EndWrapUp(agent="ann", contact=1), {"wrong_state"}),
    (cm.EndWrapUp(agent="ann", contact=99), {"unknown_contact", "wrong_state"}),
    (cm.RemoveAgent(agent="ann"), {"wrong_state", "agent_busy"}),
    (cm.RemoveAgent(agent="nobody"), {"unknown_agent"}),
    (cm.SetAgentState(agent="cid", state="paused"), {"wrong_state"}),
    (cm.SetCapacity(agent="ann", capacity=-1), {"bad_value"}),
    (cm.SetCapacity(agent="nobody", capacity=1), {"unknown_agent"}),
    (cm.SetExternalLoad(agent="ann", source="phone", units=-1), {"bad_value"}),
    (cm.SetExternalLoad(agent="ann", source="", units=1), {"bad_value"}),
    (cm.SetExternalLoad(agent="nobody", source="phone", units=1), {"unknown_agent"}),
    (cm.SetCapacity(agent="ann", capacity=1, until=1), {"bad_value"}),
    (cm.SetCapacity(agent="ann", capacity=1, until=2**64), {"bad_value"}),
    (cm.SetAgentState(agent="ann", state="not_ready", until=1), {"bad_value"}),
    (cm.SetAgentState(agent="ann", state="not_ready", until=2**64), {"bad_value"}),
    (cm.SetAgentState(agent="nobody", state="paused"), {"unknown_agent"}),
    (cm.LoseAgent(agent="nobody"), {"unknown_agent"}),
    (cm.ReturnAgent(agent="nobody"), {"unknown_agent"}),
    (cm.SignOff(agent="nobody"), {"unknown_agent"}),
    (cm.EndWrapUp(agent="nobody", contact=1), {"unknown_agent"}),
    (cm.PrioritiseContact(tenant=T, contact=3, priority=10**9), {"bad_value"}),
    (cm.PrioritiseContact(tenant=T, contact=1, priority=1), {"wrong_state"}),
    (cm.CloseContact(tenant=T, contact=2, agent="ben"), {"wrong_state"}),
    (cm.CloseContact(tenant=T, contact=4), {"wrong_state"}),
    (cm.UpdateContact(tenant=T, contact=4, attributes={"a": 1}), {"wrong_state"}),
    (cm.AskPerson(tenant=T, contact=4), {"wrong_state"}),
    (cm.AddMessage(tenant=T, contact=4), {"wrong_state"}),
    (cm.AddMessage(tenant=T, contact=3, sender=cm.Sender.AGENT, agent="ann"), {"not_yours"}),
    (cm.DefineAgent(profile=cm.AgentProfile(agent="x", channel_limits={"pigeon": 1})), {"unknown_channel"}),
    (cm.SignOff(agent="ann", to_queue="nowhere"), {"unknown_queue"}),
    (cm.SignOff(agent="ann", to_agent="nobody"), {"unknown_agent"}),
    (cm.DefineAgent(profile=cm.AgentProfile(agent="", pools=("onsite",))), {"bad_value"}),
    (cm.DefineAgent(profile=cm.AgentProfile(agent="x", pools=("nowhere",))), {"unknown_pool"}),
    (cm.DefineAgent(profile=cm.AgentProfile(agent="x", skills={"a": 11})), {"bad_value"}),
    (cm.DefineAgent(profile=cm.AgentProfile(agent="x", capacity=-1)), {"bad_value"}),
    (cm.DefineAgent(profile=cm.AgentProfile(agent="x", channel_limits={"web": 1})), {"limit_not_declared"}),
    (cm.SetQueueNotice(queue="nowhere", notice="storm", until=2_000_000), {"unknown_queue"}),
    (cm.SetQueueNotice(queue="help", notice="storm"), {"bad_value"}),
    (cm.SetQueueNotice(queue="help", notice="storm", until=5), {"bad_value"}),
    (cm.SetQueueNotice(queue="help", notice="storm", until=2**64), {"bad_value"}),
    (cm.SetQueueNotice(queue="help", notice="Dear Ms Li, we are sorry", until=2_000_000), {"bad_value"}),
    (cm.BulkCommand(tenant=T, queue="help", to_queue="refund", expect_count=77), {"count_changed"}),
    (cm.BulkCommand(tenant=T, to_queue="refund"), {"not_confirmed"}),
    (cm.DrainPool(pool="nowhere"), {"unknown_pool"}),
    (cm.OpenPool(pool="nowhere"), {"unknown_pool"}),
    (cm.AssignContact(tenant=T, contact=999, agent="ann", reason="x"), {"unknown_contact"}),
    (cm.TakeOverContact(tenant=T, contact=999, agent="ann"), {"unknown_contact"}),
    (cm.BulkCommand(tenant=T, queue="help", to_queue="nowhere"), {"unknown_queue"}),
    (cm.BulkCommand(tenant=T, queue="nowhere", to_queue="refund"), {"unknown_queue"}),
    (cm.BulkCommand(tenant=T, shop="nowhere", to_queue="refund"), {"unknown_shop"}),
    (cm.BulkCommand(tenant=T, channel="pigeon", to_queue="refund"), {"unknown_channel"}),
    (cm.BulkCommand(tenant="nobody", queue="help", to_queue="refund"), {"bad_value"}),
    (cm.BulkCommand(tenant=T, queue="help", action="prioritise", priority=10**9), {"bad_value"}),
    (cm.ConsultAgent(tenant=T, contact=999, agent="ann", to_agent="ben"), {"unknown_contact"}),
    (cm.AcceptConsult(tenant=T, contact=999, agent="ann"), {"unknown_contact"}),
    (cm.EndConsult(tenant=T, contact=999, agent="ann"), {"unknown_contact"}),
    (cm.LeaveMessage(tenant=T, contact=3), {"no_promise"}),
    (cm.AskBot(tenant=T, contact=3), {"no_bots"}),
    (cm.AskBot(tenant=T, contact=999), {"unknown_contact"}),
    (cm.SetGroupCapacity(tenant=T, capacity=2, expect_count=0), {"not_confirmed"}),
    (cm.SetGroupCapacity(tenant="nobody", pool="onsite"), {"bad_value"}),
    (cm.SetGroupCapacity(tenant=T, pool="onsite", capacity=-1), {"bad_value"}),
    (cm.SetGroupCapacity(tenant=T, pool="onsite", until=1), {"bad_value"}),
    (cm.SetGroupCapacity(tenant=T, pool="onsite", until=2**64), {"bad_value"}),
    (cm.SetGroupCapacity(tenant=T, pool="attic"), {"unknown_pool"}),
    (cm.SetGroupCapacity(tenant=T, team="night", expect_count=7), {"count_changed"}),
    (cm.LeaveMessage(tenant=T, contact=99), {"unknown_contact"}),
    (cm.LeaveMessage(tenant="bell", contact=3), {"unknown_contact"}),
    (cm.LeaveMessage(tenant=T, contact=4), {"wrong_state"}),
]


@pytest.mark.parametrize(
    ("command", "codes"), BAD, ids=lambda value: repr(value)[:70] if isinstance(value, cm.Command) else ""
)
def test_a_bad_command_changes_nothing(command: cm.Command, codes: set[str]) -> None:
    """One refusal, of a code from the catalogue, and the state is the same to the byte."""
    stage = furnished()
    before = stage.dispatcher.snapshot()

    events = stage.do(command)

    assert kinds(events) == ["CommandRejected"]
    assert refusal(events) in codes
    assert refusal(events) in set(Code)
    assert stage.dispatcher.snapshot() == before


def test_time_goes_on_for_a_bad_command_too() -> None:
    """A bad command stamped behind a deadline: what was due happens first, then the refusal."""
    stage = furnished()
    stage.lag(25 * SECOND)

    events = stage.do(cm.CloseContact(tenant=T, contact=99))

    assert kinds(events)[0] == "OfferExpired"
    assert refusal(events) == "unknown_contact"


def test_a_stamp_before_the_last_is_refused_and_changes_nothing() -> None:
    """Stamps never go back: equal is fine, one millisecond less is not."""
    stage = furnished()
    stage.wait(10 * SECOND)
    stage.submit()
    before = stage.dispatcher.snapshot()
    assert refusal(stage.do(cm.OpenQueue(queue="nowhere"))) == "unknown_queue"

    code: Callable[[], list[ev.Event]] = lambda: stage.dispatcher.handle(  # noqa: E731  # a def would take four lines
        cm.OpenQueue(queue="help"), stage.now - 1
    )
    assert refusal(code()) == "time_went_back"

    assert stage.dispatcher.snapshot() == before


def test_expire_is_harmless_when_called_early_twice_or_never() -> None:
    """quinn's door: early does nothing, twice does nothing more, and a command does the work of a missed call."""
    stage = furnished()
    stage.lag(5 * SECOND)
    assert stage.expire() == []
    assert stage.expire() == []
    stage.lag(15 * SECOND)
    first = stage.expire()
    assert "OfferExpired" in kinds(first)
    assert stage.expire() == []


def test_expire_does_at_most_its_limit() -> None:
    """Fifty reply clocks are due at once: ten a call, in deadline order, and the rest in further calls."""
    stage = Stage()
    for _ in range(50):
        stage.submit()
    stage.lag(100 * SECOND)
    happened: list[ev.Event] = []
    calls = 0
    while (due := stage.dispatcher.next_deadline()) is not None and due <= stage.now:
        got = stage.expire(limit=10)
        assert 0 < len(got) <= 10
        happened += got
        calls += 1

    assert kinds(happened) == ["ReplyWarned"] * 50
    assert calls == 5
