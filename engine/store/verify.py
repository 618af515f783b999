"""Is a journal whole and true? Reads all of it, applies it, and compares with what else is known."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from engine.dispatch.agents import SIGNED_ON
from engine.dispatch.contacts import OPEN
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.events import Event, MessageAdded
from engine.ports import Corrupt, HistoryTrimmed, JournalReader, Record, StoreError
from engine.store.answers import open_answer
from engine.store.records import GENESIS, events_of
from engine.store.recovery import apply_record, fresh_dispatcher, load_snapshot, read_checked
from engine.store.replaying import Difference, compare

# One fault often brings a thousand others; these are enough to see what kind it is.
PROBLEMS_KEPT = 20
ANSWERS_AT_ONCE = 1_000


class Verdict(msgspec.Struct):
    """``first_bad_lsn`` 0: none. ``state_hash``: of the state after ``last_lsn`` (as far as it could be applied).

    ``compared``: what was held against each other besides checksums and the chain. ``unapplied``: records older than all
    that a state could be made from (the archive before them was dropped): their bytes and chain were checked.
    """

    ok: bool = True
    records: int = 0
    first_lsn: int = 0
    last_lsn: int = 0
    first_bad_lsn: int = 0
    epoch: int = 0
    policy: str = ""
    commands: int = 0
    ticks: int = 0
    messages: int = 0
    answers: int = 0
    open_contacts: int = 0
    open_offers: int = 0
    agents_signed_on: int = 0
    snapshots: list[int] = []
    segments: int = 0
    unapplied: int = 0
    compared: list[str] = []
    state_hash: str = ""
    problems: list[str] = []

    def blame(self, problem: str, lsn: int = 0) -> None:
        self.ok = False
        if lsn and not self.first_bad_lsn:
            self.first_bad_lsn = lsn
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(problem)


def verify(reader: JournalReader, replay: bool = False, progress: Callable[[int, int], None] | None = None) -> Verdict:
    """Check every record, its place in the chain, and that its events fit; compare with snapshots and message index, and
    check every stored answer.

    ``replay``: feed the inputs to a second dispatcher too, and compare the events it gives. ``progress`` gets
    (records done, records in all). Raises ``StoreError`` only when there is no journal to look at.
    """
    verdict = Verdict(snapshots=reader.snapshots(), segments=len(reader.segments()))
    last = reader.last_lsn()
    check = _Check(reader, verdict, replay)
    try:
        for problem in reader.damage():
            verdict.blame(problem)
        _check_answers(reader, verdict)
        if verdict.snapshots and verdict.snapshots[-1] > last:
            raise Corrupt(
                f"journal record {last + 1} is missing: a snapshot stands for record {verdict.snapshots[-1]}", last + 1
            )
        check.start()
        for record, chain in read_checked(reader, check.lsn, check.hash, last):
            check.record(record, chain)
            if progress is not None and not record.lsn % 1_000:
                progress(record.lsn, last)
    except Corrupt as error:
        verdict.blame(str(error), error.lsn)
    except (StoreError, HistoryTrimmed) as error:
        verdict.blame(str(error))
    if not verdict.first_bad_lsn and verdict.last_lsn < last:
        verdict.blame(f"the journal ends at record {last}, but could be checked to {verdict.last_lsn} only")
    check.finish()
    return verdict


def _check_answers(reader: JournalReader, verdict: Verdict) -> None:
    """What a retry of a command would get: each row whole, under its own key, and with an answer in it."""
    place = 0
    while page := reader.read_answers(place, ANSWERS_AT_ONCE):
        place = page[-1][0]
        for _, stored in page:
            verdict.answers += 1
            try:
                if isinstance(stored, Corrupt):
                    raise stored
                open_answer(stored)
            except Corrupt as error:
                verdict.blame(str(error))


class _Check:
    """Goes through the records once, with the state after each."""

    def __init__(self, reader: JournalReader, verdict: Verdict, replay: bool) -> None:
        self._reader = reader
        self._verdict = verdict
        self._replay = replay
        self._applied: Dispatcher | None = None
        self._replayed: Dispatcher | None = None
        self._stamp = 0
        self.lsn, self.hash = 0, GENESIS
        verdict.compared = [
            "events with state",
            "snapshots with state",
            "message index with events",
            "stored answers with their checksums",
        ]
        if replay:
            verdict.compared.append("inputs with events")

    def start(self) -> None:
        """Begin with record 1, or where history was trimmed with the oldest snapshot that can be read."""
        first = self._reader.read(0, 1)
        if not first or first[0].lsn == 1:
            return
        for lsn in self._verdict.snapshots:
            try:
                self._applied, snapshot = load_snapshot(self._reader, lsn)
            except Corrupt as error:
                self._verdict.blame(str(error), error.lsn)
                continue
            self._check_before(first[0].lsn, snapshot.lsn, snapshot.hash)
            self.lsn, self.hash = snapshot.lsn, snapshot.hash
            if self._replay:
                self._replayed = Dispatcher.restore(snapshot.state)
            return
        raise HistoryTrimmed(f"the journal begins at record {first[0].lsn}, and no snapshot before that can be read")

    def _check_before(self, first: int, snapshot: int, chain: bytes) -> None:
        """Records that no state can be made for, up to the snapshot's: each by itself, and the chain to the snapshot."""
        segment = next((one for one in self._reader.segments() if one.first == first), None)
        if segment is None or first > snapshot:
            return
        for _, found in read_checked(self._reader, first - 1, segment.previous, snapshot):
            self._verdict.unapplied += 1
            last = found
        if last != chain:
            raise Corrupt(f"snapshot {snapshot}: the chain of the records before it leads elsewhere", snapshot)

    def record(self, record: Record, chain: bytes) -> None:
        verdict = self._verdict
        events = events_of(record)
        if self._applied is None:
            self._applied = fresh_dispatcher(events, record.lsn)
            self._replayed = fresh_dispatcher(events, record.lsn) if self._replay else None
        self._order(record)
        apply_record(self._applied, record)
        if self._replayed is not None:
            self._compare_replay(self._replayed, record)
        self._messages(record, events)
        verdict.records += 1
        verdict.first_lsn = verdict.first_lsn or record.lsn
        verdict.last_lsn, verdict.epoch = record.lsn, record.epoch
        verdict.commands += bool(record.input)
        verdict.ticks += not record.input
        if record.lsn in verdict.snapshots:
            self._snapshot(self._applied, record.lsn, chain)

    def finish(self) -> None:
        verdict, state = self._verdict, self._applied
        if state is None:
            return
        for problem in state.audit():
            verdict.blame(f"the state after record {verdict.last_lsn}: {problem}")
        verdict.policy = state.policy.version
        verdict.open_contacts = sum(contact.state in OPEN for contact in state.contacts.values())
        verdict.open_offers = len(state.offers)
        verdict.agents_signed_on = sum(agent.state in SIGNED_ON for agent in state.agents.values())
        verdict.state_hash = hashlib.blake2b(state.snapshot(), digest_size=16).hexdigest()

    def _order(self, record: Record) -> None:
        if record.stamp < self._stamp:
            self._verdict.blame(
                f"journal record {record.lsn}: its stamp {record.stamp} lies before {self._stamp}", record.lsn
            )
        if record.epoch < self._verdict.epoch:
            self._verdict.blame(
                f"journal record {record.lsn}: its epoch {record.epoch} lies before {self._verdict.epoch}", record.lsn
            )
        self._stamp = record.stamp

    def _compare_replay(self, dispatcher: Dispatcher, record: Record) -> None:
        difference = compare(dispatcher, record)
        if difference is None:
            return
        self._replayed = None  # what follows differs because this did
        what = f"replay stops: {difference.failure}" if difference.failure else "replay gives other events"
        self._verdict.blame(f"journal record {record.lsn}: {what}: {_first_difference(difference)}", record.lsn)

    def _messages(self, record: Record, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, MessageAdded):
                self._verdict.messages += 1
                found = self._reader.read_messages(event.contact, event.seq - 1, 1)
                if [(seq, stored.lsn) for seq, stored in found] != [(event.seq, record.lsn)]:
                    self._verdict.blame(
                        f"message {event.seq} of contact {event.contact} is not found in record {record.lsn}",
                        record.lsn,
                    )

    def _snapshot(self, state: Dispatcher, lsn: int, chain: bytes) -> None:
        try:
            kept, snapshot = load_snapshot(self._reader, lsn)
        except Corrupt as error:
            self._verdict.blame(str(error), lsn)
            return
        if snapshot.hash != chain or kept.snapshot() != state.snapshot():
            self._verdict.blame(f"snapshot {lsn}: differs from the state that the journal gives", lsn)


def _first_difference(difference: Difference) -> str:
    place, got, expected = difference.place - 1, difference.got, difference.expected
    if place < min(len(got), len(expected)):
        return f"event {place + 1} is {got[place]}, the journal has {expected[place]}"
    return f"{len(got)} events, the journal has {len(expected)}"
