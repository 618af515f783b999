"""An engine's start: the store opened, the state recovered, and what the first inputs of its epoch are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.dispatch.commands import ApplyPolicy, Command, StartEngine
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from engine.ports import Corrupt, Opened, RunBlocking, Store, StoreError
from engine.store.records import GENESIS
from engine.store.recovery import Recovered, recover

LONGEST_ABSENCE_MS = 24 * 60 * 60 * 1_000


@dataclass(frozen=True)
class Start:
    """Where the loop goes on: ``stamp`` is the first instant of this epoch, ``inputs`` its first records."""

    dispatcher: Dispatcher
    epoch: int
    lsn: int
    hash: bytes
    snapshot_lsn: int
    stamp: int
    inputs: tuple[Command, ...]


async def start_on(
    store: Store, run_blocking: RunBlocking, policy_text: str, wall_ms: Callable[[], int], scale: float
) -> Start:
    """``policy_text`` may be empty where the journal has a policy. ``scale``: dispatcher ms per real ms.

    Raises ``PolicyErrors`` before the store is touched, ``StoreError`` for everything that is wrong with the store.
    """
    if policy_text:
        compile_policy(policy_text)
    opened = await run_blocking(store.open)
    found = await run_blocking(recover, store)
    if found is None:
        return _fresh(opened, policy_text, wall_ms())
    if (found.lsn, found.hash) != (opened.last_lsn, opened.last_hash):
        raise Corrupt(f"the journal ends at record {opened.last_lsn}, but can be read to {found.lsn}", found.lsn + 1)
    return _again(found, opened, policy_text, wall_ms(), scale)


def _fresh(opened: Opened, policy_text: str, wall: int) -> Start:
    if not policy_text:
        raise StoreError("the store is new: it needs a policy to begin with")
    inputs = (ApplyPolicy(policy_text), StartEngine(opened.epoch, 0))
    return Start(Dispatcher(compile_policy(policy_text)), opened.epoch, 0, GENESIS, 0, wall, inputs)


def _again(found: Recovered, opened: Opened, policy_text: str, wall: int, scale: float) -> Start:
    """Time goes on from the last known instant plus the absence; a wall clock set back counts as no absence."""
    absent = round((wall - opened.last_wall_ms) * scale) if opened.last_wall_ms else 0
    down_ms = min(max(absent, 0), LONGEST_ABSENCE_MS)
    inputs: tuple[Command, ...] = (StartEngine(opened.epoch, down_ms),)
    if policy_text and policy_text != found.dispatcher.policy.text:
        inputs += (ApplyPolicy(policy_text),)
    stamp = max(found.stamp, found.dispatcher.now, opened.last_now_ms) + down_ms
    return Start(found.dispatcher, opened.epoch, found.lsn, found.hash, found.snapshot_lsn, stamp, inputs)
