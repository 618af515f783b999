"""Rules of single pools: lending, shares of tenants, what RONA may take out, a day's quota."""

from __future__ import annotations

import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from tests.dispatch.stage import SECOND, Stage, every, kinds, only

MINUTE = 60 * SECOND

# --- lender protection ------------------------------------------------------------------------------------------------

TEAMS = {
    "queues": {
        "ours": {"pools": ["onsite", "remote"], "offer_ms": 50_000, "transfer_prefer_ms": 50_000},
        "theirs": {"pools": ["remote"], "offer_ms": 50_000},
    },
}


def lending(reserve: int = 2, **pool: object) -> Stage:
    """Pool ``remote`` belongs to queue ``theirs``; ``ours`` may borrow from it."""
    remote = {"owners": ["theirs"], "reserve": reserve, **pool}
    return Stage(queues=TEAMS["queues"], pools={"onsite": {}, "remote": remote})


def test_a_remote_pool_is_borrowed_only_while_more_than_two_are_idle() -> None:
    """Reserve 2, four idle: we borrow two of them; the third contact waits until a third one is idle again."""
    stage = lending()
    for name in ("r1", "r2", "r3", "r4"):
        stage.agent(name, "remote")
    first, second, third = (stage.submit("ours") for _ in range(3))

    assert [stage.offered(c) for c in (first, second, third)] == ["r1", "r2", ""]
    own = stage.submit("theirs")
    assert stage.offered(own) == "r3", "their own contacts may take the last ones"
    stage.accept("r1")
    assert stage.offered(third) == ""
    stage.close(first, "r1")
    assert stage.offered(third) == "", "r1 and r4 are two, not more than two"
    stage.accept("r2")
    stage.close(second, "r2")
    assert stage.offered(third) == "r2"


def test_a_decline_that_makes_a_lender_lend_lets_nobody_be_passed() -> None:
    """Reserve 1; our urgent one needs English, which idle Ann speaks. Ben declines their contact, so two are idle: ours may
    have Ann now and stands before theirs, which would have gone to her."""
    ours = {**TEAMS["queues"]["ours"], "requirement": "english", "priority": 9}
    theirs = {**TEAMS["queues"]["theirs"], "decline_back_off_ms": 0}
    remote = {"owners": ["theirs"], "reserve": 1}
    stage = Stage(queues={"ours": ours, "theirs": theirs}, pools={"onsite": {}, "remote": remote})
    stage.agent("ben", "remote")
    stage.wait(SECOND)
    own = stage.submit("theirs")
    stage.agent("ann", "remote", skills={"english": 5})
    urgent = stage.submit("ours")
    assert (stage.offered(own), stage.offered(urgent)) == ("ben", "")

    stage.decline("ben")

    assert (stage.offered(urgent), stage.offered(own)) == ("ann", "")


def test_one_who_comes_idle_frees_another_for_the_borrower() -> None:
    """Ours needs English. Ann speaks it and has been idle; reserve 1. Ben, who does not, comes: now Ann may be borrowed."""
    queues = {**TEAMS["queues"], "ours": {**TEAMS["queues"]["ours"], "requirement": "english"}}
    stage = Stage(queues=queues, pools={"onsite": {}, "remote": {"owners": ["theirs"], "reserve": 1}})
    stage.agent("ann", "remote", skills={"english": 5})
    waiting = stage.submit("ours")
    assert stage.offered(waiting) == ""

    events = stage.do(cm.DefineAgent(profile=cm.AgentProfile(agent="ben", pools=("remote",))))
    events += stage.do(cm.SignOn(agent="ben"))

    assert stage.offered(waiting) == "ann"
    assert only(events, ev.OfferMade).trigger == "lender"


def test_protection_binds_affinity_too() -> None:
    """Passed on to Ann of the lending pool by name, while no more than the reserve is idle: it waits for another to come."""
    stage = lending(reserve=1)
    stage.agent("me")
    contact = stage.connect("me", "ours")
    stage.agent("ann", "remote")
    stage.transfer(contact, "me", to_agent="ann")
    assert stage.offered(contact) == ""

    stage.agent("bob", "remote")

    assert stage.offered(contact) == "ann"


def test_nothing_is_lent_while_the_lender_is_late() -> None:
    """The lender promises 80 % within 20 s over 15 minutes; of five, two came late. The first minutes pass: it lends again."""
    stage = lending(0, lend_kpi={"share": 0.8, "within_ms": 20_000})
    stage.agent("ann", "remote", capacity=10)
    for late in (True, False, False, False, True):
        stage.state("ann", "paused")
        contact = stage.submit("theirs")
        stage.wait(30 * SECOND if late else SECOND)
        stage.state("ann", "available")
        stage.accept("ann")
        stage.say(contact, "agent", "ann")
        stage.close(contact, "ann")
    waiting = stage.submit("ours")
    assert stage.offered(waiting) == ""

    happened = stage.wait(15 * MINUTE)

    first = next(event for event in happened if isinstance(event, ev.LenderMeasured) and event.holds)
    offer = next(event for event in happened if isinstance(event, ev.OfferMade))
    assert (offer.contact, offer.at, offer.trigger) == (waiting, first.at, "lender")
    assert not any(e.holds for e in happened[: happened.index(first)] if isinstance(e, ev.LenderMeasured))


def test_a_policy_swap_keeps_what_the_pool_remembers() -> None:
    """Round robin stood at Ann; another text of the same pools comes; Ben is next."""
    stage = Stage(pools={"onsite": {"choice": "round_robin"}})
    for name in ("ann", "ben", "cid"):
        stage.agent(name, capacity=9)
    assert stage.offered(stage.submit()) == "ann"
    stage.do(cm.ApplyPolicy(text=stage.text.replace('name = "stage"', 'name = "other"')))
    stage.finish()

    assert [stage.offered(stage.submit()) for _ in range(3)] == ["ben", "cid", "ann"]


# --- shares -----------------------------------------------------------------------------------------------------------

SHARED = """
[policy]
name = "shared"
[tenants.acme]
weight = 3
[tenants.bell]
weight = 1
[shops.big]
tenant = "acme"
weight = 2
[shops.small]
tenant = "acme"
[channels.web]
[pools.all]
shares = "SHARES"
[queues.a]
tenant = "acme"
pools = ["all"]
[queues.b]
tenant = "bell"
pools = ["all"]
[[entry]]
name = "bells"
when = { tenant = "bell" }
queue = "b"
[[entry]]
name = "rest"
queue = "a"
"""


def an_hour(shares: str) -> Stage:
    """Four agents serve for an hour; each contact takes 37 s; of each party eight always wait."""
    stage = Stage(SHARED.replace("SHARES", shares))
    for number in range(4):
        stage.agent(f"ann{number}", "all", auto_accept=True)
    parties = [("acme", "big"), ("acme", "small"), ("acme", ""), ("bell", "")]
    for _ in range(8):
        for tenant, shop in parties:
            stage.submit(tenant=tenant, shop=shop)
    began = dict.fromkeys(stage.dispatcher.agents, stage.now)
    end = stage.now + 60 * MINUTE
    while stage.now < end:
        stage.wait(SECOND)
        for name, agent in stage.dispatcher.agents.items():
            if stage.now - began[name] >= 37 * SECOND:
                (number,) = agent.contacts
                done = stage.contact(number)
                stage.do(cm.CloseContact(tenant=done.tenant, contact=number, agent=name))
                stage.submit(tenant=done.tenant, shop=done.shop)
                began[name] = stage.now
    return stage


def test_two_tenants_get_their_shares_over_an_hour() -> None:
    """Weights 3 and 1, both with contacts waiting all the time: three quarters and a quarter of the work, within 2 %."""
    stage = an_hour("tenant")

    served = [stage.dispatcher.contacts.get(e.contact) or e for e in every(stage.log, ev.ContactConnected)]
    tenants = {e.contact: e.tenant for e in every(stage.log, ev.ContactSubmitted)}
    mine = sum(tenants[e.contact] == "acme" for e in served)
    assert mine / len(served) == pytest.approx(0.75, abs=0.02)


def test_shops_share_what_is_their_tenants() -> None:
    """Of acme's three quarters the big shop (2), the small one (1) and contacts of no shop (1) get half, a quarter, a quarter."""
    stage = an_hour("shop")

    whose = {e.contact: (e.tenant, e.shop) for e in every(stage.log, ev.ContactSubmitted)}
    served = [whose[e.contact] for e in every(stage.log, ev.ContactConnected)]
    shares = {party: served.count(party) / len(served) for party in set(served)}
    assert shares[("bell", "")] == pytest.approx(0.25, abs=0.02)
    assert shares[("acme", "big")] == pytest.approx(0.375, abs=0.02)
    assert shares[("acme", "small")] == pytest.approx(0.1875, abs=0.02)


def test_who_was_away_has_saved_up_nothing() -> None:
    """Bell sends nothing while acme is served ten times; then both wait: bell does not get ten in a row."""
    stage = Stage(SHARED.replace("SHARES", "tenant"))
    stage.agent("ann", "all", auto_accept=True)
    for _ in range(10):
        contact = stage.submit(shop="")
        stage.close(contact, "ann")
    for _ in range(8):
        stage.submit(shop="")
        stage.submit(tenant="bell", shop="")

    order = []
    for _ in range(8):
        (number,) = stage.dispatcher.agents["ann"].contacts
        tenant = stage.contact(number).tenant
        order.append(tenant)
        stage.do(cm.CloseContact(tenant=tenant, contact=number, agent="ann"))

    assert order.count("bell") == 2, order


def test_a_refused_offer_costs_its_tenant_nothing() -> None:
    """Acme's contact is offered and declined; the share is taken back, and it is acme's turn as before."""
    stage = Stage(SHARED.replace("SHARES", "tenant"))
    stage.agent("ann", "all")
    stage.submit(shop="")
    before = stage.dispatcher.snapshot()
    passes = [ledger.passes["acme"] for ledger in stage.dispatcher._state.ledgers.values()]
    assert passes == [333_333]
    stage.decline("ann")
    assert [ledger.passes["acme"] for ledger in stage.dispatcher._state.ledgers.values()] == [0]
    assert before != stage.dispatcher.snapshot()


# --- RONA's share and the day's quota -----------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", ["not_ready", "back_off", "lower_capacity"])
def test_rona_of_half_a_team_at_once(effect: str) -> None:
    """Ten agents, three may be out; five let their offers lapse in one instant: three go, two stay, two alerts."""
    stage = Stage(
        queues={"help": {"offer_ms": 10_000, "rona": effect, "rona_return_ms": 60_000}},
        pools={"onsite": {"rona_share": 0.3}},
    )
    names = [f"ann{n}" for n in range(10)]
    for name in names:
        stage.agent(name)
    contacts = [stage.submit() for _ in range(10)]
    for name in names[5:]:
        stage.accept(name)

    happened = stage.wait(10 * SECOND)

    effects = [e.effect for e in every(happened, ev.OfferExpired)]
    assert effects == [effect] * 3 + ["none"] * 2
    alerts = every(happened, ev.AlertRaised)
    assert [(a.alert, a.pool, a.got, a.limit, a.present) for a in alerts] == [("rona_share", "onsite", 4, 3, 10)] * 2
    assert kinds(happened)[kinds(happened).index("AlertRaised") - 1] == "OfferExpired"
    again = [c for c in contacts[:5] if stage.offered(c)]
    assert len(again) == 2, "those who stay are asked again, each for a contact not theirs before"
    if effect != "lower_capacity":
        stage.wait(60 * SECOND)
        assert all(stage.dispatcher.agents[name].state != "offline" for name in names)


def test_a_days_quota_ends_at_local_midnight() -> None:
    """Two contacts a day through the pool, Shanghai's days: the third waits till 16:00 UTC, and an open offer counts."""
    stage = Stage(pools={"onsite": {"daily_quota": 2}}, domain={"zone": "Asia/Shanghai"})
    stage.agent("ann", capacity=5)
    first = stage.connect("ann")
    second = stage.submit()
    third = stage.submit()
    assert (stage.offered(second), stage.offered(third)) == ("ann", "")
    stage.decline("ann")
    assert stage.offered(third) == "ann", "an offer that was declined does not count"
    stage.accept("ann")
    stage.close(first, "ann")
    assert stage.contact(second).state == "queued"

    happened = stage.wait(16 * 60 * MINUTE - stage.now)

    assert only(happened, ev.QuotaEnded).at == 16 * 60 * MINUTE
    assert next(e for e in happened if isinstance(e, ev.OfferMade)).trigger in ("quota", "decliner_forgotten")
    assert stage.offered(second) == "ann"


def test_explained_why_a_lender_lends_nobody() -> None:
    """ "Why not Ann?" has three answers of the pool's own: the reserve, the lender's service level, her quota."""
    stage = lending(reserve=1, daily_quota=1)
    stage.agent("ann", "remote")
    ours = stage.submit("ours")
    assert codes(stage, ours, "ann") == ["reserve"]

    stage.agent("bob", "remote", capacity=2)
    assert stage.offered(ours) == "bob"
    stage.submit("theirs")
    assert codes(stage, stage.submit("theirs"), "bob") == ["daily_quota"], "an open offer counts"

    late = lending(0, lend_kpi={"share": 0.9, "within_ms": 1_000})
    late.agent("ann", "remote", on=False)
    contact = late.submit("theirs")
    late.wait(5 * SECOND)
    late.abandon(contact)
    late.do(cm.SignOn(agent="ann"))
    assert codes(late, late.submit("ours"), "ann") == ["lender_kpi"]


def codes(stage: Stage, contact: int, agent: str) -> list[str]:
    verdict = stage.dispatcher.explain(contact, agent).verdict
    assert verdict is not None
    return [reason.code for reason in verdict.reasons]
