"""The live wallboard: it follows the engine, and says so when it cannot."""

from __future__ import annotations

import io
from functools import partial
from typing import Any, Self

import pytest
import trio
import trio.testing
from rich.console import Console

from adapters.clients import connect
from adapters.clients.terminal import ctl, engine_options, top
from adapters.clients.terminal.engine_options import Door
from adapters.clients.terminal.texts import Texts
from tests.server.stage import house

DOOR = Door("msgpack://engine:1", "", "acme", Texts("en"))


class Board:
    """Stands in for rich's ``Live``: keeps what was drawn last, as text."""

    text = ""

    def __init__(self, **options: Any) -> None:
        """Takes what ``Live`` takes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to put back."""

    def update(self, drawn: Any, *, refresh: bool) -> None:
        out = io.StringIO()
        Console(file=out, width=200).print(drawn)
        Board.text = out.getvalue()


async def test_the_board_follows_within_a_second(monkeypatch: pytest.MonkeyPatch, autojump_clock: object) -> None:
    """A queue is closed and an agent defined: a second later both are on the board. The line is torn: it says so, keeps
    the last figures, and follows again afterwards."""
    monkeypatch.setattr(top, "Live", Board)
    streams: list[trio.abc.Stream] = []
    open_for_business = True
    async with house() as engine, trio.open_nursery() as nursery:

        async def dial(address: object) -> trio.abc.Stream:
            if not open_for_business:
                raise ConnectionRefusedError("nobody is at home")
            streams.append(engine.connect("framed"))
            return streams[-1]

        monkeypatch.setattr(engine_options, "connect", partial(connect, dial=dial))
        nursery.start_soon(top.show_live, DOOR, False, 0.5, False)
        await trio.sleep(1)
        assert "help" in Board.text
        assert "yes" not in Board.text
        await ctl.carry_out(DOOR, {"type": "queue.close", "queue": "help"}, True)
        await ctl.carry_out(DOOR, {"type": "agent.define", "profile": {"agent": "cai", "pools": ["onsite"]}}, True)
        await trio.sleep(1)
        assert "yes" in Board.text
        assert "onsite" in Board.text
        open_for_business = False
        await trio.aclose_forcefully(streams[0])
        await trio.sleep(3)
        assert "No connection: " in Board.text
        assert "help" in Board.text
        open_for_business = True
        await ctl.carry_out(DOOR, {"type": "queue.open", "queue": "help"}, True)
        await trio.sleep(30)
        assert "No connection" not in Board.text
        assert "yes" not in Board.text
        nursery.cancel_scope.cancel()
