"""The driver: sole owner of the dispatcher. Stamps what comes in, decides, commits, and only then lets anything out."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from engine.dispatch.commands import ApplyPolicy, Command, SubmitContact
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.events import CommandRejected, Event
from engine.dispatch.policy.compile import analyse
from engine.driver.admission import Admission
from engine.driver.answering import answer_of, bad_value, contact_of
from engine.driver.asking import Questions
from engine.driver.batches import BatchInMaking
from engine.driver.history import History
from engine.driver.inbox import Inbox, Pending, Stamps, prepare
from engine.driver.limits import DriverLimits, Figures
from engine.driver.starting import Start, start_on
from engine.driver.subjects import NOBODY, Subject, subject_of
from engine.driver.upkeep import Upkeep
from engine.driver.waiting import Waiter
from engine.driver.writing import Writing
from engine.ports import (
    Answer,
    Clock,
    Committed,
    Deliver,
    Listener,
    Overloaded,
    Principal,
    RunBlocking,
    Sealer,
    Stopped,
    Store,
    StoreError,
    Unanswered,
)
from engine.store.answers import RecentAnswers, answer_again, is_kept, seal_answer
from engine.store.records import encode_command, principal_text
from engine.store.recovery import Recovered

T = TypeVar("T")

# Who the engine's own inputs are from: its start, its policy, time.
ENGINE = Principal("", "engine", "")
_ENGINE_TEXT = principal_text(ENGINE)


class PolicyRefused(Exception):
    """The policy given at the start compiles, but the recovered state cannot live under it."""


class Driver:
    """Run one, then submit. Everything public here is for tasks of the same trio run.

    ``take_snapshot`` starts the child process that writes a snapshot, and returns when it is done; called every
    ``limits.snapshot_records`` records. ``warm``: this journal's state of not long ago, to go on from instead of recovering.
    ``sealer``: all payloads are sealed in the journal, and plain above it; without one they are plain there too.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        run_blocking: RunBlocking,
        policy_text: str,
        *,
        wall_ms: Callable[[], int],
        limits: DriverLimits | None = None,
        take_snapshot: Callable[[], Awaitable[None]] | None = None,
        warm: Recovered | None = None,
        sealer: Sealer | None = None,
    ) -> None:
        self._sealer = sealer
        self.limits = limits or DriverLimits()
        self.figures = Figures()
        self._store = store
        self._clock = clock
        self._run_blocking = run_blocking
        self._policy_text = policy_text
        self._wall_ms = wall_ms
        self._stamps = Stamps(clock)
        self._inbox = Inbox(self._stamps, self.limits)
        self._admission = Admission(self.limits, trio.current_time, self._weight_of, self.lateness_ms)
        self._recent = RecentAnswers(self.limits.recent_answers)
        self._writing = Writing(store, self._inbox, self._recent, self.limits.batch_commands, sealer, self._subject_of)
        self._history = History(store, run_blocking, self.limits.readers, sealer)
        self._listeners: list[Listener] = []
        self._questions = Questions()
        self._upkeep = Upkeep(store, run_blocking, self.limits, self.figures, take_snapshot)
        self._warm = warm
        self._is_draining = False
        self._drained = trio.Event()
        self._state: Dispatcher | None = None
        self._lsn, self._hash = 0, b""
        self._in_making: BatchInMaking | None = None  # decided, not committed
        self._sleeper: trio.CancelScope | None = None
        self._over: Exception | None = Stopped("the engine is not running yet")
        self._nursery: trio.Nursery | None = None

    # --- the door -------------------------------------------------------------------------------------------------

    async def submit(
        self, command: Command, principal: Principal, command_id: str = "", payload: bytes = b""
    ) -> Answer:
        """The answer, once it is durable; a refusal is an answer too. Cancelling the caller does not undo the command.

        Raises :class:`Overloaded` before anything happened, ``Stopped`` or ``StoreError`` when nothing was acked.
        """
        waiter: Waiter[Answer] = Waiter()
        self.post(command, principal, command_id, payload, waiter.deliver)
        return await waiter.wait()

    def post(
        self,
        command: Command,
        principal: Principal,
        command_id: str,
        payload: bytes,
        deliver: Deliver,
        asked: Command | None = None,
        *,
        only_again: bool = False,
    ) -> None:
        """As :meth:`submit`, without waiting: ``deliver`` is called once, possibly before this returns.

        It must not raise and not block; it may post again. ``asked``: what the client asked for, where the server added to
        it: retries are compared by it. ``only_again``: the first answer if it came before, else :class:`Unanswered`.
        """
        if self._over is not None:
            raise self._over_again()
        if self._is_draining:
            raise Stopped("the engine is going down")
        if isinstance(command, SubmitContact):
            self._admit(command.tenant)
        try:
            pending = prepare(command, principal, command_id, payload, deliver, self.limits, asked, self._sealer)
        except ValueError as error:
            deliver(bad_value(command, str(error)))
            return
        pending.only_again = only_again
        if isinstance(command, ApplyPolicy) and self._nursery is not None:
            self._nursery.start_soon(self._read_first, pending, command.text)
        else:
            self._put(pending)

    def sheds(self, tenant: str) -> int:
        """Real ms after which a new contact of this tenant may come back, for who would rather not read it now; else 0."""
        return self._admission.sheds(tenant)

    def shed(self, contacts: int) -> None:
        """So many were refused unread because of :meth:`sheds`."""
        self._admission.shed(contacts)
        self.figures.contacts_shed = self._admission.refused

    def _admit(self, tenant: str) -> None:
        """Raises :class:`Overloaded`: a new contact, and no room for one."""
        if self.figures.refuses_new_contacts:
            raise Overloaded("the store is nearly full: no new contacts for now", 10_000)
        # Half of the inbox is kept for those who are in already.
        if len(self._inbox) >= self.limits.inbox_commands // 2:
            raise Overloaded(f"{len(self._inbox)} commands wait already", self.limits.retry_after_ms)
        retry_after_ms = self._admission.admit(tenant)
        if retry_after_ms:
            self.figures.contacts_shed = self._admission.refused
            raise Overloaded("more new contacts than can be taken in just now", retry_after_ms)

    def lateness_ms(self) -> float:
        """How long the oldest command that is not durable yet has been with us, in real ms."""
        oldest = self._in_making.oldest_stamp if self._in_making is not None else 0
        if not oldest:
            first = self._inbox.first()
            if first is None:
                return 0.0
            oldest = first.stamp
        return (self.now_ms() - oldest) / self._clock.scale

    def is_late(self) -> bool:
        """Whether questions should be put off: commands have to wait by now."""
        return self.lateness_ms() > self.limits.lateness_questions_ms

    def _weight_of(self, tenant: str) -> float:
        found = self._dispatcher.policy.tenants.get(tenant)
        return 1.0 if found is None else found.weight

    def _put(self, pending: Pending) -> None:
        self._inbox.put(pending)
        self.figures.inbox_depth = len(self._inbox)
        self._wake()

    async def _read_first(self, pending: Pending, text: str) -> None:
        """A policy takes long to compile: that is done beside the loop, and it enters the inbox when it can be read."""
        answer: Exception = Stopped("the engine stopped while the policy was being read")
        try:
            await self._run_blocking(analyse, text)
            self._put(pending)
        except Overloaded as error:
            answer = error
        else:
            return
        finally:
            if pending.stamp == 0:
                pending.deliver(answer)

    async def ask(self, question: Callable[[Dispatcher], T]) -> T:
        """``question`` of committed state, between two batches. It must be quick, read only, and keep nothing."""
        await trio.lowlevel.checkpoint()
        if self._over is not None:
            raise self._over_again()
        if self._in_making is None:
            self._dispatcher.look(self.now_ms())  # on a quiet engine the last stamp may be long ago
            return question(self._dispatcher)
        return await self._questions.put(question).wait()

    def add_listener(self, listener: Listener) -> None:
        """Called with what each commit made durable, in lsn order, after the answers. It must not raise or block."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Listener) -> None:
        self._listeners.remove(listener)

    def now_ms(self) -> int:
        """Dispatcher time now (the dispatcher's own ``now`` is its last stamp)."""
        return max(self._stamps.last, self._clock.now_ms())

    @property
    def last_lsn(self) -> int:
        """Of the last committed record."""
        return self._lsn

    async def read_committed(self, after_lsn: int, limit: int) -> list[Committed]:
        """Records with lsn > ``after_lsn`` in order, at most ``limit``. Raises ``StoreError``."""
        return await self._history.read_committed(after_lsn, limit)

    async def read_messages(self, contact: int, after_seq: int, limit: int) -> list[tuple[int, Committed]]:
        """(seq, record) of the contact's messages after ``after_seq``; the text is the record's payload."""
        return await self._history.read_messages(contact, after_seq, limit)

    async def rebuild_at(self, lsn: int) -> Dispatcher:
        """The state after record ``lsn``, apart from the live one. Raises ``HistoryTrimmed``, ValueError (no such lsn)."""
        return await self._history.rebuild_at(lsn, self._lsn)

    # --- the loop -------------------------------------------------------------------------------------------------

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Open, recover, then decide until cancelled. Raises ``StoreError`` when the store cannot go on."""
        failure: Exception = Stopped("the engine has stopped")
        try:
            await self._start()
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                try:
                    await self._loop(nursery)
                except Exception as error:  # noqa: BLE001  # raised again below, outside the nursery and its groups
                    failure = error
                nursery.cancel_scope.cancel()
            if not isinstance(failure, Stopped):
                raise failure
        except Exception as error:
            failure = error
            raise
        finally:
            self._end(failure)
            try:
                with trio.CancelScope(shield=True):
                    await self._run_blocking(self._store.close)
            finally:
                self._drained.set()

    async def drain(self) -> None:
        """Take nothing more in; return when all that was taken in is durable and answered, and the store is released.

        No time passes for the dispatcher meanwhile: nothing is offered any more that nobody could answer. What comes
        from now on is ``Stopped``, and may be sent to the next engine under the same id.
        """
        self._is_draining = True
        self._wake()
        await self._drained.wait()

    async def _start(self) -> None:
        start = await start_on(
            self._store, self._run_blocking, self._policy_text, self._wall_ms, self._clock.scale, self._warm
        )
        self._warm = None
        self._state, self._lsn, self._hash = start.dispatcher, start.lsn, start.hash
        self.figures.epoch, self.figures.last_lsn, self.figures.remarks = start.epoch, start.lsn, start.remarks
        self._stamps.set(start.stamp)
        await self._first_inputs(start)
        self._upkeep.next_pulse, self._upkeep.snapshot_lsn = trio.current_time(), start.snapshot_lsn
        self._over = None

    async def _first_inputs(self, start: Start) -> None:
        batch = self._new_batch()
        refused = None
        for command in start.inputs:
            events = self._dispatcher.handle(command, start.stamp)
            batch.add(start.stamp, ENGINE, _ENGINE_TEXT, "", command, encode_command(command)[0], events, b"")
            refused = next((event for event in events if isinstance(event, CommandRejected)), None)
            while self._dispatcher.is_busy or self._dispatcher.is_behind(start.stamp):
                if not self._expire_into(batch, start.stamp):
                    break
        with trio.CancelScope(shield=True):
            await self._commit(batch)
        self._release(batch)
        if refused is not None:
            raise PolicyRefused(f"{refused.what}: got {refused.got}, wanted {refused.wanted}")

    async def _loop(self, nursery: trio.Nursery) -> None:
        while True:
            await trio.lowlevel.checkpoint_if_cancelled()  # all work below is shielded
            if self._is_draining and not self._inbox:
                return
            if trio.current_time() >= self._upkeep.next_pulse:
                await self._upkeep.pulse(self._wall_ms(), self.now_ms())
            if self._inbox:
                await self._work()
            elif not await self._tick():
                await self._sleep()
            self._upkeep.snapshot_if_due(nursery, self._lsn)

    async def _work(self) -> None:
        """Decide what has come, commit it once, let its effects out. Not to be cancelled half-way."""
        with trio.CancelScope(shield=True):
            first = self._inbox.first()
            if first is not None and not first.looked_up:
                await self._run_blocking(self._writing.look_up)
            batch = self._new_batch()
            self._decide(batch)
            await self._commit(batch)
            self._release(batch)

    def _decide(self, batch: BatchInMaking) -> None:
        """At most so many commands, and no longer than so many milliseconds; the rest waits for the next batch."""
        observe = self.figures.observe_decide_s
        before = time.perf_counter()
        until = before + self.limits.batch_ms / 1_000
        stamp = 0
        for _ in range(self.limits.batch_commands):
            pending = self._inbox.first()
            if pending is None or not pending.looked_up:  # came in after the look-up
                break
            stamp = pending.stamp
            batch.oldest_stamp = batch.oldest_stamp or stamp
            if not (self._dispatcher.is_behind(stamp) and self._expire_into(batch, stamp)):
                self._handle(pending, batch)
                self._inbox.pop()  # not before: should handling fail, it still waits and learns why
            now = time.perf_counter()
            if observe is not None:
                observe(now - before)
            before = now
            if now > until:
                break
        if stamp and self._dispatcher.is_busy:  # the inbox may never be empty: unfinished work has its share
            self._expire_into(batch, stamp)
        self.figures.inbox_depth = len(self._inbox)

    def _expire_into(self, batch: BatchInMaking, stamp: int) -> bool:
        """As much as one call does of what is due or unfinished at a stamp that was given out; False: nothing happened."""
        events = self._dispatcher.expire(stamp)
        if events:
            batch.add(stamp, ENGINE, _ENGINE_TEXT, "", None, b"", events, b"")
        return bool(events)

    def _handle(self, pending: Pending, batch: BatchInMaking) -> None:
        key, command, stamp = pending.key, pending.command, pending.stamp
        if key is not None:
            stored = self._recent.find(key, stamp) or pending.stored
            if stored is not None and is_kept(stored, stamp):
                # Released with the batch: the first answer may be in this very one, not yet durable.
                again = answer_again(stored, pending.body_like(stored), command_name(command))
                batch.deliveries.append((pending.deliver, again))
                return
        if pending.only_again:
            batch.deliveries.append((pending.deliver, Unanswered()))
            return
        contact = contact_of(command, self._dispatcher)
        whose = NOBODY if self._sealer is None else self._subject_of(pending)
        events = self._dispatcher.handle(command, stamp)
        command_id = key.command_id if key is not None else ""
        batch.add(
            stamp, pending.principal, pending.asker, command_id, command, pending.input, events, pending.payload, whose
        )
        answer = answer_of(command, contact, batch.lsn, events, self._dispatcher)
        if key is not None:
            sealed = seal_answer(key, pending.body, answer, stamp)
            batch.answers.append(sealed)
            self._recent.add(sealed)
        batch.deliveries.append((pending.deliver, answer))

    def _subject_of(self, pending: Pending) -> Subject:
        return subject_of(pending.command, pending.principal, self._dispatcher)

    async def _tick(self) -> bool:
        """Let what is due expire; only called when no command waits, so our own lag never voids a timely one."""
        deadline = self._dispatcher.next_deadline()
        if deadline is None or deadline > self._clock.now_ms():
            return False
        before = time.perf_counter()
        stamp = self._stamps.next()  # the deadline or later
        events: list[Event] = self._dispatcher.expire(stamp)
        if self.figures.observe_decide_s is not None:
            self.figures.observe_decide_s(time.perf_counter() - before)
        if not events:
            await trio.lowlevel.checkpoint()
            return True
        batch = self._new_batch()
        batch.add(stamp, ENGINE, _ENGINE_TEXT, "", None, b"", events, b"")
        with trio.CancelScope(shield=True):
            await self._commit(batch)
            self._release(batch)
        return True

    async def _commit(self, batch: BatchInMaking) -> None:
        """Never tried again: after a failure nobody knows what the disk holds."""
        if not batch.records:
            await trio.lowlevel.checkpoint()
            return
        before = time.perf_counter()
        await self._run_blocking(self._writing.commit, batch.to_commit(self._wall_ms(), self.now_ms()))
        if self.figures.observe_commit_s is not None:
            self.figures.observe_commit_s(time.perf_counter() - before)
        self._lsn, self._hash = batch.lsn, batch.hash
        self.figures.last_lsn = batch.lsn
        self.figures.commits += 1

    def _release(self, batch: BatchInMaking) -> None:
        self._in_making = None
        if batch.oldest_stamp:
            self.figures.lateness_ms = (self.now_ms() - batch.oldest_stamp) / self._clock.scale
            self._admission.measured(self.figures.lateness_ms, len(batch.deliveries))
            self.figures.admitted_per_s = self._admission.rate_per_s if self._admission.holds_back else -1.0
        for deliver, answer in batch.deliveries:
            deliver(answer)
        if batch.committed:
            for listener in tuple(self._listeners):
                listener(batch.committed)
        self._dispatcher.look(self.now_ms())
        self._questions.answer_all(self._dispatcher)

    async def _sleep(self) -> None:
        """Until something comes, a deadline, or the next pulse. Woken early, nothing is lost: the loop looks again."""
        deadline = self._dispatcher.next_deadline()
        with trio.CancelScope(deadline=self._upkeep.next_pulse) as self._sleeper:
            if deadline is None:
                await trio.sleep_forever()
            else:
                await self._clock.sleep_until(deadline)
        self._sleeper = None

    def _wake(self) -> None:
        if self._sleeper is not None:
            self._sleeper.cancel()

    def _end(self, failure: Exception) -> None:
        """Nothing more is acked; everybody who waits learns why."""
        self._over = failure
        if self._in_making is not None:
            for deliver, _ in self._in_making.deliveries:
                deliver(self._over_again())
        while self._inbox:
            self._inbox.pop().deliver(self._over_again())
        self._questions.fail_all(self._over_again())

    def _over_again(self) -> Exception:
        """A new exception for each who is told, so that no traceback grows through strangers."""
        assert self._over is not None
        if isinstance(self._over, StoreError):
            return StoreError(str(self._over))
        if isinstance(self._over, Stopped):
            return Stopped(str(self._over))
        return Stopped(f"the engine stopped: {type(self._over).__name__}: {self._over}")

    def _new_batch(self) -> BatchInMaking:
        self._in_making = BatchInMaking(self._lsn, self._hash, self.figures.epoch, self._sealer)
        return self._in_making

    @property
    def _dispatcher(self) -> Dispatcher:
        assert self._state is not None, "not started"
        return self._state


def command_name(command: Command) -> str:
    """``contact.submit`` and the like."""
    return str(command.__struct_config__.tag)
