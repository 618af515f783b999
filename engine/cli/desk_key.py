"""``sluice desk key``: the file with the key above all keys of a store."""

from __future__ import annotations

from pathlib import Path

import click

from engine.ports import StoreError


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def key(file: Path) -> None:
    """Write a new master key into FILE, which only you may read, for `sluice serve --desk --master-key FILE`.

    Keep it away from the store and its backups: whoever has both reads everything, and without it nobody reads anything.
    """
    from engine.store.master_key import make_master_key

    try:
        make_master_key(file)
    except StoreError as error:
        raise click.ClickException(str(error)) from error
