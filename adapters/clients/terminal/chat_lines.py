"""A line-based terminal: lines in, lines out. Works on a terminal, in tmux, and through a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TextIO

import trio

from adapters.clients.protocol import Frame, Refused
from adapters.clients.terminal.texts import Texts, clean

READ_BYTES = 64 * 1024


async def read_lines(fd: int, take: Callable[[str], Awaitable[bool]]) -> None:
    """Hand over each line without its end until ``take`` returns False or the input ends."""
    buffer = b""
    while True:
        try:
            await trio.lowlevel.wait_readable(fd)
        except OSError:  # a regular file is always readable, and epoll refuses to say so
            await trio.lowlevel.checkpoint()
        data = os.read(fd, READ_BYTES)
        *lines, buffer = (buffer + data).split(b"\n")
        if not data and buffer:
            lines, buffer = [buffer], b""
        for line in lines:
            if not await take(line.decode(errors="replace").rstrip("\r")):
                return
        if not data:
            return


class Printer:
    """Lines for people. Notices begin with ``*``, refusals with ``!``, so that a script can tell them apart."""

    def __init__(self, texts: Texts, out: TextIO | None = None) -> None:
        self.texts = texts
        self._out = sys.stdout if out is None else out

    def line(self, text: str) -> None:
        self._out.write(clean(text) + "\n")
        self._out.flush()

    def notice(self, key: str, **fields: Any) -> None:
        self.line("* " + self.texts.say(key, **fields).rstrip())

    def refusal(self, refused: Refused) -> None:
        self.line(f"! {refused}")

    def message(self, message: Frame, text: str, *, before: str = "", own: bool = False) -> None:
        """A line of a conversation, marked where no person wrote it; of an erased customer's only that there was one."""
        key = "chat.automatic" if message.get("automatic") else "chat.said"
        if message["sender"] == "bot":
            key = "chat.bot"
        if message.get("erased"):
            text = self.texts.say("chat.erased")
        who = self.speaker("you" if own else message["sender"], message.get("agent", ""))
        self.line(before + self.texts.say(key, who=who, text=text))

    def status(self, status: str, reason: str) -> None:
        """For ``connect(on_status=…)``."""
        if status == "lost":
            self.notice("chat.lost", reason=reason)
        elif status == "waiting":
            self.notice("chat.waiting", reason=reason)
        elif status == "reconnected":
            self.notice("chat.back")

    def speaker(self, sender: str, agent: str) -> str:
        """Who wrote a message: the agent's id, or what the sender is."""
        return agent or self.texts.say(f"who.{sender}")


def parse_line(line: str) -> tuple[str, str]:
    """(command, rest) of ``/command rest``; ("", text) of anything else. ``//x`` is the text ``/x``."""
    if line.startswith("//"):
        return "", line[1:]
    if not line.startswith("/"):
        return "", line
    command, _, rest = line[1:].partition(" ")
    return command or "?", rest.strip()


def number_first(rest: str) -> tuple[int | None, str]:
    """A leading number and what follows: ``5 lunch`` → (5, "lunch"), ``lunch`` → (None, "lunch")."""
    first, _, after = rest.partition(" ")
    return (int(first), after.strip()) if first.isascii() and first.isdigit() else (None, rest)
