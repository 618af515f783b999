"""Who may import whom: said by a machine, and tried in fresh processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATABASES = {"apsw", "sqlite3", "sqlalchemy", "psycopg"}
HEAVY = {"trio", "numpy", "simpy", "starlette", "hypercorn", "websockets", "rich", "cryptography", "jwt", "structlog"}


def _loaded_by(statement: str) -> set[str]:
    """The top-level packages that a fresh interpreter holds after ``statement``, its own start-up apart."""
    code = f"import sys; before = set(sys.modules)\n{statement}\nimport json; print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in json.loads(done.stdout)}


def test_the_rooms_that_decide_and_simulate_load_neither_trio_nor_a_database() -> None:
    """A planner imports sim and the dispatcher: no event loop and no database comes along."""
    loaded = _loaded_by("import sim, engine.dispatch, engine.dispatch.dispatcher")
    assert "engine" in loaded and "sim" in loaded
    assert loaded & (DATABASES | {"trio"}) == set()


def test_importing_the_engine_loads_nothing_heavy() -> None:
    """The embedding door opens only when somebody goes through it."""
    loaded = _loaded_by("import engine")
    assert loaded & (DATABASES | HEAVY) == set()


def test_who_embeds_the_router_alone_loads_no_desk() -> None:
    """The wire knows the desk's commands, the bootstrap how to open one; its database comes with the first who wants it."""
    loaded = _loaded_by("import engine.desk.commands, engine.desk.queries, engine.wire.messages")
    assert loaded & (DATABASES | {"trio", "alembic"}) == set()
    loaded = _loaded_by("import engine.bootstrap, engine.server.core")
    assert loaded & {"sqlalchemy", "alembic"} == set()


@pytest.mark.parametrize("module", ["engine.cli", "sim", "adapters", "bench"])
def test_each_room_can_be_imported_alone(module: str) -> None:
    """No room needs another to have been imported first."""
    assert module.split(".")[0] in _loaded_by(f"import {module}")


def test_arrows_go_down_only() -> None:
    """import-linter holds the house's layers, exhaustively."""
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
