"""Plays a case: the real dispatcher, a clock that jumps from one deadline to the next, and people who do as they are told.

Everything that is put into the dispatcher is noted, so that the state at any instant can be had again by putting it in
once more: same policy, same inputs, same stamps, same state.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from typing import Any, Literal, NamedTuple, TypeAlias

from msgspec import convert

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Policy
from engine.trials.cases import Action, Arrival, Case, Member
from engine.trials.deeds import DEEDS, OTHER_WORK, Impossible, Moment

SignedOn: TypeAlias = Literal["available", "paused", "not_ready"]
# The events with which a contact comes, or comes back.
CAME = (ev.ContactSubmitted, ev.ContactDeflected, ev.ContactJoined, ev.ContactResumed, ev.ContactReopened)
# Far beyond what a case of a thousand contacts needs; a policy that goes round in circles ends here.
MAX_CALLS = 200_000


class Call(NamedTuple):
    """One input: a command, or None where time alone passed; and what came of it."""

    stamp: int
    command: cmd.Command | None
    events: tuple[ev.Event, ...]


class Happening(NamedTuple):
    """An event and the number of the call that brought it."""

    call: int
    event: Any


class Trouble(NamedTuple):
    """An action that could not be done, or was (not) refused against the case's word.

    ``code``: ``refused`` (``refusal`` says how), ``not_refused``, or an :class:`Impossible`'s key.
    """

    action: Action
    name: str
    code: str
    refusal: ev.CommandRejected | None = None


class Play:
    """A case that has been played. Instants here are offsets from its beginning, as the case names them."""

    def __init__(self, policy: Policy, case: Case) -> None:
        self.policy, self.case, self.begin = policy, case, case.begin
        self.dispatcher = Dispatcher(policy)
        self.calls: list[Call] = []
        self.numbers: dict[str, int] = {}  # the case's name → the dispatcher's number
        self.entered: dict[str, int] = {}  # name → the call with which it came
        self.troubles: list[Trouble] = []
        self.members = {member.profile.agent: member for member in case.members}
        self.runaway = False
        self._agenda: list[tuple[int, int, Callable[[int], object]]] = []
        self._planned = 0
        self._rebuilt: dict[int, Dispatcher] = {}  # by the number of calls put in

    # --- what is seen

    def happenings(self, *kinds: type) -> list[Happening]:
        """Events of these types, oldest first."""
        return [
            Happening(number, event)
            for number, call in enumerate(self.calls)
            for event in call.events
            if isinstance(event, kinds)
        ]

    def offers(self, name: str) -> list[Happening]:
        number = self.numbers.get(name)
        return [one for one in self.happenings(ev.OfferMade) if one.event.contact == number]

    def about(self, name: str) -> list[ev.Event]:
        """Every event of the contact, its arrival included."""
        number = self.numbers.get(name)
        return [event for call in self.calls for event in call.events if getattr(event, "contact", None) == number]

    def name_of(self, number: int) -> str:
        return next((name for name, known in self.numbers.items() if known == number), str(number))

    def policies(self) -> list[Policy]:
        """Those decided by in the case's course, the last one first."""
        applied = [one.event.text for one in self.happenings(ev.PolicyApplied)]
        return [*map(compile_policy, reversed(applied)), self.policy]

    def is_bot(self, agent: str) -> bool:
        member = self.members.get(agent)
        return member is not None and member.profile.kind == cmd.AgentKind.BOT

    def at(self, instant_ms: int) -> Dispatcher:
        """The dispatcher after everything that happened up to and including this instant."""
        stamp = self.begin + instant_ms
        dispatcher = self.before(bisect_right(self.calls, stamp, key=lambda call: call.stamp))
        dispatcher.look(stamp)
        return dispatcher

    def before(self, call: int) -> Dispatcher:
        """The dispatcher right before the call of this number, at that call's instant."""
        dispatcher = self._rebuilt.get(call)
        if dispatcher is None:
            dispatcher = Dispatcher(self.policy)
            for stamp, command, _ in self.calls[:call]:
                put_in(dispatcher, command, stamp)
            self._rebuilt[call] = dispatcher
        if call < len(self.calls):
            dispatcher.look(self.calls[call].stamp)
        return dispatcher

    # --- playing

    def plan(self, stamp: int, deed: Callable[[int], object]) -> None:
        """``deed`` is called with the stamp when its time has come; equal times in the order in which they were planned."""
        heappush(self._agenda, (stamp, self._planned, deed))
        self._planned += 1

    def do(self, command: cmd.Command | None, stamp: int) -> tuple[ev.Event, ...]:
        events = tuple(put_in(self.dispatcher, command, stamp))
        self.calls.append(Call(stamp, command, events))
        for event in events:
            self._react(event)
        return events

    def run(self) -> None:
        """To the case's last instant: a deadline before an action of the same instant, as the dispatcher has it."""
        end = self.begin + self.case.end_ms
        while len(self.calls) < MAX_CALLS:
            deadline = self.dispatcher.next_deadline()
            planned = self._agenda[0][0] if self._agenda else None
            if deadline is not None and deadline <= end and (planned is None or deadline <= planned):
                self.do(None, max(deadline, self.dispatcher.now))
            elif planned is not None and planned <= end:
                stamp, _, deed = heappop(self._agenda)
                deed(stamp)
            else:
                return
        self.runaway = True

    def come(self, arrival: Arrival, action: Action | None, stamp: int) -> None:
        """A customer comes; one who already waits for a person is past the bots."""
        call = len(self.calls)
        events = self.do(arrival.submit, stamp)
        for event in events:
            if isinstance(event, CAME):
                self.numbers[arrival.name] = event.contact
                self.entered[arrival.name] = call
        number = self.numbers.get(arrival.name)
        found = None if number is None else self.dispatcher.contacts.get(number)
        if arrival.stage == "person" and found is not None and found.stage == "bot":
            self.do(cmd.AskPerson(contact=found.contact), stamp)
        if action is not None:
            self._judge_refusal(action, arrival.name, events)

    def act(self, action: Action, stamp: int) -> None:
        """One row of the timeline, for each of those whom it names."""
        for name in action.names:
            moment = Moment(self.dispatcher, self.numbers, stamp, self.begin)
            try:
                command = DEEDS[action.kind](moment, name, action.options)
            except Impossible as impossible:
                self.troubles.append(Trouble(action, name, impossible.key))
                continue
            self._judge_refusal(action, name, self.do(command, stamp))

    def _judge_refusal(self, action: Action, name: str, events: tuple[ev.Event, ...]) -> None:
        last = events[-1] if events else None
        refusal = last if isinstance(last, ev.CommandRejected) else None
        if (refusal.code if refusal else "") != action.refused:
            self.troubles.append(Trouble(action, name, "refused" if refusal else "not_refused", refusal))

    # --- people do as they are told

    def _react(self, event: ev.Event) -> None:
        member = self.members.get(getattr(event, "agent", ""))
        if member is None:
            return
        match event:
            case ev.OfferMade(offer=offer) if member.accepts_ms is not None and not member.profile.auto_accept:
                self.plan(event.at + member.accepts_ms, partial(self._accept, member, offer))
            case ev.ContactConnected(contact=contact) if member.closes_ms is not None:
                self.plan(event.at + member.closes_ms, partial(self._end, member, contact))
            case ev.ContactConnected(contact=contact) if member.hands_off_ms is not None:
                self.plan(event.at + member.hands_off_ms, partial(self._hand_off, member, contact))
            case ev.WrapUpStarted(contact=contact) if member.wraps_up_ms is not None:
                self.plan(event.at + member.wraps_up_ms, partial(self._wrap_up, member, contact))
            case _:
                pass

    def _accept(self, member: Member, offer: int, stamp: int) -> None:
        agent = member.profile.agent
        found = self.dispatcher.offers.get(offer)
        if found is not None and found.agent == agent:
            self.do(cmd.AcceptOffer(agent, offer), stamp)

    def _has(self, member: Member, contact: int, state: str) -> bool:
        found = self.dispatcher.contacts.get(contact)
        return found is not None and found.agent == member.profile.agent and found.state == state

    def _end(self, member: Member, contact: int, stamp: int) -> None:
        if self._has(member, contact, "connected"):
            self.do(cmd.CloseContact(contact=contact, agent=member.profile.agent), stamp)

    def _hand_off(self, member: Member, contact: int, stamp: int) -> None:
        if self._has(member, contact, "connected"):
            command = cmd.TransferContact(contact=contact, agent=member.profile.agent, reason="not_solved")
            self.do(command, stamp)

    def _wrap_up(self, member: Member, contact: int, stamp: int) -> None:
        if self._has(member, contact, "wrap_up"):
            self.do(cmd.EndWrapUp(member.profile.agent, contact), stamp)


def put_in(dispatcher: Dispatcher, command: cmd.Command | None, stamp: int) -> list[ev.Event]:
    """One input: a command, or time alone."""
    return dispatcher.expire(stamp) if command is None else dispatcher.handle(command, stamp)


def play(policy: Policy, case: Case) -> Play:
    """Play the case from before its beginning to its last instant.

    Who is on duty has been there all along, but takes nothing before offset 0: what waits then has waited although
    somebody was there, and no step has opened for want of anybody.
    """
    played = Play(policy, case)
    _open(played)
    for action in case.actions:
        for arrival in action.arrivals:
            played.plan(played.begin + arrival.at_ms, partial(played.come, arrival, action))
        if action.names:
            played.plan(played.begin + action.at_ms, partial(played.act, action))
    played.run()
    return played


def _open(played: Play) -> None:
    """The beginning: agents sign on, the longest idle first; then those who wait come; then all are available."""
    case = played.case
    since = played.begin + min((arrival.at_ms for arrival in case.waiting), default=0)
    on_duty = [member for member in case.members if member.state != "offline"]
    start = since - max((member.idle_ms for member in on_duty), default=0)
    for member in case.members:
        played.do(cmd.DefineAgent(member.profile), start)
    for member in on_duty:
        played.plan(since - member.idle_ms, partial(_sign_on, played, member))
    for arrival in case.waiting:
        played.plan(played.begin + arrival.at_ms, partial(played.come, arrival, None))
    for queue in case.closed_queues:
        played.plan(played.begin, partial(played.do, cmd.CloseQueue(queue)))
    if case.waiting:
        for member in on_duty:
            played.plan(played.begin, partial(_begin, played, member))


def _sign_on(played: Play, member: Member, stamp: int) -> None:
    name = member.profile.agent
    state = "paused" if played.case.waiting else member.state
    played.do(cmd.SignOn(name, convert(state, SignedOn)), stamp)
    if member.busy:
        played.do(cmd.SetExternalLoad(name, OTHER_WORK, member.busy), stamp)


def _begin(played: Play, member: Member, stamp: int) -> None:
    played.do(cmd.SetAgentState(member.profile.agent, convert(member.state, SignedOn)), stamp)
