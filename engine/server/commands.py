"""``do``: authorised, into the inbox in the order in which the socket sent it, answered once it is durable."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

from engine.desk.commands import DeskCommand
from engine.desk.deeds import Deed, tag_of
from engine.desk.refusals import DeskCode, Refused
from engine.dispatch import commands as cmd
from engine.dispatch.commands import Command
from engine.dispatch.refusals import Code
from engine.ports import Answer, Overloaded, Stopped, StoreError
from engine.server.authority import Authority, Unknown
from engine.server.connection import Connection
from engine.server.desk_door import DeskDoor
from engine.server.door import Door
from engine.server.reception import Reception
from engine.telemetry.counters import Counters
from engine.wire.errors import WireCode, WireError
from engine.wire.messages import Do, Error, Ok

if TYPE_CHECKING:
    from engine.desk.customers.standing import Standing

_TEXT_COMMANDS = (cmd.SubmitContact, cmd.AddMessage)
# States of a submitted contact in which what the customer wrote becomes its first message.
_TAKES_TEXT = frozenset({"queued", "joined", "resumed", "reopened"})


# Why a first message may find no contact to go into any more.
_ENDED = (Code.CONTACT_GONE, Code.UNKNOWN_CONTACT, Code.WRONG_STATE)


class Commands:
    """A submit with a text is two commands: the contact, then its first message under the id ``<id>/text``.

    The answer comes when both are durable, and a retry with the same id finds both answers again.
    """

    def __init__(self, door: Door, authority: Authority, counters: Counters, desk: DeskDoor | None = None) -> None:
        self._door = door
        self._authority = authority
        self._counters = counters
        self._desk = desk
        self._reception = None if desk is None else Reception(desk, authority.policy, door.now_ms)

    def do(self, connection: Connection, frame: Do) -> None:
        """Never raises; the connection has counted the frame as in flight."""
        try:
            if frame.text and not isinstance(frame.command, _TEXT_COMMANDS):
                tag = str(type(frame.command).__struct_config__.tag)
                raise WireError(
                    WireCode.BAD_VALUE, "text", f"one with {tag}", "none: only a submit or a message has one"
                )
            if isinstance(frame.command, Deed):
                return self._at_desk(connection, frame.id, frame.command)
            command = self._authority.prepare(connection.principal, frame.command)
        except WireError as error:
            self._counters.refused_frames[error.code] += 1
            return connection.answer(error_frame(frame.id, error))
        except Unknown as unknown:
            return connection.answer(Error(frame.id, unknown.code, unknown.message, "command", unknown.got))
        if self._reception is not None and isinstance(command, cmd.SubmitContact | cmd.UpdateContact):
            return self._receive(self._reception, connection, frame, command)
        return self._go_in(connection, frame, command, None)

    def _go_in(self, connection: Connection, frame: Do, command: Command, asked: Command | None) -> None:
        if frame.text and isinstance(command, cmd.SubmitContact):
            self._submit(connection, frame, command, asked)
        else:
            self._post(connection, frame.id, command, frame.text.encode(), asked)

    def _receive(
        self, reception: Reception, connection: Connection, frame: Do, asked: cmd.SubmitContact | cmd.UpdateContact
    ) -> None:
        """The desk says what it knows of the customer: at once, or after a look into its tables."""
        command = reception.prepare(connection.principal, asked)
        if not isinstance(command, cmd.SubmitContact) or not command.customer:
            return self._go_in(connection, frame, command, asked)
        standing = reception.desk.find_standing(command.tenant, command.customer)
        if standing is not None:
            return self._go_in_as(reception, connection, frame, command, asked, standing)

        async def look_up() -> None:
            found = await reception.desk.load_standing(command.tenant, command.customer)
            self._go_in_as(reception, connection, frame, command, asked, found)

        assert connection.nursery is not None
        connection.nursery.start_soon(look_up)
        return None

    def _go_in_as(
        self,
        reception: Reception,
        connection: Connection,
        frame: Do,
        command: cmd.SubmitContact,
        asked: Command,
        standing: Standing,
    ) -> None:
        try:
            self._go_in(connection, frame, reception.receive(command, standing), asked)
        except Refused as refused:
            connection.answer(answer_frame(frame.id, refused.answer()))

    def _at_desk(self, connection: Connection, id: str, deed: DeskCommand) -> None:
        """Raises :class:`WireError` (forbidden)."""
        asker, deed = self._authority.prepare_deed(connection.principal, deed)
        if self._desk is None:
            return connection.answer(answer_frame(id, no_desk(tag_of(deed))))
        return self._desk.do(connection.principal, asker, id, deed, partial(_deliver, connection, id))

    def _post(self, connection: Connection, id: str, command: Command, payload: bytes, asked: Command | None) -> None:
        try:
            self._door.post(command, connection.principal, id, payload, partial(_deliver, connection, id), asked)
        except (Overloaded, Stopped, StoreError) as error:
            connection.answer(failure_frame(id, error))

    def _submit(self, connection: Connection, frame: Do, command: cmd.SubmitContact, asked: Command | None) -> None:
        def deliver(answer: Answer | Exception) -> None:
            if not isinstance(answer, Answer):
                connection.answer(failure_frame(frame.id, answer))
            elif answer.code or answer.result.get("state") not in _TAKES_TEXT:
                connection.answer(answer_frame(frame.id, answer))
            else:
                self._first_message(connection, frame, command.tenant, answer)

        try:
            self._door.post(command, connection.principal, frame.id, _mark_of(frame.text), deliver, asked)
        except (Overloaded, Stopped, StoreError) as error:
            connection.answer(failure_frame(frame.id, error))

    def _first_message(self, connection: Connection, frame: Do, tenant: str, submitted: Answer) -> None:
        def deliver(answer: Answer | Exception) -> None:
            if not isinstance(answer, Answer):
                connection.answer(failure_frame(frame.id, answer))
            elif answer.code in _ENDED:  # in between: the contact was taken in all the same
                connection.answer(answer_frame(frame.id, submitted))
            elif answer.code:
                connection.answer(answer_frame(frame.id, answer))
            else:
                result = {**submitted.result, "seq": answer.result.get("seq", 0)}
                connection.answer(Ok(frame.id, submitted.lsn, result))

        message = cmd.AddMessage(tenant=tenant, contact=int(submitted.result["contact"]))
        try:
            self._door.post(message, connection.principal, f"{frame.id}/text", frame.text.encode(), deliver)
        except (Overloaded, Stopped, StoreError) as error:
            connection.answer(failure_frame(frame.id, error))


def _deliver(connection: Connection, id: str, answer: Answer | Exception) -> None:
    connection.answer(answer_frame(id, answer) if isinstance(answer, Answer) else failure_frame(id, answer))


def no_desk(what: str) -> Answer:
    return Refused(DeskCode.NOT_SUPPORTED, what, "an engine without a desk", "sluice serve --desk").answer()


def _mark_of(text: str) -> bytes:
    """Stands for the first message in the record of a submit, which is a command of its own and may never follow (a contact that
    is deflected takes none): the same id with another text is another body."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def answer_frame(id: str, answer: Answer) -> Ok | Error:
    if not answer.code:
        return Ok(id, answer.lsn, answer.result)
    return Error(id, answer.code, answer.message, answer.what, answer.got, answer.wanted, lsn=answer.lsn)


def error_frame(id: str, error: WireError) -> Error:
    return Error(
        id,
        error.code,
        error.message,
        error.what,
        error.got,
        error.wanted,
        retry_after_ms=error.retry_after_ms,
    )


def failure_frame(id: str, error: Exception) -> Error:
    """Why there is no answer: too much work, going down, or a store that failed."""
    if isinstance(error, Overloaded):
        wire = WireError(WireCode.OVERLOADED, "inbox", str(error), "a retry later", retry_after_ms=error.retry_after_ms)
    elif isinstance(error, Stopped):
        wire = WireError(WireCode.GOING_AWAY, "engine", "stopping", "a retry at the next one", retry_after_ms=1000)
    else:
        wire = WireError(WireCode.STORE_FAILED, "store", type(error).__name__, "a retry with the same id")
    return error_frame(id, wire)
