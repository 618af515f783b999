"""A pool is drained: nothing new comes through it and nobody counts as there by it; opened, its agents are given what waits."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from engine.dispatch.refusals import Code
from engine.dispatch.slices import FEEDING
from tests.reference_dispatcher import eligible, matching, needs, shares
from tests.reference_dispatcher.desk import Agent, Desk
from tests.reference_dispatcher.registry import Refused, handles


@handles(cm.DrainPool)
def drain(desk: Desk, command: cm.DrainPool) -> None:
    check(desk, command.pool)
    if command.pool in desk.drained:
        return
    desk.emit(ev.PoolDrained, pool=command.pool, reason=command.reason)
    stood = [c for c in desk.contacts.values() if eligible.is_for_anybody(c)]
    stood = [contact for contact in stood if command.pool in needs.open_pools(desk, contact)]
    desk.drained[command.pool] = None
    matching.left(desk, (command.pool,), stood)


@handles(cm.OpenPool)
def open_pool(desk: Desk, command: cm.OpenPool) -> None:
    check(desk, command.pool)
    if command.pool not in desk.drained:
        return
    desk.emit(ev.PoolOpened, pool=command.pool, reason=command.reason)
    del desk.drained[command.pool]
    desk.emit(ev.RearrangementStarted, why="pool_opened", stage=FEEDING)
    desk.rearranging = True
    for agent in sorted(desk.agents.values(), key=lambda agent: agent.seq):
        give(desk, agent, "pool_opened")
    desk.emit(ev.RearrangementEnded, why="pool_opened", took_ms=0)
    desk.rearranging = False
    shares.level_all(desk)


def check(desk: Desk, pool: str) -> None:
    if pool not in desk.policy.pools:
        raise Refused(Code.UNKNOWN_POOL, pool, f"one of {', '.join(desk.policy.pools)}")


def give(desk: Desk, agent: Agent, why: str) -> None:
    """Whatever the agent may have, each to whom it should go."""
    while (found := matching.best_contact(desk, agent)) is not None:
        contact, pick = found
        if contact.prefer == agent.name:
            matching.offer(desk, contact, agent, pick, why)
            continue
        first = matching.who_goes_first(desk, contact)
        matching.place(desk, first, why)
        if first.state == ContactState.QUEUED:
            return
