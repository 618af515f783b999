"""Reads the rows of a case: what happens (``when``), and what is expected (``expect``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from engine.dispatch.commands import SubmitContact
from engine.dispatch.policy.loader import Document, Path
from engine.dispatch.policy.problems import quoted, show_path, shown
from engine.trials.cases import Action, Arrival, Claim, Names, Place
from engine.trials.keys import ACTION_ROW, ACTIONS, CLAIMS, OTHER_CLAIMS, ClaimKeys, Key, Keys
from engine.trials.lengths import shown_length
from engine.trials.values import ValueReader

Submission = Callable[[str, Mapping[str, Any], Path], SubmitContact | None]

_ACTION_NAMES: Keys = {name: Key("text") for name in ACTIONS}
_SUBJECTS: Keys = {"contact": Key("contacts"), "agent": Key("agents"), "queue": Key("queue"), "order": Key("contacts")}


def several(name: str, count: int) -> tuple[str, ...]:
    """``rush``, 3 → rush-1, rush-2, rush-3; with 0, a single one that keeps its name."""
    return tuple(f"{name}-{number}" for number in range(1, count + 1)) if count else (name,)


class RowReader:
    """Reads a case's rows; ``submission`` makes the command with which a contact comes."""

    def __init__(self, values: ValueReader, document: Document, submission: Submission) -> None:
        self.values, self.document, self.submission = values, document, submission
        self.findings = values.findings

    def place(self, path: Path) -> Place:
        return Place(self.document.line_of(path), show_path(path))

    # --- when

    def actions(self, tables: list[Any], path: Path) -> tuple[Action, ...]:
        self._note_later(tables, path)
        found: list[Action] = []
        last = 0
        for index, table in enumerate(tables):
            place = (*path, index)
            if not isinstance(table, dict):
                self.findings.report("wrong_type", place, wanted="a table", got=shown(table))
                continue
            action = self._action(table, place)
            if action is None:
                continue
            if action.at_ms < last:
                got, wanted = shown_length(action.at_ms), shown_length(last)
                self.findings.report("time_back", (*place, "at"), got=got, wanted=wanted)
            last = max(last, action.at_ms)
            found.append(action)
        return tuple(found)

    def _note_later(self, tables: list[Any], path: Path) -> None:
        for index, table in enumerate(tables):
            named = table.get("submit") if isinstance(table, dict) else None
            for name in named if isinstance(named, list) else [named]:
                if isinstance(name, str):
                    self.values.scope.later.setdefault(name, self.document.line_of((*path, index)))

    def _action(self, table: dict[str, Any], path: Path) -> Action | None:
        kinds = [key for key in table if key in ACTIONS]
        if len(kinds) > 1:
            self.findings.report("two_things", path, got=", ".join(kinds))
            return None
        spec = ACTIONS[kinds[0]] if kinds else None
        keys = {**ACTION_ROW, **(spec.keys if spec else {})}
        own = {kinds[0]: Key("text")} if kinds else _ACTION_NAMES
        row = self.values.table(table, path, keys, {**keys, **own})
        at_ms = row.pop("at", None)
        if spec is None:
            return None if at_ms is None else Action(at_ms, "", self.place(path))
        kind = kinds[0]
        where = (*path, kind)
        arrivals: tuple[Arrival, ...] = ()
        names: tuple[str, ...] = ()
        if spec.subject == "new":
            arrivals = self._arrivals(table[kind], row, path, at_ms or 0)
        elif spec.subject == "queue":
            queue = self.values.value(Key("queue"), table[kind], where)
            names = () if queue is None else (queue,)
        elif spec.subject == "policy":
            text = self.values.applied(table[kind], where, row.get("refused") == "bad_policy")
            if text is not None:
                names = (table[kind],)
                row["text"] = text
        elif spec.subject == "pool":
            names = tuple(self.values.value(Key("pools"), table[kind], where) or ())
        else:
            found = self.values.value(Key(spec.subject), table[kind], where)
            names = () if found is None else found.all
        if at_ms is None:
            return None
        refused = row.pop("refused", "")
        return Action(at_ms, kind, self.place(path), names, arrivals, row, refused)

    def _arrivals(self, named: Any, row: Mapping[str, Any], path: Path, at_ms: int) -> tuple[Arrival, ...]:
        listed = named if isinstance(named, list) else [named]
        count, every = row.get("count", 1), row.get("every", 0)
        if every and "count" not in row:
            self.findings.report("needs_several", (*path, "every"))
        known = self.values.scope.contacts
        found: list[Arrival] = []
        for one in listed:
            name = self.values.name(one, (*path, "submit"))
            if name is None:
                continue
            numbered = "count" in row
            names = several(name, count if numbered else 0)
            if name in known and (numbered or known[name] != (name,)):
                self.findings.report("several_again", (*path, "submit"), got=quoted(name))
            known.update({each: (each,) for each in names} | {name: names})
            for number, each in enumerate(names):
                submit = self.submission(each, row, path)
                if submit is not None:
                    found.append(Arrival(each, at_ms + number * every, submit))
        return tuple(found)

    # --- expect

    def claims(self, tables: list[Any], path: Path) -> tuple[Claim, ...]:
        found: list[Claim] = []
        for index, table in enumerate(tables):
            place = (*path, index)
            if isinstance(table, dict):
                found += self._claims(table, place)
            else:
                self.findings.report("wrong_type", place, wanted="a table", got=shown(table))
        return tuple(found)

    def _claims(self, table: dict[str, Any], path: Path) -> list[Claim]:
        subjects = [key for key in table if key in _SUBJECTS]
        if len(subjects) != 1:
            self.findings.report("about_nothing", path, got=", ".join(subjects) or "-")
            return []
        about = subjects[0]
        kinds = dict(CLAIMS) if about == "contact" else dict([OTHER_CLAIMS[about]])
        known: dict[str, Key] = {}
        for spec in kinds.values():
            known |= {**spec.says, **spec.frames}
        row = self.values.table(table, path, known, {**known, about: _SUBJECTS[about]})
        subject = self.values.value(_SUBJECTS[about], table[about], (*path, about))
        if isinstance(subject, str):
            subject = Names((subject,), (subject,))
        made = {kind: spec for kind, spec in kinds.items() if kind == "order" or spec.says.keys() & table.keys()}
        if not made:
            wanted = ", ".join(key for spec in kinds.values() for key in spec.says)
            self.findings.report("says_nothing", path, got=about, wanted=wanted)
        self._check_frames(table, row, made, kinds, path)
        if about == "order" and subject is not None and len(subject.all) < 2:
            self.findings.report("out_of_range", (*path, "order"), wanted="≥ 2", got=str(len(subject.all)))
        if subject is None:
            return []
        return [
            Claim(
                kind, subject, {key: row[key] for key in {**spec.says, **spec.frames} if key in row}, self.place(path)
            )
            for kind, spec in made.items()
        ]

    def _check_frames(
        self,
        table: dict[str, Any],
        row: Mapping[str, Any],
        made: Mapping[str, ClaimKeys],
        kinds: Mapping[str, ClaimKeys],
        path: Path,
    ) -> None:
        used = {key for spec in made.values() for key in {**spec.says, **spec.frames}}
        framing = {key for spec in kinds.values() for key in spec.frames} - used
        said = ", ".join(key for spec in made.values() for key in spec.says if key in table)
        for key in table:
            if made and key in framing:
                self.findings.report("frames_nothing", (*path, key), got=said)
        if row.get("since", 0) > row.get("by", row.get("since", 0)):
            got, wanted = shown_length(row["since"]), shown_length(row["by"])
            self.findings.report("window_backwards", (*path, "since"), got=got, wanted=wanted)
