"""Prometheus' view: counters from committed events, gauges read at the scrape; each engine has its own registry.

Names end in their unit; lengths are seconds of dispatcher time, latencies seconds of real time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from engine.measures.definitions import occupancy_of
from engine.measures.lengths import Lengths
from engine.measures.rows import ContactRow
from engine.telemetry.calibration import Calibration
from engine.telemetry.counters import Counters
from engine.telemetry.gauges import Gauges
from engine.telemetry.tally import Distribution, Tally

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LATENCY_BOUNDS_S = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class EngineFigures:
    """What the driver shows, as plain numbers: filled in before each scrape."""

    inbox_depth = 0
    last_lsn = 0
    epoch = 0
    free_bytes = -1
    refuses_new_contacts = False
    snapshots_failed = 0
    lateness_ms = 0.0
    admitted_per_s = -1.0
    contacts_shed = 0
    desk_behind = -1
    desk_refuses = False


class EngineMetrics(Collector):
    """``text(gauges, figures)`` is the answer to a scrape. Latencies are observed through ``decide`` and ``commit``."""

    def __init__(self, tally: Tally, counters: Counters, calibration: Calibration | None = None) -> None:
        self._calibration = calibration or Calibration()
        self.decide = Distribution(LATENCY_BOUNDS_S)
        self.commit = Distribution(LATENCY_BOUNDS_S)
        self._tally = tally
        self._counters = counters
        self._gauges = Gauges()
        self._figures: EngineFigures = EngineFigures()
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)

    def text(self, gauges: Gauges, figures: EngineFigures) -> bytes:
        self._gauges, self._figures = gauges, figures
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        yield from self._queue_gauges()
        yield from self._pool_gauges()
        yield from self._fairness()
        yield from self._queue_counters()
        yield from self._labelled_counters()
        yield from self._distributions()
        yield from self._estimates()
        yield from self._engine()
        yield from self._sockets()

    def _queue_gauges(self) -> Iterator[Metric]:
        rows = self._gauges.queues.items()
        yield _gauge(
            "contacts_waiting",
            "Contacts waiting now, offered ones included.",
            "queue",
            ((q, r.waiting) for q, r in rows),
        )
        yield _gauge(
            "longest_wait_seconds",
            "How long the longest-waiting contact has waited, now.",
            "queue",
            ((q, r.longest_wait_ms / 1000) for q, r in rows),
        )
        yield _gauge(
            "contacts_offered", "Contacts on offer to an agent now.", "queue", ((q, r.offered) for q, r in rows)
        )
        yield _gauge(
            "contacts_connected", "Contacts connected to a person now.", "queue", ((q, r.connected) for q, r in rows)
        )
        yield _gauge("contacts_with_bot", "Contacts connected to a bot now.", "queue", ((q, r.bot) for q, r in rows))
        yield _gauge(
            "queue_closed",
            "1 while the queue is closed to new contacts.",
            "queue",
            ((q, int(r.closed)) for q, r in rows),
        )

    def _pool_gauges(self) -> Iterator[Metric]:
        agents = GaugeMetricFamily("sluice_agents", "Agents by state now.", labels=["pool", "state"])
        for pool, row in self._gauges.pools.items():
            for state, number in row.agents.items():
                agents.add_metric([pool, state], number)
        yield agents
        rows = self._gauges.pools.items()
        yield _gauge("pool_units", "Capacity units of signed-on agents now.", "pool", ((p, r.units) for p, r in rows))
        yield _gauge(
            "pool_units_used",
            "Units in use now, open offers and wrap-up included.",
            "pool",
            ((p, r.units_used) for p, r in rows),
        )
        yield _gauge(
            "pool_occupancy_ratio",
            "Units in use over (that and the free units of available agents), at this instant (no window).",
            "pool",
            ((p, max(occupancy_of(r.units_used, r.units_free), 0.0)) for p, r in rows),
        )
        yield _gauge(
            "pool_agents_with_room",
            "Available agents below their capacity now.",
            "pool",
            ((p, r.with_room) for p, r in rows),
        )

    def _fairness(self) -> Iterator[Metric]:
        rows = self._tally.fairness_by_pool().items()
        yield _gauge(
            "offers_gini",
            "Gini coefficient of offers per hour among equal agents over the last whole hour (0: all alike), the largest"
            " of the pool's groups of equals.",
            "pool",
            ((p, r.offers) for p, r in rows),
        )
        yield _gauge(
            "occupancy_gini",
            "Gini coefficient of occupancy among equal agents over the last whole hour (0: all alike), the largest of the"
            " pool's groups of equals.",
            "pool",
            ((p, r.occupancy) for p, r in rows),
        )

    def _queue_counters(self) -> Iterator[Metric]:
        for name, words, read in _QUEUE_COUNTERS:
            family = CounterMetricFamily(f"sluice_{name}", words, labels=["queue"])
            for queue, tally in self._tally.queues.items():
                family.add_metric([queue], read(tally))
            yield family

    def _labelled_counters(self) -> Iterator[Metric]:
        queues = self._tally.queues.items()
        offers = CounterMetricFamily("sluice_offers", "Offers by outcome.", labels=["queue", "outcome"])
        consults = CounterMetricFamily(
            "sluice_consults", "Consults of its contacts, by outcome.", labels=["queue", "outcome"]
        )
        deflected = CounterMetricFamily(
            "sluice_contacts_deflected", "Contacts refused entry.", labels=["queue", "reason"]
        )
        messages = CounterMetricFamily("sluice_messages", "Messages by who wrote.", labels=["queue", "sender"])
        for queue, tally in queues:
            for family, counts in (
                (offers, tally.offers),
                (consults, tally.consults),
                (deflected, tally.deflected),
                (messages, tally.messages),
            ):
                for label, number in counts.items():
                    family.add_metric([queue, label], number)
        yield from (offers, consults, deflected, messages)
        rejected = CounterMetricFamily("sluice_commands_rejected", "Commands the dispatcher refused.", labels=["code"])
        for code, number in self._tally.rejected.items():
            rejected.add_metric([code], number)
        yield rejected
        alerts = CounterMetricFamily("sluice_alerts", "Alerts raised by the dispatcher.", labels=["alert"])
        for alert, number in self._tally.alerts.items():
            alerts.add_metric([alert], number)
        yield alerts

    def _distributions(self) -> Iterator[Metric]:
        waits = HistogramMetricFamily("sluice_wait_seconds", "Time waited by answered contacts.", labels=["queue"])
        rounds = HistogramMetricFamily(
            "sluice_reply_round_seconds", "Reply rounds ended by a person's reply.", labels=["queue"]
        )
        for queue, tally in self._tally.queues.items():
            waits.add_metric([queue], _marked(tally.waits), tally.waits.total / 1000)
            rounds.add_metric([queue], _marked(tally.reply_rounds), tally.reply_rounds.total / 1000)
        yield from (waits, rounds)
        for name, words, held in (
            ("decision_seconds", "Deciding one command or tick (real time).", self.decide),
            ("commit_seconds", "One group commit (real time).", self.commit),
        ):
            family = HistogramMetricFamily(f"sluice_{name}", words)
            family.add_metric([], _buckets(held), held.total)
            yield family

    def _estimates(self) -> Iterator[Metric]:
        coverage = GaugeMetricFamily(
            "sluice_estimate_coverage_ratio",
            "Share of estimates whose p90 held (0.9 is wanted), abandoned ones as censored.",
            labels=["queue", "told"],
        )
        pairs = CounterMetricFamily(
            "sluice_estimates_judged", "Estimates whose outcome is known.", labels=["queue", "told"]
        )
        for told, rows in (("first", self._calibration.first), ("later", self._calibration.later)):
            for queue, row in rows.items():
                pairs.add_metric([queue, told], row.pairs)
                if row.p90 >= 0:
                    coverage.add_metric([queue, told], row.p90)
        yield from (coverage, pairs)

    def _engine(self) -> Iterator[Metric]:
        figures = self._figures
        yield GaugeMetricFamily("sluice_inbox_depth", "Commands waiting for the dispatcher now.", figures.inbox_depth)
        yield GaugeMetricFamily(
            "sluice_lateness_seconds",
            "From entering the inbox until durable, of the oldest command of the last commit (real time).",
            figures.lateness_ms / 1000,
        )
        yield GaugeMetricFamily(
            "sluice_admitted_per_second",
            "New contacts let in per second while more come than can be done (-1: all are).",
            figures.admitted_per_s,
        )
        yield CounterMetricFamily(
            "sluice_contacts_shed", "New contacts told to come back later, because of lateness.", figures.contacts_shed
        )
        yield GaugeMetricFamily("sluice_journal_lsn", "The last committed record's lsn.", figures.last_lsn)
        yield GaugeMetricFamily("sluice_epoch", "How many times the store was opened by an engine.", figures.epoch)
        yield GaugeMetricFamily(
            "sluice_store_free_bytes", "Room left for the journal (-1: unknown).", figures.free_bytes
        )
        yield GaugeMetricFamily(
            "sluice_refusing_new_contacts", "1 while the store is nearly full.", int(figures.refuses_new_contacts)
        )
        yield CounterMetricFamily(
            "sluice_snapshots_failed", "Snapshots that could not be written.", figures.snapshots_failed
        )
        yield GaugeMetricFamily(
            "sluice_desk_records_behind",
            "Records that the desk's tables do not show yet (-1: no desk).",
            figures.desk_behind,
        )
        yield GaugeMetricFamily(
            "sluice_desk_refusing", "1 while the desk's tables cannot be written.", int(figures.desk_refuses)
        )
        yield CounterMetricFamily("sluice_records", "Journal records committed by this process.", self._tally.records)
        info = GaugeMetricFamily("sluice_policy_info", "1 for the policy in force.", labels=["version"])
        info.add_metric([self._gauges.policy], 1)
        yield info

    def _sockets(self) -> Iterator[Metric]:
        counters = self._counters
        opened = GaugeMetricFamily(
            "sluice_connections", "Open sockets now; pending: no hello yet.", labels=["carrier", "role"]
        )
        for (carrier, role), number in counters.open.items():
            opened.add_metric([carrier, role or "pending"], number)
        yield opened
        for name, words, label, counts in (
            ("connections_accepted", "Sockets that reached the protocol.", "carrier", counters.accepted),
            ("connections_refused", "Sockets turned away before that.", "reason", counters.refused_sockets),
            ("connections_closed", "Connections ended by the server, or broken.", "reason", counters.closed),
            ("frames_refused", "Frames answered with an error by the wire.", "code", counters.refused_frames),
        ):
            family = CounterMetricFamily(f"sluice_{name}", words, labels=[label])
            for value, number in counts.items():
                family.add_metric([value], number)
            yield family
        yield CounterMetricFamily(
            "sluice_conn_crash", "Connections whose handling failed: must stay 0.", counters.crashes
        )
        yield CounterMetricFamily(
            "sluice_write_timeouts", "Sockets cut because a write took too long.", counters.write_timeouts
        )
        yield CounterMetricFamily("sluice_frames_received", "Frames from clients.", counters.frames_in)
        yield CounterMetricFamily("sluice_frames_sent", "Frames to clients.", counters.frames_out)


_QUEUE_COUNTERS: tuple[tuple[str, str, Callable[[ContactRow], int]], ...] = (
    ("contacts_submitted", "Contacts that entered the queue.", lambda t: t.submitted),
    ("contacts_joined", "Submits that joined an open contact.", lambda t: t.joined),
    ("contacts_resumed", "Contacts that came back inside the abandon window.", lambda t: t.resumed),
    ("contacts_reopened", "Re-contacts: closed as idle, and the customer came back in time.", lambda t: t.reopened),
    ("contacts_answered", "First message by a person since it began waiting for one.", lambda t: t.answered),
    ("contacts_connections", "Contacts connected to an agent or bot.", lambda t: t.connected),
    ("contacts_abandoned", "Contacts that left unserved.", lambda t: t.abandoned),
    ("contacts_abandoned_silently", "Of these, found out and not said.", lambda t: t.abandoned_silently),
    ("contacts_closed", "Contacts closed.", lambda t: t.closed),
    ("contacts_bot_contained", "Contacts closed by a bot alone.", lambda t: t.bot_contained),
    ("contacts_handed_off", "Contacts that went from the bot stage to people.", lambda t: t.handed_off),
    ("contacts_transferred", "Transfers.", lambda t: t.transferred),
    ("contacts_assigned", "Contacts that a supervisor assigned, past order and choice.", lambda t: t.assigned),
    ("contacts_assigned_beyond", "Of these, beyond the agent's capacity.", lambda t: t.assigned_beyond),
    ("contacts_requeued", "Contacts back in their queue: their agent was gone, or did not answer.", lambda t: t.requeued),
    ("reply_rounds_unanswered", "Reply rounds that ended without a person's reply.", lambda t: t.rounds_unanswered),
    ("reply_rounds_breached", "Reply rounds that passed their breach point.", lambda t: t.rounds_late),
)  # fmt: skip


def _gauge(name: str, words: str, label: str, rows: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"sluice_{name}", words, labels=[label])
    for value, number in rows:
        family.add_metric([value], number)
    return family


def _buckets(held: Distribution) -> list[tuple[str, float]]:
    """Cumulative, as Prometheus wants them."""
    buckets: list[tuple[str, float]] = []
    below = 0
    for bound, count in zip(held.bounds, held.counts, strict=False):
        below += count
        buckets.append((repr(float(bound)), below))
    return [*buckets, ("+Inf", below + held.counts[-1])]


def _marked(lengths: Lengths) -> list[tuple[str, float]]:
    """The exact counts at the marks, in seconds."""
    return [*((repr(mark / 1000), float(count)) for mark, count in lengths.buckets()), ("+Inf", lengths.count)]
