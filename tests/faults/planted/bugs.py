"""The planted bugs: each a slip that somebody could make tomorrow, in code that runs for every contact."""

from __future__ import annotations

from engine.dispatch.timers import Kind
from tests.faults.planted.planting import Bug, bug

_DRIVER = "engine.driver.driver:Driver."
_SQLITE = "adapters.storage.sqlite:SqliteStore."

_COMMIT_ANYHOW = """try:
        await self._run_blocking(self._writing.commit, batch.to_commit(self._wall_ms(), self.now_ms()))
    except StoreError:
        pass"""

DRIVER = (
    bug(
        "ack_before_commit",
        "answers and pushes leave, then the batch is made durable: faster, until a crash falls between the two",
        (_DRIVER + "_work", "await self._commit(batch)\n        self._release(batch)",
         "self._release(batch)\n        await self._commit(batch)"),
    ),
    bug(
        "effects_before_commit",
        "listeners hear of a tick before it is committed",
        (_DRIVER + "_tick", "await self._commit(batch)\n        self._release(batch)",
         "self._release(batch)\n        await self._commit(batch)"),
    ),
    bug(
        "ack_after_failed_commit",
        "when the store fails, those who wait get the answer that was already there",
        (_DRIVER + "_end", "for deliver, _ in self._in_making.deliveries:\n            deliver(self._over_again())",
         "for deliver, answer in self._in_making.deliveries:\n            deliver(answer)"),
    ),
    bug(
        "failed_commit_passed_over",
        "a commit that fails is logged, and work goes on",
        (_DRIVER + "_commit", "await self._run_blocking(self._writing.commit, batch.to_commit(self._wall_ms(), self.now_ms()))",
         _COMMIT_ANYHOW),
    ),
    bug(
        "dedupe_skipped",
        "a known command id is not looked at",
        (_DRIVER + "_handle", "if stored is not None and is_kept(stored, stamp):", "if False:"),
    ),
    bug(
        "dedupe_in_memory_only",
        "a retry is looked for in memory, and the store is not asked",
        ("engine.driver.writing:Writing.look_up", "found = self._store.find_answers(keys)", "found = {}"),
    ),
    bug(
        "answers_not_stored",
        "the answer is kept in memory, and not put into the batch",
        (_DRIVER + "_handle", "batch.answers.append(sealed)", "pass"),
    ),
    bug(
        "conversation_not_indexed",
        "the message's record is written, its place in the conversation is not",
        ("engine.driver.batches:BatchInMaking.add", "self.messages += message_rows(command, events, self.lsn)", "pass"),
    ),
    bug(
        "start_not_told",
        "after a restart the dispatcher is not told that the engine was away: old offers and absent agents stay",
        ("engine.driver.starting:_again", "(StartEngine(opened.epoch, down_ms),)", "()"),
    ),
    bug(
        "wall_clock_believed",
        "the absence is read from the wall clock and not clamped: set back an hour, time goes back",
        ("engine.driver.starting:_again", "min(max(absent, 0), LONGEST_ABSENCE_MS)", "absent"),
    ),
)  # fmt: skip

STORE = (
    bug(
        "sync_dropped",
        "synchronous is off: commits are fast, and gone with the power",
        ("adapters.storage.pragmas:configure", '("synchronous", "FULL", 2)', '("synchronous", "OFF", 0)'),
    ),
    bug(
        "epoch_not_raised",
        "whoever takes the store over goes on under the epoch that it finds",
        (_SQLITE + "_take", "epoch + 1", "max(epoch, 1)"),
    ),
    bug(
        "lease_not_respected",
        "the comparison is the wrong way round: a lease that holds is taken for one that has run out",
        (_SQLITE + "_refuse_while_held", "left > 0", "left > VALID_MS"),
    ),
    bug(
        "epoch_forgotten",
        "an owner that was paused writes on when it wakes: no commit and no renewal asks whose store it is",
        (_SQLITE + "commit", "INSERT INTO journal SELECT ? + rowid - 1, value FROM carray(?) WHERE (SELECT epoch FROM lease) = ?",
         "INSERT OR REPLACE INTO journal SELECT ? + rowid - 1, value FROM carray(?) WHERE ? > 0"),
        (_SQLITE + "_renew", "if writer.changes() != 1:", "if False:"),
    ),
    bug(
        "answers_forgotten_early",
        "answers are forgotten at once instead of after a day",
        ("engine.driver.upkeep:Upkeep._tend_store", "now_ms - RETENTION_MS", "now_ms"),
    ),
    bug(
        "body_not_compared",
        "a known command id gets the stored answer, whatever is asked under it now",
        ("engine.store.answers:answer_again", "if stored.body_hash == body:", "if True:"),
    ),
    bug(
        "ticks_not_recovered",
        "recovery applies commands, and not what time alone brought about",
        ("engine.store.recovery:apply_record", "events = events_of(record)",
         "events = events_of(record) if record.input else []"),
    ),
    bug(
        "tail_not_recovered",
        "recovery takes the snapshot and leaves out the first record after it",
        ("engine.store.recovery:_apply_tail", "apply_record(found.dispatcher, record)",
         "found.applied == 0 and found.snapshot_lsn or apply_record(found.dispatcher, record)"),
    ),
)  # fmt: skip

SESSIONS = (
    bug(
        "resumed_one_late",
        "a stream goes on one record after the one that the client is missing",
        ("engine.server.hub:Stream.after", "entry.push.offset > offset]", "entry.push.offset > offset + 1]"),
    ),
    bug(
        "resumed_one_early",
        "a stream goes on with the record that the client has already",
        ("engine.server.hub:Stream.after", "entry.push.offset > offset]", "entry.push.offset >= offset]"),
    ),
    bug(
        "held_pushes_dropped",
        "what came while a stream was being caught up is thrown away",
        ("engine.server.hub:Subscription.release", "for entry in held:", "for entry in held[:0]:"),
    ),
    bug(
        "own_stream_told_twice",
        "what gathered since welcome is let go after the replay has brought it",
        ("engine.server.connection:Connection.forget_own", "self._own = None", "pass"),
    ),
    bug(
        "replay_ends_early",
        "the replay from the journal stops one record short",
        ("engine.server.resumes:Resumes._catch_up", "self._replay(stream.key, offset, here)",
         "self._replay(stream.key, offset, here - 1)"),
    ),
    bug(
        "snapshot_older_than_said",
        "the snapshot is said to be one record newer than it is: what happened in that one is told by nobody",
        ("engine.server.resumes:Resumes._resync", "snapshot = await self._door.ask(build)",
         "snapshot = await self._door.ask(build)\n    offset += 1"),
    ),
    bug(
        "first_message_without_id",
        "a submit's first message goes in without an id of its own: a retry says it again",
        ("engine.server.commands:Commands._first_message", 'f"{frame.id}/text"', '""'),
    ),
    bug(
        "domain_not_heard",
        "a tenant's supervisors hear of the domain only once the tenant has had a contact",
        ("engine.server.hub:Hub.subscribe", 'if key.kind == "domain" and key.tenant:', "if False:"),
    ),
    bug(
        "one_push_a_batch",
        "of a batch, only the last record is told",
        ("engine.server.hub:Hub.on_commit", "for record in records:", "for record in records[-1:]:"),
    ),
    bug(
        "out_of_order",
        "what waits for a slow socket leaves the newest first",
        ("engine.server.outbox:Outbox.take", 'b"".join(frames)', 'b"".join(reversed(frames))'),
    ),
)  # fmt: skip

_DECODE = "engine.dispatch.snapshots:decode"
_CONTACTS = "state.contacts = {contact.contact: contact for contact in contacts}"


def _each(contact_or_agent: str, change: str) -> str:
    return f"{_CONTACTS}\n    for {contact_or_agent} in state.{contact_or_agent}s.values():\n        {change}"


_RESTORED = "return state"


def _lost(name: str, story: str, kind: int, of: str = "True") -> Bug:
    """Every timer is armed again, except those of this kind (of ``engine.dispatch.timers``); ``of``: only of these ids."""
    without = f"""armed, state.timers = state.timers.entries(), type(state.timers)(state.contacts, state.offers)
    agents = {{agent.seq: agent.state for agent in state.agents.values()}}
    [state.timers.arm(at, kind, ident) for at, kind, ident in sorted(armed) if not (kind == {kind} and {of})]
    {_RESTORED}"""
    return bug(name, story, (_DECODE, _RESTORED, without))


RESTORE = (
    bug(
        "capacity_forgotten_on_restore",
        "after a restore agents have room for what they carry already",
        (_DECODE, _CONTACTS, _each("agent", "agent.load = 0")),
    ),
    bug(
        "offered_again_after_restore",
        "a contact in conversation comes back from a snapshot as one that waits",
        (_DECODE, _CONTACTS,
         _each("contact", "contact.state = type(contact.state)('queued') if contact.state == 'connected' else contact.state")),
    ),
    bug(
        "messages_counted_anew",
        "a conversation's counter is not in the snapshot",
        (_DECODE, _CONTACTS, _each("contact", "contact.messages = 0")),
    ),
    bug(
        "numbers_given_again",
        "contacts are numbered from one again after a restore",
        (_DECODE, "state.next_contact, state.next_offer = snapshot.next_contact,", "state.next_contact, state.next_offer = 1,"),
    ),
    _lost("wrap_ups_lost_on_restore", "the ends of running wrap-ups are not armed again", Kind.WRAP_UP),
    _lost("back_offs_lost_on_restore", "the ends of back-offs are not armed again", Kind.BACK_OFF),
    _lost("graces_lost_on_restore", "the graces of lost agents are not armed again", Kind.AGENT_UNTIL,
          "agents[ident] == 'lost'"),
    _lost("steps_lost_on_restore", "the clocks of a queue's steps are not armed again", Kind.STEP),
    _lost("windows_lost_on_restore", "the ends of the windows for coming back are not armed again", Kind.RESUME),
)  # fmt: skip

BUGS: tuple[Bug, ...] = DRIVER + STORE + SESSIONS + RESTORE
