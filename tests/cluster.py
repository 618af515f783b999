"""A PostgreSQL of the tests' own: in a folder of its own, on a Unix socket that only this user can reach, then gone."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest

# The server refuses to run as root; Debian's package brings this user.
SERVANT = "postgres"
PATIENCE_S = 60
_numbers = count(1)


class Cluster:
    """``url(schema)`` names one journal's place; every test has a schema of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pid = 0

    def url(self, schema: str = "public") -> str:
        options = quote(f"-csearch_path={schema}")
        return f"postgresql:///postgres?host={quote(str(self.folder))}&user={SERVANT}&options={options}"

    def new_place(self) -> str:
        """The URL of a new, empty schema."""
        schema = f"shelf_{os.getpid()}_{next(_numbers)}"
        self.execute(f"CREATE SCHEMA {schema}")
        return self.url(schema)

    def execute(self, statement: str, url: str = "") -> list[tuple[object, ...]]:
        import psycopg  # of the extra `postgresql`

        with psycopg.connect(url or self.url(), autocommit=True) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []


def programs() -> Path | None:
    """The newest ``bin`` folder with the server's programs."""
    on_path = shutil.which("initdb")
    found = sorted(
        (path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0,
    )
    return found[-1] if found else Path(on_path).parent if on_path else None


def _as_servant() -> dict[str, object]:
    """As whom the server's programs run: as ourselves, but never as root."""
    if os.getuid():
        return {}
    servant = pwd.getpwnam(SERVANT)
    return {"user": servant.pw_uid, "group": servant.pw_gid, "extra_groups": []}


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A server for as long as the block lasts. Skips the test where there is none to start."""
    bin_folder = programs()
    if bin_folder is None:
        pytest.skip("no PostgreSQL server here: sh tools/postgresql.sh installs Debian's")
    servant = _as_servant()
    folder = Path(tempfile.mkdtemp(prefix="sluice-postgresql-"))
    if servant:
        shutil.chown(folder, SERVANT)
    data = folder / "data"
    initdb = [bin_folder / "initdb", "-D", data, "-U", SERVANT, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, timeout=PATIENCE_S, **servant)  # type: ignore[call-overload]  # keyword names checked above
    settings = {"listen_addresses": "", "unix_socket_directories": folder, "max_connections": 60}
    server = [bin_folder / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-s"]
    told = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
    subprocess.run([*server, "-o", told, "start"], check=True, cwd=folder, timeout=PATIENCE_S, **servant)  # type: ignore[call-overload]  # as above
    cluster = Cluster(folder)
    cluster.pid = int((data / "postmaster.pid").read_text().split()[0])
    try:
        yield cluster
    finally:
        subprocess.run([*server, "stop", "-m", "immediate"], check=False, capture_output=True, cwd=folder, **servant)  # type: ignore[call-overload]  # as above
        shutil.rmtree(folder, ignore_errors=True)
