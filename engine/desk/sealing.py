"""What the desk needs of the keys: personal fields of its tables are sealed as the journal's payloads are."""

from __future__ import annotations

from typing import Protocol


class Sealer(Protocol):
    """Blocks. The same text in the same place gives the same bytes, so that tables made anew are the same tables."""

    def seal(self, tenant: str, subject: str, place: str, plain: bytes) -> bytes:
        """``place``: table, column and lsn; no two texts of a subject have one place."""

    def unseal(self, tenant: str, subject: str, place: str, sealed: bytes) -> bytes | None:
        """None: the subject's key was destroyed."""

    def index_key(self, tenant: str) -> bytes:
        """The tenant's own, 32 bytes, always the same: words are blinded with it, so that they can be found and not read."""

    def erase(self, tenant: str, subject: str) -> None:
        """Destroy the subject's key, durably: what it sealed, here, in the journal and in backups, is gone."""
