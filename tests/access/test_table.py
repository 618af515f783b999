"""The table of rights: complete, and empty where it should be."""

from __future__ import annotations

import pytest

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
    find_scope,
    tags_of,
)
from engine.desk.commands import DeskCommand
from engine.desk.queries import DeskQuery
from engine.dispatch import commands as cmd
from engine.wire import queries


def test_the_table_names_only_what_exists() -> None:
    """No right for a command, question or stream that nobody knows (a typo would be one)."""
    for table, names in ((COMMAND_TABLE, COMMANDS), (QUESTION_TABLE, QUESTIONS), (STREAM_TABLE, STREAMS)):
        assert set(table) == set(Role)
        assert {name for rights in table.values() for name in rights} <= set(names)


def test_every_command_is_somebodys() -> None:
    """A new command without a row is found here: nobody could send it."""
    assert set(COMMANDS) == set(tags_of(cmd.Command, DeskCommand))
    without = [name for name in COMMANDS if not any(name in rights for rights in COMMAND_TABLE.values())]
    assert without == []


def test_every_question_is_in_the_table() -> None:
    """The wire's questions and the table's are the same."""
    assert set(QUESTIONS) == set(tags_of(queries.Query, DeskQuery))


@pytest.mark.parametrize("role", CLIENT_ROLES)
def test_what_is_the_engines_own_is_nobody_elses(role: Role) -> None:
    """No token can say that an agent's connection died, or that the engine started."""
    for name in ("agent.lost", "agent.back", "engine.started", "desk.record", "customer.erased"):
        assert find_scope(COMMAND_TABLE, role, name) is None


def test_a_bot_can_only_do_a_bots_work() -> None:
    """A hostile bot cannot choose an agent, raise a priority, read others' contacts or touch queues and policy."""
    rights = set(COMMAND_TABLE[Role.BOT])
    assert rights == {
        "agent.sign_on", "agent.set_state", "agent.sign_off", "agent.define",
        "offer.accept", "offer.complete", "offer.fail", "offer.decline", "wrap_up.end",
        "contact.message", "contact.transfer", "contact.close", "customer.save", "customer.tag",
        "contact.read", "contact.tag",
    }  # fmt: skip
    assert COMMAND_TABLE[Role.BOT]["agent.define"] is Scope.DEV
    assert set(QUESTION_TABLE[Role.BOT].values()) <= {Scope.OWN, Scope.TENANT}
    assert "explain" not in QUESTION_TABLE[Role.BOT]


def test_customers_reach_only_their_own() -> None:
    """Every right of a customer is scoped to its own contacts."""
    for table in (COMMAND_TABLE, QUESTION_TABLE, STREAM_TABLE):
        assert set(table[Role.CUSTOMER].values()) == {Scope.OWN}
