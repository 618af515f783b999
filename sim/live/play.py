"""One performance: an engine of its own, everybody enters, customers come, the doors close, the clients are heard."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import trio

from adapters.clients import Client, ClientError, connect
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy
from sim.actors.bots import Bot
from sim.actors.people import Person, mail_queues
from sim.arrivals import arrivals
from sim.casting import cast
from sim.checker import Verdict, judge
from sim.live.asking import Questions
from sim.live.clock import SharedClock, Timeline
from sim.live.engine import Engine, RunningElsewhere
from sim.live.latency import Measured
from sim.live.players import AgentPlayer, ChannelPlayer, Player, Troupe
from sim.live.view import LOOK_S, Moment, View
from sim.live.wording import Wording
from sim.scenario import Scenario, clock_text
from sim.streams import Streams
from sim.witness import Witness

ENTER_S = 30.0
# Sockets opened at once on entering: a queue of handshakes no longer than the listeners' backlogs.
ENTERING = 24
SETTLE_S = 10.0
REAL_TIME = 1.0


@dataclass(frozen=True)
class Settings:
    """``play_s``: real seconds during which customers come; ``drain_s``: at most as long afterwards they are served."""

    scenario: Scenario
    play_s: float
    speed: float
    drain_s: float
    reps: int = 0  # runs of the twin to hold it against
    targets_ms: Mapping[str, float] = field(default_factory=dict)
    questions: Questions = field(
        default_factory=dict
    )  # what customers ask where the engine's own bot answers; none: no desk


@dataclass
class Seen:
    """All that a performance leaves behind. Instants of the day in ms; ``now_ms`` in dispatcher time."""

    troupe: Troupe
    policy: Policy
    people: int
    bots: int
    begin_day_ms: int
    end_day_ms: int
    now_ms: int
    verdict: Verdict
    figures: dict[str, Any]
    names: dict[str, str]
    lag_ms: float
    stories: dict[int, dict[str, Any]] = field(default_factory=dict)


class Play:
    """Runs inside a nursery that its players share; :meth:`perform` returns when everybody has been heard."""

    def __init__(
        self, settings: Settings, engine: Engine | RunningElsewhere, view: View, words: Wording, nursery: trio.Nursery
    ) -> None:
        scenario = settings.scenario
        self.settings, self.view, self.words = settings, view, words
        self.policy = compile_policy(scenario.policy_text)
        self._engine = engine
        self._clock = SharedClock(settings.speed)
        self._timeline = Timeline(self._clock)
        mails = frozenset(name for name, channel in scenario.channels.items() if channel.mail)
        self.troupe = Troupe(scenario, self._clock, self._timeline, Witness(mails), Measured(), nursery)
        self._streams = Streams(scenario.seed)
        self._agents: list[AgentPlayer] = []
        self._bots: list[AgentPlayer] = []
        self._channels: dict[str, ChannelPlayer] = {}
        self._begin_ms = 0
        self._last_lsn = (0.0, 0)

    @property
    def _players(self) -> list[Player]:
        return [*self._channels.values(), *self._bots, *self._agents]

    async def perform(self, supervisor: Client) -> Seen:
        troupe, settings = self.troupe, self.settings
        troupe.nursery.start_soon(self._timeline.run)
        self._cast()
        await self._enter(supervisor)
        plans = list(arrivals(settings.scenario, self._streams, settings.scenario.at_ms, self._day_end_ms))
        # What is here now stays to the end: the collector need not walk over it again and again.
        gc.collect()
        gc.freeze()
        self._begin_ms = self._clock.now_ms()
        for plan in plans:
            instant = self._begin_ms + plan.at_ms - settings.scenario.at_ms
            self._timeline.at(instant, self._channels[plan.channel].arrive, plan)
        self.view.start()
        try:
            await self._watch(supervisor, settings.play_s)
            minutes = settings.drain_s * settings.speed / 60
            troupe.may_cut = False
            self.view.say(self.words("draining", at=self._day_text, minutes=minutes))
            await self._watch(supervisor, settings.drain_s, until_empty=True)
        finally:
            self.view.stop()
        await self._settle()
        return await self._hear(supervisor)

    async def go_on(self) -> None:
        """After :meth:`perform`, once the engine has stopped: it starts again on its journal, in real time, and the
        agents go back to what they were doing."""
        troupe = self.troupe
        self._clock.change(REAL_TIME)
        await self._engine.start(REAL_TIME)
        troupe.nursery.start_soon(self._engine.watch)
        async with supervising(self._engine, self.settings.scenario) as client:
            self._clock.set(client.welcome.now)
        with trio.move_on_after(SETTLE_S):
            await _until(lambda: not any(player.away for player in self._players))
        self._timeline.resume()

    # --- entering -----------------------------------------------------------------------------------------------------

    def _cast(self) -> None:
        scenario, troupe, streams = self.settings.scenario, self.troupe, self._streams
        framed, websocket = self._engine.url("msgpack"), self._engine.url("ws")
        troupe.mail_queues = mail_queues(scenario, self.policy)
        end_ms = self._day_end_ms + round(self.settings.drain_s * 1000 * self.settings.speed)
        for actor in cast(scenario, streams, self.policy, end_ms):
            if isinstance(actor, Bot):
                if self.settings.questions:
                    continue  # the engine has its own
                self._bots.append(AgentPlayer(troupe, framed, actor))
            else:
                self._agents.append(AgentPlayer(troupe, websocket, actor))
        questions = self.settings.questions
        self._channels = {name: ChannelPlayer(troupe, framed, name, questions) for name in scenario.channels}

    async def _enter(self, supervisor: Client) -> None:
        begun = trio.current_time()
        self.view.say(self.words("entering", agents=len(self._agents), bots=len(self._bots)))
        room = trio.CapacityLimiter(ENTERING)

        async def enter(player: Player) -> None:
            async with room:
                await self.troupe.nursery.start(player.run)

        with trio.fail_after(ENTER_S):
            async with trio.open_nursery() as entering:
                for player in self._players:
                    entering.start_soon(enter, player)
            await _until(lambda: not any(player.unsettled for player in self._players))
        figures = await supervisor.ask({"type": "figures"})
        took = trio.current_time() - begun
        at = clock_text(self.settings.scenario.at_ms)
        self.view.say(self.words("signed_on", signed_on=figures["agents_signed_on"], took=took, at=at))

    # --- playing ------------------------------------------------------------------------------------------------------

    @property
    def _day_end_ms(self) -> int:
        return self.settings.scenario.at_ms + round(self.settings.play_s * 1000 * self.settings.speed)

    @property
    def _day_ms(self) -> int:
        return self.settings.scenario.at_ms + self._clock.now_ms() - self._begin_ms

    @property
    def _day_text(self) -> str:
        return clock_text(self._day_ms)

    async def _watch(self, supervisor: Client, for_s: float, *, until_empty: bool = False) -> None:
        """Show a moment now and then, for so long or until nobody is left who might still be served."""
        end, look_at = trio.current_time() + for_s, trio.current_time()
        while trio.current_time() < end and not (until_empty and self._is_empty):
            for player in self._players:
                player.read_answers()
            if trio.current_time() >= look_at:
                look_at += self.view.every_s
                await self._look(supervisor)
            await trio.sleep(min(LOOK_S, max(0.0, end - trio.current_time())))

    async def _look(self, supervisor: Client) -> None:
        figures = await supervisor.ask({"type": "figures"})
        queues = await supervisor.ask({"type": "queues"})
        now, lsn = trio.current_time(), int(figures["last_lsn"])
        rate = (lsn - self._last_lsn[1]) / max(0.001, now - self._last_lsn[0]) if self._last_lsn[1] else 0.0
        self._last_lsn = (now, lsn)
        self.view.show(
            Moment(
                day_text=self._day_text,
                queues=queues["queues"],
                figures=figures,
                records_per_s=rate,
                events=self.troupe.witness.events,
                offer_p99=self.troupe.measured.offers.quantile(0.99),
                cuts=self.troupe.cuts,
            )
        )

    @property
    def _is_empty(self) -> bool:
        return all(life.ended_at for life in self.troupe.witness.lives.values())

    async def _settle(self) -> None:
        """Everybody holds still, is connected, and has read what there is to read."""
        self._timeline.pause()
        with trio.move_on_after(SETTLE_S):
            await _until(lambda: not any(player.unsettled or player.away for player in self._players))

    async def _catch_up(self) -> None:
        """Every client has read its streams as far as the engine had written them when this was called."""

        async def catch_up(player: Player) -> None:
            assert player.client is not None
            # The answer comes after all pushes that the engine had sent before it.
            await player.client.ask({"type": "streams"})

        with trio.move_on_after(SETTLE_S):
            async with trio.open_nursery() as nursery:
                for player in self._players:
                    nursery.start_soon(catch_up, player)
        await trio.sleep(0.05)  # each reads what its inbox holds

    async def _hear(self, supervisor: Client) -> Seen:
        end_day_ms = min(self._day_ms, self._day_end_ms)
        # In this order: first what the engine still has, then its place in the journal, then the streams up to there.
        known: list[int] = []
        while True:
            page = await supervisor.ask({"type": "contacts", "after": known[-1] if known else 0, "limit": 100})
            known += [row["contact"] for row in page["contacts"]]
            if not page["more"] or not page["contacts"]:
                break
        figures = await supervisor.ask({"type": "figures"})
        await self._catch_up()
        verdict = judge(self.troupe.witness, known, figures["last_lsn"])
        return Seen(
            troupe=self.troupe,
            policy=self.policy,
            people=len(self._agents),
            bots=len(self._bots),
            begin_day_ms=self.settings.scenario.at_ms,
            end_day_ms=end_day_ms,
            now_ms=self._clock.now_ms(),
            verdict=verdict,
            figures=figures,
            names={
                player.subject: player.actor.post.profile.name
                for player in self._agents
                if isinstance(player.actor, Person)
            },
            lag_ms=self._timeline.lag_ms,
        )


async def _until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110  # a rare moment; an event would cost every command of the run a check
        await trio.sleep(0.02)


async def explain(supervisor: Client, contacts: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What the engine says of these contacts; those it cannot explain are left out."""
    stories = {}
    for contact in contacts:
        try:
            stories[contact] = await supervisor.ask({"type": "explain", "contact": contact})
        except ClientError:
            continue
    return stories


def supervising(engine: Engine | RunningElsewhere, scenario: Scenario) -> Any:
    """A supervisor's client (an async context manager)."""
    return connect(engine.url("msgpack"), role="supervisor", subject="demo", tenant=scenario.tenant, name="sluice-demo")
