"""Reference cases with exact answers: read, typed, and solved by formula.

A case has a ``kind``. :data:`sim.validation.kinds.KINDS` says what parameters each kind has, and
:data:`sim.validation.closed_forms.ROADS` which formula answers it; another road (a simulation) is another table by kind.
"""

from __future__ import annotations
