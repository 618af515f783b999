"""The driver's limits, each with where its number comes from, and the figures it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class DriverLimits:
    """Counts, bytes and milliseconds of real time."""

    # Past a second's work in the inbox, waiting longer helps nobody: refuse, and say when to come back.
    inbox_commands: int = 8_192
    # 8,192 commands of the largest wire frame would be 512 MiB; usual ones are 300 bytes.
    inbox_bytes: int = 64 << 20
    # A policy of 2,000 queues is about 600 KiB; a message is bounded far lower at the wire.
    command_bytes: int = 1 << 20
    payload_bytes: int = 1 << 20
    # The design's: what one commit may hold back, in commands and in time spent deciding.
    batch_commands: int = 512
    batch_ms: float = 2.0
    # Retries come within seconds: some three seconds of full load, 15 MiB. Older ones are found in the store.
    recent_answers: int = 32_768
    # About a quarter of a second of recovery.
    snapshot_records: int = 50_000
    # A snapshot that took so long is followed by so many times as long without one: where the child shares the engine's core,
    # one after the other takes a quarter of its work. Twice as long leaves a third of that, and at most some seconds of
    # recovery more. 0 where no child is started.
    snapshot_rest: float = 0.0
    # Room to go on journaling connected contacts for hours after new ones are refused.
    free_bytes: int = 64 << 20
    # How long a refused sender should wait; full drains take about a second.
    retry_after_ms: int = 500
    # Real ms from entering the inbox until durable. A busy engine's commits take 10 to 30: three of them in a row, and
    # work stands in line. Beyond: new contacts at a rate (engine/driver/admission.py); no questions; no new contact at all.
    lateness_target_ms: float = 100.0
    lateness_questions_ms: float = 250.0
    lateness_refuse_ms: float = 500.0
    # Reads of the journal at once, beside the commits.
    readers: int = 2

    def __post_init__(self) -> None:
        # The store was asked about a whole batch before its first command: what is decided in it is known from memory.
        assert self.recent_answers >= self.batch_commands, "a retry in the same batch would be taken for a new command"


@dataclass
class Figures:
    """Read by telemetry. The two hooks get seconds: of each commit, and of deciding each command or tick."""

    inbox_depth: int = 0
    last_lsn: int = 0
    epoch: int = 0
    commits: int = 0
    free_bytes: int = -1
    refuses_new_contacts: bool = False
    # Of the last commit, real ms; new contacts let in per second (-1: as they come) and refused since the start.
    lateness_ms: float = 0.0
    admitted_per_s: float = -1.0
    contacts_shed: int = 0
    snapshots_failed: int = 0
    snapshot_problem: str = ""
    remarks: tuple[str, ...] = ()  # what the store's self-test and recovery found at the start
    observe_commit_s: Callable[[float], None] | None = None
    observe_decide_s: Callable[[float], None] | None = None
