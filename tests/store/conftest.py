"""One contract, several stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.stage import Shelf


@pytest.fixture(params=["memory", "sqlite"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    found = Shelf(request.param, tmp_path)
    yield found
    found.clear()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Shelf]:
    found = Shelf("sqlite", tmp_path)
    yield found
    found.clear()
