"""Events of single pools: their service level as lenders, and what people should look at."""

from __future__ import annotations

import msgspec


class _Event(msgspec.Struct, frozen=True, gc=False, tag_field="type", omit_defaults=True):
    at: int


class LenderMeasured(_Event, tag="pool.lender_measured", frozen=True, gc=False):
    """Minutes have left the window of a lender's service level: whether it ``holds``, and the sums that are left."""

    pool: str
    holds: bool
    answered: int
    in_time: int
    abandoned: int


class AlertRaised(_Event, tag="alert.raised", frozen=True, gc=False):
    """Something that people should look at. ``alert`` rona_share: so many of the pool are out by RONA already that this
    agent stays; ``got`` would be out of ``present`` agents, ``limit`` may be."""

    alert: str
    pool: str = ""
    agent: str = ""
    got: int = 0
    limit: int = 0
    present: int = 0
