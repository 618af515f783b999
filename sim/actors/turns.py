"""Whose turn comes first of those that fall into one millisecond: the smaller rank, then who asked first to be woken.

Whatever plays a scenario's actors keeps this order, so that the twin and a server in virtual time decide the same.
"""

from __future__ import annotations

# The dispatcher's own deadlines, as in the driver; what befalls the house (faults, another policy); agents in the order of
# the roster, then bots; customers in the order of their coming.
DEADLINES, OUTSIDE, AGENTS, CUSTOMERS = 0, 1, 2, 1 << 30
