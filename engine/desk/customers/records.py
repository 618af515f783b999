"""Orders and other records of customers, asked of other systems: through a port, never trusted, never in anybody's way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from engine.desk.customers import queries as q
from engine.desk.deeds import refuse
from engine.desk.refusals import DeskCode


class ConnectorError(Exception):
    """Why there is no answer: a short sentence without anything that the other system said."""


class Connector(Protocol):
    """Another system's records of customers."""

    async def fetch(self, tenant: str, customers: Sequence[str], limit: int) -> tuple[list[dict[str, Any]], bool]:
        """At most ``limit`` flat rows of short plain values, newest first, and whether there are more. ``customers``: all keys of
        one. Raises :class:`ConnectorError`, within the time that it was given, whatever the other system does.
        """


class Records:
    """The connectors by name."""

    def __init__(self, connectors: Mapping[str, Connector]) -> None:
        self._connectors = connectors

    async def fetch(self, question: q.AskCustomerRecords, keys: Sequence[str], limit: int) -> q.RecordsRow:
        """Raises :class:`engine.desk.refusals.Refused` for a connector that nobody declared."""
        connector = self._connectors.get(question.connector)
        if connector is None:
            known = ", ".join(self._connectors) or "nothing: the desk's file declares no connector"
            raise refuse(DeskCode.NOT_DECLARED, "connector", question.connector[:64], known)
        try:
            rows, more = await connector.fetch(question.tenant, keys, limit)
        except ConnectorError as error:
            return q.RecordsRow(question.connector, problem=str(error))
        return q.RecordsRow(question.connector, rows, more)
