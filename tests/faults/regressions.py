"""Seeds whose schedules once broke a promise, and what was mended then. Each stays here and is played with every test run.

A seed means a schedule only as long as what is drawn from it stays the same; what each found has a test of its own as well.
"""

from __future__ import annotations

FOUND: dict[int, str] = {
    65: "an answer that came while its connection was ending crashed the connection",
    887: "an agent's client took an old answer, told again, for its state now (the fault was the schedule's own)",
    1613: "a stopped process that was killed counted as an owner until it was woken (the fault was the schedule's own)",
    700_268: "a submit that was turned away, sent again under its id with another text, got its first answer and no conflict",
}
