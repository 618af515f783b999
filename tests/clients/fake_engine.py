"""A peer that speaks the protocol on memory streams and does as it is told: to break, hush, replay, refuse, fence.

It keeps what a real engine keeps over a crash: answers by command id, and one journal that all streams are read from.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from typing import Any

import msgpack
import trio
import trio.testing

Frame = dict[str, Any]
LENGTH = struct.Struct(">I")


class Wire:
    """The server's end of one connection."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.buffer = b""
        self.subscribed: set[str] = set()
        self.send_lock = trio.Lock()

    async def send(self, *frames: Frame) -> None:
        packed = [msgpack.packb(frame) for frame in frames]
        async with self.send_lock:
            with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                await self.stream.send_all(b"".join(LENGTH.pack(len(data)) + data for data in packed))

    async def receive(self) -> Frame | None:
        while True:
            if len(self.buffer) >= 4:
                end = 4 + LENGTH.unpack_from(self.buffer)[0]
                if len(self.buffer) >= end:
                    frame = msgpack.unpackb(self.buffer[4:end])
                    self.buffer = self.buffer[end:]
                    return frame
            try:
                data = await self.stream.receive_some()
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return None
            if not data:
                return None
            self.buffer += data


class FakeEngine:
    """Dial it with :meth:`dial`. ``heard`` holds every frame in order, ``done`` every command carried out, once."""

    def __init__(self, nursery: trio.Nursery, own_stream: str = "agent:ann") -> None:
        self.nursery = nursery
        self.own_stream = own_stream
        self.heartbeat_ms = 10_000
        self.limits: dict[str, int] = {}
        self.heard: list[Frame] = []
        self.done: list[Frame] = []
        self.answers: dict[str, Frame] = {}
        self.journal: list[Frame] = []  # pushes, offset = index + 1
        self.wires: list[Wire] = []
        self.dials = 0
        self.refuse_dials = 0
        self.mute = False
        self.trimmed_before = 0
        self.on_hello: Callable[[Frame], Frame | None] = lambda frame: None
        self.on_do: Callable[[Frame], Frame | None] = lambda frame: {"result": {}}
        self.after_welcome: list[Frame] = []

    async def dial(self, address: object) -> trio.abc.Stream:
        self.dials += 1
        if self.refuse_dials:
            self.refuse_dials -= 1
            raise ConnectionRefusedError("nobody is at home")
        ours, theirs = trio.testing.memory_stream_pair()
        self.nursery.start_soon(self.serve, Wire(ours))
        return theirs

    async def serve(self, wire: Wire) -> None:
        hello = await wire.receive()
        if hello is None:
            return
        self.heard.append(hello)
        instead = self.on_hello(hello)
        if instead is not None:
            await wire.send(instead)
            await wire.stream.aclose()
            return
        welcome = {"op": "welcome", "session": "s1", "epoch": 1, "heartbeat_ms": self.heartbeat_ms, "now": 5}
        welcome |= {"tenant": "acme", "role": hello["role"], "subject": hello["subject"], "clock_scale": 1.0}
        wire.subscribed.add(self.own_stream)
        self.wires.append(wire)
        await wire.send({**welcome, "limits": self.limits}, *self.after_welcome)
        while (frame := await wire.receive()) is not None:
            self.heard.append(frame)
            if frame["op"] == "bye":
                await wire.stream.aclose()
                return
            if not self.mute:
                await self.answer(wire, frame)

    async def answer(self, wire: Wire, frame: Frame) -> None:
        if frame["op"] == "do":
            answer = self.answers.get(frame["id"])
            if answer is None:
                given = self.on_do(frame)
                if given is None:  # taken in and made durable, but the answer never leaves
                    self.answers[frame["id"]] = {"op": "ok", "id": frame["id"], "lsn": 1, "result": {"again": True}}
                    self.done.append(frame)
                    return
                answer = {"op": "error" if "code" in given else "ok", "id": frame["id"], **given}
                self.answers[frame["id"]] = answer
                self.done.append(frame)
            await wire.send(answer)
        elif frame["op"] == "ask":
            streams = dict.fromkeys(wire.subscribed, len(self.journal))
            await wire.send({"op": "ok", "id": frame["id"], "result": {"streams": streams, "last": len(self.journal)}})
        elif frame["op"] == "resume":
            await self.resume(wire, frame)

    async def resume(self, wire: Wire, frame: Frame) -> None:
        unknown = [name for name in frame["streams"] if name.startswith("contact:404")]
        if unknown:
            await wire.send({"op": "error", "id": frame["id"], "code": "unknown_stream", "got": unknown[0]})
            return
        out: list[Frame] = [{"op": "ok", "id": frame["id"]}]
        for stream, offset in frame["streams"].items():
            wire.subscribed.add(stream)
            if 0 <= offset < self.trimmed_before:
                out.append({"op": "resync", "stream": stream, "offset": len(self.journal), "snapshot": {"state": 1}})
            elif offset >= 0:
                out += [push for push in self.journal[offset:] if push["stream"] == stream]
        await wire.send(*out)

    def record(self, stream: str, text: str = "") -> Frame:
        """Journal one push without sending it."""
        push = {"op": "push", "stream": stream, "offset": len(self.journal) + 1, "events": [{"type": "x", "at": 1}]}
        self.journal.append({**push, "text": text} if text else push)
        return self.journal[-1]

    async def push(self, stream: str, text: str = "") -> None:
        push = self.record(stream, text)
        for wire in self.wires:
            if stream in wire.subscribed:
                await wire.send(push)

    async def say(self, frame: Frame) -> None:
        await self.wires[-1].send(frame)

    async def drop(self) -> None:
        """Break every connection, as a crash would."""
        wires, self.wires = self.wires, []
        for wire in wires:
            await trio.aclose_forcefully(wire.stream)

    def heard_ops(self, op: str) -> list[Frame]:
        return [frame for frame in self.heard if frame["op"] == op]
