"""The customer's side of ``sluice chat``: write, wait, see who joins, talk, leave."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio

from adapters.clients.client import Client
from adapters.clients.protocol import Frame, Push, Refused
from adapters.clients.terminal.chat_lines import Printer, parse_line

POSITION_EVERY_S = 5.0


class CustomerChat:
    """One customer at a terminal. ``submission``: the fields of ``contact.submit`` (channel, shop, attributes)."""

    def __init__(self, client: Client, printer: Printer, submission: dict[str, Any]) -> None:
        self.client, self.printer, self.submission = client, printer, submission
        self.contact = 0
        self.state = ""  # as far as the customer is told: waiting, connected, or nothing
        self.position = 0
        self.queue = ""
        self.seen = 0  # the last message shown

    # --- what is typed ------------------------------------------------------------------------------------------------

    async def take(self, line: str) -> bool:
        """One line; False: the customer leaves."""
        command, rest = parse_line(line)
        if command in ("quit", "exit", "q"):
            return False
        try:
            if not command:
                await self.write(rest)
            else:
                await self.command(command)
        except Refused as refused:
            self.printer.refusal(refused)
        return True

    async def command(self, command: str) -> None:
        commands: dict[str, Callable[[], Awaitable[None]]] = {
            "person": self.ask_person,
            "where": self.show_position,
            "bot": self.ask_bot,
            "message": lambda: self.leave_message("message"),
            "callback": lambda: self.leave_message("call_back"),
            "close": self.close,
        }
        if command in ("help", "?"):
            self.printer.notice("customer.help")
        elif command not in commands:
            self.printer.notice("chat.unknown", command="/" + command)
        elif not self.contact:
            self.printer.notice("customer.nothing")
        else:
            await commands[command]()

    async def write(self, text: str) -> None:
        if not text.strip():
            return
        if self.contact:
            try:
                await self.client.do({"type": "contact.message", "contact": self.contact}, text=text)
                return
            except Refused as refused:  # ended while this was typed: it opens a new conversation
                if refused.code not in ("contact_gone", "unknown_contact", "wrong_state"):
                    raise
        await self.submit(text)

    async def submit(self, text: str) -> None:
        result = await self.client.do({"type": "contact.submit", **self.submission}, text=text)
        state = result.get("state", "queued")
        if state == "deflected":
            code = self.printer.texts.code
            reason, alternative = code("word", str(result["reason"])), code("word", str(result["alternative"]))
            notice = result.get("notice", "")
            self.printer.notice("customer.deflected", reason=reason, alternative=alternative, notice=notice)
            return
        self.contact, self.state, self.position, self.seen = int(result["contact"]), "waiting", 0, 0
        if state == "joined":  # what was said first: what is said from now on is shown below it
            self.printer.notice("customer.joined_open", contact=self.contact)
            await self.show_history()
        elif state == "resumed":
            self.printer.notice("customer.resumed", contact=self.contact)
        # From just before the submission, so that nothing that followed it is missed.
        await self.client.subscribe(f"contact:{self.contact}", int(result["lsn"]) - 1)
        if state == "joined":
            await self.poll_position()

    async def ask_person(self) -> None:
        await self.client.do({"type": "contact.ask_person", "contact": self.contact})

    async def ask_bot(self) -> None:
        await self.client.do({"type": "contact.ask_bot", "contact": self.contact})

    async def leave_message(self, kind: str) -> None:
        await self.client.do({"type": "contact.leave_message", "contact": self.contact, "kind": kind})

    async def close(self) -> None:
        command = "contact.abandon" if self.state == "waiting" else "contact.close"
        await self.client.do({"type": command, "contact": self.contact})

    async def leave(self) -> None:
        """At the end of the input: a waiting customer abandons, a connected one closes."""
        if not self.contact or not self.state:
            return
        try:
            await self.close()
        except Refused as refused:
            if refused.code not in ("contact_gone", "unknown_contact", "wrong_state"):
                self.printer.refusal(refused)

    async def show_history(self) -> None:
        more = True
        while more:
            answer = await self.client.ask({"type": "history", "contact": self.contact, "after_seq": self.seen})
            more = bool(answer.get("more")) and bool(answer["messages"])
            for message in answer["messages"]:
                self.seen = message["seq"]
                own = message["sender"] == "customer"
                self.printer.message(message, message["text"], before="  ", own=own)

    async def show_position(self) -> None:
        self.position = 0
        await self.poll_position()

    async def watch_position(self) -> None:
        """Tell a waiting customer when the place has changed."""
        while True:
            await trio.sleep(POSITION_EVERY_S)
            if self.contact and self.state == "waiting" and self.client.is_connected:
                try:
                    await self.poll_position()
                except Refused:  # ended between two looks
                    continue

    async def poll_position(self) -> None:
        answer = await self.client.ask({"type": "position", "contact": self.contact})
        self.take_state(str(answer.get("state", "")))
        position = answer.get("position", 0)
        if position and position != self.position:
            self.position = position
            self.printer.notice("customer.position", position=position)

    # --- what happens -------------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        async for push in self.client.pushes():
            if push.stream != f"contact:{self.contact}":
                continue
            if push.error is not None and push.error.code == "unknown_stream":
                self.end("")  # it ended while we were away, and too long ago for the engine to say how
            if push.snapshot is not None:
                self.take_snapshot(push.snapshot)
            for event in push.events:
                await self.take_event(event, push)

    def take_snapshot(self, snapshot: Frame) -> None:
        """Some of what happened cannot be told any more: go on from how it stands."""
        row = snapshot.get("contact")
        if row is None:
            self.end("")
        else:
            self.take_state(row["state"])
            for message in row.get("last_messages", []):
                self.show_message(message, message["text"])

    def take_state(self, state: str) -> None:
        """The engine's word for it, as far as it concerns the customer."""
        if state in ("queued", "offered", "held"):
            self.state = "waiting"
        elif state in ("connected", "dormant"):
            self.state = "connected"

    def show_message(self, message: Frame, text: str) -> None:
        """Once each, whether it comes as history, as a push or in a snapshot; the customer's own are known."""
        if message["seq"] > self.seen:
            self.seen = message["seq"]
            if message["sender"] != "customer":
                self.printer.message(message, text)

    async def take_event(self, event: Frame, push: Push) -> None:
        printer, kind = self.printer, event["type"]
        if kind == "message.added":
            self.show_message({**event, "erased": push.erased}, push.text)
        elif kind == "contact.submitted":
            self.queue = event["queue"]
            printer.notice("customer.queued", queue=self.queue, contact=self.contact)
        elif kind == "contact.connected":
            self.state = "connected"
            printer.notice("customer.joined", who=event["agent"])
        elif kind == "contact.moved" and event["queue"] != self.queue:
            self.queue = event["queue"]
            printer.notice("customer.moved", queue=self.queue)
        elif kind == "contact.transferred":
            self.state, self.queue, prefer = "waiting", event["queue"], event.get("prefer", "")
            printer.notice("customer.passed_to" if prefer else "customer.passed", queue=self.queue, prefer=prefer)
        elif kind == "contact.requeued":
            self.state = "waiting"
            printer.notice("customer.requeued", who=event["agent"])
        elif kind == "person.asked":
            printer.notice("customer.person")
        else:
            self.take_word(event)

    def take_word(self, event: Frame) -> None:
        """What else the house says to its customer."""
        printer, kind, code = self.printer, event["type"], self.printer.texts.code
        if kind == "contact.sent_to_bot":
            printer.notice("customer.bot")
        elif kind == "contact.alternatives_offered":
            printer.notice(
                "customer.offered", alternatives=", ".join(code("word", each) for each in event["alternatives"])
            )
        elif kind == "contact.message_left":
            left = printer.texts.length(event["promised_by"] - event["at"])
            printer.notice("customer.promised", left=left)
        elif kind == "contact.reopened":
            self.state = "waiting"
            printer.notice("customer.reopened", contact=self.contact)
        elif kind in ("contact.closed", "contact.abandoned"):
            self.end(event.get("reason", "abandoned"))

    def end(self, reason: str) -> None:
        if self.state:
            self.state = ""
            self.contact = 0
            self.printer.notice("customer.closed", reason=self.printer.texts.code("word", reason))
