"""What a performance comes to: one JSON object, and the summary that people read.

Definitions. Every contact that the engine let in or turned away is ``submitted`` and has exactly one outcome: *deflected*
(turned away with a reason and an alternative), *bot_contained* (ended with a bot, which had spoken), *answered* (a person
wrote to the customer, and it has ended), *abandoned* (ended unserved), *open* (still in progress when play ended).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from sim.live.latency import HONEST_SHARE
from sim.live.play import Seen, Settings
from sim.live.predicting import Beside, beside, figures_of
from sim.scenario import clock_text
from sim.tally import Figures, longest_waits, per_queue, quantile
from sim.witness import Life

EXPLAINED = 3
# The actors may be this late, in real ms, before it is worth a word.
LAG_WORTH_SAYING_MS = 250.0
# … and this late, it was another scenario that they played.
OVERRUN_MS = 2_000.0


class Target(msgspec.Struct, frozen=True):
    """A latency's p99 in real ms against its limit; nothing measured passes nothing."""

    limit_ms: float
    p99_ms: float
    measured: int
    passed: bool


class Report:
    """Figures of one performance; everything is computed from what the clients saw."""

    def __init__(self, seen: Seen, settings: Settings) -> None:
        self.seen, self.settings = seen, settings
        self.witness = seen.troupe.witness
        lives = self.witness.lives.values()
        self.rows, self.total = per_queue(lives, list(seen.policy.queues))
        self.mail = Figures("mail")
        for life in lives:
            if life.mail:
                self.mail.add(life)
        self.waits: list[tuple[Life, int]] = longest_waits(lives, EXPLAINED, seen.now_ms)
        self.offer_ms = min(queue.offer_ms for queue in seen.policy.queues.values())
        self.distortion = seen.troupe.measured.distortion(settings.speed, self.offer_ms)
        self.strangers = self.witness.strangers()
        self.counts = self._counts()
        self.journal: dict[str, Any] = {}
        self.predicted: dict[str, Beside] = {}
        self.targets: dict[str, Target] = {}

    def hold_against(self, runs: Sequence[Mapping[str, float]], targets_ms: Mapping[str, float]) -> None:
        """Beside the twin's runs, and against targets: ``offer``, ``ack``, ``message`` → p99 in real ms."""
        self.predicted = beside(runs, figures_of(self.total))
        measured = self.seen.troupe.measured
        found = {"offer": measured.offers, "ack": measured.acks, "message": measured.messages}
        for name, limit in targets_ms.items():
            p99 = found[name].quantile(0.99)
            self.targets[name] = Target(limit, p99, found[name].n, 0 <= p99 <= limit)

    @property
    def meets_targets(self) -> bool:
        return all(target.passed for target in self.targets.values())

    def _counts(self) -> dict[str, tuple[int, int]]:
        """What the clients saw beside what the engine counted, both by event."""
        engine = self.seen.figures
        clients = self.witness.counts(int(engine["last_lsn"]))
        return {name: (ours, int(engine[name])) for name, ours in clients.items()}

    @property
    def counts_agree(self) -> bool:
        """Equal; with contacts of others about, ours are among the engine's."""
        return all(ours == theirs or (self.strangers and ours < theirs) for ours, theirs in self.counts.values())

    @property
    def is_distorted(self) -> bool:
        return self.distortion > HONEST_SHARE

    @property
    def is_lagging(self) -> bool:
        return self.seen.lag_ms > LAG_WORTH_SAYING_MS

    @property
    def is_overrun(self) -> bool:
        """The actors fell so far behind that the scenario was not the one that was asked for."""
        return self.seen.lag_ms > OVERRUN_MS

    @property
    def is_clean(self) -> bool:
        return self.seen.verdict.is_clean and self.counts_agree and bool(self.journal.get("ok", True))

    @property
    def peaks(self) -> Counter[int]:
        """Most units in hand at once → number of people."""
        return Counter(hands.peak for hands in self.witness.hands.values() if not hands.is_bot)

    def as_json(self) -> dict[str, Any]:
        total, seen, measured = self.total, self.seen, self.seen.troupe.measured
        scenario = self.settings.scenario
        return {
            "submitted": total.submitted,
            **total.outcomes,
            "open_answered": total.open_answered,
            "abandoned_silently": total.silent,
            "answered_after_leaving": total.gone,
            "lost": seen.verdict.lost,
            "double_assigned": seen.verdict.double_assigned,
            "over_capacity": seen.verdict.over_capacity,
            "faults": seen.verdict.faults[:20],
            "reply_rate_180s": _rounded(total.reply_rate),
            "abandonment": _rounded(total.abandonment),
            "asa_ms": total.asa_ms,
            "first_reply_p50_ms": quantile(total.first_replies, 0.5),
            "first_reply_p90_ms": quantile(total.first_replies, 0.9),
            "bot_first_reply_p50_ms": quantile(total.bot_first_replies, 0.5),
            "offer_p50_ms": measured.offers.quantile(0.5),
            "offer_p99_ms": measured.offers.quantile(0.99),
            "accept_ack_p50_ms": measured.acks.quantile(0.5),
            "accept_ack_p99_ms": measured.acks.quantile(0.99),
            "message_p99_ms": measured.messages.quantile(0.99),
            "predicted": msgspec.to_builtins(self.predicted),
            "targets": msgspec.to_builtins(self.targets),
            "contacts_per_s": round(total.submitted / self.settings.play_s, 1),
            "share_of_offer_lost": round(self.distortion, 4),
            "distorted": self.is_distorted,
            "carried": not self.is_overrun,
            "actor_lag_ms": round(seen.lag_ms, 1),
            "queues": {row.name or "(deflected)": _row(row) for row in self.rows if row.submitted},
            "counts": {name: {"clients": ours, "engine": theirs} for name, (ours, theirs) in self.counts.items()},
            "counts_agree": self.counts_agree,
            "contacts_of_others": self.strangers,
            **self.at_desk,
            "journal": self.journal,
            "agents": seen.people,
            "bots": seen.bots,
            "cuts": seen.troupe.cuts,
            "resyncs": seen.troupe.resyncs,
            "retries": seen.troupe.retries,
            "commands": seen.troupe.commands,
            "events_seen": self.witness.events,
            "refusals": dict(sorted(seen.troupe.refusals.items())),
            "scenario": scenario.name,
            "policy": seen.policy.version,
            "day": scenario.day.name,
            "at": clock_text(seen.begin_day_ms),
            "until": clock_text(seen.end_day_ms),
            "volume": scenario.volume,
            "speed": self.settings.speed,
            "for_s": self.settings.play_s,
            "seed": scenario.seed,
            "engine_version": version("sluice"),
            "ok": self.is_clean,
        }

    @property
    def at_desk(self) -> dict[str, Any]:
        """What the bot at the desk came to; empty without one."""
        if not self.settings.questions:
            return {}
        lives = self.seen.troupe.witness.lives.values()
        talked = [life for life in lives if life.bot_reply_ms >= 0]
        handed = sum(life.person_since > 0 for life in talked)
        return {
            "messages": sum(life.messages for life in lives),
            "handoffs": handed,
            "bot_containment": round(1 - handed / len(talked), 4) if talked else None,
        }

    def json_line(self) -> str:
        return msgspec.json.encode(self.as_json()).decode()


def _row(row: Figures) -> Mapping[str, Any]:
    return {
        "submitted": row.submitted,
        **row.outcomes,
        "reply_rate_180s": _rounded(row.reply_rate),
        "asa_ms": row.asa_ms,
        "first_reply_p50_ms": quantile(row.first_replies, 0.5),
        "first_reply_p90_ms": quantile(row.first_replies, 0.9),
    }


def _rounded(value: float) -> float | None:
    """A share with four digits; None when there is none."""
    return None if value < 0 else round(value, 4)
