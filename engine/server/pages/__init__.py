"""The customer's and the agent's page: what is served for them, and what they need to know of this engine.

Plain ES modules beside this file, no build step. The pages speak ``sluice.v1.json`` with the WebSocket listener, as any other
client does; nothing of a conversation passes this port.
"""

from __future__ import annotations

import re
from importlib.resources import files
from urllib.parse import urlsplit

import msgspec

from engine.dispatch.policy.compiled import Policy
from engine.wire.messages import SUBPROTOCOL_JSON

PAGES = ("customer", "agent")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
_ANYWHERE = ("0.0.0.0", "[::]")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
# What entry rules look at besides these would have to be known of a customer; this is what one can say itself.
_TOPIC = "topic"


class Choices(msgspec.Struct, frozen=True):
    """What a customer of one tenant may choose from, as the policy in force declares it."""

    tenant: str
    shops: list[str]


class PageConfig(msgspec.Struct, frozen=True):
    """``ws``: where to speak ``protocol`` (empty: this engine has no WebSocket listener); ``dev``: there are no accounts, and
    agents may define themselves, in these ``pools`` and with these ``skills``."""

    ws: str
    protocol: str
    dev: bool
    tenants: list[Choices]
    channels: list[str]
    topics: list[str]
    pools: list[str] = []
    skills: list[str] = []


class PageFile(msgspec.Struct, frozen=True):
    body: bytes
    media_type: str


def load_files() -> dict[str, PageFile]:
    """By name; they are part of the package, and a few dozen KiB."""
    found = {}
    for path in files(__name__).joinpath("static").iterdir():
        media_type = _TYPES.get(path.name[path.name.rfind(".") :])
        if media_type:
            found[path.name] = PageFile(path.read_bytes(), media_type)
    return found


def page_config(policy: Policy, ws: str, *, dev: bool) -> PageConfig:
    shops = {name: [shop.name for shop in policy.shops.values() if shop.tenant == name] for name in policy.tenants}
    topics = [value for rule in policy.entry for value in rule.when.get(_TOPIC, ()) if isinstance(value, str)]
    pools: list[str] = []
    skills: set[str] = set()
    if dev:
        bots = {pool for queue in policy.queues.values() for pool in queue.bot_pools}
        pools = [name for name in policy.pools if name not in bots]
        needed = [queue.requirement for queue in policy.queues.values()]
        needed += [rule.entry.requirement for rule in policy.entry if rule.entry.requirement is not None]
        skills = {skill for requirement in needed for skill in requirement.skills}
    return PageConfig(
        ws,
        SUBPROTOCOL_JSON,
        dev,
        [Choices(name, shops[name]) for name in policy.tenants],
        list(policy.channels),
        list(dict.fromkeys(topics)),
        pools,
        sorted(skills),
    )


def ws_for(bound: str, host: str) -> str:
    """The WebSocket's URL for a page that was asked for at ``host`` (its Host header): the address where we listen; where we
    listen on all, the name by which the browser knows this machine."""
    parts = urlsplit(bound)
    at, _, port = parts.netloc.rpartition(":")
    if at not in _ANYWHERE:
        return bound
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return f"{parts.scheme}://{name if _HOST.fullmatch(name) else at}:{port}"


def own_origins(http: str) -> tuple[str, ...]:
    """The origins of our own pages, where the HTTP port is on this machine only. Elsewhere something stands before it that has
    a name of its own, which must be said (``--origin``)."""
    parts = urlsplit(http)
    if not http or parts.hostname not in ("127.0.0.1", "::1"):
        return ()
    return (http, f"http://localhost:{parts.port}")


def headers(ws: str) -> dict[str, str]:
    """What a browser is told of a page: only our own files, no code in texts, no frame around it, one place to connect to."""
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self'{' ' + ws if ws else ''}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }
