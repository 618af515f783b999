"""How many Python calls a full life takes with so many waiting: ``python -m tests.dispatch.complaints.calls BACKLOG``."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from engine.dispatch import commands as cm
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from tests.dispatch.stage import DAWN, policy_text

LIVES = 40


def counted(backlog: int) -> int:
    dispatcher = Dispatcher(compile_policy(policy_text(queues={"help": {"offer_ms": 60_000}})))
    calls = 0
    now = DAWN

    def submit(number: int) -> None:
        dispatcher.handle(
            cm.SubmitContact(tenant="acme", channel="web", customer=f"c{number}", shop="flagship", opening=False), now
        )

    for agent in ("ann", "ben"):
        dispatcher.handle(cm.DefineAgent(profile=cm.AgentProfile(agent=agent)), now)
        dispatcher.handle(cm.SignOn(agent=agent), now)
    for number in range(backlog):
        submit(number)
    dispatcher.expire(now)

    def on_call(frame: FrameType, what: str, argument: Any) -> None:
        nonlocal calls
        calls += what in ("call", "c_call")

    sys.setprofile(on_call)
    for number in range(LIVES):
        submit(backlog + number)
        offer = dispatcher.offers[min(dispatcher.offers)]
        dispatcher.handle(cm.AcceptOffer(agent=offer.agent, offer=offer.offer), now)
        dispatcher.handle(cm.CloseContact(tenant="acme", contact=offer.contact, agent=offer.agent), now)
    sys.setprofile(None)
    return calls


if __name__ == "__main__":
    sys.stdout.write(f"{counted(int(sys.argv[1]))}\n")
