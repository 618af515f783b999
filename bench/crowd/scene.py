"""A shop floor on loopback: an engine, its agents on WebSockets, its channels on framed msgpack, an open-loop schedule."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.crowd.engines import Engine, cores
from bench.crowd.loop import Loop
from bench.crowd.people import Agent, Channel, Ledger
from bench.crowd.sessions import Session

# So many are let in before the next ones say hello: below the engine's bound of sockets without a hello.
_WAVE = 200


class Arrivals:
    """A Poisson stream at ``rate_per_s``, which may change; never waits for anybody."""

    def __init__(self, loop: Loop, submit: Callable[[float], None], rng: np.random.Generator) -> None:
        self.rate_per_s = 0.0
        self.latest_s = 0.0
        self._loop, self._submit, self._rng = loop, submit, rng
        self._next_s = 0.0
        self._running = False

    def set_rate(self, rate_per_s: float) -> None:
        """0: nobody comes any more."""
        self.rate_per_s = rate_per_s
        self._next_s = self._loop.now_s()
        if rate_per_s > 0 and not self._running:
            self._running = True
            self._loop.after(0, self._come)

    def _come(self) -> None:
        now_s = self._loop.now_s()
        while self._next_s <= now_s:
            if self.rate_per_s <= 0:
                self._running = False
                return
            self.latest_s = max(self.latest_s, now_s - self._next_s)
            self._submit(self._next_s)
            self._next_s += float(self._rng.exponential(1 / self.rate_per_s))
        self._loop.at(self._next_s, self._come)


def _ready_but_waiting_s(pid: int) -> float:
    """Seconds in which a thread of the process could have run and another one did."""
    waited = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            waited += int((task / "schedstat").read_text().split()[1])
        except OSError:  # a thread that has just ended
            continue
    return waited / 1e9


class Waiting:
    """How much of the time the engine and we stood in line for a processor: on a busy machine, no figure means much."""

    def __init__(self, loop: Loop, engine: Engine) -> None:
        self._loop, self._engine = loop, engine
        self.begin()

    def begin(self) -> None:
        self._began_s = self._loop.now_s()
        self._was = self._now()

    def _now(self) -> tuple[float, float]:
        return _ready_but_waiting_s(self._engine.pid), _ready_but_waiting_s(os.getpid())

    def shares(self) -> dict[str, float]:
        took_s = self._loop.now_s() - self._began_s
        theirs, ours = (now - was for now, was in zip(self._now(), self._was, strict=True))
        return {"engine_waited_for_cpu": round(theirs / took_s, 3), "load_waited_for_cpu": round(ours / took_s, 3)}


class Crowd:
    """``urls``: where the engine listens now, as (WebSocket, framed); asked at each connection, so it may move."""

    def __init__(
        self,
        urls: Callable[[], tuple[str, str]],
        *,
        agents: int,
        channels: int = 4,
        talk_s: float = 0.2,
        capacity: int = 4,
        seed: int = 1,
    ) -> None:
        self.loop = Loop()
        self.ledger = Ledger(self.loop.now_s)
        streams = iter(np.random.default_rng(seed).spawn(agents + channels + 1))
        self.agents = [
            Agent(
                self.loop, self.ledger, lambda: urls()[0], f"a{number}", next(streams), talk_s=talk_s, capacity=capacity
            )
            for number in range(agents)
        ]
        self.channels = [
            Channel(self.loop, self.ledger, lambda: urls()[1], f"c{number}", next(streams))
            for number in range(channels)
        ]
        self._turn = 0
        self.arrivals = Arrivals(self.loop, self._submit, next(streams))
        # On two cores the engine has one to itself.
        self._cores = cores()
        os.sched_setaffinity(0, {self._cores[-1]})

    @property
    def sessions(self) -> list[Session]:
        return [person.session for person in self.channels] + [person.session for person in self.agents]

    def _submit(self, due_s: float) -> None:
        self._turn = (self._turn + 1) % len(self.channels)
        self.channels[self._turn].submit(due_s)

    def assemble(self, within_s: float = 120) -> None:
        """Everybody connected and signed on."""
        for channel in self.channels:
            channel.session.open()
        for begin in range(0, len(self.agents), _WAVE):
            wave = self.agents[begin : begin + _WAVE]
            for agent in wave:
                agent.session.open()
                agent.sign_on()
            self.loop.run(lambda wave=wave: all(agent.is_on for agent in wave), within_s, "agents signing on")  # type: ignore[misc]  # bound now
        self.loop.run(lambda: all(c.session.link_s is not None for c in self.channels), within_s, "channels")

    def drain(self, within_s: float) -> float:
        """Nobody new; until every acked contact was closed. Seconds it took. Raises ``TookTooLong``."""
        self.arrivals.set_rate(0)
        began_s = self.loop.now_s()
        self.loop.run(self._is_drained, within_s, "draining")
        return self.loop.now_s() - began_s

    def _is_drained(self) -> bool:
        return len(self.ledger.closed) >= len(self.ledger.acked) and not any(
            session.unanswered for session in self.sessions
        )

    def leave(self) -> None:
        for session in self.sessions:
            session.close()
        self.loop.run_for(0.01)
        self.loop.close()
        os.sched_setaffinity(0, self._cores)
