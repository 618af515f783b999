"""The command ``sluice``: finds its subcommands when they are asked for, not before.

Own commands live in ``engine/cli/*.py``; other rooms join by the entry-point group ``sluice.commands`` (and
``sluice.policy_commands`` for ``sluice policy``). A plug-in that is missing or broken shows as such and harms no other.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version

import click

EXIT_CODES = """\b
Exit codes:
  0    done
  1    refused, or what was looked at has problems (a policy, a journal)
  2    wrong usage, or a file that cannot be read
  3    no engine answers, or the connection was lost for good
  130  interrupted
"""


class PluginGroup(click.Group):
    """A group whose commands are imported on use.

    ``own`` maps a name to ``module:attribute``; ``entry_point_group`` names the installed plug-ins. Where both (or a
    command added in code) have a name, own wins: nobody takes over ``sluice serve`` by installing a package.
    """

    def __init__(
        self, *args: object, own: Mapping[str, str] | None = None, entry_point_group: str = "", **rest: object
    ):
        super().__init__(*args, **rest)  # type: ignore[arg-type]  # click's own options, passed through
        self.own = dict(own or {})
        self.entry_point_group = entry_point_group

    def _plugins(self) -> dict[str, EntryPoint]:
        if not self.entry_point_group:
            return {}
        return {point.name: point for point in entry_points(group=self.entry_point_group)}

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # click would make it 1, which here means "refused"
            click.echo(err=True)
            ctx.exit(130)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self.own, *self._plugins()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = super().get_command(ctx, cmd_name)
        if found is not None:
            return found
        if cmd_name in self.own:
            return _load(cmd_name, self.own[cmd_name])
        point = self._plugins().get(cmd_name)
        return None if point is None else _load(cmd_name, point.value)


def _load(name: str, where: str) -> click.Command:
    """The command at ``module:attribute``, or one that says why it cannot run."""
    module, _, attribute = where.partition(":")
    try:
        command = getattr(import_module(module), attribute)
    except Exception as error:  # noqa: BLE001  # a plug-in may fail in any way, and only its own command may suffer
        return _broken(name, f"{type(error).__name__}: {error}", where)
    if not isinstance(command, click.Command):
        return _broken(name, f"got {type(command).__name__}, wanted a click command", where)
    return command


def _broken(name: str, why: str, where: str) -> click.Command:
    def refuse() -> None:
        raise click.ClickException(f'the command "{name}" cannot be loaded from {where}: {why}')

    return click.Command(
        name,
        callback=refuse,
        short_help=f"(cannot be loaded: {why})",
        help=f"Cannot be loaded from {where}: {why}",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


def _version() -> str:
    try:
        return version("sluice")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "unknown"


@click.group(
    cls=PluginGroup,
    own={
        "serve": "engine.cli.serve:serve",
        "token": "engine.cli.token:token",
        "policy": "engine.cli.policy:policy",
        "journal": "engine.cli.journal:journal",
        "replay": "engine.cli.replay:replay",
        "desk": "engine.cli.desk:desk",
    },
    entry_point_group="sluice.commands",
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(_version(), prog_name="sluice")
def main() -> None:
    """Sluice routes customer-service contacts to the right person, remote team or bot in real time."""
    if not __debug__:
        click.echo(
            "sluice: python -O switches the engine's assertions off; run without -O and PYTHONOPTIMIZE", err=True
        )
        sys.exit(2)
