"""What the server needs of the desk."""

from __future__ import annotations

from typing import Any, Protocol

from engine.desk.commands import DeskCommand
from engine.desk.deeds import Asker, Question
from engine.ports import Deliver, Principal


class DeskDoor(Protocol):
    """The desk, as a connection sees it; an engine may run without one."""

    def do(self, principal: Principal, asker: Asker, id: str, deed: DeskCommand, deliver: Deliver) -> None:
        """``deliver`` is called once, perhaps before this returns; never raises."""

    async def ask(self, asker: Asker, question: Question) -> Any:
        """Raises :class:`engine.desk.refusals.Refused`."""
