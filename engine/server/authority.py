"""Before a command goes in: may this principal do this, and with which fields. Tenant and agent come from the token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from engine.access.roles import (
    COMMAND_TABLE,
    EVERY_TENANT,
    QUESTION_TABLE,
    STREAM_TABLE,
    Role,
    Scope,
    find_scope,
)
from engine.desk.deeds import Asker, Deed, Question, tag_of
from engine.dispatch import commands as cmd
from engine.dispatch.commands import Command, Sender
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.refusals import SENTENCES, Code
from engine.ports import Principal
from engine.wire.errors import WireCode, WireError
from engine.wire.streams import Directory, Facts, StreamKey, parse_stream

_SENDERS: dict[Role, tuple[Sender, ...]] = {
    # The first is what a message gets that names none.
    Role.CHANNEL: (Sender.CUSTOMER, Sender.SYSTEM),
    Role.CUSTOMER: (Sender.CUSTOMER,),
    Role.AGENT: (Sender.AGENT,),
    Role.BOT: (Sender.BOT,),
}
D = TypeVar("D", bound=Deed | Question)
_SERVING = frozenset({Role.AGENT, Role.BOT})


class Unknown(Exception):
    """What was named does not exist for this principal: answered in the dispatcher's words, so that another tenant's
    contact looks like no contact at all."""

    def __init__(self, code: Code, got: str) -> None:
        super().__init__(code)
        self.code = code
        self.got = got
        self.message = SENTENCES[code]


class Authority:
    """Looks at the directory and the policy's tenants; keeps nothing."""

    def __init__(self, directory: Directory, policy: Callable[[], Policy], *, dev: bool) -> None:
        self.directory = directory
        self.policy = policy
        self.dev = dev

    # --- commands -------------------------------------------------------------------------------------------------

    def prepare(self, principal: Principal, command: Command) -> Command:
        """The command as it may go in. Raises :class:`WireError` (forbidden) or :class:`Unknown`."""
        role = Role(principal.role)
        tag = type(command).__struct_config__.tag
        scope = self._scope(find_scope(COMMAND_TABLE, role, str(tag)), principal, f"{tag} by role {role}")
        changes: dict[str, Any] = {}
        fields = type(command).__struct_fields__
        if role in _SERVING and "agent" in fields:
            changes["agent"] = _fill("command.agent", command.agent, principal.subject)  # type: ignore[union-attr]  # has it
        elif role in (Role.CHANNEL, Role.CUSTOMER) and "agent" in fields and command.agent:  # type: ignore[union-attr]  # has it
            raise forbidden("command.agent", command.agent, f"nothing: a {role} is no agent")  # type: ignore[union-attr]  # has it
        if "tenant" in fields:
            changes["tenant"] = self._tenant_for(principal, role, command)
        match command:
            case cmd.AddMessage():
                changes["sender"] = self._sender(principal, role, command)
            case cmd.SubmitContact():
                changes.update(self._submission(principal, role, command))
            case cmd.DefineAgent(profile=profile):
                changes["profile"] = self._profile(principal, role, profile)
        if scope is not Scope.DOMAIN and role is Role.SUPERVISOR:
            self._check_targets(principal, command)
        if role is Role.CUSTOMER and "contact" in fields:
            self._own_contact(principal, command.contact)  # type: ignore[union-attr]  # has it
        return msgspec.structs.replace(command, **changes) if changes else command

    def prepare_deed(self, principal: Principal, deed: D) -> tuple[Asker, D]:
        """As :meth:`prepare`, of what is done or asked at the desk; which customers are one's own the desk itself looks up."""
        role, tag = Role(principal.role), tag_of(deed)
        table = COMMAND_TABLE if isinstance(deed, Deed) else QUESTION_TABLE
        what = f"{'' if isinstance(deed, Deed) else 'ask '}{tag} by role {role}"
        scope = self._scope(find_scope(table, role, tag), principal, what)
        if principal.tenant == EVERY_TENANT:
            if deed.tenant not in self.policy().tenants:
                raise forbidden("tenant", deed.tenant, f"one of {', '.join(self.policy().tenants)}")
            return Asker(deed.tenant, role, principal.subject, own=scope is Scope.OWN), deed
        # Pools may be shared: whoever has served a customer of another tenant names the tenant.
        tenant = deed.tenant if role in _SERVING and deed.tenant else _fill("tenant", deed.tenant, principal.tenant)
        asker = Asker(tenant, role, principal.subject, own=scope is Scope.OWN)
        return asker, msgspec.structs.replace(deed, tenant=tenant)

    def _sender(self, principal: Principal, role: Role, command: cmd.AddMessage) -> Sender:
        """A client may leave the sender at its default; one that claims to be another is refused. The dispatcher goes by the
        profile, so a bot whose profile says that it is a person may not write at all."""
        if role is Role.BOT and self.directory.is_person(principal.subject):
            raise forbidden("role", role, f"an agent of kind bot: {principal.subject} is defined as a person")
        permitted = _SENDERS[role]
        if command.sender is Sender.CUSTOMER:
            return permitted[0]
        if command.sender not in permitted:
            raise forbidden("command.sender", command.sender, " or ".join(permitted))
        return command.sender

    def _scope(self, scope: Scope | None, principal: Principal, what: str) -> Scope:
        if scope is None:
            raise forbidden(what, "", "see docs/access.md")
        if scope is Scope.DEV and not self.dev:
            raise forbidden(what, "an engine with accounts", "an engine started with --dev")
        if scope is Scope.DOMAIN and principal.tenant != EVERY_TENANT and len(self.policy().tenants) > 1:
            raise forbidden(what, f"tenant {principal.tenant}", f"tenant {EVERY_TENANT}: it touches every tenant")
        return scope

    def _tenant_for(self, principal: Principal, role: Role, command: Command) -> str:
        given: str = command.tenant  # type: ignore[union-attr]  # only called for commands that have it
        if principal.tenant == EVERY_TENANT:
            return given
        if role in _SERVING:
            # Pools may be shared: whoever holds a contact serves it for its tenant.
            facts = self.directory.find(command.contact)  # type: ignore[union-attr]  # serving commands have it
            if facts is not None and principal.subject in (facts.agent, facts.helper):
                return _fill("command.tenant", given, facts.tenant)
        return _fill("command.tenant", given, principal.tenant)

    def _submission(self, principal: Principal, role: Role, command: cmd.SubmitContact) -> dict[str, Any]:
        if role is Role.CUSTOMER:
            return {
                "customer": _fill("command.customer", command.customer, principal.subject),
                "source": _fill("command.source", command.source, ""),
            }
        return {"source": _fill("command.source", command.source, principal.subject)}

    def _profile(self, principal: Principal, role: Role, profile: cmd.AgentProfile) -> cmd.AgentProfile:
        changes: dict[str, Any] = {}
        if role in _SERVING:
            if profile.agent != principal.subject:
                raise forbidden("command.profile.agent", profile.agent, principal.subject)
            if (profile.kind is cmd.AgentKind.BOT) != (role is Role.BOT):
                raise forbidden("command.profile.kind", profile.kind, f"what role {role} is")
        if principal.tenant != EVERY_TENANT:
            changes["tenant"] = _fill("command.profile.tenant", profile.tenant, principal.tenant)
        self._check_agent(principal, profile.agent, may_be_new=True)
        return msgspec.structs.replace(profile, **changes) if changes else profile

    def _check_targets(self, principal: Principal, command: Command) -> None:
        """A supervisor's agents and queues are those of its tenant; contacts are checked by the dispatcher."""
        if (
            isinstance(command, cmd.AgentCommand) and not isinstance(command, cmd.DefineAgent | cmd.SetGroupCapacity)
        ) or isinstance(command, cmd.AssignContact | cmd.TakeOverContact):
            self._check_agent(principal, command.agent)
        elif isinstance(command, cmd.CloseContact) and command.agent:
            raise forbidden("command.agent", command.agent, "nothing: a supervisor closes in its own name")
        elif isinstance(command, cmd.CloseQueue | cmd.OpenQueue | cmd.SetQueueNotice):
            queue = self.policy().queues.get(command.queue)
            if queue is not None and not covers(principal, queue.tenant):
                raise Unknown(Code.UNKNOWN_QUEUE, command.queue)

    def _check_agent(self, principal: Principal, agent: str, *, may_be_new: bool = False) -> None:
        tenant = self.directory.agent_tenant(agent)
        if tenant is None:
            if may_be_new:
                return
            raise Unknown(Code.UNKNOWN_AGENT, agent)
        if tenant and not covers(principal, tenant):
            raise Unknown(Code.UNKNOWN_AGENT, agent)

    def _own_contact(self, principal: Principal, contact: int) -> Facts:
        facts = self.directory.find(contact)
        if facts is None or facts.tenant != principal.tenant or facts.customer != principal.subject:
            raise Unknown(Code.UNKNOWN_CONTACT, str(contact))
        return facts

    # --- questions and streams ------------------------------------------------------------------------------------

    def check_question(self, principal: Principal, name: str) -> Scope:
        role = Role(principal.role)
        return self._scope(find_scope(QUESTION_TABLE, role, name), principal, f"ask {name} by role {role}")

    def may_see(self, principal: Principal, tenant: str, customer: str, agent: str, helper: str = "") -> bool:
        """Whether a contact of this tenant and customer, held by (or offered to) this agent, is visible at all; ``helper``:
        who is asked for help with it."""
        match principal.role:
            case Role.CUSTOMER:
                return tenant == principal.tenant and customer == principal.subject
            case Role.AGENT | Role.BOT:
                return principal.subject in (agent, helper)
            case _:
                return covers(principal, tenant)

    def tenant_shown(self, principal: Principal) -> str:
        """The tenant whose rows are shown; empty for all."""
        return "" if principal.tenant == EVERY_TENANT else principal.tenant

    def stream(self, principal: Principal, name: str) -> StreamKey:
        """The stream behind a name. Raises :class:`WireError`: forbidden or unknown_stream."""
        parsed = parse_stream(name)
        if parsed is None:
            wanted = "agent:<id>, contact:<number>, channel:<subject> or domain"
            raise WireError(WireCode.UNKNOWN_STREAM, "streams", name[:80], wanted)
        kind, rest = parsed
        role = Role(principal.role)
        scope = self._scope(find_scope(STREAM_TABLE, role, kind), principal, f"stream {kind} for role {role}")
        tenant = "" if principal.tenant == EVERY_TENANT else principal.tenant
        match kind:
            case "domain":
                return StreamKey("domain", tenant=tenant)
            case "channel":
                if scope is Scope.OWN and rest != principal.subject:
                    raise forbidden("streams", name, f"channel:{principal.subject}")
                return StreamKey("channel", rest, tenant or self._only_tenant(name))
            case "agent":
                return self._agent_stream(principal, scope, rest, name)
            case _:
                return self._contact_stream(principal, int(rest), name)

    def _agent_stream(self, principal: Principal, scope: Scope, agent: str, name: str) -> StreamKey:
        if scope is Scope.OWN:
            if agent != principal.subject:
                raise forbidden("streams", name, f"agent:{principal.subject}")
            return StreamKey("agent", agent)
        tenant = self.directory.agent_tenant(agent)
        if tenant is None or (tenant and not covers(principal, tenant)):
            raise WireError(WireCode.UNKNOWN_STREAM, "streams", name, "an agent of this tenant")
        return StreamKey("agent", agent)

    def _contact_stream(self, principal: Principal, contact: int, name: str) -> StreamKey:
        facts = self.directory.find(contact)
        if facts is None or not self.may_see(principal, facts.tenant, facts.customer, facts.agent, facts.helper):
            raise WireError(WireCode.UNKNOWN_STREAM, "streams", name, "a contact that is open, or ended not long ago")
        return StreamKey("contact", str(contact))

    def _only_tenant(self, name: str) -> str:
        if len(self.policy().tenants) != 1:
            raise WireError(
                WireCode.UNKNOWN_STREAM, "streams", name, "a supervisor of one tenant, or the domain stream"
            )
        return next(iter(self.policy().tenants))


def covers(principal: Principal, tenant: str) -> bool:
    return principal.tenant in (tenant, EVERY_TENANT)


def forbidden(what: str, got: object, wanted: str) -> WireError:
    return WireError(WireCode.FORBIDDEN, what, str(got), wanted)


def _fill(what: str, given: str, own: str) -> str:
    if given and given != own:
        raise forbidden(what, given, f"nothing, or {own!r}: it comes from the token" if own else "nothing")
    return own
