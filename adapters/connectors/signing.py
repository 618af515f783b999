"""How a question to another system is signed, so that it knows who asks, what, and when.

``X-Sluice-Timestamp`` holds seconds since 1970; ``X-Sluice-Signature`` holds ``v1=`` and, in hexadecimal, the HMAC-SHA256 with the
shared key over ``v1``, the timestamp, the method, the path and the body's SHA-256, joined by newlines.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

TIMESTAMP = "X-Sluice-Timestamp"
SIGNATURE = "X-Sluice-Signature"
# A question older than this is somebody else's copy of it; clocks of two machines may differ by less.
OLDEST_S = 300
# Shorter keys can be guessed.
KEY_BYTES = 16


def signature(key: bytes, timestamp_s: int, method: str, path: str, body: bytes) -> str:
    digest = hashlib.sha256(body).hexdigest()
    told = "\n".join(("v1", str(timestamp_s), method, path, digest)).encode()
    return "v1=" + hmac.new(key, told, hashlib.sha256).hexdigest()


def headers(key: bytes, timestamp_s: int, method: str, path: str, body: bytes) -> dict[str, str]:
    return {TIMESTAMP: str(timestamp_s), SIGNATURE: signature(key, timestamp_s, method, path, body)}


def find_fault(key: bytes, now_s: int, method: str, path: str, body: bytes, told: Mapping[str, str]) -> str:
    """Why a question is not to be answered; empty: it is signed with the key, and fresh."""
    given = told.get(TIMESTAMP.lower(), "")
    if not (given.isascii() and given.isdigit() and len(given) <= 12):
        return f"{TIMESTAMP}: got no number of seconds"
    if abs(now_s - int(given)) > OLDEST_S:
        return f"{TIMESTAMP}: got an instant {abs(now_s - int(given))} s away, wanted at most {OLDEST_S}"
    wanted = signature(key, int(given), method, path, body)
    if not hmac.compare_digest(wanted.encode(), told.get(SIGNATURE.lower(), "").encode(errors="replace")):
        return f"{SIGNATURE}: does not fit"
    return ""
