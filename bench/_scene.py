"""The scene of ``bench dispatch``, set in a process of its own: the one that measures holds nothing else.

A million contacts that wait leave two gigabytes of memory behind them, and a heap that no engine would have.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from bench._lives import Counts, Input, Play, Size
from bench._machine import ENGINE_GC, set_gc
from engine.dispatch.commands import Command
from sim.processes import workers

# The first lives after a start meet cold caches and heaps that have just been built.
WARM_UP = 0.2
# As many as the driver takes at once.
BATCH = 512
Given: TypeAlias = tuple[Command, int]


@dataclass(frozen=True)
class Scene:
    """What was set, and where it lies: files ``snapshot``, and ``warm`` and ``day`` with the inputs."""

    folder: Path
    counts: Counts  # of the day
    refused_before: int
    commands: int  # of the day
    ended: str  # digest of the dispatcher's snapshot after the day
    setup_s: float


def set_apart(size: Size, lives: int, folder: Path) -> Scene:
    """:func:`write_scene` in another process, which is gone when this returns."""
    with workers(1) as pool:
        return pool.submit(write_scene, size, lives, folder).result()


def write_scene(size: Size, lives: int, folder: Path) -> Scene:
    """Play the scene once and write down what another dispatcher needs to live the same day."""
    set_gc(ENGINE_GC)
    started = time.perf_counter()
    play = Play(size)
    play.set_scene()
    setup_s = time.perf_counter() - started
    (folder / "snapshot").write_bytes(play.dispatcher.snapshot())
    warm_lives = round(lives * WARM_UP)
    play.run(warm_lives)
    _write(folder / "warm", play.inputs)
    counts = Counts()
    play.inputs, play.counts, before = [], counts, play.counts
    play.run(lives - warm_lives)
    commands = len(play.inputs)
    _write(folder / "day", play.inputs)
    play.inputs = []
    ended = digest(play.dispatcher.snapshot())
    return Scene(folder, counts, before.refused, commands, ended, setup_s)


def digest(snapshot: bytes) -> str:
    return hashlib.sha256(snapshot).hexdigest()


def _write(path: Path, inputs: Sequence[Input]) -> None:
    """Encoded as they would come: in the engine, commands are decoded just before they are handled."""
    encode = msgspec.msgpack.Encoder().encode
    batches = [encode(inputs[start : start + BATCH]) for start in range(0, len(inputs), BATCH)]
    path.write_bytes(encode(batches))


def read_batches(path: Path) -> list[bytes]:
    """Each decodes as ``list[Given]``."""
    return msgspec.msgpack.decode(path.read_bytes(), type=list[bytes])
