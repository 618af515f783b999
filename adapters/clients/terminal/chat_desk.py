"""What an agent at a terminal has of the desk: whom it talks to, tags, orders. Needs ``sluice serve --desk``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson

from adapters.clients.client import Client
from adapters.clients.protocol import Frame
from adapters.clients.terminal.chat_lines import Printer
from adapters.clients.terminal.tables import records_table, show


class DeskSide:
    """``current``: the contact that the agent writes to; 0: none."""

    def __init__(self, client: Client, printer: Printer, current: Callable[[], int]) -> None:
        self._client, self._printer, self._current = client, printer, current
        self.commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "customer": self.customer,
            "tag": self.tag,
            "orders": self.orders,
        }

    async def customer(self, rest: str) -> None:
        """``/customer [KEY]``: what is known of the customer of the current contact."""
        who = await self._who(rest.strip())
        if who is None:
            return
        row = await self._client.ask({"type": "customer", **who})
        for name, value in row.items():
            if value not in ("", [], {}, 0):
                self._printer.line(f"{name}: {value if isinstance(value, str) else orjson.dumps(value).decode()}")

    async def tag(self, rest: str) -> None:
        """``/tag vip -new``: puts tags on the customer, takes others off."""
        who, tags = await self._who(""), rest.split()
        if who is None:
            return
        add = [tag.removeprefix("+") for tag in tags if not tag.startswith("-")]
        remove = [tag[1:] for tag in tags if tag.startswith("-")]
        await self._client.do({"type": "customer.tag", **who, "add": add, "remove": remove})

    async def orders(self, rest: str) -> None:
        """``/orders [CONNECTOR] [NUMBER]``: asks the shop."""
        who, (connector, _, key) = await self._who(""), (rest or "shop").partition(" ")
        if who is None:
            return
        query = {"type": "customer.records", **who, "connector": connector, "key": key.strip()}
        answer = await self._client.ask(query)
        if answer.get("problem"):
            self._printer.notice("records.problem", problem=answer["problem"])
        elif not answer.get("records"):
            self._printer.notice("records.none")
        else:
            show(records_table(self._printer.texts, answer["records"]))

    async def _who(self, named: str) -> Frame | None:
        """The customer named, else that of the current contact."""
        if named:
            return {"customer": named}
        if not self._current():
            self._printer.notice("agent.no_current")
            return None
        row = await self._client.ask({"type": "contact", "contact": self._current()})
        return {"customer": row["customer"], "tenant": row["tenant"]}
