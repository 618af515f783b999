"""From an empty store to the last line: engine up, play, listen, report, hold, stop, verify."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click
import trio
from rich.console import Console

from adapters.clients import ClientError
from engine.dispatch.policy.compile import PolicyErrors
from sim.arrivals import mean_arrivals
from sim.live.engine import Engine, EngineFailed, running_engine, verify_journal
from sim.live.play import Play, Settings, explain, supervising
from sim.live.report import Report
from sim.live.summary import show_summary
from sim.live.view import View
from sim.live.wording import Wording
from sim.scenario import clock_text

if TYPE_CHECKING:
    from sim.live.commands import Request


# Where nobody says how wide the page is: the summary's table without a broken line.
LOG_WIDTH = 120


class Performance:
    """One run of the demo. ``EXPECTED``: what may go wrong outside of our own code; each is one line for the reader."""

    EXPECTED: ClassVar[tuple[type[Exception], ...]] = (
        EngineFailed,
        ClientError,
        PolicyErrors,
        OSError,
        trio.TooSlowError,
    )

    def __init__(self, request: Request, folder: Path, console: Console, words: Wording) -> None:
        self.request, self.folder, self.console, self.words = request, folder, console, words
        drain_s = min(request.drain_s, request.play_s / 4)
        self.settings = Settings(request.scenario, request.play_s, request.speed, drain_s)
        self.view = View(console, words)

    async def run(self) -> int:
        """Returns the exit code."""
        scenario, say, words = self.request.scenario, self.view.say, self.words
        at = clock_text(scenario.at_ms)
        length_ms = round(self.request.play_s * 1000 * self.request.speed)
        expected = mean_arrivals(scenario, scenario.at_ms, scenario.at_ms + length_ms)
        until = clock_text(scenario.at_ms + length_ms)
        title = {"title": scenario.day.title, "name": scenario.name, "volume": scenario.volume, "n": round(expected)}
        say(words("title", at=at, until=until, speed=self.request.speed, **title))
        say(words("waits"))
        say(words("starting"))
        store, log = self.folder / "store", self.folder / "engine.log"
        policy = Path(scenario.policy_path)
        async with running_engine(policy, store, self.request.speed, log) as engine:
            report, stories = await self._play(engine, store)
            if not self.request.hold:
                await engine.stop()
        if not self.request.hold:
            report.journal = await verify_journal(store)
            self._tell(report, stories)
        return 0 if report.is_clean else 1

    async def _play(self, engine: Engine, store: Path) -> tuple[Report, dict[int, dict[str, Any]]]:
        tenant = self.request.scenario.tenant
        where = {carrier: engine.url(carrier) for carrier in ("ws", "msgpack", "http")}
        self.view.say(self.words("engine", tenant=tenant, **where))
        async with supervising(engine, self.request.scenario) as supervisor, trio.open_nursery() as nursery:
            nursery.start_soon(engine.watch)
            play = Play(self.settings, engine, self.view, self.words, nursery)
            report = Report(await play.perform(supervisor), self.settings)
            stories = await explain(supervisor, [life.contact for life, _ in report.waits])
            if self.request.hold:
                self._tell(report, stories)
                self._say_how_to_look(engine, store, report)
                play.go_on()
                await trio.sleep_forever()
            nursery.cancel_scope.cancel()
        return report, stories

    def _tell(self, report: Report, stories: Mapping[int, Mapping[str, Any]]) -> None:
        show_summary(self.console, report, self.words, stories)
        if self.request.as_json:
            click.echo(report.json_line())

    def _say_how_to_look(self, engine: Engine, store: Path, report: Report) -> None:
        say, words, tenant = self.view.say, self.words, self.request.scenario.tenant
        url, http = engine.url("ws"), engine.url("http")
        where = f"--url {url} --tenant {tenant}"
        contact = report.waits[0][0].contact if report.waits else 1
        say("")
        say(words("hold"))
        for line in (
            f"sluice top {where}",
            f"sluice ctl queues {where}",
            f"sluice ctl agents {where}",
            f"sluice explain {contact} {where}",
            f"sluice chat --as customer {where}",
            f"curl {http}/metrics",
        ):
            say(f"    {line}")
        say(words("hold_store", store=store))


def run_demo(request: Request) -> int:
    """Play to the end; returns the exit code. The temporary store is removed, one that was asked for is kept."""
    words = Wording(request.lang)
    # Stories on stderr with --json, so that stdout is the one line.
    console = Console(stderr=request.as_json)
    if not console.is_terminal:
        console = Console(stderr=request.as_json, width=LOG_WIDTH)
    folder = request.store or Path(tempfile.mkdtemp(prefix="sluice-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    performance = Performance(request, folder, console, words)
    failed: BaseException | None = None
    code = 3
    try:
        code = trio.run(_until_signal, performance)
    except* (KeyboardInterrupt, SystemExit):  # rich leaves by SystemExit when whoever read our output has gone
        code = 130
    except* Exception as group:  # noqa: BLE001  # whatever ends the play becomes one line and a code
        failed = _first(group)
    if failed is not None:
        console.print(words("failed", error=failed), style="bold red", highlight=False, markup=False, soft_wrap=True)
        if not isinstance(failed, performance.EXPECTED):
            raise failed
    if request.store is None and not (request.hold and folder.joinpath("store").exists()):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        console.print(words("stopped", store=folder), highlight=False, soft_wrap=True)
    return code


async def _until_signal(performance: Performance) -> int:
    """SIGTERM and a closed terminal end it as Ctrl-C does, with the engine stopped in good order."""
    code = 130
    async with trio.open_nursery() as nursery:

        async def listen() -> None:
            with trio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
                async for _ in signals:
                    nursery.cancel_scope.cancel()

        nursery.start_soon(listen)
        code = await performance.run()
        nursery.cancel_scope.cancel()
    return code


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
