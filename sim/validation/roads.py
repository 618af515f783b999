"""What a road gives for one case: its metrics by shape, each a function of the numbers in the metric's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sim.validation.metrics import Metric

# Of the numbers in a metric's name.
Answer = Callable[..., float]


@dataclass(frozen=True)
class Road:
    """``values``: the metrics; ``variances``: the asymptotic variances of their measurement, where known."""

    values: Mapping[str, Answer]
    variances: Mapping[str, Answer] = field(default_factory=dict)

    def knows(self, metric: Metric) -> bool:
        """Whether it gives this metric."""
        return metric.shape in self.values

    def value(self, metric: Metric) -> float | None:
        """The metric's value, None when it is not known."""
        return _answer(self.values, metric)

    def variance(self, metric: Metric) -> float | None:
        """The asymptotic variance of its measurement, None when it is not known."""
        return _answer(self.variances, metric)


def _answer(answers: Mapping[str, Answer], metric: Metric) -> float | None:
    answer = answers.get(metric.shape)
    return None if answer is None else float(answer(*metric.numbers))


def classes(count: int, answers: Mapping[str, Callable[[int], float]]) -> dict[str, Answer]:
    """Answers that take a class's place, from 0, as answers to metrics whose number is the class, from 1."""

    def numbered(of: Callable[[int], float]) -> Answer:
        def answer(number: float) -> float:
            if not 1 <= number <= count:
                raise ValueError(f"there are {count}, numbered from 1; got {number:g}")
            return of(int(number) - 1)

        return answer

    return {shape: numbered(of) for shape, of in answers.items()}
