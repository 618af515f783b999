"""Measures folded over events alone: the same for the running engine, for a simulation and for a report."""
