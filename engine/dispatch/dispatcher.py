"""The dispatcher: commands and time go in, events come out.

Pure and deterministic: no clock, no I/O, no randomness. Same policy, same inputs, same stamps → same events, in any
process. Rules its drivers rely on are in ``docs/guide.md``; the short form: stamps never go back, ``handle`` first
expires what is due, a refused command changes nothing but time, and no event is lost or applied twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from engine.dispatch import snapshots
from engine.dispatch.audit import audit
from engine.dispatch.changes import APPLY
from engine.dispatch.commands import BulkCommand, SetGroupCapacity, StartEngine
from engine.dispatch.contacts import ContactState
from engine.dispatch.estimates import Estimate
from engine.dispatch.events import Event
from engine.dispatch.explain import Explanation
from engine.dispatch.explaining import explain
from engine.dispatch.matching import look_again
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.refusals import Code
from engine.dispatch.rules import HANDLERS
from engine.dispatch.rules.bulk import do_job
from engine.dispatch.rules.consults import end_shaken
from engine.dispatch.rules.deadlines import EXPIRE
from engine.dispatch.rules.lending import review_borrowers
from engine.dispatch.rules.rearranging import do_slice, finish_start, house
from engine.dispatch.selecting import selected, selected_agents
from engine.dispatch.slices import CONTACTS
from engine.dispatch.state import State
from engine.dispatch.stepping import estimate_of, estimate_of_queue
from engine.dispatch.timers import Kind

if TYPE_CHECKING:
    from engine.dispatch.agents import Agent
    from engine.dispatch.commands import Command
    from engine.dispatch.consults import Consult
    from engine.dispatch.contacts import Contact, Offer

# One call does a bounded amount of work: 512 expiries cost about 5–10 ms.
EXPIRE_LIMIT: Final = 512
# … and where one deadline sets off many (a lost bot's contacts), so many events end the call.
EVENT_LIMIT: Final = 400
UNBOUNDED: Final = 1 << 62


class Dispatcher:
    """One routing domain. All instants are integer milliseconds on the driver's time base."""

    def __init__(self, policy: Policy, state: State | None = None, slice_units: int = 0) -> None:
        """A fresh domain under ``policy``; ``state`` is for :meth:`restore` alone.

        ``slice_units``: how much one call may do of a mass effect (0: see :mod:`engine.dispatch.slices`); kept in snapshots.
        """
        self._state = State(policy) if state is None else state
        if slice_units:
            self._state.slice_units = slice_units
        self._state.apply = APPLY
        # At hand: a name of the module is looked up by its text, for every command.
        self._handlers = HANDLERS
        self._start: type = StartEngine
        self._looked_at = 0

    # --- inputs ---------------------------------------------------------------------------------------------------

    def handle(self, command: Command, stamp: int) -> list[Event]:
        """Do what is asked at ``stamp`` (≥ the last one); the last event is CommandRejected if it was refused.

        Everything due at or before the stamp expires first, in deadline order, so an accept stamped in the very
        millisecond of its offer's deadline comes too late.
        """
        state = self._state
        out: list[Event] = []
        state.out = out
        if stamp < state.now:
            state.refuse(command, Code.TIME_WENT_BACK, stamp, f"≥ {state.now}")
            return out
        kind = type(command)
        if kind is self._start:  # what was open when the last epoch ended is nobody's fault: taken back first
            state.settle()
            state.now = stamp
            self._handlers[kind](state, command)
            look_again(state)
            self._tidy_up()
            if state.rearranging is None:
                self._expire_due(stamp, EXPIRE_LIMIT, EVENT_LIMIT)
            return out
        if state.arriving:
            state.settle()  # while it is still the instant at which they came: when steps are judged hangs on it
        if state.frozen:
            self._before(command, stamp)
            state.settle()
        if stamp >= state.timers.near_ms:
            self._expire_due(stamp, UNBOUNDED, UNBOUNDED)
            state.trim_timers()
        state.now = stamp
        self._handlers[kind](state, command)
        if state.reached:
            look_again(state)
        if state.shaken or state.stirred:
            self._tidy_up()
        return out

    def expire(self, now: int, limit: int = EXPIRE_LIMIT) -> list[Event]:
        """Time passed: expire at most ``limit`` deadlines due at or before ``now``; harmless early or twice.

        When nothing more is due, one slice of unfinished work is done (see :attr:`is_busy`).
        """
        state = self._state
        out: list[Event] = []
        state.out = out
        now = max(now, state.now)
        work = state.rearranging
        if work is not None and work.stage < CONTACTS:
            state.settle()
            state.now = now
            do_slice(state, work)
            self._tidy_up()
            return out
        if self._expire_due(now, limit, EVENT_LIMIT):
            state.now = now
            if state.rearranging is not None:
                do_slice(state, state.rearranging)
            elif state.jobs:
                do_job(state)
            if state.reached:
                look_again(state)
            self._tidy_up()
        state.trim_timers()
        return out

    @property
    def is_busy(self) -> bool:
        """Work is left that was too much for one call: ``next_deadline`` is now, and each ``expire`` does a slice.

        A driver that is never idle calls ``expire(now)`` between its commands: it expires nothing that they have not.
        """
        return self._state.rearranging is not None or bool(self._state.jobs)

    def is_behind(self, stamp: int) -> bool:
        """So much is due by ``stamp`` that a driver calls ``expire(stamp)`` first, lest one ``handle`` do it all."""
        return self._state.timers.is_crowded(stamp)

    def _tidy_up(self) -> None:
        """The last of a step: consults that have lost their ground end, and what may be borrowed again is.

        At the start of an epoch only when everybody is lost: a helper who is free before its turn might go off duty.
        """
        state, work = self._state, self._state.rearranging
        if state.shaken and (work is None or work.stage >= CONTACTS):
            end_shaken(state)
        if state.stirred:
            review_borrowers(state)

    def _before(self, command: Command, stamp: int) -> None:
        """A command in the midst of a rearrangement: the start of an epoch is finished first, and whom it is about has a queue."""
        state = self._state
        state.now = stamp
        finish_start(state)
        self._tidy_up()
        if state.former:
            offer = state.offers.get(getattr(command, "offer", 0))
            number = offer.contact if offer is not None else getattr(command, "contact", 0)
            found = state.contacts.get(number)
            if found is not None:
                house(state, found)
            agent = state.agents.get(getattr(command, "agent", ""))
            if agent is not None:
                for number in sorted(agent.contacts):
                    house(state, state.contacts[number])

    def _expire_due(self, now: int, limit: int, events: int) -> bool:
        """Expire in deadline order; False when ``limit`` or that many events were reached with more to do."""
        state = self._state
        if state.arriving:
            state.settle()
        while True:
            timers = state.timers  # a policy swap makes another
            if not timers.first() or timers.deadline > now:
                return True
            kind, ident = timers.kind, timers.ident
            if state.due(kind, ident) != timers.deadline:
                timers.drop()
                continue
            if not limit or len(state.out) >= events:
                return False
            timers.drop()
            limit -= 1
            state.now = now
            if state.former:
                self._house_before(kind, ident)
            EXPIRE[kind](state, ident)
            if state.reached:
                look_again(state)
            if state.shaken or state.stirred:
                self._tidy_up()
            state.settle()

    def _house_before(self, kind: int, ident: int) -> None:
        """As :meth:`_before`, for a deadline."""
        state = self._state
        if kind == Kind.OFFER:
            house(state, state.contacts[state.offers[ident].contact])
        elif Kind.BACK_OFF <= kind <= Kind.CAPACITY:
            for number in sorted(state.seats_by_seq[ident].agent.contacts):
                house(state, state.contacts[number])
        elif ident in state.contacts:
            house(state, state.contacts[ident])

    def next_deadline(self) -> int | None:
        """The instant at which ``expire`` has something to do, or None."""
        if self.is_busy:
            return self._state.now
        due = self._state.next_due()
        return None if due is None else due[0]

    # --- recovery -------------------------------------------------------------------------------------------------

    def apply_events(self, events: Iterable[Event]) -> None:
        """Bring the state forward by journalled events; no rule runs."""
        state = self._state
        for event in events:
            state.now = max(state.now, event.at)
            state.apply_event(event)
        state.look_ahead()

    def snapshot(self) -> bytes:
        """The whole state, versioned, the policy's text included."""
        return snapshots.encode(self._state)

    @classmethod
    def restore(cls, data: bytes | memoryview) -> Dispatcher:
        """The dispatcher that :meth:`snapshot` described; raises :class:`snapshots.SnapshotError`."""
        state = snapshots.decode(data)
        return cls(state.policy, state)

    # --- questions ------------------------------------------------------------------------------------------------

    def look(self, now: int) -> None:
        """Questions from here on are answered as of ``now``; nothing is decided, and stamps may still lie before it."""
        self._looked_at = now

    @property
    def now(self) -> int:
        """The last stamp, or the later instant that the driver said it looks at."""
        return max(self._state.now, self._looked_at)

    @property
    def policy(self) -> Policy:
        return self._state.policy

    @property
    def contacts(self) -> Mapping[int, Contact]:
        """Open and wrapping-up contacts, and those that may come back: abandoned, or closed as idle. Read only."""
        return self._state.contacts

    @property
    def agents(self) -> Mapping[str, Agent]:
        """Read only."""
        return self._state.agents

    @property
    def offers(self) -> Mapping[int, Offer]:
        """Open offers by number. Read only."""
        return self._state.offers

    @property
    def consults(self) -> Mapping[int, Consult]:
        """Contact → the consult about it. Read only."""
        return self._state.consults

    @property
    def closed_queues(self) -> Mapping[str, str]:
        """Queue → the reason it was closed to new contacts."""
        return self._state.closed_queues

    @property
    def notices(self) -> Mapping[str, str]:
        """Queue → the code of the notice that hangs there."""
        return {queue: notice.notice for queue, notice in self._state.house.notices.items()}

    def is_open(self, queue: str) -> bool:
        """By the queue's own hours, as of the last input."""
        return self._state.house.is_open(self._state.policy.queues[queue].hours, self._state.now)

    def queue_length(self, queue: str) -> int:
        """Contacts that wait in the queue, offered ones included."""
        return len(self._state.lines[queue].waiting)

    def longest_wait(self, queue: str) -> int:
        """Milliseconds that the queue's longest-waiting contact has waited; 0 when nobody waits."""
        start = self._state.oldest_start(queue)
        return 0 if start is None else self.now - start

    def estimate(self, contact: int) -> Estimate | None:
        """How long it still waits, by what its queue's line has lately done; None: nobody can say, or it does not wait."""
        found = self._state.contacts.get(contact)
        return None if found is None else estimate_of(self._state, found)

    def estimate_of_queue(self, queue: str) -> Estimate | None:
        """The same for the last of the queue's line; None: nobody stands there, or nobody can say."""
        return estimate_of_queue(self._state, queue)

    def position(self, contact: int) -> int:
        """1 + the contacts of its own queue that its order puts before it now; 0 when it is not waiting."""
        state = self._state
        found = state.contacts.get(contact)
        if found is None or found.state is not ContactState.QUEUED:
            return 0
        if state.standing(found) is None:
            return 0  # a policy is being swapped in, and it has no place yet
        return state.position(found, self.now)

    def count_matching(self, command: BulkCommand | SetGroupCapacity) -> int:
        """How many waiting contacts, or agents, a bulk command's filter matches now."""
        if isinstance(command, SetGroupCapacity):
            return len(selected_agents(self._state, command.tenant, command.pool, command.team))
        return len(selected(self._state, command.tenant, command.queue, command.shop, command.channel))

    def explain(self, contact: int, agent: str | None = None) -> Explanation:
        """Why the contact is where it is; with ``agent``, why that agent does not have it. KeyError: unknown contact."""
        return explain(self._state, contact, agent, self.position(contact), self.now)

    def audit(self) -> list[str]:
        """Every broken invariant, and every index that differs from one rebuilt from state; empty when all is well."""
        return audit(self._state)
