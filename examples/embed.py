"""Sluice inside your own trio program: a VIP's contact finds Ann. Run it with: .venv/bin/python examples/embed.py"""

from __future__ import annotations

from pathlib import Path

import trio

from engine import AgentProfile, SubmitContact, open_engine
from engine.dispatch.events import OfferMade

POLICY = Path(__file__).parent / "shop" / "policy.toml"


async def main() -> None:
    ann_s = AgentProfile(agent="ann", name="Ann", skills={"vip": 8})
    async with open_engine(POLICY) as engine, engine.agent(ann_s) as ann:
        await engine.submit(SubmitContact("maple", "web", "visit-1", "customer-1", attributes={"tier": "vip"}))
        async with aclosing(ann.events()) as deliveries:
            offered = await anext(delivery.event async for delivery in deliveries if isinstance(delivery.event, OfferMade))


if __name__ == "__main__":
    trio.run(main)
