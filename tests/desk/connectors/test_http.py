"""Another system that hangs, lies, floods or sends elsewhere: no answer in words, in time, and nobody else is held up."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
import trio
import trio.testing

from adapters.breaker import FAILURES, REST_S
from adapters.connectors.demo_shop import DemoShop, orders_of
from adapters.connectors.http import AT_ONCE, HttpConnector
from adapters.connectors.signing import OLDEST_S, SIGNATURE, TIMESTAMP
from engine.ports import ConnectorError, ConnectorQuestion

KEY = b"sixteen bytes at least"
QUESTION = ConnectorQuestion("orders", "acme", ("c1",), limit=3)
NOW_S = 1_900_000_000
ORDER = {"order": "1", "amount": 9.5, "paid": True, "note": None}
Handler = Callable[[httpx2.Request], Any]


class Elsewhere(httpx2.AsyncBaseTransport):
    """The other system, in the test's hands; ``asked`` counts."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.asked = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        await request.aread()
        answer = self.handler(request)
        response: httpx2.Response = await answer if hasattr(answer, "__await__") else answer
        return response


def connector(handler: Handler, **options: Any) -> tuple[HttpConnector, Elsewhere]:
    elsewhere = Elsewhere(handler)
    made = HttpConnector("shop", "http://shop.example/orders", KEY, lambda: NOW_S, transport=elsewhere, **options)
    return made, elsewhere


def says(what: Any, status: int = 200, kind: str = "application/json", **more: Any) -> Handler:
    body = what if isinstance(what, bytes) else json.dumps(what).encode()

    async def stream() -> AsyncIterator[bytes]:
        await trio.lowlevel.checkpoint()
        yield body

    return lambda _request: httpx2.Response(status, headers={"Content-Type": kind, **more}, content=stream())


async def hang(_request: httpx2.Request) -> None:
    await trio.sleep_forever()


async def fault_of(handler: Handler, **options: Any) -> str:
    made, _ = connector(handler, **options)
    with pytest.raises(ConnectorError) as caught:
        await made.ask(QUESTION)
    return str(caught.value)


async def test_what_is_asked_and_answered(autojump_clock: trio.testing.MockClock) -> None:
    """One signed POST; rows as they came."""
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        told: httpx2.Response = says({"records": [ORDER], "more": True})(request)
        return told

    made, _ = connector(answer)
    told = await made.ask(QUESTION)
    assert told.records == (ORDER,) and told.more
    (request,) = seen
    assert json.loads(request.content) == {"kind": "orders", "tenant": "acme", "customers": ["c1"], "limit": 3}
    assert request.headers[TIMESTAMP] == str(NOW_S) and request.headers[SIGNATURE].startswith("v1=")


def row(**fields: Any) -> dict[str, Any]:
    return {"records": [fields]}


@pytest.mark.parametrize(
    ("handler", "wanted"),
    [
        (says({}, 500), "shop answered with status 500"),
        (says({}, 302, Location="http://elsewhere.example/"), "shop answered with status 302"),
        (says({}, 204), "shop answered with status 204"),
        (says(b"<html>", kind="text/html"), "something else than plain JSON"),
        (says(b"\x1f\x8b", **{"Content-Encoding": "gzip"}), "something else than plain JSON"),
        (says(b"\xff\xfe\x00"), "something else than records"),
        (says(b"[" * 100_000), "something else than records"),
        (says(b""), "something else than records"),
        (says({"records": "none"}), "something else than records"),
        (says({"records": [["a"]]}), "something else than records"),
        (says(row(items=[1, 2])), "something else than records"),
        (says(row(customer="c2", order="1")), "somebody else's records"),
        (says({"records": [{"order": n} for n in range(4)]}), "4 records where at most 3 were asked for"),
        (says(row(**{f"f{n}": n for n in range(31)})), "a record of 31 fields"),
        (says(row(note="a\u202eb")), "no plain text (bidi)"),
        (says(row(note="a\u0000b")), "no plain text (control)"),
        (says(row(note="x" * 501)), "no plain text (too_long)"),
        (says(row(**{"n" * 65: 1})), "no plain text (too_long)"),
        (says(row(amount=10**30)), "a number that nobody can read"),
        (says(b'{"records": [{"amount": NaN}]}'), "something else than records"),
        (says(b" " * (300 << 10)), "more than 256 KiB"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
async def test_an_answer_that_is_none(autojump_clock: trio.testing.MockClock, handler: Handler, wanted: str) -> None:
    """Each is told apart, and nothing of what the other system said is repeated."""
    assert wanted in await fault_of(handler)


async def test_ten_megabytes_are_not_read_to_their_end(autojump_clock: trio.testing.MockClock) -> None:
    """The exchange ends where it is too much."""
    sent = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(160):
            sent += 1
            await trio.lowlevel.checkpoint()
            yield b"x" * (64 << 10)

    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"Content-Type": "application/json"}, content=flood())

    assert "more than 256 KiB" in await fault_of(answer)
    assert sent <= 6


async def test_one_that_hangs_is_given_up_in_time(autojump_clock: trio.testing.MockClock) -> None:
    """Before a word, and in the midst of one."""
    began = trio.current_time()
    assert await fault_of(hang, timeout_ms=700) == "shop gave no answer within 700 ms"

    async def drip() -> AsyncIterator[bytes]:
        while True:
            await trio.sleep(0.1)
            yield b" "

    def answer(_request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"Content-Type": "application/json"}, content=drip())

    assert await fault_of(answer, timeout_ms=700) == "shop gave no answer within 700 ms"
    assert trio.current_time() - began == pytest.approx(1.4)


async def test_whoever_fails_again_and_again_is_left_alone(autojump_clock: trio.testing.MockClock) -> None:
    """After five nobody asks any more; when the rest is over one tries, and what it finds counts for all."""
    made, elsewhere = connector(says({}, 500))
    for _ in range(FAILURES):
        with pytest.raises(ConnectorError, match="status 500"):
            await made.ask(QUESTION)
    with pytest.raises(ConnectorError, match="left alone for 10 s"):
        await made.ask(QUESTION)
    assert elsewhere.asked == FAILURES
    await trio.sleep(REST_S)
    with pytest.raises(ConnectorError, match="status 500"):
        await made.ask(QUESTION)
    with pytest.raises(ConnectorError, match="left alone"):
        await made.ask(QUESTION)
    await trio.sleep(REST_S)
    elsewhere.handler = says({})
    assert (await made.ask(QUESTION)).records == ()
    assert (await made.ask(QUESTION)).records == ()
    assert elsewhere.asked == FAILURES + 3


async def test_only_so_many_wait_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """The seventeenth is told at once; whoever goes away makes room, and is no failure."""
    made, _ = connector(hang, timeout_ms=60_000)
    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(made.ask, QUESTION)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ConnectorError, match=f"{AT_ONCE} questions wait already"):
            await made.ask(QUESTION)
        nursery.cancel_scope.cancel()
    with pytest.raises(ConnectorError, match="no answer"):
        await made.ask(QUESTION)


# --- the demo shop --------------------------------------------------------------------------------------------------


def shop(key: bytes = KEY, now_s: int = NOW_S) -> HttpConnector:
    """A connector to a shop that has ``key`` and lives at ``now_s``."""
    app = DemoShop(key, lambda: now_s).app
    transport = httpx2.ASGITransport(app=app)
    return HttpConnector("shop", "http://shop.example/", KEY, lambda: NOW_S, transport=transport)


def somebody(at_least: int, status: str = "") -> str:
    """A customer who has so many orders (one of them in this state)."""
    for number in range(10_000):
        orders = orders_of(f"c{number}")
        if len(orders) >= at_least and (not status or any(order["status"] == status for order in orders)):
            return f"c{number}"
    raise AssertionError("nobody")


async def test_a_customers_orders(autojump_clock: trio.testing.MockClock) -> None:
    """Newest first, as many as were asked for, of all its keys; and one by its number."""
    customer = somebody(3)
    nobody = next(f"c{number}" for number in range(100) if not orders_of(f"c{number}"))
    told = await shop().ask(ConnectorQuestion("orders", "acme", (customer, nobody), limit=2))
    assert [record["customer"] for record in told.records] == [customer, customer] and told.more
    number = str(told.records[1]["order"])
    (one,) = (await shop().ask(ConnectorQuestion("order", "acme", (customer,), number.lower()))).records
    assert one == told.records[1]
    assert (await shop().ask(ConnectorQuestion("order", "acme", (nobody,), number))).records == ()
    assert (await shop().ask(ConnectorQuestion("dance", "acme", (customer,)))).records == ()


async def test_an_address_is_changed_until_it_is_shipped(autojump_clock: trio.testing.MockClock) -> None:
    """Changed and shown afterwards; of a delivered order it is not."""
    at = shop()
    for status, changed in (("paid", 1), ("delivered", 0)):
        customer = somebody(1, status)
        number = next(order["order"] for order in orders_of(customer) if order["status"] == status)
        asked = ConnectorQuestion("change_address", "acme", (customer,), number, {"address": "和平路 5 号"})
        assert len((await at.ask(asked)).records) == changed
        (shown,) = (await at.ask(ConnectorQuestion("order", "acme", (customer,), number))).records
        assert shown.get("address") == ("和平路 5 号" if changed else None)


@pytest.mark.parametrize(
    ("key", "now_s"),
    [(b"another key, as long", NOW_S), (KEY, NOW_S + OLDEST_S + 1), (KEY, NOW_S - OLDEST_S - 1)],
    ids=["another key", "too late", "too early"],
)
async def test_the_shop_answers_nobody_else(autojump_clock: trio.testing.MockClock, key: bytes, now_s: int) -> None:
    """A wrong signature, or one that is old: 401."""
    with pytest.raises(ConnectorError, match="status 401"):
        await shop(key, now_s).ask(QUESTION)
