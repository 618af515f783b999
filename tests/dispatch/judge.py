"""What must hold after every step, written as naively as it can be said."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec

from engine.console.sentences import AGENT_TRIGGERS
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compiled import Policy, Queue, Step
from engine.dispatch.policy.requirements import Requirement, parse_canonical
from tests.dispatch.consult_shadow import counted, same_consults, who_finishes_has_something_to_finish

if TYPE_CHECKING:
    from tests.dispatch.shadow import Shadow, ShadowAgent, ShadowContact

WAITING = ("queued", "offered", "held")
WITH_AGENT = ("offered", "held", "connected", "dormant", "wrap_up")


@cache
def requirement(text: str) -> Requirement:
    return parse_canonical(text)


def steps_open(policy: Policy, contact: ShadowContact) -> tuple[Step, ...]:
    return policy.queues[contact.queue].steps[: contact.step]


def pools_open(policy: Policy, contact: ShadowContact) -> list[str]:
    """In the order in which an arriving contact tries them."""
    queue = policy.queues[contact.queue]
    if contact.stage == "bot":
        return list(queue.bot_pools)
    pools = list(queue.pools)
    for step in steps_open(policy, contact):
        pools += [pool for pool in step.add_pools if pool not in pools]
    return pools


def qualifies(policy: Policy, contact: ShadowContact, agent: ShadowAgent) -> bool:
    """Pool and requirement: what does not depend on the moment."""
    if not set(pools_open(policy, contact)) & set(agent.pools):
        return False
    profile = agent.profile
    if contact.team and profile.team != contact.team:
        return False
    return all(wanted.matches(profile.skills, profile.attributes) for wanted in needs(policy, contact))


def of_tenant(contact: ShadowContact, agent: ShadowAgent) -> bool:
    return agent.profile.tenant in ("", contact.tenant)


def needs(policy: Policy, contact: ShadowContact) -> list[Requirement]:
    """The queue's and the contact's own, less what steps have relaxed; bots of the bot stage serve anyone."""
    if contact.stage == "bot":
        return []
    relaxed = [name for step in steps_open(policy, contact) for name in step.relax]
    own = requirement(contact.requires)
    return [wanted.without(relaxed) for wanted in (policy.queues[contact.queue].requirement, own)]


def why_not(shadow: Shadow, contact: ShadowContact, agent: ShadowAgent) -> str:
    """Why this waiting contact cannot be offered to this agent now; empty when it can."""
    policy, named = shadow.policy, contact.prefer == agent.profile.agent
    if agent.state != "available":
        return "state"
    if agent.back_off_until:
        return "back_off"
    if not of_tenant(contact, agent):
        return "tenant"
    if not named and not qualifies(policy, contact, agent):
        return "pool or requirement"
    if room_for(shadow, contact, agent) < contact.cost:
        return "capacity"
    limit = policy.channels[contact.channel].limit
    if limit:
        limit = min(limit, agent.profile.channel_limits.get(contact.channel, limit))
        if sum(held.channel == contact.channel for held in counted(shadow, agent)) >= limit:
            return "channel_limit"
    limit = policy.shops[contact.shop].limit if contact.shop in policy.shops else 0
    if limit and sum(held.shop == contact.shop for held in counted(shadow, agent)) >= limit:
        return "shop_limit"
    if agent.profile.agent in contact.decliners:
        return "declined"
    if contact.prefer_only and not named:
        return "preferred_other"
    return shadow.book.why_not(contact, agent, named=named)


def interruptible(policy: Policy, contact: ShadowContact) -> bool:
    return contact.channel in policy.channels and policy.channels[contact.channel].interruptible


def room_for(shadow: Shadow, contact: ShadowContact, agent: ShadowAgent) -> int:
    """Interruptible work stands in the way of other interruptible work only."""
    if interruptible(shadow.policy, contact):
        return agent.free
    return agent.free + sum(
        {**agent.contacts, **agent.helping}[held.contact]
        for held in counted(shadow, agent)
        if interruptible(shadow.policy, held)
    )


def step_clock(contact: ShadowContact, step: Step, now: int) -> int:
    return now - {"waited": contact.start, "step": contact.step_at, "age": contact.arrived_at}[step.clock]


def conditions_hold(shadow: Shadow, contact: ShadowContact, step: Step, e: ev.StepOpened) -> None:
    """All at once; the estimate is judged by tests of its own."""
    assert contact.stage == "person", e
    assert e.why == ("conditions" if step.watched else "clock"), e
    assert not step.only_nobody, f"opened although somebody is there: {e}"
    assert step_clock(contact, step, e.at) >= step.after_ms, f"a step opened early: {e}"
    assert waiting_in(shadow, contact.queue) >= step.queue_length, f"the queue is not that long: {e}"
    if step.lender_kpi:
        assert shadow.book.holds(shadow.policy.pools[step.lender_kpi]), f"the lender's service level does not hold: {e}"


def waiting_in(shadow: Shadow, queue: str) -> int:
    return sum(c.queue == queue and c.state in WAITING for c in shadow.contacts.values())


def moved_by_step(policy: Policy, contact: ShadowContact, e: ev.ContactMoved) -> None:
    """Where the step just opened says; priority as when a person moves it, and its own wishes go along."""
    old, step = policy.queues[contact.queue], steps_open(policy, contact)[-1]
    assert (e.queue, e.reason) == (step.move_to, step.name), e
    own = contact.priority if contact.priority != old.priority else policy.queues[e.queue].priority
    assert e.priority == own, e


def long_enough(shadow: Shadow, contact: ShadowContact) -> None:
    """A step that asks for the queue's length alone is open as soon as it is that long, for everybody in the queue."""
    steps = shadow.policy.queues[contact.queue].steps
    if contact.stage != "person" or contact.step >= len(steps):
        return
    step = steps[contact.step]
    if step.watched and not step.after_ms and not step.estimated_wait_ms:
        if step.lender_kpi and not shadow.book.holds(shadow.policy.pools[step.lender_kpi]):
            return
        assert waiting_in(shadow, contact.queue) < step.queue_length, f"{contact.contact}: step {step.name} is closed"


# --- an offer, judged at the moment it is made ----------------------------------------------------------------------


def offer(shadow: Shadow, e: ev.OfferMade, contact: ShadowContact, agent: ShadowAgent) -> None:
    queue = shadow.policy.queues[contact.queue]
    assert e.queue == contact.queue, e
    assert e.cost == contact.cost, e
    assert e.waited_ms == e.at - contact.start, e
    assert e.deadline == e.at + queue.offer_ms, e
    assert e.policy == shadow.policy.version, e
    assert e.step == contact.step, e
    if e.forced:
        return
    reason = why_not(shadow, contact, agent)
    assert not reason, f"offered although {reason}: {e}"
    assert e.preferred == (contact.prefer == e.agent), e
    if not e.preferred:
        assert e.pool in agent.pools, e
        assert e.pool in pools_open(shadow.policy, contact), e
        assert not shadow.book.blocks(e.pool, contact, agent), e
    homeless = [c.contact for c in shadow.contacts.values() if c.queue not in shadow.policy.queues]
    assert not homeless, f"{homeless} stand in queues that are gone, and yet somebody is served: {e}"
    rivals = [c for c in shadow.contacts.values() if c.state == "queued" and not why_not(shadow, c, agent)]
    if not contact.ever_preferred:
        for rival in rivals:
            same = fair_class(rival) == fair_class(contact) and not rival.ever_preferred
            same = same and turns(shadow, contact) == turns(shadow, rival)
            assert not (same and rival.start < contact.start), f"{rival.contact} waited longer than the chosen: {e}"
    others = [a for a in shadow.agents.values() if not why_not(shadow, contact, a)]
    if len(others) == 1 and not any(c.prefer for c in rivals) and len(agent.profile.pools) == 1:
        best_contact(shadow, e, contact, rivals)
    # An agent of several pools that found this contact has it through the pool whose order its own list ranks first;
    # and one whose coming makes a lender lend again is the first to be asked.
    lent = e.pool in shadow.policy.pools and bool(shadow.policy.pools[e.pool].owners)
    by_agent = e.trigger in AGENT_TRIGGERS and (lent or len(agent.profile.pools) > 1)
    if len(rivals) == 1 and not contact.prefer and not by_agent:
        best_agent(shadow, e, contact, others)


def turns(shadow: Shadow, contact: ShadowContact) -> list[tuple[float, ...]]:
    """What else may put one of two contacts first that are alike: whose turn it is by weight, and promises."""
    pools = shadow.policy.pools.values()
    turns: list[tuple[float, ...]] = [shadow.book.turn(pool, contact) for pool in pools]
    if any(pool.order == "promise" for pool in pools):
        target = shadow.policy.target_of(contact.queue, contact.shop)
        turns.append((target, shadow.now > contact.start + target))
    return turns


def fair_class(contact: ShadowContact) -> tuple[object, ...]:
    return (
        contact.queue,
        contact.stage,
        contact.step,
        contact.priority + contact.raised,
        contact.requires,
        contact.channel,
        contact.behind,
    )


def length(shadow: Shadow, contact: ShadowContact) -> int:
    """How many wait in its queue and stage without an offer, itself included."""
    stands = (contact.queue, contact.stage)
    return sum(1 for c in shadow.contacts.values() if c.state == "queued" and (c.queue, c.stage) == stands)


def place_in(shadow: Shadow, c: ShadowContact, pool: str, now: int, *, alone: bool = False) -> tuple[float, ...]:
    """The pool's order as a key; equal keys leave the choice to the sequence. ``alone``: within its queue."""
    rules = shadow.policy.pools[pool]
    listed = rules.listed.index(c.queue) if c.queue in rules.listed else len(rules.listed)
    if rules.ties == "listed":
        ahead = 0 if alone else -length(shadow, c)
        return (1_000_000 * c.behind, -(c.priority + c.raised), ahead, listed, c.start)
    listed += 1_000_000 * c.behind  # what was left stands behind all who are there
    if rules.order == "strict":
        return (listed, -(c.priority + c.raised), c.start)
    if rules.order == "promise":
        due = c.start + shadow.policy.target_of(c.queue, c.shop)
        late = rules.overdue == "last" and now > due
        return (listed, -(c.priority + c.raised), late, due, c.start)
    if rules.order == "longest_queue":
        return (listed, -(c.priority + c.raised), 0 if alone else -length(shadow, c), c.start)
    return (listed, -round(score(shadow.policy.queues[c.queue], now - c.start, c.priority + c.raised), 6))


def best_contact(shadow: Shadow, e: ev.OfferMade, contact: ShadowContact, rivals: list[ShadowContact]) -> None:
    """One agent, many contacts: live ones first, then the pool's shares and its order say who."""
    turn, pool = shadow.book.turn, shadow.policy.pools[e.pool]
    places = [(c.behind, turn(pool, c), place_in(shadow, c, e.pool, e.at)) for c in (contact, *rivals)]
    assert places[0] == min(places), f"the {e.order} order of {e.pool} wanted {min(places)}, got {places[0]}: {e}"


def score(queue: Queue, waited_ms: int, priority: int) -> float:
    return priority + queue.boost + queue.slope * waited_ms / 60_000


def best_agent(shadow: Shadow, e: ev.OfferMade, contact: ShadowContact, others: list[ShadowAgent]) -> None:
    """One contact, many agents: the first listed pool with somebody, and there its choice."""
    policy = shadow.policy

    def through(pool: str) -> list[ShadowAgent]:
        return [a for a in others if pool in a.pools and not shadow.book.blocks(pool, contact, a)]

    pool = next(p for p in pools_open(policy, contact) if through(p))
    assert e.pool == pool, f"pool {pool} comes first: {e}"
    members = through(pool)

    def before(a: ShadowAgent) -> float:
        choice = policy.pools[pool].choice
        if choice == "longest_idle":
            return a.idle_since
        load = a.load + sum(a.external.values())
        in_use = load * 1_000_000 // max(a.capacity, 1)
        if choice in ("least_loaded", "most_loaded"):
            return in_use if choice == "least_loaded" else -in_use
        if choice == "round_robin":
            last = shadow.book.pages[pool].last
            return a.seq if a.seq > last else a.seq + len(shadow.agents) * 1_000
        named = {skill for wanted in needs(policy, contact) for skill in wanted.skills}
        level = sum(a.profile.skills.get(skill, 0) for skill in named)
        weights = policy.pools[pool].weights
        if choice == "weighted" and weights is not None:
            free = a.capacity - load
            points = weights.idle * (e.at - a.idle_since) + 60_000 * weights.proficiency * level
            return -(points + 60_000 * weights.load * free // max(a.capacity, 1))
        return -level

    best = min(before(a) for a in members)
    got = before(shadow.agents[e.agent])
    assert got == best, f"{policy.pools[pool].choice} in {pool} wanted {best}, got {got}: {e}"


# --- after each call ------------------------------------------------------------------------------------------------


def check(shadow: Shadow, dispatcher: Dispatcher) -> None:
    found = dispatcher.audit()
    assert found == [], found
    same_contacts(shadow, dispatcher)
    same_agents(shadow, dispatcher)
    same_consults(shadow, dispatcher)
    one_place_each(shadow, dispatcher)
    assert shadow.rearranging or sorted(shadow.former) == []
    assert dispatcher.is_busy == (shadow.rearranging or bool(shadow.jobs))
    if not shadow.rearranging:  # then nobody is offered anything but by the slices themselves
        nobody_idle_beside_a_waiting_contact(shadow)
    who_finishes_has_something_to_finish(shadow)
    counts_conserve(shadow, dispatcher)
    if not shadow.rearranging:
        positions_are_ranks(shadow, dispatcher)
    timers_match(shadow, dispatcher)
    assert not shadow.unalarmed, "RONA had no effect, and nobody was told"
    if shadow.book.pages:
        shadow.book.check(msgspec.msgpack.decode(dispatcher.snapshot(), strict=False))


def same_contacts(shadow: Shadow, dispatcher: Dispatcher) -> None:
    assert sorted(shadow.contacts) == sorted(dispatcher.contacts)
    for number, mine in shadow.contacts.items():
        real = dispatcher.contacts[number]
        for name in (
            "queue", "stage", "channel", "customer", "shop", "priority", "requires", "attributes", "transcript",
            "arrived_at", "state", "step", "raised", "cost", "agent", "offer", "decliners", "prefer", "prefer_until",
            "prefer_only", "team", "fruitless", "silent_at", "wrote", "owed", "promised", "behind", "replying", "reply_round",
            "messages", "intent", "reason",
        ):  # fmt: skip
            got, wanted = getattr(real, name), getattr(mine, name)
            assert got == wanted, f"contact {number}.{name}: state {got!r}, events {wanted!r}"
        if mine.state in ("queued", "offered", "held"):
            assert (real.start, real.step_at) == (mine.start, mine.step_at), f"clocks of contact {number}"
        elif mine.state not in ("wrap_up", "closed", "promised"):
            assert real.waited == mine.waited, f"waited of contact {number}"


def same_agents(shadow: Shadow, dispatcher: Dispatcher) -> None:
    assert sorted(shadow.agents) == sorted(dispatcher.agents)
    for name, mine in shadow.agents.items():
        real = dispatcher.agents[name]
        for field in (
            "profile", "state", "capacity", "capacity_until", "external", "back_off_until", "idle_since",
            "quota_used", "quota_until",
        ):  # fmt: skip
            got, wanted = getattr(real, field), getattr(mine, field)
            assert got == wanted, f"agent {name}.{field}: state {got!r}, events {wanted!r}"
        assert real.until == (mine.grace_until or mine.until), f"agent {name}.until"
        assert real.contacts == mine.contacts, f"agent {name}.contacts"
        assert real.load == mine.load, f"agent {name}.load"
    assert dict(dispatcher.closed_queues) == shadow.closed_queues
    shadow.house.same(shadow, dispatcher)


def one_place_each(shadow: Shadow, dispatcher: Dispatcher) -> None:
    held = [number for agent in dispatcher.agents.values() for number in agent.contacts]
    assert len(held) == len(set(held)), "a contact is with two agents"
    offered = {offer.contact: offer for offer in dispatcher.offers.values()}
    assert len(offered) == len(dispatcher.offers), "a contact has two offers"
    for number, contact in dispatcher.contacts.items():
        assert (number in held) == (contact.state in WITH_AGENT), f"contact {number} is {contact.state}"
        assert (number in offered) == (contact.state in ("offered", "held")), f"contact {number} is {contact.state}"
        if number in offered:
            assert (offered[number].agent, offered[number].offer) == (contact.agent, contact.offer)
            assert offered[number].held == (contact.state == "held")
    assert set(held) <= set(dispatcher.contacts)
    for name in shadow.policy.queues:
        waiting = [c for c in shadow.contacts.values() if c.queue == name and c.state in WAITING]
        assert dispatcher.queue_length(name) == len(waiting), name
        assert dispatcher.longest_wait(name) == max((shadow.now - c.start for c in waiting), default=0), name


def nobody_idle_beside_a_waiting_contact(shadow: Shadow) -> None:
    for contact in shadow.contacts.values():
        if contact.state != "queued":
            continue
        for agent in shadow.agents.values():
            assert why_not(shadow, contact, agent), f"{agent.profile.agent} is free beside waiting {contact.contact}"
        skips_when_nobody(shadow, contact)
        long_enough(shadow, contact)


def skips_when_nobody(shadow: Shadow, contact: ShadowContact) -> None:
    """A step marked so is open as soon as nobody eligible is logged in (a lost agent counts while grace runs)."""
    steps = shadow.policy.queues[contact.queue].steps
    if contact.stage != "person" or contact.prefer_only or contact.step >= len(steps):
        return
    if steps[contact.step].when_nobody:
        tenants = ("", contact.tenant)
        here = [a for a in shadow.agents.values() if a.state != "offline" and a.profile.tenant in tenants]
        here = [a for a in here if qualifies(shadow.policy, contact, a)]
        assert here, f"nobody who could serve {contact.contact} is logged in, and its next step is closed"


def positions_are_ranks(shadow: Shadow, dispatcher: Dispatcher) -> None:
    """One more than the contacts of one's own queue and stage that stand before; ties may go either way."""
    queued = [c for c in shadow.contacts.values() if c.state == "queued"]
    for contact in queued:
        mates = [c for c in queued if c.queue == contact.queue]
        if len({tuple(pools_open(shadow.policy, c)[:1]) for c in mates}) > 1 or not pools_open(shadow.policy, contact):
            continue  # different pools may order them differently; meant for a bot by name, it has none
        pool = pools_open(shadow.policy, contact)[0]
        places = [place_in(shadow, c, pool, shadow.now, alone=True) for c in mates]
        mine = place_in(shadow, contact, pool, shadow.now, alone=True)
        first = 1 + sum(place < mine for place in places)
        last = sum(place <= mine for place in places)
        position = dispatcher.position(contact.contact)
        assert first <= position <= last, f"contact {contact.contact} is {first} to {last}, got {position}"
    for number, held in shadow.contacts.items():
        assert held.state == "queued" or dispatcher.position(number) == 0


def explanations_agree(shadow: Shadow, dispatcher: Dispatcher) -> None:
    """What explain says of every pair is what stands against it; asked now and then, as it asks everyone."""
    for number, contact in shadow.contacts.items():
        if contact.queue not in shadow.policy.queues:
            continue  # told by its former queue until it has another one
        said = dispatcher.explain(number)
        assert (said.state, said.queue, said.stage, said.step) == (
            contact.state, contact.queue, contact.stage, contact.step,
        )  # fmt: skip
        assert said.pools == tuple(pools_open(shadow.policy, contact))
        if contact.state != "queued" or shadow.rearranging:
            continue
        assert said.free_agents == 0
        for name, agent in shadow.agents.items():
            verdict = dispatcher.explain(number, name).verdict
            assert verdict is not None
            codes = [reason.code for reason in verdict.reasons]
            assert not verdict.eligible, f"{name} could have {number}: {codes}"
            found = why_not(shadow, contact, agent)
            wanted = EXPLAINED.get(found, (found,))
            assert set(wanted) & set(codes), f"contact {number}, agent {name}: {found}, explained as {codes}"


# What the judge calls it → the codes that may say it.
EXPLAINED = {"state": ("state", "not_signed_on"), "pool or requirement": ("pool", "requirement", "team")}


def counts_conserve(shadow: Shadow, dispatcher: Dispatcher) -> None:
    """What may be opened again has ended, and is kept."""
    kept = sum(contact.state == "closed" for contact in shadow.contacts.values())
    assert shadow.submitted == shadow.ended + len(shadow.contacts) - kept
    assert len(dispatcher.contacts) == len(shadow.contacts)


def deadlines(shadow: Shadow) -> list[tuple[int, str]]:
    """Every instant at which something must happen by itself."""
    found: list[tuple[int, str]] = []
    for c in shadow.contacts.values():
        queue = shadow.policy.queues[c.queue]
        found.append((c.deadline, f"offer of {c.contact}"))
        found.append((c.wrap_up_until, f"wrap-up of {c.contact}"))
        found.append((c.resume_until, f"resume window of {c.contact}"))
        found.append((c.prefer_until, f"affinity of {c.contact}"))
        found += [(until, f"decliner memory of {c.contact}") for until in c.decliners.values()]
        if c.state == "queued" and c.stage == "person" and c.step < len(queue.steps):
            found.append((step_look(shadow, c, queue.steps[c.step]), f"step of {c.contact}"))
        found.append((talk_ends(shadow, c, queue), f"silence with {c.contact}"))
        if c.replying and not c.warned:
            found.append((c.reply_since + queue.reply_warn_ms, f"reply warning of {c.contact}"))
        if c.replying and not c.breached:
            found.append((c.reply_since + queue.reply_breach_ms, f"reply breach of {c.contact}"))
    found += [(consult.deadline, f"consult about {number}") for number, consult in shadow.consults.items()]
    found += [(shadow.book.leaves(pool), f"a minute of {pool.name}") for pool in shadow.policy.pools.values()]
    for a in shadow.agents.values():
        name = a.profile.agent
        found += [
            (a.until, f"until of {name}"),
            (a.grace_until, f"grace of {name}"),
            (a.capacity_until, f"capacity of {name}"),
            (a.back_off_until, f"back-off of {name}"),
            (a.quota_until, f"the day of {name}"),
        ]
    found += shadow.house.deadlines(shadow)
    return sorted(entry for entry in found if entry[0])


def step_look(shadow: Shadow, c: ShadowContact, step: Step) -> int:
    """When the step is judged next: as its clock says, and for the estimate every 5 s from there. 0: at no set time."""
    if step.only_nobody:
        return 0
    at = shadow.now - step_clock(c, step, shadow.now) + step.after_ms
    if not step.watched or at > shadow.now:
        return at
    return at + ((shadow.now - at) // 5_000 + 1) * 5_000 if step.estimated_wait_ms else 0


def talk_ends(shadow: Shadow, c: ShadowContact, queue: Queue) -> int:
    """When the customer's silence comes to its next stage, or the agent's to its end; 0: never."""
    if c.state not in ("connected", "dormant"):
        return 0
    if c.silent_at:
        stages = [("reminded", queue.remind_ms), ("dormant", queue.dormant_ms), ("closed", queue.idle_close_ms)]
        passed = {"": 0, "reminded": 1, "dormant": 2}[c.stage_of_silence]
        return next((c.silent_at + ms for _, ms in stages[passed:] if ms), 0)
    person = shadow.agents[c.agent].profile.kind != "bot"
    if not queue.unanswered_ms or not person or not c.replying or c.wrote:
        return 0
    return max(c.connected_at, c.reply_since) + queue.unanswered_ms


def timers_match(shadow: Shadow, dispatcher: Dispatcher) -> None:
    armed = dispatcher.next_deadline()
    if dispatcher.is_busy:
        assert armed is not None and armed <= shadow.now, f"work is left, and {armed} is not now"
        return
    naive = deadlines(shadow)
    if armed is not None and armed <= shadow.now and armed in dispatcher._state.looks.values():
        return  # an expiry that was cut short: a look that was due is still to come
    wanted = naive[0] if naive else (None, "nothing")
    assert armed == wanted[0], f"armed {armed}, wanted {wanted[0]} ({wanted[1]})"
