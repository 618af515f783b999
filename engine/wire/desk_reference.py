"""The desk's reference, from its types: ``docs/desk.md``. ``make docs`` writes it; a test fails when it is old."""

from __future__ import annotations

from typing import get_args

from engine.desk.commands import DeskCommand
from engine.desk.queries import DESK_ANSWERS, DeskQuery
from engine.desk.refusals import SENTENCES, DeskCode
from engine.desk.settings import AttributeKind, ConnectorPlace, Entitlement, Tier
from engine.wire.reference import NOTICE, named_table, struct_table, table_of

_SECTIONS = {
    "attributes": AttributeKind,
    "tiers": Tier,
    "entitlements": Entitlement,
    "connectors": ConnectorPlace,
}
_HEAD = """\
# The desk

{notice}

`sluice serve --desk` (or `--desk-file desk.toml`, which declares what the desk knows) answers these beside the commands and
questions of [routing](reference.md), in the same frames `do` and `ask`. Who may send which: [access.md](access.md). Without a
desk the answer is `not_supported`.

A command is durable once it is answered, and the same `id` gets the same answer for 24 h. A refusal by the desk is not written down:
nothing happened, and the same `id` may be tried again. Commands of one sender are done in the order in which they were sent.
Whoever was answered sees what it did in its next question. `tenant` comes from the token.
"""


def desk_page() -> str:
    """``docs/desk.md``."""
    sections: list[str] = []
    for name, kind in _SECTIONS.items():
        sections += [f"### `[{name}.<name>]`", "", *named_table((kind,))]
    return "\n".join(
        [
            _HEAD.format(notice=NOTICE),
            "## Commands",
            "",
            *struct_table("`command.type`", get_args(DeskCommand)),
            "## Questions",
            "",
            *struct_table("`query.type`", get_args(DeskQuery)),
            "### What they are answered with",
            "",
            *named_table(DESK_ANSWERS),
            "## Refusals",
            "",
            *table_of(("code", ""), ((f"`{code}`", SENTENCES[code]) for code in DeskCode)),
            "## The desk's file",
            "",
            "TOML; every problem is told at once, with its line. `sluice serve --desk-file` reads it at the start.",
            "",
            *sections,
        ]
    )
