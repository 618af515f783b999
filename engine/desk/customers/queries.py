"""What may be asked about customers, and what is answered."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from engine.desk.deeds import Question
from engine.dispatch.commands import Attributes


class AskCustomer(Question, tag="customer", frozen=True, gc=False):
    """A customer's profile → ``CustomerRow``. One of whom nothing is known has version 0."""

    customer: str = ""


CustomerQuery: TypeAlias = AskCustomer


class CustomerRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """``version``: for ``expect_version``; instants in dispatcher ms (0: never)."""

    customer: str
    version: int = 0
    attributes: Attributes = {}
    tags: list[str] = []
    created_at: int = 0
    changed_at: int = 0
