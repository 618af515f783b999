"""Coverage-guided runs by atheris (the extra ``fuzz``): libFuzzer chooses, our mutations among its own."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.fuzz.chance import Chance


def run(name: str, seconds: int, found: Path, grown: Path) -> None:
    """Never returns: libFuzzer ends the process, with 77 when it found something. ``grown``: its own corpus.

    In a process of its own, that has imported nothing of the engine before: only what is imported here is watched.
    """
    import atheris

    with atheris.instrument_imports(include=["engine.wire", "engine.dispatch.policy", "websockets"]):
        from tests.fuzz.targets import CORPUS, TARGETS
    target = TARGETS[name]
    corpus = target.corpus() or [b""]

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        chance = Chance(seed)
        mixed: bytes = (
            target.make(chance, [data, *corpus[:50]]) if chance.happens(0.5) else atheris.Mutate(data, max_size)
        )
        return mixed[:max_size]

    grown.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    words = [
        f"-max_total_time={seconds}",
        "-max_len=70000",
        "-timeout=60",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    words += [f"-artifact_prefix={found}/", str(grown), str(CORPUS / name)]
    atheris.Setup([sys.argv[0], *words], target.check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
