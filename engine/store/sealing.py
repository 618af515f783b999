"""Personal data under keys of their own: each subject's key is wrapped by its tenant's, and that by the master key.

Destroying a subject's key erases what it sealed, wherever it stands: journal, tables, backups. Sealed bytes are
``1 | id of the key (8) | nonce (12) | AES-256-GCM`` over the text, with tenant, subject and place as what is
authenticated beside it, so that nothing can be moved. The nonce follows from key, place and text: the same text in the same
place gives the same bytes (a retry, a table made anew), and no two texts share one.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock  # noqa: TID251  # keys are asked for by the loop and by the threads that block for it

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.ports import Corrupt, KeyRow, KeyStore, StoreError

KEY_BYTES = 32
# Keys of subjects in memory: a key takes about a KiB.
_CACHED = 20_000
_VERSION = b"\x01"
_ID, _NONCE = 8, 12
_HEAD = len(_VERSION) + _ID + _NONCE
# Who stands for the tenant itself, and for the master key: no customer has such a key.
_TENANT, _MASTER = "", ""
_MARK_BYTES = 16


class _Key:
    __slots__ = ("cipher", "id", "nonces")

    def __init__(self, id: bytes, secret: bytes) -> None:
        self.id = id
        self.cipher = AESGCM(_derived(secret, b"seal"))
        self.nonces = _derived(secret, b"nonce")


class _TenantKeys:
    __slots__ = ("data", "index", "marks", "wrap")

    def __init__(self, id: bytes, secret: bytes) -> None:
        self.wrap = AESGCM(_derived(secret, b"wrap"))
        self.data = _Key(id, _derived(secret, b"data"))
        self.marks = _derived(secret, b"mark")
        self.index = _derived(secret, b"index")


class KeyRing:
    """``engine.ports.Sealer`` over a store of wrapped keys. Any thread may call; one at a time gets to the store."""

    def __init__(self, store: KeyStore, master: bytes) -> None:
        """``master``: 32 bytes. Raises ``StoreError`` where the store's keys were made under another."""
        self._store = store
        self._wrap = AESGCM(master)
        self._lock = Lock()
        self._tenants: dict[str, _TenantKeys] = {}
        self._keys: OrderedDict[tuple[str, str], _Key] = OrderedDict()
        self._tenant(_MASTER)

    def ready(self, subjects: Iterable[tuple[str, str]]) -> None:
        with self._lock:
            missing = [each for each in dict.fromkeys(subjects) if each[1] and each not in self._keys]
            found = {(row.tenant, row.subject): row for row in self._store.find(missing)} if missing else {}
            made = [self._made(*each) for each in missing if each not in found]
            if made:
                found |= {(row.tenant, row.subject): row for row in self._store.add(made)}
            for each, row in found.items():
                self._keep(each, self._opened(row))

    def seal(self, tenant: str, subject: str, place: str, plain: bytes) -> bytes:
        key = self._tenant(tenant).data if subject == _TENANT else self._key(tenant, subject)
        beside = _beside(tenant, subject, place)
        nonce = _keyed(key.nonces, beside + b"\0" + plain, _NONCE)
        return _VERSION + key.id + nonce + key.cipher.encrypt(nonce, plain, beside)

    def unseal(self, tenant: str, subject: str, place: str, sealed: bytes) -> bytes | None:
        if len(sealed) < _HEAD or not sealed.startswith(_VERSION):
            raise Corrupt(f"what is sealed for {place}: not in a form that this release reads", 0)
        id, nonce = sealed[1 : 1 + _ID], sealed[1 + _ID : _HEAD]
        key = self._tenant(tenant).data if subject == _TENANT else self._find(tenant, subject)
        if key is None or key.id != id:
            return None
        try:
            return key.cipher.decrypt(nonce, sealed[_HEAD:], _beside(tenant, subject, place))
        except InvalidTag:
            raise Corrupt(f"what is sealed for {place} does not fit its key", 0) from None

    def mark(self, tenant: str, data: bytes) -> bytes:
        return _keyed(self._tenant(tenant).marks, data, _MARK_BYTES)

    def index_key(self, tenant: str) -> bytes:
        return self._tenant(tenant).index

    def erase(self, tenant: str, subject: str) -> None:
        if subject == _TENANT:
            raise ValueError("subject: got none, wanted a customer's key")
        with self._lock:
            self._store.remove(tenant, subject)
            self._keys.pop((tenant, subject), None)

    def close(self) -> None:
        with self._lock:
            self._store.close()

    # --- keys -----------------------------------------------------------------------------------------------------

    def _key(self, tenant: str, subject: str) -> _Key:
        key = self._find(tenant, subject)
        if key is None:
            self.ready([(tenant, subject)])
            key = self._find(tenant, subject)
            assert key is not None, "made a moment ago"
        return key

    def _find(self, tenant: str, subject: str) -> _Key | None:
        each = tenant, subject
        with self._lock:
            key = self._keys.get(each)
            if key is None and (rows := self._store.find([each])):
                key = self._opened(rows[0])
            if key is not None:
                self._keep(each, key)
            return key

    def _keep(self, each: tuple[str, str], key: _Key) -> None:
        self._keys[each] = key
        self._keys.move_to_end(each)
        if len(self._keys) > _CACHED:
            self._keys.popitem(last=False)

    def _made(self, tenant: str, subject: str) -> KeyRow:
        id = os.urandom(_ID)
        return KeyRow(tenant, subject, id, _wrapped(self._locked_tenant(tenant).wrap, tenant, subject, id))

    def _opened(self, row: KeyRow) -> _Key:
        wrap = self._locked_tenant(row.tenant).wrap
        return _Key(row.id, _unwrapped(wrap, row))

    def _tenant(self, tenant: str) -> _TenantKeys:
        keys = self._tenants.get(tenant)
        if keys is not None:
            return keys
        with self._lock:
            return self._locked_tenant(tenant)

    def _locked_tenant(self, tenant: str) -> _TenantKeys:
        keys = self._tenants.get(tenant)
        if keys is None:
            rows = self._store.find([(tenant, _TENANT)])
            if not rows:
                id = os.urandom(_ID)
                rows = self._store.add([KeyRow(tenant, _TENANT, id, _wrapped(self._wrap, tenant, _TENANT, id))])
            keys = self._tenants[tenant] = _TenantKeys(rows[0].id, _unwrapped(self._wrap, rows[0]))
        return keys


def _derived(secret: bytes, what: bytes) -> bytes:
    """One secret, several uses: HMAC-SHA256 as the expanding half of HKDF (RFC 5869) with one block."""
    return hmac.digest(secret, what + b"\x01", "sha256")


def _keyed(key: bytes, data: bytes, size: int) -> bytes:
    """BLAKE2b with a key (RFC 7693): an HMAC's word for it, in half the time; it is said of each message twice."""
    return hashlib.blake2b(data, digest_size=size, key=key).digest()


def _beside(tenant: str, subject: str, place: str) -> bytes:
    return b"\0".join(part.encode() for part in (tenant, subject, place))


def _wrapped(wrap: AESGCM, tenant: str, subject: str, id: bytes) -> bytes:
    """A new secret, under the key above it."""
    nonce = os.urandom(_NONCE)
    return nonce + wrap.encrypt(nonce, os.urandom(KEY_BYTES), _beside(tenant, subject, id.hex()))


def _unwrapped(wrap: AESGCM, row: KeyRow) -> bytes:
    try:
        return wrap.decrypt(row.wrapped[:_NONCE], row.wrapped[_NONCE:], _beside(row.tenant, row.subject, row.id.hex()))
    except InvalidTag:
        what = "the master key: not the one under which this store's keys were made"
        raise StoreError(
            what if row.subject == _TENANT else "a customer's key does not open: keys.db was changed"
        ) from None


class KeysInMemory:
    """``engine.ports.KeyStore`` without a disk: for journals in memory, and for tests."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], KeyRow] = {}

    def find(self, subjects: Iterable[tuple[str, str]]) -> list[KeyRow]:
        return [self.rows[each] for each in subjects if each in self.rows]

    def add(self, rows: Iterable[KeyRow]) -> list[KeyRow]:
        return [self.rows.setdefault((row.tenant, row.subject), row) for row in rows]

    def remove(self, tenant: str, subject: str) -> None:
        self.rows.pop((tenant, subject), None)

    def close(self) -> None:
        """It outlives who used it."""
