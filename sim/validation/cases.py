"""Files of reference cases: read, checked as a whole, every problem named with its place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sim.validation.kinds import KINDS, Params

T = TypeVar("T", bound=msgspec.Struct)
UNITS_MS = {"s": 1_000, "min": 60_000, "h": 3_600_000, "day": 86_400_000}
# One unit of a case without a clock's unit: so long that rounding to a millisecond is nothing.
FREE_UNIT_MS = 1_000_000


class CaseErrors(ValueError):
    """Everything wrong with a file of cases; each problem says what, got, wanted and where."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Row(msgspec.Struct, frozen=True):
    id: str
    kind: str
    params: dict[str, Any]
    expected: dict[str, float]
    precision: str = ""
    model: str = ""
    source: str = ""
    formula: str = ""
    notes: str = ""
    published: dict[str, Any] = {}


@dataclass(frozen=True)
class Case:
    """One case. ``expected`` maps metrics to exact values; ``unit_ms`` is one unit of its time in milliseconds."""

    id: str
    kind: str
    params: Params
    expected: dict[str, float]
    unit_ms: int
    model: str = ""
    source: str = ""
    formula: str = ""
    precision: str = ""


@dataclass(frozen=True)
class CaseFile:
    """``unsupported``: (id, kind) of the cases left out because nobody knows their kind."""

    definitions: str
    cases: tuple[Case, ...]
    unsupported: tuple[tuple[str, str], ...]


def load_cases(path: Path, *, skip_unsupported: bool = False) -> CaseFile:
    """Read a file of the form ``{"definitions": …, "cases": [{"id", "kind", "params", "expected", …}]}``.

    Raises :class:`CaseErrors` with every problem found; unknown kinds are problems unless ``skip_unsupported``.
    """
    name = path.name
    try:
        table = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise CaseErrors([f"the file cannot be read: {error.strerror} ({path})"]) from error
    except msgspec.DecodeError as error:
        raise CaseErrors([f"not JSON: {error} ({name})"]) from error
    if not isinstance(table, dict):
        raise CaseErrors([f'the file must be an object with a list "cases", got {_shown(table)} ({name})'])
    rows = table.get("cases")
    if not isinstance(rows, list):
        raise CaseErrors([f'"cases" must be a list of cases, got {_shown(rows)} ({name})'])
    reader = _Reader(name, skip_unsupported)
    cases = [case for place, row in enumerate(rows) if (case := reader.read(place, row)) is not None]
    if reader.problems:
        raise CaseErrors(reader.problems)
    return CaseFile(str(table.get("definitions", "")), tuple(cases), tuple(reader.unsupported))


class _Reader:
    def __init__(self, name: str, skip_unsupported: bool) -> None:
        self.name, self.skip_unsupported = name, skip_unsupported
        self.problems: list[str] = []
        self.unsupported: list[tuple[str, str]] = []
        self._seen: dict[str, int] = {}

    def _problem(self, text: str, where: str) -> None:
        self.problems.append(f"{text} ({self.name}, {where})")

    def read(self, place: int, table: object) -> Case | None:
        where = f"cases[{place}]"
        row = self._typed(_Row, table, where, f"cases[{place}]")
        if row is None:
            return None
        title = f'case "{row.id}"'
        if row.id in self._seen:
            self._problem(f"{title}: id must be used once, is also that of cases[{self._seen[row.id]}]", f"{where}.id")
        self._seen[row.id] = place
        if row.kind not in KINDS:
            if self.skip_unsupported:
                self.unsupported.append((row.id, row.kind))
            else:
                known = ", ".join(sorted(KINDS))
                self._problem(f'{title}: kind must be one of {known}; got "{row.kind}"', f"{where}.kind")
            return None
        params = self._typed(KINDS[row.kind], row.params, f"{where}.params", title)
        if params is None:
            return None
        return Case(
            id=row.id,
            kind=row.kind,
            params=params,
            expected=row.expected,
            unit_ms=self._unit_ms(row),
            model=row.model,
            source=row.source,
            formula=row.formula,
            precision=row.precision,
        )

    @staticmethod
    def _unit_ms(row: _Row) -> int:
        return UNITS_MS.get(str(row.params.get("time_unit", "")), FREE_UNIT_MS)

    def _typed(self, wanted: type[T], table: object, where: str, title: str) -> T | None:
        """The struct, field by field, so that one bad field does not hide the next."""
        if not isinstance(table, dict):
            self._problem(f"{title}: must be an object, got {_shown(table)}", where)
            return None
        before, values = len(self.problems), {}
        for field in msgspec.structs.fields(wanted):
            if field.name not in table:
                if field.required:
                    self._problem(f"{title}: {field.name} is missing", where)
                continue
            try:
                values[field.name] = msgspec.convert(table[field.name], field.type)
            except msgspec.ValidationError as error:
                text, at = _split(str(error))
                got = _shown(_reached(table[field.name], at))
                self._problem(f"{title}: {field.name}{at}: {text}, got {got}", f"{where}.{field.name}{at}")
        return wanted(**values) if len(self.problems) == before else None


def _split(message: str) -> tuple[str, str]:
    """msgspec's sentence, and the path inside the field that it ends in."""
    match = re.fullmatch(r"(.*?)(?: - at `\$?(.*)`)?", message, re.DOTALL)
    assert match is not None
    return match[1][:1].lower() + match[1][1:], match[2] or ""


def _reached(value: Any, at: str) -> Any:
    for step in re.findall(r"\[(\d+|\.\.\.)\]|\.(\w+)", at):
        key = step[0] or step[1]
        try:
            value = value[int(key)] if key.isdigit() and isinstance(value, Sequence) else value[key]
        except (KeyError, IndexError, TypeError):
            break
    return value


def _shown(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:57] + "…"
