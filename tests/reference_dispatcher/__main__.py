"""The long run: ``python -m tests.reference_dispatcher --from 0 --count 20000``; ``--seed S`` plays one and tells all."""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.reference_dispatcher import known
from tests.reference_dispatcher.comparing import compare, smallest


def main() -> int:
    reader = argparse.ArgumentParser(prog="python -m tests.reference_dispatcher", description=__doc__)
    reader.add_argument("--seed", type=int, help="play this one history and tell a difference in full")
    reader.add_argument("--from", type=int, default=0, dest="first", help="the first seed (default 0)")
    reader.add_argument("--count", type=int, default=500, help="how many histories (default 500)")
    asked = reader.parse_args()
    if asked.seed is not None:
        found = compare(asked.seed)
        print(f"history {asked.seed}: no difference" if found is None else smallest(found).told())
        return int(found is not None)
    signs: Counter[str] = Counter()
    example: dict[str, tuple[int, int]] = {}
    names: Counter[str] = Counter()
    for seed in range(asked.first, asked.first + asked.count):
        found = compare(seed)
        if found is not None and known.of(found):
            names[known.of(found)] += 1
        elif found is not None:
            signs[found.sign] += 1
            length = found.place
            example[found.sign] = min(example.get(found.sign, (length, seed)), (length, seed))
    for sign, times in signs.most_common():
        print(f"{times} × {sign}  (--seed {example[sign][1]})")
    print(f"{asked.count} histories, {sum(signs.values())} differ, {sum(names.values())} end at what is known: {dict(names)}")
    return int(bool(signs))


if __name__ == "__main__":
    sys.exit(main())
