"""What ``sluice serve`` was told, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


class BadAddress(ValueError):
    """Not an address; says what, got, wanted."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: ``host`` and ``port`` (0: any free one), or the ``path`` of a Unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str, *, unix: bool = False) -> Address:
        """``HOST:PORT``, ``:PORT`` or ``PORT`` (on 127.0.0.1), ``[::1]:PORT``; with ``unix`` also ``unix:PATH``."""
        if text.startswith("unix:"):
            if not unix or not text[5:]:
                raise BadAddress(f"address: got {text!r}, wanted {'unix:PATH' if unix else 'HOST:PORT'}")
            return cls(path=text[5:])
        host, _, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (port.isascii() and port.isdigit() and int(port) <= 65535):
            raise BadAddress(f"address: got {text!r}, wanted HOST:PORT with a port from 0 to 65535")
        return cls(host or "127.0.0.1", int(port))


@dataclass(frozen=True)
class ServeConfig:
    """Listeners that are None are not opened. ``store``: a folder or a URL. ``allow_remote``: plain listeners may bind
    beyond loopback. ``archive_days``: how long sealed segments of the journal are kept (0: for ever). ``ballast_mb``: room
    in MiB that the folder keeps back for the day the disk is full. ``handover``: the Unix socket where an engine gives way
    to the next. ``desk``: with a desk, which declares what ``desk_file`` says. ``master_key``:
    the file with the key above all keys (none: in the store's folder). ``bot``: the folder of a bot
    that works at the desk.
    """

    policy: Path
    store: str
    ws: Address | None = None
    msgpack: Address | None = None
    http: Address | None = None
    dev: bool = False
    clock_speed: float = 1.0
    keys: Path | None = None
    origins: tuple[str, ...] = field(default=())
    allow_remote: bool = False
    archive_days: int = 0
    handover: str = ""
    ballast_mb: int = 0
    desk: bool = False
    desk_file: Path | None = None
    master_key: Path | None = None
    bot: Path | None = None
