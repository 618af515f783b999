"""What waiting costs in sales, beside what people cost.

A contact is worth its topic's value times its tier's. Of that, so much is kept as the scenario's conversion says for the
wait of whoever is answered; who leaves unserved, or is turned away, keeps ``abandoned``. The rest is lost. People cost their
team's ``cost_per_hour`` while they are signed on.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.commands import Attributes, Command
from sim.scenario import Scenario


def kept(conversion: Sequence[tuple[float, float]], wait_ms: int) -> float:
    """The share that is kept after so long a wait: straight between the points (seconds, share), level outside them."""
    wait_s = wait_ms / 1000
    place = bisect_right(conversion, wait_s, key=lambda point: point[0])
    if not place:
        return conversion[0][1]
    if place == len(conversion):
        return conversion[-1][1]
    (s0, share0), (s1, share1) = conversion[place - 1], conversion[place]
    return share0 + (share1 - share0) * (wait_s - s0) / (s1 - s0)


class SalesFold:
    """Hears calls; ``lost``: interval → money, by the interval in which the contact came."""

    def __init__(self, scenario: Scenario, interval_ms: int) -> None:
        self.lost: defaultdict[int, float] = defaultdict(float)
        self._conversion, self._abandoned = scenario.money.conversion, scenario.money.abandoned
        self._topics = {name: topic.value for name, topic in scenario.topics.items()}
        self._tiers = {name: tier.value for name, tier in scenario.tiers.items()}
        self.is_asked = any(self._topics.values())
        self._origin_ms, self._interval_ms = scenario.origin_ms, interval_ms
        self._open: dict[int, tuple[int, float]] = {}  # contact → interval, worth

    def hear(self, command: Command | None, events: list[ev.Event]) -> None:
        for event in events:
            if isinstance(event, ev.ContactSubmitted):
                self._open[event.contact] = (self._index(event.at), self._worth(event.attributes))
            elif isinstance(event, ev.ContactAnswered):
                self._lose(event.contact, 1 - kept(self._conversion, event.waited_ms))
            elif isinstance(event, ev.ContactAbandoned):
                self._lose(event.contact, 1 - self._abandoned)
            elif isinstance(event, ev.ContactClosed):
                self._open.pop(event.contact, None)
            elif isinstance(event, ev.ContactDeflected) and isinstance(command, cm.SubmitContact):
                self.lost[self._index(event.at)] += self._worth(command.attributes) * (1 - self._abandoned)

    def _index(self, at: int) -> int:
        return (at - self._origin_ms) // self._interval_ms

    def _worth(self, attributes: Attributes) -> float:
        topic, tier = str(attributes.get("topic", "")), str(attributes.get("tier", ""))
        return self._topics.get(topic, 0.0) * self._tiers.get(tier, 1.0)

    def _lose(self, contact: int, share: float) -> None:
        """Once a contact: what it loses afterwards is no longer about this sale."""
        found = self._open.pop(contact, None)
        if found is not None:
            self.lost[found[0]] += found[1] * share
