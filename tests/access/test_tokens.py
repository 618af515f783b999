"""Tokens: one shape passes, everything else is refused, in words that never repeat the token."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from engine.access.tokens import MAX_TTL_S, TYPE, BadKeyFile, Denied, Keys
from engine.ports import Principal

NOW_S = 1_900_000_000
ANN = Principal("acme", "agent", "ann")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def keys(path: Path) -> Keys:
    return Keys.create(path)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def secret_of(path: Path) -> tuple[str, Ed25519PrivateKey]:
    key = json.loads(path.read_text())["keys"][-1]
    raw = base64.urlsafe_b64decode(key["secret"] + "==")
    return key["kid"], Ed25519PrivateKey.from_private_bytes(raw)


CLAIMS: dict[str, Any] = {
    "iss": "sluice",
    "aud": "agent",
    "sub": "ann",
    "tenant": "acme",
    "iat": NOW_S,
    "exp": NOW_S + 600,
}


def forge(
    path: Path, claims: dict[str, Any] | None = None, header: dict[str, Any] | None = None, key: Any = None
) -> str:
    """A token signed with the right key unless told otherwise, with any claims and header."""
    kid, secret = secret_of(path)
    headers = {"typ": TYPE, "kid": kid, **(header or {})}
    return jwt.encode({**CLAIMS, **(claims or {})}, key or secret, "EdDSA", headers=headers)


def by_hand(header: object, claims: object, signature: bytes = b"x" * 64) -> str:
    return ".".join([b64(json.dumps(header).encode()), b64(json.dumps(claims).encode()), b64(signature)])


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in CLAIMS.items() if name not in names}


def test_a_token_says_who_it_is_for_and_how_long(keys: Keys) -> None:
    """Issued and verified: the same principal, and its end."""
    token = keys.issue(ANN, now_s=NOW_S, ttl_s=3600)
    identity = keys.verify(token, now_s=NOW_S + 10)
    assert identity.principal == ANN
    assert identity.expires_s == NOW_S + 3600


def test_the_key_file_is_its_owners_alone(path: Path, keys: Keys) -> None:
    """Mode 600, and never overwritten."""
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadKeyFile, match="cannot be created"):
        Keys.create(path)
    assert Keys.load(path).verify(keys.issue(ANN, now_s=NOW_S, ttl_s=60), now_s=NOW_S)


def test_keys_change_without_a_gap(path: Path, tmp_path: Path) -> None:
    """Two keys in the file: the last signs, both verify; once removed, the old one's tokens are refused."""
    old = Keys.create(path)
    before = old.issue(ANN, now_s=NOW_S, ttl_s=3600)
    first = json.loads(path.read_text())["keys"]
    other = tmp_path / "other.json"
    Keys.create(other)
    second = json.loads(other.read_text())["keys"]
    both, new = tmp_path / "both.json", tmp_path / "new.json"
    both.write_text(json.dumps({"keys": first + second}))
    new.write_text(json.dumps({"keys": second}))
    after = Keys.load(both).issue(ANN, now_s=NOW_S, ttl_s=3600)
    assert Keys.load(both).verify(before, now_s=NOW_S).principal == ANN
    assert Keys.load(new).verify(after, now_s=NOW_S).principal == ANN
    with pytest.raises(Denied, match="an unknown key"):
        Keys.load(new).verify(before, now_s=NOW_S)


def test_a_file_of_public_keys_verifies_and_cannot_sign(path: Path, keys: Keys, tmp_path: Path) -> None:
    """An engine needs no secret."""
    public = json.loads(path.read_text())
    del public["keys"][0]["secret"]
    only = tmp_path / "public.json"
    only.write_text(json.dumps(public))
    token = keys.issue(ANN, now_s=NOW_S, ttl_s=60)
    assert Keys.load(only).verify(token, now_s=NOW_S).principal == ANN
    with pytest.raises(Denied, match="cannot sign"):
        Keys.load(only).issue(ANN, now_s=NOW_S, ttl_s=60)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"keys": []}',
        '{"keys": [{"kid": "a", "public": "AA"}]}',
        '{"keys": [{"kid": "a", "public": "é"}]}',
        "\x00",
    ],
)
def test_a_bad_key_file_says_so_in_one_line(path: Path, text: str) -> None:
    """What, wanted, where."""
    path.write_text(text)
    with pytest.raises(BadKeyFile, match=r"^key file: [^\n]+, wanted [^\n]+\(") as caught:
        Keys.load(path)
    assert str(path) in str(caught.value)


def test_a_missing_key_file_says_so(path: Path) -> None:
    """The same for one that is not there."""
    with pytest.raises(BadKeyFile, match="cannot be read"):
        Keys.load(path)


@pytest.mark.parametrize(
    ("principal", "ttl_s", "words"),
    [
        (Principal("acme", "server", "x"), 60, "role"),
        (Principal("acme", "admin", "x"), 60, "role"),
        (Principal("acme", "agent", ""), 60, "subject and tenant"),
        (Principal("", "agent", "ann"), 60, "subject and tenant"),
        (Principal("*", "agent", "ann"), 60, "only a supervisor may span all"),
        (ANN, 0, "ttl"),
        (ANN, MAX_TTL_S + 1, "ttl"),
    ],
)
def test_what_would_not_be_accepted_is_not_issued(keys: Keys, principal: Principal, ttl_s: int, words: str) -> None:
    """Issuing checks what verifying checks."""
    with pytest.raises(Denied, match=words):
        keys.issue(principal, now_s=NOW_S, ttl_s=ttl_s)


def attacks(path: Path) -> dict[str, str]:
    """Forty ways to be somebody else."""
    kid, secret = secret_of(path)
    good = forge(path)
    head, body, signature = good.split(".")
    plain = {"alg": "EdDSA", "typ": TYPE, "kid": kid}
    public = json.loads(path.read_text())["keys"][0]["public"]
    hmac = jwt.encode(CLAIMS, base64.urlsafe_b64decode(public + "=="), "HS256", headers={"typ": TYPE, "kid": kid})
    return {
        "nothing": "",
        "noise": "abc",
        "two parts": f"{head}.{body}",
        "four parts": f"{good}.x",
        "not base64": "é.é.é",
        "alg none": by_hand({**plain, "alg": "none"}, CLAIMS, b""),
        "alg None": by_hand({**plain, "alg": "None"}, CLAIMS, b""),
        "alg missing": by_hand({"typ": TYPE, "kid": kid}, CLAIMS),
        "HS256 with the public key": hmac,
        "alg RS256": by_hand({**plain, "alg": "RS256"}, CLAIMS),
        "alg ES256": by_hand({**plain, "alg": "ES256"}, CLAIMS),
        "alg in lower case": by_hand({**plain, "alg": "eddsa"}, CLAIMS),
        "another key": forge(path, key=Ed25519PrivateKey.generate()),
        "no signature": f"{head}.{body}.",
        "a flipped signature": f"{head}.{body}.{('B' if signature[0] == 'A' else 'A') + signature[1:]}",
        "a changed subject": f"{head}.{b64(json.dumps({**CLAIMS, 'sub': 'bob'}).encode())}.{signature}",
        "a changed role": f"{head}.{b64(json.dumps({**CLAIMS, 'aud': 'supervisor'}).encode())}.{signature}",
        "an unknown kid": forge(path, header={"kid": "nobody"}),
        "kid as a path": forge(path, header={"kid": "../../etc/passwd"}),
        "kid as a query": forge(path, header={"kid": "a' OR '1'='1"}),
        "kid as a number": by_hand({**plain, "kid": 1}, CLAIMS),
        "no kid": by_hand({"alg": "EdDSA", "typ": TYPE}, CLAIMS),
        "typ JWT": forge(path, header={"typ": "JWT"}),
        "no typ": by_hand({"alg": "EdDSA", "kid": kid}, CLAIMS),
        "jwk": forge(path, header={"jwk": {"kty": "OKP"}}),
        "jku": forge(path, header={"jku": "https://evil.example"}),
        "x5u": forge(path, header={"x5u": "https://evil.example"}),
        "crit": forge(path, header={"crit": ["x"], "x": 1}),
        "another issuer": forge(path, {"iss": "evil"}),
        "no issuer": jwt.encode(without("iss"), secret, "EdDSA", headers={"typ": TYPE, "kid": kid}),
        "no end": jwt.encode(without("exp"), secret, "EdDSA", headers={"typ": TYPE, "kid": kid}),
        "no beginning": jwt.encode(without("iat"), secret, "EdDSA", headers={"typ": TYPE, "kid": kid}),
        "no tenant": jwt.encode(without("tenant"), secret, "EdDSA", headers={"typ": TYPE, "kid": kid}),
        "one claim more": forge(path, {"admin": True}),
        "expired": forge(path, {"iat": NOW_S - 7200, "exp": NOW_S - 3600}),
        "from tomorrow": forge(path, {"iat": NOW_S + 86400, "exp": NOW_S + 90000}),
        "for ten years": forge(path, {"exp": NOW_S + 10 * 365 * 86400}),
        "exp as a float": forge(path, {"exp": NOW_S + 600.5}),
        "role server": forge(path, {"aud": "server"}),
        "role admin": forge(path, {"aud": "admin"}),
        "two roles": forge(path, {"aud": ["agent", "supervisor"]}),
        "empty subject": forge(path, {"sub": ""}),
        "tenant as a list": forge(path, {"tenant": ["acme"]}),
        "all tenants for an agent": forge(path, {"tenant": "*"}),
        "huge": forge(path, {"sub": "x" * 4000}),
        "a list as claims": by_hand(plain, [1, 2]),
    }


def test_attacks_are_refused_in_words_that_repeat_nothing(path: Path, keys: Keys) -> None:
    """Every attack is Denied with what, got and wanted; the token itself never appears."""
    assert keys.verify(forge(path), now_s=NOW_S).principal == ANN
    tried = attacks(path)
    assert len(tried) >= 40
    for name, token in tried.items():
        with pytest.raises(Denied) as caught:
            keys.verify(token, now_s=NOW_S)
        denied = caught.value
        assert denied.what, name
        assert denied.wanted, name
        assert not token or token not in str(denied), name


def test_a_token_is_good_until_its_last_second(keys: Keys) -> None:
    """Half a minute of leeway for two machines' clocks, and no more."""
    token = keys.issue(ANN, now_s=NOW_S, ttl_s=60)
    for now_s in (NOW_S - 30, NOW_S, NOW_S + 60, NOW_S + 89):
        assert keys.verify(token, now_s=now_s).principal == ANN
    for now_s in (NOW_S - 31, NOW_S + 90, NOW_S + 10_000):
        with pytest.raises(Denied):
            keys.verify(token, now_s=now_s)
