"""What came of a case, as values: sentences in a language are made of them in :mod:`engine.trials.report`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from engine.dispatch import events as ev
from engine.dispatch.explain import Explanation
from engine.trials.cases import Case, Place
from engine.trials.player import Play


class Said(msgspec.Struct, frozen=True):
    """A sentence or a part of one: a key of :data:`engine.trials.phrases.PHRASES` and what fills it.

    A tuple of texts among ``params`` is told as a list; lengths are texts already.
    """

    key: str
    params: Mapping[str, Any] = {}


# An offer is told with its reasons; an explanation as what stands, or, with a verdict, as why not that agent.
Why: TypeAlias = Said | ev.OfferMade | Explanation


class Judgement(msgspec.Struct, frozen=True):
    """One expectation, or (``action``) something of the timeline that could not be done. ``contact``: whose story it is."""

    ok: bool
    place: Place
    expected: tuple[Said, ...]
    got: tuple[Said, ...] = ()
    why: tuple[Why, ...] = ()
    contact: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """A played case, judged: what failed first, then what held, each in the file's order."""

    case: Case
    play: Play
    judgements: tuple[Judgement, ...]

    @property
    def ok(self) -> bool:
        return all(one.ok for one in self.judgements)
