"""The players of :mod:`sim.live`, who do nothing before their turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from adapters.clients import Client
from engine.dispatch import commands as cm
from sim.actors.bots import Bot
from sim.actors.deeds import Cut, Deed, Do, Wake
from sim.actors.people import Person
from sim.live.players import Actor, AgentPlayer, ChannelPlayer, Player, Troupe
from tests.same_log.conductor import Conductor
from tests.same_log.lines import Lines, url_of


class _InTurn(Player):
    conductor: Conductor

    def carry_out(self, actor: Actor, deeds: Sequence[Deed]) -> None:
        """As the twin has it: first what the actor wants to be woken for; what it does on hearing something, in its turn."""
        conductor = self.conductor
        super().carry_out(actor, [deed for deed in deeds if isinstance(deed, Wake)])
        acts = [deed for deed in deeds if not isinstance(deed, Wake)]
        if conductor.is_calling:
            super().carry_out(actor, acts)
            return
        for act in acts:
            conductor.put(conductor.now_ms, actor.rank, self.carry_out, actor, [act])


class AgentInTurn(_InTurn, AgentPlayer):
    """``accepts``: called before each accept leaves."""

    def __init__(
        self, troupe: Troupe, conductor: Conductor, lines: Lines, actor: Person | Bot, accepts: Callable[[str], None]
    ) -> None:
        carrier = "msgpack" if isinstance(actor, Bot) else "ws"
        super().__init__(troupe, url_of(carrier, actor.profile.agent), actor)
        self.conductor, self._lines, self._accepts = conductor, lines, accepts

    def begin(self) -> None:
        """Connected, and waits for its first turn."""

    def enter(self) -> None:
        self.carry_out(self.actor, self.actor.start())

    def cut_off(self, away_ms: int) -> None:
        self.carry_out(self.actor, [Cut(away_ms)])

    def _cut(self, client: Client, deed: Cut) -> None:
        """Dials again at once, and gets through when its time away is over."""
        self.away = True
        conductor = self.conductor
        conductor.put(conductor.now_ms + deed.away_ms, self.actor.rank, self._lines.shut(self.subject))
        client.cut()

    async def _send(self, client: Client, actor: Actor, deed: Do, due_s: float) -> None:
        if isinstance(deed.command, cm.AcceptOffer):
            self._accepts(self.subject)
        await super()._send(client, actor, deed, due_s)


class ChannelInTurn(_InTurn, ChannelPlayer):
    def __init__(self, troupe: Troupe, conductor: Conductor, channel: str) -> None:
        super().__init__(troupe, url_of("msgpack", channel), channel)
        self.conductor = conductor
