"""What `sluice sim run` says: how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sim.scenario import Scenario, clock_text
from sim.twin.listening import Replication
from sim.twin.money import Account

SAY_S = 5.0

TEXTS = {
    "en": {
        "begin": "{name}: {day}, {begin} to {end}, {reps} run(s)",
        "progress": "  {share:.0%} played, {left:.0f} s left",
        "run": "  run {place} of {reps}: {arrived:,} contacts in {seconds:.1f} s ({us:.0f} µs each); {left:.0f} s left",
        "row": "{name:>16}  {value:12,.1f}",
        "rows": "Means over {reps} run(s), contacts:",
        "arrived": "came", "let_in": "let in", "deflected": "turned away", "connected": "connections",
        "answered": "answered", "abandoned": "abandoned", "closed": "closed", "handed_on": "handed on",
        "rona": "offers missed", "declined": "offers declined", "open": "still there", "value": "worth of all", "lost": "expected lost", "staff": "staff's pay",
    },
    "zh": {
        "begin": "{name}：{day}，{begin} 至 {end}，运行 {reps} 次",
        "progress": "  已完成 {share:.0%}，约剩 {left:.0f} 秒",
        "run": "  第 {place}/{reps} 次：{arrived:,} 个会话，用时 {seconds:.1f} 秒（每个 {us:.0f} 微秒）；约剩 {left:.0f} 秒",
        "row": "{name:>12}  {value:12,.1f}",
        "rows": "{reps} 次运行的平均数（会话）：",
        "arrived": "到达", "let_in": "进入", "deflected": "婉拒", "connected": "接通", "answered": "已答复",
        "abandoned": "放弃", "closed": "结束", "handed_on": "转接", "rona": "派单超时", "declined": "派单拒绝",
        "open": "仍在进行", "value": "涉及销售额", "lost": "预计损失", "staff": "人工成本",
    },
}  # fmt: skip

# What a summary counts → the events that are counted.
COUNTED = {
    "arrived": ("arrived",),
    "let_in": ("ContactSubmitted",),
    "deflected": ("ContactDeflected",),
    "connected": ("ContactConnected",),
    "answered": ("ContactAnswered",),
    "handed_on": ("ContactTransferred",),
    "abandoned": ("ContactAbandoned",),
    "closed": ("ContactClosed",),
    "declined": ("OfferDeclined",),
    "rona": ("OfferExpired",),
    "open": ("open",),
}


class Teller:
    """``say`` is given lines; ``clock``: seconds of real time."""

    def __init__(
        self, scenario: Scenario, reps: int, lang: str, say: Callable[[str], None], clock: Callable[[], float]
    ) -> None:
        self._scenario, self._reps, self._say, self._clock = scenario, reps, say, clock
        self._texts = TEXTS["zh" if lang.startswith("zh") else "en"]
        self._begun_s = self._said_s = clock()
        self._done = 0
        say(
            self._texts["begin"].format(
                name=scenario.name,
                day=scenario.day.title_in("zh" if lang.startswith("zh") else "en"),
                begin=clock_text(scenario.at_ms),
                end=clock_text(scenario.end_ms),
                reps=reps,
            )
        )

    def progress(self, share: float, _seconds: float) -> None:
        """Now and then, with the time that is left."""
        now = self._clock()
        if now - self._said_s >= SAY_S and 0 < share < 1:
            self._said_s = now
            left = (now - self._begun_s) * (1 - share) / share
            self._say(self._texts["progress"].format(share=share, left=left))

    def told(self, one: Replication) -> None:
        self._done += 1
        spent = self._clock() - self._begun_s
        arrived, seconds = one.played.counts["arrived"], one.played.seconds
        self._say(
            self._texts["run"].format(
                place=self._done, reps=self._reps, arrived=arrived, seconds=seconds,
                us=seconds / max(1, arrived) * 1e6, left=spent * (self._reps - self._done) / self._done,
            )
        )  # fmt: skip

    def summary(self, found: Sequence[Replication]) -> dict[str, Any]:
        """Said in lines, and given as figures: means over the runs."""
        means = {
            name: sum(one.played.counts.get(event, 0) for one in found for event in events) / len(found)
            for name, events in COUNTED.items()
        }
        self._say(self._texts["rows"].format(reps=len(found)))
        for one in found:
            for account in (each for each in one.results if isinstance(each, Account)):
                for name, value in zip(account._fields, account, strict=True):
                    means[name] = means.get(name, 0.0) + value / len(found)
        for name, value in means.items():
            self._say(self._texts["row"].format(name=self._texts[name], value=value))
        return {
            "scenario": self._scenario.name,
            "seed": self._scenario.seed,
            "reps": len(found),
            "seconds": round(sum(one.played.seconds for one in found), 2),
            "means": means,
            "runs": [{"seed": one.played.seed, "seconds": round(one.played.seconds, 2), "counts": one.played.counts} for one in found],
        }  # fmt: skip
