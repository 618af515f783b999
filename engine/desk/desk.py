"""The desk: takes deeds from the server, checks what must hold, has them written down, and answers questions.

A deed that hangs on how things stand holds the things' locks until the tables show it. One that hangs on nothing goes
straight into the driver's inbox.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
import structlog
import trio
from sqlalchemy.exc import SQLAlchemyError

from engine.desk import limits
from engine.desk.commands import DeskCommand
from engine.desk.customers.access import check_own
from engine.desk.customers.erasing import Eraser
from engine.desk.customers.identity import resolve, root_of
from engine.desk.customers.records import Records
from engine.desk.customers.standing import Standing, StandingLoader, Standings
from engine.desk.database import Database
from engine.desk.deeds import Asker, Deed, Question, Rooms, Rule, tag_of
from engine.desk.feeding import Feeder, Journal
from engine.desk.folding import encode_deed
from engine.desk.locks import Locks
from engine.desk.refusals import DeskCode, Refused
from engine.desk.rooms import all_folds, all_rooms
from engine.desk.settings import NO_SETTINGS, OWN_NAMES, Settings
from engine.dispatch.commands import RecordDesk
from engine.ports import (
    Answer,
    Deliver,
    Overloaded,
    Principal,
    RunBlocking,
    Stopped,
    StoreError,
    Submit,
    Unanswered,
)


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
        records: Records | None = None,
    ) -> None:
        """``records``: the connectors to other systems, by name."""
        self.settings = settings
        self.database = database
        # What only the desk says of a customer: a customer's own word for it counts for nothing.
        self.own_names = OWN_NAMES | {name for name, kind in settings.attributes.items() if kind.routing}
        self._standings = Standings()
        self.feeder = Feeder(driver, database, run_blocking, all_folds(), self._standings.touched)
        self._loader = StandingLoader(self._standings, database, run_blocking)
        self._rooms = rooms or all_rooms()
        self.records = records or Records({})
        self._driver = driver
        self._run_blocking = run_blocking
        self._locks = Locks()
        self._turns: dict[Principal, trio.Event] = {}  # whose deeds wait: set when the last of them is in the inbox
        self._eraser = Eraser(driver, database, run_blocking)
        self._log = structlog.get_logger("sluice.desk")
        self.crashes = 0  # deeds that met a fault of ours
        self._nursery: trio.Nursery | None = None
        self._latest = 0  # the last deed that was answered

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Started once the tables show all that the journal holds, and what was to be erased is. Raises ``StoreError``."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.feeder.run)
            await self._eraser.finish_all()
            nursery.start_soon(self._loader.run)
            self._nursery = nursery
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    @property
    def records_behind(self) -> int:
        """How many records of the journal the tables do not show yet."""
        return max(0, self._driver.last_lsn - self.feeder.lsn)

    @property
    def refuses(self) -> bool:
        """Whether the tables cannot be written just now."""
        return bool(self.feeder.problem)

    # --- deeds ----------------------------------------------------------------------------------------------------

    def do(self, principal: Principal, asker: Asker, id: str, deed: DeskCommand, deliver: Deliver) -> None:
        """``asker``: as the server's authority found. ``deliver`` is called once, perhaps before this returns; this never raises."""
        rule = self._rooms.rules[type(deed)]
        try:
            deed = rule.complete(deed, asker, self.settings, self._driver.now_ms())
        except Refused as refused:
            return deliver(_answer(refused, deed))
        job = _Job(principal, asker, id, deed, rule, deliver, self._turns.get(principal))
        if job.hangs_on_nothing and job.before is None:
            return self._post(job, lambda answer: self._settle(job, answer))
        if self._nursery is None:
            return deliver(Stopped("the engine is going down"))
        if self.feeder.problem:  # it would wait for as long as they cannot be written
            return deliver(_answer(_unavailable(), deed))
        self._turns[principal] = job.posted
        self._nursery.start_soon(self._do_safely, job)
        return None

    async def _do_safely(self, job: _Job) -> None:
        """After what the same sender sent before. A fault of ours in one deed ends nobody else's."""
        try:
            if job.before is not None:
                await job.before.wait()
            if job.hangs_on_nothing:
                return self._post(job, lambda answer: self._settle(job, answer))
            if job.asker.own:  # whom the asker serves is in the tables
                await self._caught_up(self._driver.last_lsn)
            while not await self._do_in_turn(job):
                pass
        except Refused as refused:
            await self._refuse(job, refused)
        except SQLAlchemyError:
            if not job.is_answered:
                job.deliver(_answer(_unavailable(), job.deed))
        except Exception as error:  # noqa: BLE001  # whatever it is, the engine goes on
            self.crashes += 1
            self._log.error("deed_crashed", kind=job.asked.kind, error=type(error).__name__)
            if not job.is_answered:
                job.deliver(_answer(Refused(DeskCode.INTERNAL, "the deed", type(error).__name__, ""), job.deed))
        finally:
            job.posted.set()
            if self._turns.get(job.principal) is job.posted:
                del self._turns[job.principal]
        return None

    async def _do_in_turn(self, job: _Job) -> bool:
        """With the locks of all that it hangs on, until the tables show it. False: who is who changed meanwhile."""
        tenant = job.deed.tenant
        things = await self._run_blocking(self._resolve, job)
        async with self._locks.held(tenant, things):
            if not await self._run_blocking(self._check, job, things, self._driver.now_ms()):
                return False
            done = _Waiter(lambda answer: self._settle(job, answer))
            self._post(job, done.hold if job.rule.erases else done.settle)
            job.posted.set()
            lsn = await done.wait()
            await self.feeder.reached(lsn)
            if job.rule.erases:
                if lsn:
                    await self._eraser.finish(tenant, lsn)
                done.let_go()
        return True

    def _resolve(self, job: _Job) -> tuple[str, ...]:
        with self.database.reading() as reading:
            return resolve(reading, job.deed.tenant, job.rule.things(job.deed))

    def _check(self, job: _Job, things: tuple[str, ...], now: int) -> bool:
        tenant = job.deed.tenant
        with self.database.reading(now, self.settings) as reading:
            if resolve(reading, tenant, job.rule.things(job.deed)) != things:
                return False
            if job.asker.own:
                check_own(reading, job.asker, job.rule.customers(job.deed))
            if job.rule.check is not None:
                job.rule.check(reading, job.deed, now)
            # What is written of a customer is sealed with the key of whom it stands for: theirs it goes with.
            subject = root_of(reading, tenant, job.asked.subject) if job.asked.subject else ""
            job.record = msgspec.structs.replace(job.asked, subject=subject)
        return True

    async def _refuse(self, job: _Job, refused: Refused) -> None:
        """What is sent again gets the first answer, whatever has become of things since."""
        if not job.id:
            return job.deliver(_answer(refused, job.deed))
        done = _Waiter(
            lambda answer: job.deliver(_answer(refused, job.deed) if isinstance(answer, Unanswered) else answer)
        )
        self._post(job, done.settle, only_again=True)
        await done.wait()
        return None

    def _settle(self, job: _Job, answer: Answer | Exception) -> None:
        if isinstance(answer, Answer) and not answer.code:
            self._latest = max(self._latest, answer.lsn)
            answer = Answer(answer.lsn, {**answer.result, **job.rule.result(job.deed)})
        job.deliver(answer)

    def _post(self, job: _Job, settle: Deliver, *, only_again: bool = False) -> None:
        post = self._driver.post
        try:
            post(job.record, job.principal, job.id, job.payload, settle, job.asked, only_again=only_again)
        except (Overloaded, Stopped, StoreError) as error:
            settle(error)

    # --- questions ------------------------------------------------------------------------------------------------

    async def ask(self, asker: Asker, question: Question) -> Any:
        """Whoever did something sees it here once it was answered. Raises :class:`Refused`."""
        await self._caught_up(self._driver.last_lsn if asker.own else self._latest)
        try:
            looked = await self._run_blocking(self._look, asker, question, self._driver.now_ms())
        except SQLAlchemyError:
            raise _unavailable() from None
        ask = self._rooms.asks[type(question)]
        if ask.tell is not None:
            return await ask.tell(self._driver, question, looked)
        return looked if ask.fetch is None else await ask.fetch(self.records, question, looked)

    async def _caught_up(self, lsn: int) -> None:
        """The tables show record ``lsn``; or they are so late that it is better to see what they have."""
        with trio.move_on_after(limits.READ_YOUR_WRITES_S):
            await self.feeder.reached(lsn)

    def _look(self, asker: Asker, question: Question, now: int) -> Any:
        ask = self._rooms.asks[type(question)]
        with self.database.reading(now, self.settings) as reading:
            if asker.own:
                check_own(reading, asker, ask.customers(question))
            return ask.answer(reading, question, asker)

    # --- who comes ------------------------------------------------------------------------------------------------

    def find_standing(self, tenant: str, customer: str) -> Standing | None:
        """What the policy may know of a customer; None: it has to be looked up."""
        return self._standings.find(tenant, customer)

    async def load_standing(self, tenant: str, customer: str) -> Standing:
        """As :meth:`find_standing`, from the tables; where those cannot be used just now nothing is known of anybody."""
        return await self._loader.load(tenant, customer)


class _Job:
    """A deed on its way. ``asked``: its record as it would be for the customer whom it names.

    ``before``: when the sender's last one is ``posted``.
    """

    def __init__(
        self,
        principal: Principal,
        asker: Asker,
        id: str,
        deed: DeskCommand,
        rule: Rule,
        deliver: Deliver,
        before: trio.Event | None,
    ) -> None:
        self.before = before
        self.posted = trio.Event()
        self.hangs_on_nothing = not rule.things(deed) and not (asker.own and rule.customers(deed))
        self.principal, self.asker, self.id, self.deed, self.rule = principal, asker, id, deed, rule
        self.asked = RecordDesk(deed.tenant, tag_of(deed), rule.subject(deed), rule.contact(deed))
        self.record = self.asked
        self.payload = encode_deed(deed)
        self.is_answered = False
        self._deliver = deliver

    def deliver(self, answer: Answer | Exception) -> None:
        self.is_answered = True
        self._deliver(answer)


class _Waiter:
    """Hands an answer on as it comes (or holds it back), and lets somebody wait for its lsn (0: none)."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._answer: Answer | Exception = Answer()
        self._come = trio.Event()

    def settle(self, answer: Answer | Exception) -> None:
        self.hold(answer)
        self._deliver(answer)

    def hold(self, answer: Answer | Exception) -> None:
        self._answer = answer
        self._come.set()

    def let_go(self) -> None:
        self._deliver(self._answer)

    async def wait(self) -> int:
        await self._come.wait()
        return self._answer.lsn if isinstance(self._answer, Answer) and not self._answer.code else 0


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
