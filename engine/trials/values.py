"""Reads the values of a cases file by the kind of their key, and reports what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from engine.dispatch.commands import Attributes
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.policy.loader import Path
from engine.dispatch.policy.model import MAX_NAME, MAX_TEXT_FIELD
from engine.dispatch.policy.problems import PolicyErrors, quoted, shown
from engine.dispatch.policy.requirements import RequirementError, parse
from engine.trials.cases import Names
from engine.trials.keys import Key, Keys
from engine.trials.lengths import find_length
from engine.trials.problems import CaseFindings

# A case is read by people: beyond this it is a simulation, which is the twin's business.
MAX_COUNT = 1_000
MAX_NUMBER = 1_000_000
MAX_ROWS = 1_000

# The text of a policy's file that a case names; None: there is no such file.
FindPolicy: TypeAlias = Callable[[str], str | None]


def local_ms(value: datetime) -> int:
    """Ms since 1970-01-01 00:00, where one without an offset counts in its own zone."""
    since = (value if value.tzinfo is not None else value.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return since // timedelta(milliseconds=1)


class Scope:
    """Whom the rows of a case may name: a name → the agents or contacts meant by it."""

    def __init__(self) -> None:
        self.agents: dict[str, tuple[str, ...]] = {}
        self.contacts: dict[str, tuple[str, ...]] = {}
        self.later: dict[str, int] = {}  # contacts that come later in the timeline → their line
        self.policies: list[Policy] = []  # applied in its course: later rows may name what only these have
        self.doubtful: set[str] = set()  # groups with a problem of their own: whom they hold is not known

    def is_doubtful(self, name: str) -> bool:
        return name in self.doubtful or name.rpartition("-")[0] in self.doubtful


class ValueReader:
    """Reads tables against a policy. A method returns None after it has reported a problem."""

    def __init__(self, policy: Policy, findings: CaseFindings, find_policy: FindPolicy) -> None:
        self.policy, self.findings, self.find_policy = policy, findings, find_policy
        self.scope = Scope()
        self._by_kind: dict[str, Callable[[Key, Any, Path], Any]] = {
            "agent": self._agent,
            "agents": lambda key, value, path: self._names("agent or group", self.scope.agents, value, path),
            "attributes": self._attributes,
            "begin": self._begin,
            "channel": lambda key, value, path: self._declared("channel", self._all("channels"), value, path),
            "choice": self._choice,
            "contact": self._contact,
            "contacts": lambda key, value, path: self._names("contact", self.scope.contacts, value, path),
            "count": lambda key, value, path: self._whole(value, path, 1, MAX_COUNT),
            "deflection": lambda key, value, path: self._true_or(self._text, "true, or a reason", value, path),
            "flag": lambda key, value, path: self._typed(value, bool, "true or false", path),
            "instant": lambda key, value, path: self._length(value, path),
            "length": lambda key, value, path: self._length(value, path),
            "number": lambda key, value, path: self._whole(value, path, -MAX_NUMBER, MAX_NUMBER),
            "pools": lambda key, value, path: self._declared_list("pool", self._all("pools"), value, path),
            "policy": lambda key, value, path: self.applied(value, path, False),
            "queue": lambda key, value, path: self._declared("queue", self._all("queues"), value, path),
            "requirement": self._requirement,
            "rule": lambda key, value, path: self._declared("entry rule", self._rules(), value, path),
            "shop": lambda key, value, path: (  # "" is no shop, where the defaults have one
                value if value == "" else self._declared("shop", self.policy.shops, value, path)
            ),
            "step": self._step,
            "tenant": lambda key, value, path: self._declared("tenant", self.policy.tenants, value, path),
            "text": lambda key, value, path: self._text(value, path),
            "waits": lambda key, value, path: self._true_or(self._length, "true, or a length of time", value, path),
        }

    def table(self, table: Mapping[str, Any], path: Path, keys: Keys, known: Keys | None = None) -> dict[str, Any]:
        """What could be read of ``keys``; a key that is in neither ``keys`` nor ``known`` is reported."""
        read: dict[str, Any] = {}
        known = known or keys
        for name, value in table.items():
            if name not in known:
                self.findings.report("unknown_key", (*path, name), hint=self.findings.hint(name, known))
            elif name in keys:
                found = self.value(keys[name], value, (*path, name))
                if found is not None:
                    read[name] = found
        for name, key in keys.items():
            if key.required and name not in table:
                self.findings.report("missing", (*path, name))
        return read

    def value(self, key: Key, value: Any, path: Path) -> Any:
        return self._by_kind[key.kind](key, value, path)

    def name(self, value: Any, path: Path) -> str | None:
        """A name that the file gives to something."""
        if self._typed(value, str, "text", path) is None:
            return None
        if 1 <= len(value) <= MAX_NAME and value.isprintable() and value == value.strip():
            return str(value)
        self.findings.report("bad_name", path, wanted=str(MAX_NAME), got=quoted(value))
        return None

    def applied(self, value: Any, path: Path, refused: bool) -> str | None:
        """The text of the policy that a row applies; unless the row says it is ``refused``, it must be a good one."""
        if not isinstance(value, str):
            return self._typed(value, str, "text", path)  # type: ignore[no-any-return]  # reports, and is None
        text = self.find_policy(value)
        if text is None:
            self.findings.report("no_policy_file", path, got=quoted(value))
            return None
        try:
            self.scope.policies.append(compile_policy(text))
        except PolicyErrors as errors:
            if not refused:
                first = errors.problems[0].placed()
                self.findings.report("policy_file", path, got=quoted(value), n=str(len(errors.problems)), first=first)
                return None
        return text

    # --- what the policy declares, and those that the case has applied so far

    def _policies(self) -> tuple[Policy, ...]:
        return (self.policy, *self.scope.policies)

    def _all(self, kind: str) -> dict[str, Any]:
        return {name: one for policy in self._policies() for name, one in getattr(policy, kind).items()}

    def _rules(self) -> set[str]:
        return {rule.entry.rule for policy in self._policies() for rule in policy.entry}

    def _steps(self) -> set[str]:
        return {step.name for policy in self._policies() for queue in policy.queues.values() for step in queue.steps}

    def _most_steps(self) -> int:
        queues = [queue for policy in self._policies() for queue in policy.queues.values()]
        return max((len(queue.steps) for queue in queues), default=0)

    # --- shapes

    def is_table(self, value: Any, path: Path) -> bool:
        return self._typed(value, dict, "a table", path) is not None

    def rows(self, value: Any, path: Path, limit: int = MAX_ROWS) -> list[Any]:
        """A list of at most ``limit`` rows; empty after a problem, and for None."""
        if value is None or self._typed(value, list, "a list of rows", path) is None:
            return []
        if len(value) <= limit:
            return list(value)
        self.findings.report("too_many", path, got=str(len(value)), wanted=str(limit))
        return []

    # --- by kind

    def _typed(self, value: Any, kind: type, wanted: str, path: Path) -> Any:
        if isinstance(value, kind):
            return value
        self.findings.report("wrong_type", path, wanted=wanted, got=shown(value))
        return None

    def _text(self, value: Any, path: Path) -> Any:
        if self._typed(value, str, "text", path) is None:
            return None
        if len(value) <= MAX_TEXT_FIELD:
            return value
        return self.findings.report("text_too_long", path, wanted=str(MAX_TEXT_FIELD), got=str(len(value)))

    def _length(self, value: Any, path: Path) -> int | None:
        found = find_length(value) if isinstance(value, str) else None
        if found is None:
            self.findings.report("length", path, got=shown(value))
        return found

    def _whole(self, value: Any, path: Path, low: int, high: int) -> int | None:
        if isinstance(value, bool) or not isinstance(value, int):
            self.findings.report("wrong_type", path, wanted="a whole number", got=shown(value))
        elif not low <= value <= high:
            wanted = f"≥ {low}" if value < low else f"≤ {high}"
            self.findings.report("out_of_range", path, wanted=wanted, got=shown(value))
        else:
            return value
        return None

    def _choice(self, key: Key, value: Any, path: Path) -> str | None:
        if isinstance(value, str) and value in key.choices:
            return value
        hint = self.findings.hint(value, key.choices) if isinstance(value, str) else ""
        wanted = ", ".join(map(quoted, key.choices))
        self.findings.report("not_one_of", path, wanted=wanted, got=shown(value), hint=hint)
        return None

    def _true_or(self, other: Callable[[Any, Path], Any], wanted: str, value: Any, path: Path) -> Any:
        if value is True:
            return True
        if isinstance(value, str):
            return other(value, path)
        return self.findings.report("wrong_type", path, wanted=wanted, got=shown(value))

    def _attributes(self, key: Key, value: Any, path: Path) -> Attributes | None:
        if self._typed(value, dict, "a table", path) is None:
            return None
        read: Attributes = {}
        for name, one in value.items():
            if isinstance(one, str | int | float) and one == one:
                read[name] = one
            else:
                self.findings.report("wrong_type", (*path, name), wanted="a value", got=shown(one))
        return read

    def _begin(self, key: Key, value: Any, path: Path) -> int | None:
        """Epoch ms; a time without an offset is meant in the policy's zone."""
        if self._typed(value, datetime, "a date and time such as 2026-11-11 09:00:00", path) is None:
            return None
        if not 1971 <= value.year <= 2200:
            self.findings.report("out_of_range", path, wanted="1971–2200", got=str(value.year))
            return None
        return local_ms(value) if value.tzinfo is not None else self.policy.zone.instant(local_ms(value))

    def _requirement(self, key: Key, value: Any, path: Path) -> str | None:
        if self._typed(value, str, "text", path) is None:
            return None
        try:
            parse(value)
        except RequirementError as error:
            said = {"what": error.what, "got": error.got, "wanted": error.wanted, "column": str(error.column)}
            self.findings.report("requirement", path, **said)
            return None
        return str(value)

    def _step(self, key: Key, value: Any, path: Path) -> str | int | None:
        if isinstance(value, int) and not isinstance(value, bool):
            return self._whole(value, path, 0, max(self._most_steps(), 1))
        if isinstance(value, str):
            return self._known("step", self._steps(), value, path)
        self.findings.report("wrong_type", path, wanted="a step's name or number", got=shown(value))
        return None

    # --- names

    def _declared(self, kind: str, names: Mapping[str, Any] | set[str], value: Any, path: Path) -> str | None:
        if isinstance(value, str) and value in names:
            return value
        hint = self.findings.hint(value, names) if isinstance(value, str) else ""
        self.findings.report("unknown_name", path, kind=kind, got=shown(value), hint=hint)
        return None

    def _declared_list(self, kind: str, names: Mapping[str, Any], value: Any, path: Path) -> tuple[str, ...] | None:
        listed = value if isinstance(value, list) else [value]
        found = [self._declared(kind, names, one, path) for one in listed]
        if not listed:
            self.findings.report("empty", path)
        return tuple(one for one in found if one is not None) or None

    def _known(self, kind: str, names: set[str] | Mapping[str, Any], value: str, path: Path) -> str | None:
        if value in names:
            return value
        self.findings.report("unknown_here", path, kind=kind, got=quoted(value), hint=self.findings.hint(value, names))
        return None

    def _names(self, kind: str, known: Mapping[str, tuple[str, ...]], value: Any, path: Path) -> Names | None:
        listed = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str) for one in listed):
            self.findings.report("wrong_type", path, wanted="one name or a list of names", got=shown(value))
            return None
        if not listed:
            self.findings.report("empty", path)
            return None
        unknown = [one for one in listed if self._unknown(kind, known, one, path)]
        if unknown:
            return None
        return Names(tuple(listed), tuple(dict.fromkeys(each for one in listed for each in known[one])))

    def _unknown(self, kind: str, known: Mapping[str, tuple[str, ...]], name: str, path: Path) -> bool:
        if name in known:
            return False
        if self.scope.is_doubtful(name):
            return True
        if kind == "contact" and name in self.scope.later:
            self.findings.report("not_there_yet", path, got=quoted(name), first=str(self.scope.later[name]))
        else:
            self._known(kind, known, name, path)
        return True

    def _agent(self, key: Key, value: Any, path: Path) -> str | None:
        return self._single("one_agent", self._names("agent or group", self.scope.agents, value, path), path)

    def _contact(self, key: Key, value: Any, path: Path) -> str | None:
        return self._single("one_contact", self._names("contact", self.scope.contacts, value, path), path)

    def _single(self, code: str, names: Names | None, path: Path) -> str | None:
        if names is None:
            return None
        if len(names.all) == 1:
            return names.all[0]
        said = ", ".join(map(quoted, names.said))
        self.findings.report(code, path, got=said, n=str(len(names.all)), wanted=quoted(names.all[0]))
        return None
