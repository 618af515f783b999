"""What metrics are, in what a run has added up: for each shape of name a pair (over, under) whose ratio it is.

``entered`` are those let in; who would not wait where nobody can is turned away like one who is not let in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.twin.estimates import Array, Rows

# Of the numbers in a metric's name: what is summed over, and under.
Reading = Callable[..., tuple[Array, Array]]


def mark_of(number: float, unit_ms: int) -> int:
    """A wait of so many units, as a mark of the run."""
    return round(number * unit_ms)


@dataclass(frozen=True)
class Reader:
    """Reads the rows of a run: kinds and crews by their place; ``loss``: nobody can wait."""

    rows: Rows
    unit_ms: int
    marks_ms: Sequence[int]
    loss: bool = False

    def of(self, kinds: Sequence[int], *names: str) -> Array:
        return self.rows.total([f"kind{kind}.{name}" for kind in kinds for name in names])

    def time(self) -> Array:
        return self.rows["time"]

    def arrived(self, kinds: Sequence[int]) -> Array:
        return self.of(kinds, "arrived")

    def blocked(self, kinds: Sequence[int]) -> Array:
        return self.of(kinds, "deflected", "turned") if self.loss else self.of(kinds, "deflected")

    def ended(self, kinds: Sequence[int]) -> Array:
        """Those let in whose wait is over."""
        found = self.of(kinds, "direct", "served", "abandoned")
        return found - self.of(kinds, "turned") if self.loss else found

    def waits(self, kinds: Sequence[int]) -> Array:
        return self.of(kinds, "served_wait", "left_wait") / self.unit_ms

    def within(self, kinds: Sequence[int], which: str, number: float) -> Array:
        """Those who waited and were ``served`` or ``left`` after at most so many units."""
        mark = mark_of(number, self.unit_ms)
        return self.of(kinds, *(f"{which}<={at}" for at in self.marks_ms if at <= mark))

    def good(self, kinds: Sequence[int], number: float) -> Array:
        return self.of(kinds, "direct") + self.within(kinds, "served", number)

    def queue(self, kinds: Sequence[int]) -> Array:
        return self.of(kinds, "queue")

    def crew(self, crew: int, name: str, kinds: Sequence[int]) -> Array:
        return self.rows.total([f"crew{crew}.{name}.{kind}" for kind in kinds])

    def level(self, crew: int, level: int) -> Array:
        return self.rows[f"crew{crew}.level.{level}"]


def queue_readings(reader: Reader, kinds: Sequence[int], agents: int) -> dict[str, Reading]:
    """One queue before one crew, or several seen as one."""
    r, time = reader, reader.time()
    busy = r.crew(0, "busy", kinds)
    served = r.of(kinds, "direct", "served")
    let_in = r.arrived(kinds) - r.blocked(kinds)
    waited = r.of(kinds, "waited") - (r.of(kinds, "turned") if r.loss else 0.0)
    return {
        "P_wait": lambda: (waited, let_in),
        "P_wait_entered": lambda: (waited, let_in),
        "P_abandon": lambda: (r.of(kinds, "abandoned"), r.ended(kinds)),
        "P_block": lambda: (r.blocked(kinds), r.arrived(kinds)),
        "E_W": lambda: (r.waits(kinds), r.ended(kinds)),
        "E_W_all": lambda: (r.waits(kinds), r.ended(kinds)),
        "E_W_entered": lambda: (r.waits(kinds), r.ended(kinds)),
        "E_W_served": lambda: (r.of(kinds, "served_wait") / r.unit_ms, served),
        "E_W_given_wait": lambda: (r.waits(kinds), r.of(kinds, "served", "abandoned")),
        "E_T": lambda: ((r.queue(kinds) + busy) / r.unit_ms, r.crew(0, "began", kinds)),
        "E_Lq": lambda: (r.queue(kinds), time),
        "E_N": lambda: (r.queue(kinds) + busy, time),
        "util": lambda: (busy, time * agents),
        "P_idle": lambda: (r.level(0, 0), time * agents),
        "SL_all(#)": lambda t: (r.good(kinds, t), r.ended(kinds) + r.blocked(kinds)),
        "SL_exclAbT(#)": lambda t: (r.good(kinds, t), r.ended(kinds) - r.within(kinds, "left", t)),
        "SL_served(#)": lambda t: (r.good(kinds, t), served),
        "SL_entered(#)": lambda t: (r.good(kinds, t), r.ended(kinds)),
        "P(W>#)": lambda t: (r.ended(kinds) - r.good(kinds, t) - r.within(kinds, "left", t), r.ended(kinds)),
        "P_first_attempt_blocked": lambda: (r.blocked(kinds), r.arrived(kinds)),
        "E_orbit": lambda: (r.rows["orbit"], time),
        "P_lost": lambda: (r.of(kinds, "lost"), r.arrived(kinds)),
        "retrial_rate": lambda: (r.of(kinds, "retried") * r.unit_ms, time),
    }


def class_readings(reader: Reader, count: int) -> dict[str, Reading]:
    """Classes are numbered from 1."""
    r = reader

    def one(number: float) -> tuple[int]:
        if not 1 <= number <= count:
            raise ValueError(f"there are {count} classes, numbered from 1; got {number:g}")
        return (int(number) - 1,)

    def tail(number: float, t: float) -> tuple[Array, Array]:
        of = one(number)
        return r.ended(of) - r.good(of, t) - r.within(of, "left", t), r.ended(of)

    return {
        "P_wait_class#": lambda k: (r.of(one(k), "waited"), r.arrived(one(k))),
        "P_abandon_class#": lambda k: (r.of(one(k), "abandoned"), r.ended(one(k))),
        "E_W_class#": lambda k: (r.waits(one(k)), r.ended(one(k))),
        "E_Lq_class#": lambda k: (r.queue(one(k)), r.time()),
        "P(W#>#)": tail,
    }


def pool_readings(reader: Reader, kinds: Sequence[int], agents: Sequence[int]) -> dict[str, Reading]:
    """Pools are numbered from 1."""
    r = reader

    def one(number: float) -> int:
        if not 1 <= number <= len(agents):
            raise ValueError(f"there are {len(agents)} pools, numbered from 1; got {number:g}")
        return int(number) - 1

    return {
        "util_pool#": lambda p: (r.crew(one(p), "busy", kinds), r.time() * agents[one(p)]),
        "busy_pool#_class#": lambda p, k: (r.crew(one(p), "busy", (int(k) - 1,)), r.time()),
    }


def chat_readings(reader: Reader, crew: int, kinds: Sequence[int], agents: int, places: int) -> dict[str, Reading]:
    """One crew whose agents have several contacts at once."""
    r, time = reader, reader.time()
    chats = r.crew(crew, "busy", kinds)
    ended = r.crew(crew, "finished", kinds) + r.crew(crew, "walked_out", kinds)
    return {
        "E_chats": lambda: (chats, time),
        "E_chats_in_service": lambda: (chats, time),
        "E_session_time": lambda: (chats / r.unit_ms, ended),
        "slot_util": lambda: (chats, time * (agents * places)),
        "P_agent_idle": lambda: (r.level(crew, 0), time * agents),
        "P_agent_level#": lambda level: (r.level(crew, int(level)), time * agents),
        "throughput": lambda: (r.crew(crew, "finished", kinds) * r.unit_ms, time),
        "P_overflow_to_bot": lambda: (r.blocked(kinds), r.arrived(kinds)),
        "P_abandon_queue": lambda: (r.of(kinds, "abandoned"), r.ended(kinds)),
        "P_abandon_service": lambda: (r.crew(crew, "walked_out", kinds), r.arrived(kinds)),
    }
