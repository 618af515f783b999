"""Another system over HTTP: signed questions, and answers that are believed as far as they were checked.

A question is a POST of ``ConnectorQuestion`` as JSON; an answer is ``{"records": [{…}], "more": false}``. Whatever else comes (a
redirect, another type, too much, too late, rows of somebody else's customer, text that plays tricks) is no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from urllib.parse import urlsplit

import httpx2
import msgspec
import trio

from adapters.breaker import Breaker
from adapters.connectors.signing import headers
from engine.desk.text import find_fault
from engine.ports import ConnectorAnswer, ConnectorError, ConnectorQuestion

# Questions under way at once: more, and the other system is late as it is.
AT_ONCE = 16
# Of one row: what an agent reads at a glance.
FIELDS, NAME_CHARS, VALUE_CHARS = 30, 64, 500
_LARGEST = 2**53 - 1
_decoder = msgspec.json.Decoder(ConnectorAnswer)


class HttpConnector:
    """``engine.ports.Connector``. ``key`` signs; ``wall_s``: the wall clock; ``transport``: of the HTTP client (tests).

    ``timeout_ms`` is for the whole exchange, ``max_bytes`` for the body of an answer.
    """

    def __init__(
        self,
        name: str,
        url: str,
        key: bytes,
        wall_s: Callable[[], float],
        *,
        timeout_ms: int = 2_000,
        max_bytes: int = 256 << 10,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._name = name
        self._url = url
        self._path = urlsplit(url).path or "/"
        self._key = key
        self._wall_s = wall_s
        self._timeout_ms = timeout_ms
        self._max_bytes = max_bytes
        self._breaker = Breaker(trio.current_time)
        self._places = trio.CapacityLimiter(AT_ONCE)
        # No proxy of the environment, no redirects, nothing compressed: what was asked is who answers.
        self._client = httpx2.AsyncClient(
            transport=transport, trust_env=False, follow_redirects=False, timeout=None, headers={"User-Agent": "sluice"}
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def ask(self, question: ConnectorQuestion) -> ConnectorAnswer:
        """Raises :class:`ConnectorError`."""
        if not self._breaker.may_ask():
            raise self._fault(f"failed several times, and is left alone for {self._breaker.left_s():.0f} s")
        try:
            self._places.acquire_nowait()
        except trio.WouldBlock:
            self._breaker.given_up()
            raise self._fault(f"{AT_ONCE} questions wait already") from None
        try:
            answer = await self._ask_in_time(question)
        except ConnectorError:
            self._breaker.failed()
            raise
        except BaseException:
            self._breaker.given_up()
            raise
        finally:
            self._places.release()
        self._breaker.succeeded()
        return answer

    async def _ask_in_time(self, question: ConnectorQuestion) -> ConnectorAnswer:
        body = msgspec.json.encode(question)
        with trio.move_on_after(self._timeout_ms / 1000):
            try:
                answer = self._read(await self._exchange(body))
            except (httpx2.HTTPError, httpx2.StreamError, httpx2.InvalidURL, OSError) as error:
                raise self._fault(f"could not be asked ({type(error).__name__})") from None
            return self._believable(answer, question)
        raise self._fault(f"gave no answer within {self._timeout_ms} ms")

    async def _exchange(self, body: bytes) -> bytes:
        signed = headers(self._key, int(self._wall_s()), "POST", self._path, body)
        told = {
            **signed,
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        async with self._client.stream("POST", self._url, content=body, headers=told) as response:
            if response.status_code != 200:
                raise self._fault(f"answered with status {response.status_code}")
            kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json" or response.headers.get("content-encoding", "identity") != "identity":
                raise self._fault("answered with something else than plain JSON")
            data = bytearray()
            async with aclosing(response.aiter_raw()) as chunks:
                async for chunk in chunks:
                    data += chunk
                    if len(data) > self._max_bytes:
                        raise self._fault(f"answered with more than {self._max_bytes >> 10} KiB")
            return bytes(data)

    def _read(self, data: bytes) -> ConnectorAnswer:
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise self._fault("answered with something else than records") from None

    def _believable(self, answer: ConnectorAnswer, question: ConnectorQuestion) -> ConnectorAnswer:
        if len(answer.records) > question.limit:
            raise self._fault(
                f"answered with {len(answer.records)} records where at most {question.limit} were asked for"
            )
        for record in answer.records:
            if str(record.get("customer", question.customers[0])) not in question.customers:
                raise self._fault("answered with somebody else's records")
            if len(record) > FIELDS:
                raise self._fault(f"answered with a record of {len(record)} fields, more than {FIELDS}")
            for name, value in record.items():
                self._check(name, value)
        return answer

    def _check(self, name: str, value: object) -> None:
        for what, text, limit in (("name", name, NAME_CHARS), ("value", value, VALUE_CHARS)):
            if isinstance(text, str) and text and (fault := find_fault(text, what, limit, html=True, lines=False)):
                raise self._fault(f"answered with a {what} that is no plain text ({fault.code})")
        if isinstance(value, int | float) and not -_LARGEST <= value <= _LARGEST:
            raise self._fault("answered with a number that nobody can read")

    def _fault(self, what: str) -> ConnectorError:
        return ConnectorError(f"{self._name} {what}")
