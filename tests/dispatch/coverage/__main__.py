"""``python -m tests.dispatch.coverage``: the table of what random histories and the named stories exercise."""

from __future__ import annotations

import argparse
import sys

from tests.dispatch.coverage.campaign import DAYS, STEPS, play
from tests.dispatch.coverage.collector import Coverage
from tests.dispatch.coverage.rare import STORIES, tell
from tests.dispatch.coverage.unreached import UNREACHED


def main() -> int:
    reader = argparse.ArgumentParser(prog="python -m tests.dispatch.coverage", description=__doc__)
    reader.add_argument("--seed", type=int, default=0, help="the first history's number (default 0)")
    reader.add_argument("--days", type=int, default=DAYS, help=f"how many histories (default {DAYS})")
    reader.add_argument("--steps", type=int, default=STEPS, help=f"steps of each (default {STEPS})")
    asked = reader.parse_args()
    coverage = Coverage()
    for seed in range(asked.seed, asked.seed + asked.days):
        play(coverage, seed, asked.steps)
    alone = set(coverage.missing())
    for story in STORIES:
        tell(coverage, story)
    missing = coverage.missing()
    reached = sorted(map(str, alone - set(missing)))
    lines = [coverage.table(), "", f"By a named story only: {', '.join(reached) or 'nothing'}."]
    lines += [f"never exercised: {item}" + (f" ({UNREACHED[item]})" if item in UNREACHED else "") for item in missing]
    sys.stdout.write("\n".join(lines) + "\n")
    return int(any(item not in UNREACHED for item in missing))


if __name__ == "__main__":
    sys.exit(main())
