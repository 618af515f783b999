"""What the server needs of the desk."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING, Any, Protocol

from engine.desk.commands import DeskCommand
from engine.desk.deeds import Asker, Question
from engine.ports import Deliver, Principal

if TYPE_CHECKING:
    from engine.desk.customers.standing import Standing


class DeskDoor(Protocol):
    """The desk, as a connection sees it; an engine may run without one."""

    @property
    def own_names(self) -> Set[str]:
        """Attributes of contacts that the desk alone says."""

    @property
    def records_behind(self) -> int:
        """How many records of the journal its tables do not show yet."""

    @property
    def refuses(self) -> bool:
        """Whether its tables cannot be written just now."""

    def find_standing(self, tenant: str, customer: str) -> Standing | None:
        """What the policy may know of a customer; None: :meth:`load_standing` has to look it up."""

    async def load_standing(self, tenant: str, customer: str) -> Standing: ...

    def do(self, principal: Principal, asker: Asker, id: str, deed: DeskCommand, deliver: Deliver) -> None:
        """``deliver`` is called once, perhaps before this returns; never raises."""

    async def ask(self, asker: Asker, question: Question) -> Any:
        """Raises :class:`engine.desk.refusals.Refused`."""
