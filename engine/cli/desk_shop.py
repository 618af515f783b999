"""``sluice desk shop``: a shop's order system on this machine, for trying out a connector."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from pathlib import Path

import click
import msgspec
import trio

from engine.bootstrap import read_connector_key, serve_demo_shop
from engine.ports import StoreError

EXIT_CODES = """\b
Exit codes:
  0  stopped as told (SIGTERM, SIGINT)
  1  the key cannot be read or made, or the port is taken
  2  wrong usage
"""
_KEY_BYTES = 32


@click.command(epilog=EXIT_CODES)
@click.option("--port", type=click.IntRange(0, 65535), default=7790, show_default=True, help="0: any free one.")
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The secret that signs questions; made if there is no such file.",
)
def shop(port: int, key_file: Path) -> None:
    """Answer signed questions about orders, which follow from the customer's key alone.

    Says one JSON line when it is ready. In the desk's file: [connectors.shop] with url and key_file.
    """
    try:
        if not key_file.exists():
            with open(key_file, "x", opener=_private) as made:
                made.write(secrets.token_hex(_KEY_BYTES))
        key = read_connector_key(key_file)
        trio.run(_serve, key, port, key_file)
    except (OSError, StoreError) as error:
        click.echo(f"sluice: {error}", err=True)
        sys.exit(1)


async def _serve(key: bytes, port: int, key_file: Path) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            url = await nursery.start(serve_demo_shop, key, port)
            click.echo(msgspec.json.encode({"ready": True, "url": url, "key_file": str(key_file)}))
            async for _ in signals:
                break
            nursery.cancel_scope.cancel()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
