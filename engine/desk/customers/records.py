"""Orders and other records of customers, asked of other systems: through a port, never trusted, never in anybody's way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.desk import limits
from engine.desk.customers import queries as q
from engine.desk.deeds import refuse
from engine.desk.refusals import DeskCode
from engine.ports import Connector, ConnectorAnswer, ConnectorError, ConnectorQuestion


class Records:
    """The connectors by name."""

    def __init__(self, connectors: Mapping[str, Connector]) -> None:
        self._connectors = connectors

    @property
    def first(self) -> Connector | None:
        """The one that was declared first, which the bot asks."""
        return next(iter(self._connectors.values()), None)

    async def ask(self, connector: str, question: ConnectorQuestion) -> ConnectorAnswer:
        """Raises :class:`ConnectorError`, and :class:`engine.desk.refusals.Refused` for a connector that nobody declared."""
        found = self._connectors.get(connector)
        if found is None:
            known = ", ".join(self._connectors) or "nothing: the desk's file declares no connector"
            raise refuse(DeskCode.NOT_DECLARED, "connector", connector[:64], known)
        return await found.ask(question)

    async def fetch(self, question: q.AskCustomerRecords, keys: Sequence[str]) -> q.RecordsRow:
        """What is answered to an agent; that the other system is down is an answer, too."""
        limit = max(1, min(question.limit, limits.PAGE))
        asked = ConnectorQuestion(question.kind, question.tenant, tuple(keys), question.key, limit=limit)
        try:
            told = await self.ask(question.connector, asked)
        except ConnectorError as error:
            return q.RecordsRow(question.connector, problem=str(error))
        return q.RecordsRow(question.connector, list(told.records), told.more)
