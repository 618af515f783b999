"""What the driver does to the journal in a thread: a commit, and while there the look-up of what came in meanwhile.

Each way into a thread and back costs as much as deciding five commands, and on a busy engine all of a batch comes in while
the one before it is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.driver.inbox import Inbox, Pending
from engine.driver.subjects import Subject
from engine.ports import Batch, CommandKey, Sealer, Store
from engine.store.answers import RecentAnswers


class Writing:
    """Both methods block. Meanwhile the loop only appends to ``inbox``, and leaves ``recent`` alone."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        recent: RecentAnswers,
        at_once: int,
        sealer: Sealer | None,
        subject_of: Callable[[Pending], Subject],
    ) -> None:
        """``at_once``: commands looked up in one go, at most so many as ``recent`` holds. ``subject_of``: whose key a payload
        will be sealed with, as far as that can be told by now."""
        self._store, self._inbox, self._recent, self._at_once = store, inbox, recent, at_once
        self._sealer, self._subject_of = sealer, subject_of

    def commit(self, batch: Batch) -> None:
        """Durable when this returns. Raises ``StoreError``."""
        self._store.commit(batch)
        self.look_up()

    def look_up(self) -> None:
        """Ask the store about command ids that memory does not know, all at once. Raises ``StoreError``."""
        unknown: list[Pending] = []
        keys: list[CommandKey] = []
        waiting = self._inbox.waiting(self._at_once)
        if self._sealer is not None:
            self._fetch_keys(self._sealer, waiting)
        for pending in waiting:
            if pending.key is None:
                pending.looked_up = True
            elif not pending.looked_up:
                pending.stored = self._recent.find(pending.key, pending.stamp)
                if pending.stored is None:
                    unknown.append(pending)
                    keys.append(pending.key)
                else:
                    pending.looked_up = True
        if keys:
            found = self._store.find_answers(keys)
            for pending, key in zip(unknown, keys, strict=True):
                pending.stored = found.get(key)
                pending.looked_up = True

    def _fetch_keys(self, sealer: Sealer, waiting: Sequence[Pending]) -> None:
        """Of all that brings a text; new ones are durable before anything is sealed with them."""
        sealer.ready([self._subject_of(pending) for pending in waiting if pending.payload])
