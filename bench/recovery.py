"""``python -m bench recovery``: an engine dies with contacts waiting; from the next one's start to its first ack.

A journal is written as an engine writes it: agents on, then contacts that all wait; a snapshot; a tail of records behind
it; and no clean end. What is measured is a new process, ``sluice serve`` and all it imports, to the durable answer to one
contact submitted over a socket. The operating system has the files in memory, as after a process's death.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

import engine
from adapters.storage.lease import Holder
from adapters.storage.sqlite import SqliteStore
from bench._lives import DAWN_MS, Size, policy_text, profiles
from bench._machine import ENGINE_GC, commit, machine, set_gc, yardstick_ns
from bench.dispatch import Help, store_as
from engine.dispatch import commands as cm
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from engine.driver.batches import BatchInMaking
from engine.ports import Principal
from engine.store.records import GENESIS, encode_command, principal_text
from engine.store.recovery import take_snapshot
from sim.processes import workers

CHANNEL = Principal("shop", "channel", "bench")
BATCH = 500
ARRIVALS_MS = 10_000
QUEUES = 20
PATIENCE_S = 300


class Scribe:
    """Decides, and writes what it decided as the driver does."""

    def __init__(self, store: SqliteStore, policy: str) -> None:
        self._store = store
        self._dispatcher = Dispatcher(compile_policy(policy))
        self._lsn, self._hash, self._epoch = 0, GENESIS, store.open().epoch
        self.write([(cm.ApplyPolicy(policy), DAWN_MS)])

    def write(self, inputs: Sequence[tuple[cm.Command, int]]) -> None:
        batch = BatchInMaking(self._lsn, self._hash, self._epoch)
        for command, stamp in inputs:
            encoded, _ = encode_command(command)
            events = self._dispatcher.handle(command, stamp)
            batch.add(stamp, CHANNEL, principal_text(CHANNEL), "", command, encoded, events, b"")
        wall_ms = time.time_ns() // 1_000_000  # noqa: TID251  # the engine's next start measures its absence from this
        self._store.commit(batch.to_commit(wall_ms, inputs[-1][1]))
        self._lsn, self._hash = batch.lsn, batch.hash

    def waiting(self) -> int:
        return sum(self._dispatcher.queue_length(queue) for queue in self._dispatcher.policy.queues)


def arrivals(first: int, count: int, of: int) -> Iterator[list[tuple[cm.Command, int]]]:
    """Contacts of new customers in batches; the whole day's are ``of``."""
    for start in range(first, first + count, BATCH):
        yield [
            (
                cm.SubmitContact(
                    tenant="shop",
                    channel="web",
                    external_id=f"x{number}",
                    customer=f"c{number}",
                    attributes={"to": str(number % QUEUES)},
                ),
                DAWN_MS + 1 + number * ARRIVALS_MS // of,
            )
            for number in range(start, min(start + BATCH, first + count))
        ]


def prepare(folder: Path, waiting: int, tail: int, agents: int) -> dict[str, Any]:
    """Write the journal, and leave it as a process that was killed leaves it."""
    set_gc(ENGINE_GC)
    # No step falls due while the engine is away: what that costs is the dispatcher's time, not recovery's.
    policy = policy_text(QUEUES, messages=True).replace("after_ms = 20000", "after_ms = 3600000")
    (folder / "policy.toml").write_text(policy)
    # Whoever wrote this is gone, as far as the next engine can tell.
    gone = Holder("a boot before this one", "", 1, "1")
    store = SqliteStore(folder / "store", holder=gone)
    scribe = Scribe(store, policy)
    for profile in profiles(Size(agents, QUEUES, 5, 0), np.random.default_rng(1), QUEUES):
        scribe.write([(cm.DefineAgent(profile), DAWN_MS), (cm.SignOn(profile.agent), DAWN_MS)])
    offered = 3 * agents
    whole = waiting + offered
    for batch in arrivals(0, whole - min(tail, whole), whole):
        scribe.write(batch)
    gc.disable()  # as in the process that does this for an engine
    started = time.perf_counter()
    lsn = take_snapshot(store)
    snapshot_s = time.perf_counter() - started
    for batch in arrivals(whole - min(tail, whole), min(tail, whole), whole):
        scribe.write(batch)
    snapshot_mb = len(store.load_snapshot(lsn)) / 1e6
    return {
        "waiting": scribe.waiting(),
        "records": store.last_lsn(),
        "tail": store.last_lsn() - lsn,
        "snapshot_mb": round(snapshot_mb, 1),
        "snapshot_s": round(snapshot_s, 2),
    }


def prepare_apart(folder: Path, waiting: int, tail: int, agents: int) -> dict[str, Any]:
    """In a process that is gone when this returns, with all its memory."""
    with workers(1) as pool:
        return pool.submit(prepare, folder, waiting, tail, agents).result()


def first_ack(folder: Path, place: str) -> dict[str, float]:
    """Seconds from the start of the process to "ready", and to the first durable answer; then it is killed."""
    address = folder / "socket"
    address.unlink(missing_ok=True)
    code = "from engine.cli import main; main()"
    words = ["serve", folder / "policy.toml", "--store", place, "--msgpack", f"unix:{address}", "--dev"]
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, "the engine did not start"
            ready = time.perf_counter() - started
            with socket.socket(socket.AF_UNIX) as peer:
                peer.settimeout(PATIENCE_S)
                peer.connect(str(address))
                _ask(peer, {"op": "hello", "token": "", "role": "channel", "subject": "bench", "tenant": "shop"})
                command = {"type": "contact.submit", "channel": "web", "external_id": f"first{started}"}
                answer = _ask(peer, {"op": "do", "id": f"c{started}", "command": command})
            acked = time.perf_counter() - started
            assert answer["op"] == "ok", answer
            busy = _cpu_s(process.pid)
        finally:
            process.send_signal(signal.SIGKILL)
    return {"ready_s": round(ready, 3), "first_ack_s": round(acked, 3), "cpu_s": round(busy, 2)}


def _cpu_s(pid: int) -> float:
    """Processor seconds the process has used so far, its threads and the kernel's work for it included; 0: not told."""
    told = Path(f"/proc/{pid}/stat")
    if not told.exists():
        return 0.0
    fields = told.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _ask(peer: socket.socket, frame: dict[str, Any]) -> dict[str, Any]:
    """The answer; pushes and pings are passed over."""
    packed = msgpack.packb(frame)
    peer.sendall(len(packed).to_bytes(4) + packed)
    while True:
        size = int.from_bytes(_exactly(peer, 4))
        heard: dict[str, Any] = msgpack.unpackb(_exactly(peer, size))
        if heard["op"] in {"welcome", "ok", "error"}:
            return heard


def _exactly(peer: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = peer.recv(count - len(found))
        assert part, "the engine hung up"
        found += part
    return found


def measure(waiting: int, tail: int, agents: int, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as name:
        folder = Path(name)
        prepared = prepare_apart(folder, waiting, tail, agents)
        os.sync()
        yardstick = yardstick_ns()
        timings = [first_ack(folder, str(folder / "store")) for _ in range(rounds)]
        empty = [first_ack(folder, str(folder / f"empty{number}"))["first_ack_s"] for number in range(rounds)]
    return {
        "benchmark": "recovery",
        **prepared,
        "agents": agents,
        # The best of the rounds; all of them below.
        "first_ack_s": min(one["first_ack_s"] for one in timings),
        "first_ack_s_median": round(statistics.median(one["first_ack_s"] for one in timings), 3),
        "ready_s": min(one["ready_s"] for one in timings),
        # What it would take on a processor of its own: less than the above when the machine had other work to do.
        "cpu_s": min(one["cpu_s"] for one in timings),
        "empty_first_ack_s": min(empty),
        "rounds": [one["first_ack_s"] for one in timings],
        "yardstick_ns": yardstick,
        "compiled": engine.COMPILED,
    }


def sentences(result: dict[str, Any]) -> str:
    return (
        "{waiting:,} waiting: first ack {first_ack_s} s after the start, {cpu_s} of them on the processor"
        " (median {first_ack_s_median} s; on an empty store"
        " {empty_first_ack_s} s)\nsnapshot {snapshot_mb} MB, written in {snapshot_s} s; {tail:,} records behind it"
    ).format(**result)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m bench recovery", description=__doc__, formatter_class=Help)
    found.add_argument("--waiting", type=int, default=100_000, help="contacts that wait when the engine dies")
    found.add_argument("--tail", type=int, default=25_000, help="of their records, those behind the snapshot")
    found.add_argument("--agents", type=int, default=1_000, help="each with three open offers")
    found.add_argument("--rounds", type=int, default=3, help="starts, each killed after its first ack")
    found.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    found.add_argument("--store", action="store_true", help="keep the result under bench/results/")
    return found


def main(arguments: Sequence[str]) -> int:
    """0: measured; 2: wrong use."""
    given = parser().parse_args(arguments)
    if min(given.waiting, given.tail, given.agents, given.rounds) < 1:
        print("waiting, tail, agents and rounds must be ≥ 1", file=sys.stderr)
        return 2
    result = measure(given.waiting, given.tail, given.agents, given.rounds)
    result |= {"machine": machine(), "commit": commit()}
    if given.store:
        path = store_as(f"recovery-{given.waiting}-waiting", result)
        if not given.json:
            print(f"stored in {path}")
    print(json.dumps(result, ensure_ascii=False) if given.json else sentences(result))
    return 0
