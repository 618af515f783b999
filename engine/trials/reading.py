"""Text → cases, or every problem with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.dispatch.commands import AgentProfile, Attributes, SubmitContact
from engine.dispatch.hours import DAY_MS, day_of
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.policy.loader import MAX_TEXT, Document, Path, load
from engine.dispatch.policy.problems import PolicyErrors, quoted, show_path, shown
from engine.dispatch.policy.profiles import read_profiles
from engine.trials.cases import Action, Arrival, Case, Claim, Place
from engine.trials.keys import CASE, CONTACT, GIVEN, WAITING, Key, Keys
from engine.trials.lengths import shown_length
from engine.trials.problems import CaseFindings, case_problem, place_rows
from engine.trials.rows import RowReader, several
from engine.trials.team import Group, TeamReader
from engine.trials.values import FindPolicy, Scope, ValueReader, local_ms

# What a person can look through.
MAX_CASES = 1_000
# Monday, 5 January 2026, 10:00 in the policy's zone: when a case begins that does not say.
BEGIN = day_of(2026, 1, 5) * DAY_MS + 36_000_000

OBJECT = "a JSON object"
TOP: Keys = {"contact": Key("text"), "groups": Key("text"), "case": Key("text")}
STATED: Keys = {"agents": Key("text"), "waiting": Key("text"), "contact": Key("text"), "closed_queues": Key("text")}
PARTS: Keys = {"given": Key("text"), "when": Key("text"), "expect": Key("text")}


def no_files(name: str) -> None:
    """Where no further policies can be had."""


def read_cases(text: str, policy: Policy, find_policy: FindPolicy = no_files) -> tuple[Case, ...]:
    """The cases of a file, in its order; raises :class:`PolicyErrors` with every problem and its line.

    ``find_policy``: the text of a policy that a case applies, by its file's name.
    """
    document = _loaded(text)
    place_rows(text, document)
    reader = CasesReader(document, policy, find_policy)
    cases = reader.cases()
    if reader.findings.problems:
        raise PolicyErrors(reader.findings.sorted())
    return cases


def read_team(text: str, policy: Policy) -> list[AgentProfile]:
    """Who is there: every agent of a cases file's groups, or of a file of ``[[agents]]``; raises as :func:`read_cases`."""
    document = _loaded(text)
    reader = CasesReader(document, policy)
    if "agents" in document.tables:
        team = read_profiles(text)
        for index, profile in enumerate(team):
            reader.team.check_profile(profile, ("agents", index))
    else:
        groups = reader.team.groups(document.tables.get("groups", {}))
        if not groups and not reader.findings.problems:
            reader.findings.report("nothing", ("groups",), wanted="[groups.…]")
        team = [member.profile for member in reader.team.named(list(groups.values()), ("groups",))]
    if reader.findings.problems:
        raise PolicyErrors(reader.findings.sorted())
    return team


def read_contact(text: str, policy: Policy) -> SubmitContact:
    """A contact as JSON, with the keys of a cases file's contact; raises as :func:`read_cases`."""
    try:
        table = json.loads(text)
    except ValueError as error:
        detail, column = getattr(error, "msg", str(error)), getattr(error, "pos", 0) + 1
        raise PolicyErrors([case_problem("no_json", (), 1, detail=detail, column=str(column))]) from error
    if not isinstance(table, dict):
        raise PolicyErrors([case_problem("wrong_type", (), 1, field="--contact", wanted=OBJECT, got=shown(table))])
    reader = CasesReader(Document({}, {}), policy)
    for key in sorted(table.keys() - CONTACT.keys()):
        near = reader.findings.hint(key, CONTACT) or quoted(f"attributes.{key}")
        reader.findings.report("unknown_key", (key,), hint=near)
    row = reader.values.table({key: table[key] for key in table if key in CONTACT}, (), CONTACT)
    submit = reader.submission({}, "contact", row, ()) if not reader.findings.problems else None
    if submit is None:
        raise PolicyErrors(reader.findings.sorted())
    return submit


def begin_of(policy: Policy, at: datetime | None) -> int:
    """Epoch ms of a local time in the policy's zone; by default that of a case that does not say."""
    return policy.zone.instant(BEGIN if at is None else local_ms(at))


def _loaded(text: str) -> Document:
    document = load(text)
    if document.problem is not None:
        code, detail, line = document.problem
        raise PolicyErrors([case_problem(code, (), line, detail=detail, got=detail, wanted=str(MAX_TEXT))])
    return document


class CasesReader:
    """Reads a document's tables against a policy."""

    def __init__(self, document: Document, policy: Policy, find_policy: FindPolicy = no_files) -> None:
        self.tables, self.policy = document.tables, policy
        self.document = document
        self.findings = CaseFindings(document)
        self.values = ValueReader(policy, self.findings, find_policy)
        self.team = TeamReader(self.values)
        self.contact: dict[str, Any] = {}

    def cases(self) -> tuple[Case, ...]:
        for key in self.tables:
            if key not in TOP:
                self.findings.report("unknown_key", (key,), hint=self.findings.hint(key, TOP))
        self.contact = self._contact_defaults(self.tables.get("contact", {}), ("contact",))
        groups = self.team.groups(self.tables.get("groups", {}))
        tables = self.values.rows(self.tables.get("case"), ("case",), MAX_CASES)
        if not tables and "case" not in self.tables:
            self.findings.report("nothing", ("case",), wanted="[[case]]")
        first_of: dict[str, int] = {}
        cases = []
        for index, table in enumerate(tables):
            path: Path = ("case", index)
            if not self.values.is_table(table, path):
                continue
            name = table.get("name")
            if isinstance(name, str) and first_of.setdefault(name, index) != index:
                line = self.document.line_of(("case", first_of[name]))
                self.findings.report("same_name", (*path, "name"), first=str(line))
            case = self._case(table, path, groups)
            if case is not None:
                cases.append(case)
        return tuple(cases)

    # --- one case

    def _case(self, table: dict[str, Any], path: Path, groups: dict[str, Group]) -> Case | None:
        before = len(self.findings.problems)
        scope = self.values.scope = Scope()
        head = self.values.table(table, path, CASE, {**CASE, **PARTS})
        given = table.get("given", {})
        place: Path = (*path, "given")
        if not self.values.is_table(given, place):
            given = {}
        stated = self.values.table(given, place, GIVEN, {**GIVEN, **STATED})
        members = self.team.members(given.get("agents"), (*place, "agents"), groups)
        defaults = self._defaults_of(given, place)
        closed = [
            self.values.value(Key("queue"), queue, (*place, "closed_queues", index))
            for index, queue in enumerate(self.values.rows(given.get("closed_queues", []), (*place, "closed_queues")))
        ]
        waiting = self._waiting(given.get("waiting", []), (*place, "waiting"), defaults, scope)
        rows = RowReader(self.values, self.document, lambda *row: self.submission(defaults, *row))
        actions = rows.actions(self.values.rows(table.get("when", []), (*path, "when")), (*path, "when"))
        claims = rows.claims(self.values.rows(table.get("expect"), (*path, "expect")), (*path, "expect"))
        if not table.get("expect"):
            self.findings.report("empty" if "expect" in table else "missing", (*path, "expect"))
        if len(self.findings.problems) > before:
            return None
        return Case(
            name=head["name"],
            place=Place(self.document.line_of(path), show_path(path)),
            begin=stated["begins"] if "begins" in stated else begin_of(self.policy, None),
            members=members,
            waiting=waiting,
            actions=actions,
            claims=claims,
            end_ms=_last_instant(head, actions, claims),
            name_zh=head.get("name_zh", ""),
            about=head.get("about", ""),
            closed_queues=tuple(closed),
        )

    def _defaults_of(self, given: dict[str, Any], place: Path) -> dict[str, Any]:
        own = self._contact_defaults(given.get("contact", {}), (*place, "contact"))
        return _merged(self.contact, own)

    def _contact_defaults(self, table: Any, path: Path) -> dict[str, Any]:
        return self.values.table(table, path, CONTACT) if self.values.is_table(table, path) else {}

    def _waiting(self, tables: Any, path: Path, defaults: dict[str, Any], scope: Scope) -> tuple[Arrival, ...]:
        """Who waits already: the longest wait first, equal ones as the file has them."""
        arrivals: list[Arrival] = []
        for index, table in enumerate(self.values.rows(tables, path)):
            place = (*path, index)
            if not self.values.is_table(table, place):
                continue
            row = self.values.table(table, place, WAITING)
            name = self.values.name(row["name"], (*place, "name")) if "name" in row else None
            if name is None:
                continue
            count, every = row.get("count", 1), row.get("every", 0)
            waited = row.get("waited", 0)
            if waited < every * (count - 1):
                got = shown_length(every * (count - 1))
                self.findings.report("out_of_range", (*place, "every"), wanted=f"≤ {shown_length(waited)}", got=got)
            if every and "count" not in row:
                self.findings.report("needs_several", (*place, "every"))
            names = several(name, row.get("count", 0))
            if name in scope.contacts:
                self.findings.report("several_again", (*place, "name"), got=quoted(name))
            scope.contacts |= {one: (one,) for one in names} | {name: names}
            for number, one in enumerate(names):
                submit = self.submission(defaults, one, row, place)
                if submit is not None:
                    arrivals.append(Arrival(one, every * number - waited, submit, row.get("for", "person")))
        return tuple(sorted(arrivals, key=lambda arrival: arrival.at_ms))

    def submission(
        self, defaults: Mapping[str, Any], name: str, row: Mapping[str, Any], path: Path
    ) -> SubmitContact | None:
        """The command with which a contact comes; what the policy leaves open must be said."""
        fields = _merged(defaults, row)
        shop = self.policy.shops.get(fields.get("shop", ""))
        tenant = fields.get("tenant") or (shop.tenant if shop else self._only(self.policy.tenants, (*path, "tenant")))
        channel = fields.get("channel") or self._only(self.policy.channels, (*path, "channel"))
        if tenant is None or channel is None:
            return None
        if shop is not None and shop.tenant != tenant:
            self.findings.report(
                "other_tenants_shop", (*path, "shop"), got=quoted(shop.name), wanted=quoted(shop.tenant)
            )
            return None
        attributes: Attributes = fields.get("attributes", {})
        return SubmitContact(
            tenant=tenant,
            channel=channel,
            external_id=name,
            customer=fields.get("customer", name),
            shop=fields.get("shop", ""),
            attributes=attributes,
            requires=fields.get("requires", ""),
            opening=fields.get("opening", True),
        )

    def _only(self, declared: Mapping[str, Any], path: Path) -> str | None:
        if len(declared) == 1:
            return next(iter(declared))
        self.findings.report("must_be_said", path, wanted=", ".join(declared))
        return None


def _merged(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The row's own values before the defaults; attributes are merged one by one."""
    merged = {**defaults, **own}
    if "attributes" in defaults or "attributes" in own:
        merged["attributes"] = {**defaults.get("attributes", {}), **own.get("attributes", {})}
    return merged


_INSTANTS = ("at", "by", "until", "stays_waiting")


def _last_instant(head: Mapping[str, Any], actions: tuple[Action, ...], claims: tuple[Claim, ...]) -> int:
    instants: list[int] = [head.get("until", 0)]
    for action in actions:
        instants += [action.at_ms, *(arrival.at_ms for arrival in action.arrivals)]
    for claim in claims:
        named = [claim.values.get(name) for name in _INSTANTS]
        instants += [value for value in named if isinstance(value, int) and not isinstance(value, bool)]
    return max(instants)
