"""A sealer that seals nothing, for an engine that has no keys."""

from __future__ import annotations

import hashlib


class NotSealed:
    """``engine.desk.sealing.Sealer``; what is in the tables is as plain as what is in the journal."""

    def seal(self, tenant: str, subject: str, place: str, plain: bytes) -> bytes:
        return plain

    def unseal(self, tenant: str, subject: str, place: str, sealed: bytes) -> bytes | None:
        return sealed

    def index_key(self, tenant: str) -> bytes:
        """No secret."""
        return hashlib.sha256(tenant.encode()).digest()

    def erase(self, tenant: str, subject: str) -> None:
        """There is no key."""
