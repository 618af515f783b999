"""The engine was down: open offers are taken back without blame, and the grace of everybody starts now."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.agents import SIGNED_ON
from engine.dispatch.contacts import ContactState
from tests.reference_dispatcher import matching, offers, presence, slices
from tests.reference_dispatcher.desk import Desk
from tests.reference_dispatcher.registry import handles


@handles(cm.StartEngine)
def start(desk: Desk, command: cm.StartEngine) -> None:
    sliced = slices.too_much(desk, len(desk.offers) + len(desk.agents))
    desk.emit(ev.EngineStarted, epoch=command.epoch, down_ms=command.down_ms, sliced=sliced)
    if sliced:
        slices.start_again(desk)
        return
    loose = []
    for number in sorted(desk.offers):
        contact = desk.contacts[desk.offers[number].contact]
        offers.rescind(desk, contact, "restart")
        loose.append(contact)
    gone = [agent for agent in desk.agents.values() if agent.state in SIGNED_ON]
    for agent in gone:
        presence.lost(desk, agent)
    for agent in gone:
        matching.takes_nothing_more(desk, agent)
    matching.place_all(desk, [c for c in loose if c.state == ContactState.QUEUED], "restart")
    for name, queue in desk.policy.queues.items():
        if any(step.queue_length or step.lender_kpi for step in queue.steps):
            desk.reached[name] = None
