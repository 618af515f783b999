"""What every test shares: how Hypothesis behaves, that asserts are on, and one PostgreSQL for all who ask for it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import engine as conjecture

from tests.cluster import Cluster, running_cluster

if not __debug__:
    raise SystemExit("the tests and the engine speak through asserts: run Python without -O")

# No deadline: a shared machine is slow at times, and a timed test says nothing. The blob is the one line that reproduces.
settings.register_profile(
    "house", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("deep", settings.get_profile("house"), max_examples=2_000)
settings.load_profile(os.environ.get("SLUICE_HYPOTHESIS", "house"))
# Hypothesis shrinks a failure for five minutes and has no setting for it; a red run is to end in time. SLUICE_SHRINK_S=300
# gives it back where a smaller story is worth the wait (tests/tidy/test_hypothesis.py sees that the name still counts).
conjecture.MAX_SHRINKING_SECONDS = int(os.environ.get("SLUICE_SHRINK_S", "30"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Started for the first test that asks; skips where there is no server to start."""
    with running_cluster() as found:
        yield found
