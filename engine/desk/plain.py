"""A sealer that seals nothing, for an engine that has no keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


class NotSealed:
    """``engine.ports.Sealer``; what is in the tables is as plain as what is in the journal."""

    def ready(self, subjects: Iterable[tuple[str, str]]) -> None:
        """There are no keys."""

    def seal(self, tenant: str, subject: str, place: str, plain: bytes) -> bytes:
        return plain

    def unseal(self, tenant: str, subject: str, place: str, sealed: bytes) -> bytes | None:
        return sealed

    def mark(self, tenant: str, data: bytes) -> bytes:
        return hashlib.blake2b(data, digest_size=16).digest()

    def index_key(self, tenant: str) -> bytes:
        """No secret."""
        return hashlib.sha256(tenant.encode()).digest()

    def erase(self, tenant: str, subject: str) -> None:
        """There is no key."""
