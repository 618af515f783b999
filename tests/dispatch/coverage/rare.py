"""Named stories for what random histories meet seldom or never; each is played on a judged stage and counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.coverage.collector import Coverage, Witness
from tests.dispatch.coverage.items import alternatives
from tests.dispatch.stage import SECOND, Stage, refusal

T = "acme"
SIGNED_ON: tuple[Any, ...] = ("available", "paused", "finishing", "not_ready")


class SeenStage(Stage):
    """A stage whose calls are counted."""

    def __init__(self, coverage: Coverage, **parts: Any) -> None:
        super().__init__(**parts)
        self.witness = Witness(coverage, self.text)

    def do(self, command: cm.Command, at: int | None = None) -> list[ev.Event]:
        happened = super().do(command, at)
        self.witness.saw(command, happened)
        return happened

    def expire(self, limit: int = 512) -> list[ev.Event]:
        happened = super().expire(limit)
        self.witness.saw(None, happened)
        return happened


Play: TypeAlias = Callable[..., SeenStage]


def every_state_after_every_other(play: Play) -> None:
    """Ann has a contact in hand, so that she may be finishing, and goes from each state to each, and is lost in each."""
    for before in SIGNED_ON:
        for after in (*SIGNED_ON, "off"):
            stage = play()
            stage.agent("ann", capacity=2)
            stage.connect("ann")
            stage.state("ann", before)
            stage.do(cm.DefineAgent(profile=cm.AgentProfile(agent="ann", pools=("onsite",), capacity=2)))
            if after == "off":
                stage.do(cm.LoseAgent(agent="ann"))
                stage.do(cm.DefineAgent(profile=cm.AgentProfile(agent="ann", pools=("onsite",), capacity=2)))
                stage.do(cm.ReturnAgent(agent="ann"))
                assert stage.dispatcher.agents["ann"].state == before
                stage.do(cm.SignOff(agent="ann"))
            else:
                stage.state("ann", after)
    for first in ("available", "paused", "not_ready"):
        stage = play()
        stage.agent("ann", on=False)
        stage.do(cm.SignOn(agent="ann", state=first))
        stage.do(cm.LoseAgent(agent="ann"))
        stage.wait(120 * SECOND)
        assert stage.dispatcher.agents["ann"].state == "offline"
        stage.do(cm.RemoveAgent(agent="ann"))


def turned_away_with_each_alternative(play: Play) -> None:
    """A queue is closed, and what is offered instead is what the policy says."""
    for alternative in alternatives():
        bots = {"bot_pools": ["bot"]} if alternative == "bot" else {}
        stage = play(queues={"help": {"closed_alternative": alternative, **bots}}, pools={"onsite": {}, "bot": {}})
        stage.do(cm.CloseQueue(queue="help", reason="storm"))
        stage.submit()


def a_stamp_from_the_past(play: Play) -> None:
    """A driver whose clock went back is refused."""
    stage = play()
    stage.submit()
    assert refusal(stage.do(cm.OpenQueue(queue="help"), stage.now - 1)) == "time_went_back"


def gone_and_back(play: Play) -> None:
    """A customer leaves the line and comes back inside the window: by the same external id, on the old place."""
    stage = play()
    contact = stage.submit(customer="li", external_id="x1")
    stage.abandon(contact)
    stage.wait(5 * SECOND)
    stage.do(cm.SubmitContact(tenant=T, channel="web", shop="flagship", customer="li", external_id="x1"))
    assert stage.contact(contact).state == "queued"


def many_are_told(play: Play) -> None:
    """More wait than are told at one stamp: the rest hears a millisecond later."""
    stage = play()
    check, stage.shadow.check = stage.shadow.check, lambda dispatcher: None  # type: ignore[method-assign]  # for speed
    for _ in range(130):
        stage.submit()
    stage.do(cm.SetQueueNotice(queue="help", notice="storm", until=stage.now + SECOND))
    stage.wait(1)
    check(stage.dispatcher)


def silent_and_back(play: Play) -> None:
    """Customers fall silent: one wakes, one is passed on asleep, one finds no room, one is closed and comes back."""
    help_ = {"remind_ms": 10_000, "dormant_ms": 10_000, "idle_close_ms": 10_000, "reopen_ms": 60_000}
    for ending in ("wake", "transfer", "full", "close", "idle", "forgotten", "sign off"):
        stage = play(queues={"help": help_}, channels={"web": {"cost": 4, "dormant_cost": 1}})
        stage.agent("ann", capacity=4)
        contact = stage.connect("ann")
        stage.say(contact, "agent", "ann")
        stage.wait(20 * SECOND)
        if ending == "full":
            stage.do(cm.SetExternalLoad(agent="ann", source="desk", units=3))
        if ending in ("wake", "full"):
            stage.say(contact)
        elif ending == "transfer":
            stage.transfer(contact, "ann", to_queue="help")
        elif ending == "sign off":
            stage.do(cm.SignOff(agent="ann"))
        elif ending == "close":
            stage.close(contact, "ann")
        else:
            stage.wait(10 * SECOND)
            if ending == "idle":
                stage.say(contact)
            else:
                stage.wait(60 * SECOND)


def rona_takes_too_many(play: Play) -> None:
    """Two of a pool let their offers lapse; one of the two may be out, so the second stays and an alert says so."""
    stage = play(pools={"onsite": {"rona_share": 0.5}}, queues={"help": {"offer_ms": 5_000}})
    stage.agent("ann")
    stage.agent("ben")
    stage.submit()
    stage.submit()
    stage.wait(5 * SECOND)
    assert [stage.dispatcher.agents[name].state for name in ("ann", "ben")] == ["not_ready", "available"]


def a_day_ends(play: Play) -> None:
    """Ann has had her contacts of today; the next one is hers at midnight."""
    stage = play(pools={"onsite": {"daily_quota": 1}})
    stage.agent("ann")
    stage.close(stage.connect("ann"), "ann")
    waiting = stage.submit()
    assert not stage.offered(waiting)
    stage.wait(86_400 * SECOND)
    assert stage.dispatcher.agents["ann"].quota_used <= 1


def many_at_once(play: Play) -> None:
    """Bulk commands in slices, a wrong count, a filter that nobody confirmed; a bot for whom hundreds wait."""
    stage = play(queues={"help": {"bot_pools": ["bot"]}, "other": {}}, pools={"onsite": {}, "bot": {}}, slice_units=8)
    for _ in range(10):
        stage.submit("help")
    command = cm.BulkCommand(tenant=T, queue="help", to_queue="other")
    assert refusal(stage.do(command)) == "count_changed"
    assert refusal(stage.do(msgspec.structs.replace(command, queue="", expect_count=10))) == "not_confirmed"
    stage.do(msgspec.structs.replace(command, expect_count=10))
    stage.finish()
    stage.agent("ann", capacity=20)
    stage.finish()


def something_is_done_at_the_desk(play: Play) -> None:
    """A note on who waits: it is on record, and the contact is as it was."""
    stage = play()
    contact = stage.submit(customer="li")
    before = stage.contact(contact)
    stage.do(cm.RecordDesk(tenant=T, kind="contact.note", subject="li", contact=contact))
    assert stage.contact(contact) == before


STORIES: tuple[Callable[[Play], None], ...] = (
    every_state_after_every_other,
    turned_away_with_each_alternative,
    a_stamp_from_the_past,
    gone_and_back,
    many_are_told,
    silent_and_back,
    rona_takes_too_many,
    a_day_ends,
    many_at_once,
    something_is_done_at_the_desk,
)


def tell(coverage: Coverage, story: Callable[[Play], None]) -> None:
    """Play one story on stages that are counted."""
    story(lambda **parts: SeenStage(coverage, **parts))
