"""Sets the stage for conversations: who talks with whom."""

from __future__ import annotations

from typing import Any

from tests.server.stage import Frame, House, Peer


async def talking(house: House) -> tuple[Peer, Peer, Peer]:
    """Cai has written, ann has accepted; sue supervises."""
    sue = await house.framed("supervisor", "sue")
    ann = await house.agent("ann")
    cai = await house.framed("customer", "c1")
    await cai.done("contact.submit", channel="web", external_id="e1", text="where is my parcel?")
    offer = await ann.event("offer.made")
    await ann.done("offer.accept", offer=offer["offer"])
    return sue, ann, cai


async def carried_out(peer: Peer, type: str, **fields: Any) -> Frame:
    """The answer to a deed that has a text among its fields."""
    return await peer.call({"op": "do", "command": {"type": type, **fields}})


async def note(peer: Peer, text: str, customer: str = "c1", contact: int = 1) -> None:
    done = await carried_out(peer, "contact.note", customer=customer, contact=contact, text=text)
    assert done["op"] == "ok", done
