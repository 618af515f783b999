"""The composition root: the only module that knows which adapter stands behind which port."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, closing
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
import trio

from engine.clock import ScaledClock
from engine.desk.settings import NO_SETTINGS, Settings
from engine.driver import Driver, DriverLimits
from engine.embedding import Engine
from engine.ports import (
    Clock,
    Committed,
    Connector,
    ConnectorError,
    HistoryTrimmed,
    JournalReader,
    Principal,
    Sealer,
    Store,
    StoreError,
)
from engine.store.records import committed, open_record
from engine.store.recovery import Recovered, catch_up, recover
from engine.threads import run_blocking as run_blocking  # who wires something up finds it here too

if TYPE_CHECKING:
    from engine.desk.bot.brain import Brain
    from engine.desk.bot.turns import LookedUp, Lookup
    from engine.desk.conversations.queries import StoryRow
    from engine.desk.database import Database
    from engine.desk.desk import Desk
    from engine.desk.rebuilding import Verdict
    from engine.store.sealing import KeyRing


# A successor has caught up when a round of reading finds fewer records than an engine writes in a quarter of a second.
_ROUNDS, _NEARLY = 20, 2_000
_SNAPSHOT_REST = 2.0
_DESK_FILE, _KEYS_FILE = "desk.db", "keys.db"
MASTER_KEY = "master.key"
# How often the interpreter lets another thread go on. A commit takes it back a handful of times; at Python's 5 ms each,
# a busy loop would add 20 ms to every answer.
_SWITCH_S = 0.0005


def wall_ms() -> int:
    """The wall clock; read for how long the engine was away, never for a decision."""
    return time.time_ns() // 1_000_000  # noqa: TID251  # the one place where the wall clock comes in


def tune_process() -> None:
    """For a process that is an engine and nothing else: short turns for the commit's thread."""
    sys.setswitchinterval(_SWITCH_S)


def open_store(store: str | os.PathLike[str] | Store, *, ballast_bytes: int = 0) -> Store:
    """``"memory"``, a folder, a ``postgresql://`` URL, or a store already made. Raises ``StoreError``.

    ``ballast_bytes``: room that a folder keeps back for the day the disk is full.
    """
    if not isinstance(store, str | os.PathLike):
        return store
    if store == "memory":
        from engine.store.memory import MemoryStore

        return MemoryStore()
    if is_url(store):
        opened: Store = _postgresql().PostgresqlStore(os.fspath(store))
        return opened
    from adapters.storage.sqlite import SqliteStore

    return SqliteStore(store, ballast_bytes=ballast_bytes)


def open_journal(store: str | os.PathLike[str]) -> JournalReader:
    """The journal in a folder or behind a URL, to read; an engine may be running on it.

    Raises ``StoreError``, at the latest on first use.
    """
    if is_url(store):
        journal: JournalReader = _postgresql().PostgresqlJournal(os.fspath(store))
        return journal
    from adapters.storage.sqlite import SqliteJournal

    return SqliteJournal(store)


def is_url(store: str | os.PathLike[str]) -> bool:
    return os.fspath(store).startswith(("postgresql://", "postgres://"))


def name_of(store: str | os.PathLike[str]) -> str:
    """The place as it may be shown and logged: a URL without its user, password and options."""
    if not is_url(store):
        return os.fspath(store)
    parts = urlsplit(os.fspath(store))
    return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _postgresql() -> ModuleType:
    """The adapter, which needs a package of its own."""
    try:
        return import_module("adapters.storage.postgresql")
    except ImportError as error:
        raise StoreError(f"PostgreSQL needs psycopg: pip install 'sluice[postgresql]' (got: {error})") from error


@asynccontextmanager
async def open_driver(
    policy_text: str,
    store: str | os.PathLike[str] | Store,
    *,
    clock_scale: float = 1.0,
    clock: Clock | None = None,
    limits: DriverLimits | None = None,
    keep_archive_ms: int = 0,
    warm: Recovered | None = None,
    ballast_bytes: int = 0,
    sealer: Sealer | None = None,
) -> AsyncIterator[Driver]:
    """A running driver; leaving the block stops it and releases the store. ``keep_archive_ms`` 0: for ever.

    ``warm``: what :func:`warm_up` found. ``sealer``: seals all texts in the journal (see :func:`open_keys`).

    When the store fails, the block is cancelled and ``StoreError`` raised, not in a group.
    """
    opened = open_store(store, ballast_bytes=ballast_bytes)
    place = store if isinstance(store, str | os.PathLike) and store != "memory" else None
    driver = Driver(
        opened,
        clock or ScaledClock(clock_scale),
        run_blocking,
        policy_text,
        wall_ms=wall_ms,
        limits=limits or DriverLimits(snapshot_rest=_SNAPSHOT_REST),
        take_snapshot=None if place is None else snapshot_child(place, keep_archive_ms),
        warm=warm,
        sealer=sealer,
    )
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(driver.run)
            yield driver
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise _only(group) from None


def open_keys(store: str | os.PathLike[str], master_key: Path | None = None, *, make: bool = True) -> KeyRing | None:
    """The keys of a store: in a file of their own in its folder, or a schema of their own in its database.

    ``master_key``: the file with the key above them all; none: ``master.key`` in the store's folder, which ``make`` makes where
    the store has no keys yet. None: it has none, and none are to be made. Raises ``StoreError``, also where there are keys and
    no master key: going on without it would leave texts plain that were promised to be sealed.
    """
    from engine.store.master_key import make_master_key, read_master_key
    from engine.store.sealing import KeyRing

    path, has_keys = master_key or (None if is_url(store) else Path(store) / MASTER_KEY), _has_keys(store)
    if not (has_keys or make):
        return None
    if path is None or not path.exists():
        if has_keys:
            at = "" if path is None else f" at {path}"
            raise StoreError(
                f"master key: got none{at}, wanted the one that {name_of(store)} is sealed with (--master-key FILE)"
            )
        if path is None:
            raise StoreError(
                "master key: got none, wanted --master-key FILE (a database has no folder of its own for it)"
            )
        if master_key is not None:
            raise StoreError(f"master key: there is no {path}, wanted what `sluice desk key {path}` writes")
        make_master_key(path)
    master = read_master_key(path)
    if is_url(store):
        return KeyRing(_keys_module().PostgresqlKeys(os.fspath(store)), master)
    from adapters.storage.keys_sqlite import SqliteKeys

    return KeyRing(SqliteKeys(Path(store) / _KEYS_FILE), master)


def _has_keys(store: str | os.PathLike[str]) -> bool:
    return bool(_keys_module().has_keys(os.fspath(store))) if is_url(store) else (Path(store) / _KEYS_FILE).exists()


def _keys_module() -> ModuleType:
    _postgresql()  # says what is missing
    return import_module("adapters.storage.keys_postgresql")


@asynccontextmanager
async def open_desk(
    driver: Driver,
    store: str | os.PathLike[str] | Store,
    settings: Settings = NO_SETTINGS,
    sealer: Sealer | None = None,
) -> AsyncIterator[Desk]:
    """The desk of a running driver, its tables beside the journal (for a journal in memory: gone with the block).

    Raises ``StoreError``, not in a group.
    """
    from engine.desk.customers.records import Records
    from engine.desk.desk import Desk

    async with AsyncExitStack() as stack:
        place = desk_place(store, stack)
        database = await run_blocking(open_desk_tables, place, sealer)
        stack.callback(database.close)
        connectors = open_connectors(settings)
        for connector in connectors.values():
            stack.push_async_callback(connector.aclose)
        desk = Desk(driver, database, run_blocking, settings, records=Records(connectors))
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(desk.run)
                yield desk
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise _only(group) from None


@asynccontextmanager
async def open_bot(driver: Driver, desk: Desk, brain: Brain, agent: str = "bot") -> AsyncIterator[None]:
    """A bot at work at a desk, in the bot pools of the policy's queues.

    Raises ``StoreError`` where the policy has no place for a bot; not in a group.
    """
    from engine.desk.bot.runtime import BotRunner, Seat
    from engine.desk.dates import day_of

    policy = await driver.ask(lambda dispatcher: dispatcher.policy)
    pools = tuple(dict.fromkeys(pool for queue in policy.queues.values() for pool in queue.bot_pools))
    if not pools:
        raise StoreError("bot: no queue of the policy has bot_pools, wanted one that a bot may serve")
    tenants = tuple(policy.tenants)
    seat = Seat(agent, tenants[0] if len(tenants) == 1 else "", pools)
    runner = BotRunner(
        driver, brain, seat, run_blocking, lambda: day_of(wall_ms()), partial(_look_up, desk), partial(_leave_note, desk, agent)
    )  # fmt: skip
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(runner.run)
            yield
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise _only(group) from None


async def _look_up(desk: Desk, tenant: str, customer: str, lookup: Lookup) -> LookedUp:
    """Asked of the first connector that the desk's file declares."""
    from engine.desk.bot.lookups import question_of, turn_of
    from engine.desk.bot.turns import LookedUp

    connector = desk.records.first
    if connector is None:
        return LookedUp("failed")
    try:
        return turn_of(await connector.ask(question_of(lookup, tenant, (customer,))))
    except ConnectorError:
        return LookedUp("failed")


async def _leave_note(desk: Desk, agent: str, tenant: str, customer: str, contact: int, text: str, id: str) -> None:
    """Return once it is answered: written down, or refused (the customer has no key of their own, say)."""
    from engine.desk.conversations.commands import NoteContact
    from engine.desk.deeds import Asker

    note = NoteContact(tenant=tenant, customer=customer, contact=contact, text=text)
    answered = trio.Event()
    desk.do(Principal(tenant, "bot", agent), Asker(tenant, "bot", agent), id, note, lambda _answer: answered.set())
    await answered.wait()


def open_connectors(settings: Settings) -> dict[str, Connector]:
    """Those that the desk's file declares, by name. Raises ``StoreError`` for a key that cannot be read."""
    if not settings.connectors:
        return {}
    from adapters.connectors.http import HttpConnector

    return {
        name: HttpConnector(
            name,
            place.url,
            read_connector_key(place.key_file),
            lambda: wall_ms() / 1000,
            timeout_ms=place.timeout_ms,
            max_bytes=place.max_kib << 10,
        )
        for name, place in settings.connectors.items()
    }


def read_connector_key(path: str | os.PathLike[str]) -> bytes:
    """The secret in a file, white space around it apart. Raises ``StoreError``."""
    from adapters.connectors.signing import KEY_BYTES

    try:
        key = Path(path).read_bytes().strip()
    except OSError as error:
        raise StoreError(f"the connector's key cannot be read: {error.strerror} ({path})") from error
    if len(key) < KEY_BYTES:
        raise StoreError(f"the connector's key: got {len(key)} bytes, wanted at least {KEY_BYTES} ({path})")
    return key


async def serve_demo_shop(key: bytes, port: int, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
    """The demo shop on this machine's loopback, until cancelled; started with its URL. Raises ``OSError``."""
    from hypercorn.config import Config
    from hypercorn.trio import serve

    from adapters.connectors.demo_shop import DemoShop

    shop = DemoShop(key, lambda: wall_ms() / 1000)
    (listener,) = await trio.open_tcp_listeners(port, host="127.0.0.1")
    config = Config()
    config.bind = [f"fd://{os.dup(listener.socket.fileno())}"]
    config.accesslog = None
    config.loglevel = "ERROR"
    task_status.started(f"http://127.0.0.1:{listener.socket.getsockname()[1]}/")
    await listener.aclose()
    await serve(shop.app, config, mode="asgi")  # type: ignore[arg-type]  # Starlette is an ASGI application


def desk_place(store: str | os.PathLike[str] | Store, stack: ExitStack | AsyncExitStack) -> Path | str:
    """Where the desk's tables of this store are."""
    if isinstance(store, str | os.PathLike) and store != "memory":
        return os.fspath(store) if is_url(store) else Path(store) / _DESK_FILE
    return Path(stack.enter_context(TemporaryDirectory(prefix="sluice-desk-"))) / _DESK_FILE


def open_desk_tables(place: Path | str, sealer: Sealer | None, *, beside: bool = False) -> Database:
    """The tables, in this release's form; what is personal in them is plain without a sealer. ``beside``: see ``open_database``.

    Raises ``StoreError``.
    """
    from engine.desk.database import open_database
    from engine.desk.plain import NotSealed

    return open_database(place, sealer or NotSealed(), beside=beside)


def rebuild_desk(store: str | os.PathLike[str], *, only_check: bool, master_key: Path | None = None) -> Verdict:
    """The desk's tables made anew from the journal: compared with those that are there, or put into their place.

    To compare, an engine may be running; to replace, none. Raises ``StoreError``.
    """
    from engine.desk.rebuilding import check, make
    from engine.desk.rooms import all_folds

    with ExitStack() as stack:
        journal = stack.enter_context(closing(open_journal(store)))
        last = journal.last_lsn()
        if not only_check:
            owned = stack.enter_context(closing(open_store(store)))
            last = owned.open().last_lsn

        sealer = open_keys(store, master_key, make=False)
        if sealer is not None:
            stack.callback(sealer.close)

        def read(after: int, limit: int) -> list[Committed]:
            records = [open_record(stored) for stored in journal.read(after, limit)]
            if sealer is None and any(record.sealed for record in records):
                raise StoreError("the journal's texts are sealed: wanted the master key (--master-key FILE)")
            return [committed(record, sealer) for record in records]

        place = desk_place(store, stack)
        live = stack.enter_context(closing(open_desk_tables(place, sealer)))
        anew = open_desk_tables(place, sealer, beside=True)
        try:
            if only_check:
                return check(live, anew, read, all_folds())
            made = make(anew, read, all_folds(), last)
            anew.take_the_place_of(live)
            return msgspec.structs.replace(made, replaced=True)
        finally:
            anew.drop()


def export_conversation(
    store: str | os.PathLike[str], contact: int, *, alone: bool, master_key: Path | None = None
) -> StoryRow | None:
    """A contact's story, its customer's other contacts with it; None: the desk's tables know no such contact.

    An engine may be running. Raises ``StoreError``.
    """
    from engine.desk.conversations.export import whole_story
    from engine.driver.history import History

    with ExitStack() as stack:
        journal = stack.enter_context(closing(open_journal(store)))
        sealer = open_keys(store, master_key, make=False)
        if sealer is not None:
            stack.callback(sealer.close)
        tables = stack.enter_context(closing(open_desk_tables(desk_place(store, stack), sealer)))

        async def read() -> StoryRow | None:
            return await whole_story(History(journal, run_blocking, 1, sealer), tables, contact, alone=alone)

        return trio.run(read)


def warm_up(store: str | os.PathLike[str]) -> Recovered | None:
    """The journal's state, read while another engine goes on writing it; None: it is empty. Raises ``StoreError``."""
    with closing(open_journal(store)) as journal:
        found = recover(journal)
        if found is not None:
            for _ in range(_ROUNDS):
                if catch_up(journal, found) < _NEARLY:
                    break
        return found


@asynccontextmanager
async def open_engine(
    policy: str | Path,
    store: str | os.PathLike[str] | Store = "memory",
    *,
    clock_scale: float = 1.0,
    sealer: Sealer | None = None,
) -> AsyncIterator[Engine]:
    """The engine inside your own trio program.

    ``policy``: the text of a policy file, or its path (a ``Path``, or a string of one line). ``store``: ``"memory"``, a
    folder, or a store of your own. ``sealer``: seals all payloads in the journal (see :func:`open_keys`); without one they are
    plain there. Raises ``PolicyErrors`` with every problem of the policy, ``StoreError``.
    """
    text = policy
    if isinstance(policy, Path) or "\n" not in policy:
        text = await run_blocking(Path(policy).read_text, "utf-8")
    async with open_driver(str(text), store, clock_scale=clock_scale, sealer=sealer) as driver:
        engine = Engine(driver)
        try:
            yield engine
        finally:
            engine.end()


def _only(error: BaseException) -> BaseException:
    """What a group holds when it holds one thing."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def snapshot_child(store: str | os.PathLike[str], keep_ms: int = 0) -> Callable[[], Awaitable[None]]:
    """Writes a snapshot of the journal and archives what stands behind the older one, in a process that gives way to
    everybody. ``keep_ms``: see ``JournalReader.archive``. Raises ``StoreError``.
    """
    told = msgspec.json.encode((os.fspath(store), keep_ms))

    async def take() -> None:
        # By stdin: a URL may hold a password, and anybody on the machine reads a process's arguments.
        # It gives way before it loads anything: that alone is half a second of a core.
        begin = "import os; os.nice(19); from engine.bootstrap import write_snapshot; write_snapshot()"
        command = [sys.executable, "-c", begin]
        done = await trio.run_process(command, stdin=told, capture_stderr=True, check=False)
        if done.returncode != 0:
            raise StoreError(done.stderr.decode(errors="replace").strip().rpartition("\n")[2])

    return take


def write_snapshot() -> None:
    """What the child of :func:`snapshot_child` does; it is told on stdin what for, and says on stderr why not."""
    from engine.store.recovery import take_snapshot

    store, keep_ms = msgspec.json.decode(sys.stdin.buffer.read(), type=tuple[str, int])
    gc.disable()  # it holds one state, and then it is gone
    try:
        journal = open_journal(store)
        try:
            take_snapshot(journal, wall_ms(), keep_ms)
        finally:
            journal.close()
    except (StoreError, HistoryTrimmed) as error:
        sys.exit(str(error))
