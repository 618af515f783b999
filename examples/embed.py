"""Sluice inside your own trio program: a VIP's contact finds Ann. Run it with: .venv/bin/python examples/embed.py"""

from __future__ import annotations

from pathlib import Path

import trio

from engine import AgentProfile, SubmitContact, open_engine
from engine.dispatch.events import ContactConnected, OfferMade

POLICY = Path(__file__).parent / "shop" / "policy.toml"


async def main() -> None:
    ann = AgentProfile(agent="ann", skills={"vip": 8})
    async with open_engine(POLICY, store="memory") as engine, engine.agent(ann) as agent:
        await engine.submit(SubmitContact("maple", "web", "visit-1", "li", attributes={"tier": "vip"}))
        async for delivery in agent:
            match delivery.event:
                case OfferMade(offer=offer):
                    await agent.accept(offer)
                case ContactConnected(contact=contact):
                    await agent.say(contact, "Good morning!")
                    print(await engine.explain(contact))  # noqa: T201  # an example shows what it found
                    return


if __name__ == "__main__":
    trio.run(main)
