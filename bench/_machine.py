"""Where a figure was measured, and how the process was set up for it."""

from __future__ import annotations

import gc
import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).parents[1]
# What `sluice serve` sets once it has started (engine/cli/collector.py; a test keeps the two equal).
ENGINE_GC = (2_000, 1_000_000_000, 1_000_000_000)


class Machine(TypedDict):
    cpu: str
    cores: int
    python: str
    system: str


def machine() -> Machine:
    """The processor's name, cores this process may use, and versions."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def commit() -> str:
    """The commit that was measured, with ``+`` behind it when the tree has changes; ``unknown`` outside a checkout."""
    head = _git("rev-parse", "--short=12", "HEAD")
    if not head:
        return "unknown"
    return head + ("+" if _git("status", "--porcelain", "--", "engine", "bench") else "")


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def yardstick_ns() -> float:
    """Nanoseconds of one turn of a small loop, best of 20: how fast plain Python runs here and now.

    Shared machines differ by a third from hour to hour; two results compare after division by their yardsticks.
    """
    best = float("inf")
    for _ in range(20):
        table: dict[int, tuple[int, int]] = {}
        started = time.perf_counter()
        for number in range(20_000):
            table[number & 1023] = (number, number + 1)
        best = min(best, time.perf_counter() - started)
    return round(best * 1e9 / 20_000, 1)


def set_gc(thresholds: tuple[int, int, int]) -> None:
    gc.set_threshold(*thresholds)


def settle_gc() -> None:
    """The engine's garbage-collector settings: what is there now is never looked at again, young ones seldom."""
    gc.collect()
    gc.freeze()
    set_gc(ENGINE_GC)


def forget_gc() -> None:
    """Undo :func:`settle_gc`: what was frozen and is no longer needed is given back."""
    gc.unfreeze()
    gc.collect()


def rss_mb() -> float:
    """The memory this process holds now, in MB of 10⁶ bytes; 0 where the system does not tell."""
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[1]) * resource.getpagesize() / 1e6 if told.exists() else 0.0


def peak_rss_mb() -> float:
    """The most memory this process has held, in MB of 10⁶ bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
