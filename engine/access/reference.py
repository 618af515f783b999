"""``docs/access.md``, from the table. ``make docs`` writes it; a test fails when it is old."""

from __future__ import annotations

from collections.abc import Mapping

from engine.access.roles import (
    CLIENT_ROLES,
    COMMAND_TABLE,
    COMMANDS,
    QUESTION_TABLE,
    QUESTIONS,
    STREAM_TABLE,
    STREAMS,
    Role,
    Scope,
)

NOTICE = "<!-- Written by `make docs` from the code; changes here are overwritten. -->"
_SCOPES = {
    Scope.OWN: "the customer's own contacts; the agent itself and the contacts it holds; a channel's own stream",
    Scope.TENANT: "everything of the token's tenant (`*`: of all tenants); another tenant's looks as if it did not exist",
    Scope.DOMAIN: "what touches every tenant: needs the tenant `*`, unless the policy has a single tenant",
    Scope.DEV: "as own, and only with `--dev`",
}


def access_page() -> str:
    """``docs/access.md``."""
    lines = [
        "# Who may do what",
        "",
        NOTICE,
        "",
        "Deny by default: an empty cell is a refusal (`forbidden`). Tenant, role and subject come from the token, never from",
        "what a frame says. `agent.lost`, `agent.back`, `engine.started` and `desk.record` are the engine's own.",
        "",
        "| scope | reaches |",
        "| --- | --- |",
        *(f"| {scope} | {words} |" for scope, words in _SCOPES.items()),
        "",
        "## Commands",
        "",
        *_matrix(COMMANDS, COMMAND_TABLE),
        "## Questions",
        "",
        *_matrix(QUESTIONS, QUESTION_TABLE),
        "## Streams",
        "",
        *_matrix(STREAMS, STREAM_TABLE),
        "## Tokens",
        "",
        "EdDSA-signed JWTs. Header: exactly `alg` EdDSA, `typ` sluice+jwt, `kid` of a key in the engine's key file. Claims:",
        "exactly `iss` sluice, `aud` (the role), `sub` (the subject), `tenant`, `iat`, `exp` (at most 30 days later). The tenant `*`",
        "is for supervisors over all tenants. The last key of the file signs, all verify: add a key, let old tokens run out,",
        "remove the old key. A connection ends when its token does (4003); `renew` brings a fresh one.",
    ]
    return "\n".join(lines) + "\n"


def _matrix(names: tuple[str, ...], table: Mapping[Role, Mapping[str, Scope]]) -> list[str]:
    head = ["| | " + " | ".join(CLIENT_ROLES) + " |", "| --- |" + " --- |" * len(CLIENT_ROLES)]
    rows = [f"| `{name}` | " + " | ".join(table[role].get(name, "") for role in CLIENT_ROLES) + " |" for name in names]
    return [*head, *rows, ""]
