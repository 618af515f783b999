"""Who stands at the sockets: channels that submit on schedule, agents who accept, talk, close and wrap up; and the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np

from bench.crowd.loop import Loop
from bench.crowd.sessions import Frame, Session

# How often a refused command is sent again by who retries, and for how long an agent goes on.
RETRIES = 3
_OVERLOAD = frozenset({"overloaded", "rate_limited"})


class Ledger:
    """What clients saw, and nothing else. Instants are the loop's; ``waits_s`` name → seconds, since ``from_s``."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.now_s = now_s
        self.from_s = 0.0
        self.waits_s: dict[str, list[float]] = {"submit": [], "accept": [], "close": [], "life": []}
        self.counts: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.acked: dict[int, float] = {}  # contact → when its submit had been due
        self.holder: dict[int, str] = {}
        self.accepted: set[int] = set()
        self.closed: dict[int, float] = {}
        self.doubles: list[tuple[int, str, str]] = []
        self.answered_s: list[float] = []

    def begin(self) -> None:
        """Count waits from now on."""
        self.from_s = self.now_s()
        for waits in self.waits_s.values():
            waits.clear()

    def answered(self, name: str, frame: Frame, wait_s: float) -> bool:
        """Whether the answer is ok."""
        self.answered_s.append(self.now_s())
        if frame["op"] == "ok":
            self.counts[name] += 1
            self.waits_s[name].append(wait_s)
            return True
        self.counts[f"{name} refused"] += 1
        self.codes[frame["code"]] += 1
        return False

    def assign(self, contact: int, agent: str) -> None:
        holder = self.holder.get(contact)
        if holder is not None and holder != agent:
            self.doubles.append((contact, holder, agent))
        self.holder[contact] = agent

    def lost(self) -> list[int]:
        """Submits acked whose contact nobody has closed."""
        return [contact for contact in self.acked if contact not in self.closed]


def quantiles_ms(waits_s: list[float]) -> dict[str, float]:
    if not waits_s:
        return {"count": 0}
    p50, p90, p99, p999 = np.quantile(np.asarray(waits_s), [0.5, 0.9, 0.99, 0.999]) * 1000
    named = {"p50_ms": p50, "p90_ms": p90, "p99_ms": p99, "p999_ms": p999, "max_ms": max(waits_s) * 1000}
    return {"count": len(waits_s), **{name: round(float(value), 2) for name, value in named.items()}}


class Channel:
    """Submits for many customers. ``retries``: send a contact again that was refused for overload, after what it was told."""

    def __init__(
        self, loop: Loop, ledger: Ledger, urls: Callable[[], str], name: str, rng: np.random.Generator
    ) -> None:
        self.session = Session(
            loop, urls, {"role": "channel", "subject": name}, rng, on_push=self._on_push, on_resync=None
        )
        self.retries = 0
        self._loop, self._ledger, self._name, self._rng = loop, ledger, name, rng
        self._count = 0

    def submit(self, due_s: float) -> None:
        self._count += 1
        customer = f"{self._name}-{self._count}"
        command = {"type": "contact.submit", "channel": "web", "customer": customer, "external_id": customer}
        self._ledger.counts["due"] += 1
        self.session.do(command, partial(self._on_submitted, command, due_s, self.retries), due_s)

    def _on_submitted(self, command: Frame, due_s: float, left: int, frame: Frame, wait_s: float) -> None:
        if self._ledger.answered("submit", frame, wait_s):
            self._ledger.acked[frame["result"]["contact"]] = due_s
        elif left and frame["code"] in _OVERLOAD:
            pause_s = frame.get("retry_after_ms", 500) / 1000 * (1 + float(self._rng.random()))
            self._loop.after(
                pause_s, lambda: self.session.do(command, partial(self._on_submitted, command, due_s, left - 1), due_s)
            )
        else:
            self._ledger.counts["given up"] += 1

    def _on_push(self, events: list[Frame], _offset: int) -> None:
        self._ledger.counts["channel pushes"] += len(events)


class Agent:
    """Accepts at once, talks for ``talk_s``, closes, ends the wrap-up at once."""

    def __init__(
        self,
        loop: Loop,
        ledger: Ledger,
        urls: Callable[[], str],
        name: str,
        rng: np.random.Generator,
        *,
        talk_s: float,
        capacity: int,
        source: str = "",
    ) -> None:
        self.name = name
        self.is_on = False
        self.session = Session(
            loop,
            urls,
            {"role": "agent", "subject": name},
            rng,
            on_push=self._on_push,
            on_resync=self._on_resync,
            source=source,
        )
        self._loop, self._ledger, self._rng = loop, ledger, rng
        self._talk_s, self._capacity = talk_s, capacity
        self._has: set[int] = set()
        self._offers: set[int] = set()

    def sign_on(self) -> None:
        profile = {"agent": self.name, "pools": ["onsite"], "capacity": self._capacity, "tenant": "acme"}
        self.session.do({"type": "agent.define", "profile": profile}, lambda _frame, _s: None)
        self.session.do({"type": "agent.sign_on"}, self._on_signed_on)

    def _on_signed_on(self, frame: Frame, _wait_s: float) -> None:
        self.is_on = frame["op"] == "ok" or frame["code"] not in _OVERLOAD
        if not self.is_on:
            self._loop.after(1.0, self.sign_on)

    # --- what comes ------------------------------------------------------------------------------------------------

    def _on_push(self, events: list[Frame], _offset: int) -> None:
        for event in events:
            kind = event["type"]
            if kind == "offer.made":
                self._offered(event["offer"])
            elif kind == "contact.connected" and event["agent"] == self.name:
                self._connected(event["contact"])
            elif kind in ("contact.requeued", "contact.transferred") and event["contact"] in self._has:
                self._has.discard(event["contact"])
                self._ledger.holder.pop(event["contact"], None)
                self._ledger.counts["taken away"] += 1

    def _on_resync(self, snapshot: Frame) -> None:
        self._offers.clear()
        for offer in snapshot["offers"]:
            self._offered(offer["offer"])
        held = {row["contact"]: row["state"] for row in snapshot["contacts"]}
        for contact in self._has - held.keys():
            self._has.discard(contact)
        for contact, state in held.items():
            if state == "connected" and contact not in self._has:
                self._connected(contact)
            elif state == "wrap_up":
                self._end_wrap_up(contact)

    def _offered(self, offer: int) -> None:
        if offer not in self._offers:
            self._offers.add(offer)
            self.session.do({"type": "offer.accept", "offer": offer}, partial(self._on_accepted, offer))

    def _on_accepted(self, offer: int, frame: Frame, wait_s: float) -> None:
        self._offers.discard(offer)
        if not self._ledger.answered("accept", frame, wait_s) and frame["code"] in _OVERLOAD:
            self._later(frame, partial(self._offered, offer))

    def _connected(self, contact: int) -> None:
        self._has.add(contact)
        self._ledger.assign(contact, self.name)
        self._loop.after(self._talk_s, partial(self._close, contact))

    def _close(self, contact: int) -> None:
        if contact in self._has:
            self.session.do({"type": "contact.close", "contact": contact}, partial(self._on_closed, contact))

    def _on_closed(self, contact: int, frame: Frame, wait_s: float) -> None:
        ledger = self._ledger
        if ledger.answered("close", frame, wait_s):
            now_s = ledger.closed[contact] = ledger.now_s()
            self._has.discard(contact)
            if (due_s := ledger.acked.get(contact)) is not None and due_s >= ledger.from_s:
                ledger.waits_s["life"].append(now_s - due_s)
            self._end_wrap_up(contact)
        elif frame["code"] in _OVERLOAD:
            self._later(frame, partial(self._close, contact))

    def _end_wrap_up(self, contact: int) -> None:
        self.session.do({"type": "wrap_up.end", "contact": contact}, partial(self._on_wrapped_up, contact))

    def _on_wrapped_up(self, contact: int, frame: Frame, _wait_s: float) -> None:
        if frame["op"] == "ok":
            self._ledger.counts["lives"] += 1
        elif frame["code"] in _OVERLOAD:
            self._later(frame, partial(self._end_wrap_up, contact))

    def _later(self, frame: Frame, again: Callable[[], None]) -> None:
        self._ledger.counts["agents held up"] += 1
        self._loop.after((frame.get("retry_after_ms") or 500) / 1000 * (1 + float(self._rng.random())), again)
