"""Who is connected: one live socket per agent and per session, and what the dispatcher is told of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from engine.access.roles import Role
from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.agents import SIGNED_ON, AgentState
from engine.dispatch.commands import Command
from engine.dispatch.dispatcher import Dispatcher
from engine.ports import EPOCHS_APART, Answer, Committed, Draw, Overloaded, Principal, Stopped, StoreError
from engine.server.door import Door

SERVER = Principal("", Role.SERVER, "server")
# Sessions of closed sockets are remembered by nobody: an id is only a key to fence its former socket.
FLAPPING_MS = 60_000
SESSION_BITS = 128
_HEX = re.compile(r"[0-9a-f]{1,12}")


class Member(Protocol):
    """A connection that has said hello."""

    principal: Principal
    session: str
    in_flight: int

    def fence(self) -> None: ...


class Roster:
    """Sessions and agents, by their live socket.

    An agent whose last socket dies is reported lost at once; the dispatcher's grace does the rest. ``states`` follows
    the journal, so that only agents who are signed on (or may be, with a command under way) are reported.
    """

    def __init__(self, door: Door, draw: Draw) -> None:
        self._door = door
        self._draw = draw
        self._sessions: dict[str, Member] = {}
        self._agents: dict[str, Member] = {}
        self._states: dict[str, AgentState] = {}
        self._ready: set[str] = set()  # available, or were when they got lost
        self._losing: dict[str, int] = {}  # agent → the newest loss that is being said
        self._unsaid: set[str] = set()
        self._said = 0
        self.epoch = 0
        self.closing = False

    def load(self, dispatcher: Dispatcher) -> None:
        self._states = {name: agent.state for name, agent in dispatcher.agents.items()}
        self._ready = {name for name, state in self._states.items() if state is AgentState.AVAILABLE}

    def on_commit(self, records: Sequence[Committed]) -> None:
        for record in records:
            for event in record.events:
                match event:
                    case ev.AgentStateChanged(agent=agent, after=after) | ev.AgentBack(agent=agent, after=after):
                        state = self._states[agent] = AgentState(after)
                        (self._ready.add if state is AgentState.AVAILABLE else self._ready.discard)(agent)
                    case ev.AgentLost(agent=agent):
                        self._states[agent] = AgentState.LOST
                    case ev.AgentRemoved(agent=agent):
                        self._states.pop(agent, None)
                        self._ready.discard(agent)

    def is_connected(self, agent: str) -> bool:
        return agent in self._agents

    def join(self, member: Member, session: str) -> str:
        """The session's id. Fences the former socket of this session or agent; tells of an agent who is back."""
        former = self._sessions.get(session)
        if former is None or former.principal != member.principal:
            session = f"{self.epoch:x}-{self._draw(1 << SESSION_BITS):032x}"
        else:
            former.fence()
        self._sessions[session] = member
        if member.principal.role in (Role.AGENT, Role.BOT):
            agent = member.principal.subject
            other = self._agents.get(agent)
            if other is not None and other is not former:
                other.fence()
            self._agents[agent] = member
            if agent in self._losing or self._states.get(agent) is AgentState.LOST:
                self._say(cmd.ReturnAgent(agent), agent)
        return session

    def is_of_another_history(self, session: str) -> bool:
        """Whether it began on a store that this one is no continuation of: a backup was restored in between. What its

        client has read since the backup was made is told under the same offsets as other things now.
        """
        epoch, _, rest = session.partition("-")
        if not rest or not _HEX.fullmatch(epoch):
            return False
        return int(epoch, 16) // EPOCHS_APART != self.epoch // EPOCHS_APART

    def rest(self, agent: str) -> None:
        """Its network flaps, and offers to it would time out: not ready, and ready again by itself in a minute."""
        if agent in self._ready:
            until = self._door.now_ms() + FLAPPING_MS
            self._say(cmd.SetAgentState(agent, "not_ready", "flapping", until), agent)

    def leave(self, member: Member) -> None:
        if self._sessions.get(member.session) is member:
            del self._sessions[member.session]
        agent = member.principal.subject
        if self._agents.get(agent) is not member or member.principal.role not in (Role.AGENT, Role.BOT):
            return
        del self._agents[agent]
        # A sign-on may still be under way: the inbox keeps order, so this comes after it.
        if not self.closing and (self._states.get(agent) in SIGNED_ON or member.in_flight > 0):
            self._say(cmd.LoseAgent(agent), agent)

    def say_again(self) -> None:
        """What a full inbox did not take: whether these agents are there, as it is now."""
        agents, self._unsaid = self._unsaid, set()
        for agent in sorted(agents):
            if agent in self._agents:
                if self._states.get(agent) is AgentState.LOST:
                    self._say(cmd.ReturnAgent(agent), agent)
            elif self._states.get(agent) in SIGNED_ON:
                self._say(cmd.LoseAgent(agent), agent)

    def _say(self, command: Command, agent: str) -> None:
        self._said += 1
        number = self._said
        if isinstance(command, cmd.LoseAgent):
            self._losing[agent] = number

        def deliver(_answer: Answer | Exception) -> None:
            # An older loss may be answered while a newer one is under way.
            if self._losing.get(agent) == number:
                del self._losing[agent]

        try:
            self._door.post(command, SERVER, f"{self.epoch}-{self._said}", b"", deliver)
        except Overloaded:
            self._losing.pop(agent, None)
            self._unsaid.add(agent)
        except (Stopped, StoreError):
            self._losing.pop(agent, None)
