"""Wallboard figures: counts of the tally and gauges read off the state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from engine.dispatch.agents import SIGNED_ON, AgentState
from engine.dispatch.dispatcher import Dispatcher
from engine.telemetry.gauges import read_gauges
from engine.telemetry.tally import REPLY_RATE_MS, QueueTally, Tally
from engine.wire.queries import Figures, QueueRow


def queue_rows(dispatcher: Dispatcher, tally: Tally, tenant: str) -> list[QueueRow]:
    """One row per queue of the tenant (empty: of all), in the policy's order."""
    gauges = read_gauges(dispatcher)
    # Each agent once, however many of a queue's pools it is in.
    free = Counter(
        (agent.profile.tenant, frozenset(agent.profile.pools))
        for agent in dispatcher.agents.values()
        if agent.state is AgentState.AVAILABLE and agent.load < agent.capacity
    )
    rows = []
    for name, queue in dispatcher.policy.queues.items():
        if tenant and queue.tenant != tenant:
            continue
        counts, now = tally.queues.get(name) or QueueTally(), gauges.queues[name]
        rows.append(
            QueueRow(
                queue=name,
                tenant=queue.tenant,
                waiting=now.waiting,
                longest_wait_ms=now.longest_wait_ms,
                offered=now.offered,
                connected=now.connected,
                bot=now.bot,
                closed=now.closed,
                notice=queue.closed_notice if now.closed else "",
                open_agents=sum(
                    number
                    for (of, pools), number in free.items()
                    if of in ("", queue.tenant) and not pools.isdisjoint(queue.pools)
                ),
                submitted=counts.submitted,
                answered=counts.answered,
                abandoned=counts.abandoned,
                deflected=counts.deflected.total(),
                reply_rate_180s=counts.reply_rate,
            )
        )
    return rows


def figures_of(
    dispatcher: Dispatcher,
    tally: Tally,
    tenant: str,
    connections: Mapping[tuple[str, str], int],
    last_lsn: int,
    inbox_depth: int,
) -> Figures:
    """Totals over the tenant's queues (empty: all)."""
    rows = queue_rows(dispatcher, tally, tenant)
    # A queue that a new policy has removed still counts: totals never go backwards.
    mine = {row.queue for row in rows}
    counts = [q for name, q in tally.queues.items() if name and (name in mine or not tenant or q.tenant == tenant)]
    agents = [a for a in dispatcher.agents.values() if not tenant or a.profile.tenant in ("", tenant)]
    on = [agent for agent in agents if agent.state in SIGNED_ON]
    answered = sum(count.answered for count in counts)
    rounds = sum(c.reply_rounds.count + c.rounds_unanswered for c in counts)
    in_time = sum(c.reply_rounds.within(REPLY_RATE_MS) for c in counts)
    door = tally.at_the_door[tenant] if tenant else tally.at_the_door.total()
    by_role: dict[str, int] = {}
    for (_carrier, role), number in connections.items():
        by_role[role or "pending"] = by_role.get(role or "pending", 0) + number
    return Figures(
        now=dispatcher.now,
        since=tally.since,
        submitted=sum(c.submitted for c in counts),
        answered=answered,
        abandoned=sum(c.abandoned for c in counts),
        deflected=sum(c.deflected.total() for c in counts) + door,
        closed=sum(c.closed for c in counts),
        bot_contained=sum(c.bot_contained for c in counts),
        waiting=sum(row.waiting for row in rows),
        longest_wait_ms=max((row.longest_wait_ms for row in rows), default=0),
        connected=sum(row.connected for row in rows),
        agents_signed_on=len(on),
        agents_available=sum(a.state is AgentState.AVAILABLE for a in on),
        load=sum(a.load for a in on),
        capacity=sum(a.capacity for a in on),
        offers_made=sum(c.offers["made"] for c in counts),
        offers_accepted=sum(c.offers["accepted"] for c in counts),
        offers_declined=sum(c.offers["declined"] for c in counts),
        offers_expired=sum(c.offers["expired"] for c in counts),
        offers_rescinded=sum(c.offers["rescinded"] for c in counts),
        asa_ms=round(sum(c.waits.total for c in counts) / answered) if answered else 0,
        reply_rounds=rounds,
        reply_rate_180s=in_time / rounds if rounds else -1.0,
        connections=by_role,
        last_lsn=last_lsn,
        inbox_depth=inbox_depth,
        policy=dispatcher.policy.version,
    )
