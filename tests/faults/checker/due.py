"""What events promise for an instant has to come: nothing else happens much later while it is still outstanding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from tests.faults.checker.history import Frame

# A tick that does many things stamps them alike, and a start does what was due meanwhile in slices: both take less.
GRACE_MS = 1_000
# The queue whose waiting contacts open a step, and after how long at the latest under any policy of the schedules.
STEP_QUEUE, STEP_MS = "vip", 3_000

Due = tuple[str, object]  # (what, of whom)


@dataclass
class Outstanding:
    """``overdue_at``: when something else was first seen to happen after the deadline; 0: not yet."""

    deadline: int
    overdue_at: int = 0


class Deadlines:
    """:meth:`apply` yields what should have come before this event, and notes what it promises or settles."""

    _CONTACT_LEAVES_LINE: ClassVar = frozenset(
        {"offer.made", "contact.connected", "contact.abandoned", "contact.closed", "contact.deflected", "contact.assigned",
         "contact.message_left", "contact.dormant", "contact.forgotten"}
    )  # fmt: skip
    _CONTACT_WAITS_AGAIN: ClassVar = frozenset(
        {
            "offer.declined",
            "offer.expired",
            "offer.rescinded",
            "contact.resumed",
            "contact.reopened",
            "contact.requeued",
        }
    )

    def __init__(self) -> None:
        self._open: dict[Due, Outstanding] = {}
        self._in_step_queue: set[int] = set()

    def apply(self, event: Frame) -> Iterator[str]:
        at, kind = event["at"], event["type"]
        self._settle(kind, event)
        for due, outstanding in list(self._open.items()):
            if at <= outstanding.deadline:
                continue
            if kind == "engine.started" or not outstanding.overdue_at:
                outstanding.overdue_at = at
            elif at > outstanding.overdue_at + GRACE_MS:
                yield f"{due[0]} of {due[1]} was due at {outstanding.deadline}, and at {at} it has not come"
                del self._open[due]
        self._promise(kind, event)
        self._step(kind, event)

    def _settle(self, kind: str, event: Frame) -> None:
        contact, agent = event.get("contact"), event.get("agent")
        if kind in ("offer.accepted", "offer.declined", "offer.expired", "offer.rescinded", "contact.connected"):
            self._over("the answer to the offer", contact)
        elif kind in ("wrap_up.ended", "wrap_up.started"):
            self._over("the end of the wrap-up", contact)
        elif kind in ("contact.resumed", "contact.reopened", "contact.forgotten", "contact.abandoned"):
            self._over("the end of the window for coming back", contact)
        elif kind in ("agent.state_changed", "agent.back", "agent.lost", "agent.removed"):
            self._over("the automatic change", agent)
            if event.get("after") == "offline" or kind == "agent.removed":
                self._over("the end of the back-off", agent)
        elif kind == "agent.back_off_ended":
            self._over("the end of the back-off", agent)

    def _promise(self, kind: str, event: Frame) -> None:
        contact, agent = event.get("contact"), event.get("agent")
        if kind == "offer.made":
            self._due("the answer to the offer", contact, event["deadline"])
        elif kind == "offer.accepted" and event.get("held"):
            self._due("the answer to the offer", contact, event["hold_until"])
        elif kind == "wrap_up.started":
            self._due("the end of the wrap-up", contact, event["until"])
        elif kind == "contact.abandoned":
            self._due("the end of the window for coming back", contact, event["resume_until"])
        elif kind == "contact.closed":
            self._due("the end of the window for coming back", contact, event.get("reopen_until", 0))
        elif kind == "agent.lost":
            self._due("the automatic change", agent, event["grace_until"])
        elif kind in ("agent.state_changed", "agent.back"):
            self._due("the automatic change", agent, event.get("until", 0))
        elif kind == "offer.declined":
            self._due("the end of the back-off", agent, event.get("back_off_until", 0))
        elif kind == "offer.expired" and event["effect"] == "back_off":
            self._due("the end of the back-off", agent, event.get("return_at", 0))

    def _step(self, kind: str, event: Frame) -> None:
        """Who waits in that queue without a break for as long as the step's clock is opened it."""
        contact = event.get("contact", 0)
        if kind in ("contact.submitted", "contact.moved", "contact.transferred"):
            self._over("the step", contact)
            (self._in_step_queue.add if event["queue"] == STEP_QUEUE else self._in_step_queue.discard)(contact)
            waits = kind != "contact.moved" or event.get("why") != "update"
            if contact in self._in_step_queue and waits:
                self._due("the step", contact, event["at"] + STEP_MS)
        elif kind == "step.opened":
            self._over("the step", contact)
            self._in_step_queue.discard(contact)
        elif kind in self._CONTACT_LEAVES_LINE:
            self._over("the step", contact)
        elif kind in self._CONTACT_WAITS_AGAIN and contact in self._in_step_queue:
            self._due("the step", contact, event["at"] + STEP_MS)

    def _due(self, what: str, whose: object, deadline: int) -> None:
        if deadline:
            before = self._open.get((what, whose))
            self._open[what, whose] = Outstanding(max(deadline, before.deadline if before else 0))

    def _over(self, what: str, whose: object) -> None:
        self._open.pop((what, whose), None)
