"""SimPy's clock with a dispatcher on it: actors give commands, hear events, and are called back later.

Instants are integer milliseconds from the run's beginning. What happens in one millisecond happens in the order in which
it was put on the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpy import Environment
from simpy.events import Event as SimpyEvent

from engine.dispatch.commands import Command
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.events import CommandRejected, Event

NEVER = 1 << 60

Callback = Callable[[Any], None]


class Call(SimpyEvent):
    """A callback at an instant: what a SimPy timeout does, made for less.

    ``callbacks`` is a list that many calls may share: SimPy reads it and lets it go. ``of`` is the caller's own.
    """

    def __init__(self, env: Any, delay: int, callbacks: list[Callback], of: Any = None) -> None:
        self.env = env
        self.callbacks = callbacks
        self.of = of
        self._ok = True
        self._value = None
        env.schedule(self, 1, delay)


class Refused(AssertionError):
    """An actor gave a command that the dispatcher refused, and nobody listens for refusals."""


def _refused(event: Any) -> None:
    raise Refused(f"the dispatcher refused {event.command}: {event.code}, {event.what}, got {event.got}")


class Clock:
    """Time, and the dispatcher that lives in it."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        # Any: SimPy allows fractions of time, and here is none.
        self.env: Any = Environment()
        self.dispatcher = dispatcher
        self._handle = dispatcher.handle
        self._next_deadline = dispatcher.next_deadline
        self._hear: dict[type, Callback] = {CommandRejected: _refused}
        self._soon: list[Command] = []
        self._doing = False
        self._look_at = NEVER  # when the dispatcher's next deadline will be looked at
        self._looks: list[Callback] = [self._look]

    @property
    def now(self) -> int:
        """Milliseconds since the run began."""
        return int(self.env.now)

    def hear(self, kind: type[Event], callback: Callback) -> None:
        """Have each event of this type told to ``callback``, in the order in which the dispatcher emitted them."""
        self._hear[kind] = callback

    def later(self, delay_ms: int, callbacks: list[Callback], of: Any = None) -> None:
        """Call back in so many milliseconds; each callback is given the :class:`Call`."""
        Call(self.env, delay_ms, callbacks, of)

    def do(self, command: Command) -> None:
        """Give a command now. From within what is heard it waits until all events of the running one are told."""
        if self._doing:
            self._soon.append(command)
            return
        self._doing = True
        hear = self._hear
        now: int = self.env._now  # the property costs a call for each command
        for event in self._handle(command, now):
            callback = hear.get(type(event))
            if callback is not None:
                callback(event)
        if self._soon:
            self._do_soon(now)
        self._doing = False
        due = self._next_deadline()
        if due is not None and due < self._look_at:
            self._look_ahead(due)

    def _do_soon(self, now: int) -> None:
        """Actors who answer at once may be answered at once, and so on."""
        soon = self._soon
        place = 0
        while place < len(soon):
            self._tell(self._handle(soon[place], now))
            place += 1
        soon.clear()

    def _tell(self, events: list[Event]) -> None:
        hear = self._hear
        for event in events:
            callback = hear.get(type(event))
            if callback is not None:
                callback(event)

    def _look_ahead(self, due: int) -> None:
        """Deadlines only come nearer here: one that has gone is found out when its instant comes."""
        self._look_at = due
        Call(self.env, max(due - self.now, 0), self._looks, due)

    def _look(self, call: Call) -> None:
        """The dispatcher's own deadlines: expiry comes when nothing stamped earlier waits, as in the driver."""
        if call.of != self._look_at:
            return  # an earlier deadline came up meanwhile, and looks again from there
        self._look_at = NEVER
        now = self.now
        self._doing = True
        due = self._next_deadline()
        while due is not None and due <= now:
            self._tell(self.dispatcher.expire(now))
            self._do_soon(now)
            due = self._next_deadline()
        self._doing = False
        if due is not None:
            self._look_ahead(due)

    def run(self, until_ms: int) -> None:
        """Let time pass up to, and not including, that instant; nothing happens when it is not ahead."""
        if until_ms > self.env._now:
            self.env.run(until_ms)
