"""What the server needs of the driver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from engine.dispatch.commands import Command
from engine.dispatch.dispatcher import Dispatcher
from engine.ports import Committed, Deliver, Listener, Principal

T = TypeVar("T")


class Door(Protocol):
    """The driver, as a connection sees it. Only ``ask`` and the readers wait; ``post`` returns at once."""

    def post(
        self,
        command: Command,
        principal: Principal,
        command_id: str,
        payload: bytes,
        deliver: Deliver,
        asked: Command | None = None,
    ) -> None:
        """Into the inbox, in call order; ``deliver`` is called once, after the commit. ``asked``: what the client asked for,
        where the server added to it.

        Raises :class:`Overloaded`, :class:`Stopped` or :class:`StoreError`, and then never delivers.
        """

    def now_ms(self) -> int:
        """Dispatcher time."""

    def sheds(self, tenant: str) -> int:
        """After how many ms a new contact of this tenant may come back, whatever it says; 0: ask :meth:`post`."""

    def shed(self, contacts: int) -> None:
        """So many were told so, unread."""

    def is_late(self) -> bool:
        """Whether so much is to be done that questions must wait."""

    async def ask(self, function: Callable[[Dispatcher], T]) -> T:
        """``function`` of the committed state, after the listeners heard of the last commit."""

    def add_listener(self, listener: Listener) -> None:
        """Called in lsn order after each commit."""

    async def drain(self) -> None:
        """Take nothing more in, finish what is, release the store."""

    async def read_messages(self, contact: int, after_seq: int, limit: int) -> list[tuple[int, Committed]]: ...

    async def read_committed(self, after_lsn: int, limit: int) -> list[Committed]: ...

    async def rebuild_at(self, lsn: int) -> Dispatcher:
        """The state right after record ``lsn``; raises :class:`HistoryTrimmed`."""
