"""A shop's order system for trying out connectors: answers signed questions with orders that follow from the customer's key.

``POST /`` with a ``ConnectorQuestion``: ``orders`` (newest first), ``order`` (``key``: its number), ``change_address`` (of an order that is
not shipped). The same customer has the same orders on every machine and on every day; addresses are kept until it ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.connectors.signing import find_fault
from engine.ports import ConnectorAnswer, ConnectorQuestion

MAX_BODY = 16 << 10
_ITEMS = ("陶瓷杯", "竹砧板", "羊毛毯", "desk lamp", "linen shirt", "walking shoes", "rice cooker", "tea set")
_STATES = ("unpaid", "paid", "packed", "shipped", "delivered", "returned")
_SHIPPED = frozenset({"shipped", "delivered", "returned"})
_CARRIERS = ("SF", "ZTO", "JD")
_FIRST_DAY = 1_767_225_600  # 2026-01-01
_DAY_S = 86_400


def orders_of(customer: str) -> list[dict[str, Any]]:
    """Nought to four, newest first."""
    seed = hashlib.sha256(customer.encode()).digest()
    return [_order(customer, seed, number) for number in range(seed[0] % 5)]


def _order(customer: str, seed: bytes, number: int) -> dict[str, Any]:
    dice = hashlib.sha256(seed + bytes([number])).digest()
    state = _STATES[dice[0] % len(_STATES)]
    shipped = state in _SHIPPED
    return {
        "order": f"SN{int.from_bytes(dice[1:6]) % 10**10:010d}",
        "customer": customer,
        "status": state,
        "item": _ITEMS[dice[6] % len(_ITEMS)],
        "amount": round(9.9 + int.from_bytes(dice[7:9]) / 65.536, 2),
        "placed_at": _FIRST_DAY + (300 - 20 * number - dice[9] % 20) * _DAY_S,
        "carrier": _CARRIERS[dice[10] % len(_CARRIERS)] if shipped else "",
        "tracking": f"{_CARRIERS[dice[10] % len(_CARRIERS)]}{int.from_bytes(dice[11:16]) % 10**12:012d}"
        if shipped
        else "",
    }


class DemoShop:
    """``app`` is an ASGI application. ``key``: shared with those who may ask; ``wall_s``: the wall clock."""

    def __init__(self, key: bytes, wall_s: Callable[[], float]) -> None:
        self._key = key
        self._wall_s = wall_s
        self._addresses: dict[str, str] = {}
        self.app = Starlette(routes=[Route("/", self._answer, methods=["POST"])])

    async def _answer(self, request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                return _say(413, {"error": f"more than {MAX_BODY} bytes"})
        fault = find_fault(self._key, int(self._wall_s()), "POST", request.url.path, body, request.headers)
        if fault:
            return _say(401, {"error": fault})
        try:
            question = msgspec.json.decode(body, type=ConnectorQuestion)
        except msgspec.MsgspecError as error:
            return _say(400, {"error": str(error)})
        return _say(200, self.answer(question))

    def answer(self, question: ConnectorQuestion) -> ConnectorAnswer:
        """What the shop knows; of what it does not know nothing comes back."""
        orders = [order for customer in question.customers for order in orders_of(customer)]
        orders.sort(key=lambda order: (-order["placed_at"], order["order"]))
        if question.kind != "orders" or question.key:
            orders = [order for order in orders if order["order"] == question.key.strip().upper()]
        if question.kind == "change_address":
            orders = [order for order in orders if order["status"] not in _SHIPPED and question.fields.get("address")]
            for order in orders:
                self._addresses[order["order"]] = question.fields["address"]
        elif question.kind not in ("orders", "order"):
            orders = []
        shown = tuple({**order, **self._address(order)} for order in orders[: question.limit])
        return ConnectorAnswer(shown, len(orders) > question.limit)

    def _address(self, order: dict[str, Any]) -> dict[str, str]:
        address = self._addresses.get(order["order"])
        return {} if address is None else {"address": address}


def _say(status: int, what: object) -> Response:
    return Response(msgspec.json.encode(what), status, media_type="application/json")
