"""The master key in a file that only its owner may read."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path

from engine.ports import StoreError
from engine.store.sealing import KEY_BYTES


def make_master_key(path: Path) -> None:
    """A new one; never over one that is there. Raises ``StoreError``."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise StoreError(f"master key: {path} is there already, wanted a new file") from None
    except OSError as error:
        raise StoreError(f"master key: cannot be written, got {error.strerror} ({path})") from error


def read_master_key(path: Path) -> bytes:
    """Its 32 bytes. Raises ``StoreError``, also where others may read it."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_bytes()
    except OSError as error:
        raise StoreError(f"master key: cannot be read, got {error.strerror} ({path})") from error
    if mode & 0o077:
        raise StoreError(f"master key: {path} is open to others, got mode {mode:04o}, wanted 0600 (chmod 600)")
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise StoreError(f"master key: {path} holds no key, wanted what `sluice desk key` writes")
    return key
