"""``sluice serve``: an engine with its listeners, until it is told to stop."""

from __future__ import annotations

import faulthandler
import gc
import math
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
import msgspec
import structlog
import trio

from engine.access.tokens import BadKeyFile, Keys
from engine.bootstrap import (
    MASTER_KEY,
    name_of,
    open_bot,
    open_desk,
    open_driver,
    open_keys,
    run_blocking,
    tune_process,
    wall_ms,
    warm_up,
)
from engine.cli import collector
from engine.config import Address, BadAddress, ServeConfig
from engine.desk.problems import DeskErrors
from engine.desk.settings import NO_SETTINGS, Settings
from engine.desk.settings_file import read_settings
from engine.dispatch import commands as cmd
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.problems import PolicyErrors
from engine.driver import Driver, PolicyRefused
from engine.ports import Corrupt, Overloaded, Sealer, Stopped, StoreError
from engine.server.core import Core
from engine.server.handover import Predecessor, attend
from engine.server.listeners import BindError, is_loopback
from engine.server.roster import SERVER
from engine.server.server import Addresses, Server
from engine.store.recovery import Recovered
from engine.telemetry.logs import set_up_logs

if TYPE_CHECKING:
    from engine.desk.bot.brain import Brain
    from engine.desk.desk import Desk
    from engine.store.sealing import KeyRing

EXIT_CODES = """\b
Exit codes:
  0  stopped as told (SIGTERM, SIGINT)
  1  the store failed or is in use, or an address cannot be listened on
  2  wrong usage, or a policy or key file with problems

Signals: SIGTERM and SIGINT drain (last commits, goodbyes, at most 30 s); SIGHUP reads the policy file again, whole or not at all.
"""
# From SIGTERM to the end, at the very most.
HARD_STOP_S = 30.0
_RESTORE = "sluice journal restore BACKUP NEW-STORE"
_DAY_MS = 24 * 60 * 60 * 1_000


def _address(unix: bool) -> Callable[[click.Context, click.Parameter, str | None], Address | None]:
    def parse(_context: click.Context, _parameter: click.Parameter, text: str | None) -> Address | None:
        try:
            return None if text is None else Address.parse(text, unix=unix)
        except BadAddress as error:
            raise click.BadParameter(str(error)) from None

    return parse


@click.command(epilog=EXIT_CODES)
@click.argument("policy", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--store", metavar="DIR|URL", required=True, help="The journal: a folder, or postgresql://….")
@click.option("--ws", callback=_address(unix=False), metavar="HOST:PORT", help="WebSocket (JSON and msgpack).")
@click.option(
    "--msgpack", callback=_address(unix=True), metavar="HOST:PORT|unix:PATH", help="Framed msgpack, for programs."
)
@click.option("--http", callback=_address(unix=False), metavar="HOST:PORT", help="Health, readiness, metrics.")
@click.option("--keys", type=click.Path(dir_okay=False, path_type=Path), help="Key file (`sluice token --create`).")
@click.option(
    "--origin", "origins", multiple=True, metavar="URL", help="A web page's origin that may connect; again for more."
)
@click.option("--listen-remote", is_flag=True, help="Plain listeners may bind beyond loopback. Put TLS before them.")
@click.option(
    "--archive-days",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Drop archived records after so many days; 0: never.",
)
@click.option(
    "--handover",
    metavar="PATH",
    default="",
    help="Unix socket: take over from the engine that listens there, then listen there for the next.",
)
@click.option(
    "--ballast-mb",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Keep so many MiB back in the folder, for the day the disk is full.",
)
@click.option("--desk", is_flag=True, help="With a desk: customers, conversations, knowledge.")
@click.option(
    "--desk-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What the desk declares (attributes, tiers, connectors): desk.toml.",
)
@click.option(
    "--bot",
    type=click.Path(file_okay=False, path_type=Path),
    help="A bot at the desk: the folder with its bot.toml and articles (examples/desk).",
)
@click.option(
    "--master-key",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The key above the keys that seal personal data: `sluice desk key FILE`.  [default: master.key in the store's folder]",
)
@click.option("--dev", is_flag=True, help="No accounts: whoever connects from this machine is who they say they are.")
@click.option("--clock-speed", type=float, default=1.0, show_default=True, help="Engine seconds a second; --dev only.")
def serve(
    policy: Path,
    store: str,
    ws: Address | None,
    msgpack: Address | None,
    http: Address | None,
    keys: Path | None,
    origins: tuple[str, ...],
    listen_remote: bool,
    archive_days: int,
    handover: str,
    ballast_mb: int,
    desk: bool,
    desk_file: Path | None,
    bot: Path | None,
    master_key: Path | None,
    dev: bool,
    clock_speed: float,
) -> None:
    """Route contacts by POLICY, journal in --store, until SIGTERM.

    Says one JSON line on stdout when it is ready: the addresses by carrier (port 0 becomes a free one). Logs are JSON
    lines on stderr. Port 7700 for --ws is where `sluice chat`, `ctl` and `top` look first.
    """
    config = ServeConfig(
        policy,
        store,
        ws,
        msgpack,
        http,
        dev,
        clock_speed,
        keys,
        origins,
        listen_remote,
        archive_days,
        handover=handover,
        ballast_mb=ballast_mb,
        desk=desk or desk_file is not None or bot is not None,
        desk_file=desk_file,
        master_key=master_key,
        bot=bot,
    )
    _check(config)
    signing = _load_keys(keys)
    text = _read_policy(policy)
    settings = _read_desk_file(desk_file)
    brain = _read_bot(bot)
    set_up_logs()
    tune_process()
    try:
        trio.run(_serve, config, text, signing, settings, brain)
    except Corrupt as error:
        _leave(1, f"store: {error}. Look with: sluice journal verify {name_of(store)} – then: {_RESTORE}")
    except (StoreError, BindError, PolicyRefused) as error:
        _leave(1, f"{_kind(error)}: {error}")


def _check(config: ServeConfig) -> None:
    addresses = [address for address in (config.ws, config.msgpack, config.http) if address is not None]
    if not addresses:
        raise click.UsageError("nothing to listen on: give --ws, --msgpack or --http")
    if not config.dev and config.clock_speed != 1.0:
        raise click.UsageError(f"--clock-speed: got {config.clock_speed:g}, wanted 1 without --dev")
    if not (math.isfinite(config.clock_speed) and config.clock_speed > 0):
        raise click.UsageError(f"--clock-speed: got {config.clock_speed:g}, wanted a number above 0")
    if config.dev and any(not address.path and not is_loopback(address.host) for address in addresses):
        raise click.UsageError("--dev listens on this machine only: give loopback addresses, or accounts (--keys)")
    if not config.dev and config.keys is None:
        raise click.UsageError("nobody could connect: give --keys FILE (`sluice token --create FILE`), or --dev")


def _load_keys(path: Path | None) -> Keys | None:
    try:
        return None if path is None else Keys.load(path)
    except BadKeyFile as error:
        _leave(2, str(error))


def _read_policy(path: Path) -> str:
    """The text of a policy without problems; else every problem on stderr, and out."""
    try:
        text = path.read_text("utf-8")
        compile_policy(text)
    except (OSError, UnicodeDecodeError) as error:
        _leave(2, f"policy file: cannot be read, got {error} ({path})")
    except PolicyErrors as errors:
        for problem in errors.problems:
            click.echo(f"sluice: {problem.placed(str(path))}", err=True)
        _leave(2, f"policy file: {len(errors.problems)} problem(s), nothing was started ({path})")
    return text


def _read_desk_file(path: Path | None) -> Settings:
    """What it declares; else every problem on stderr, and out."""
    try:
        return NO_SETTINGS if path is None else read_settings(path.read_text("utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        _leave(2, f"desk file: cannot be read, got {error} ({path})")
    except DeskErrors as errors:
        for problem in errors.problems:
            click.echo(f"sluice: {problem.sentence()}", err=True)
        _leave(2, f"desk file: {len(errors.problems)} problem(s), nothing was started ({path})")


def _read_bot(folder: Path | None) -> Brain | None:
    """The folder's bot; else every problem on stderr, and out."""
    if folder is None:
        return None
    from engine.desk.bot.loading import load_brain

    try:
        return load_brain(folder)
    except OSError as error:
        _leave(2, f"bot: cannot be read, got {error.strerror} ({error.filename})")
    except DeskErrors as errors:
        for problem in errors.problems:
            click.echo(f"sluice: {problem.sentence()}", err=True)
        _leave(2, f"bot: {len(errors.problems)} problem(s), nothing was started ({folder})")


async def _serve(
    config: ServeConfig, text: str, keys: Keys | None, settings: Settings = NO_SETTINGS, brain: Brain | None = None
) -> None:
    failure: BaseException | None = None
    gc.disable()  # until everything is loaded: the collector would look a million contacts over, and find nothing
    try:
        # The keys come first: without them this engine could not go on, and the one that runs had given way for nothing.
        async with _keys(config) as sealer:
            await _serve_sealed(config, text, keys, settings, sealer, brain)
    except BaseExceptionGroup as group:
        failure = _first(group)
    if failure is not None:
        raise failure


async def _serve_sealed(
    config: ServeConfig, text: str, keys: Keys | None, settings: Settings, sealer: Sealer | None, brain: Brain | None
) -> None:
    log = structlog.get_logger("sluice.serve")
    warm, inherited = await _take_over(config)
    async with (
        open_driver(
            text,
            config.store,
            clock_scale=config.clock_speed,
            keep_archive_ms=config.archive_days * _DAY_MS,
            ballast_bytes=config.ballast_mb << 20,
            warm=warm,
            sealer=sealer,
        ) as driver,
        _desk(driver, config, settings, sealer) as desk,
        _bot(driver, desk, brain),
    ):
        core = await Core.start(
            driver,
            keys=keys,
            wall_s=lambda: wall_ms() / 1000,
            clock_scale=config.clock_speed,
            dev=config.dev,
            desk=desk,
        )
        server = Server(core, config, inherited)
        collector.begin()
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async with trio.open_nursery() as nursery:
                addresses = await nursery.start(server.run)
                if config.handover:
                    await nursery.start(attend, config.handover, server)
                for remark in driver.figures.remarks:
                    log.warning("store_remark", remark=remark)
                _say_ready(config, driver, addresses, core.policy.version)
                nursery.start_soon(_heed, signals, config, driver, server)
                nursery.start_soon(collector.keep, lambda: driver.figures.commits)
                if config.dev:
                    log.warning("dev_mode", warning="NO ACCOUNTS: anybody on this machine can be anybody")
                await server.stopping.wait()
                _stop_in_time()
                await server.stopped.wait()
                nursery.cancel_scope.cancel()
        log.info("stopped", lsn=driver.last_lsn)


@asynccontextmanager
async def _keys(config: ServeConfig) -> AsyncIterator[KeyRing | None]:
    """Those of the store: made where a desk is wanted, and used wherever there are any."""
    wanted = config.desk or config.master_key is not None or (Path(config.store) / MASTER_KEY).exists()
    keys = await run_blocking(partial(open_keys, config.store, config.master_key, make=wanted))
    try:
        yield keys
    finally:
        if keys is not None:
            keys.close()


@asynccontextmanager
async def _desk(
    driver: Driver, config: ServeConfig, settings: Settings, sealer: Sealer | None
) -> AsyncIterator[Desk | None]:
    """The desk, if one is wanted: ready when its tables show all that the journal holds."""
    if not config.desk:
        yield None
        return
    async with open_desk(driver, config.store, settings, sealer) as desk:
        yield desk


@asynccontextmanager
async def _bot(driver: Driver, desk: Desk | None, brain: Brain | None) -> AsyncIterator[None]:
    if brain is None or desk is None:
        yield
        return
    async with open_bot(driver, desk, brain):
        yield


async def _take_over(config: ServeConfig) -> tuple[Recovered | None, dict[str, socket.socket]]:
    """From the engine that runs, if there is one: its state as it was a moment ago, and its listening sockets."""
    predecessor = await Predecessor.find(config.handover) if config.handover else None
    if predecessor is None:
        return None, {}
    warm = await run_blocking(warm_up, config.store)
    inherited = await predecessor.hand_over()
    await predecessor.gone()
    return warm, inherited


def _stop_in_time() -> None:
    """Whatever hangs (a disk, a peer, we ourselves), from here on the process lives so long and no longer.

    What was acked is durable; where it hung is told on stderr, and the exit code is 1.
    """
    faulthandler.dump_traceback_later(HARD_STOP_S, exit=True)


async def _heed(signals: AsyncIterator[int], config: ServeConfig, driver: Driver, server: Server) -> None:
    async for number in signals:
        if number == signal.SIGHUP:
            await _reload(config.policy, driver)
        else:
            server.stop()


async def _reload(path: Path, driver: Driver) -> None:
    """The file as it is now, whole or not at all; what is wrong with it goes to the log."""
    log = structlog.get_logger("sluice.policy")
    try:
        text = await trio.Path(path).read_text("utf-8")
        version = compile_policy(text).version
        answer = await driver.submit(cmd.ApplyPolicy(text), SERVER)
    except (OSError, UnicodeDecodeError) as error:
        log.error("policy_not_applied", why=f"cannot be read: {error}", file=str(path))
    except PolicyErrors as errors:
        log.error(
            "policy_not_applied", problems=[problem.placed(path.name) for problem in errors.problems], file=str(path)
        )
    except (Overloaded, Stopped) as error:
        log.error("policy_not_applied", why=str(error), file=str(path))
    else:
        if answer.code:
            log.error("policy_not_applied", why=f"{answer.what}: {answer.got}, wanted {answer.wanted}", file=str(path))
        else:
            log.info("policy_applied", version=version, lsn=answer.lsn)


def _say_ready(config: ServeConfig, driver: Driver, addresses: Addresses, policy: str) -> None:
    """The first and only line on stdout."""
    ready = {
        "ready": True,
        **{name: url for name in ("ws", "msgpack", "http") if (url := getattr(addresses, name))},
        "store": name_of(config.store),
        "policy": policy,
        "epoch": driver.figures.epoch,
        "lsn": driver.last_lsn,
        "dev": config.dev,
        "clock_speed": config.clock_speed,
    }
    click.echo(msgspec.json.encode(ready))
    if config.dev:
        click.echo(_BANNER, err=True)


_BANNER = """
  ╔══════════════════════════════════════════════════════════════════╗
  ║  --dev: NO ACCOUNTS. Anybody on this machine can be anybody.     ║
  ║  For trying things out and for tests; never for real customers.  ║
  ╚══════════════════════════════════════════════════════════════════╝"""


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def _kind(error: Exception) -> str:
    return {"BindError": "address", "PolicyRefused": "policy"}.get(type(error).__name__, "store")


def _leave(code: int, line: str) -> NoReturn:
    click.echo(f"sluice: {line}", err=True)
    sys.exit(code)
