"""Files that go with a conversation: what is taken, told by its first bytes and never by its name, and how large it may be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol, TypeAlias

import msgspec

from engine.desk import limits
from engine.desk.deeds import refuse
from engine.desk.refusals import DeskCode

# Gets the whole file; what it found, empty: nothing. Blocks.
Scan: TypeAlias = Callable[[bytes], str]


def passes(_data: bytes) -> str:
    """Where nobody looks into files."""
    return ""


class Attachment(msgspec.Struct, frozen=True):
    """``id``: 32 hexadecimal digits, drawn. ``customer``: under whose key it is sealed; ``size``: bytes as they came."""

    id: str
    tenant: str
    customer: str
    content_type: str
    size: int


class Attachments(Protocol):
    """Where files are kept, sealed with their customer's key."""

    async def put(self, tenant: str, customer: str, content_type: str, data: bytes) -> Attachment:
        """Durable when it returns."""

    async def get(self, tenant: str, id: str) -> tuple[Attachment, bytes] | None:
        """None: the tenant has no such file, or its customer's key is destroyed."""

    async def delete(self, tenant: str, id: str) -> None:
        """Nothing happens if it is not there."""


_MAGIC: tuple[tuple[str, int, bytes], ...] = (
    ("image/png", 0, b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", 0, b"\xff\xd8\xff"),
    ("image/gif", 0, b"GIF87a"),
    ("image/gif", 0, b"GIF89a"),
    ("image/webp", 8, b"WEBP"),
    ("application/pdf", 0, b"%PDF-"),
    ("audio/amr", 0, b"#!AMR"),
    ("audio/mpeg", 0, b"ID3"),
    ("audio/ogg", 0, b"OggS"),
    ("audio/wav", 8, b"WAVE"),
)
TAKEN = ("text/plain", "audio/mpeg", *dict.fromkeys(name for name, _, _ in _MAGIC if name != "audio/mpeg"))
# A text that a browser could take for a page or a program is no plain text.
_ACTIVE = (b"<html", b"<!doctype", b"<script", b"<svg", b"<?xml", b"<body", b"<iframe", b"#!")


def find_type(data: bytes) -> str:
    """The content type by magic bytes; empty: none that is taken."""
    for name, place, magic in _MAGIC:
        if data[place : place + len(magic)] == magic and (place == 0 or data[:4] == b"RIFF"):
            return name
    if len(data) > 1 and data[0] == 0xFF and data[1] in (0xFB, 0xF3, 0xF2):  # MPEG layer III without a tag before it
        return "audio/mpeg"
    return "text/plain" if _is_text(data) else ""


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    begins = data[:1_024].lstrip().lower()
    controls = any(char < " " and char not in "\t\r\n" for char in text)
    return bool(text) and not controls and not begins.startswith(_ACTIVE)


async def take_in(chunks: AsyncIterator[bytes], claimed: str = "", scan: Scan = passes) -> tuple[str, bytes]:
    """The content type and the whole file. ``claimed``: what the sender says it is, empty if nothing.

    Reads no more than the limit. Raises :class:`Refused`: too large, of no kind that is taken, disguised, or found bad.
    """
    data = bytearray()
    async for chunk in chunks:
        data += chunk
        if len(data) > limits.ATTACHMENT_BYTES:
            raise refuse(
                DeskCode.TOO_MANY,
                "attachment: bytes",
                f"over {limits.ATTACHMENT_BYTES}",
                f"at most {limits.ATTACHMENT_BYTES}",
            )
    whole = bytes(data)
    found = find_type(whole)
    if not found:
        raise refuse(DeskCode.BAD_VALUE, "attachment: content", "another kind of file", f"one of {', '.join(TAKEN)}")
    claimed = claimed.partition(";")[0].strip().lower()
    if claimed not in ("", "application/octet-stream", found):
        raise refuse(
            DeskCode.BAD_VALUE, "attachment: content", f"{found}, said to be {claimed[:60]}", "what it is said to be"
        )
    if bad := scan(whole):
        raise refuse(DeskCode.BAD_VALUE, "attachment: scan", bad[:80], "a file in which nothing is found")
    return found, whole
