"""A campaign's outcomes in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sim.validation.judging import CLOSE, Outcome, Verdict


class Teller:
    """Says each outcome as it comes, with an estimate of the time left."""

    def __init__(self, texts: dict[str, str], cases: int, clock_s: Callable[[], float]) -> None:
        self._texts, self._cases, self._clock_s = texts, cases, clock_s
        self._begun_s, self._done = clock_s(), 0

    def lines(self, outcome: Outcome) -> Iterator[str]:
        self._done += 1
        texts, left = self._texts, ""
        if self._done < self._cases:
            took = self._clock_s() - self._begun_s
            left = texts["left"].format(seconds=took / self._done * (self._cases - self._done))
        yield texts["case"].format(
            verdict=texts["passed" if outcome.passed else "failed"],
            id=outcome.case.id,
            kind=outcome.case.kind,
            metrics=len(outcome.verdicts),
            contacts=outcome.measured.contacts if outcome.measured is not None else 0,
            cpu_s=outcome.cpu_s,
            left=left,
        )
        if outcome.refusal:
            yield texts["refused"].format(reason=outcome.refusal)
        for verdict in outcome.verdicts:
            if not verdict.passed:
                yield self._complaint(verdict)

    def _complaint(self, verdict: Verdict) -> str:
        why = self._texts[f"why.{verdict.why}"].format(close=CLOSE)
        fields = {
            name: "–" if (value := getattr(verdict, name)) is None else f"{value:.6g}"
            for name in ("value", "half_width", "limit", "exact", "p", "formula")
        }
        shape = "formula_only" if verdict.value is None else "metric"
        return self._texts[shape].format(metric=verdict.metric, why=why, **fields)
