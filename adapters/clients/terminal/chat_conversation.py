"""What an agent at a terminal does beside the conversation: notes, labels, replies at hand, the story, search."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from adapters.clients.client import Client
from adapters.clients.protocol import Frame
from adapters.clients.terminal.chat_lines import Printer
from adapters.clients.terminal.told import hit_lines, story_lines

# A screenful.
_LINES = 40


class ConversationSide:
    """``current``: the contact that the agent writes to; 0: none."""

    def __init__(self, client: Client, printer: Printer, current: Callable[[], int]) -> None:
        self._client, self._printer, self._current = client, printer, current
        self.commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "note": self.note,
            "label": self.label,
            "reply": self.reply,
            "replies": self.replies,
            "story": self.story,
            "search": self.search,
        }

    async def note(self, rest: str) -> None:
        """``/note TEXT``: for colleagues."""
        if (contact := await self._contact()) is not None:
            await self._client.do({"type": "contact.note", **contact, "text": rest})

    async def label(self, rest: str) -> None:
        """``/label refund -new``: puts tags on the contact, takes others off."""
        if (contact := await self._contact()) is not None:
            tags = rest.split()
            add = [tag.removeprefix("+") for tag in tags if not tag.startswith("-")]
            remove = [tag[1:] for tag in tags if tag.startswith("-")]
            await self._client.do({"type": "contact.tag", **contact, "add": add, "remove": remove})

    async def reply(self, rest: str) -> None:
        """``/reply SHORTCUT [order.id=SN1 …]``: sends the reply, filled in."""
        if (contact := await self._contact()) is not None:
            shortcut, _, given = rest.strip().partition(" ")
            values = dict(each.partition("=")[::2] for each in given.split())
            query = {"type": "reply", **contact, "shortcut": shortcut, "values": values}
            filled = await self._client.ask(query)
            await self._client.do({"type": "contact.message", "contact": contact["contact"]}, text=filled["text"])

    async def replies(self, rest: str) -> None:
        """``/replies [FIND]``: those at hand."""
        answer = await self._client.ask({"type": "replies", "find": rest.strip(), "limit": _LINES})
        self._show([f"{row['shortcut']}: {row['text']}" for row in answer["replies"]])

    async def story(self, _rest: str) -> None:
        """``/story``: all that the customer of the current contact and the house have said to each other."""
        if (contact := await self._contact()) is not None:
            query = {"type": "conversation.story", **contact, "limit": _LINES}
            self._show(list(story_lines(self._printer.texts, await self._client.ask(query))))

    async def search(self, rest: str) -> None:
        """``/search WORDS``: in what was said in the agent's own contacts."""
        answer = await self._client.ask({"type": "conversation.search", "find": rest, "limit": _LINES})
        self._show(list(hit_lines(self._printer.texts, answer["hits"])))

    def _show(self, lines: list[str]) -> None:
        for line in lines:
            self._printer.line(line)
        if not lines:
            self._printer.notice("records.none")

    async def _contact(self) -> Frame | None:
        if not self._current():
            self._printer.notice("agent.no_current")
            return None
        row = await self._client.ask({"type": "contact", "contact": self._current()})
        return {"customer": row["customer"], "tenant": row["tenant"], "contact": self._current()}
