"""A batch in the making: what will be committed together, and what may leave once it is."""

from __future__ import annotations

from collections.abc import Sequence

from engine.dispatch.commands import Command
from engine.dispatch.events import Event
from engine.ports import (
    Answer,
    Batch,
    Committed,
    Deliver,
    MessageRow,
    Principal,
    Record,
    Sealer,
    StoredAnswer,
    StoredRecord,
)
from engine.store.records import encode_events, message_rows, place_of, seal


class BatchInMaking:
    """Follows the record ``lsn`` with chain hash ``hash``, and moves both on with each record added."""

    def __init__(self, lsn: int, chain: bytes, epoch: int, sealer: Sealer | None = None) -> None:
        self._sealer = sealer
        self.lsn = lsn
        self.hash = chain
        self._epoch = epoch
        self.records: list[StoredRecord] = []
        self.answers: list[StoredAnswer] = []
        self.messages: list[MessageRow] = []
        self.committed: list[Committed] = []
        self.deliveries: list[tuple[Deliver, Answer | Exception]] = []
        self.oldest_stamp = 0  # of its commands; 0: there is none

    def add(
        self,
        stamp: int,
        principal: Principal,
        asker: str,
        command_id: str,
        command: Command | None,
        encoded: bytes,
        events: Sequence[Event],
        payload: bytes,
        whose: tuple[str, str] = ("", ""),
    ) -> None:
        """One record: a command with its events, or (``command`` None, ``encoded`` empty) a tick's.

        ``whose``: tenant and subject for whom the payload is sealed, where anything is.
        """
        self.lsn += 1
        stored = payload
        sealed: tuple[str, ...] = ()
        if payload and self._sealer is not None:
            stored, sealed = self._sealer.seal(*whose, place_of(self.lsn), payload), whose
        record = Record(
            self.lsn,
            self._epoch,
            stamp,
            principal.tenant,
            asker,
            command_id,
            encoded,
            encode_events(events),
            stored,
            sealed,
        )
        chained = seal(record, self.hash)
        self.hash = chained.hash
        self.records.append(chained)
        self.committed.append(Committed(self.lsn, stamp, principal, command, events, payload))
        self.messages += message_rows(command, events, self.lsn)

    def to_commit(self, wall_ms: int, now_ms: int) -> Batch:
        return Batch(self.records, self.answers, self.messages, wall_ms, now_ms)
