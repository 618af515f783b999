"""Who says hello: a token that is verified, or, without accounts and on loopback only, whoever they say they are."""

from __future__ import annotations

from collections.abc import Callable

from engine.access.roles import CLIENT_ROLES, EVERY_TENANT, Role
from engine.access.tokens import Denied, Identity, Keys
from engine.dispatch.policy.compiled import Policy
from engine.ports import Principal
from engine.wire.errors import Close, WireCode, WireError
from engine.wire.messages import Hello
from engine.wire.streams import Directory


class Gate:
    """``wall_s``: seconds since 1970, for the tokens' times only. ``keys`` None: nobody has a token."""

    def __init__(
        self,
        keys: Keys | None,
        directory: Directory,
        policy: Callable[[], Policy],
        wall_s: Callable[[], float],
        *,
        dev: bool,
    ) -> None:
        self._keys = keys
        self._directory = directory
        self._policy = policy
        self._wall_s = wall_s
        self.dev = dev

    def identify(self, hello: Hello, loopback: bool) -> Identity:
        """Raises :class:`WireError`, fatal: the connection ends with it."""
        if hello.token:
            identity = self._verified(hello.token)
            self._agrees("role", hello.role, identity.principal.role)
            self._agrees("subject", hello.subject, identity.principal.subject)
            self._agrees("tenant", hello.tenant, identity.principal.tenant)
        elif self.dev and loopback:
            identity = Identity(self._stated(hello))
        else:
            where = "on this address" if self.dev else "here"
            wanted = f"a token: there are no connections without accounts {where}"
            raise _unauthorized("token", "none", wanted, "there is none")
        self._check_agent(identity.principal)
        return identity

    def renew(self, principal: Principal, token: str, id: str) -> int:
        """The new expiry, seconds since 1970. Raises :class:`WireError`, not fatal: the old token still holds."""
        try:
            identity = self._verified(token)
        except WireError as error:
            raise WireError(error.code, error.what, error.got, error.wanted, id=id) from None
        if identity.principal != principal:
            raise WireError(WireCode.UNAUTHORIZED, "token", "another principal's", "one of the same principal", id=id)
        return identity.expires_s

    def expired(self, expires_s: int) -> bool:
        return expires_s != 0 and self._wall_s() >= expires_s

    def _verified(self, token: str) -> Identity:
        if self._keys is None:
            wanted = "none: this engine was started without a key file (--keys)"
            raise _unauthorized("token", "one", wanted, "no token can be read here")
        try:
            return self._keys.verify(token, now_s=self._wall_s())
        except Denied as denied:
            raise _unauthorized(denied.what, denied.got, denied.wanted) from None

    def _agrees(self, name: str, said: str, own: str) -> None:
        if said and said != own:
            raise _unauthorized(name, said, f"{own}, as in the token, or nothing")

    def _stated(self, hello: Hello) -> Principal:
        if hello.role not in CLIENT_ROLES:
            raise _unauthorized("role", hello.role, f"one of {', '.join(CLIENT_ROLES)}", "there is no such role")
        if not hello.subject:
            wanted = "the agent's id, the adapter's or the customer's name"
            raise _unauthorized("subject", "nothing", wanted, "it must be said who connects")
        tenants = self._policy().tenants
        tenant = hello.tenant
        if not tenant:
            if len(tenants) == 1:
                tenant = next(iter(tenants))
            elif hello.role == Role.SUPERVISOR:
                tenant = EVERY_TENANT
        if tenant not in tenants and not (tenant == EVERY_TENANT and hello.role == Role.SUPERVISOR):
            says = "the policy has no such tenant" if tenant else "the policy has several, and none was named"
            raise _unauthorized("tenant", tenant or "nothing", f"one of {', '.join(tenants)}", says)
        return Principal(tenant, hello.role, hello.subject)

    def _check_agent(self, principal: Principal) -> None:
        """An agent id is one person's in the whole domain: another tenant's token for the same id is refused."""
        if principal.role not in (Role.AGENT, Role.BOT):
            return
        tenant = self._directory.agent_tenant(principal.subject)
        if tenant and tenant != principal.tenant:
            raise _unauthorized("subject", principal.subject, "an agent of this tenant")


def _unauthorized(what: str, got: str, wanted: str, says: str = "") -> WireError:
    return WireError(WireCode.UNAUTHORIZED, what, got, wanted, fatal=Close.UNAUTHORIZED, says=says)
