"""From a recording: who came, what they and the agents did, and what happened to the house."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import msgspec

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentKind, Command
from engine.measures.contacts import TIER
from sim.replay.outcomes import Outcomes

# (stamp, the command or None for a tick, its events), as the journal has them.
Call: TypeAlias = tuple[int, Command | None, list[ev.Event]]

# What happens to the house, whoever waits: given again at its instant.
HOUSE = (
    cm.DefineAgent, cm.RemoveAgent, cm.SignOn, cm.SetAgentState, cm.SignOff, cm.LoseAgent, cm.ReturnAgent, cm.SetCapacity,
    cm.SetGroupCapacity, cm.SetExternalLoad, cm.CloseQueue, cm.OpenQueue, cm.SetQueueNotice, cm.DrainPool, cm.OpenPool,
    cm.ApplyPolicy, cm.StartEngine,
)  # fmt: skip
# What is done to one contact at an instant, whoever serves it.
TO_A_CONTACT = (cm.UpdateContact, cm.LeaveMessage, cm.AskBot, cm.MoveContact, cm.PrioritiseContact, cm.AssignContact)
# … and what is when nobody serves it: in a talk it is the talk's end.
OUT_OF_A_TALK = (cm.CloseContact, cm.AskPerson)
# Hangs on who serves whom just then: left out, and counted.
LEFT_OUT = (cm.BulkCommand, cm.ConsultAgent, cm.AcceptConsult, cm.EndConsult, cm.TakeOverContact)


class ReplayError(Exception):
    """A recording of which no what-if can be made; says why."""


class Leg:
    """One stretch of a contact with one agent, from the connection on; lengths in ms.

    ``end``: ``closed`` (``by`` agent, customer or clock), ``asked`` (for a person), ``transferred``, ``lost`` (its agent, or taken
    away) or ``open``: the last two are cut off. ``words``: (after so long, sender, automatic). ``wrap_ms``: -1 none;
    ``wrap_seen``: its end was the agent's own. ``drawn``: its length is.
    """

    __slots__ = ("bot", "by", "command", "drawn", "end", "length_ms", "reason", "words", "wrap_ms", "wrap_seen")

    def __init__(self, bot: bool) -> None:
        self.bot = bot
        self.length_ms = 0
        self.end = "open"
        self.by = "agent"
        self.reason = "done"
        self.command: cm.TransferContact | cm.AskPerson | None = None
        self.words: list[tuple[int, cm.Sender, bool]] = []
        self.wrap_ms = -1
        self.wrap_seen = False
        self.drawn = False

    @property
    def is_cut_off(self) -> bool:
        return self.end in ("lost", "open")

    @property
    def first_word_ms(self) -> int:
        """A person's first word; -1: none."""
        return next((at for at, sender, automatic in self.words if sender == cm.Sender.AGENT and not automatic), -1)


class Visit:
    """One ``contact.submit`` that was heard. ``contact``: the recorded number, 0 where it led to none of its own.

    ``again``: number of the contact that came back by it. ``answers``: (agent, how, after ms) offer by offer, how empty: none
    within so long; ``deeds``: (instant, command) outside its talks.
    """

    __slots__ = ("again", "answers", "at", "command", "contact", "deeds", "legs", "place", "tier")

    def __init__(self, place: int, at: int, command: cm.SubmitContact) -> None:
        self.place, self.at, self.command = place, at, command
        self.contact = 0
        self.again = 0
        self.tier = str(command.attributes.get(TIER, ""))
        self.legs: list[Leg] = []
        self.answers: list[tuple[str, str, int]] = []
        self.deeds: list[tuple[int, Command]] = []


class Habits:
    """What agents were seen to do with offers: (how, after ms); and ``backs``, agent by agent, how long each took to be ready again
    after missed ones."""

    def __init__(self) -> None:
        self.of_agent: dict[str, list[tuple[str, int]]] = {}
        self.of_all: list[tuple[str, int]] = []
        self.backs: dict[str, list[int]] = {}

    def note(self, agent: str, how: str, after_ms: int) -> None:
        self.of_agent.setdefault(agent, []).append((how, after_ms))
        self.of_all.append((how, after_ms))


class Day:
    """What a recording holds. ``policy_text``: the first one in force; ``policies``: how many were applied."""

    def __init__(self) -> None:
        self.begin_ms = self.end_ms = -1
        self.policy_text = ""
        self.policies = 0
        self.house: list[tuple[int, Command]] = []
        self.visits: list[Visit] = []
        self.habits = Habits()
        self.left_out: Counter[str] = Counter()
        self.bots: set[str] = set()
        self.names: dict[str, str] = {}
        self.outcomes = Outcomes(self.bots.__contains__)


def read_day(calls: Iterable[Call], hear: Callable[[list[ev.Event]], None] = lambda _: None) -> Day:
    """``hear`` is told every call's events, too. Raises :class:`ReplayError` where there is no policy or no contact."""
    reader = _Reader()
    for stamp, command, events in calls:
        reader.take(stamp, command, events)
        hear(events)
    day = reader.finish()
    if not day.policy_text:
        raise ReplayError("no policy was applied in this recording")
    if not day.visits:
        raise ReplayError("nobody came in this recording: there is nothing to compare")
    return day


class _Reader:
    def __init__(self) -> None:
        self.day = Day()
        self._of: dict[int, Visit] = {}
        self._legs: dict[int, tuple[Leg, int]] = {}  # contact → the running leg and its begin
        self._wraps: dict[int, tuple[Leg, int]] = {}
        self._closed: dict[int, Leg] = {}  # in this call
        self._offers: dict[int, tuple[int, int]] = {}  # offer → place among the contact's answers, made at
        self._missed: dict[str, int] = {}  # agent → instant of a missed offer that it is not ready for
        self._command: Command | None = None
        self._hears: dict[type, Callable[[Any], None]] = {
            getattr(ev, name): getattr(self, f"_{method}") for name, method in _HEARS.items()
        }

    def take(self, stamp: int, command: Command | None, events: list[ev.Event]) -> None:
        day = self.day
        day.begin_ms = stamp if day.begin_ms < 0 else day.begin_ms
        day.end_ms = stamp
        self._command = command
        if command is not None and not (events and type(events[-1]) is ev.CommandRejected):
            self._note(stamp, command, events)
        for event in events:
            hear = self._hears.get(type(event))
            if hear is not None:
                hear(event)
        self._closed.clear()
        day.outcomes.hear(events)

    def finish(self) -> Day:
        end = self.day.end_ms
        for leg, begun in self._legs.values():
            leg.length_ms = end - begun
        for leg, begun in self._wraps.values():
            leg.wrap_ms = end - begun
        self.day.outcomes.end(end)
        return self.day

    def _note(self, stamp: int, command: Command, events: list[ev.Event]) -> None:
        if isinstance(command, cm.SubmitContact):
            if events:
                self._visit(stamp, command, events)
        elif isinstance(command, cm.SetAgentState) and command.agent in self._missed and command.state == "available":
            # Ready again after a missed offer: a habit, not an instant, since other offers will be missed.
            self.day.habits.backs.setdefault(command.agent, []).append(stamp - self._missed[command.agent])
        elif isinstance(command, HOUSE):
            self.day.house.append((stamp, command))
        elif isinstance(command, LEFT_OUT):
            self.day.left_out[str(command.__struct_config__.tag)] += 1
        else:
            self._to_contact(stamp, command)

    def _visit(self, stamp: int, command: cm.SubmitContact, events: list[ev.Event]) -> None:
        visit = Visit(len(self.day.visits), stamp, command)
        self.day.visits.append(visit)
        for event in events:
            if (
                isinstance(event, ev.ContactSubmitted | ev.ContactDeflected)
                and event.external_id == command.external_id
            ):
                visit.contact = event.contact
                self._of[event.contact] = visit
            elif isinstance(event, ev.ContactResumed | ev.ContactReopened):
                visit.again = event.contact

    def _to_contact(self, stamp: int, command: Command) -> None:
        number = getattr(command, "contact", 0)
        visit = self._of.get(number)
        if visit is None:
            return
        running = self._legs.get(number)
        if isinstance(command, cm.AddMessage):
            if running is not None:
                running[0].words.append((stamp - running[1], command.sender, command.automatic))
            elif command.sender == cm.Sender.CUSTOMER:
                visit.deeds.append((stamp, command))
        elif isinstance(command, TO_A_CONTACT) or (running is None and isinstance(command, OUT_OF_A_TALK)):
            visit.deeds.append((stamp, _unguarded(command)))

    # --- events ---------------------------------------------------------------------------------------------------

    def _policy(self, event: ev.PolicyApplied) -> None:
        self.day.policy_text = self.day.policy_text or event.text
        self.day.policies += 1

    def _defined(self, event: ev.AgentDefined) -> None:
        profile = event.profile
        self.day.names[profile.agent] = profile.name
        if profile.kind == AgentKind.BOT:
            self.day.bots.add(profile.agent)

    def _state(self, event: ev.AgentStateChanged) -> None:
        self._missed.pop(event.agent, None)
        if event.after == "not_ready" and event.reason == "rona":
            self._missed[event.agent] = event.at

    def _made(self, event: ev.OfferMade) -> None:
        visit = self._of.get(event.contact)
        if visit is not None:
            self._offers[event.offer] = (len(visit.answers), event.at)
            visit.answers.append((event.agent, "", 0))

    def _accepted(self, event: ev.OfferAccepted) -> None:
        if event.automatic:
            self._offers.pop(event.offer, None)
        elif not event.held:
            self._answer(event, "accepted")

    def _declined(self, event: ev.OfferDeclined) -> None:
        self._answer(event, "declined")

    def _expired(self, event: ev.OfferExpired) -> None:
        self._answer(event, "missed")

    def _rescinded(self, event: ev.OfferRescinded) -> None:
        """Taken back: so long there was no answer."""
        visit, found = self._of.get(event.contact), self._offers.pop(event.offer, None)
        if visit is not None and found is not None:
            visit.answers[found[0]] = (event.agent, "", event.at - found[1])

    def _answer(
        self, event: ev.OfferAccepted | ev.OfferDeclined | ev.OfferExpired | ev.ContactConnected, how: str
    ) -> None:
        offer = getattr(event, "offer", 0)
        visit, found = self._of.get(event.contact), self._offers.pop(offer, None)
        if visit is None or found is None:
            return
        place, made_at = found
        visit.answers[place] = (event.agent, how, event.at - made_at)
        self.day.habits.note(event.agent, how, event.at - made_at)

    def _connected(self, event: ev.ContactConnected) -> None:
        visit = self._of.get(event.contact)
        if visit is None:
            return
        if isinstance(self._command, cm.CompleteAccept):  # held until now: the answer took that long
            held = next((offer for offer, (place, _) in self._offers.items() if self._is_of(visit, place, event)), 0)
            if held:
                self._answer(ev.OfferAccepted(event.at, held, event.contact, event.agent), "accepted")
        leg = Leg(event.agent in self.day.bots)
        visit.legs.append(leg)
        self._legs[event.contact] = (leg, event.at)

    @staticmethod
    def _is_of(visit: Visit, place: int, event: ev.ContactConnected) -> bool:
        return place == len(visit.answers) - 1 and visit.answers[place][0] == event.agent

    def _end(self, event: Any, how: str) -> Leg | None:
        running = self._legs.pop(event.contact, None)
        if running is None:
            return None
        leg, begun = running
        leg.end, leg.length_ms = how, event.at - begun
        return leg

    def _transferred(self, event: ev.ContactTransferred) -> None:
        leg, command = self._end(event, "lost"), self._command
        if leg is None:
            return
        if isinstance(command, cm.TransferContact) and command.contact == event.contact:
            leg.end, leg.command = "transferred", _unguarded(command)
        elif isinstance(command, cm.AskPerson) and command.contact == event.contact:
            leg.end, leg.command = "asked", command

    def _lost(self, event: ev.ContactRequeued | ev.MessageLeft) -> None:
        self._end(event, "lost")

    def _ended(self, event: ev.ContactClosed) -> None:
        leg, command = self._end(event, "closed"), self._command
        if leg is None:
            return
        leg.reason = event.reason
        if isinstance(command, cm.CloseContact):
            leg.by = "agent" if command.agent else "customer"
        else:
            leg.by = "clock"
        self._closed[event.contact] = leg

    def _wrap_up(self, event: ev.WrapUpStarted) -> None:
        leg = self._closed.get(event.contact)
        if leg is not None:
            self._wraps[event.contact] = (leg, event.at)

    def _wrapped_up(self, event: ev.WrapUpEnded) -> None:
        leg, begun = self._wraps.pop(event.contact, (None, 0))
        if leg is not None:
            leg.wrap_ms, leg.wrap_seen = event.at - begun, event.by == "agent"


def _unguarded(command: Any) -> Any:
    """Versions are of the recorded contact."""
    return msgspec.structs.replace(command, expect_version=None) if hasattr(command, "expect_version") else command


_HEARS = {
    "PolicyApplied": "policy", "AgentDefined": "defined", "AgentStateChanged": "state", "OfferMade": "made",
    "OfferAccepted": "accepted", "OfferDeclined": "declined", "OfferExpired": "expired", "OfferRescinded": "rescinded",
    "ContactConnected": "connected", "ContactTransferred": "transferred", "ContactRequeued": "lost", "MessageLeft": "lost",
    "ContactClosed": "ended", "WrapUpStarted": "wrap_up", "WrapUpEnded": "wrapped_up",
}  # fmt: skip
