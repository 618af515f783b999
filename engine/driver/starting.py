"""An engine's start: the store opened, the state recovered, and what the first inputs of its epoch are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.dispatch.commands import ApplyPolicy, Command, StartEngine
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from engine.ports import Corrupt, HistoryTrimmed, Opened, RunBlocking, Store, StoreError
from engine.store.records import GENESIS
from engine.store.recovery import Recovered, catch_up, recover

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
    remarks: tuple[str, ...] = ()  # what was found on the way and did not forbid to start


async def start_on(
    store: Store,
    run_blocking: RunBlocking,
    policy_text: str,
    wall_ms: Callable[[], int],
    scale: float,
    warm: Recovered | None = None,
) -> Start:
    """``policy_text`` may be empty where the journal has a policy. ``scale``: dispatcher ms per real ms.

    ``warm``: the state as it was a moment ago, read while another engine still had the store; only what came since is read.

    Raises ``PolicyErrors`` before the store is touched, ``StoreError`` for everything that is wrong with the store.
    """
    if policy_text:
        compile_policy(policy_text)
    opened = await run_blocking(store.open)
    found, remarks = await run_blocking(_recover, store, opened, warm)
    if found is None:
        start = _fresh(opened, policy_text, wall_ms())
    else:
        start = _again(found, opened, policy_text, wall_ms(), scale)
    return replace(start, remarks=remarks)


def _recover(store: Store, opened: Opened, warm: Recovered | None) -> tuple[Recovered | None, tuple[str, ...]]:
    """The state after the last whole record, and what is to be said about it. Raises ``StoreError``.

    One record may be cut off: the very last, when it cannot be read. Any other is a hole that nobody may step over.
    """
    remarks, last = opened.remarks, opened.last_lsn
    try:
        try:
            found = recover(store) if warm is None else warm
            if warm is not None:
                catch_up(store, warm)
        except Corrupt as error:
            if error.lsn != last or last <= 1:
                raise
            store.cut_tail(last)
            last -= 1
            found = recover(store)
            remarks += (f"{error}: it was the last one, and was CUT OFF; the journal now ends at record {last}",)
    except HistoryTrimmed as error:
        raise Corrupt(str(error), 0) from error
    if (found.lsn if found is not None else 0) != last:
        at = found.lsn if found is not None else 0
        raise Corrupt(f"the journal ends at record {last}, but can be read to {at}", at + 1)
    return found, remarks + tuple(found.passed_over if found is not None else ())


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
