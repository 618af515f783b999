"""One contract, several stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.store.stage import Shelf


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    if request.param == "postgresql":
        found = Shelf(request.param, tmp_path, request.getfixturevalue("cluster"))
    else:
        found = Shelf(request.param, tmp_path)
    yield found
    found.clear()


@pytest.fixture(params=["sqlite", "postgresql"])
def durable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    """Those that outlive their process."""
    on_server = request.param == "postgresql"
    found = Shelf(request.param, tmp_path, request.getfixturevalue("cluster") if on_server else None)
    yield found
    found.clear()


@pytest.fixture
def server(tmp_path: Path, cluster: Cluster) -> Iterator[Shelf]:
    found = Shelf("postgresql", tmp_path, cluster)
    yield found
    found.clear()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Shelf]:
    found = Shelf("sqlite", tmp_path)
    yield found
    found.clear()
