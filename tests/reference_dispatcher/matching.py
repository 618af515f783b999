"""Both directions in the same step: a contact comes loose → best agent; an agent comes loose → best waiting contact.

After every command nobody who may be offered a contact stands free beside it. So only what a command set loose has to
be looked at, and it is looked at by these few functions.
"""

from __future__ import annotations

from engine.dispatch import events as ev
from engine.dispatch.agents import AgentState
from engine.dispatch.contacts import ContactState
from tests.reference_dispatcher import (
    affinity,
    choices,
    decliners,
    eligible,
    needs,
    orders,
    presence,
    promises,
    replies,
    shares,
    steps,
    transfers,
)
from tests.reference_dispatcher.desk import Agent, Contact, Desk, Offer
from tests.reference_dispatcher.registry import CHOICES

Pick = tuple[str, tuple[float, ...]]  # the pool, and the winner's sort key


def best_agent(desk: Desk, contact: Contact) -> tuple[Agent, Pick] | None:
    """Arriving contact: affinity, then the open pools in listed order, there the pool's choice, then sequence."""
    if desk.frozen:
        return None
    free = [agent for agent in desk.agents.values() if eligible.may(desk, contact, agent)]
    for agent in free:
        if agent.name == contact.prefer:
            return agent, (own_pool(agent), choices.preferred(agent))
    for pool in needs.open_pools(desk, contact):
        members = [agent for agent in free if eligible.through(desk, contact, agent, pool)]
        if members:
            key = CHOICES[desk.policy.pools[pool].choice]
            best = min(members, key=lambda agent: (key(desk, contact, agent, pool), agent.seq))
            return best, (pool, key(desk, contact, best, pool))
    return None


def best_contact(desk: Desk, agent: Agent) -> tuple[Contact, Pick] | None:
    """Freed agent: affinity, then its pools, there the pool's order, then sequence."""
    shares.watch(desk)
    if desk.frozen:
        return None
    waiting = [contact for contact in desk.contacts.values() if eligible.may(desk, contact, agent)]
    wanted = [contact for contact in waiting if contact.prefer == agent.name]
    if wanted:
        first = min(wanted, key=lambda contact: (orders.own_rank(desk, contact), contact.contact))
        return first, (own_pool(agent), orders.own_rank(desk, first))
    for behind, line in ((behind, line) for behind in (False, True) for line in orders.lines(desk, agent)):
        here = [contact for contact in waiting if contact.behind == behind]
        members = [contact for contact in here if ways(desk, contact, agent, line)]
        if members:
            members = shares.first_party(desk, members, line[0])
            first = min(members, key=lambda contact: (orders.rank(desk, contact, line[0]), contact.contact))
            pool = ways(desk, first, agent, line)[0]
            return first, (pool, orders.rank(desk, first, pool))
    return None


def ways(desk: Desk, contact: Contact, agent: Agent, line: list[str]) -> list[str]:
    """Of the line's pools those through which the contact may have the agent, in the contact's order."""
    pools = [pool for pool in needs.open_pools(desk, contact) if pool in line]
    return [pool for pool in pools if eligible.through(desk, contact, agent, pool)]


def own_pool(agent: Agent) -> str:
    """In whose name a preferred agent is asked; it may be of none."""
    return next(iter(agent.profile.pools), "")


def offer(desk: Desk, contact: Contact, agent: Agent, pick: Pick, trigger: str) -> None:
    """Put the pair to the agent; capacity is taken in the same step."""
    pool, rank = pick
    preferred = contact.prefer == agent.name
    choice, order = ("preferred", "preferred") if preferred else rules_of(desk, pool)
    made = Offer(desk.number("offer"), contact.contact, agent.name, desk.now + desk.queue_of(contact).offer_ms)
    desk.emit(
        ev.OfferMade, offer=made.offer, contact=contact.contact, agent=agent.name, queue=contact.queue, pool=pool,
        step=contact.step, cost=contact.cost, deadline=made.deadline, waited_ms=desk.now - contact.start,
        trigger=trigger, choice=choice, order=order, rank=rank, policy=desk.policy.version, preferred=preferred,
    )  # fmt: skip
    desk.offers[made.offer] = made
    shares.charge(desk, contact, made, pool)
    if not preferred:
        choices.took_its_turn(desk, pool, agent)
    contact.agent, contact.offer = agent.name, made.offer
    desk.forget_preference(contact)
    agent.holds[contact.contact] = contact.cost
    agent.idle_since = desk.now
    if agent.profile.auto_accept:
        desk.emit(
            ev.OfferAccepted, offer=made.offer, contact=contact.contact, agent=agent.name, automatic=True
        )  # fmt: skip
        connect(desk, contact, agent)


def rules_of(desk: Desk, pool: str) -> tuple[str, str]:
    return desk.policy.pools[pool].choice, desk.policy.pools[pool].order


def connect(desk: Desk, contact: Contact, agent: Agent) -> None:
    """Together. On a channel without messages that is the answer."""
    del desk.offers[contact.offer]
    contact.offer = 0
    waited = desk.now - contact.start
    desk.emit(ev.ContactConnected, contact=contact.contact, agent=agent.name, waited_ms=waited)
    desk.stop_waiting(contact)
    if any(rules.daily_quota for rules in desk.policy.pools.values()):
        agent.connected_today += 1
        agent.day_ends = agent.day_ends or desk.policy.zone.next_day(desk.now)
    desk.forget_all_preference(contact)
    contact.connected_at, contact.wrote = desk.now, False
    if contact.promised:
        promises.over(contact)
        replies.start_if_owed(desk, contact)
    if not agent.is_bot and not contact.answered and not desk.policy.channels[contact.channel].messages:
        desk.emit(
            ev.ContactAnswered, contact=contact.contact, agent=agent.name, waited_ms=waited, first_reply_ms=waited
        )
        contact.answered = True


def place(desk: Desk, contact: Contact, trigger: str) -> None:
    """A contact has come loose. Its preferred agent has it at once; else what is due opens, and it looks around."""
    steps.judge_reached(desk)
    if contact.state != ContactState.QUEUED or desk.settling:
        return
    preferred = desk.agents.get(contact.prefer)
    if preferred is None or not eligible.may(desk, contact, preferred):
        transfers.no_bot_left(desk, contact)
        affinity.no_team_left(desk, contact)
        steps.open_due(desk, contact)
    found = best_agent(desk, contact)
    if found is not None:
        offer(desk, contact, found[0], found[1], trigger)


def place_beside(desk: Desk, contact: Contact, agent: Agent, trigger: str) -> None:
    """Contact and agent have come loose together: who stands before the contact has this agent first."""
    if desk.settling:
        freed(desk, agent)
        return
    transfers.no_bot_left(desk, contact)
    steps.open_by_itself(desk, contact)
    while (better := best_contact(desk, agent)) is not None and better[0] is not contact:
        offer(desk, better[0], agent, better[1], "freed")
    if any(pool.owners for pool in desk.policy.pools.values()):  # the freed one may make its pool lend another
        while (first := who_goes_first(desk, contact)) is not contact:
            place(desk, first, trigger)
            if first.state == ContactState.QUEUED:
                break
    place(desk, contact, trigger)
    freed(desk, agent)


def place_all(desk: Desk, contacts: list[Contact], trigger: str) -> None:
    """Several have come loose at once. Each looks for its agent; if that agent has somebody better, they go first."""
    loose = [contact for contact in contacts if contact.state == ContactState.QUEUED and not desk.settling]
    for contact in loose:
        transfers.no_bot_left(desk, contact)
    for contact in loose:
        steps.open_by_itself(desk, contact)
    for contact in sorted(loose, key=lambda contact: orders.visiting(desk, contact)):
        if contact.state == ContactState.QUEUED:
            affinity.no_team_left(desk, contact)
        steps.open_due(desk, contact)
        while best_agent(desk, contact) is not None:
            first = who_goes_first(desk, contact)
            place(desk, first, trigger)


def who_goes_first(desk: Desk, contact: Contact) -> Contact:
    """Whomever its agent would rather have; but that one's agent may be another, who would rather have a third …"""
    seen = [contact]
    while (found := best_agent(desk, contact)) is not None:
        better = best_contact(desk, found[0])
        if better is None or better[0] in seen:
            break
        contact = better[0]
        seen.append(contact)
    return contact


def feed(desk: Desk, agent: Agent, trigger: str) -> None:
    """An agent has come loose: one contact after the other, while there is room."""
    while (found := best_contact(desk, agent)) is not None:
        offer(desk, found[0], agent, found[1], trigger)


def freed(desk: Desk, agent: Agent, trigger: str = "freed") -> None:
    """Hands are free: the next contact, or the end of a shift."""
    if agent.state == AgentState.FINISHING and not agent.works_on:
        presence.change(desk, agent, AgentState.OFFLINE, "finished")
        gone(desk, agent, [], "finished")
    else:
        feed(desk, agent, trigger)


def takes_nothing_more(desk: Desk, agent: Agent) -> None:
    """Who waits for this agent alone waits for everybody now."""
    loose = [c for c in desk.contacts.values() if c.state == ContactState.QUEUED and c.prefer_only]
    loose = [contact for contact in loose if contact.prefer == agent.name]
    for contact in loose:
        affinity.end(desk, contact, "agent_left")
    place_all(desk, loose, "affinity_ended")


def left(desk: Desk, pools: tuple[str, ...], before: list[Contact]) -> None:
    """Somebody is not there any more: of which pools, and who it could have had. They may have nobody else now."""
    alone = [c for c in before if eligible.is_for_anybody(c) and left_alone(desk, c, pools)]
    for contact in alone:
        if not desk.settling:
            transfers.no_bot_left(desk, contact)
    for contact in alone:
        decliners.maybe_yield(desk, contact)
    place_all(desk, alone, "agent_left")


def left_alone(desk: Desk, contact: Contact, pools: tuple[str, ...]) -> bool:
    """In one of these pools, if open to it, nobody is left, or somebody who declined it."""
    here = [one for one in needs.present(desk, contact) if contact.team in ("", one.profile.team)]
    for pool in needs.open_pools(desk, contact):
        members = [other.name for other in here if pool in other.profile.pools and pool not in desk.drained]
        if pool in pools and (not members or any(name in contact.decliners for name in members)):
            return True
    return False


def concerned(desk: Desk, agent: Agent) -> list[Contact]:
    """Who waits and could have this agent."""
    return [c for c in desk.contacts.values() if c.state == ContactState.QUEUED and needs.belongs(desk, c, agent)]


def gone(desk: Desk, agent: Agent, loose: list[Contact], trigger: str) -> None:
    """``loose``: the contacts that it leaves behind."""
    place_all(desk, loose, trigger)
    takes_nothing_more(desk, agent)
    left(desk, agent.profile.pools, concerned(desk, agent))


def redefined(desk: Desk, agent: Agent, pools: tuple[str, ...], before: list[Contact]) -> None:
    """Another profile: it may take others now, and who could have it ``before`` and cannot now does without it."""
    feed(desk, agent, "redefined")
    left(desk, pools, [contact for contact in before if not needs.qualifies(desk, contact, agent)])
