"""``resume``: missed pushes in order, or a snapshot, then everything as it comes; never a gap between."""

from __future__ import annotations

import math

import msgspec

from engine.dispatch.contacts import ContactState
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.events import Event
from engine.ports import Committed, Stopped, StoreError
from engine.server import views
from engine.server.authority import Authority
from engine.server.commands import error_frame
from engine.server.connection import RETRY_AFTER_MS, Connection
from engine.server.door import Door
from engine.server.hub import Entry, Hub, Subscription, push_of
from engine.server.roster import Roster
from engine.wire import limits
from engine.wire.errors import Close, WireError
from engine.wire.messages import FROM_NOW, Bye, Ok, Resume, Resync
from engine.wire.queries import AgentSnapshot, ContactRow, ContactSnapshot, ContactsSnapshot
from engine.wire.streams import CUSTOMER_SIDE, Directory, StreamKey, UnknownContact

SNAPSHOT_MESSAGES = 20
SNAPSHOT_CONTACTS = 100
_READ_RECORDS = 512
# An offset that no stream has: its client gets the state as it is.
_NOT_OF_HERE = 1 << 62
# A quarter of an outbox: the rest is for what else the client is told meanwhile.
_AT_ONCE = limits.OUTBOX_FRAMES // 4


async def _send(connection: Connection, missed: list[Entry]) -> None:
    """At the client's pace: what it missed may be many times what its outbox holds."""
    for number, entry in enumerate(missed):
        if number % _AT_ONCE == _AT_ONCE - 1:
            await connection.outbox.drained()
        connection.deliver(entry.encoded(connection.encoding))
        entry.forget_encoded()
    if len(missed) >= _AT_ONCE:
        await connection.outbox.drained()


class Resumes:
    """One resume at a time per frame; each stream's pushes are held back until what was missed went out."""

    def __init__(self, door: Door, hub: Hub, authority: Authority, roster: Roster) -> None:
        self._door = door
        self._hub = hub
        self._authority = authority
        self._roster = roster

    def start(self, connection: Connection, frame: Resume) -> None:
        assert connection.nursery is not None
        connection.nursery.start_soon(self._resume, connection, frame)

    async def _resume(self, connection: Connection, frame: Resume) -> None:
        keys: dict[StreamKey, int] = {}
        try:
            for name, offset in frame.streams.items():
                keys[self._authority.stream(connection.principal, name)] = offset
            connection.check_subscriptions(keys, frame.id)
        except WireError as error:
            connection.answer(error_frame(frame.id, error))
            return
        waiting = []
        for key, offset in keys.items():
            # What its own stream said since welcome is part of "from now"; a replay brings it again in its place.
            if offset == FROM_NOW:
                connection.release_own(key)
            else:
                connection.forget_own(key)
            if connection.of_another_history and key not in connection.resumed and offset > 0:
                offset = _NOT_OF_HERE
            connection.resumed.add(key)
            connection.streams.add(key)
            waiting.append((self._hub.subscribe(connection, key, hold=True), offset))
        here = {subscription.stream.key.public: self._hub.last_lsn for subscription, _ in waiting}
        connection.answer(Ok(frame.id, self._hub.last_lsn, {"streams": here}))
        try:
            for subscription, offset in waiting:
                await self._catch_up(connection, subscription, offset)
        except (Stopped, StoreError):  # the offsets are the client's: it resumes at the next engine
            connection.end(Close.GOING_AWAY, "going away", Bye("going_away", RETRY_AFTER_MS))

    async def _catch_up(self, connection: Connection, subscription: Subscription, offset: int) -> None:
        """What is held so far begins after ``here``; everything up to it is fetched now."""
        stream, here = subscription.stream, self._hub.last_lsn
        if offset == FROM_NOW:
            subscription.release(FROM_NOW)
            return
        known = stream.after(offset) if offset <= here else None
        if known is not None:
            await _send(connection, list(known))
            last = known[-1].push.offset if known else offset
            subscription.release(last)
            return
        if 0 <= offset <= here and here - offset <= limits.REPLAY_RECORDS:
            replayed = await self._replay(stream.key, offset, here)
            if replayed is not None:
                await _send(connection, replayed)
                subscription.release(here)
                return
        await self._resync(connection, subscription)

    async def _replay(self, key: StreamKey, offset: int, here: int) -> list[Entry] | None:
        """The stream's pushes in (offset, here] from the journal; None where membership cannot be told from it."""
        if key.kind == "agent":
            return None
        past = self._hub.directory.past()
        entries: list[Entry] = []
        while offset < here:
            records = await self._door.read_committed(offset, min(_READ_RECORDS, here - offset))
            if not records or records[0].lsn != offset + 1:
                return None
            for record in records:
                events = _events_of(key, record, past)
                if events is None:
                    return None
                if events:
                    entries.append(Entry(push_of(key, record, events)))
            offset = records[-1].lsn
        return entries

    async def _resync(self, connection: Connection, subscription: Subscription) -> None:
        key = subscription.stream.key
        offset = 0

        def build(dispatcher: Dispatcher) -> AgentSnapshot | ContactSnapshot | ContactsSnapshot:
            nonlocal offset
            offset = self._hub.last_lsn
            return self._snapshot(dispatcher, key)

        snapshot = await self._door.ask(build)
        if isinstance(snapshot, AgentSnapshot):
            contacts = [await self._with_messages(row) for row in snapshot.contacts]
            snapshot = msgspec.structs.replace(snapshot, contacts=contacts)
        elif isinstance(snapshot, ContactSnapshot) and snapshot.contact is not None:
            row = await self._with_messages(snapshot.contact)
            snapshot = ContactSnapshot(views.customer_row(row))
        connection.send(Resync(key.public, offset, snapshot))
        subscription.release(offset)

    def _snapshot(self, dispatcher: Dispatcher, key: StreamKey) -> AgentSnapshot | ContactSnapshot | ContactsSnapshot:
        match key.kind:
            case "agent":
                return views.agent_snapshot(dispatcher, key.name, self._roster.is_connected)
            case "contact":
                contact = dispatcher.contacts.get(int(key.name))
                open_still = contact is not None and contact.state is not ContactState.WRAP_UP
                return ContactSnapshot(views.contact_row(dispatcher, contact) if contact and open_still else None)
            case "channel":
                return self._channel_snapshot(dispatcher, key)
            case _:
                return ContactsSnapshot([], more=True)

    def _channel_snapshot(self, dispatcher: Dispatcher, key: StreamKey) -> ContactsSnapshot:
        rows: list[ContactRow] = []
        for number, contact in dispatcher.contacts.items():
            facts = self._hub.directory.find(number)
            if facts is None or facts.tenant != key.tenant or key.name not in facts.sources:
                continue
            if len(rows) >= SNAPSHOT_CONTACTS:
                return ContactsSnapshot(rows, more=True)
            rows.append(views.customer_row(views.contact_row(dispatcher, contact)))
        return ContactsSnapshot(rows)

    async def _with_messages(self, row: ContactRow) -> ContactRow:
        """The last messages up to the snapshot; later ones come as pushes."""
        if not row.messages:
            return row
        first = max(0, row.messages - SNAPSHOT_MESSAGES)
        read = await self._door.read_messages(row.contact, first, SNAPSHOT_MESSAGES)
        lines = [views.message_row(seq, record) for seq, record in read if seq <= row.messages]
        return msgspec.structs.replace(row, last_messages=lines)


def _events_of(key: StreamKey, record: Committed, past: Directory) -> list[Event] | None:
    if key.kind == "contact":
        number = int(key.name)
        return [e for e in record.events if getattr(e, "contact", math.nan) == number and type(e) in CUSTOMER_SIDE]
    try:
        return past.route(record, strict=True).get(key, [])
    except UnknownContact:
        return None
