"""Exact queueing answers: what the twin is held against, and where a search for staff starts.

One unit of time per call, whichever: rates are per that unit, waits and times are in it. Loads are in erlangs (arrival
rate × mean service). Probabilities are shares of 1. A model that has no steady state raises :class:`Unstable`; any other
parameter that means nothing raises ``ValueError`` with what was got and what was wanted.
"""

from __future__ import annotations
