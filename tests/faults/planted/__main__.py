"""``python -m tests.faults.planted``: plant each bug, and list the seed that found it and after how many schedules."""

from __future__ import annotations

import argparse
import sys

from tests.faults.planted.bugs import BUGS
from tests.faults.planted.finding import find_all


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.planted", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    names = given.names or [bug.name for bug in BUGS]
    missed = 0
    for found in find_all(names, given.processes):
        missed += not found.seed
        said = f"seed {found.seed:4d} after {found.schedules:3d}" if found.seed else f"NOT FOUND in {found.schedules}"
        sys.stdout.write(f"{found.name:28} {said}   {found.problem[:110]}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(names)} planted, {len(names) - missed} found\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
