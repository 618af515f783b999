"""Reads who is there: a file's groups, and which of them a case has on duty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from engine.dispatch.commands import AgentProfile
from engine.dispatch.policy.loader import Path
from engine.dispatch.policy.problems import quoted, shown
from engine.dispatch.policy.profiles import read_profile
from engine.trials.cases import Member
from engine.trials.keys import GROUP, Key
from engine.trials.values import ValueReader

# Played in well under a second; more is a simulation.
MAX_MEMBERS = 2_000


class Group(NamedTuple):
    """``profile``: with the group's own name as id."""

    name: str
    size: int
    profile: AgentProfile
    member: Member


class TeamReader:
    """Reads tables of groups; their members become known to the scope of the case that is being read."""

    def __init__(self, values: ValueReader) -> None:
        self.values, self.findings = values, values.findings
        self.raw_groups: dict[str, dict[str, Any]] = {}

    def groups(self, tables: Any) -> dict[str, Group]:
        """The file's groups; one with a problem is left out."""
        if not self.values.is_table(tables, ("groups",)):
            return {}
        found = {}
        for name, table in tables.items():
            path: Path = ("groups", name)
            if not self.values.is_table(table, path):
                continue
            self.raw_groups[name] = table
            group = self._group(name, table, path)
            if group is not None:
                found[name] = group
        return found

    def _group(self, name: str, table: Mapping[str, Any], path: Path) -> Group | None:
        before = len(self.findings.problems)
        self.values.name(name, path)
        own = self.values.table({key: value for key, value in table.items() if key in GROUP}, path, GROUP)
        fields = {key: value for key, value in table.items() if key not in GROUP}
        if "agent" in fields:
            self.findings.report("unknown_key", (*path, "agent"))
        profile = read_profile({**fields, "agent": name}, path, self.findings)
        if profile is not None:
            self.check_profile(profile, path)
        if own.get("busy", 0) < 0:
            self.findings.report("out_of_range", (*path, "busy"), wanted="≥ 0", got=str(own["busy"]))
        if profile is None or len(self.findings.problems) > before:
            return None
        member = Member(
            name,
            profile,
            own.get("state", "available"),
            own.get("idle", 0),
            own.get("busy", 0),
            own.get("accepts"),
            own.get("closes"),
            own.get("hands_off"),
            own.get("wraps_up"),
        )
        return Group(name, own.get("count", 1), profile, member)

    def check_profile(self, profile: AgentProfile, path: Path) -> None:
        """What the dispatcher would refuse: names that the policy does not declare."""
        read = self.values.value
        for index, pool in enumerate(profile.pools):
            read(Key("pools"), pool, (*path, "pools", index))
        if profile.tenant:
            read(Key("tenant"), profile.tenant, (*path, "tenant"))
        for channel in profile.channel_limits:
            read(Key("channel"), channel, (*path, "channel_limits", channel))
            if channel in self.values.policy.channels and not self.values.policy.channels[channel].limit:
                place = (*path, "channel_limits", channel)
                self.findings.report("out_of_range", place, wanted=f"channels.{channel}.limit", got="0")

    def members(self, given: Any, path: Path, groups: dict[str, Group]) -> tuple[Member, ...]:
        """``given.agents``: groups by name, with their number or with other values; all groups where it is missing."""
        chosen: list[Group | None] = []
        if given is None:
            chosen += groups.values()
            self.values.scope.doubtful |= self.raw_groups.keys() - groups.keys()
        elif isinstance(given, list):
            for index, name in enumerate(given):
                if self.values.value(Key("text"), name, (*path, index)) is not None:
                    chosen.append(self._chosen(name, {}, (*path, index), groups))
        elif isinstance(given, dict):
            for name, value in given.items():
                if isinstance(value, dict) or (isinstance(value, int) and not isinstance(value, bool)):
                    table = value if isinstance(value, dict) else {"count": value}
                    chosen.append(self._chosen(name, table, (*path, name), groups))
                else:
                    self.findings.report("wrong_type", (*path, name), wanted="a count or a table", got=shown(value))
        else:
            self.findings.report("wrong_type", path, wanted="a table, a list of groups", got=shown(given))
        return self.named([group for group in chosen if group is not None], path)

    def _chosen(self, name: str, table: dict[str, Any], path: Path, groups: dict[str, Group]) -> Group | None:
        group: Group | None = None
        if name not in self.raw_groups and "pools" not in table:
            hint = self.findings.hint(name, self.raw_groups)
            self.findings.report("unknown_here", path, kind="group", got=quoted(name), hint=hint)
        elif name not in self.raw_groups:  # a group of this case alone
            group = self._group(name, table, path)
        elif name not in groups or not table:  # its own problems are told where it stands
            group = groups.get(name)
        else:
            group = self._group(name, {**self.raw_groups[name], **table}, path)
        if group is None:
            self.values.scope.doubtful.add(name)
        return group

    def named(self, groups: list[Group], path: Path) -> tuple[Member, ...]:
        members: list[Member] = []
        known = self.values.scope.agents
        for group in groups:
            several = group.size > 1
            ids = [f"{group.name}-{number}" for number in range(1, group.size + 1)] if several else [group.name]
            for number, agent in enumerate(ids, start=1):
                shown_name = f"{group.profile.name} {number}" if several and group.profile.name else group.profile.name
                profile = msgspec.structs.replace(group.profile, agent=agent, name=shown_name)
                members.append(msgspec.structs.replace(group.member, profile=profile))
            for name, meant in [(group.name, tuple(ids)), *((f"{group.name}-{n}", (a,)) for n, a in enumerate(ids, 1))]:
                if name in known:
                    self.findings.report("agent_twice", path, got=quoted(name))
                known[name] = meant
        if len(members) > MAX_MEMBERS:
            self.findings.report("too_many", path, got=str(len(members)), wanted=str(MAX_MEMBERS))
        return tuple(members)
