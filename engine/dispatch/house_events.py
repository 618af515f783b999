"""Hours, notices, and what is promised; part of :mod:`engine.dispatch.events`, where everybody finds it."""

from __future__ import annotations

import msgspec


class _Event(msgspec.Struct, frozen=True, gc=False, tag_field="type", omit_defaults=True):
    at: int


class MessageLeft(_Event, tag="contact.message_left", frozen=True, gc=False):
    """To be answered later, by ``promised_by``. From ``live_at`` on it stands among live contacts, before that behind them."""

    contact: int
    kind: str
    promised_by: int
    live_at: int = 0


class MessageReleased(_Event, tag="contact.message_released", frozen=True, gc=False):
    """What was left is put in line. ``why``: ``pace`` (behind live contacts), or ``due`` (as a live one)."""

    contact: int
    why: str = "pace"


class MessageDue(_Event, tag="contact.message_due", frozen=True, gc=False):
    """What was left, and is in line already, stands among live contacts from here on, as having waited since it was left."""

    contact: int


class ContactTold(_Event, tag="contact.told", frozen=True, gc=False):
    """The customer, who waits or has just come, is told something. ``why``: closing, outside_hours, notice."""

    contact: int
    why: str
    notice: str = ""
    alternative: str = ""


class ContactSentToBot(_Event, tag="contact.sent_to_bot", frozen=True, gc=False):
    """Waits for a bot instead of a person; ``waited`` starts here."""

    contact: int
    reason: str


class QueueNoticeSet(_Event, tag="queue.notice_set", frozen=True, gc=False):
    queue: str
    notice: str
    until: int


class QueueNoticeEnded(_Event, tag="queue.notice_ended", frozen=True, gc=False):
    """``why``: expired, or cleared by a supervisor."""

    queue: str
    notice: str
    why: str


class HoursChanged(_Event, tag="hours.changed", frozen=True, gc=False):
    """A calendar has opened or closed."""

    calendar: str
    open: bool


class EffectSliced(_Event, tag="effect.sliced", frozen=True, gc=False):
    """A mass effect goes on at ``resume_at`` beyond contact ``after`` (0: it is done).

    ``what``: closing (of calendar ``name``), notice and release (of queue ``name``), due.
    """

    what: str
    name: str
    after: int
    resume_at: int
