"""Differences that are decided and not yet mended: the reference is right, the engine is known to do otherwise.

Each has its paragraph in `docs/decisions/0004-reference-dispatcher.md`. A history that meets one ends there and counts as
known; what only names something wrong is blotted out on both sides. Mended in the engine: delete the entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.reference_dispatcher.histories import Do, Move

if TYPE_CHECKING:
    from tests.reference_dispatcher.comparing import Difference


def blotted(move: Move, events: Sequence[ev.Event]) -> list[ev.Event]:
    """The events without what is known to be named wrong."""
    return [_blotted(move, event) for event in events]


def in_another_order(engine: Sequence[ev.Event], reference: Sequence[ev.Event]) -> bool:
    """The same events where contacts lose their bots: the engine tells of one contact after the other, see `bots_leave`."""
    if len(engine) != len(reference) or not (
        any(_lost_its_bot(event) for event in reference) or _moved_by_steps_at_a_swap(reference)
    ):
        return False
    left = list(reference)
    for event in engine:
        if event not in left:
            return False
        left.remove(event)
    return True


def _moved_by_steps_at_a_swap(events: Sequence[ev.Event]) -> bool:
    """Another policy's steps move contacts on: in which order the others are visited is not settled yet."""
    moved = any(isinstance(event, ev.ContactMoved) and event.why == "step" for event in events)
    return moved and any(isinstance(event, ev.PolicyApplied) for event in events)


def _lost_its_bot(event: ev.Event) -> bool:
    return isinstance(event, ev.PersonAsked) and event.reason == "no_bot"


def _blotted(move: Move, event: ev.Event) -> ev.Event:
    if not isinstance(event, ev.OfferMade):
        return event
    # At a sign-off with a reason, the trigger is that free text.
    if isinstance(move, Do) and isinstance(move.command, cm.SignOff) and event.trigger == move.command.reason:
        event = msgspec.structs.replace(event, trigger="signed_off")
    return event


def bots_leave(difference: Difference) -> bool:
    """Several come loose as the last bot leaves: the engine places one before the next waits for a person."""
    loose = {event.contact for event in (*difference.engine, *difference.reference) if isinstance(event, _LOOSE)}
    return any(_lost_its_bot(event) for event in difference.reference) and len(loose) > 1


def no_queue_left(difference: Difference) -> bool:
    """The new policy has a waiting contact's tenant, but no queue of it: the engine raises."""
    return difference.crash == "Dispatcher raised StopIteration: "


def resumed_with_a_question(difference: Difference) -> bool:
    """Who comes back has written, and no reply clock starts."""
    started = [event.contact for event in difference.reference if isinstance(event, ev.ReplyStarted)]
    contacts = difference.desk.contacts if difference.desk else {}
    return any(number in contacts and contacts[number].resumed_asking for number in started)


def signed_off_to_a_bot(difference: Difference) -> bool:
    """At a sign-off a bot is named: the contact stays in the persons' stage, which a transfer to it would end."""
    handed = [event for event in difference.reference if isinstance(event, ev.ContactTransferred)]
    return isinstance(difference.command, cm.SignOff) and any(event.stage == "bot" for event in handed)


def signed_off_to_an_agent(difference: Difference) -> bool:
    """At a sign-off an agent is named: other contacts that come loose are placed before those meant for it."""
    handed = [event for event in difference.reference if isinstance(event, ev.ContactTransferred)]
    rescinded = any(isinstance(event, ev.OfferRescinded) for event in difference.reference)
    return isinstance(difference.command, cm.SignOff) and any(e.prefer for e in handed) and rescinded


def redefined_in_vain(difference: Difference) -> bool:
    """A new profile takes nobody eligible away (the agent was absent, or qualifies still), and decliners are asked again."""
    engine = difference.first[0]
    yielded = isinstance(engine, ev.DeclinerForgotten) and engine.why == "yielded"
    return isinstance(difference.command, cm.DefineAgent) and yielded


_LOOSE = (ev.PersonAsked, ev.StepOpened, ev.OfferMade)


def restart_under_preference(difference: Difference) -> bool:
    """A contact waits for an agent alone as the engine restarts: offered to an agent who is lost a moment later."""
    ended = any(isinstance(event, ev.AffinityEnded) for event in difference.engine)
    return isinstance(difference.command, cm.StartEngine) and ended


def resumed_through_another_channel(difference: Difference) -> bool:
    """Who came back through another channel is not known by the id given there."""
    contacts = difference.desk.contacts.values() if difference.desk else []
    return isinstance(difference.command, cm.SubmitContact) and any(contact.resumed_elsewhere for contact in contacts)


def signed_on_while_lost(difference: Difference) -> bool:
    """Signs on as paused or not ready while lost: the engine makes it available again."""
    back = any(isinstance(event, ev.AgentBack) for event in difference.engine)
    return isinstance(difference.command, cm.SignOn) and back


def left_again_when_due(difference: Difference) -> bool:
    """A message is left anew by who stands among live contacts already: the engine puts it behind them again."""
    contacts = difference.desk.contacts if difference.desk else {}
    return isinstance(difference.command, cm.LeaveMessage) and any(one.left_again for one in contacts.values())


KNOWN: dict[str, Callable[[Difference], bool]] = {
    "bots leave": bots_leave,
    "no queue left": no_queue_left,
    "resumed with a question": resumed_with_a_question,
    "signed off to a bot": signed_off_to_a_bot,
    "signed off to an agent": signed_off_to_an_agent,
    "resumed through another channel": resumed_through_another_channel,
    "restart under preference": restart_under_preference,
    "signed on while lost": signed_on_while_lost,
    "redefined in vain": redefined_in_vain,
    "left again when due": left_again_when_due,
}


def of(difference: Difference) -> str:
    """The name of the known difference, or nothing."""
    return next((name for name, is_this in KNOWN.items() if is_this(difference)), "")
