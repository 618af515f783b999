"""A customer: brings a matter, talks to a bot or a person, waits, loses patience, leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.commands import Sender
from sim import phrases
from sim.actors.deeds import Deed, Do, Wake
from sim.actors.turns import CUSTOMERS
from sim.plans import Plan

NUDGE_MS = 45_000
BURST_MS = 4_000


class Phase(StrEnum):
    COMING = "coming"
    BOT = "bot"
    WAITING = "waiting"
    TALKING = "talking"
    CONTENT = "content"  # has said thanks
    GONE = "gone"  # left without a word; nobody knows yet
    AWAY = "away"  # has left or was turned away, and will write again
    LATER = "later"  # was served, and will be back with the same matter
    DONE = "done"


class Customer:
    """Plays one :class:`~sim.arrivals.Plan`. ``contact`` is 0 until the engine has said its number; ``rank``: its turn within
    a millisecond."""

    __slots__ = (
        "_answered",
        "_bot_turns",
        "_came_back",
        "_done_rounds",
        "_retried",
        "_stage",
        "_turn",
        "_wait",
        "_words",
        "contact",
        "phase",
        "plan",
        "rank",
        "tenant",
    )

    def __init__(self, plan: Plan, tenant: str, words: Sequence[str]) -> None:
        self.tenant, self._words = tenant, words
        self.contact = 0
        self.rank = CUSTOMERS + plan.number
        self._begin(plan)

    def _begin(self, plan: Plan) -> None:
        """A visit, with nothing behind it."""
        self.plan = plan
        self.phase = Phase.COMING
        self._stage = "person"
        self._answered = False  # by a person, since it began to wait for one
        self._wait = 0  # which wait for a person the patience runs for
        self._turn = 0  # guards a reply that is being thought about
        self._bot_turns = 0
        self._done_rounds = 0
        self._came_back = 0
        self._retried = 0

    def arrive(self) -> list[Deed]:
        plan = self.plan
        if not plan.rounds:  # says nothing all the while: its work is given as a whole
            return [self._submit("")]
        return [self._submit(phrases.question(plan.topic, self._words, plan.language, plan.words))]

    def _submit(self, text: str) -> Do:
        plan = self.plan
        command = cmd.SubmitContact(
            tenant=self.tenant,
            channel=plan.channel,
            external_id=plan.external_id,
            customer=plan.customer,
            shop=plan.shop,
            source=plan.channel,
            attributes=plan.attributes,
            requires=plan.requires,
            transcript=f"t-{plan.external_id}",
            opening=plan.opening,
        )
        return Do(command, text)

    def submitted(self, contact: int) -> None:
        """The engine's answer to :meth:`arrive`, or to coming back: the old contact, or a new one if it was too late."""
        self.contact = contact

    def heard(self, event: ev.Event) -> list[Deed]:
        """An event of this contact, as its channel sees it."""
        hear = _HEAR.get(type(event))
        return hear(self, event) if hear is not None else []

    def _hear_submitted(self, event: ev.ContactSubmitted) -> list[Deed]:
        self.contact, self._stage = event.contact, event.stage
        if event.stage == "bot":
            self.phase = Phase.BOT
            return []
        return self._wait_for_person()

    def _hear_message(self, event: ev.MessageAdded) -> list[Deed]:
        if event.sender == Sender.BOT:
            return self._hear_bot() if self.phase is Phase.BOT else []
        return self._hear_person() if event.sender == Sender.AGENT else []

    def _hear_connected(self, _event: ev.ContactConnected) -> list[Deed]:
        if self._stage != "person" or self.phase is not Phase.WAITING:
            return []
        self.phase = Phase.TALKING
        if not self.plan.opening:
            self._wait += 1  # nothing is waited for any more
            return []
        return [self._patience()]  # somebody is there: it starts again

    def _hear_waiting(self, event: ev.Event) -> list[Deed]:
        """It waits for a person from here on; or for a bot again, when that one was lost."""
        if isinstance(event, ev.ContactRequeued) and self._stage == "bot":
            return []
        self._stage = "person"
        return self._wait_for_person()

    def _hear_reopened(self, _event: ev.ContactReopened) -> list[Deed]:
        if self._stage == "bot":
            self.phase = Phase.BOT
            return []
        return self._wait_for_person()

    def woken(self, what: str, of: int, guard: int) -> list[Deed]:
        if self.phase == Phase.DONE:
            return []
        match what:
            case "write" if guard == self._turn and self.phase in (Phase.BOT, Phase.TALKING):
                return self._write()
            case "more" if guard == self._turn and self.phase in (Phase.BOT, Phase.TALKING):
                return [self._say(phrases.line(phrases.MORE, self.plan.language, self.plan.words + guard))]
            case "nudge" if guard == self._wait and self.phase == Phase.WAITING:
                return [self._say(phrases.line(phrases.NUDGES, self.plan.language, self.plan.words))]
            case "patience" if guard == self._wait and not self._answered and not self.plan.mail:
                return self._lose_patience()
            case "found_out" if self.phase == Phase.GONE:
                return [Do(cmd.AbandonContact(contact=self.contact, silent=True))]
            case "come_back" | "retry" if self.phase == Phase.AWAY:
                # Under the same id: in time it gets the old place back.
                text = phrases.line(phrases.NUDGES, self.plan.language, self.plan.words) if self.plan.rounds else ""
                return [self._submit(text)]
            case "again" if self.phase == Phase.LATER:
                return self.arrive()
        return []

    def refused(self, command: cmd.Command, code: str) -> list[Deed]:
        """Leaving raced with being connected: say so to the person instead."""
        if isinstance(command, cmd.AbandonContact) and code == "wrong_state" and not command.silent:
            return [Do(cmd.CloseContact(contact=self.contact, reason="customer_left"))]
        return []

    def _wait_for_person(self) -> list[Deed]:
        if self.phase in (Phase.GONE, Phase.DONE):
            return []
        self.phase, self._answered = Phase.WAITING, False
        self._turn += 1
        if self.plan.mail:
            return []
        deeds: list[Deed] = [self._patience()]
        if self.plan.nudge:
            deeds.append(Wake(NUDGE_MS, "nudge", self.contact, self._wait))
        return deeds

    def _patience(self) -> Wake:
        self._wait += 1
        return Wake(self.plan.patience_ms, "patience", self.contact, self._wait)

    def _turned_away(self, event: ev.ContactDeflected) -> list[Deed]:
        """Not let in, and perhaps to try again."""
        self.contact = event.contact
        if self._retried >= self.plan.retries:
            self.phase = Phase.DONE
            return []
        self.phase, self._retried = Phase.AWAY, self._retried + 1
        return [Wake(self.plan.retry_after_ms, "retry")]

    def _be_done(self, event: ev.ContactClosed) -> list[Deed]:
        """Closed; who was served may be back with the same matter, as a contact of its own."""
        following, after_ms = self.plan.again, self.plan.again_after_ms
        if following is None or event.reason == "customer_left" or self.phase is Phase.GONE:
            self.phase = Phase.DONE
            return []
        self._begin(following)
        self.phase = Phase.LATER
        return [Wake(after_ms, "again")]

    def _hear_bot(self) -> list[Deed]:
        """Each thing a bot says is a turn."""
        if not self.plan.rounds:
            return []  # its time with the bot is given as a whole
        self._bot_turns += 1
        self._turn += 1
        think = self.plan.rounds[0].think_ms // 2
        return [Wake(think, "write", self.contact, self._turn)]

    def _hear_person(self) -> list[Deed]:
        if self.phase not in (Phase.WAITING, Phase.TALKING):
            return []
        self.phase, self._answered = Phase.TALKING, True
        if self.plan.work_ms >= 0:
            return []  # how long it takes is given as a whole
        self._turn += 1
        self._done_rounds += 1
        place = min(self._done_rounds, len(self.plan.rounds)) - 1
        return [Wake(self.plan.rounds[place].think_ms, "write", self.contact, self._turn)]

    def _write(self) -> list[Deed]:
        if self.phase == Phase.BOT:
            return self._write_to_bot()
        if self._done_rounds >= len(self.plan.rounds):
            return self._part()
        following = self.plan.rounds[self._done_rounds]
        deeds: list[Deed] = [
            self._say(phrases.line(phrases.MORE, self.plan.language, self.plan.words + self._done_rounds))
        ]
        if following.messages > 1:
            deeds.append(Wake(BURST_MS, "more", self.contact, self._turn))
        return deeds

    def _write_to_bot(self) -> list[Deed]:
        plan = self.plan
        if plan.asks_person:
            return [Do(cmd.AskPerson(contact=self.contact))]
        if not plan.contained:
            return [self._say(phrases.line(phrases.UNSOLVED, plan.language, plan.words))]
        if self._bot_turns <= plan.bot_rounds:
            return [self._say(phrases.line(phrases.MORE, plan.language, plan.words + self._bot_turns))]
        return self._part()

    def _part(self) -> list[Deed]:
        """Content: ends the chat, or says thanks and lets the other side close."""
        if self.plan.mail:
            return []
        self.phase = Phase.CONTENT
        if self.plan.ends_itself:
            return [Do(cmd.CloseContact(contact=self.contact, reason="solved"))]
        return [self._say(phrases.line(phrases.FAREWELLS, self.plan.language, self.plan.words))]

    def _lose_patience(self) -> list[Deed]:
        if self.plan.silent:
            self.phase = Phase.GONE
            return [Wake(self.plan.found_out_ms, "found_out", self.contact)]
        if self.phase == Phase.TALKING:  # connected, and still no word
            return [Do(cmd.CloseContact(contact=self.contact, reason="customer_left"))]
        return [Do(cmd.AbandonContact(contact=self.contact))]

    def _leave(self, _event: ev.ContactAbandoned) -> list[Deed]:
        """Unserved, and perhaps to be back: a few times at most."""
        if self._came_back >= self.plan.returns or self.plan.back_after_ms < 0:
            self.phase = Phase.DONE
            return []
        self.phase, self._came_back = Phase.AWAY, self._came_back + 1
        return [Wake(self.plan.back_after_ms, "come_back", self.contact)]

    def _say(self, text: str) -> Do:
        return Do(cmd.AddMessage(contact=self.contact, sender=Sender.CUSTOMER), text)


_HEAR: dict[type, Callable[[Customer, Any], list[Deed]]] = {
    ev.ContactSubmitted: Customer._hear_submitted,
    ev.MessageAdded: Customer._hear_message,
    ev.ContactConnected: Customer._hear_connected,
    ev.PersonAsked: Customer._hear_waiting,
    ev.ContactTransferred: Customer._hear_waiting,
    ev.ContactRequeued: Customer._hear_waiting,
    ev.ContactResumed: Customer._hear_waiting,
    ev.ContactReopened: Customer._hear_reopened,
    ev.ContactAbandoned: Customer._leave,
    ev.ContactDeflected: Customer._turned_away,
    ev.ContactClosed: Customer._be_done,
}
