"""Seeds whose schedules once broke a promise, and what was mended then. Each stays here and is played with every test run.

A seed means a schedule only as long as what is drawn from it stays the same; what each found has a test of its own as well.
"""

from __future__ import annotations

FOUND: dict[int, str] = {
    10: "a stream that was resumed went on twice: what had gathered since welcome came again after the replay",
    15: "after a restart a tenant's supervisors did not hear what concerns the whole domain",
    22: "a failed store crashed the connections that still spoke: refused now, and counted as what it is",
    24: "more answers in one batch than memory kept, and a retry in it was a new command",
    107: "a full disk at a clean stop ended in an error of SQLite's, not of the store's",
}
