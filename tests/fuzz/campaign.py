"""A run of one target: so many inputs or so many seconds, what it took, and every fault kept as a file."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz import live, process
from tests.fuzz.chance import Chance
from tests.fuzz.targets import TARGETS, Fault, Target

# A batch runs in hundredths of a second: one that takes this long has met something quadratic, or worse.
HANG_S = 60
# What a target may grow by between its first rounds and its end, and at most in between.
GROWTH_KIB = 64 * 1024
PEAK_KIB = 256 * 1024
BATCH = 400
LIVE_SHARE = 10
_PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass
class Result:
    """``live``: how many of the inputs went through a whole server, too. RSS in KiB; ``faults``: what was wrong, in words."""

    target: str
    inputs: int = 0
    live: int = 0
    seconds: float = 0.0
    per_second: float = 0.0
    rss_start_kib: int = 0
    rss_end_kib: int = 0
    rss_peak_kib: int = 0
    faults: tuple[str, ...] = ()

    def as_map(self) -> dict[str, Any]:
        return asdict(self)


class Campaign:
    """``found``: the folder where inputs with a fault are left."""

    def __init__(self, found: Path, seed: int) -> None:
        self._found = found
        self._seed = seed
        self._faults: list[str] = []

    def run(self, name: str, *, inputs: int = 0, seconds: float = 0.0) -> Result:
        """The corpus first, then until ``inputs`` or ``seconds`` are reached."""
        self._faults = []
        result = Result(name)
        rounds = self._process_rounds(seconds) if name == "process" else self._rounds(TARGETS[name])
        start_s, warm_kib = time.perf_counter(), 0
        with _hang_noticed():
            for made, lived in rounds:
                signal.alarm(HANG_S)
                result.inputs += made
                result.live += lived
                result.seconds = time.perf_counter() - start_s
                warm_kib = warm_kib or _rss_kib()
                result.rss_start_kib = result.rss_start_kib or warm_kib
                if result.inputs >= inputs and result.seconds >= seconds:
                    break
        result.per_second = round(result.inputs / max(result.seconds, 1e-9), 1)
        if name != "process":
            result.rss_end_kib = _rss_kib()
            result.rss_peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            if result.rss_end_kib - result.rss_start_kib > GROWTH_KIB:
                self._faults.append(f"memory grew from {result.rss_start_kib} to {result.rss_end_kib} KiB")
            if result.rss_peak_kib - result.rss_start_kib > PEAK_KIB:
                self._faults.append(f"memory peaked at {result.rss_peak_kib} KiB")
        else:
            result.rss_start_kib, result.rss_end_kib, result.rss_peak_kib = self._memory
        result.faults = tuple(self._faults)
        return result

    def _rounds(self, target: Target) -> Iterator[tuple[int, int]]:
        corpus = target.corpus() or [b""]
        yield self._round(target, corpus, corpus)
        chance = Chance(self._seed, *target.name.encode())
        while True:
            batch = [target.make(chance, corpus) for _ in range(BATCH)]
            yield self._round(target, batch, batch[:: BATCH // (BATCH // LIVE_SHARE)])

    def _round(self, target: Target, batch: list[bytes], played: list[bytes]) -> tuple[int, int]:
        for data in batch:
            try:
                target.check(data)
            except Exception as error:  # noqa: BLE001  # any exception but the declared one is what we look for
                self._keep(target.name, data, error)
        if not target.carrier:
            return len(batch), 0
        try:
            live.play(target.carrier, played)
        except Fault as fault:
            self._blame(target, played, fault)
        return len(batch), len(played)

    def _blame(self, target: Target, played: list[bytes], fault: Fault) -> None:
        """The one input that does it alone, or all of them in their order."""
        for data in played:
            try:
                live.play(target.carrier, [data])
            except Fault as alone:
                self._keep(target.name, data, alone)
                return
        for place, data in enumerate(played):
            self._keep(target.name, data, Fault(f"{fault} (with others, as number {place})"))

    def _process_rounds(self, seconds: float) -> Iterator[tuple[int, int]]:
        """All targets that have a carrier, against a process."""
        chance = Chance(self._seed, *b"process")
        targets = [target for target in TARGETS.values() if target.carrier in ("head", "websocket", "framed")]
        corpora = {target.name: target.corpus() or [b""] for target in targets}
        batch = [(target.carrier, data) for target in targets for data in corpora[target.name]]
        with tempfile.TemporaryDirectory(prefix="sluice-fuzz-") as folder:
            engine = process.start(Path(folder))
            try:
                self._memory = (0, 0, 0)
                while True:
                    try:
                        process.play(engine, batch)
                    except Fault as fault:
                        self._keep("process", b"\n".join(data for _, data in batch), fault)
                        return
                    now_kib = engine.memory_kib()
                    first_kib = self._memory[0] or now_kib
                    self._memory = (first_kib, now_kib, engine.memory_kib("VmHWM"))
                    if now_kib - first_kib > process.GROWTH_KIB:
                        self._faults.append(f"the process grew from {first_kib} to {now_kib} KiB")
                        return
                    yield len(batch), len(batch)
                    picked = [chance.one_of(targets) for _ in range(BATCH)]
                    batch = [(target.carrier, target.make(chance, corpora[target.name])) for target in picked]
            finally:
                engine.kill()

    def _keep(self, target: str, data: bytes, error: Exception) -> None:
        place = self._found / target
        place.mkdir(parents=True, exist_ok=True)
        path = place / hashlib.sha256(data).hexdigest()[:12]
        path.write_bytes(data)
        if len(self._faults) < 20:
            self._faults.append(f"{error!r:.300}; again with: python -m tests.fuzz again {target} {path}")


def again(target: Target, data: bytes) -> None:
    """One input once more. Raises what it raises."""
    target.check(data)
    if target.carrier:
        live.play(target.carrier, [data])


def _rss_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_KIB


@contextmanager
def _hang_noticed() -> Iterator[None]:
    def on_alarm(_number: int, _frame: FrameType | None) -> None:
        raise Fault(f"a round of inputs takes over {HANG_S} s")

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(HANG_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
