"""Shifts as SimPy processes: the few things of a run that wait for several instants in turn."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from engine.dispatch import commands as cm
from sim.twin.clock import NEVER, Clock

# From and to which instant, in ms; the end may be NEVER.
Span = tuple[int, int]

ALWAYS: tuple[Span, ...] = ((0, NEVER),)


def work(clock: Clock, agent: str, spans: Sequence[Span]) -> Generator[Any, Any, None]:
    """One agent's shifts: signs on, and at the end of each takes nothing new, finishes what is open and is off.

    Whoever is still at it when the next one begins goes on: signing on then only means available again. Spans must be in order and apart.
    """
    for begin, end in spans:
        if begin > clock.now:
            yield clock.env.timeout(begin - clock.now)
        clock.do(cm.SignOn(agent=agent))
        if end >= NEVER:
            return
        yield clock.env.timeout(end - clock.now)
        clock.do(cm.SetAgentState(agent=agent, state="finishing", reason="shift_over"))


def check_spans(spans: Sequence[Span]) -> None:
    """Raises ValueError unless they are in order and apart."""
    last = 0
    for place, (begin, end) in enumerate(spans):
        if not last <= begin < end:
            raise ValueError(f"shifts must be in order and apart, got {begin}…{end} after {last} (shift {place})")
        last = end
