"""The whole story as ``sluice journal dump`` tells it: what the checker takes for the auditor's stream."""

from __future__ import annotations

import json
import subprocess

from tests.faults.checker.history import Entry, Frame
from tests.faults.checker.ledger import AUDITOR
from tests.killer.process import ROOT, SLUICE


def told_by(store: str, heard_lsn: int, audit_ms: int, end_ms: int) -> list[Entry]:
    """Every record that says something, as a push of the domain's stream.

    Those that somebody may have heard of (up to ``heard_lsn``) stand at ``audit_ms``, what came when all were gone at the end.
    """
    command = [*SLUICE, "journal", "dump", store, "--payload"]
    entries: list[Entry] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as dump:
        assert dump.stdout is not None
        for line in dump.stdout:
            record = json.loads(line)
            events = [_as_pushed(event) for event in record["events"] if event["type"] != "command.rejected"]
            if events:
                says = any(event["type"] == "message.added" for event in events)
                text = record.get("payload", "") if says else ""
                said = {"op": "push", "stream": "domain", "offset": record["lsn"], "events": events, "text": text}
                entries.append(Entry(audit_ms if record["lsn"] <= heard_lsn else end_ms, AUDITOR, "got", said))
    if dump.returncode:
        raise RuntimeError(f"journal dump ended with {dump.returncode}")
    return entries


def _as_pushed(event: Frame) -> Frame:
    """A policy's text stays out of the streams."""
    return {**event, "text": ""} if event["type"] == "policy.applied" else event
