"""What may be done with conversations. Whoever names a contact names its customer too: under its key the record is sealed.

Fields that the server fills in are refused from a client.
"""

from __future__ import annotations

from typing import TypeAlias

from engine.desk.deeds import Deed


class NoteContact(Deed, tag="contact.note", frozen=True, gc=False):
    """A note for colleagues; the customer never sees it."""

    customer: str = ""
    contact: int = 0
    text: str = ""


class TagContact(Deed, tag="contact.tag", frozen=True, gc=False):
    """Put tags on a contact, and take others off. Tags are no place for personal data: they are not sealed."""

    customer: str = ""
    contact: int = 0
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class ReadContact(Deed, tag="contact.read", frozen=True, gc=False):
    """``reader`` (the server fills it in) has read the contact's messages up to ``seq``; a mark never goes back."""

    customer: str = ""
    contact: int = 0
    seq: int = 0
    reader: str = ""


class SaveReply(Deed, tag="reply.save", frozen=True, gc=False):
    """A reply at hand, looked up by ``shortcut``; ``{customer.name}``, ``{agent.name}``, ``{order.id}`` … are filled in when it is used.

    ``shop`` empty: for every shop. ``agent`` (the server fills it in): whose own it is; empty: everybody's of the tenant.
    """

    shortcut: str = ""
    text: str = ""
    title: str = ""
    shop: str = ""
    agent: str = ""


class RemoveReply(Deed, tag="reply.remove", frozen=True, gc=False):
    """The one of this shortcut, shop and (the server fills it in) agent."""

    shortcut: str = ""
    shop: str = ""
    agent: str = ""


ConversationCommand: TypeAlias = NoteContact | TagContact | ReadContact | SaveReply | RemoveReply
