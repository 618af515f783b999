"""How many people are needed, by interval and pool: the fewest that meet stated targets, found with the twin.

A start from theory (the load that a day offers to people who are never busy, staffed by the square-root rule), a search on
the twin with the same customers for every candidate, and a confirmation on days that the search has not seen.
"""

from __future__ import annotations
