"""Files beside a conversation: what is taken, what is refused, and that nobody reads them from the disk."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from adapters.storage.attachment_files import AttachmentFiles
from engine.desk import limits
from engine.desk.conversations.attachments import find_type, take_in
from engine.desk.refusals import Refused
from tests.desk.stage import Ring
from tests.server.stage import inline

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def bytes_under(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"%PDF-1.7", "application/pdf"),
        (b"#!AMR\n", "audio/amr"),
        (b"ID3\x03", "audio/mpeg"),
        (b"\xff\xfb\x90", "audio/mpeg"),
        (b"OggS", "audio/ogg"),
        ("订单号 123\n".encode(), "text/plain"),
        (b"<svg onload=x>", ""),
        (b"  <!DOCTYPE html>", ""),
        (b"#!/bin/sh\n", ""),
        (b"MZ\x90\x00", ""),
        (b"PK\x03\x04", ""),
        (b"a\x00b", ""),
        (b"", ""),
        (b"XXXX\x00\x00\x00\x00WEBP", ""),
    ],
)
def test_what_a_file_is_its_first_bytes_say(data: bytes, kind: str) -> None:
    """By magic bytes; a page, a program or an archive is nothing that is taken, whatever it is called."""
    assert find_type(data) == kind


@pytest.mark.parametrize(
    ("data", "claimed", "what", "got"),
    [
        (b"<html>", "image/png", "attachment: content", "another kind of file"),
        (PNG, "image/jpeg", "attachment: content", "image/png, said to be image/jpeg"),
        (EICAR, "text/plain", "attachment: scan", "EICAR"),
    ],
)
async def test_disguised_or_bad_files_are_refused(data: bytes, claimed: str, what: str, got: str) -> None:
    """What, got, wanted."""

    def scan(data: bytes) -> str:
        return "EICAR" if EICAR in data else ""

    with pytest.raises(Refused) as caught:
        await take_in(chunks(data), claimed, scan)
    assert (caught.value.what, caught.value.got) == (what, got) and caught.value.wanted


async def test_no_more_is_read_than_is_taken() -> None:
    """A sender who goes on for ever is refused at the limit; exactly the limit is taken."""
    sent = 0

    async def endless() -> AsyncGenerator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield PNG + bytes(1 << 20)

    async with aclosing(endless()) as parts:
        with pytest.raises(Refused, match="at most"):
            await take_in(parts)
    assert sent <= limits.ATTACHMENT_BYTES // (1 << 20) + 1
    kind, data = await take_in(chunks(PNG, bytes(limits.ATTACHMENT_BYTES - len(PNG))), "image/png")
    assert kind == "image/png" and len(data) == limits.ATTACHMENT_BYTES


async def test_kept_sealed_and_given_back(tmp_path: Path) -> None:
    """The same bytes to its tenant, nothing to another's, to a name that leads elsewhere, or once the key is destroyed."""
    keys = Ring()
    files = AttachmentFiles(tmp_path, keys, inline)
    secret = "身份证 330106199001011234".encode()
    about = await files.put("acme", "c1", "text/plain", secret)
    assert await files.get("acme", about.id) == (about, secret)
    assert await files.get("bolt", about.id) is None
    assert await files.get("acme", "../../etc/passwd") is None
    assert not any(secret in stored for stored in bytes_under(tmp_path))
    await files.delete("bolt", about.id)
    assert await files.get("acme", about.id) is not None
    keys.erase("acme", "c1")
    assert await files.get("acme", about.id) is None


async def test_deleted_is_gone(tmp_path: Path) -> None:
    """And deleting what is not there is nothing."""
    files = AttachmentFiles(tmp_path, Ring(), inline)
    about = await files.put("acme", "c1", "image/png", PNG)
    await files.delete("acme", about.id)
    await files.delete("acme", about.id)
    assert await files.get("acme", about.id) is None
    assert not bytes_under(tmp_path)
