"""Sluice inside your own trio program: a VIP's contact finds Ann. Run it with: .venv/bin/python examples/embed.py"""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

import trio

from engine import AgentProfile, SubmitContact, open_engine
from engine.dispatch.events import OfferMade

POLICY = Path(__file__).parent / "shop" / "policy.toml"


async def main() -> None:
    profile = AgentProfile(agent="ann", name="Ann", skills={"vip": 8})
    async with open_engine(POLICY) as engine, engine.agent(profile) as ann, aclosing(ann.events()) as deliveries:
        await engine.submit(SubmitContact("maple", "web", "visit-1", "customer-1", attributes={"tier": "vip"}))
        async for delivery in deliveries:
            if isinstance(delivery.event, OfferMade):
                await ann.accept(delivery.event.offer)
                await ann.say(delivery.event.contact, "Hello, this is Ann.")
                print(await engine.explain(delivery.event.contact))  # noqa: T201  # an example shows what it found
                await ann.close(delivery.event.contact)
                break


if __name__ == "__main__":
    trio.run(main)
