"""Random histories that try everything: long days, with commands of any kind and any fields thrown in.

A command thrown in is drawn by its type's fields, so that one that is new takes part without a word here.
"""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

import msgspec

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.coverage.collector import Coverage, Witness
from tests.dispatch.coverage.items import members
from tests.dispatch.golden.history import BOTS, PEOPLE, Day
from tests.dispatch.machine import families

COMMANDS = members(cm.Command)
# Too many of them, and nobody would be left to work.
RARE = (cm.ApplyPolicy, cm.StartEngine, cm.RemoveAgent, cm.CloseQueue, cm.SignOff, cm.DrainPool)
# What `make test` plays; a longer run is `make behaviour`.
DAYS = 24
STEPS = 2_000
STATES = ("queued", "offered", "held", "connected", "dormant", "promised", "wrap_up", "abandoned")


class WildDay(Day):
    """A day in which every sixth command is anybody's."""

    wild = 0.16

    def next(self) -> cm.Command:
        if not self.opening and self.flip(self.wild):
            self.now += int(self.rng.exponential(150))
            return self.any_command()
        return super().next()

    def any_command(self) -> cm.Command:
        kind: Any = self.pick(COMMANDS)
        if kind in RARE and self.flip(0.8):
            kind = self.pick([cm.SubmitContact, cm.SetAgentState, cm.DefineAgent])
        if kind is cm.DefineAgent:
            return cm.DefineAgent(profile=self.any_profile())
        if kind in (cm.SetAgentState, cm.LoseAgent, cm.ReturnAgent) and self.flip(0.8):
            return self.any_presence(kind)
        number = self.any_contact()
        fields = {field.name: self.any_value(kind, field, number) for field in msgspec.structs.fields(kind)}
        if "agent" in fields and number in self.dispatcher.contacts and self.flip(0.8):
            fields["agent"] = self.dispatcher.contacts[number].agent
        if kind is cm.BulkCommand and self.flip(0.8):
            fields["expect_count"] = self.counted(fields)
        command: cm.Command = kind(**fields)
        return command

    def any_value(self, kind: type, field: msgspec.structs.FieldInfo, contact: int) -> Any:
        """A value that may be right: right ids are likelier than wrong ones."""
        drawn = getattr(self, f"a_{field.name}", None)
        if field.name == "contact":
            return contact
        if drawn is not None:
            return drawn()
        if get_origin(field.type) is Literal:
            return self.pick(get_args(field.type))
        if field.type is bool:
            return self.flip(0.4)
        if field.name == "expect_version":
            version = self.dispatcher.contacts[contact].version if contact in self.dispatcher.contacts else 1
            return self.pick([None, None, None, version, version - 1])
        return field.default

    # --- by the name of a field -----------------------------------------------------------------------------------------

    def any_contact(self) -> int:
        """A contact in any state: first the state is drawn, so that rare ones get their share."""
        if self.flip(0.04):
            return int(self.rng.integers(self.arrivals + 3))
        found = self.contact(self.pick(STATES))
        found = self.contact(*STATES) if found is None else found
        return 1 if found is None else found

    def any_presence(self, kind: Any) -> cm.Command:
        """For an agent who is neither at work nor gone, if there is one: those states are short."""
        found = sorted(
            name for name, agent in self.dispatcher.agents.items() if agent.state not in ("available", "offline")
        )
        agent = self.pick(found) if found and self.flip(0.6) else self.a_agent()
        if kind is not cm.SetAgentState:
            return cm.ReturnAgent(agent=agent) if agent in found and self.flip(0.6) else cm.LoseAgent(agent=agent)
        state: Any = self.pick(["available", "paused", "finishing", "finishing", "not_ready"])
        return cm.SetAgentState(agent=agent, state=state, until=self.pick([0, 0, self.now + 4_000]))

    def any_profile(self) -> cm.AgentProfile:
        wrong: list[dict[str, Any]] = [
            {},
            {},
            {},
            {"channel_limits": {"web": 1}},
            {"pools": ("moon",)},
            {"capacity": -1},
        ]
        return msgspec.structs.replace(self.profile(self.a_agent()), **self.pick(wrong))

    def counted(self, fields: dict[str, Any]) -> int:
        """How many waiting contacts a bulk command's filter matches."""
        return sum(
            all(not fields[name] or getattr(contact, name) == fields[name] for name in ("queue", "shop", "channel"))
            and fields["tenant"] in ("", contact.tenant)
            for contact in self.dispatcher.contacts.values()
            if contact.state in ("queued", "offered")
        )

    def a_tenant(self) -> str:
        return self.pick(["acme"] * 12 + ["", "bell", "nobody's"])

    def a_channel(self) -> str:
        return self.pick(["web"] * 6 + ["phone"] * 3 + ["pigeon"])

    def a_shop(self) -> str:
        return self.pick(["flagship"] * 5 + ["outlet", "", "nowhere"])

    def a_agent(self) -> str:
        return self.pick([*PEOPLE, *BOTS, *PEOPLE, "nobody"])

    def a_to_agent(self) -> str:
        return self.pick(["", "", *PEOPLE, "nobody"])

    def a_queue(self) -> str:
        return self.pick([*families.QUEUES, *families.QUEUES, "nowhere"])

    def a_to_queue(self) -> str:
        return self.pick(["", *families.QUEUES, "nowhere"])

    def a_pool(self) -> str:
        return self.pick([*families.POOLS, *families.POOLS, "nowhere"])

    def a_offer(self) -> int:
        offers = sorted(self.dispatcher.offers)
        return self.pick(offers) if offers and self.flip(0.7) else int(self.rng.integers(self.arrivals + 2))

    def a_customer(self) -> str:
        return f"c{int(self.rng.integers(20))}"

    def a_external_id(self) -> str:
        return f"x{int(self.rng.integers(20))}"

    def a_attributes(self) -> dict[str, cm.Value]:
        named: dict[str, cm.Value] = {"last_agent": self.a_agent(), "named_agent": self.a_agent()}
        return self.pick([{}, {"order": "paid"}, {"wish": "y"}, {"blocked": True}, {"to": self.a_queue()}, named])

    def a_requires(self) -> str:
        return self.pick([*families.WISHES, "x >="])

    def a_sender(self) -> cm.Sender:
        return self.pick(list(cm.Sender))

    def a_priority(self) -> int:
        return self.pick([0, 1, 2, 3, 10**9])

    def a_until(self) -> int:
        return self.pick([0, self.now + 2_000, self.now + 9_000, 1])

    def a_capacity(self) -> int:
        return self.pick([0, 1, 2, 4, -1])

    def a_units(self) -> int:
        return self.pick([0, 1, 2, -1])

    def a_source(self) -> str:
        return self.pick(["phone", "desk", ""])

    def a_notice(self) -> str:
        return self.pick(["storm", ""])

    def a_text(self) -> str:
        return self.pick([families.policy(self.pick(self.policies)), "[policy"])

    def a_epoch(self) -> int:
        return 2


def play(coverage: Coverage, seed: int, steps: int) -> WildDay:
    """One day's history, counted; at its end the dispatcher's own audit finds nothing."""
    day = WildDay(seed, slice_units=12 if seed % 4 == 3 else 0)
    witness = Witness(coverage, families.policy(day.policies[0]))
    handle, expire = day.dispatcher.handle, day.dispatcher.expire

    def told(command: cm.Command, stamp: int) -> list[ev.Event]:
        happened = handle(command, stamp)
        witness.saw(command, happened)
        return happened

    for _ in range(steps):
        if day.flip(0.001):
            told(day.any_command(), day.dispatcher.now - 1)
        if day.flip(0.3):
            deadline = day.dispatcher.next_deadline()
            if deadline is not None and deadline <= day.now + 500:
                day.now = max(day.now, deadline)
                witness.saw(None, expire(day.now))
                continue
        told(day.next(), day.now)
    wrong = day.dispatcher.audit()
    assert wrong == [], f"python -m tests.dispatch.coverage --seed {seed} --steps {steps}: {wrong}"
    return day
