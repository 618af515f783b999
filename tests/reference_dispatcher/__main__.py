"""The long run: ``python -m tests.reference_dispatcher --count 20000``; ``--seed S`` plays one history and tells all."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.reference_dispatcher import known
from tests.reference_dispatcher.comparing import compare
from tests.reference_dispatcher.exercised import Exercised
from tests.reference_dispatcher.shrinking import smallest

AGAIN = "python -m tests.reference_dispatcher --seed"
SLICE = 50  # histories a process takes at a time
ENOUGH = 1_000  # of so many each thing must have been seen


@dataclass
class Part:
    """What some histories showed: differences, those known, and the seed of the shortest of each."""

    signs: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)
    shortest: dict[str, tuple[int, int]] = field(default_factory=dict)
    exercised: Exercised = field(default_factory=Exercised)

    def add(self, other: Part) -> None:
        self.signs += other.signs
        self.names += other.names
        self.exercised.seen += other.exercised.seen
        for sign, shortest in other.shortest.items():
            self.shortest[sign] = min(self.shortest.get(sign, shortest), shortest)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> int:
    """Exit code 1 when something differs that is not known."""
    reader = argparse.ArgumentParser(prog="python -m tests.reference_dispatcher", description=__doc__)
    reader.add_argument("--seed", type=int, help="play this one history and tell a difference in full")
    reader.add_argument("--from", type=int, default=0, dest="first", help="the first seed (default 0)")
    reader.add_argument("--count", type=int, default=500, help="how many histories (default 500)")
    reader.add_argument("--processes", type=int, default=2, help="how many at once (default 2)")
    asked = reader.parse_args()
    if asked.seed is not None:
        return one(asked.seed)
    return many(range(asked.first, asked.first + asked.count), asked.processes)


def one(seed: int) -> int:
    found = compare(seed)
    if found is None:
        say(f"history {seed}: no difference")
        return 0
    name = known.of(found)
    say(smallest(found).told() + (f"\n\nknown: {name}" if name else ""))
    return int(not name)


def part(seeds: range) -> Part:
    """Differences that are alike are counted together, with the seed of the shortest."""
    found = Part()
    for seed in seeds:
        difference = compare(seed, found.exercised)
        if difference is None:
            continue
        if name := known.of(difference):
            found.names[name] += 1
            continue
        found.signs[difference.sign] += 1
        shortest = (difference.place, seed)
        found.shortest[difference.sign] = min(found.shortest.get(difference.sign, shortest), shortest)
    return found


def many(seeds: range, processes: int) -> int:
    """In slices, by so many processes; then what they have found, and what the histories had in them."""
    clock = time.monotonic  # noqa: TID251  # how long the run itself takes
    began, whole = clock(), Part()
    slices = [seeds[at : at + SLICE] for at in range(0, len(seeds), SLICE)]
    with ProcessPoolExecutor(processes) as pool:
        for done, found in enumerate(pool.map(part, slices), 1):
            whole.add(found)
            for sign in found.signs:
                say(f"… {sign}: {AGAIN} {found.shortest[sign][1]}")
            if done % 10 == 0:
                say(f"… {done * SLICE:,} histories, {clock() - began:,.0f} s")
    took = clock() - began
    say("\n".join(["", "seen in them:", *whole.exercised.table(), ""]))
    for sign, times in whole.signs.most_common():
        say(f"{times} × {sign}: {AGAIN} {whole.shortest[sign][1]}")
    for name, times in whole.names.most_common():
        say(f"{times} ended at what is known: {name}")
    missing = whole.exercised.missing() if len(seeds) >= ENOUGH else []
    if missing:
        say(f"never seen: {', '.join(missing)}")
    differ = sum(whole.signs.values())
    say(
        f"{len(seeds):,} histories, {differ} differ; {took:,.0f} s by {processes} processes, {len(seeds) / took:.1f} a second"
    )
    return int(bool(differ or missing))


if __name__ == "__main__":
    sys.exit(main())
