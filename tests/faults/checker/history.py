"""What clients sent and heard, in the order of one clock; and what the operator saw of the engines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Frame = dict[str, Any]


class Entry(NamedTuple):
    """``who``: a client's name, or ``operator``. ``kind``: ``opened``, ``sent``, ``got``, ``lost`` for clients;
    ``started``, ``ended``, ``refused`` … for the operator. ``said``: the frame, or what is known besides."""

    at_ms: int
    who: str
    kind: str
    said: Frame


class History:
    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.entries: list[Entry] = []
        self._now_ms = now_ms

    def add(self, who: str, kind: str, said: Frame) -> None:
        self.entries.append(Entry(self._now_ms(), who, kind, said))

    def of(self, *kinds: str) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.kind in kinds)

    def digest(self) -> str:
        """The same for the same schedule, in any process."""
        lines = (json.dumps(entry, sort_keys=True, default=str) for entry in self.entries)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
