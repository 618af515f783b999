"""Who plays in a schedule: a channel's customers, agents, a supervisor. Each does what such people do, and says it again
after every loss with the same command ids."""

from __future__ import annotations

from collections.abc import Callable

import trio

from tests.faults.checker.history import Frame
from tests.faults.client import Client, result_of

ENDS = frozenset({"contact.closed", "contact.abandoned", "contact.deflected"})


class Channel(Client):
    """Speaks for its customers. ``ended`` and ``agents`` are what its stream said of each contact."""

    def __init__(self, *args: object, **rest: object) -> None:
        super().__init__(*args, **rest)  # type: ignore[arg-type]
        self.ended: set[int] = set()
        self.agents: dict[int, str] = {}
        self.waiting_customers = 0
        self._turn = trio.Event()

    def on_push(self, frame: Frame) -> None:
        for event in frame["events"]:
            kind, contact = event["type"], event.get("contact", 0)
            if kind in ENDS:
                self.ended.add(contact)
            elif kind in ("contact.resumed", "contact.reopened"):
                self.ended.discard(contact)
            if kind == "contact.connected":
                self.agents[contact] = event["agent"]
            elif kind in ("contact.requeued", "contact.transferred"):
                self.agents.pop(contact, None)
        self._turn.set()
        self._turn = trio.Event()

    def on_resync(self, frame: Frame) -> None:
        rows = {row["contact"]: row for row in frame["snapshot"].get("contacts", [])}
        self.agents = {number: row["agent"] for number, row in rows.items() if row.get("agent")}
        self.ended |= set(self.agents) - set(rows)
        self._turn.set()
        self._turn = trio.Event()

    async def customer(self, number: int, arrives_s: float) -> None:
        """One customer's visit, from the first word to the end."""
        self.waiting_customers += 1
        await trio.sleep(arrives_s)
        chance = self.chance.spawn(f"customer {number}")
        contact = await self._submit(number, 1)
        if contact:
            await self._visit(contact, number, chance)
        self.waiting_customers -= 1

    async def _submit(self, number: int, visit: int) -> int:
        command = {
            "type": "contact.submit",
            "channel": "web",
            "external_id": f"x{number}-{visit}",
            "customer": f"c{number}",
            "attributes": {"need": ("help", "vip")[number % 2], "first": ("person", "bot")[number % 5 == 4]},
        }
        answer = result_of(await self.do(command, text=f"hello from {number}, visit {visit}"))
        if answer.get("state") in ("queued", "resumed", "joined"):
            self.ended.discard(answer["contact"])
            return int(answer["contact"])
        return 0

    async def _visit(self, contact: int, number: int, chance: object) -> None:
        draw = self.chance
        impatient = draw.happens(0.4)
        says = draw.between(0, 3)
        said = 0
        begun_s = trio.current_time()
        while contact not in self.ended:
            turn = self._turn
            with trio.move_on_after(draw.length_s(0.5, 4.0)):
                await turn.wait()
            if contact in self.ended:
                break
            connected = contact in self.agents
            if said < says and (connected or draw.happens(0.1)):
                said += 1
                await self.do({"type": "contact.message", "contact": contact}, text=f"{number} says {said}")
            elif not self.calm and impatient and not connected and trio.current_time() - begun_s > 2:
                impatient = False
                if result_of(await self.do({"type": "contact.abandon", "contact": contact})):
                    if draw.happens(0.5):
                        return
                    await trio.sleep(draw.length_s(0.1, 2.0))
                    contact = await self._submit(number, 2) or contact
            elif not self.calm and connected and draw.happens(0.05):
                await self.do({"type": "contact.close", "contact": contact})
            elif self.calm and trio.current_time() - begun_s > 60 and draw.happens(0.2):
                await self._look(contact)

    async def _look(self, contact: int) -> None:
        """Missed the end? A contact that is not open any more has ended."""
        answer = await self.ask({"type": "contact", "contact": contact})
        if answer["op"] == "error":
            self.ended.add(contact)


class Agent(Client):
    """Takes what it is offered, talks, closes. ``sloppy``: the share of offers it declines, forgets or takes twice."""

    def __init__(
        self, *args: object, capacity: int = 1, kind: str = "onsite", start: Callable[..., None], **rest: object
    ):
        super().__init__(*args, **rest)  # type: ignore[arg-type]
        self.profile: Frame = {
            "agent": self.subject,
            "kind": kind,
            "pools": ["bot" if kind == "bot" else "onsite"],
            "capacity": capacity,
            "skills": {"vip": 5} if self.subject != "bob" else {},
        }
        self.sloppy = 0.2
        self.offers: set[int] = set()
        self.serving: set[int] = set()
        self.state = ""
        self._start = start
        self._signing = False

    @property
    def is_idle(self) -> bool:
        return not self.offers and not self.serving and not self.unanswered and self.state == "available"

    def on_resync(self, frame: Frame) -> None:
        snapshot = frame["snapshot"]
        self.offers = {offer["offer"] for offer in snapshot["offers"] if not offer.get("held")}
        held = {row["contact"]: row["state"] for row in snapshot["contacts"]}
        self.serving &= set(held)
        for offer in sorted(self.offers):
            self._start(self._answer, offer)
        for contact, state in held.items():
            if state == "connected":
                self._serve(contact)
            elif state == "wrap_up" and self.chance.happens(0.3):
                self._start(self._finish, contact)
        self._is_now(snapshot["agent"]["state"] if snapshot.get("agent") else "")

    def on_push(self, frame: Frame) -> None:
        for event in frame["events"]:
            kind, mine = event["type"], event.get("agent") == self.subject
            if kind == "offer.made" and mine:
                self.offers.add(event["offer"])
                self._start(self._answer, event["offer"])
            elif kind.startswith("offer."):
                self.offers.discard(event.get("offer", 0))
            elif kind == "contact.connected" and mine:
                self._serve(event["contact"])
            elif kind in ("contact.closed", "contact.transferred", "contact.requeued"):
                self.serving.discard(event["contact"])
            elif kind == "wrap_up.started" and mine and self.chance.happens(0.5):
                self._start(self._finish, event["contact"])
            elif kind in ("agent.state_changed", "agent.back") and mine:
                self._is_now(event["after"])

    def _is_now(self, state: str) -> None:
        self.state = state
        if state != "available" and not self._signing:
            self._signing = True
            self._start(self._sign_on)

    async def _sign_on(self) -> None:
        """Until it takes offers again, whatever took it out."""
        while self.state != "available":
            await trio.sleep(self.chance.length_s(0.0, 0.5))
            if self.state == "":
                await self.do({"type": "agent.define", "profile": self.profile})
            if self.state in ("", "offline"):
                answer = await self.do({"type": "agent.sign_on"})
                if self._is_news(answer) and self.state in ("", "offline"):
                    self.state = "available"
            elif self.state not in ("available", "lost"):
                answer = await self.do({"type": "agent.set_state", "state": "available"})
                if self._is_news(answer) and self.state != "offline":
                    self.state = "available"
            await trio.sleep(self.chance.length_s(0.2, 1.0))
        self._signing = False

    def _is_news(self, answer: Frame) -> bool:
        """Of something that came after what the stream has told; an old answer, told again, says nothing of now."""
        return answer["op"] == "ok" and answer.get("lsn", 0) > self.offsets[f"agent:{self.subject}"]

    async def _answer(self, offer: int) -> None:
        await trio.sleep(self.chance.length_s(0.0, 0.2 if self.calm else 2.0))
        if offer not in self.offers:
            return
        sloppy = not self.calm and self.chance.happens(self.sloppy)
        deed = self.chance.one_of(["decline", "forget", "hold", "late"]) if sloppy else "accept"
        if deed == "forget":
            return
        if deed == "late":
            await trio.sleep(self.chance.length_s(3.0, 6.0))
        if deed == "decline":
            await self.do({"type": "offer.decline", "offer": offer})
        elif deed == "hold":
            answer = await self.do({"type": "offer.accept", "offer": offer, "hold": True})
            if answer["op"] == "ok":
                await trio.sleep(self.chance.length_s(0.0, 1.0))
                await self.do({"type": self.chance.one_of(["offer.complete", "offer.fail"]), "offer": offer})
        else:
            await self.do({"type": "offer.accept", "offer": offer})
        self.offers.discard(offer)

    def _serve(self, contact: int) -> None:
        if contact not in self.serving:
            self.serving.add(contact)
            self._start(self._talk, contact)

    async def _talk(self, contact: int) -> None:
        for line in range(self.chance.between(0, 2)):
            await trio.sleep(self.chance.length_s(0.0, 0.5 if self.calm else 3.0))
            if contact not in self.serving:
                return
            await self.do({"type": "contact.message", "contact": contact}, text=f"{self.subject} answers {line}")
        await trio.sleep(self.chance.length_s(0.0, 0.5 if self.calm else 3.0))
        if contact not in self.serving:
            return
        if self.profile["kind"] == "bot" or (not self.calm and self.chance.happens(0.15)):
            command: Frame = {"type": "contact.transfer", "contact": contact}
            if self.profile["kind"] != "bot":
                command["to_queue"] = "help"
        else:
            command = {"type": "contact.close", "contact": contact}
        await self.do(command)
        self.serving.discard(contact)

    async def _finish(self, contact: int) -> None:
        await trio.sleep(self.chance.length_s(0.0, 1.0))
        await self.do({"type": "wrap_up.end", "contact": contact})


class Supervisor(Client):
    """Watches the whole domain; sometimes steps in."""

    policies: list[str]

    async def meddle(self, open_contacts: Callable[[], list[int]]) -> None:
        """One deed of those that supervisors do."""
        contacts = open_contacts()
        contact = self.chance.one_of(contacts) if contacts else 0
        deeds: list[Frame] = [
            {"type": "policy.apply", "text": self.chance.one_of(self.policies)},
            {"type": "queue.close", "queue": "vip"},
            {"type": "queue.open", "queue": "vip"},
            {"type": "contact.move", "contact": contact, "queue": "help"},
            {"type": "contact.prioritise", "contact": contact, "priority": 5},
        ]
        await self.do(self.chance.one_of(deeds))
