"""What a command's sender is told: read off the events it produced."""

from __future__ import annotations

from collections.abc import Sequence

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.commands import Command
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.events import Event
from engine.dispatch.refusals import SENTENCES, Code
from engine.ports import Answer

Result = dict[str, str | int | bool]

# How a submitted contact was received, by the event that says so.
_RECEIVED = {
    ev.ContactSubmitted: "queued",
    ev.ContactDeflected: "deflected",
    ev.ContactJoined: "joined",
    ev.ContactResumed: "resumed",
    ev.ContactReopened: "resumed",
}
_OFFER_COMMANDS = (cmd.AcceptOffer, cmd.CompleteAccept, cmd.FailAccept, cmd.DeclineOffer)


def contact_of(command: Command, dispatcher: Dispatcher) -> int | None:
    """The contact that the command is about, asked before it is handled: afterwards its offer is gone."""
    if isinstance(command, _OFFER_COMMANDS):
        offer = dispatcher.offers.get(command.offer)
        return None if offer is None else offer.contact
    return getattr(command, "contact", None)


def answer_of(
    command: Command, contact: int | None, lsn: int, events: Sequence[Event], dispatcher: Dispatcher
) -> Answer:
    """``contact``: see :func:`contact_of`. ``events``: all that ``handle`` returned, expiries before it included."""
    if events and isinstance(refusal := events[-1], ev.CommandRejected):
        return Answer(
            lsn=lsn,
            code=refusal.code,
            message=SENTENCES[Code(refusal.code)],
            what=f"{refusal.command}: {refusal.what}",
            got=refusal.got,
            wanted=refusal.wanted,
        )
    return Answer(lsn=lsn, result=_result(command, contact, events, dispatcher))


def bad_value(command: Command, problem: str) -> Answer:
    """A refusal before the inbox: nothing is journaled, because these values have no bytes to be journaled as."""
    return Answer(
        code=Code.BAD_VALUE,
        message=SENTENCES[Code.BAD_VALUE],
        what=str(command.__struct_config__.tag),
        got=problem[:200],
        wanted="values that can be written down",
    )


def _result(command: Command, contact: int | None, events: Sequence[Event], dispatcher: Dispatcher) -> Result:
    if isinstance(command, cmd.SubmitContact):
        return _received(events)
    if isinstance(command, cmd.AddMessage):
        return _message(command.contact, events)
    if isinstance(command, cmd.BulkCommand | cmd.SetGroupCapacity):
        started = next((event for event in events if isinstance(event, ev.BulkStarted)), None)
        if started is None:
            return {"count": dispatcher.count_matching(command)}
        return {"count": started.count, "job": started.job}
    if isinstance(command, cmd.ApplyPolicy):
        return {"policy": dispatcher.policy.version}
    if isinstance(command, cmd.LeaveMessage):
        left = next(event for event in reversed(events) if isinstance(event, ev.MessageLeft))
        return {"contact": command.contact, "promised_by": left.promised_by}
    if not contact:
        return {}
    found = dispatcher.contacts.get(contact)
    return {"contact": contact} if found is None else {"contact": contact, "version": found.version}


def _received(events: Sequence[Event]) -> Result:
    for event in reversed(events):
        state = _RECEIVED.get(type(event))
        if state is None:
            continue
        if isinstance(event, ev.ContactDeflected):
            return {
                "contact": event.contact,
                "state": state,
                "reason": event.reason,
                "alternative": event.alternative,
                "notice": event.notice,
            }
        assert isinstance(event, ev.ContactSubmitted | ev.ContactJoined | ev.ContactResumed | ev.ContactReopened)
        later = [left for left in events if isinstance(left, ev.MessageLeft) and left.contact == event.contact]
        if later and isinstance(event, ev.ContactSubmitted):
            return {"contact": event.contact, "state": "promised", "promised_by": later[-1].promised_by}
        return {"contact": event.contact, "state": state}
    raise AssertionError("a contact was submitted, not refused, and no event says what became of it")


def _message(contact: int, events: Sequence[Event]) -> Result:
    for event in reversed(events):
        if isinstance(event, ev.MessageAdded) and event.contact == contact:
            return {"contact": contact, "seq": event.seq}
    raise AssertionError("a message was taken, and no event carries its number")
