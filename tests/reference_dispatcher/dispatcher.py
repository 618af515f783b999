"""The door: handle a command, let time pass, say when something is due. Same rules for drivers as the real one."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.refusals import SENTENCES, Code
from tests.reference_dispatcher import consults, hours, lender, restart, slices, steps
from tests.reference_dispatcher.desk import Desk
from tests.reference_dispatcher.registry import DEADLINES, HANDLERS, Deadline, Refused

# Equal deadlines happen in this order, and those of one kind by number.
KINDS = (
    "offer", "wrap_up", "back_off", "presence", "capacity", "affinity", "decliner", "step", "reply", "window", "talk", "consult", "lender", "quota", "house",
)  # fmt: skip
OF_THE_QUEUE = ("step", "reply", "talk")  # read from what its queue says of a contact


def look_around(desk: Desk) -> None:
    """Everything else is done: what else has become possible."""
    steps.judge_reached(desk)
    consults.end_lost(desk)
    lender.look_again(desk)


class ReferenceDispatcher:
    """Looks at every contact and every agent each time. Instants in ms, events as the real dispatcher's."""

    def __init__(self, policy: Policy) -> None:
        self.desk = Desk(policy)

    def handle(self, command: cm.Command, stamp: int) -> list[ev.Event]:
        """What is due at or before the stamp, in deadline order; then the command, or its refusal."""
        desk = self.desk
        desk.events = []
        try:
            if stamp < desk.now:
                raise Refused(Code.TIME_WENT_BACK, stamp, f"≥ {desk.now}")
            desk.now = stamp
            if isinstance(command, cm.StartEngine):
                restart.start(desk, command)
                if not self.is_busy:
                    look_around(desk)
                    hours.first_input(desk)
                    self._pass_time()
            else:
                hours.first_input(desk)
                self._pass_time()
                if type(command) not in HANDLERS:
                    raise Refused(Code.NOT_SUPPORTED)
                HANDLERS[type(command)](desk, command)
                look_around(desk)
        except Refused as refused:
            desk.emit(
                ev.CommandRejected, command=command.__struct_config__.tag, code=refused.code,
                what=SENTENCES[refused.code], got=refused.got, wanted=refused.wanted,
            )  # fmt: skip
        return desk.events

    def expire(self, now: int, limit: int = 512) -> list[ev.Event]:
        """What is due at or before ``now``, at most ``limit`` deadlines."""
        self.desk.events = []
        self.desk.now = max(now, self.desk.now)
        hours.first_input(self.desk)
        if self._pass_time(limit):
            slices.go_on(self.desk)
            look_around(self.desk)
        return self.desk.events

    @property
    def is_busy(self) -> bool:
        """Slices are left."""
        return self.desk.unfinished is not None

    def next_deadline(self) -> int | None:
        if self.desk.unfinished is not None:
            return self.desk.now
        return min((deadline.at for deadline in self._deadlines()), default=None)

    def _deadlines(self) -> list[Deadline]:
        found = [deadline for of_topic in DEADLINES for deadline in of_topic(self.desk)]
        return [one for one in found if one.kind not in OF_THE_QUEUE or one.place[0] not in self.desk.unplaced]

    def _pass_time(self, limit: int | None = None) -> bool:
        """Whether nothing more is due."""
        done = 0
        while limit is None or done < limit:
            due = [deadline for deadline in self._deadlines() if deadline.at <= self.desk.now]
            if not due:
                return True
            min(due, key=lambda deadline: (deadline.at, KINDS.index(deadline.kind), deadline.place)).act()
            look_around(self.desk)
            done += 1
        return False
