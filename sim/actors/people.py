"""A person who serves: takes offers or does not, talks to several customers at once, wraps up, takes breaks, vanishes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import log

import numpy as np

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.commands import Sender
from engine.dispatch.policy.compiled import Policy
from sim import phrases
from sim.actors.deeds import Cut, Deed, Do, Wake
from sim.roster import Post
from sim.scenario import DAY_MS, Length, Scenario
from sim.streams import lognormal_ms

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

    __slots__ = ("channel", "contact", "language", "owes_reply", "queue", "replies", "turn")

    def __init__(self, contact: int, channel: str, queue: str) -> None:
        self.contact, self.channel, self.queue = contact, channel, queue
        self.language = "zh"
        self.owes_reply = True
        self.replies = 0
        self.turn = 0


class Person:
    """One agent. ``passes_on`` maps a queue to the queue that this one's customers are sometimes handed to."""

    def __init__(
        self, post: Post, scenario: Scenario, draws: np.random.Generator, passes_on: Mapping[str, str]
    ) -> None:
        self.post, self.agent = post, post.profile.agent
        self._people, self._mail = scenario.people, scenario.mail
        self._mails = frozenset(name for name, channel in scenario.channels.items() if channel.mail)
        self._draws, self._passes_on = draws, passes_on
        self._begin_ms = scenario.at_ms
        self._on_duty = post.works_at(scenario.at_ms)
        self._offers: dict[int, str] = {}  # open offer → the queue it came from
        self._channels: dict[int, str] = {}
        self.chats: dict[int, Chat] = {}
        self.state = "offline"

    def start(self) -> list[Deed]:
        """At the scenario's ``at_ms``: sign on, or wait for the shift; the hazards of the day begin."""
        post = self.post
        if post.works_at(self._begin_ms):
            shift = self._begin_shift(post.end_ms - self._begin_ms)
        else:
            shift = [Wake(post.until_shift_ms(self._begin_ms), "shift")]
        return [
            Do(cmd.DefineAgent(post.profile)),
            *shift,
            *self._hazard("break", self._people.breaks_per_hour),
            *self._hazard("cut", self.post.cuts_per_hour),
        ]

    def met(self, contact: int, channel: str) -> None:
        """What the card of an offered contact says."""
        self._channels[contact] = channel

    def heard(self, event: ev.Event, text: str) -> list[Deed]:
        """An event of this agent's stream, in the stream's order."""
        match event:
            case ev.OfferMade(agent=self.agent, offer=offer, queue=queue):
                self._offers[offer] = queue
                return [self._answer(offer)]
            case ev.OfferDeclined(offer=offer) | ev.OfferExpired(offer=offer) | ev.OfferRescinded(offer=offer):
                self._offers.pop(offer, None)
            case ev.OfferAccepted(offer=offer, contact=contact):
                queue = self._offers.pop(offer, "")
                self.chats[contact] = Chat(contact, self._channels.pop(contact, ""), queue)
            case ev.ContactConnected(contact=contact, agent=self.agent):
                chat = self.chats.setdefault(contact, Chat(contact, self._channels.pop(contact, ""), ""))
                return [self._reply_later(chat)]
            case ev.MessageAdded(contact=contact, sender=Sender.CUSTOMER) if contact in self.chats:
                return self._hear_customer(self.chats[contact], text)
            case ev.WrapUpStarted(contact=contact, agent=self.agent):
                return [Wake(self._length(self._people.wrap_up), "wrap_up", contact)]
            case ev.ContactClosed(contact=contact):
                self.chats.pop(contact, None)
            case ev.ContactTransferred(contact=contact) | ev.ContactRequeued(contact=contact):
                self.chats.pop(contact, None)
            case ev.AgentStateChanged(agent=self.agent):
                return self._change(event)
            case ev.AgentBack(agent=self.agent, after=after):
                self.state = after
        return []

    def woken(self, what: str, of: int, guard: int) -> list[Deed]:
        match what:
            case "accept" if of in self._offers:
                return [Do(cmd.AcceptOffer(agent=self.agent, offer=of))]
            case "decline" if of in self._offers:
                return [Do(cmd.DeclineOffer(agent=self.agent, offer=of, reason="busy"))]
            case "reply" | "close" | "silence" | "pass_on" if of in self.chats:
                return self._talk(what, self.chats[of], guard)
            case "wrap_up":
                return [Do(cmd.EndWrapUp(agent=self.agent, contact=of))]
            case "available" if self.state == "not_ready" and self._on_duty:
                return [Do(cmd.SetAgentState(agent=self.agent, state="available"))]
            case "sign_on" if self.state == "offline" and self._on_duty:
                return [Do(cmd.SignOn(agent=self.agent))]
            case "shift":
                return self._begin_shift(self.post.shift_ms)
            case "shift_over":
                return self._end_shift()
            case "overtime" if self.state != "offline" and not self._on_duty:
                return [Do(cmd.SignOff(agent=self.agent))]
            case "break":
                return self._take_break()
            case "cut":
                return [Cut(self._length(self._people.away)), *self._hazard("cut", self.post.cuts_per_hour)]
        return []

    def resynced(self, state: str, serving: Mapping[int, tuple[str, str]], wrapping: Collection[int]) -> list[Deed]:
        """The stream could not be replayed; this is what there is now. ``serving``: contact → (channel, queue)."""
        self.state = state
        self._offers.clear()  # an offer not seen cannot be answered; it will run out
        gone = self.chats.keys() - serving.keys()
        for contact in gone:
            del self.chats[contact]
        deeds: list[Deed] = [
            Wake(self._length(self._people.wrap_up), "wrap_up", contact) for contact in sorted(wrapping)
        ]
        for contact, (channel, queue) in serving.items():
            if contact not in self.chats:
                chat = self.chats[contact] = Chat(contact, channel, queue)
                deeds.append(self._reply_later(chat))
        return [*deeds, *([Wake(SIGN_ON_AGAIN_MS, "sign_on")] if state == "offline" and self._on_duty else [])]

    def _begin_shift(self, left_ms: int) -> list[Deed]:
        self._on_duty = True
        sign_on = Do(cmd.SignOn(agent=self.agent))
        # Whoever is there round the clock has no shift's end.
        return [sign_on] if self.post.shift_ms >= DAY_MS else [sign_on, Wake(left_ms, "shift_over")]

    def _end_shift(self) -> list[Deed]:
        """Nobody new: finishes those who are there and is off with the last of them; tomorrow again."""
        self._on_duty = False
        tomorrow = Wake(DAY_MS - self.post.shift_ms, "shift")
        if self.state == "offline":
            return [tomorrow]
        finish = cmd.SetAgentState(agent=self.agent, state="finishing")
        return [Do(finish), Wake(OVERTIME_MS, "overtime"), tomorrow]

    def _answer(self, offer: int) -> Wake:
        """Accept after a moment, decline, or look away."""
        people, draw = self._people, self._draws.random()
        if draw < people.ignore:
            return Wake(0, "ignore", offer)
        if draw < people.ignore + people.decline:
            return Wake(self._length(people.decline_after), "decline", offer)
        return Wake(self._length(people.accept), "accept", offer)

    def _hear_customer(self, chat: Chat, text: str) -> list[Deed]:
        chat.turn += 1
        chat.language = "en" if text.isascii() else "zh"
        if phrases.is_farewell(text):
            chat.owes_reply = False
            return [Wake(LAST_WORD_MS, "close", chat.contact, chat.turn)]
        if chat.owes_reply:
            return []  # a reply is being typed; it will answer this line too
        chat.owes_reply = True
        return [self._reply_later(chat)]

    def _reply_later(self, chat: Chat) -> Wake:
        if chat.channel in self._mails:
            return Wake(self._length(self._mail.work), "reply", chat.contact)
        alone = self._people.reply
        slowdown = self._people.slowdown(len(self.chats))
        work = self._draws.lognormal(log(alone.mean_s) - alone.sigma**2 / 2, alone.sigma)
        return Wake(round(work * slowdown * 1000), "reply", chat.contact)

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
            command = cmd.TransferContact(
                contact=contact, agent=self.agent, to_queue=self._passes_on[chat.queue], reason="other_team"
            )
            return [Do(command)]
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
            return [Wake(SIGN_ON_AGAIN_MS, "sign_on")] if self._on_duty else []
        if event.after == "not_ready" and event.reason != "break":
            return [Wake(self._length(self._people.back_after_rona), "available")]
        return []

    def _take_break(self) -> list[Deed]:
        again = self._hazard("break", self._people.breaks_per_hour)
        if self.state != "available":
            return again
        length = self._length(self._people.break_length)
        rest = cmd.SetAgentState(agent=self.agent, state="not_ready", reason="break")
        return [Do(rest), Wake(length, "available"), *again]

    def _hazard(self, what: str, per_hour: float) -> list[Deed]:
        """The next time that this happens to the person, if ever."""
        return [Wake(round(self._draws.exponential(HOUR_MS / per_hour)), what)] if per_hour > 0 else []

    def _length(self, length: Length) -> int:
        return lognormal_ms(self._draws, length.mean_s, length.sigma)
