"""``python -m bench NAME …``: each benchmark is a module here with ``main(arguments) -> exit code``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

_HERE = Path(__file__).parent


def names() -> list[str]:
    """The benchmarks: every module beside this one that is not private."""
    return sorted(path.stem for path in _HERE.glob("[!_]*.py"))


def main(arguments: list[str]) -> int:
    """Run one benchmark; 0 = fine, 2 = wrong use, else what the benchmark says."""
    known = names()
    if not arguments or arguments[0] in {"-h", "--help"}:
        print("usage: python -m bench NAME [OPTIONS]; NAME is one of: " + ", ".join(known))
        return 0 if arguments else 2
    if arguments[0] not in known:
        print(f"unknown benchmark, got {arguments[0]!r}, wanted one of: {', '.join(known)}", file=sys.stderr)
        return 2
    result = importlib.import_module(f"bench.{arguments[0]}").main(arguments[1:])
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
