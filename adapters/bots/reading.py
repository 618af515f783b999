"""Strict reading of what a chat-completions server sends: one JSON object, or a stream of events. Nothing is trusted.

The formats: https://platform.openai.com/docs/api-reference/chat and https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import msgspec

from engine.ports import BotFailed


class _Part(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Part | None = None
    delta: _Part | None = None
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]


_DECODE = msgspec.json.Decoder(_Completion)


class Whole:
    """An answer in one piece. The first word is there when all of them are."""

    has_begun = is_done = False

    def __init__(self) -> None:
        self._body = bytearray()

    def feed(self, data: bytes) -> None:
        self._body += data

    def finish(self) -> str:
        """At the end of the body. Raises :class:`BotFailed` (``lied``)."""
        choices = _completion(bytes(self._body)).choices
        return _worded(choices[0].message.content if choices and choices[0].message else None)


class Stream:
    """An answer as a stream of events. ``has_begun``: some words are there; ``is_done``: the server said that it is all."""

    def __init__(self) -> None:
        self.has_begun = self.is_done = False
        self._rest = bytearray()
        self._said: list[str] = []

    def feed(self, data: bytes) -> None:
        """Raises :class:`BotFailed` (``lied``) on anything that is no event of a chat completion."""
        self._rest += data
        if b"\n" not in data:
            return
        *lines, rest = bytes(self._rest).replace(b"\r\n", b"\n").split(b"\n")
        self._rest = bytearray(rest)
        for line in lines:
            if not self.is_done:
                self._line(line)

    def finish(self) -> str:
        """At the end of the stream: all of the text. Raises :class:`BotFailed` (``lied``) when it broke off before."""
        if not self.is_done:
            raise BotFailed("lied", "the stream broke off")
        return _worded("".join(self._said))

    def _line(self, line: bytes) -> None:
        if not line or line.startswith((b":", b"event:", b"id:", b"retry:")):
            return
        if not line.startswith(b"data:"):
            raise BotFailed("lied", f"{line[:40]!r} is no line of an event stream")
        data = line[len(b"data:") :].strip()
        if data == b"[DONE]":
            self.is_done = True
            return
        for choice in _completion(data).choices[:1]:
            if choice.delta and choice.delta.content:
                self._said.append(choice.delta.content)
                self.has_begun = True
            if choice.finish_reason:
                self.is_done = True


def _completion(body: bytes) -> _Completion:
    try:
        return _DECODE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BotFailed("lied", f"no chat completion: {str(error)[:200]}") from error


def _worded(text: str | None) -> str:
    if not text or text.isspace():
        raise BotFailed("lied", "the answer has no text")
    return text
