"""The twin: the dispatcher of production in simulated time.

SimPy keeps the clock and nothing else: :class:`sim.twin.clock.Clock` hands commands to a Dispatcher and its events to the
actors. Who serves whom is decided by the policy alone.

Two ways in. Reference cases (:mod:`sim.twin.model`, :mod:`sim.twin.play`) are played by actors made for them alone. A
*scenario* is played by the actors of :mod:`sim.actors`, the same who play it over sockets, through :mod:`sim.twin.scenes`::

    play(scenario, seed, listeners=(), *, policy_text=None, progress=None) -> Played
    replicate(scenario, reps, processes=1, folds=(), *, seed=None, policy_text=None, told=None) -> list[Replication]

- ``listeners``: callables ``(stamp, command, events)``, one call per call of the dispatcher, in order; ``command`` is None
  when time passed and deadlines expired (:data:`sim.twin.listening.Listener`).
- ``folds``: makers ``(scenario, seed) -> Fold``; a fold has ``hear`` (a listener) and ``result(played)``, plain data that
  comes back from the process that played (:class:`sim.twin.listening.Fold`).
- Replication k of a seed meets the same customers and people under every policy (``policy_text`` puts another in the
  place of the scenario's): common random numbers, so differences are taken pair by pair.
- Stamps are dispatcher ms from ``played.origin_ms``, midnight of the first day; :class:`sim.twin.listening.Played` has the
  rest. Nothing is kept of a contact that has gone: whoever wants a list makes one in a listener.
"""

from __future__ import annotations
