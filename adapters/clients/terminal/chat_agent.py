"""The agent's side of ``sluice chat``: offers, conversations, states, from one line-based terminal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from adapters.clients.client import Client
from adapters.clients.protocol import Frame, Push, Refused
from adapters.clients.terminal.chat_conversation import ConversationSide
from adapters.clients.terminal.chat_desk import DeskSide
from adapters.clients.terminal.chat_lines import Printer, number_first, parse_line
from engine.console.sentences import present
from engine.dispatch.explain import Explanation

# What one person in a chat team carries at once, when nothing else is said.
DEFAULT_CAPACITY = 4
SERVED = ("connected", "dormant", "wrap_up")


class AgentChat:
    """One agent at a terminal. ``contacts``: those it serves or wraps up → their queue; ``offers``: open ones → contact."""

    def __init__(self, client: Client, printer: Printer, agent: str) -> None:
        self.client, self.printer, self.agent = client, printer, agent
        self.contacts: dict[int, str] = {}
        self.wrapping: set[int] = set()
        self.offers: dict[int, int] = {}
        self.asked: dict[int, str] = {}  # others' contacts with which it helps, or is asked to → who asks
        self.seen: dict[int, int] = {}  # contact → the last message shown
        self.current = 0
        self.state = "offline"
        self.commands: dict[str, Callable[[str], Awaitable[None]]] = {
            "accept": self.accept,
            "decline": self.decline,
            "transfer": self.transfer,
            "close": self.close,
            "consult": self.consult,
            "join": self.help_out,
            "leave": self.end_help,
            "wrap": self.end_wrap_up,
            "contacts": self.show_contacts,
            "switch": self.switch,
            "history": self.history,
            "why": self.why,
            "pause": lambda rest: self.set_state("paused", rest),
            "ready": lambda rest: self.set_state("available", rest),
            "break": lambda rest: self.set_state("not_ready", rest),
            "help": self.help,
            "?": self.help,
            **DeskSide(client, printer, lambda: self.current).commands,
            **ConversationSide(client, printer, lambda: self.current).commands,
        }

    # --- coming and going ---------------------------------------------------------------------------------------------

    async def sign_on(self, profile: Frame | None, *, may_define: bool) -> None:
        """Define itself when asked to (or unknown and ``may_define``), sign on, and take up what is already its own."""
        if profile is not None:
            await self.client.do({"type": "agent.define", "profile": {"agent": self.agent, **profile}})
        try:
            await self.client.do({"type": "agent.sign_on"})
        except Refused as refused:
            if refused.code != "unknown_agent" or profile is not None or not may_define:
                raise
            await self.sign_on({"capacity": DEFAULT_CAPACITY}, may_define=False)
            return
        self.state = "available"
        self.printer.notice("agent.on", name=self.agent)
        answer = await self.client.ask({"type": "contacts", "agent": self.agent})
        for row in answer["contacts"]:
            if row.get("helper") == self.agent:
                self.take_request(row, row["agent"], row.get("helper_left_ms", 0))
            elif row["state"] == "offered":
                self.take_offer_row(row["offer"], row, row.get("offer_left_ms", 0))
            elif row["state"] in SERVED:
                await self.take_up(row["contact"], row["queue"])
                if row["state"] == "wrap_up":
                    self.wrapping.add(row["contact"])

    async def leave(self) -> None:
        """Sign off: what is open goes back to its queues."""
        try:
            await self.client.do({"type": "agent.sign_off"})
        except Refused as refused:
            if refused.code != "wrong_state":  # already off
                self.printer.refusal(refused)

    # --- what is typed ------------------------------------------------------------------------------------------------

    async def take(self, line: str) -> bool:
        """One line; False: the agent leaves."""
        command, rest = parse_line(line)
        if command in ("quit", "exit", "q"):
            return False
        try:
            if not command:
                await self.write(rest)
            elif command in self.commands:
                await self.commands[command](rest)
            else:
                self.printer.notice("chat.unknown", command="/" + command)
        except Refused as refused:
            self.printer.refusal(refused)
        return True

    async def write(self, text: str) -> None:
        if not text.strip():
            return
        if not self.current:
            self.printer.notice("agent.no_current")
            return
        await self.client.do({"type": "contact.message", "contact": self.current}, text=text)

    async def accept(self, rest: str) -> None:
        offer, _ = self.find_offer(rest)
        if offer is not None:
            await self.client.do({"type": "offer.accept", "offer": offer})

    async def decline(self, rest: str) -> None:
        offer, reason = self.find_offer(rest)
        if offer is not None:
            await self.client.do({"type": "offer.decline", "offer": offer, "reason": reason})

    def find_offer(self, rest: str) -> tuple[int | None, str]:
        """The offer named, else the oldest open one; and the rest of the line."""
        offer, rest = number_first(rest)
        if offer is None:
            offer = min(self.offers, default=None)
        if offer is None:
            self.printer.notice("agent.no_offer")
        return offer, rest

    async def transfer(self, rest: str) -> None:
        to, _, reason = rest.partition(" ")
        if not to:
            await self.help("")
            return
        where = {"to_agent": to[1:]} if to.startswith("@") else {"to_queue": to}
        command = {"type": "contact.transfer", "contact": self.current, **where, "reason": reason.strip()}
        if await self.has_current():
            await self.client.do(command)

    async def consult(self, rest: str) -> None:
        """A colleague is asked to help with the current contact."""
        to, _, reason = rest.partition(" ")
        if not to:
            await self.help("")
            return
        where = {"to_agent": to[1:]} if to.startswith("@") else {"to_queue": to}
        if await self.has_current():
            command = {"type": "contact.consult", "contact": self.current, **where, "reason": reason.strip()}
            await self.client.do(command)

    async def help_out(self, rest: str) -> None:
        """Yes to the colleague who asks: the contact named, else the oldest asked for."""
        contact, _ = number_first(rest)
        number = contact if contact is not None else min(self.asked, default=None)
        if number is None:
            self.printer.notice("agent.not_asked")
            return
        await self.client.do({"type": "consult.accept", "contact": number})

    async def end_help(self, rest: str) -> None:
        """No, or no longer: of the contact named, else the one that it helps with, else its own current one."""
        contact, reason = number_first(rest)
        number = contact if contact is not None else min(self.asked, default=self.current)
        if not number:
            self.printer.notice("agent.not_asked")
            return
        await self.client.do({"type": "consult.end", "contact": number, "reason": reason})

    async def close(self, rest: str) -> None:
        if await self.has_current():
            await self.client.do({"type": "contact.close", "contact": self.current, "reason": rest or "done"})

    async def has_current(self) -> bool:
        if not self.current:
            self.printer.notice("agent.no_current")
        return bool(self.current)

    async def end_wrap_up(self, rest: str) -> None:
        contact, _ = number_first(rest)
        for number in sorted(self.wrapping) if contact is None else [contact]:
            await self.client.do({"type": "wrap_up.end", "contact": number})

    async def set_state(self, state: str, reason: str) -> None:
        if state == "available" and self.state in ("offline", "lost"):
            await self.client.do({"type": "agent.sign_on"})
        else:
            await self.client.do({"type": "agent.set_state", "state": state, "reason": reason})

    async def show_contacts(self, rest: str) -> None:
        answer = await self.client.ask({"type": "contacts", "agent": self.agent})
        if not answer["contacts"]:
            self.printer.notice("agent.none")
        length = self.printer.texts.length
        for row in answer["contacts"]:
            mark = ">" if row["contact"] == self.current else " "
            state = self.printer.texts.code("contact_state", row["state"])
            who, age = row["customer"], length(row["age_ms"])
            self.printer.line(f"{mark} [{row['contact']}] {row['queue']} · {row['channel']} · {who} · {state} · {age}")

    async def switch(self, rest: str) -> None:
        contact, _ = number_first(rest)
        if contact not in self.contacts or contact is None:
            self.printer.notice("agent.not_open", contact=rest)
            return
        self.make_current(contact)

    async def history(self, rest: str) -> None:
        contact, _ = number_first(rest)
        if contact or await self.has_current():
            await self.show_history(contact or self.current)

    async def why(self, rest: str) -> None:
        contact, _ = number_first(rest)
        if not contact and not await self.has_current():
            return
        answer = await self.client.ask({"type": "explain", "contact": contact or self.current, "story": False})
        if answer.get("now") is not None:
            for sentence in present(msgspec.convert(answer["now"], Explanation), self.printer.texts.words):
                self.printer.line(sentence)

    async def help(self, rest: str) -> None:
        self.printer.notice("agent.help")

    def make_current(self, contact: int) -> None:
        if contact and contact != self.current:
            self.printer.notice("agent.current", contact=contact)
        self.current = contact

    async def show_history(self, contact: int) -> None:
        """All that was said so far, so that the agent knows it before the first word."""
        messages: list[Frame] = []
        more = True
        while more:
            after = messages[-1]["seq"] if messages else 0
            answer = await self.client.ask({"type": "history", "contact": contact, "after_seq": after})
            messages += answer["messages"]
            more = answer["more"] and bool(answer["messages"])
        if messages:
            self.printer.notice("chat.history")
            self.seen[contact] = messages[-1]["seq"]
        for message in messages:
            self.printer.message(message, message["text"], before="  ")

    async def take_up(self, contact: int, queue: str) -> None:
        self.contacts[contact] = queue
        self.printer.notice("agent.connected", contact=contact, queue=queue)
        await self.show_history(contact)
        if not self.current or self.current in self.wrapping:
            self.make_current(contact)

    def take_offer_row(self, offer: int, row: Frame, left_ms: int) -> None:
        self.offers[offer] = row["contact"]
        length = self.printer.texts.length
        self.printer.notice(
            "agent.offer",
            offer=offer,
            contact=row["contact"],
            queue=row["queue"],
            channel=row["channel"],
            shop=f", {row['shop']}" if row["shop"] else "",
            who=f", {row['customer']}" if row.get("customer") else "",
            waited=length(row["waited_ms"]),
            left=self.printer.texts.say("agent.within", left=length(left_ms)) if left_ms else "",
        )

    def drop(self, contact: int) -> None:
        """No longer this agent's; the next one open becomes the current."""
        self.contacts.pop(contact, None)
        self.seen.pop(contact, None)
        self.wrapping.discard(contact)
        self.choose_next(contact)

    def choose_next(self, instead_of: int) -> None:
        if self.current == instead_of:
            self.current = 0
            self.make_current(next((number for number in self.contacts if number not in self.wrapping), 0))

    # --- what happens -------------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        async for push in self.client.pushes():
            if push.snapshot is not None:
                await self.take_snapshot(push.snapshot)
            for event in push.events:
                handler = HANDLERS.get(event["type"])
                if handler is not None:
                    await handler(self, event, push)

    async def take_snapshot(self, snapshot: Frame) -> None:
        """Some of what happened cannot be told any more: this is how it stands."""
        agent, held = snapshot.get("agent"), {row["contact"]: row for row in snapshot["contacts"]}
        self.state = agent["state"] if agent else "offline"
        for contact in [number for number in self.contacts if number not in held]:
            self.printer.notice("agent.gone", contact=contact, reason=self.printer.texts.code("word", "agent_lost"))
            self.drop(contact)
        self.wrapping = {number for number, row in held.items() if row["state"] == "wrap_up"}
        for number, row in held.items():
            if number not in self.contacts:
                await self.take_up(number, row["queue"])
            for message in row.get("last_messages", []):
                self.show_message(number, message, message["text"])
        known_requests, self.asked = self.asked, {}
        for row in snapshot.get("consults", []):
            if row["contact"] in known_requests:
                self.asked[row["contact"]] = row["agent"]
            else:
                self.take_request(row, row["agent"], row.get("helper_left_ms", 0))
        known, self.offers = self.offers, {}
        for row in snapshot["offers"]:
            if row["offer"] in known:
                self.offers[row["offer"]] = row["contact"]
            else:
                self.take_offer_row(row["offer"], row, row.get("left_ms", 0))
        self.printer.notice("agent.resync", contacts=len(self.contacts), offers=len(self.offers))

    async def on_offer(self, event: Frame, push: Push) -> None:
        if event["offer"] in self.offers:  # told on signing on
            return
        try:
            row = await self.client.ask({"type": "contact", "contact": event["contact"]})
        except Refused:  # taken back between the offer and our question
            row = {"contact": event["contact"], "queue": event["queue"], "channel": "", "shop": ""}
        row["waited_ms"] = event["waited_ms"]
        self.take_offer_row(event["offer"], row, event["deadline"] - event["at"])

    async def on_offer_over(self, event: Frame, push: Push) -> None:
        if self.offers.pop(event["offer"], None) is None:
            return
        key = event["type"].replace("offer.", "agent.")
        reason = self.printer.texts.code("word", event.get("reason", ""))
        if key != "agent.accepted":
            self.printer.notice(key, offer=event["offer"], reason=reason)

    async def on_connected(self, event: Frame, push: Push) -> None:
        if event["contact"] in self.contacts:
            return
        row = await self.client.ask({"type": "contact", "contact": event["contact"]})
        await self.take_up(event["contact"], row["queue"])

    async def on_message(self, event: Frame, push: Push) -> None:
        if event["contact"] in self.contacts or event["contact"] in self.asked:
            self.show_message(event["contact"], {**event, "erased": push.erased}, push.text)

    def show_message(self, contact: int, message: Frame, text: str) -> None:
        """Once each, whether it comes as history, as a push or in a snapshot; one's own are known."""
        if message["seq"] <= self.seen.get(contact, 0):
            return
        self.seen[contact] = message["seq"]
        if message.get("agent") != self.agent:
            self.printer.message(message, text, before=f"[{contact}] ")

    async def on_closed(self, event: Frame, push: Push) -> None:
        if event["contact"] not in self.contacts:
            return
        words = self.printer.texts
        by, reason = words.code("word", event.get("by", "")), words.code("word", event["reason"])
        self.printer.notice("agent.closed", contact=event["contact"], by=by, reason=reason)
        if event.get("wrap_up_until"):
            self.wrapping.add(event["contact"])
            self.choose_next(event["contact"])
        else:
            self.drop(event["contact"])

    async def on_passed(self, event: Frame, push: Push) -> None:
        to = "@" + event["prefer"] if event.get("prefer") else event["queue"]
        self.printer.notice("agent.passed", contact=event["contact"], to=to)
        self.drop(event["contact"])

    async def on_requeued(self, event: Frame, push: Push) -> None:
        reason = self.printer.texts.code("word", event["reason"])
        self.printer.notice("agent.gone", contact=event["contact"], reason=reason)
        self.drop(event["contact"])

    async def on_wrap_up(self, event: Frame, push: Push) -> None:
        left = self.printer.texts.length(event["until"] - event["at"])
        self.printer.notice("agent.wrap", contact=event["contact"], left=left)

    async def on_wrapped(self, event: Frame, push: Push) -> None:
        self.printer.notice("agent.wrapped", contact=event["contact"])
        self.drop(event["contact"])

    async def on_state(self, event: Frame, push: Push) -> None:
        before, self.state = self.state, event["after"]
        why = f" ({self.printer.texts.code('word', event['reason'])})" if event.get("reason") else ""
        if self.state == "offline":
            self.printer.notice("agent.off", why=why)
        elif before != self.state:
            self.printer.notice("agent.state", state=self.printer.texts.code("state", self.state), why=why)

    def take_request(self, row: Frame, agent: str, left_ms: int) -> None:
        self.asked[row["contact"]] = agent
        left = self.printer.texts.say("agent.within", left=self.printer.texts.length(left_ms)) if left_ms else ""
        key = "agent.asked" if left_ms else "agent.helping"
        self.printer.notice(key, contact=row["contact"], agent=agent, left=left)

    async def on_asked(self, event: Frame, push: Push) -> None:
        """Somebody asks this agent, or it has asked somebody."""
        if event["to_agent"] != self.agent:
            self.printer.notice("agent.asks", contact=event["contact"], agent=event["to_agent"])
        elif event["contact"] not in self.asked:
            self.take_request(event, event["agent"], event["deadline"] - event["at"])
            if event.get("reason"):
                self.printer.line(f"  {event['reason']}")
            try:
                await self.show_history(event["contact"])
            except Refused as refused:  # over before we could look
                if refused.code != "unknown_contact":
                    raise

    async def on_helping(self, event: Frame, push: Push) -> None:
        if event["agent"] == self.agent:
            self.printer.notice("agent.helping", contact=event["contact"], agent=self.asked.get(event["contact"], ""))
        else:
            self.printer.notice("agent.helped", contact=event["contact"], agent=event["agent"])

    async def on_help_over(self, event: Frame, push: Push) -> None:
        mine = event["agent"] == self.agent
        if mine:
            self.asked.pop(event["contact"], None)
            if event["contact"] not in self.contacts:
                self.seen.pop(event["contact"], None)
        key = "agent.help_over" if mine else "agent.helper_gone"
        why = self.printer.texts.code("consult", event["why"])
        self.printer.notice(key, contact=event["contact"], agent=event["agent"], why=why)

    async def on_capacity(self, event: Frame, push: Push) -> None:
        self.printer.notice("agent.capacity", capacity=event["capacity"])

    async def on_late(self, event: Frame, push: Push) -> None:
        self.printer.notice(
            "agent.late" if event["type"] == "reply.warned" else "agent.too_late", contact=event["contact"]
        )

    async def on_updated(self, event: Frame, push: Push) -> None:
        attributes = ", ".join(f"{name} = {value}" for name, value in event["attributes"].items())
        self.printer.notice("agent.updated", contact=event["contact"], attributes=attributes)


Handler = Callable[[AgentChat, Frame, Push], Awaitable[None]]
HANDLERS: dict[str, Handler] = {
    "offer.made": AgentChat.on_offer,
    "offer.accepted": AgentChat.on_offer_over,
    "offer.declined": AgentChat.on_offer_over,
    "offer.expired": AgentChat.on_offer_over,
    "offer.rescinded": AgentChat.on_offer_over,
    "consult.asked": AgentChat.on_asked,
    "consult.accepted": AgentChat.on_helping,
    "consult.ended": AgentChat.on_help_over,
    "contact.connected": AgentChat.on_connected,
    "message.added": AgentChat.on_message,
    "contact.closed": AgentChat.on_closed,
    "contact.transferred": AgentChat.on_passed,
    "contact.requeued": AgentChat.on_requeued,
    "contact.updated": AgentChat.on_updated,
    "wrap_up.started": AgentChat.on_wrap_up,
    "wrap_up.ended": AgentChat.on_wrapped,
    "agent.state_changed": AgentChat.on_state,
    "agent.capacity_changed": AgentChat.on_capacity,
    "reply.warned": AgentChat.on_late,
    "reply.breached": AgentChat.on_late,
}
