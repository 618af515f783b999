"""What the listeners count; telemetry reads it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Counters:
    """All since the process started. ``open``: sockets now, by (carrier, role); role is empty before hello."""

    accepted: Counter[str] = field(default_factory=Counter)
    open: Counter[tuple[str, str]] = field(default_factory=Counter)
    refused_sockets: Counter[str] = field(default_factory=Counter)
    refused_frames: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=Counter)
    frames_in: int = 0
    frames_out: int = 0
    crashes: int = 0
    write_timeouts: int = 0
