"""A bot: knows a topic by its words, answers, and hands to a person what it cannot settle."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile, Sender
from sim import phrases
from sim.actors.deeds import Deed, Do, Wake
from sim.actors.turns import AGENTS
from sim.laws import length_ms
from sim.plans import Plan
from sim.scenario import Length, Scenario

# A customer who has said nothing by then is asked what it is about.
GREET_MS = 4_000


class _Talk:
    __slots__ = ("intent", "language", "reason", "turn")

    def __init__(self) -> None:
        self.intent = ""
        self.language = "zh"
        self.reason = ""  # why it hands the customer on
        self.turn = 0


class Bot:
    """One bot agent with many talks at once. Whether its answer settles the matter, the customer says. ``rank``: as a
    person's."""

    def __init__(self, profile: AgentProfile, scenario: Scenario, draws: np.random.Generator) -> None:
        self.profile, self.rank = profile, AGENTS
        self._settings, self._draws = scenario.bots, draws
        self._words: Mapping[str, Sequence[str]] = {topic: taught.words for topic, taught in scenario.topics.items()}
        self._talks: dict[int, _Talk] = {}
        self._coming: dict[int, Plan] = {}
        self._sessions: dict[int, Plan] = {}

    def met(self, contact: int, plan: Plan) -> None:
        """Who is being connected, where a contact's time with a bot is given as a whole."""
        if plan.bot_ms >= 0:
            self._coming[contact] = plan

    def start(self) -> list[Deed]:
        return [Do(cmd.DefineAgent(self.profile)), Do(cmd.SignOn(agent=self.profile.agent))]

    def heard(self, event: ev.Event, text: str) -> list[Deed]:
        """An event of this agent's stream, in the stream's order."""
        hear = _HEAR.get(type(event))
        return hear(self, event, text) if hear is not None else []

    def _hear_connected(self, event: ev.ContactConnected, _text: str) -> list[Deed]:
        contact = event.contact
        plan = self._coming.pop(contact, None)
        if plan is not None:
            self._sessions[contact] = plan
            session = Wake(plan.bot_ms, "session", contact)
            return [Wake(self._answer_ms(), "word", contact), session] if self._settings.answer.mean_s else [session]
        if event.agent != self.profile.agent:
            return []
        self._talks[contact] = _Talk()
        return [Wake(GREET_MS, "greet", contact)]

    def _hear_message(self, event: ev.MessageAdded, text: str) -> list[Deed]:
        if event.sender == Sender.CUSTOMER and event.contact in self._talks:
            return self._hear(event.contact, text)
        return []

    def _hear_state(self, event: ev.AgentStateChanged, _text: str) -> list[Deed]:
        """Its grace was over before its line was back: it signs on again."""
        if event.agent == self.profile.agent and event.after == "offline":
            return [Do(cmd.SignOn(agent=self.profile.agent))]
        return []

    def _hear_gone(self, event: ev.ContactClosed | ev.ContactTransferred, _text: str) -> list[Deed]:
        self._talks.pop(event.contact, None)
        self._sessions.pop(event.contact, None)
        return []

    def woken(self, what: str, contact: int, guard: int) -> list[Deed]:
        if what == "session":
            return self._end_session(contact)
        if what == "word":
            plan = self._sessions.get(contact)
            return [] if plan is None else [self._say(contact, phrases.BOT_ANSWERS, plan.language)]
        talk = self._talks.get(contact)
        if talk is None or guard != talk.turn:
            return []
        match what:
            case "greet":
                return [self._say(contact, phrases.BOT_GREETINGS, talk.language), self._mind_silence(contact, talk)]
            case "answer":
                return [self._say(contact, phrases.BOT_ANSWERS, talk.language), self._mind_silence(contact, talk)]
            case "hand_off":
                command = cmd.TransferContact(
                    contact=contact,
                    agent=self.profile.agent,
                    reason=talk.reason,
                    intent=talk.intent,
                    transcript=f"bot-{contact}",
                )
                return [self._say(contact, phrases.BOT_HANDS_OFF, talk.language), Do(command)]
            case "close":
                return [self._close(contact, "solved")]
            case "silence":
                return [self._close(contact, "idle")]
        return []

    def _end_session(self, contact: int) -> list[Deed]:
        """Settled, or handed to a person with what it is about."""
        plan = self._sessions.pop(contact, None)
        if plan is None:
            return []
        if plan.contained and not plan.asks_person:
            return [self._close(contact, "solved")]
        reason = "customer_asked" if plan.asks_person else "not_solved"
        agent = self.profile.agent
        return [Do(cmd.TransferContact(contact=contact, agent=agent, reason=reason, intent=plan.topic))]

    def resynced(self, state: str, serving: Mapping[int, tuple[str, str]], wrapping: Collection[int]) -> list[Deed]:
        """The stream could not be replayed: talks that are over are forgotten, new ones greeted. ``wrapping`` is empty."""
        for contact in self._talks.keys() - serving.keys():
            del self._talks[contact]
        deeds: list[Deed] = []
        for contact in sorted(serving.keys() - self._talks.keys()):
            self._talks[contact] = _Talk()
            deeds.append(Wake(GREET_MS, "greet", contact))
        return [*deeds, *([Do(cmd.SignOn(agent=self.profile.agent))] if state == "offline" else [])]

    def _hear(self, contact: int, text: str) -> list[Deed]:
        talk = self._talks[contact]
        talk.turn += 1
        if phrases.is_farewell(text):
            return [Wake(self._answer_ms(), "close", contact, talk.turn)]
        if not talk.intent:
            talk.language = "en" if text.isascii() else "zh"
            talk.intent = phrases.topic_of(text, self._words)
            talk.reason = "" if talk.intent else "not_understood"
        elif phrases.is_unsolved(text):
            talk.reason = "not_solved"
        return [Wake(self._answer_ms(), "hand_off" if talk.reason else "answer", contact, talk.turn)]

    def _mind_silence(self, contact: int, talk: _Talk) -> Wake:
        return Wake(self._length(self._settings.silence), "silence", contact, talk.turn)

    def _answer_ms(self) -> int:
        return self._length(self._settings.answer)

    def _length(self, length: Length) -> int:
        return length_ms(length, self._draws)

    def _say(self, contact: int, lines: Mapping[str, Sequence[str]], language: str) -> Do:
        command = cmd.AddMessage(contact=contact, sender=Sender.BOT, agent=self.profile.agent, automatic=True)
        return Do(command, phrases.line(lines, language, contact))

    def _close(self, contact: int, reason: str) -> Do:
        self._talks.pop(contact, None)
        return Do(cmd.CloseContact(contact=contact, agent=self.profile.agent, reason=reason))


_HEAR: dict[type, Callable[[Bot, Any, str], list[Deed]]] = {
    ev.ContactConnected: Bot._hear_connected,
    ev.MessageAdded: Bot._hear_message,
    ev.AgentStateChanged: Bot._hear_state,
    ev.ContactClosed: Bot._hear_gone,
    ev.ContactTransferred: Bot._hear_gone,
    ev.ContactRequeued: Bot._hear_gone,
    ev.ContactAbandoned: Bot._hear_gone,
}
