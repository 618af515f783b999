"""A bot with one answer, as a client of role ``bot``: ``python -m tests.browser.canned_bot ws://…``. "人工" hands off."""

from __future__ import annotations

import sys

import trio

from adapters.clients import Refused, connect
from adapters.clients.client import Client

ANSWER = "您好，发货时间一般为下单后 48 小时内。Orders leave within 48 hours."
PROFILE = {
    "agent": "canned",
    "kind": "bot",
    "pools": ["bot"],
    "skills": {"english": 10},
    "capacity": 50,
    "auto_accept": True,
}


async def answer(client: Client, contact: int, seen: dict[int, int]) -> None:
    """To what the customer wrote and was not answered yet."""
    told = await client.ask({"type": "history", "contact": contact, "after_seq": seen.get(contact, 0)})
    for message in told["messages"]:
        seen[contact] = message["seq"]
        if message["sender"] != "customer":
            continue
        if "人工" in message["text"]:
            await client.do({"type": "contact.transfer", "contact": contact, "reason": "asked"})
            return
        await client.do({"type": "contact.message", "contact": contact}, text=ANSWER)


async def serve(url: str) -> None:
    async with connect(url, role="bot", subject="canned") as client:
        await client.do({"type": "agent.define", "profile": PROFILE})
        await client.do({"type": "agent.sign_on"})
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        seen: dict[int, int] = {}
        async for push in client.pushes():
            for event in push.events:
                is_mine = event["type"] == "contact.connected" and event["agent"] == "canned"
                if is_mine or (event["type"] == "message.added" and event["sender"] == "customer"):
                    try:
                        await answer(client, event["contact"], seen)
                    except Refused:  # handed off meanwhile
                        continue


if __name__ == "__main__":
    trio.run(serve, sys.argv[1])
