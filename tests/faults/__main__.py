"""``python -m tests.faults``: play schedules, and say how to repeat each that breaks a promise.

python -m tests.faults --count 2000           two processes, a line for each failure, the rate
python -m tests.faults --count 1 --seed 17    one schedule: its faults and its trace hash
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.faults.campaign import FIRST_SEED, repeat_line, verdicts


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="schedules")
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="the first one's seed")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    begun, failed, played_s = time.perf_counter(), 0, 0.0
    for verdict in verdicts(range(given.seed, given.seed + given.count), 1 if given.count < 16 else given.processes):
        played_s += verdict.virtual_s
        if given.count == 1:
            sys.stdout.write("".join(f"  {fault}\n" for fault in verdict.faults))
            sys.stdout.write(f"trace {verdict.digest}, {verdict.virtual_s:.0f} s of virtual time\n")
        if verdict.problems:
            failed += 1
            sys.stdout.write(f"{repeat_line(verdict.seed)}   # trace {verdict.digest}\n")
            sys.stdout.write("".join(f"    {problem[:300]}\n" for problem in verdict.problems[:5]))
            sys.stdout.flush()
    took_s = time.perf_counter() - begun
    sys.stdout.write(
        f"{given.count} schedules, {played_s / 3_600:.1f} h of virtual time, {failed} broke a promise;"
        f" {given.count / took_s:.1f} per second\n"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
