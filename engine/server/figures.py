"""Wallboard figures: counts of the tally and gauges read off the state."""

from __future__ import annotations

from collections.abc import Mapping

from engine.dispatch.dispatcher import Dispatcher
from engine.measures.definitions import Terms, asa_over, reply_rate, reply_rate_over, rounds
from engine.measures.rows import ContactRow
from engine.telemetry.gauges import Gauges
from engine.telemetry.tally import Tally
from engine.wire.queries import Figures, QueueRow


def queue_rows(dispatcher: Dispatcher, gauges: Gauges, tally: Tally, tenant: str) -> list[QueueRow]:
    """One row per queue of the tenant (empty: of all), in the policy's order."""
    rows, notices, tallies = [], dispatcher.notices, tally.queues
    for name, queue in dispatcher.policy.queues.items():
        if tenant and queue.tenant != tenant:
            continue
        counts, now, served = tallies.get(name) or ContactRow(), gauges.queues[name], frozenset(queue.pools)
        estimate = dispatcher.estimate_of_queue(name)
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
                notice=notices.get(name) or (queue.closed_notice if now.closed or not dispatcher.is_open(name) else ""),
                open_agents=sum(
                    number
                    for (of, pools), number in gauges.room.items()
                    if of in ("", queue.tenant) and not served.isdisjoint(pools)
                ),
                submitted=counts.submitted,
                answered=counts.answered,
                abandoned=counts.abandoned,
                deflected=counts.deflected.total(),
                reply_rate_180s=reply_rate(counts, Terms()),
                p50_ms=-1 if estimate is None else estimate.p50_ms,
                p90_ms=-1 if estimate is None else estimate.p90_ms,
            )
        )
    return rows


def figures_of(
    dispatcher: Dispatcher,
    gauges: Gauges,
    tally: Tally,
    tenant: str,
    connections: Mapping[tuple[str, str], int],
    last_lsn: int,
    inbox_depth: int,
) -> Figures:
    """Totals over the tenant's queues (empty: all)."""
    rows = queue_rows(dispatcher, gauges, tally, tenant)
    # A queue that a new policy has removed still counts: totals never go backwards.
    mine = {row.queue for row in rows}
    counts = [q for name, q in tally.queues.items() if name and (name in mine or not tenant or q.tenant == tenant)]
    staff = [row for of, row in gauges.staff.items() if not tenant or of in ("", tenant)]
    door = tally.at_the_door[tenant] if tenant else tally.at_the_door.total()
    whole = not tenant or len(dispatcher.policy.tenants) == 1  # pools may be shared: what they say is the house's
    fair = tally.fairness_by_pool() if whole else {}
    by_role: dict[str, int] = {}
    for (_carrier, role), number in connections.items():
        by_role[role or "pending"] = by_role.get(role or "pending", 0) + number
    return Figures(
        now=dispatcher.now,
        since=tally.since,
        submitted=sum(c.submitted for c in counts),
        answered=sum(c.answered for c in counts),
        abandoned=sum(c.abandoned for c in counts),
        deflected=sum(c.deflected.total() for c in counts) + door,
        closed=sum(c.closed for c in counts),
        bot_contained=sum(c.bot_contained for c in counts),
        waiting=sum(row.waiting for row in rows),
        longest_wait_ms=max((row.longest_wait_ms for row in rows), default=0),
        connected=sum(row.connected for row in rows),
        agents_signed_on=sum(row.signed_on for row in staff),
        agents_available=sum(row.available for row in staff),
        load=sum(row.units_used for row in staff),
        capacity=sum(row.units for row in staff),
        offers_made=sum(c.offers["made"] for c in counts),
        offers_accepted=sum(c.offers["accepted"] for c in counts),
        offers_declined=sum(c.offers["declined"] for c in counts),
        offers_expired=sum(c.offers["expired"] for c in counts),
        offers_rescinded=sum(c.offers["rescinded"] for c in counts),
        asa_ms=max(round(asa_over(counts)), 0),
        reply_rounds=sum(map(rounds, counts)),
        reply_rate_180s=reply_rate_over(counts, Terms()),
        connections=by_role,
        last_lsn=last_lsn,
        inbox_depth=inbox_depth,
        policy=dispatcher.policy.version,
        fairness={pool: {"offers": row.offers, "occupancy": row.occupancy} for pool, row in fair.items()},
        alerts=dict(tally.alerts) if whole else {},
    )
