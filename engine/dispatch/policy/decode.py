"""Plain tables → typed drafts, table by table and key by key, collecting every problem on the way.

A draft holds what could be read; a key with a problem is left out of it. Nothing here raises, whatever the tables hold.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from engine.dispatch.policy.dates import DateReader
from engine.dispatch.policy.findings import MAX_PROBLEMS, Findings
from engine.dispatch.policy.loader import Document, Path
from engine.dispatch.policy.model import (
    KIND_OF,
    MAX_COUNTS,
    MAX_NAME,
    MAX_TEXT_FIELD,
    NAMED,
    OPTIONAL,
    REFERENCES,
    REQUIRED,
    SECTIONS,
    TOP_LEVEL,
    Field,
)
from engine.dispatch.policy.problems import quoted, shown
from engine.dispatch.policy.requirements import RequirementError, parse

__all__ = ["MAX_PROBLEMS", "Decoder", "Findings", "Table"]

Table: TypeAlias = dict[str, Any]


class Decoder:
    """Reads a document's tables. ``known``: section → the names it declares, whether or not they could be read."""

    def __init__(self, document: Document, findings: Findings) -> None:
        self.tables, self.findings = document.tables, findings
        self.dates = DateReader(findings)
        self.known: dict[str, list[str]] = {}
        for section in NAMED:
            tables = self.tables.get(section)
            self.known[section] = list(tables) if isinstance(tables, dict) else []

    def read(self) -> Table:
        """Section → draft: a table for policy and domain, name → table for the named ones, a list for entry."""
        report = self.findings.report
        for key in self.tables:
            if key not in TOP_LEVEL:
                report("unknown_key", (key,), hint=self.findings.hint(key, TOP_LEVEL))
        draft: Table = {}
        for section in ("policy", "domain"):
            table = self.tables.get(section, {})
            draft[section] = self.fields(section, table, (section,)) if self._is_table(table, (section,)) else {}
        for section in NAMED:
            draft[section] = self._named(section)
        draft["entry"] = self._entries()
        return draft

    def _named(self, section: str) -> dict[str, Table]:
        tables = self.tables.get(section)
        if tables is None or tables == {}:
            if section not in OPTIONAL:
                self.findings.report("nothing", (section,), wanted=f"[{section}.…]")
            return {}
        if not self._is_table(tables, (section,)) or not self._few_enough(tables, section, (section,)):
            return {}
        drafts = {}
        for name, table in tables.items():
            path = (section, name)
            self._check_name(name, path)
            drafts[name] = self.fields(section, table, path) if self._is_table(table, path) else {}
        return drafts

    def _entries(self) -> list[Table]:
        rules = self.tables.get("entry")
        if rules is None or rules == []:
            self.findings.report("nothing", ("entry",), wanted="[[entry]]")
            return []
        return self._list_of_tables("entry", rules, ("entry",))

    def _list_of_tables(self, section: str, tables: Any, path: Path) -> list[Table]:
        if not isinstance(tables, list):
            self.findings.report("wrong_type", path, wanted="a list of tables", got=shown(tables))
            return []
        if not self._few_enough(tables, section, path):
            return []
        return [
            self.fields(section, table, (*path, index)) if self._is_table(table, (*path, index)) else {}
            for index, table in enumerate(tables)
        ]

    def fields(self, section: str, table: Table, path: Path) -> Table:
        """One table's keys; ``path`` is the table's own."""
        fields = SECTIONS[section]
        draft = {}
        for key, value in table.items():
            if key not in fields:
                self.findings.report("unknown_key", (*path, key), hint=self.findings.hint(key, fields))
                continue
            read = self._value(section, fields[key], value, (*path, key))
            if read is not None:
                draft[key] = read
        for field in fields.values():
            if field.default is REQUIRED and field.name not in table:
                self.findings.report("missing", (*path, field.name))
        return draft

    def _value(self, section: str, field: Field, value: Any, path: Path) -> Any:
        """The value, or None with a problem reported."""
        match field.kind:
            case "int" | "float":
                return self._number(field, value, path)
            case "bool":
                return self._typed(value, bool, "true or false", path)
            case "text" | "choice" | "requirement" | "zone":
                return self._from_text(section, field, value, path)
            case "names":
                return self._names(section, field, value, path)
            case "choices":
                return self._choices(field, value, path)
        return self._nested(field, value, path)

    def _nested(self, field: Field, value: Any, path: Path) -> Any:
        match field.kind:
            case "table":
                return self.fields(field.section, value, path) if self._is_table(value, path) else None
            case "tables":
                return self._list_of_tables(field.section, value, path)
            case "when":
                return self._when(value, path) if self._is_table(value, path) else None
        return self.dates.read(field.kind, value, path)

    def _from_text(self, section: str, field: Field, value: Any, path: Path) -> Any:
        text = self._typed(value, str, "text", path)
        if text is None:
            return None
        if field.kind == "choice":
            return text if self._is_choice(field, text, path) else None
        if field.kind == "requirement":
            return self._requirement(text, path)
        if field.kind == "zone":
            return self.dates.zone(text, path)
        return self._text(section, field, text, path)

    def _is_choice(self, field: Field, text: str, path: Path) -> bool:
        if text in field.choices:
            return True
        wanted = ", ".join(map(quoted, field.choices))
        hint = self.findings.hint(text, field.choices)
        self.findings.report("not_one_of", path, wanted=wanted, got=quoted(text), hint=hint)
        return False

    def _choices(self, field: Field, value: Any, path: Path) -> Any:
        """Several of the choices, each at most once."""
        if not isinstance(value, list):
            return self.findings.report("wrong_type", path, wanted="a list of names", got=shown(value))
        found: list[str] = []
        for index, one in enumerate(value):
            if self._typed(one, str, "text", (*path, index)) is None or not self._is_choice(field, one, path):
                continue
            if one in found:
                self.findings.report("duplicate", path, got=quoted(one))
            else:
                found.append(one)
        return tuple(found)

    def _text(self, section: str, field: Field, text: str, path: Path) -> Any:
        if field.name == "name":
            return text if self._check_name(text, path) else None
        if (section, field.name) in REFERENCES:
            if not text and field.default == "":
                return text
            return text if self.refers(REFERENCES[section, field.name], text, path) else None
        if len(text) > MAX_TEXT_FIELD:
            return self.findings.report("text_too_long", path, wanted=str(MAX_TEXT_FIELD), got=str(len(text)))
        if not text and field.default is REQUIRED:
            return self.findings.report("empty", path)
        return text

    def _number(self, field: Field, value: Any, path: Path) -> Any:
        whole = field.kind == "int"
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            wanted = "a whole number" if whole else "a number"
            return self.findings.report("wrong_type", path, wanted=wanted, got=shown(value))
        if isinstance(value, float) and not math.isfinite(value):
            return self.findings.report("wrong_type", path, wanted="a finite number", got=shown(value))
        assert field.range is not None
        if value < field.range.low:
            return self.findings.report("out_of_range", path, wanted=f"≥ {field.range.low}", got=shown(value))
        if value > field.range.high:
            return self.findings.report("out_of_range", path, wanted=f"≤ {field.range.high}", got=shown(value))
        return value if whole else float(value)

    def _names(self, section: str, field: Field, value: Any, path: Path) -> Any:
        if not isinstance(value, list):
            return self.findings.report("wrong_type", path, wanted="a list of names", got=shown(value))
        if not self._few_enough(value, "names", path):
            return None
        if not value and field.default is REQUIRED:
            return self.findings.report("empty", path)
        target = REFERENCES.get((section, field.name))
        names: dict[str, None] = {}
        for index, name in enumerate(value):
            place = (*path, index)
            if self._typed(name, str, "text", place) is None:
                continue
            if name in names:
                self.findings.report("duplicate", path, got=quoted(name))
            elif target is None or self.refers(target, name, place):
                names[name] = None
        return tuple(names)

    def refers(self, section: str, name: Any, path: Path) -> bool:
        """Whether the section declares the name; reported at ``path`` when not."""
        if isinstance(name, str) and name in self.known[section]:
            return True
        hint = self.findings.hint(name, self.known[section]) if isinstance(name, str) else ""
        self.findings.report("unknown_name", path, kind=KIND_OF[section], got=shown(name), hint=hint)
        return False

    def _requirement(self, text: str, path: Path) -> Any:
        try:
            return parse(text)
        except RequirementError as error:
            said = {"what": error.what, "got": error.got, "wanted": error.wanted, "column": str(error.column)}
            return self.findings.report("requirement", path, **said)

    def _when(self, table: Table, path: Path) -> Any:
        if not self._few_enough(table, "when", path):
            return None
        conditions = {}
        for name, value in table.items():
            place = (*path, name)
            self._check_name(name, place)
            values = value if isinstance(value, list) else [value]
            if not values:
                self.findings.report("empty", place)
            if not self._few_enough(values, "values", place):
                continue
            for one in values:
                self._check_condition(name, one, place)
            conditions[name] = tuple(value for value in values if isinstance(value, str | int | float))
        return conditions

    def _check_condition(self, name: str, value: Any, path: Path) -> None:
        if not isinstance(value, str | int | float) or value != value:
            self.findings.report("wrong_type", path, wanted="a value or a list of values", got=shown(value))
        elif ("when", name) in REFERENCES:
            self.refers(REFERENCES["when", name], value, path)

    # --- small checks, each reporting what it refuses

    def _typed(self, value: Any, kind: type, wanted: str, path: Path) -> Any:
        if isinstance(value, kind):
            return value
        return self.findings.report("wrong_type", path, wanted=wanted, got=shown(value))

    def _is_table(self, value: Any, path: Path) -> bool:
        return self._typed(value, dict, "a table", path) is not None

    def _few_enough(self, values: Any, what: str, path: Path) -> bool:
        if len(values) <= MAX_COUNTS[what]:
            return True
        self.findings.report("too_many", path, got=str(len(values)), wanted=str(MAX_COUNTS[what]))
        return False

    def _check_name(self, name: str, path: Path) -> bool:
        if 1 <= len(name) <= MAX_NAME and name.isprintable() and name == name.strip():
            return True
        self.findings.report("bad_name", path, wanted=str(MAX_NAME), got=quoted(name))
        return False
