"""What may be done with conversations. Whoever names a contact names its customer too: under its key the record is sealed.

Fields that the server fills in are refused from a client.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

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


class AddAttachment(Deed, tag="attachment.add", frozen=True, gc=False):
    """A file that was stored (``attachment``: its id there) belongs to the conversation. ``name``: as its sender calls it."""

    customer: str = ""
    contact: int = 0
    attachment: str = ""
    content_type: str = ""
    size: int = 0
    name: str = ""


class StartSession(Deed, tag="session.start", frozen=True, gc=False):
    """Voice, video or looking at a page together, within the contact: at ``link``, where a provider holds it.

    Needs the customer's consent: ``asked`` in the contact, or ``opened`` by the customer itself.
    """

    customer: str = ""
    contact: int = 0
    session: str = ""
    kind: Literal["voice", "video", "co_view"] = "voice"
    link: str = ""
    consent: Literal["", "asked", "opened"] = ""


class EndSession(Deed, tag="session.end", frozen=True, gc=False):
    """It is over. Either side, or whoever supervises, ends it."""

    customer: str = ""
    contact: int = 0
    session: str = ""


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


ConversationCommand: TypeAlias = (
    NoteContact | TagContact | ReadContact | AddAttachment | StartSession | EndSession | SaveReply | RemoveReply
)
