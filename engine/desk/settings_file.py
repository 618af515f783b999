"""The desk's file (``desk.toml``) → its settings, or every problem at once with its line."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec

from engine.desk.problems import Problems, raise_if_any
from engine.desk.settings import OWN_NAMES, AttributeKind, ConnectorPlace, Entitlement, Settings, Tier
from engine.desk.text import find_fault
from engine.dispatch.policy.loader import Path, load
from engine.dispatch.policy.problems import show_path, shown

T = TypeVar("T", bound=msgspec.Struct)
# Tables in a section, and characters of a name or title: more than anybody declares by hand.
MOST, NAME_CHARS = 200, 64
_SECTIONS = tuple(field.name for field in msgspec.structs.fields(Settings))


def read_settings(text: str, file: str = "desk.toml") -> Settings:
    """Raises :class:`engine.desk.problems.DeskErrors`."""
    return _Reader(text, file).read()


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.document = load(text)
        self.problems = Problems(file)

    def report(self, code: str, path: Path, got: str, wanted: str) -> None:
        self.problems.report(code, self.document.line_of(path), show_path(path) or "the file", got, wanted)

    def read(self) -> Settings:
        if wrong := self.document.problem:
            self.problems.report(wrong.code, wrong.line, "the file", wrong.detail, "TOML")
        tables = self.document.tables
        for key in tables:
            if key not in _SECTIONS:
                self._unknown(key, _SECTIONS, (key,))
        settings = Settings(
            attributes=self._section(AttributeKind, tables, "attributes"),
            tiers=self._section(Tier, tables, "tiers"),
            entitlements=self._section(Entitlement, tables, "entitlements"),
            connectors=self._section(ConnectorPlace, tables, "connectors"),
        )
        self._check(settings)
        raise_if_any(self.problems.found)
        return settings

    def _section(self, kind: type[T], tables: dict[str, Any], section: str) -> dict[str, T]:
        value = tables.get(section, {})
        if not isinstance(value, dict) or len(value) > MOST:
            self.report("wrong_type", (section,), shown(value), f"at most {MOST} [{section}.…] tables")
            return {}
        for name in value:
            if fault := find_fault(name, "a name", NAME_CHARS, lines=False):
                self.report(fault.code, (section, name), fault.got, fault.wanted)
        found = {name: self._table(kind, table, (section, name)) for name, table in value.items()}
        return {name: table for name, table in found.items() if table is not None}

    def _table(self, kind: type[T], table: Any, path: Path) -> T | None:
        """Field by field, so that one bad value hides no other."""
        if not isinstance(table, dict):
            self.report("wrong_type", path, shown(table), "a table")
            return None
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        types = get_type_hints(kind)
        read: dict[str, Any] = {}
        for key, value in table.items():
            if key not in fields:
                self._unknown(key, fields, (*path, key))
                continue
            try:
                read[key] = msgspec.convert(value, types[key])
            except msgspec.ValidationError as error:
                choices = get_args(types[key]) if get_origin(types[key]) is Literal else ()
                wanted = str(error).removeprefix("Expected ").partition(", got")[0].replace("`", "")
                self.report(
                    "bad_value", (*path, key), shown(value), f"one of {', '.join(choices)}" if choices else wanted
                )
            else:
                self._one_line(value, (*path, key))
        for name, field in fields.items():
            if field.required and name not in table:
                self.report("missing", (*path, name), "nothing", "a value")
        whole = all(name in read for name, field in fields.items() if field.required)
        return kind(**read) if whole else None

    def _one_line(self, value: Any, path: Path) -> None:
        for text in (value,) if isinstance(value, str) else value if isinstance(value, list) else ():
            if text and (fault := find_fault(text, "a text", 500, lines=False)):
                self.report(fault.code, path, fault.got, fault.wanted)

    def _unknown(self, key: str, known: Collection[str], path: Path) -> None:
        near = difflib.get_close_matches(key[:64], list(known), 1)
        self.report("unknown_key", path, "an unknown key", near[0] if near else f"one of {', '.join(known)}")

    # --- what the types cannot say ------------------------------------------------------------------------------

    def _check(self, settings: Settings) -> None:
        for name, kind in settings.attributes.items():
            self._attribute(name, kind)
        for name, tier in settings.tiers.items():
            for each in tier.entitlements:
                if each not in settings.entitlements:
                    known = (
                        f"one of {', '.join(settings.entitlements)}" if settings.entitlements else "[entitlements.…]"
                    )
                    self.report("unknown", ("tiers", name, "entitlements"), shown(each), known)
        for name, entitlement in settings.entitlements.items():
            if entitlement.quota < 0:
                self.report("bad_value", ("entitlements", name, "quota"), shown(entitlement.quota), "0 or more")
        for name, place in settings.connectors.items():
            self._connector(name, place)

    def _attribute(self, name: str, kind: AttributeKind) -> None:
        path = ("attributes", name)
        if name in OWN_NAMES:
            self.report("bad_value", path, shown(name), "another name: the server gives this one")
        if kind.routing and kind.personal:
            self.report(
                "bad_value", (*path, "routing"), "true", "personal = false beside it: policies see nothing personal"
            )
        if (kind.type == "enum") != bool(kind.values):
            self.report(
                "bad_value", (*path, "values"), shown(list(kind.values)), "values where the type is enum, only there"
            )
        if kind.type not in ("int", "number") and (kind.min is not None or kind.max is not None):
            self.report("bad_value", path, "min or max", "them where the type is int or number, only there")
        elif kind.min is not None and kind.max is not None and kind.min > kind.max:
            self.report("bad_value", (*path, "min"), shown(kind.min), f"at most max, {kind.max:g}")

    def _connector(self, name: str, place: ConnectorPlace) -> None:
        parts = urlsplit(place.url)
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.username
            or parts.query
            or parts.fragment
        ):
            self.report("bad_value", ("connectors", name, "url"), "another text", "http(s)://HOST[:PORT][/PATH]")
        for field, low, high in (("timeout_ms", 10, 30_000), ("max_kib", 1, 4_096)):
            value = getattr(place, field)
            if not low <= value <= high:
                self.report("bad_value", ("connectors", name, field), shown(value), f"{low} to {high}")
