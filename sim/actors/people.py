"""A person who serves: takes offers or does not, talks to several customers at once, wraps up, takes breaks, vanishes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.commands import Sender
from engine.dispatch.policy.compiled import Policy
from sim import phrases
from sim.actors.attention import OneAtATime, SharedWork
from sim.actors.deeds import Cut, Deed, Do, Wake
from sim.actors.turns import AGENTS
from sim.laws import length_ms
from sim.roster import Post
from sim.scenario import DAY_MS, Length, Scenario

HOUR_MS = 3_600_000
LAST_WORD_MS = 6_000
SIGN_ON_AGAIN_MS = 2_000
# After the shift's end those already there are served; what is still open by then goes to a colleague.
OVERTIME_MS = 10 * 60_000


def passes_on(scenario: Scenario, policy: Policy) -> dict[str, str]:
    """Queue → the queue that its customers are sometimes handed to, from where the policy puts each topic."""

    def queue_of(topic: str) -> str:
        facts = {"topic": topic, "tenant": scenario.tenant, **scenario.topics[topic].attributes}
        return policy.enter(facts).queue

    pairs = {queue_of(name): queue_of(topic.passed_to) for name, topic in scenario.topics.items() if topic.passed_to}
    return {queue: to_queue for queue, to_queue in pairs.items() if queue and to_queue and queue != to_queue}


def mail_queues(scenario: Scenario, policy: Policy) -> frozenset[str]:
    """Queues that a mail may wait in."""
    return frozenset(
        policy.enter({"topic": name, "tenant": scenario.tenant, "channel": channel, **topic.attributes}).queue
        for name, topic in scenario.topics.items()
        for channel, table in scenario.channels.items()
        if table.mail
    )


class Chat:
    """One contact on the person's screen. ``turn`` goes up whenever somebody says something."""

    __slots__ = ("channel", "contact", "language", "owes_reply", "queue", "replies", "turn", "work_ms")

    def __init__(self, contact: int, channel: str, queue: str, work_ms: int = -1) -> None:
        self.contact, self.channel, self.queue = contact, channel, queue
        self.work_ms = work_ms  # what it takes altogether; negative: by turns
        self.language = "zh"
        self.owes_reply = True
        self.replies = 0
        self.turn = 0


class Person:
    """One agent. ``passes_on`` maps a queue to the queue that this one's customers are sometimes handed to; ``rank``: its
    turn within a millisecond, from whoever puts it on a stage."""

    def __init__(
        self, post: Post, scenario: Scenario, draws: np.random.Generator, passes_on: Mapping[str, str]
    ) -> None:
        self.post, self.profile, self.agent = post, post.profile, post.profile.agent
        self.rank = AGENTS
        self._people, self._mail = scenario.people, scenario.mail
        self._mails = frozenset(name for name, channel in scenario.channels.items() if channel.mail)
        self._draws, self._passes_on = draws, passes_on
        self._begin_ms = scenario.at_ms
        self._offers: dict[int, str] = {}  # open offer → the queue it came from
        self._cards: dict[int, tuple[str, int]] = {}
        rates = scenario.people.total_rate_by_level
        self._work = SharedWork(rates, post.pace)
        self._one = OneAtATime(scenario.people.order) if scenario.people.attention == "one" else None
        self._span = post.next_span(scenario.at_ms)
        self._on_duty = self._span[0] <= scenario.at_ms
        self.chats: dict[int, Chat] = {}
        self.state = "offline"

    def start(self) -> list[Deed]:
        """At the scenario's ``at_ms``: sign on, or wait for the shift; the hazards of the day begin."""
        begin, now = self._span[0], self._begin_ms
        shift = self._begin_shift(now) if begin <= now else [Wake(begin - now, "shift")]
        return [
            Do(cmd.DefineAgent(self.post.profile)),
            *shift,
            *self._hazard("break", self._people.breaks_per_hour),
            *self._hazard("cut", self.post.cuts_per_hour),
        ]

    def met(self, contact: int, channel: str, work_ms: int = -1) -> None:
        """What the card of an offered contact says; ``work_ms``: what it will take, where a scenario gives it as a whole."""
        self._cards[contact] = (channel, work_ms)

    def heard(self, event: ev.Event, text: str) -> list[Deed]:
        """An event of this agent's stream, in the stream's order."""
        hear = _HEAR.get(type(event))
        return hear(self, event, text) if hear is not None else []

    def _hear_offer(self, event: ev.OfferMade, _text: str) -> list[Deed]:
        if event.agent != self.agent:
            return []
        self._offers[event.offer] = event.queue
        return [self._answer(event.offer)]

    def _hear_offer_over(self, event: ev.OfferExpired, _text: str) -> list[Deed]:
        self._offers.pop(event.offer, None)
        return []

    def _hear_accepted(self, event: ev.OfferAccepted, _text: str) -> list[Deed]:
        self.chats[event.contact] = self._open(event.contact, self._offers.pop(event.offer, ""))
        return []

    def _hear_connected(self, event: ev.ContactConnected, _text: str) -> list[Deed]:
        if event.agent != self.agent:
            return []
        chat = self.chats.get(event.contact)
        if chat is None:
            chat = self.chats[event.contact] = self._open(event.contact, "")
        return self._begin_chat(chat, event.at)

    def _hear_message(self, event: ev.MessageAdded, text: str) -> list[Deed]:
        chat = self.chats.get(event.contact)
        return self._hear_customer(chat, text) if chat is not None and event.sender == Sender.CUSTOMER else []

    def _hear_wrap_up(self, event: ev.WrapUpStarted, _text: str) -> list[Deed]:
        if event.agent != self.agent:
            return []
        return [Wake(self._length(self._people.wrap_up), "wrap_up", event.contact)]

    def _hear_gone(self, event: ev.ContactClosed | ev.ContactTransferred, _text: str) -> list[Deed]:
        return self._end_chat(event.contact, event.at)

    def _hear_state(self, event: ev.AgentStateChanged, _text: str) -> list[Deed]:
        return self._change(event) if event.agent == self.agent else []

    def _hear_back(self, event: ev.AgentBack, _text: str) -> list[Deed]:
        if event.agent == self.agent:
            self.state = event.after
        return []

    def woken(self, what: str, of: int, guard: int) -> list[Deed]:
        """A time that it asked for has passed."""
        wake = _WAKE.get(what)
        return wake(self, of, guard) if wake is not None else []

    def _accept(self, offer: int, _guard: int) -> list[Deed]:
        return [Do(cmd.AcceptOffer(agent=self.agent, offer=offer))] if offer in self._offers else []

    def _decline(self, offer: int, _guard: int) -> list[Deed]:
        return [Do(cmd.DeclineOffer(agent=self.agent, offer=offer, reason="busy"))] if offer in self._offers else []

    def _first_word(self, contact: int, _guard: int) -> list[Deed]:
        return [self._say(self.chats[contact], phrases.REPLIES)] if contact in self.chats else []

    def _end_wrap_up(self, contact: int, _guard: int) -> list[Deed]:
        return [Do(cmd.EndWrapUp(agent=self.agent, contact=contact))]

    def _be_available(self, _of: int, _guard: int) -> list[Deed]:
        if self.state == "not_ready" and self._on_duty:
            return [Do(cmd.SetAgentState(agent=self.agent, state="available"))]
        return []

    def _sign_on(self, _of: int, _guard: int) -> list[Deed]:
        return [Do(cmd.SignOn(agent=self.agent))] if self.state == "offline" and self._on_duty else []

    def _go_home(self, _of: int, _guard: int) -> list[Deed]:
        """What is still open after the shift goes to a colleague."""
        return [Do(cmd.SignOff(agent=self.agent))] if self.state != "offline" and not self._on_duty else []

    def _be_cut(self, _of: int, _guard: int) -> list[Deed]:
        return [Cut(self._length(self._people.away)), *self._hazard("cut", self.post.cuts_per_hour)]

    def resynced(self, state: str, serving: Mapping[int, tuple[str, str]], wrapping: Collection[int]) -> list[Deed]:
        """The stream could not be replayed; this is what there is now. ``serving``: contact → (channel, queue)."""
        self.state = state
        self._offers.clear()  # an offer not seen cannot be answered; it will run out
        gone = self.chats.keys() - serving.keys()
        for contact in gone:
            del self.chats[contact]
        self._work.clear()
        deeds: list[Deed] = [
            Wake(self._length(self._people.wrap_up), "wrap_up", contact) for contact in sorted(wrapping)
        ]
        for contact, (channel, queue) in serving.items():
            if contact not in self.chats:
                chat = self.chats[contact] = Chat(contact, channel, queue)
                deeds += self._owe_reply(chat)
        return [*deeds, *([Wake(SIGN_ON_AGAIN_MS, "sign_on")] if state == "offline" and self._on_duty else [])]

    def _begin_shift(self, now: int) -> list[Deed]:
        """``now`` and the spans count from the run's first midnight."""
        self._on_duty = True
        begin, end = self._span
        sign_on = Do(cmd.SignOn(agent=self.agent))
        rests = [
            Wake(rest[0] - now, "rest", rest[1] - rest[0])
            for rest in self.post.breaks_between(begin, end)
            if rest[0] >= now
        ]
        # Whoever is there round the clock has no shift's end.
        over = [] if end - begin >= DAY_MS else [Wake(end - now, "shift_over")]
        return [sign_on, *over, *rests]

    def _end_shift(self) -> list[Deed]:
        """Nobody new: finishes those who are there and is off with the last of them; tomorrow again."""
        self._on_duty = False
        now = self._span[1]
        self._span = self.post.next_span(now)
        following = Wake(self._span[0] - now, "shift")
        if self.state == "offline":
            return [following]
        finish = cmd.SetAgentState(agent=self.agent, state="finishing")
        return [Do(finish), Wake(OVERTIME_MS, "overtime"), following]

    def _answer(self, offer: int) -> Wake:
        """Accept after a moment, decline, or look away."""
        people, draw = self._people, self._draws.random()
        if draw < people.ignore:
            return Wake(0, "ignore", offer)
        if draw < people.ignore + people.decline:
            return Wake(self._length(people.decline_after), "decline", offer)
        return Wake(self._length(people.accept), "accept", offer)

    # --- chats ----------------------------------------------------------------------------------------------------

    def _open(self, contact: int, queue: str) -> Chat:
        channel, work_ms = self._cards.pop(contact, ("", -1))
        return Chat(contact, channel, queue, work_ms)

    def _begin_chat(self, chat: Chat, now: int) -> list[Deed]:
        if chat.work_ms < 0:
            return self._owe_reply(chat)
        deeds: list[Deed] = [*self._work.begin(chat.contact, chat.work_ms, now)]
        first = self._people.first_reply
        return deeds if first is None else [Wake(self._length(first), "first", chat.contact), *deeds]

    def _end_chat(self, contact: int, now: int) -> list[Deed]:
        chat = self.chats.pop(contact, None)
        if chat is None:
            return []
        if self._one is not None:
            self._one.drop(contact)
        return [*self._work.drop(contact, now)] if chat.work_ms >= 0 else []

    def _finish_work(self, ticket: int) -> list[Deed]:
        contact, following = self._work.woken(ticket)
        chat = self.chats.get(contact)
        if chat is None:
            return [*following]
        if chat.queue in self._passes_on and self._draws.random() < self._people.pass_on:
            return [self._pass_on(chat), *following]
        return [self._close(contact, "done"), *following]

    def _hear_customer(self, chat: Chat, text: str) -> list[Deed]:
        if chat.work_ms >= 0:
            return []
        chat.turn += 1
        chat.language = "en" if text.isascii() else "zh"
        if phrases.is_farewell(text):
            chat.owes_reply = False
            if self._one is not None:
                self._one.drop(chat.contact)
            return [Wake(LAST_WORD_MS, "close", chat.contact, chat.turn)]
        if chat.owes_reply:
            return []  # a reply is being typed; it will answer this line too
        chat.owes_reply = True
        return self._owe_reply(chat)

    def _owe_reply(self, chat: Chat) -> list[Deed]:
        """Begun at once, beside the others; or, with one attention, when its turn comes."""
        if self._one is None:
            return [Wake(self._reply_ms(chat), "reply", chat.contact)]
        self._one.add(chat.contact)
        return self._next_reply()

    def _next_reply(self) -> list[Deed]:
        assert self._one is not None
        fresh = [contact for contact, chat in self.chats.items() if not chat.replies]
        contact = self._one.take(fresh)
        if not contact:
            return []
        return [Wake(self._reply_ms(self.chats[contact]), "reply", contact)]

    def _reply_ms(self, chat: Chat) -> int:
        if chat.channel in self._mails:
            return self._length(self._mail.work)
        assert self._people.reply is not None
        alone = self._length(self._people.reply) / self.post.pace
        return round(alone if self._one is not None else alone * self._people.slowdown(len(self.chats)))

    def _reply(self, contact: int, guard: int) -> list[Deed]:
        deeds = self._talk("reply", self.chats[contact], guard) if contact in self.chats else []
        if self._one is not None:
            self._one.is_busy = False
            deeds += self._next_reply()
        return deeds

    def _speak(self, what: str, contact: int, guard: int) -> list[Deed]:
        return self._talk(what, self.chats[contact], guard) if contact in self.chats else []

    def _talk(self, what: str, chat: Chat, guard: int) -> list[Deed]:
        contact = chat.contact
        if what == "reply":
            chat.owes_reply = False
            chat.replies += 1
            chat.turn += 1
            return [self._say(chat, phrases.REPLIES), *self._after_reply(chat)]
        if guard != chat.turn:
            return []
        if what == "pass_on":
            return [self._pass_on(chat)]
        if what == "silence":
            return [self._close(contact, "no_reply")]
        if chat.channel in self._mails:
            return [self._close(contact, "done")]
        # The last word is the house's: a round left open would count as unanswered.
        return [self._say(chat, phrases.LAST_REPLIES), self._close(contact, "done")]

    def _after_reply(self, chat: Chat) -> list[Deed]:
        if chat.channel in self._mails:
            return [Wake(LAST_WORD_MS, "close", chat.contact, chat.turn)]
        if chat.replies == 1 and chat.queue in self._passes_on and self._draws.random() < self._people.pass_on:
            return [Wake(LAST_WORD_MS, "pass_on", chat.contact, chat.turn)]
        return [Wake(self._length(self._people.silence), "silence", chat.contact, chat.turn)]

    def _pass_on(self, chat: Chat) -> Do:
        to_queue = self._passes_on[chat.queue]
        return Do(cmd.TransferContact(contact=chat.contact, agent=self.agent, to_queue=to_queue, reason="other_team"))

    def _say(self, chat: Chat, lines: Mapping[str, Sequence[str]]) -> Do:
        command = cmd.AddMessage(contact=chat.contact, sender=Sender.AGENT, agent=self.agent)
        return Do(command, phrases.line(lines, chat.language, chat.contact + chat.replies))

    def _close(self, contact: int, reason: str) -> Do:
        return Do(cmd.CloseContact(contact=contact, agent=self.agent, reason=reason))

    def _change(self, event: ev.AgentStateChanged) -> list[Deed]:
        self.state = event.after
        if event.after == "offline":
            self._offers.clear()
            self.chats.clear()
            self._work.clear()
            if self._one is not None:
                self._one.clear()
            return [Wake(SIGN_ON_AGAIN_MS, "sign_on")] if self._on_duty else []
        if event.after == "not_ready" and event.reason != "break":
            return [Wake(self._length(self._people.back_after_rona), "available")]
        return []

    def _take_break(self) -> list[Deed]:
        again = self._hazard("break", self._people.breaks_per_hour)
        if self.state != "available":
            return again
        return [*self._rest(self._length(self._people.break_length)), *again]

    def _rest(self, length_ms: int) -> list[Deed]:
        """Takes nothing new; who is there is still served."""
        if self.state != "available":
            return []
        rest = cmd.SetAgentState(agent=self.agent, state="not_ready", reason="break")
        return [Do(rest), Wake(length_ms, "available")]

    def _hazard(self, what: str, per_hour: float) -> list[Deed]:
        """The next time that this happens to the person, if ever."""
        return [Wake(round(self._draws.exponential(HOUR_MS / per_hour)), what)] if per_hour > 0 else []

    def _length(self, length: Length) -> int:
        return length_ms(length, self._draws)


_HEAR: dict[type, Callable[[Person, Any, str], list[Deed]]] = {
    ev.OfferMade: Person._hear_offer,
    ev.OfferDeclined: Person._hear_offer_over,
    ev.OfferExpired: Person._hear_offer_over,
    ev.OfferRescinded: Person._hear_offer_over,
    ev.OfferAccepted: Person._hear_accepted,
    ev.ContactConnected: Person._hear_connected,
    ev.MessageAdded: Person._hear_message,
    ev.WrapUpStarted: Person._hear_wrap_up,
    ev.ContactClosed: Person._hear_gone,
    ev.ContactTransferred: Person._hear_gone,
    ev.ContactRequeued: Person._hear_gone,
    ev.AgentStateChanged: Person._hear_state,
    ev.AgentBack: Person._hear_back,
}
# What it asked to be woken for → what it does then, given of and guard.
_WAKE: dict[str, Callable[[Person, int, int], list[Deed]]] = {
    "accept": Person._accept,
    "decline": Person._decline,
    "work": lambda person, _of, guard: person._finish_work(guard),
    "first": Person._first_word,
    "reply": Person._reply,
    "close": lambda person, of, guard: person._speak("close", of, guard),
    "silence": lambda person, of, guard: person._speak("silence", of, guard),
    "pass_on": lambda person, of, guard: person._speak("pass_on", of, guard),
    "wrap_up": Person._end_wrap_up,
    "available": Person._be_available,
    "sign_on": Person._sign_on,
    "shift": lambda person, _of, _guard: person._begin_shift(person._span[0]),
    "shift_over": lambda person, _of, _guard: person._end_shift(),
    "overtime": Person._go_home,
    "break": lambda person, _of, _guard: person._take_break(),
    "rest": lambda person, length_ms, _guard: person._rest(length_ms),
    "fault": lambda _person, away_ms, _guard: [Cut(away_ms)],
    "cut": Person._be_cut,
}
