"""Kills a real engine again and again under load, lets all come to rest, and asks the checker."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgpack
import msgspec

from tests.faults.chance import Chance
from tests.faults.checker.history import Entry, History
from tests.faults.checker.promises import broken
from tests.killer.clients import Config, now_ms
from tests.killer.ledger import told_by
from tests.killer.process import ROOT, SLUICE, EngineProcess

POLICY = """
[policy]
name = "killer"
[domain]
grace_ms = 8000
[tenants.acme]
[channels.web]
[pools.onsite]
[queues.help]
tenant = "acme"
pools = ["onsite"]
offer_ms = 8000
wrap_up_ms = 0
rona = "back_off"
rona_return_ms = 1000
[[entry]]
name = "default"
queue = "help"
"""
# Between two kills, in the mean; the last life is as long as any.
LIFE_S = 2.0
SHORTEST_S = 0.2
# Contacts a second of one agent: three frames each, and an agent may say 20 a second.
PER_AGENT = 6
# Two owners: how long the first is stopped (its lease holds 5 s), and how soon it must be gone once it wakes.
STOPPED_S = 8.0
GONE_S = 20.0
# How long nobody may own a store after its owner was killed: the lease, and a start on a busy machine.
PATIENCE_MS = 30_000
# Promises of which each breach is one of the three that are counted; everything else is ``broken``.
_LOST = ("nothing_acked_is_lost", "everything_ends_once_or_is_found")
_REORDERED = ("follows message", "after record", "left out records", "time went back")


@dataclass(frozen=True)
class Plan:
    """``pause``: a second owner at the end; ``fail_io``: the first engine's so-many-th call to its disk fails."""

    kills: int = 2
    rate: float = 100.0
    agents: int = 0
    capacity: int = 10
    seed: int = 1
    store: str = ""
    pause: bool = False
    fail_io: int = 0


@dataclass
class Verdict:
    """``lost``, ``double_assigned``, ``reordered``: what must be 0; ``problems``: every breach in words.

    ``offered_per_s``: contacts that clients brought, of those wanted; ``contacts_per_s``: of those, submitted and durable;
    ``…_up``: by the time in which an engine ran; ``clients_cpu_share``: of one core: near 1, they are what limits the rate.
    """

    kills: int = 0
    acked: int = 0
    contacts: int = 0
    closed: int = 0
    lost: int = 0
    double_assigned: int = 0
    reordered: int = 0
    broken: int = 0
    records: int = 0
    load_s: float = 0.0
    wanted_per_s: float = 0.0
    offered_per_s: float = 0.0
    contacts_per_s: float = 0.0
    contacts_per_s_up: float = 0.0
    clients_cpu_share: float = 0.0
    down_ms_median: int = 0
    down_ms_most: int = 0
    drain_s: float = 0.0
    disk_failed: bool = False
    verified: bool = False
    problems: list[str] = field(default_factory=list)

    @property
    def fine(self) -> bool:
        return self.verified and not (self.lost or self.double_assigned or self.reordered or self.broken)

    def as_json(self) -> str:
        figures = asdict(self)
        figures["problems"] = self.problems[:20]
        return json.dumps(figures)


class Campaign:
    """One run in ``folder``, which holds everything afterwards: store, logs, history."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.chance = Chance(plan.seed, "operator")
        self.history = History(now_ms)
        self.engine = EngineProcess(folder, POLICY, store=plan.store)
        self.engines = [self.engine]
        self.downs: list[int] = []
        if plan.pause:
            self.engines.append(EngineProcess(folder, POLICY, store=plan.store, log="second.log"))
        self._lives = 0

    def run(self) -> Verdict:
        verdict = Verdict(kills=self.plan.kills, wanted_per_s=self.plan.rate)
        self._begin()
        began_ms = now_ms()
        with self._clients() as clients:
            if self.plan.fail_io:
                self._ride_out_failure(verdict)
            for _ in range(self.plan.kills):
                _wait(max(SHORTEST_S, LIFE_S * _exponential(self.chance)))
                self._kill_and_start()
            _wait(LIFE_S)
            if self.plan.pause:
                self._pause()
            verdict.load_s = (now_ms() - began_ms) / 1000
            assert clients.stdin is not None
            clients.stdin.write(b"calm\n")
            clients.stdin.close()
            calm_ms = now_ms()
            if clients.wait(600) != 0:
                raise RuntimeError(f"the clients ended with {clients.returncode}; see {self.folder}/clients.log")
        entries = _read(self.folder / "history.msgpack")
        audit_ms = next((entry.at_ms for entry in entries if entry.kind == "audit"), now_ms())
        verdict.drain_s = round((audit_ms - calm_ms) / 1000, 1)
        for engine in self.engines:
            if engine.running:
                engine.stop()
        self._judge(entries, audit_ms, verdict)
        return verdict

    # --- what is done to engines ----------------------------------------------------------------------------------

    def _start(self, engine: EngineProcess) -> None:
        engine.start()
        self._lives += 1
        self.history.add("operator", "started", {"process": self._lives})

    def _begin(self) -> None:
        """The first engine; one whose disk fails it while it starts is followed by one on a sound disk."""
        if self.plan.fail_io:
            self.engine.program = (sys.executable, "-m", "tests.killer.failing_disk", str(self.plan.fail_io))
        self._start(self.engine)
        if self.engine.wait_ready():
            return
        if not self.plan.fail_io:
            raise RuntimeError(f"the engine does not start: {self.engine.last_words()}")
        self._replace_failed()

    def _ride_out_failure(self, verdict: Verdict) -> None:
        """Until the disk has failed it, or will not: an engine that heard of a failure has to end."""
        begun_ms = now_ms()
        while self.engine.running and now_ms() - begun_ms < LIFE_S * 2000:
            _wait(0.05)
        verdict.disk_failed = self.engine.program is SLUICE or not self.engine.running
        if not self.engine.running:
            self._replace_failed()

    def _replace_failed(self) -> None:
        code, why = self.engine.wait(), self.engine.last_words()
        if code == 0 or not why.startswith("sluice: store: "):
            raise RuntimeError(f"a failing disk ended the engine with {code}: {why}")
        self.history.add("operator", "ended", {"process": self._lives, "why": why, "crashes": self._crashes()})
        self.engine.program = SLUICE
        self._start(self.engine)
        if not self.engine.wait_ready():
            raise RuntimeError(f"the engine does not start after its disk failed: {self.engine.last_words()}")

    def _kill_and_start(self) -> None:
        self.engine.kill()
        self.history.add("operator", "ended", {"process": self._lives, "why": "killed", "crashes": self._crashes()})
        at_ms = now_ms()
        while True:
            self._start(self.engine)
            if self.engine.wait_ready():
                break
            # On a server of its own the store cannot see that the owner's process is gone: its lease has to run out.
            why = self.engine.last_words()
            self.history.add("operator", "ended", {"process": self._lives, "why": why, "crashes": self._crashes()})
            if now_ms() - at_ms > PATIENCE_MS:
                raise RuntimeError(f"the engine does not start again: {why}")
        self.downs.append(now_ms() - at_ms)

    def _crashes(self) -> int:
        return sum(len(engine.log_lines("connection_crashed")) for engine in self.engines)

    def _pause(self) -> None:
        """Stopped for longer than its lease; another takes over; the first wakes, and ends by itself."""
        first, second = self.engines
        first.send(signal.SIGSTOP)
        owner, stopped_ms = self._lives, now_ms()
        while True:
            second.start()
            if second.wait_ready():
                break
            if now_ms() - stopped_ms > PATIENCE_MS:
                raise RuntimeError(f"nobody takes over: {second.last_words()}")
            _wait(0.25)
        self.history.add("operator", "taken over", {"after_ms": now_ms() - stopped_ms})
        _wait(max(0.0, STOPPED_S - (now_ms() - stopped_ms) / 1000))
        first.send(signal.SIGCONT)
        woken_ms = now_ms()
        while first.running and now_ms() - woken_ms < GONE_S * 1000:
            _wait(0.05)
        if first.running:
            self.history.add("operator", "lingers", {"process": owner})
            first.kill()
        else:
            code = first.wait()
            why = f"exit {code}: {first.last_words()}"
            self.history.add("operator", "ended", {"process": owner, "why": why, "crashes": self._crashes()})
        _wait(LIFE_S)

    @contextmanager
    def _clients(self) -> Iterator[subprocess.Popen[bytes]]:
        plan, path = self.plan, self.folder / "clients.json"
        config = Config(
            rate=plan.rate,
            agents=plan.agents or round(plan.rate / PER_AGENT) + 4,
            capacity=plan.capacity,
            seed=plan.seed,
            ws_ports=[engine.ws_port for engine in self.engines],
            msgpack_ports=[engine.msgpack_port for engine in self.engines],
            history=str(self.folder / "history.msgpack"),
        )
        path.write_bytes(msgspec.json.encode(config))
        command = [sys.executable, "-m", "tests.killer.clients", str(path)]
        with (self.folder / "clients.log").open("wb") as log:
            clients = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log, cwd=ROOT)
        try:
            yield clients
        finally:
            if clients.poll() is None:
                clients.kill()
            clients.wait()
            for engine in self.engines:
                if engine.running:
                    engine.send(signal.SIGCONT)

    def close(self) -> None:
        for engine in self.engines:
            engine.kill()

    # --- the verdict ----------------------------------------------------------------------------------------------

    def _judge(self, entries: list[Entry], audit_ms: int, verdict: Verdict) -> None:
        store = self.plan.store or str(self.folder / "store")
        checked = subprocess.run(
            [*SLUICE, "journal", "verify", store, "--json"], capture_output=True, text=True, cwd=ROOT, check=False
        )
        verdict.verified = checked.returncode == 0
        if not verdict.verified:
            verdict.problems.append(f"journal verify: {(checked.stdout or checked.stderr).strip()[-500:]}")
        heard_lsn = max((entry.said["offset"] for entry in entries if "offset" in entry.said), default=0)
        told = told_by(store, heard_lsn, audit_ms, entries[-1].at_ms)
        whole = History(now_ms)
        whole.entries = sorted([*entries, *self.history.entries, *told], key=lambda entry: entry.at_ms)
        verdict.records = len(told)
        answers = {
            entry.said["id"]: entry.said for entry in entries if entry.kind == "got" and entry.said["op"] == "ok"
        }
        verdict.acked = sum("lsn" in said for said in answers.values())
        kinds = Counter(event["type"] for entry in told for event in entry.said["events"])
        verdict.contacts, verdict.closed = kinds["contact.submitted"], kinds["contact.closed"]
        verdict.contacts_per_s = round(verdict.contacts / max(verdict.load_s, 0.001), 1)
        downs = sorted(self.downs) or [0]
        up_s = verdict.load_s - sum(self.downs) / 1000
        verdict.contacts_per_s_up = round(verdict.contacts / max(up_s, 0.001), 1)
        calm = next((entry.said for entry in entries if entry.kind == "calm"), {})
        verdict.offered_per_s = round(calm.get("submitted", 0) / max(verdict.load_s, 0.001), 1)
        verdict.clients_cpu_share = round(calm.get("cpu_s", 0.0) / max(verdict.load_s, 0.001), 2)
        verdict.down_ms_median, verdict.down_ms_most = downs[len(downs) // 2], downs[-1]
        if any(entry.kind == "lingers" for entry in self.history.entries):
            verdict.problems.append("the first owner went on after it woke")
            verdict.broken += 1
        for problem in broken(whole):
            verdict.problems.append(problem)
            _count(problem, verdict)


def _count(problem: str, verdict: Verdict) -> None:
    if problem.startswith(_LOST):
        verdict.lost += 1
    elif any(words in problem for words in _REORDERED):
        verdict.reordered += 1
    elif problem.startswith("one_assignee_and_room_for_all"):
        verdict.double_assigned += 1
    else:
        verdict.broken += 1


def _read(path: Path) -> list[Entry]:
    with path.open("rb") as file:
        return [Entry(*said) for said in msgpack.Unpacker(file, max_buffer_size=0, strict_map_key=False)]


def _exponential(chance: Chance) -> float:
    """Of mean 1, cut at 4."""
    return min(4.0, -math.log(1.0 - chance.share()))


def _wait(seconds: float) -> None:
    """The operator's clock is the wall's."""
    time.sleep(seconds)  # noqa: TID251  # a killer waits in real time, outside of any event loop
