"""What every command here shares: where the engine is, who asks, in which language; and how the end is told.

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 no engine answers or the connection was lost, 130 interrupted.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, NoReturn, TypeVar

import click
import orjson
import trio

from adapters.clients.client import Client, Options, connect
from adapters.clients.protocol import BadAddress, ClientError, ConnectionLost
from adapters.clients.terminal.texts import Texts
from engine.console.wording import Language, language_of

DEFAULT_URL = "ws://127.0.0.1:7700"
EXIT_REFUSED, EXIT_USAGE, EXIT_NO_ENGINE, EXIT_INTERRUPTED = 1, 2, 3, 130
EXIT_CODES = """\b
Exit codes:
  0    done
  1    refused by the engine: the line on stderr says what, got, wanted
  2    wrong usage
  3    no engine answers, or the connection was lost
  130  interrupted
"""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Door:
    """Where and as whom to connect, as the options say."""

    url: str
    token: str
    tenant: str
    texts: Texts

    def connect(
        self,
        role: str,
        subject: str = "",
        *,
        patience_s: float = 0.0,
        give_up_after_s: float | None = 10.0,
        on_status: Callable[[str, str], None] | None = None,
    ) -> AbstractAsyncContextManager[Client]:
        """A client for this command. With a token its claims count and nothing else is said."""
        subject, tenant = ("", "") if self.token else (subject or login_name(), self.tenant)
        options = Options(patience_s=patience_s, give_up_after_s=give_up_after_s)
        return connect(
            self.url,
            role=role,
            subject=subject,
            tenant=tenant,
            token=self.token,
            name=f"sluice-terminal/{os.path.basename(sys.argv[0]) or 'python'}",
            options=options,
            on_status=on_status,
        )


def login_name() -> str:
    return os.environ.get("USER") or os.environ.get("LOGNAME") or "terminal"


def engine_options(command: F) -> F:
    """Adds ``--url --token --tenant --lang``; the command gets one argument ``door`` for them."""

    @wraps(command)
    def with_door(url: str, token: str, tenant: str, lang: Language, **rest: Any) -> Any:
        return command(door=Door(url, token, tenant, Texts(lang)), **rest)

    wrapped: Any = with_door
    for option in (
        click.option("--lang", type=click.Choice(["en", "zh-CN"]), default=default_language, show_default="by LANG"),
        click.option("--tenant", default="", envvar="SLUICE_TENANT", help="Tenant, where the engine runs with --dev."),
        click.option("--token", default="", envvar="SLUICE_TOKEN", help="Token (`sluice token`); not needed with --dev."),
        click.option(
            "--url", default=DEFAULT_URL, envvar="SLUICE_URL", show_default=True,
            help="The engine: ws://HOST:PORT, msgpack://HOST:PORT or msgpack+unix:///PATH.",
        ),
    ):  # fmt: skip
        wrapped = option(wrapped)
    result: F = wrapped
    return result


json_option = click.option("--json", "as_json", is_flag=True, help="One JSON line instead of a table.")


def default_language() -> Language:
    """Chinese when the locale's environment says so, else English."""
    told = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return language_of(told)


def run(work: Callable[..., Awaitable[None]], *args: Any, **kwargs: Any) -> None:
    """Run a command's work to its end; what goes wrong becomes one line and an exit code."""
    failed: BaseException | None = None
    try:
        trio.run(partial(work, *args, **kwargs))
    except* (ClientError, KeyboardInterrupt, BrokenPipeError) as group:
        failed = _first(group)
    if failed is not None:
        _leave(failed)


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _leave(error: BaseException) -> NoReturn:
    if isinstance(error, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)
    if isinstance(error, BrokenPipeError):  # the reader of our pipe has had enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    click.echo(f"sluice: {error}", err=True)
    if isinstance(error, BadAddress):
        sys.exit(EXIT_USAGE)
    sys.exit(EXIT_NO_ENGINE if isinstance(error, ConnectionLost) else EXIT_REFUSED)


def print_json(value: object) -> None:
    click.echo(orjson.dumps(value).decode())


async def ask_pages(client: Client, query: Mapping[str, Any], rows: str, key: str, limit: int) -> list[dict[str, Any]]:
    """All pages of a listing, at most ``limit`` rows. ``rows`` and ``key`` name the list and its rows' id."""
    found: list[dict[str, Any]] = []
    more, after = True, None
    while more and len(found) < limit:
        page = {**query, "limit": min(100, limit - len(found))}
        answer = await client.ask(page if after is None else {**page, "after": after})
        found += answer[rows]
        more = bool(answer.get("more")) and bool(answer[rows])
        after = found[-1][key] if found else None
    return found


def parse_pairs(text: str, what: str) -> dict[str, int]:
    """``presale=5,english=3`` as a map; raises :class:`click.BadParameter`. A bare name is 1."""
    pairs: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        try:
            pairs[name.strip()] = int(value or 1)
        except ValueError:
            raise click.BadParameter(f"{what}: got {part!r}, wanted NAME=NUMBER,…") from None
    return pairs


def parse_names(text: str) -> list[str]:
    """``onsite,remote`` as a list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def parse_attributes(pairs: tuple[str, ...]) -> dict[str, str | int | float | bool]:
    """``tier=vip`` and the like; whole numbers, decimals, true and false become what they look like."""
    attributes: dict[str, str | int | float | bool] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"attribute: got {pair!r}, wanted NAME=VALUE")
        attributes[name] = _value(value)
    return attributes


def _value(text: str) -> str | int | float | bool:
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d+\.\d+", text) else text
