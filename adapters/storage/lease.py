"""Who holds a store's lease on this machine, and whether that process can still be there."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

# A holder that has not renewed for this long is gone or stopped; whoever comes next takes the following epoch.
VALID_MS = 5_000


def boot_ms() -> int:
    """Milliseconds since the machine started, sleep included; not moved by anyone who sets the clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(clock) // 1_000_000


class Holder(msgspec.Struct, frozen=True):
    """A process, told apart from every other: the boot, the pid namespace, the pid, and when that pid started."""

    boot: str
    namespace: str
    pid: int
    started: str

    @classmethod
    def this_process(cls) -> Holder:
        pid = os.getpid()
        return cls(_boot_id(), _namespace(), pid, _started(pid))

    def is_same_boot(self, other: Holder) -> bool:
        return self.boot == other.boot

    def is_surely_gone(self, seen_from: Holder) -> bool:
        """True only when this machine can tell: same boot, same pid namespace, and no such process any more."""
        if (self.boot, self.namespace) != (seen_from.boot, seen_from.namespace) or not self.started:
            return False
        return _started(self.pid) != self.started


def _boot_id() -> str:
    return _text(Path("/proc/sys/kernel/random/boot_id"))


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _started(pid: int) -> str:
    """The start time of a living process in kernel ticks since boot; empty when there is none (a zombie is none)."""
    stat = _text(Path(f"/proc/{pid}/stat"))
    fields = stat.rpartition(")")[2].split()  # the name before may hold blanks and brackets
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
