"""The long run: ``python -m tests.reference_dispatcher --count 20000``; ``--seed S`` plays one history and tells all."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.reference_dispatcher import known
from tests.reference_dispatcher.comparing import compare
from tests.reference_dispatcher.shrinking import smallest


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> int:
    """Exit code 1 when something differs that is not known."""
    reader = argparse.ArgumentParser(prog="python -m tests.reference_dispatcher", description=__doc__)
    reader.add_argument("--seed", type=int, help="play this one history and tell a difference in full")
    reader.add_argument("--from", type=int, default=0, dest="first", help="the first seed (default 0)")
    reader.add_argument("--count", type=int, default=500, help="how many histories (default 500)")
    asked = reader.parse_args()
    return one(asked.seed) if asked.seed is not None else many(range(asked.first, asked.first + asked.count))


def one(seed: int) -> int:
    found = compare(seed)
    if found is None:
        say(f"history {seed}: no difference")
        return 0
    name = known.of(found)
    say(smallest(found).told() + (f"\n\nknown: {name}" if name else ""))
    return int(not name)


def many(seeds: range) -> int:
    """Differences that are alike are counted together, with the seed of the shortest."""
    signs: Counter[str] = Counter()
    names: Counter[str] = Counter()
    shortest: dict[str, tuple[int, int]] = {}
    for seed in seeds:
        found = compare(seed)
        if found is None:
            continue
        if name := known.of(found):
            names[name] += 1
            continue
        signs[found.sign] += 1
        shortest[found.sign] = min(shortest.get(found.sign, (found.place, seed)), (found.place, seed))
    for sign, times in signs.most_common():
        say(f"{times} × {sign}: python -m tests.reference_dispatcher --seed {shortest[sign][1]}")
    for name, times in names.most_common():
        say(f"{times} ended at what is known: {name}")
    say(f"{len(seeds)} histories, {sum(signs.values())} differ")
    return int(bool(signs))


if __name__ == "__main__":
    sys.exit(main())
