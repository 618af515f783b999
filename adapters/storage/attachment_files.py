"""Attachments in a folder: a file each, sealed with its customer's key; beside it nothing that says whose it is but an opaque key."""

from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec

from engine.desk.conversations.attachments import Attachment
from engine.ports import RunBlocking, Sealer

_ID = re.compile(r"[0-9a-f]{32}")


class AttachmentFiles:
    """``engine.desk.conversations.attachments.Attachments``. A file: one line of JSON, then the sealed bytes."""

    def __init__(self, folder: Path, sealer: Sealer, run_blocking: RunBlocking) -> None:
        self._folder = folder
        self._sealer = sealer
        self._run_blocking = run_blocking

    async def put(self, tenant: str, customer: str, content_type: str, data: bytes) -> Attachment:
        about = Attachment(os.urandom(16).hex(), tenant, customer, content_type, len(data))
        await self._run_blocking(self._write, about, data)
        return about

    async def get(self, tenant: str, id: str) -> tuple[Attachment, bytes] | None:
        return await self._run_blocking(self._read, tenant, id)

    async def delete(self, tenant: str, id: str) -> None:
        found = await self._run_blocking(self._read, tenant, id)
        if found is not None:
            await self._run_blocking(self._path(id).unlink, True)

    def _path(self, id: str) -> Path:
        return self._folder / id[:2] / id

    def _write(self, about: Attachment, data: bytes) -> None:
        """Whole or not at all."""
        path = self._path(about.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        sealed = self._sealer.seal(about.tenant, about.customer, f"attachments/{about.id}", data)
        partial = path.with_name(f".{path.name}")
        with partial.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(msgspec.json.encode(about) + b"\n" + sealed)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self, tenant: str, id: str) -> tuple[Attachment, bytes] | None:
        if not _ID.fullmatch(id):
            return None
        try:
            head, _, sealed = self._path(id).read_bytes().partition(b"\n")
            about = msgspec.json.decode(head, type=Attachment)
        except (OSError, ValueError):
            return None
        if about.tenant != tenant:
            return None
        plain = self._sealer.unseal(tenant, about.customer, f"attachments/{id}", sealed)
        return None if plain is None else (about, plain)
