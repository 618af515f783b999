"""``sluice desk``: the desk's commands, each loaded when it is called."""

from __future__ import annotations

import click

from engine.cli import PluginGroup


@click.group(
    cls=PluginGroup,
    own={
        "articles": "engine.cli.desk_articles:articles",
        "bot": "engine.cli.desk_bot:bot",
        "export": "engine.cli.desk_export:export",
        "shop": "engine.cli.desk_shop:shop",
        "key": "engine.cli.desk_key:key",
        "rebuild": "engine.cli.desk_rebuild:rebuild",
    },
)
def desk() -> None:
    """What stands around a contact: customers, conversations, knowledge, bot."""
