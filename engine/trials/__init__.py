"""Policy tests: cases that a team lead writes, played through the real dispatcher on a simulated clock.

Pure: no clock, no I/O, no concurrency. Files are read by ``engine/cli``.
"""
