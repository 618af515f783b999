"""A consult: a second agent helps with a contact that stays with the first."""

from __future__ import annotations

import msgspec


class Consult(msgspec.Struct, frozen=True, gc=False):
    """``agent`` serves the contact and asked ``to_agent``; ``deadline`` is the answer's, 0 once it is accepted.

    ``channel`` and ``shop`` are the contact's: in the second agent's limits it counts as one more of them.
    """

    contact: int
    agent: str
    to_agent: str
    units: int
    channel: str
    shop: str
    asked_at: int
    deadline: int

    @property
    def accepted(self) -> bool:
        return not self.deadline
