"""Every role × every command × own and other tenant, against the table; and what the server fills in."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from trio.testing import MockClock

from engine.access.roles import CLIENT_ROLES, COMMAND_TABLE, EVERY_TENANT, Role, Scope
from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentKind, AgentProfile, Command, Sender
from engine.dispatch.policy.compile import compile_policy
from engine.ports import Committed, Principal
from engine.server.authority import Authority, Unknown
from engine.wire.errors import WireError
from engine.wire.streams import Directory
from tests.server.stage import POLICY, house

OURS, THEIRS = 1, 2
COMMAND_TYPES = [kind for union in get_args(Command) for kind in (get_args(union) or (union,))]


def directory() -> Directory:
    """Contact 1 is acme's, customer c1's, held by ann; contact 2 is bolt's, customer c2's, held by bea."""
    policy = compile_policy(POLICY)
    found = Directory(lambda queue: policy.queues[queue].tenant if queue in policy.queues else "")
    events: list[Any] = []
    for tenant, agent in (("acme", "ann"), ("bolt", "bea"), ("acme", "robo")):
        kind = AgentKind.BOT if agent == "robo" else AgentKind.ONSITE
        events.append(ev.AgentDefined(0, AgentProfile(agent, kind=kind, tenant=tenant)))
    for number, tenant, queue, agent in ((OURS, "acme", "help", "ann"), (THEIRS, "bolt", "desk", "bea")):
        events += [
            ev.ContactSubmitted(
                0, number, tenant, "web", f"x{number}", f"c{number}", "", queue, "r", "person", 0, "", {}
            ),
            ev.ContactConnected(0, number, agent, 0),
        ]
    found.route(Committed(1, 0, Principal("", "engine", ""), None, events))
    return found


def authority(*, dev: bool = True, policy: str = POLICY) -> Authority:
    compiled = compile_policy(policy)
    return Authority(directory(), lambda: compiled, dev=dev)


SUBJECTS = {Role.CHANNEL: "web", Role.CUSTOMER: "c1", Role.AGENT: "ann", Role.BOT: "robo", Role.SUPERVISOR: "sue"}
KINDS = {Role.AGENT: AgentKind.ONSITE, Role.BOT: AgentKind.BOT}


def example(kind: type, role: Role, *, ours: bool) -> Any:
    """A command of this kind as ``role`` would send it, about our tenant's things or the other's."""
    agent, queue, contact = ("ann", "help", OURS) if ours else ("bea", "desk", THEIRS)
    if kind is cmd.DefineAgent:
        name = SUBJECTS[role] if role in KINDS else agent
        return cmd.DefineAgent(AgentProfile(name if ours else agent, kind=KINDS.get(role, AgentKind.ONSITE)))
    filled: dict[str, Any] = {}
    fields = kind.__struct_fields__  # type: ignore[attr-defined]  # all commands are Structs
    if "contact" in fields:
        filled["contact"] = contact
    if "queue" in fields and kind is not cmd.BulkCommand:
        filled["queue"] = queue
    if "agent" in fields and role is Role.SUPERVISOR and kind is not cmd.CloseContact:
        filled["agent"] = agent
    return kind(**filled)


@pytest.mark.parametrize("role", CLIENT_ROLES)
@pytest.mark.parametrize("kind", COMMAND_TYPES)
def test_each_cell_of_the_table(role: Role, kind: type) -> None:
    """No right: forbidden. A right: our own goes in with our tenant; the other tenant's never goes in as theirs."""
    tag = kind.__struct_config__.tag  # type: ignore[attr-defined]  # all commands are Structs
    scope = COMMAND_TABLE[role].get(tag)
    principal = Principal("acme", role, SUBJECTS[role])
    guard = authority()
    if scope is None:
        with pytest.raises(WireError) as caught:
            guard.prepare(principal, example(kind, role, ours=True))
        assert caught.value.code == "forbidden"
        return
    if scope is Scope.DOMAIN:
        with pytest.raises(WireError, match="touches every tenant"):
            guard.prepare(principal, example(kind, role, ours=True))
        everywhere = Principal(EVERY_TENANT, role, SUBJECTS[role])
        assert guard.prepare(everywhere, example(kind, role, ours=True)) is not None
        return
    ready = guard.prepare(principal, example(kind, role, ours=True))
    assert getattr(ready, "tenant", "acme") == "acme"
    assert getattr(getattr(ready, "profile", None), "tenant", "acme") == "acme"
    try:
        other = guard.prepare(principal, example(kind, role, ours=False))
    except (Unknown, WireError):
        return
    # What is let through carries our tenant, so the dispatcher finds no such contact; or names ourselves alone.
    assert getattr(other, "tenant", "acme") == "acme"
    if role in (Role.AGENT, Role.BOT) and hasattr(other, "agent"):
        assert other.agent == SUBJECTS[role]


@pytest.mark.parametrize("role", CLIENT_ROLES)
@pytest.mark.parametrize("kind", [kind for kind in COMMAND_TYPES if "tenant" in kind.__struct_fields__])
def test_a_tenant_in_the_payload_is_never_believed(role: Role, kind: Any) -> None:
    """Naming another tenant is forbidden, whatever the command."""
    principal = Principal("acme", role, SUBJECTS[role])
    with pytest.raises((WireError, Unknown)) as caught:
        authority().prepare(principal, kind(tenant="bolt"))
    if kind.__struct_config__.tag in COMMAND_TABLE[role] and role is not Role.CUSTOMER:
        assert isinstance(caught.value, WireError)
        assert (caught.value.code, caught.value.what, caught.value.got) == ("forbidden", "command.tenant", "bolt")


def test_an_agent_speaks_only_for_itself() -> None:
    """Another agent's name, or another's voice, is forbidden; left out, they are filled in."""
    guard, ann = authority(), Principal("acme", "agent", "ann")
    ready = guard.prepare(ann, cmd.AddMessage(contact=OURS))
    assert ready == cmd.AddMessage(tenant="acme", contact=OURS, sender=Sender.AGENT, agent="ann")
    for command in (
        cmd.AddMessage(contact=OURS, agent="bob"),
        cmd.AcceptOffer(agent="bob", offer=1),
        cmd.AddMessage(contact=OURS, sender=Sender.BOT),
        cmd.AddMessage(contact=OURS, sender=Sender.SYSTEM),
        cmd.DefineAgent(AgentProfile("bob")),
        cmd.DefineAgent(AgentProfile("ann", kind=AgentKind.BOT)),
    ):
        with pytest.raises(WireError) as caught:
            guard.prepare(ann, command)
        assert caught.value.code == "forbidden"


def test_a_bots_words_are_marked_as_a_bots() -> None:
    """The label comes from the server; the bot can neither forge nor strip it."""
    guard, bot = authority(), Principal("acme", "bot", "robo")
    ready = guard.prepare(bot, cmd.AddMessage(contact=OURS))
    assert isinstance(ready, cmd.AddMessage)
    assert ready.sender is Sender.BOT
    for sender in (Sender.AGENT, Sender.SYSTEM):
        with pytest.raises(WireError):
            guard.prepare(bot, cmd.AddMessage(contact=OURS, sender=sender))


async def test_whatever_a_bot_says_of_itself_its_words_are_kept_as_a_bots(autojump_clock: MockClock) -> None:
    """Every sender over the wire, and a profile that a supervisor turned into a person's: stored as a bot's, or not at all."""
    async with house() as home:
        robo = await home.agent("robo", kind="bot")
        web = await home.framed("channel", "web")
        sue = await home.framed("supervisor", "sue")
        await web.done("contact.submit", channel="web", customer="c1", attributes={"first": "bot"}, text="hello")
        offer = await robo.event("offer.made")
        await robo.done("offer.accept", offer=offer["offer"])
        for sender in Sender:
            await robo.do("contact.message", contact=1, text=f"as {sender}", sender=str(sender), automatic=False)
        person = {"agent": "robo", "kind": "onsite", "pools": ["bot"], "tenant": "acme"}
        await sue.done("agent.define", profile=person)
        refused = await robo.do("contact.message", contact=1, text="as a person")
        assert (refused["code"], refused["what"]) == ("forbidden", "role")
        told = await web.ask("history", contact=1)
        assert {message["sender"] for message in told["messages"][1:]} == {"bot"}
        assert all(message["automatic"] for message in told["messages"][1:])


def test_an_agent_of_a_shared_pool_serves_the_contacts_own_tenant() -> None:
    """Whoever holds a contact speaks for its tenant, not for the agent's."""
    guard = authority()
    facts = guard.directory.find(THEIRS)
    assert facts is not None
    facts.agent = "ann"
    ready = guard.prepare(Principal("acme", "agent", "ann"), cmd.AddMessage(contact=THEIRS))
    assert isinstance(ready, cmd.AddMessage)
    assert ready.tenant == "bolt"


def test_a_customer_is_who_the_token_says() -> None:
    """Its own key is filled in; others' contacts do not exist; it claims no channel's ear."""
    guard, customer = authority(), Principal("acme", "customer", "c1")
    ready = guard.prepare(customer, cmd.SubmitContact(channel="web"))
    assert isinstance(ready, cmd.SubmitContact)
    assert (ready.tenant, ready.customer, ready.source) == ("acme", "c1", "")
    guard.prepare(customer, cmd.AddMessage(contact=OURS))
    with pytest.raises(Unknown):
        guard.prepare(customer, cmd.AddMessage(contact=THEIRS))
    with pytest.raises(Unknown):
        guard.prepare(customer, cmd.CloseContact(contact=99))
    for command in (
        cmd.SubmitContact(customer="c2"),
        cmd.SubmitContact(source="web"),
        cmd.AddMessage(contact=OURS, sender=Sender.SYSTEM),
    ):
        with pytest.raises(WireError):
            guard.prepare(customer, command)


def test_without_dev_nobody_defines_itself() -> None:
    """Agents come from a supervisor, where there are accounts."""
    command = cmd.DefineAgent(AgentProfile("ann"))
    assert authority(dev=True).prepare(Principal("acme", "agent", "ann"), command)
    with pytest.raises(WireError, match="--dev"):
        authority(dev=False).prepare(Principal("acme", "agent", "ann"), command)


def test_a_single_tenants_supervisor_may_apply_the_policy() -> None:
    """Where there is nobody else, the domain is the tenant."""
    policy = '[policy]\nname="one"\n[tenants.acme]\n[channels.web]\n[pools.onsite]\n[queues.help]\ntenant="acme"\npools=["onsite"]\n[[entry]]\nname="d"\nqueue="help"\n'
    sue = Principal("acme", "supervisor", "sue")
    assert authority(policy=policy).prepare(sue, cmd.ApplyPolicy("x"))
    with pytest.raises(WireError):
        authority().prepare(sue, cmd.ApplyPolicy("x"))


async def test_another_tenants_things_look_like_nothing(autojump_clock: MockClock) -> None:
    """Bolt's people ask about acme's contact, agent and streams: the very answers as for what does not exist."""
    async with house() as home:
        ann = await home.agent("ann")
        web = await home.framed("channel", "web")
        await web.done("contact.submit", channel="web", customer="c1", text="secret")
        await ann.event("offer.made")
        sue = await home.framed("supervisor", "sue", tenant="bolt")
        bob = await home.framed("channel", "web", tenant="bolt")

        async def same(peer: Any, question: str, real: dict[str, Any], unreal: dict[str, Any]) -> None:
            answers = []
            for fields in (real, unreal):
                frame = {"op": "ask", "query": {"type": question, **fields}}
                answer = await peer.call(frame)
                answers.append((answer["op"], answer.get("code"), answer.get("message")))
            assert answers[0] == answers[1]
            assert answers[0][0] == "error"

        for question in ("contact", "history", "position", "explain"):
            await same(sue, question, {"contact": 1}, {"contact": 77})
        await same(bob, "history", {"contact": 1}, {"contact": 77})
        for type, real, unreal in (
            ("contact.move", {"contact": 1, "queue": "desk"}, {"contact": 77, "queue": "desk"}),
            ("agent.set_capacity", {"agent": "ann"}, {"agent": "zoe"}),
            ("queue.close", {"queue": "help"}, {"queue": "nowhere"}),
        ):
            first, second = await sue.do(type, **real), await sue.do(type, **unreal)
            assert (first["op"], first["code"]) == ("error", second["code"])
        for stream, unreal in (("contact:1", "contact:77"), ("agent:ann", "agent:zoe")):
            first = await sue.call({"op": "resume", "streams": {stream: -1}})
            second = await sue.call({"op": "resume", "streams": {unreal: -1}})
            assert (first["code"], first["wanted"]) == (second["code"], second["wanted"])
        assert (await sue.ask("contacts"))["contacts"] == []
        assert (await sue.ask("agents"))["agents"] == []
        assert [row["queue"] for row in (await sue.ask("queues"))["queues"]] == ["desk"]
        await sue.call({"op": "resume", "streams": {"domain": -1, "channel:web": -1}})
        await web.done("contact.message", contact=1, text="more")
        await sue.ask("streams")
        assert sue.seen("push") == []
        assert bob.seen("push") == []


async def test_another_tenants_token_for_the_same_agent_id_is_refused(autojump_clock: MockClock) -> None:
    """Agent ids are one person's in the whole domain."""
    async with house() as home:
        await home.agent("ann")
        thief = await home.framed()
        refused = await thief.hello("agent", "ann", tenant="bolt")
        assert (refused["code"], refused["what"]) == ("unauthorized", "subject")
