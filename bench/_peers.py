"""M/M/n+M written by hand for other simulators, with the same load: what the twin's speed is measured against.

Each plays ``contacts`` arrivals and gives (arrived, waited, left), so that all can be seen to play the same model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy


@dataclass(frozen=True)
class Load:
    """Rates per minute; ``contacts`` arrive."""

    arrivals: float = 48.0
    service: float = 1.0
    servers: int = 50
    abandon: float = 0.5
    contacts: int = 60_000
    seed: int = 1

    def draws(self) -> tuple[list[float], list[float], list[float]]:
        """Gaps, service times and patience of all contacts, drawn at once: nobody is measured at drawing numbers."""
        rng = np.random.default_rng(self.seed)
        gaps = rng.exponential(1 / self.arrivals, self.contacts).tolist()
        works = rng.exponential(1 / self.service, self.contacts).tolist()
        return gaps, works, rng.exponential(1 / self.abandon, self.contacts).tolist()


Counts = tuple[int, int, int]


def processes(load: Load) -> Counts:
    """As SimPy's own examples write it: a process for each customer, a Resource, whichever comes first of two events."""
    gaps, works, patience = load.draws()
    env = simpy.Environment()
    servers = simpy.Resource(env, load.servers)
    waited = left = 0

    def customer(number: int) -> Generator[Any, Any, None]:
        nonlocal waited, left
        with servers.request() as request:
            if not request.triggered:
                waited += 1
                came = yield request | env.timeout(patience[number])
                if request not in came:
                    left += 1
                    return
            yield env.timeout(works[number])

    def arrivals() -> Generator[Any, Any, None]:
        for number, gap in enumerate(gaps):
            yield env.timeout(gap)
            env.process(customer(number))

    env.process(arrivals())
    env.run()
    return len(gaps), waited, left


def callbacks(load: Load) -> Counts:
    """The leanest way: timeouts with callbacks, a counter of free servers, a deque of those who wait."""
    gaps, works, patience = load.draws()
    env = simpy.Environment()
    free, waited, left = load.servers, 0, 0
    line: deque[int] = deque()
    waiting: set[int] = set()

    def after(delay: float, call: Callable[[Any], None], value: int) -> None:
        timeout = env.timeout(delay, value)
        assert timeout.callbacks is not None
        timeout.callbacks.append(call)

    def arrive(event: Any) -> None:
        nonlocal free, waited
        number = event.value
        if number + 1 < len(gaps):
            after(gaps[number + 1], arrive, number + 1)
        if free:
            free -= 1
            after(works[number], done, number)
            return
        waited += 1
        line.append(number)
        waiting.add(number)
        after(patience[number], lose, number)

    def done(event: Any) -> None:
        nonlocal free
        while line:
            number = line.popleft()
            if number in waiting:
                waiting.discard(number)
                after(works[number], done, number)
                return
        free += 1

    def lose(event: Any) -> None:
        nonlocal left
        if event.value in waiting:
            waiting.discard(event.value)
            left += 1

    after(gaps[0], arrive, 0)
    env.run()
    return len(gaps), waited, left


def ciw(load: Load) -> Counts:
    """Ciw's own network, until as many have come as come on average; raises ImportError where it is not installed."""
    import ciw as library

    network = library.create_network(
        arrival_distributions=[library.dists.Exponential(load.arrivals)],
        service_distributions=[library.dists.Exponential(load.service)],
        reneging_time_distributions=[library.dists.Exponential(load.abandon)],
        number_of_servers=[load.servers],
    )
    library.seed(load.seed)
    simulation = library.Simulation(network)
    simulation.simulate_until_max_time(load.contacts / load.arrivals)
    records = simulation.get_all_records()
    left = sum(record.record_type == "renege" for record in records)
    return len(records), sum(record.waiting_time > 1e-12 for record in records), left


PEERS: dict[str, Callable[[Load], Counts]] = {"simpy": processes, "simpy_callbacks": callbacks, "ciw": ciw}
