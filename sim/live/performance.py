"""From an empty store to the last line: engine up, play, listen, report, hold, stop, verify."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click
import trio
from rich.console import Console

from adapters.clients import ClientError
from engine.dispatch.policy.compile import PolicyErrors
from sim.arrivals import mean_arrivals
from sim.live.asking import read_questions
from sim.live.engine import Engine, EngineFailed, RunningElsewhere, running_engine, verify_journal
from sim.live.play import Play, Settings, explain, supervising
from sim.live.predicting import as_played, predict
from sim.live.report import Report
from sim.live.summary import show_summary
from sim.live.view import View
from sim.live.wording import Wording
from sim.scenario import clock_text

if TYPE_CHECKING:
    from sim.live.commands import Request


# Where nobody says how wide the page is: the summary's table without a broken line.
LOG_WIDTH = 120


# Two readings of an engine's clock so far apart, and how unlike its speed and ours may be.
CLOCK_S, CLOCKS_APART = 1.0, 0.1


def _engine(request: Request, policy: Path, store: Path, log: Path) -> Any:
    if request.url is not None:
        return nullcontext(RunningElsewhere(request.url, request.framed or request.url))
    options = () if request.desk is None else ("--bot", str(request.desk))
    return running_engine(policy, store, request.speed, log, options)


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
        self.settings = Settings(
            request.scenario,
            request.play_s,
            request.speed,
            drain_s,
            request.reps,
            request.targets_ms,
            {} if request.desk is None else read_questions(request.desk),
        )
        self.view = View(console, words)
        self.code: int | None = None  # once all is told

    async def run(self) -> None:
        """To the end; with ``--hold``: until cancelled. Then ``code`` is the exit code."""
        scenario, say, words = self.request.scenario, self.view.say, self.words
        at = clock_text(scenario.at_ms)
        length_ms = round(self.request.play_s * 1000 * self.request.speed)
        expected = mean_arrivals(scenario, scenario.at_ms, scenario.at_ms + length_ms)
        until = clock_text(scenario.at_ms + length_ms)
        title = {"title": scenario.day.title_in(words.language), "name": scenario.name, "volume": scenario.volume}
        say(words("title", at=at, until=until, n=round(expected), speed=self.request.speed, **title))
        say(words("waits"))
        say(words("starting"))
        log = self.folder / "engine.log"
        policy = Path(scenario.policy_path)
        tenant = scenario.tenant
        async with _engine(self.request, policy, self.folder / "store", log) as engine:
            where = {carrier: engine.url(carrier) for carrier in ("ws", "msgpack", "http")}
            say(words("engine", tenant=tenant, **where))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(engine.watch)
                play = Play(self.settings, engine, self.view, words, nursery)
                async with supervising(engine, scenario) as supervisor:
                    if self.request.url is not None:
                        await self._same_speed(engine)
                    report = Report(await play.perform(supervisor), self.settings)
                    stories = await explain(supervisor, [life.contact for life, _ in report.waits])
                    in_force = await supervisor.ask({"type": "policy", "text": True})
                if self.request.hold:
                    await self._close(engine, report, stories)
                    engine.policy = self._policy_file(in_force["text"])
                    # At the demo's pace nobody could type fast enough to be anybody in it.
                    await play.go_on()
                    self._say_how_to_look(engine, report)
                    await trio.sleep_forever()
                nursery.cancel_scope.cancel()
            await self._close(engine, report, stories)

    async def _same_speed(self, engine: Engine | RunningElsewhere) -> None:
        """An engine that runs already has a clock of its own."""
        readings: list[tuple[float, int]] = []
        for _ in range(2):
            async with supervising(engine, self.request.scenario) as client:
                readings.append((trio.current_time(), client.welcome.now))
            await trio.sleep(CLOCK_S)
        (begun_s, begun), (ended_s, ended) = readings
        found = (ended - begun) / 1000 / (ended_s - begun_s)
        if abs(found / self.request.speed - 1) > CLOCKS_APART:
            raise EngineFailed(self.words("other_speed", found=found, wanted=self.request.speed))

    async def _close(
        self, engine: Engine | RunningElsewhere, report: Report, stories: Mapping[int, Mapping[str, Any]]
    ) -> None:
        """The engine stops, its journal is verified, and all is told."""
        await engine.stop()
        if self.request.url is None:
            report.journal = await verify_journal(engine.store)
        self._predict(report)
        self._tell(report, stories)
        self.code = 0 if report.is_clean and report.meets_targets else 1

    def _predict(self, report: Report) -> None:
        """The twin's turn: afterwards, so that it takes no time from the actors."""
        settings = self.settings
        if not settings.reps:
            return
        self.view.say(self.words("predicting", reps=settings.reps))
        length_ms, drain_ms = (round(each * 1000 * settings.speed) for each in (settings.play_s, settings.drain_s))
        report.hold_against(
            predict(as_played(settings.scenario, length_ms, drain_ms), settings.reps), settings.targets_ms
        )

    def _policy_file(self, in_force: str) -> Path:
        """For the next start: the scenario's own file, unless somebody has applied another policy meanwhile."""
        if in_force == self.request.scenario.policy_text:
            return Path(self.request.scenario.policy_path)
        path = self.folder / "policy.toml"
        path.write_text(in_force, encoding="utf-8")
        return path

    def _tell(self, report: Report, stories: Mapping[int, Mapping[str, Any]]) -> None:
        show_summary(self.console, report, self.words, stories)
        if self.request.as_json:
            click.echo(report.json_line())

    def _say_how_to_look(self, engine: Engine, report: Report) -> None:
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
        say(words("hold_store", store=engine.store))


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
    """Ctrl-C, SIGTERM and a closed terminal end it with the engine stopped in good order: as an interruption before all
    is told, and as the end that it was waiting for afterwards."""
    async with trio.open_nursery() as nursery:

        async def listen() -> None:
            with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
                async for _ in signals:
                    nursery.cancel_scope.cancel()

        nursery.start_soon(listen)
        await performance.run()
        nursery.cancel_scope.cancel()
    return 130 if performance.code is None else performance.code


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
