"""Two tenants in one domain: they share agents, and nothing else."""

from __future__ import annotations

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.policy.problems import PolicyErrors
from tests.dispatch.stage import Stage, only, refusal

TWO = """
[policy]
name = "two"

[tenants.acme]
[tenants.bell]

[shops.flagship]
tenant = "acme"
[shops.tower]
tenant = "bell"

[channels.web]
cost = 1

[pools.onsite]
order = "strict"

[queues.help]
tenant = "acme"
requirement = ""
pools = ["onsite"]

[queues.bells]
tenant = "bell"
requirement = ""
pools = ["onsite"]

[[entry]]
name = "bell"
when = {tenant = "bell"}
queue = "bells"

[[entry]]
name = "default"
queue = "help"
"""


def test_one_agent_serves_both() -> None:
    """Ann is of a shared pool: who came first of either tenant is served first."""
    stage = Stage(TWO)
    bell = stage.submit(tenant="bell", shop="tower")
    acme = stage.submit()

    stage.agent("ann", capacity=2)

    assert stage.offers_to("ann") == [bell, acme]
    assert [stage.contact(c).queue for c in (bell, acme)] == ["bells", "help"]


def test_the_same_customer_key_of_two_tenants_is_two_customers() -> None:
    """Both tenants know an "eve", and both gave the external id 1: two contacts."""
    stage = Stage(TWO)

    one = stage.submit(customer="eve", external_id="1", shop="")
    two = stage.submit(customer="eve", external_id="1", shop="", tenant="bell")

    assert one != two


def test_no_way_from_one_tenant_to_the_other() -> None:
    """Another tenant's contact looks unknown, another tenant's queue and shop too."""
    stage = Stage(TWO)
    contact = stage.submit(tenant="bell", shop="tower")
    before = stage.dispatcher.snapshot()

    assert refusal(stage.do(cm.CloseContact(tenant="acme", contact=contact))) == "unknown_contact"
    assert refusal(stage.do(cm.MoveContact(tenant="bell", contact=contact, queue="help"))) == "unknown_queue"
    assert refusal(stage.do(cm.SubmitContact(tenant="acme", channel="web", shop="tower"))) == "unknown_shop"
    assert refusal(stage.do(cm.SubmitContact(tenant="nobody", channel="web"))) == "bad_value"
    profile = cm.AgentProfile(agent="x", tenant="nobody")
    assert refusal(stage.do(cm.DefineAgent(profile=profile))) == "bad_value"

    assert stage.dispatcher.snapshot() == before


def test_a_transfer_or_hand_over_stays_with_the_tenant() -> None:
    """Ann may not pass bell's contact to acme's queue; when she signs off towards it, the contact keeps its own queue."""
    stage = Stage(TWO)
    stage.agent("ann")
    contact = stage.connect("ann", tenant="bell", shop="tower")
    transfer = cm.TransferContact(tenant="bell", contact=contact, agent="ann", to_queue="help")
    assert refusal(stage.do(transfer)) == "unknown_queue"

    stage.do(cm.SignOff(agent="ann", to_queue="help"))

    assert stage.contact(contact).queue == "bells"
    assert stage.contact(contact).state == "queued"


def test_a_policy_without_a_tenant_that_has_contacts_is_refused() -> None:
    """The new file forgets bell while bell's customer waits: bad_policy, and she waits on; once she has gone, it is taken."""
    without = TWO.replace("[tenants.bell]\n", "").replace('[shops.tower]\ntenant = "bell"\n', "")
    start, end = without.index("[queues.bells]"), without.index("[[entry]]")
    without = without[:start] + without[end:]
    start, end = without.index('[[entry]]\nname = "bell"'), without.index('[[entry]]\nname = "default"')
    without = without[:start] + without[end:]
    stage = Stage(TWO)
    contact = stage.submit(tenant="bell", shop="tower")

    refused = stage.do(cm.ApplyPolicy(text=without))

    assert refusal(refused) == "bad_policy"
    assert "bell" in only(refused, ev.CommandRejected).got
    assert stage.contact(contact).state == "queued"
    stage.do(cm.CloseContact(tenant="bell", contact=contact))
    only(stage.do(cm.ApplyPolicy(text=without)), ev.PolicyApplied)


@pytest.mark.parametrize("rule", ["deflects", "sends elsewhere"])
def test_a_removed_queue_whose_contacts_the_rules_would_not_take(rule: str) -> None:
    """The queue is gone and its contacts would be deflected now: they were let in, so they wait in the tenant's first queue."""
    deflect = '[[entry]]\nname = "no"\nwhen = {to = "old"}\ndeflect = {reason = "gone", alternative = "message"}\n\n'
    entry = '[[entry]]\nname = "bell"'
    old = '[queues.old]\ntenant = "acme"\npools = ["onsite"]\nrequirement = ""\n\n'
    to_old = '[[entry]]\nname = "old"\nwhen = {to = "old"}\nqueue = "old"\n\n'
    stage = Stage(TWO.replace(entry, old + to_old + entry))
    contact = stage.submit("old")
    assert stage.contact(contact).queue == "old"

    stage.do(cm.ApplyPolicy(text=TWO.replace(entry, deflect + entry) if rule == "deflects" else TWO))

    assert stage.contact(contact).queue == "help"
    stage.agent("ann")
    assert stage.offered(contact) == "ann"


def test_a_rule_that_names_another_tenants_queue() -> None:
    """A rule for vips, whoever's they are, names bell's queue: refused as a policy, or acme's vip never reaches bell's agent."""
    bell = '[[entry]]\nname = "bell"'
    vip = '[[entry]]\nname = "vip"\nwhen = {tier = "vip"}\nqueue = "bells"\n\n'
    try:
        stage = Stage(TWO.replace(bell, vip + bell))
    except PolicyErrors:
        return
    stage.agent("oz", tenant="bell")

    contact = stage.submit(attributes={"tier": "vip"})

    assert stage.offered(contact) == ""
