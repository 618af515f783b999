"""The twin: the dispatcher of production in simulated time.

SimPy keeps the clock and nothing else: :class:`sim.twin.clock.Clock` hands commands to a Dispatcher and its events to the
actors. Who serves whom is decided by the policy alone.
"""

from __future__ import annotations
