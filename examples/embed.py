"""Sluice inside your own trio program: a VIP's contact finds Ann. Run it with: .venv/bin/python examples/embed.py"""

from __future__ import annotations

from pathlib import Path

import trio

from engine import AgentProfile, SubmitContact, open_engine
from engine.dispatch.events import ContactConnected, OfferMade

POLICY = Path(__file__).parent / "shop" / "policy.toml"


async def main() -> None:
    ann_s = AgentProfile(agent="ann", name="Ann", skills={"vip": 8})
    async with open_engine(POLICY) as engine, engine.agent(ann_s) as ann:
        await engine.submit(SubmitContact("maple", "web", "visit-1", "customer-1", attributes={"tier": "vip"}))
        async for delivery in ann:
            match delivery.event:
                case OfferMade(offer=offer, queue=queue):
                    print(f"offered to Ann from the queue {queue}")  # noqa: T201  # an example talks to whoever runs it
                    await ann.accept(offer)
                case ContactConnected(contact=contact):
                    await ann.say(contact, "Hello, I am Ann. What can I do for you?")
                    await ann.close(contact)
                    break


if __name__ == "__main__":
    trio.run(main)
