"""A tenant is a barrier: who works for one never gets another's contacts."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy

POLICY = """
[policy]
name = "two"
[tenants.acme]
[tenants.bolt]
[channels.web]
[pools.shared]
[queues.acme]
tenant = "acme"
pools = ["shared"]
[queues.bolt]
tenant = "bolt"
pools = ["shared"]
[[entry]]
name = "bolt"
when = {tenant = "bolt"}
queue = "bolt"
[[entry]]
name = "default"
queue = "acme"
"""


def desk(*agents: tuple[str, str]) -> Dispatcher:
    """Agents (name, tenant) of one pool, signed on, with room for three."""
    dispatcher = Dispatcher(compile_policy(POLICY))
    for name, tenant in agents:
        profile = cm.AgentProfile(agent=name, tenant=tenant, pools=("shared",), capacity=3)
        dispatcher.handle(cm.DefineAgent(profile=profile), 1_000)
        dispatcher.handle(cm.SignOn(agent=name), 1_000)
    return dispatcher


def test_another_tenants_agent_is_never_offered_the_contact() -> None:
    """A spy of bolt stands in the shared pool: acme's contact waits, bolt's is his, and why-not says why."""
    dispatcher = desk(("spy", "bolt"))
    dispatcher.handle(cm.SubmitContact(tenant="acme", channel="web", customer="c1"), 2_000)
    dispatcher.handle(cm.SubmitContact(tenant="bolt", channel="web", customer="c2"), 2_000)

    assert dispatcher.contacts[1].state == "queued"
    assert dispatcher.contacts[2].agent == "spy"
    verdict = dispatcher.explain(1, "spy").verdict
    assert verdict is not None
    assert verdict.reasons[0].code == "tenant"
    assert dispatcher.audit() == []


def test_an_agent_without_a_tenant_serves_all() -> None:
    """A shared remote team has no tenant of its own."""
    dispatcher = desk(("both", ""))
    dispatcher.handle(cm.SubmitContact(tenant="acme", channel="web", customer="c1"), 2_000)
    dispatcher.handle(cm.SubmitContact(tenant="bolt", channel="web", customer="c2"), 2_000)

    assert {contact.agent for contact in dispatcher.contacts.values()} == {"both"}


def test_a_contact_cannot_be_passed_to_another_tenants_agent() -> None:
    """Ann of acme names oz of bolt: for her there is no such agent. At her sign-off it goes to its queue instead."""
    dispatcher = desk(("ann", "acme"), ("oz", "bolt"))
    dispatcher.handle(cm.SubmitContact(tenant="acme", channel="web", customer="c1"), 2_000)
    dispatcher.handle(cm.AcceptOffer(agent="ann", offer=1), 3_000)

    refused = dispatcher.handle(cm.TransferContact(tenant="acme", contact=1, agent="ann", to_agent="oz"), 4_000)[-1]
    assert getattr(refused, "code", "") == "unknown_agent"

    dispatcher.handle(cm.SignOff(agent="ann", to_agent="oz"), 5_000)
    contact = dispatcher.contacts[1]
    assert (contact.state, contact.agent, contact.prefer) == ("queued", "", "")
    assert dispatcher.audit() == []
