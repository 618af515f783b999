"""Who may do and ask what at the desk: cell by cell, before the desk itself is asked."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from engine.access.roles import CLIENT_ROLES, COMMAND_TABLE, EVERY_TENANT, QUESTION_TABLE, Role, Scope
from engine.desk.commands import DeskCommand
from engine.desk.deeds import Deed, tag_of
from engine.desk.queries import DeskQuery
from engine.ports import Principal
from engine.wire.errors import WireError
from tests.server.test_authority import SUBJECTS, authority

_MEMBERS = (get_args(union) or (union,) for union in (DeskCommand, DeskQuery))
KINDS = [kind for members in _MEMBERS for kind in members]


def scope_of(role: Role, deed: Any) -> Scope | None:
    return (COMMAND_TABLE if isinstance(deed, Deed) else QUESTION_TABLE)[role].get(tag_of(deed))


@pytest.mark.parametrize("role", CLIENT_ROLES)
@pytest.mark.parametrize("kind", KINDS)
def test_each_cell_of_the_table(role: Role, kind: Any) -> None:
    """No right: forbidden. A right: it goes in under the token's tenant, and says whether only for own customers."""
    principal, deed = Principal("acme", role, SUBJECTS[role]), kind()
    scope = scope_of(role, deed)
    if scope is None:
        with pytest.raises(WireError) as caught:
            authority().prepare_deed(principal, deed)
        assert caught.value.code == "forbidden"
        return
    asker, ready = authority().prepare_deed(principal, deed)
    assert (asker.tenant, ready.tenant, asker.subject) == ("acme", "acme", SUBJECTS[role])
    assert asker.own == (scope is Scope.OWN)
    assert scope is Scope.OWN or role in (Role.SUPERVISOR, Role.CHANNEL)


@pytest.mark.parametrize("role", CLIENT_ROLES)
@pytest.mark.parametrize("kind", KINDS)
def test_another_tenant_is_reached_by_nobody_but_who_has_served_its_customer(role: Role, kind: Any) -> None:
    """Whoever names another tenant is refused; an agent of a shared pool is looked up among its own customers there."""
    principal, deed = Principal("acme", role, SUBJECTS[role]), kind(tenant="bolt")
    if scope_of(role, deed) is not None and role in (Role.AGENT, Role.BOT):
        asker, ready = authority().prepare_deed(principal, deed)
        assert asker.own and asker.tenant == ready.tenant == "bolt"
        return
    with pytest.raises(WireError) as caught:
        authority().prepare_deed(principal, deed)
    assert caught.value.code == "forbidden"


@pytest.mark.parametrize("kind", KINDS)
def test_a_supervisor_over_all_tenants_says_which(kind: Any) -> None:
    """There is no customer of every tenant."""
    everywhere = Principal(EVERY_TENANT, Role.SUPERVISOR, "sue")
    if scope_of(Role.SUPERVISOR, kind()) is None:
        return
    asker, _ = authority().prepare_deed(everywhere, kind(tenant="bolt"))
    assert asker.tenant == "bolt" and not asker.own
    for tenant in ("", "nowhere", EVERY_TENANT):
        with pytest.raises(WireError, match="one of acme, bolt"):
            authority().prepare_deed(everywhere, kind(tenant=tenant))
