"""Compile the dispatcher's hot modules in place with mypyc: ``python tools/compile.py`` (about a minute, once).

The same Python runs uncompiled, at a third of the speed: without a C compiler nothing is lost but time. Instant when the
sources have not changed since. ``--remove`` takes the compiled files away.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from engine.compiled import STAMP, fingerprint, stamped  # noqa: E402  # the repository is put on the path first

# Everything that runs for each command. What runs once (the policy's compiler, explanations) stays
# as it is; of snapshots what runs for each of a million contacts.
HOT = (
    "agents", "choosing", "clocks", "contact_rows", "contacts", "dispatcher", "estimates", "house", "idlers", "lanes", "matching",
    "names", "pools", "ranks", "records", "rings", "seats", "selecting",
    "stands", "state", "stepping", "strands", "swapping", "timers", "policy/entering",
)  # fmt: skip
ROOMS = ("changes", "rules")
SETUP = """
import sys
from mypyc.build import mypycify
from setuptools import setup
modules = mypycify(sys.argv.pop().split(","), opt_level="2", debug_level="0", group_name="sluice")
setup(name="sluice-native", packages=[], script_args=["build_ext", "--inplace"], ext_modules=modules)
"""


def sources() -> list[str]:
    """Relative to the repository's root."""
    dispatch = ROOT / "engine" / "dispatch"
    found = [dispatch / f"{name}.py" for name in HOT]
    found += [path for room in ROOMS for path in sorted((dispatch / room).glob("*.py")) if path.stem != "__init__"]
    return [str(path.relative_to(ROOT)) for path in found]


def built() -> list[Path]:
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    return [*ROOT.glob(f"sluice__mypyc*{suffix}"), *(ROOT / "engine" / "dispatch").rglob(f"*{suffix}")]


def remove() -> None:
    STAMP.unlink(missing_ok=True)
    for path in built():
        path.unlink()


def build(folder: Path) -> bool:
    """Compile a copy in ``folder``, so that neither a failure nor its traces touch the sources."""
    shutil.copytree(ROOT / "engine", folder / "engine", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    (folder / "build_native.py").write_text(SETUP)
    environment = {**os.environ, "MYPYPATH": str(folder), "PYTHONPATH": ""}
    with (folder / "log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "build_native.py", ",".join(sources())],
            cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    if done.returncode:
        log_path = ROOT / "build" / "compile.log"
        log_path.parent.mkdir(exist_ok=True)
        shutil.copyfile(folder / "log", log_path)
        print(f"sluice: could not compile the dispatcher; it runs uncompiled (see {log_path})", file=sys.stderr)
        return False
    return True


def main(arguments: list[str]) -> int:
    """0 also where it cannot be compiled: the engine runs all the same."""
    if "--remove" in arguments:
        remove()
        return 0
    now = fingerprint()
    if stamped() == now:
        return 0
    print("sluice: compiling the dispatcher (about a minute; SLUICE_PURE=1 leaves it out)", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="sluice-compile-") as name:
        folder = Path(name)
        remove()
        if build(folder):
            suffix = sysconfig.get_config_var("EXT_SUFFIX")
            for path in folder.rglob(f"*{suffix}"):
                place = path.relative_to(folder)
                if place.parts[0] != "build":
                    shutil.copyfile(path, ROOT / place)
            STAMP.write_text(json.dumps({"fingerprint": now}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
