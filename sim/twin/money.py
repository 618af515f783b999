"""What waiting costs: expected sales lost beside what the staff is paid, as a fold over a run.

A contact is worth its topic's value × its tier's. Of that, ``money.conversion`` of its wait for a person is kept, all of it
when a bot settles the matter, and ``money.abandoned`` when the customer leaves unserved or is turned away. A re-contact is
the same sale once more and counts nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.commands import Attributes
from sim.roster import paid_ms
from sim.scenario import Scenario
from sim.twin.listening import Played

HOUR_MS = 3_600_000


class Account(NamedTuple):
    """In the scenario's money: what all who came are worth, how much of it is expected to be lost, and the staff's pay."""

    value: float
    lost: float
    staff: float


class _Sale:
    __slots__ = ("kept", "person", "value")

    def __init__(self, value: float, person: bool) -> None:
        self.value, self.person, self.kept = value, person, 1.0


class Money:
    """A :class:`~sim.twin.listening.Fold`; nothing is kept of a contact that has gone for good."""

    def __init__(self, scenario: Scenario, _seed: int) -> None:
        self._scenario = scenario
        points = scenario.money.conversion
        self._waits = np.asarray([point[0] * 1000 for point in points])
        self._kept = np.asarray([point[1] for point in points])
        self._open: dict[int, _Sale] = {}
        self.value = self.lost = 0.0

    def hear(self, stamp: int, command: Any, events: list[Any]) -> None:
        for event in events:
            kind = type(event)
            if kind is ev.ContactSubmitted:
                value = self._worth(event.external_id, event.attributes)
                if value:
                    self.value += value
                    self._open[event.contact] = _Sale(value, event.stage == "person")
            elif kind is ev.ContactDeflected and type(command) is cm.SubmitContact:
                value = self._worth(event.external_id, command.attributes)
                self.value += value
                self.lost += value * (1 - self._scenario.money.abandoned)
            elif kind in _OF_SALES and event.contact in self._open:
                self._hear_sale(event, self._open[event.contact])

    def _hear_sale(self, event: Any, sale: _Sale) -> None:
        match event:
            case ev.ContactTransferred(stage=stage):
                sale.person = stage == "person"
            case ev.PersonAsked():
                sale.person = True
            case ev.ContactConnected(waited_ms=waited) if sale.person:
                sale.kept = float(np.interp(waited, self._waits, self._kept))
            case ev.ContactAbandoned():  # may yet be back: counted when it is closed or forgotten
                sale.kept = self._scenario.money.abandoned
            case ev.ContactClosed() | ev.ContactForgotten():
                self._count(self._open.pop(event.contact))

    def _count(self, sale: _Sale) -> None:
        self.lost += sale.value * (1 - sale.kept)

    def _worth(self, external_id: str, attributes: Attributes) -> float:
        if "~" in external_id:
            return 0.0
        topic = self._scenario.topics.get(str(attributes.get("topic", "")))
        tier = self._scenario.tiers.get(str(attributes.get("tier", "")))
        return (topic.value if topic is not None else 0.0) * (tier.value if tier is not None else 1.0)

    def result(self, played: Played) -> Account:
        """Whoever is still there is counted as things stand."""
        for sale in self._open.values():
            self._count(sale)
        self._open.clear()
        paid = paid_ms(self._scenario)
        staff = sum(paid[team.name] / HOUR_MS * team.cost_per_hour for team in self._scenario.teams)
        return Account(self.value, self.lost, staff)


_OF_SALES = frozenset(
    {
        ev.ContactTransferred, ev.PersonAsked, ev.ContactConnected, ev.ContactAbandoned, ev.ContactClosed,
        ev.ContactForgotten,
    }
)  # fmt: skip
