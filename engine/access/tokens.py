"""Tokens: EdDSA-signed JWTs with one fixed shape, keys from a local file.

Header: exactly ``alg`` EdDSA, ``typ`` sluice+jwt, ``kid`` (looked up in the file's keys, never elsewhere).
Claims: ``iss`` sluice, ``aud`` the role, ``sub`` the subject, ``tenant`` (``*``: every tenant), ``iat``, ``exp``.
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from pathlib import Path
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from engine.access.roles import CLIENT_ROLES, EVERY_TENANT, Role
from engine.ports import Principal

ISSUER = "sluice"
TYPE = "sluice+jwt"
ALGORITHM = "EdDSA"
MAX_TTL_S = 30 * 24 * 3600
MAX_TOKEN_BYTES = 3 * 1024
# Two machines' wall clocks may differ by this much.
LEEWAY_S = 30
_HEADER = {"alg", "typ", "kid"}
_CLAIMS = {"iss", "aud", "sub", "tenant", "iat", "exp"}


class Denied(Exception):
    """Not accepted, or not allowed: says what was wrong, what we got, what would be right."""

    def __init__(self, what: str, got: str = "", wanted: str = "") -> None:
        super().__init__(f"{what}, got {got}, wanted {wanted}")
        self.what = what
        self.got = got
        self.wanted = wanted


class BadKeyFile(Exception):
    """The key file cannot be used; one line that says what, got, wanted, where."""


class Identity(msgspec.Struct, frozen=True):
    """A verified token: who, and until when (``expires_s``: seconds since 1970, 0 means never)."""

    principal: Principal
    expires_s: int = 0


class _Key(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """``secret`` (32 bytes, base64url) signs and verifies; a file for verifying only holds ``public`` instead."""

    kid: str
    public: str
    secret: str = ""


class _KeyFile(msgspec.Struct, forbid_unknown_fields=True):
    keys: list[_Key]


class Keys:
    """The keys of one file. The last one signs; all of them verify, so that a key can be changed without a gap."""

    def __init__(self, file: _KeyFile) -> None:
        self._public = {key.kid: Ed25519PublicKey.from_public_bytes(_unpack(key.public)) for key in file.keys}
        self._signing = file.keys[-1] if file.keys else None

    @classmethod
    def load(cls, path: Path) -> Keys:
        """Raises :class:`BadKeyFile`."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise BadKeyFile(
                f"key file: cannot be read, got {error.strerror}, wanted a readable file ({path})"
            ) from None
        try:
            file = msgspec.json.decode(data, type=_KeyFile)
            if not file.keys:
                raise ValueError("no keys")
            return cls(file)
        except (ValueError, binascii.Error) as error:  # msgspec's errors are ValueErrors
            raise BadKeyFile(f"key file: {error}, wanted what `sluice token --create` writes ({path})") from None

    @classmethod
    def create(cls, path: Path) -> Keys:
        """A fresh file with one key, readable by its owner alone. Raises :class:`BadKeyFile` when it exists."""
        secret = Ed25519PrivateKey.generate()
        key = _Key(
            kid=secrets.token_hex(4),
            public=_pack(secret.public_key().public_bytes_raw()),
            secret=_pack(secret.private_bytes_raw()),
        )
        file = _KeyFile([key])
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise BadKeyFile(f"key file: cannot be created, got {error.strerror} ({path})") from None
        with open(handle, "wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(file)) + b"\n")
        return cls(file)

    def issue(self, principal: Principal, *, now_s: int, ttl_s: int) -> str:
        """A token for ``principal``. Raises :class:`Denied` when no such token would be accepted."""
        if self._signing is None or not self._signing.secret:
            raise Denied("the key file cannot sign", "public keys only", "a file with a secret")
        if principal.role not in CLIENT_ROLES:
            raise Denied("role", principal.role, f"one of {', '.join(CLIENT_ROLES)}")
        if not principal.subject or not principal.tenant:
            raise Denied("subject and tenant", f"{principal.subject!r} and {principal.tenant!r}", "both not empty")
        if principal.tenant == EVERY_TENANT and principal.role != Role.SUPERVISOR:
            raise Denied(
                "tenant", f"{EVERY_TENANT} for a {principal.role}", "one tenant; only a supervisor may span all"
            )
        if not 0 < ttl_s <= MAX_TTL_S:
            raise Denied("ttl", f"{ttl_s} s", f"1 to {MAX_TTL_S} s")
        claims = {
            "iss": ISSUER,
            "aud": principal.role,
            "sub": principal.subject,
            "tenant": principal.tenant,
            "iat": now_s,
            "exp": now_s + ttl_s,
        }
        secret = Ed25519PrivateKey.from_private_bytes(_unpack(self._signing.secret))
        return jwt.encode(claims, secret, ALGORITHM, headers={"typ": TYPE, "kid": self._signing.kid})

    def verify(self, token: str, *, now_s: float) -> Identity:
        """Who this is. Raises :class:`Denied`; its words never repeat the token."""
        if len(token) > MAX_TOKEN_BYTES:
            raise Denied("token", f"{len(token)} bytes", f"at most {MAX_TOKEN_BYTES} bytes")
        claims = self._verified_claims(token)
        if set(claims) != _CLAIMS:
            raise Denied("the token's claims", ", ".join(sorted(claims)), ", ".join(sorted(_CLAIMS)))
        texts = [claims["aud"], claims["sub"], claims["tenant"]]
        if not all(type(text) is str and text for text in texts):
            raise Denied("the token's aud, sub and tenant", "another type or empty", "texts")
        role, subject, tenant = texts
        if role not in CLIENT_ROLES:
            raise Denied("the token's aud", role, f"one of {', '.join(CLIENT_ROLES)}")
        if tenant == EVERY_TENANT and role != Role.SUPERVISOR:
            raise Denied("the token's tenant", tenant, "one tenant; only a supervisor may span all")
        return Identity(Principal(tenant, role, subject), _check_times(claims["iat"], claims["exp"], now_s))

    def _verified_claims(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise Denied("token", "something that is not a JWT", f"an {ALGORITHM} token of `sluice token`") from None
        if set(header) != _HEADER:
            raise Denied("the token's header", ", ".join(sorted(map(str, header))), ", ".join(sorted(_HEADER)))
        if header["alg"] != ALGORITHM or header["typ"] != TYPE:
            raise Denied("the token's header", f"{header['alg']!s:.40} {header['typ']!s:.40}", f"{ALGORITHM} {TYPE}")
        key = self._public.get(header["kid"])
        if key is None:
            raise Denied("the token's kid", "an unknown key", "a key of this engine's key file")
        try:
            return dict(
                jwt.decode(
                    token,
                    key,
                    algorithms=[ALGORITHM],
                    issuer=ISSUER,
                    # aud is the role and the times are checked against the given clock, both by the caller.
                    options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
                )
            )
        except jwt.InvalidSignatureError:
            raise Denied("the token's signature", "one that does not fit", "one made with this engine's key") from None
        except jwt.PyJWTError as error:
            raise Denied("token", type(error).__name__, f"a token of issuer {ISSUER}") from None


def _check_times(issued_s: object, expires_s: object, now_s: float) -> int:
    if type(issued_s) is not int or type(expires_s) is not int:
        raise Denied("the token's iat and exp", "another type", "whole seconds since 1970")
    if expires_s <= now_s - LEEWAY_S:
        raise Denied("the token's exp", f"{int(now_s - expires_s)} s ago", "a time to come")
    if issued_s > now_s + LEEWAY_S:
        raise Denied("the token's iat", f"{int(issued_s - now_s)} s ahead", "a time gone by")
    if expires_s - issued_s > MAX_TTL_S:
        raise Denied("the token's life", f"{expires_s - issued_s} s", f"at most {MAX_TTL_S} s")
    return expires_s


def _pack(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
