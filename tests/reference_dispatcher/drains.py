"""A pool is drained: nothing new comes through it and nobody counts as there by it; opened, its agents are given what waits."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.refusals import Code
from engine.dispatch.slices import FEEDING
from tests.reference_dispatcher import eligible, matching, needs, shares, slices
from tests.reference_dispatcher.desk import Desk
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
    for agent in slices.by_sequence(desk):
        slices.give(desk, agent, "pool_opened")
    desk.emit(ev.RearrangementEnded, why="pool_opened", took_ms=0)
    desk.rearranging = False
    shares.level_all(desk)


def check(desk: Desk, pool: str) -> None:
    if pool not in desk.policy.pools:
        raise Refused(Code.UNKNOWN_POOL, pool, f"one of {', '.join(desk.policy.pools)}")
