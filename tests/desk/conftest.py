"""The same stories on both stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.desk.stage import Archive, new_place


@pytest.fixture(params=["sqlite", "postgresql"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    cluster = request.getfixturevalue("cluster") if request.param == "postgresql" else None
    return Archive(new_place(request.param, tmp_path, cluster))


@pytest.fixture
def on_disk(tmp_path: Path) -> Archive:
    return Archive(new_place("sqlite", tmp_path, None))
