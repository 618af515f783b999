"""The desk: takes deeds from the server, checks what must hold, has them written down, and answers questions.

A deed that hangs on how things stand holds the things' locks until the tables show it. One that hangs on nothing goes
straight into the driver's inbox.
"""

from __future__ import annotations

from typing import Any, Protocol

import structlog
import trio
from sqlalchemy.exc import SQLAlchemyError

from engine.desk import limits
from engine.desk.commands import DeskCommand
from engine.desk.customers.access import check_own
from engine.desk.database import Database
from engine.desk.deeds import Asker, Deed, Question, Rooms, Rule, tag_of
from engine.desk.feeding import Feeder, Journal
from engine.desk.folding import encode_deed
from engine.desk.locks import Locks
from engine.desk.refusals import DeskCode, Refused
from engine.desk.rooms import all_folds, all_rooms
from engine.desk.settings import NO_SETTINGS, Settings
from engine.dispatch.commands import RecordDesk
from engine.ports import Answer, Deliver, Overloaded, Principal, RunBlocking, Stopped, StoreError, Submit, Unanswered


class Driver(Submit, Journal, Protocol):
    """What the desk needs of the driver."""


class Desk:
    """``run`` it inside a running driver; deeds and questions come from tasks of the same trio run."""

    def __init__(
        self,
        driver: Driver,
        database: Database,
        run_blocking: RunBlocking,
        settings: Settings = NO_SETTINGS,
        *,
        rooms: Rooms | None = None,
    ) -> None:
        self.settings = settings
        self.database = database
        self.feeder = Feeder(driver, database, run_blocking, all_folds())
        self._rooms = rooms or all_rooms()
        self._driver = driver
        self._run_blocking = run_blocking
        self._locks = Locks()
        self._log = structlog.get_logger("sluice.desk")
        self._nursery: trio.Nursery | None = None
        self._latest = 0  # the last deed that was answered

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Started once the tables show all that the journal holds. Raises ``StoreError``."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.feeder.run)
            self._nursery = nursery
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    # --- deeds ----------------------------------------------------------------------------------------------------

    def do(self, principal: Principal, asker: Asker, id: str, deed: DeskCommand, deliver: Deliver) -> None:
        """``asker``: as the server's authority found. ``deliver`` is called once, perhaps before this returns; this never raises."""
        rule = self._rooms.rules[type(deed)]
        try:
            deed = rule.complete(deed, asker, self.settings, self._driver.now_ms())
        except Refused as refused:
            return deliver(_answer(refused, deed))
        record = RecordDesk(deed.tenant, tag_of(deed), rule.subject(deed), rule.contact(deed))
        job = _Job(principal, asker, id, deed, rule, record, encode_deed(deed), deliver)
        if not rule.things(deed) and not (asker.own and rule.customers(deed)):
            return self._post(job, lambda answer: self._settle(job, answer))
        if self._nursery is None:
            return deliver(Stopped("the engine is going down"))
        self._nursery.start_soon(self._do_safely, job)
        return None

    async def _do_safely(self, job: _Job) -> None:
        """A fault of ours in one deed ends nobody else's."""
        try:
            await self._do_in_turn(job)
        except Exception as error:  # noqa: BLE001  # whatever it is, the engine goes on
            self._log.error("deed_crashed", kind=job.record.kind, error=type(error).__name__)
            if not job.is_answered:
                job.deliver(_answer(Refused(DeskCode.INTERNAL, "the deed", type(error).__name__, ""), job.deed))

    async def _do_in_turn(self, job: _Job) -> None:
        """With the locks of all that it hangs on, until the tables show it."""
        async with self._locks.held(job.deed.tenant, job.rule.things(job.deed)):
            try:
                if job.asker.own:  # whom the asker serves is in the tables
                    await self._caught_up(self._driver.last_lsn)
                await self._run_blocking(self._check, job, self._driver.now_ms())
            except Refused as refused:
                return await self._refuse(job, refused)
            except SQLAlchemyError:
                return job.deliver(_answer(_unavailable(), job.deed))
            done = _Waiter(lambda answer: self._settle(job, answer))
            self._post(job, done.settle)
            await self.feeder.reached(await done.wait())
        return None

    def _check(self, job: _Job, now: int) -> None:
        if job.rule.check is None and not job.asker.own:
            return
        with self.database.reading() as reading:
            if job.asker.own:
                check_own(reading, job.asker, job.rule.customers(job.deed))
            if job.rule.check is not None:
                job.rule.check(reading, job.deed, now)

    async def _refuse(self, job: _Job, refused: Refused) -> None:
        """What is sent again gets the first answer, whatever has become of things since."""
        done = _Waiter(
            lambda answer: job.deliver(_answer(refused, job.deed) if isinstance(answer, Unanswered) else answer)
        )
        if not job.id:
            return job.deliver(_answer(refused, job.deed))
        self._post(job, done.settle, again=True)
        await done.wait()
        return None

    def _settle(self, job: _Job, answer: Answer | Exception) -> None:
        if isinstance(answer, Answer) and not answer.code:
            self._latest = max(self._latest, answer.lsn)
            answer = Answer(answer.lsn, {**answer.result, **job.rule.result(job.deed)})
        job.deliver(answer)

    def _post(self, job: _Job, settle: Deliver, *, again: bool = False) -> None:
        post = self._driver.post_again if again else self._driver.post
        try:
            post(job.record, job.principal, job.id, job.payload, settle)
        except (Overloaded, Stopped, StoreError) as error:
            settle(error)

    # --- questions ------------------------------------------------------------------------------------------------

    async def ask(self, asker: Asker, question: Question) -> Any:
        """Whoever did something sees it here once it was answered. Raises :class:`Refused`."""
        ask = self._rooms.asks[type(question)]
        await self._caught_up(self._driver.last_lsn if asker.own else self._latest)
        try:
            if asker.own or ask.answer is not None:
                answered = await self._run_blocking(self._look, asker, question)
            return answered if ask.fetch is None else await ask.fetch(question, asker)
        except SQLAlchemyError:
            raise _unavailable() from None

    async def _caught_up(self, lsn: int) -> None:
        """The tables show record ``lsn``; or they are so late that it is better to see what they have."""
        with trio.move_on_after(limits.READ_YOUR_WRITES_S):
            await self.feeder.reached(lsn)

    def _look(self, asker: Asker, question: Question) -> Any:
        ask = self._rooms.asks[type(question)]
        with self.database.reading() as reading:
            if asker.own:
                check_own(reading, asker, ask.customers(question))
            return None if ask.answer is None else ask.answer(reading, question, asker)


class _Job:
    """A deed on its way."""

    def __init__(
        self,
        principal: Principal,
        asker: Asker,
        id: str,
        deed: DeskCommand,
        rule: Rule,
        record: RecordDesk,
        payload: bytes,
        deliver: Deliver,
    ) -> None:
        self.principal, self.asker, self.id, self.deed = principal, asker, id, deed
        self.rule, self.record, self.payload = rule, record, payload
        self.is_answered = False
        self._deliver = deliver

    def deliver(self, answer: Answer | Exception) -> None:
        self.is_answered = True
        self._deliver(answer)


class _Waiter:
    """Hands an answer on as it comes, and lets somebody wait for its lsn (0: none)."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._lsn = 0
        self._come = trio.Event()

    def settle(self, answer: Answer | Exception) -> None:
        self._lsn = answer.lsn if isinstance(answer, Answer) else 0
        self._come.set()
        self._deliver(answer)

    async def wait(self) -> int:
        await self._come.wait()
        return self._lsn


def _answer(refused: Refused, deed: Deed) -> Answer:
    answer = refused.answer()
    return Answer(
        code=answer.code,
        message=answer.message,
        what=f"{tag_of(deed)}: {answer.what}",
        got=answer.got,
        wanted=answer.wanted,
    )


def _unavailable() -> Refused:
    return Refused(DeskCode.UNAVAILABLE, "the desk's tables", "an error of the database", "a retry later")
