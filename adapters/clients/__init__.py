"""Clients of a running engine: the Python client and the commands of the terminal."""

from __future__ import annotations

from adapters.clients.client import Client, Options, Reply, connect
from adapters.clients.protocol import (
    FROM_NOW,
    BadAddress,
    ClientError,
    ConnectionLost,
    FencedOff,
    Overloaded,
    ProtocolError,
    Push,
    Refused,
    Waiting,
    Welcome,
)

__all__ = [
    "Client",
    "connect",
    "Options",
    "Push",
    "Reply",
    "Waiting",
    "Welcome",
    "FROM_NOW",
    "BadAddress",
    "ClientError",
    "ConnectionLost",
    "FencedOff",
    "Overloaded",
    "ProtocolError",
    "Refused",
]
