"""``sluice token``: make a key file, and tokens signed with it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NoReturn

import click
import msgspec

from engine.access.roles import CLIENT_ROLES
from engine.access.tokens import MAX_TTL_S, BadKeyFile, Denied, Keys
from engine.bootstrap import wall_ms
from engine.ports import Principal

EXIT_CODES = """\b
Exit codes:
  0  done: the token is on stdout
  1  no such token can be made
  2  wrong usage, or a key file that cannot be used
"""
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TTL = re.compile(r"(\d{1,9})([smhd])")


def _seconds(_context: click.Context, _parameter: click.Parameter, text: str) -> int:
    match = _TTL.fullmatch(text)
    seconds = int(match[1]) * _UNITS_S[match[2]] if match else 0
    if not 0 < seconds <= MAX_TTL_S:
        raise click.BadParameter(f"got {text!r}, wanted a number with s, m, h or d, at most {MAX_TTL_S // 86400}d")
    return seconds


@click.command(epilog=EXIT_CODES)
@click.argument("keys", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--create", is_flag=True, help="Make the key file first; it must not exist yet.")
@click.option("--role", type=click.Choice([str(role) for role in CLIENT_ROLES]), help="Who the token is for.")
@click.option("--subject", default="", help="The agent's id, the adapter's name, the customer's key.")
@click.option("--tenant", default="", help="The tenant; * for a supervisor over all.")
@click.option(
    "--ttl", callback=_seconds, default="12h", show_default=True, help="How long it is good for: 90s, 15m, 12h, 7d."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON line instead of the bare token.")
def token(keys: Path, create: bool, role: str | None, subject: str, tenant: str, ttl: int, as_json: bool) -> None:
    """Issue a token signed with the key file KEYS (`sluice serve --keys KEYS` accepts it).

    \b
      sluice token keys.json --create
      sluice token keys.json --role agent --subject ann --tenant acme --ttl 8h
    """
    try:
        loaded = Keys.create(keys) if create else Keys.load(keys)
        if role is None:
            if not create:
                raise click.UsageError("--role is missing (only --create works without it)")
            click.echo(f"sluice: made {keys}; keep it as you keep a password", err=True)
            return
        now_s = wall_ms() // 1000
        made = loaded.issue(Principal(tenant, role, subject), now_s=now_s, ttl_s=ttl)
    except BadKeyFile as error:
        _leave(2, str(error))
    except Denied as error:
        _leave(1, str(error))
    else:
        if as_json:
            shown = {"token": made, "role": role, "subject": subject, "tenant": tenant, "expires": now_s + ttl}
            click.echo(msgspec.json.encode(shown))
        else:
            click.echo(made)


def _leave(code: int, line: str) -> NoReturn:
    click.echo(f"sluice: {line}", err=True)
    sys.exit(code)
