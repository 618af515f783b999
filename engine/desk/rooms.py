"""The desk's rooms in one list: what is done, what is asked, what is kept."""

from __future__ import annotations

from engine.desk.conversations import folds as conversations_folds
from engine.desk.conversations import rules as conversations_rules
from engine.desk.customers import folds as customers_folds
from engine.desk.customers import rules as customers_rules
from engine.desk.deeds import Rooms
from engine.desk.folding import Folds

# In the order in which they hear of a record: what conversations forget hangs on whom customers have forgotten.
_ROOMS = (
    (customers_rules.ROOMS, customers_folds.FOLDS),
    (conversations_rules.ROOMS, conversations_folds.FOLDS),
)


def all_rooms() -> Rooms:
    joined = Rooms()
    for rooms, _ in _ROOMS:
        joined.rules |= rooms.rules
        joined.asks |= rooms.asks
    return joined


def all_folds() -> Folds:
    joined = Folds()
    for _, folds in _ROOMS:
        joined.join(folds)
    return joined
