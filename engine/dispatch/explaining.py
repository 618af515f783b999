"""Reads an :class:`Explanation` from state: eligibility as reasons, in the order in which they are checked."""

from __future__ import annotations

from engine.dispatch import stepping
from engine.dispatch.agents import SIGNED_ON, TAKES_OFFERS
from engine.dispatch.contacts import Contact, ContactState
from engine.dispatch.explain import AgentVerdict, Explanation, NextStep, Reason
from engine.dispatch.lanes import Seat
from engine.dispatch.policy.compiled import Pool, Step
from engine.dispatch.state import State

# Past this many agents, "why nobody" counts the first ones by sequence number and stays a fast answer.
COUNTED = 20_000


def explain(state: State, number: int, agent: str | None, position: int, now: int) -> Explanation:
    """See :meth:`engine.dispatch.dispatcher.Dispatcher.explain`."""
    contact = state.contacts[number]
    nobody: dict[str, int] = {}
    free = 0
    if contact.state is ContactState.QUEUED:
        for seat in list(state.seats.values())[:COUNTED]:
            if seat.agent.state not in SIGNED_ON:
                continue
            why = reasons(state, contact, seat, now)
            if why:
                nobody[why[0].code] = nobody.get(why[0].code, 0) + 1
            else:
                free += 1
    estimate, consult = stepping.estimate_of(state, contact), state.consults.get(number)
    return Explanation(
        contact=number,
        state=contact.state,
        queue=contact.queue,
        rule=contact.rule,
        stage=contact.stage,
        priority=contact.priority + contact.raised,
        requirement=state.requirement_of(contact).text,
        pools=tuple(pool.name for pool in state.pools_of(contact)),
        step=contact.step,
        waited_ms=contact.waited_ms(now),
        age_ms=now - contact.arrived_at,
        position=position,
        policy=state.policy.version,
        at=now,
        agent=contact.agent,
        offer=contact.offer,
        prefer=contact.prefer,
        prefer_in_ms=max(contact.prefer_until - now, 0),
        nobody=nobody,
        free_agents=free,
        next_step=next_step(state, contact, now),
        verdict=None if agent is None else verdict(state, contact, agent, now),
        p50_ms=-1 if estimate is None else estimate.p50_ms,
        p90_ms=-1 if estimate is None else estimate.p90_ms,
        helper="" if consult is None else consult.to_agent,
        helper_in_ms=-1 if consult is None or consult.accepted else max(consult.deadline - now, 0),
        promise_in_ms=max(state.house.promises[number].promised_by - now, 0) if contact.promised else -1,
    )


def next_step(state: State, contact: Contact, now: int) -> NextStep | None:
    step = stepping.next_step(state, contact)
    if step is None:
        return None
    lacking = missing(state, contact, step, now)
    due = 0 if step.only_nobody or contact.state is not ContactState.QUEUED else state.clock_due(contact, step)
    if any(reason.code != "after_ms" for reason in lacking):
        due = 0
    return NextStep(
        step.name,
        max(due - now, 0) if due else -1,
        step.add_pools,
        step.relax,
        step.move_to,
        step.offer,
        tuple(lacking),
    )


def missing(state: State, contact: Contact, step: Step, now: int) -> list[Reason]:
    """The conditions that do not hold now, in the order in which they are judged."""
    if step.only_nobody or contact.state is not ContactState.QUEUED:
        return []
    found: list[Reason] = []
    left = state.clock_due(contact, step) - now
    if left > 0:
        found.append(Reason("after_ms", str(step.after_ms), str(step.after_ms - left), left))
    waiting = len(state.lines[contact.queue].waiting)
    if waiting < step.queue_length:
        found.append(Reason("queue_length", str(step.queue_length), str(waiting)))
    if step.lender_kpi and not stepping.lender_holds(state, step.lender_kpi):
        found.append(Reason("lender_kpi", step.lender_kpi))
    if step.estimated_wait_ms:
        estimate = stepping.estimate_of(state, contact)
        if estimate is None or estimate.p50_ms < step.estimated_wait_ms:
            got = "" if estimate is None else str(estimate.p50_ms)
            look = max(state.step_due(contact) - now, 0)
            found.append(Reason("estimated_wait_ms", str(step.estimated_wait_ms), got, look))
    return found


def verdict(state: State, contact: Contact, agent: str, now: int) -> AgentVerdict:
    """Every reason against this agent; ``outranked`` when there is none and the contact still waits or is elsewhere."""
    seat = state.seats.get(agent)
    if seat is None:
        return AgentVerdict(agent, False, reasons=(Reason("not_signed_on", "a defined agent", "unknown"),))
    if contact.agent == agent:
        return AgentVerdict(agent, True, reasons=(Reason("serving", got=contact.state),))
    why = reasons(state, contact, seat, now)
    if contact.contact in seat.agent.helping:
        why.insert(0, Reason("helping"))
    if contact.state is not ContactState.QUEUED:
        why.append(Reason("contact_not_waiting", "queued", contact.state))
    pool = next((pool.name for pool in state.pools_of(contact) if pool.name in seat.groups), "")
    if not why:
        return AgentVerdict(agent, True, pool, (Reason("outranked"),))
    return AgentVerdict(agent, False, pool, tuple(why))


def reasons(state: State, contact: Contact, seat: Seat, now: int) -> list[Reason]:
    """Why this agent cannot be offered this contact now; empty when it can."""
    agent, profile = seat.agent, seat.agent.profile
    found: list[Reason] = []
    if agent.state not in SIGNED_ON:
        found.append(Reason("not_signed_on", "available", agent.state))
    elif agent.state not in TAKES_OFFERS:
        found.append(Reason("state", "available", f"{agent.state} {agent.reason}".strip()))
    if profile.tenant not in ("", contact.tenant):
        found.append(Reason("tenant", contact.tenant, profile.tenant))
    if contact.prefer != profile.agent:
        pools = [pool for pool in state.pools_of(contact) if pool.name not in state.drained]
        if not any(pool.name in seat.groups for pool in pools):
            found.append(Reason("pool", ", ".join(pool.name for pool in pools), ", ".join(profile.pools)))
        for unmet in state.requirement_of(contact).unmet(profile.skills, profile.attributes):
            found.append(Reason("requirement", unmet.wanted, unmet.got))
    if contact.team and profile.team != contact.team:
        found.append(Reason("team", contact.team, profile.team, max(contact.prefer_until - now, 0)))
    if agent.back_off_until:
        found.append(Reason("back_off", in_ms=agent.back_off_until - now))
    found += room(state, contact, seat)
    found += own_rules(state, contact, seat)
    if profile.agent in contact.decliners:
        found.append(Reason("declined", in_ms=contact.decliners[profile.agent] - now))
    if contact.prefer_only and contact.prefer != profile.agent:
        found.append(Reason("preferred_other", contact.prefer, in_ms=contact.prefer_until - now))
    return found


def room(state: State, contact: Contact, seat: Seat) -> list[Reason]:
    """Capacity in units, then the channel's limit, then the shop's."""
    state.take_stock(seat)
    bound = state.bound_of(contact)
    free = seat.free() - (seat.yielding if bound is not None and bound.yields else 0)
    if free < contact.cost:
        return [Reason("capacity", str(contact.cost), str(free))]
    if bound is None:
        return []
    held = seat.by_channel.get(bound.channel, 0)
    if bound.channel_limit and held >= seat.channel_limit(bound):
        return [Reason("channel_limit", f"fewer than {seat.channel_limit(bound)}", str(held))]
    held = seat.by_shop.get(bound.shop, 0)
    if bound.shop_limit and held >= bound.shop_limit:
        return [Reason("shop_limit", f"fewer than {bound.shop_limit}", str(held))]
    return []


def own_rules(state: State, contact: Contact, seat: Seat) -> list[Reason]:
    """What the pools' own rules say: lender protection and quotas; one pool that lets the contact have the agent will do,
    unless the agent is wanted by name and in none of the contact's pools."""
    if not seat.gates:
        return []
    pools_open = [pool for pool in state.pools_of(contact) if pool.name not in state.drained]
    shared = [pool for pool in pools_open if pool.name in seat.groups]
    pools = shared or [state.policy.pools[name] for name in seat.groups if name in state.policy.pools]
    said = [pool_says(state, pool, seat, contact) for pool in pools]
    found = [reason for reason in said if reason is not None]
    if shared:
        return found[:1] if len(found) == len(said) else []
    return found[:1] if contact.prefer == seat.name else []


def pool_says(state: State, pool: Pool, seat: Seat, contact: Contact) -> Reason | None:
    gate = state.gates.get(pool.name)
    if gate is None:
        return None
    if pool.owners and contact.queue not in pool.owners:
        idle = gate.idle(contact.cost)
        if idle <= pool.reserve:
            return Reason("reserve", f"more than {pool.reserve}", str(idle))
        if pool.lend_kpi is not None and not gate.holds():
            answered, in_time, abandoned = gate.ledger.sums()
            got = in_time / (answered + abandoned)
            return Reason("lender_kpi", f"{pool.lend_kpi.share:.0%}", f"{got:.0%}")
    had = seat.agent.quota_used + seat.open
    if pool.daily_quota and had >= pool.daily_quota:
        return Reason("daily_quota", f"fewer than {pool.daily_quota}", str(had))
    return None
