"""Scenarios and the actors that play them: the twin and, in :mod:`sim.live`, clients of a running engine."""
