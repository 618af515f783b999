"""What may be asked about customers, and what is answered. Instants in dispatcher ms (0: never)."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from engine.desk.deeds import Question
from engine.dispatch.commands import Attributes


class AskCustomer(Question, tag="customer", frozen=True, gc=False):
    """A customer's profile, all merged keys together → ``CustomerRow``. One of whom nothing is known has version 0."""

    customer: str = ""


class AskCustomers(Question, tag="customers", frozen=True, gc=False):
    """Customers by key, a page at a time, with this tag, in this tier and segment → ``{"customers": [CustomerRow], "more": bool}``.

    ``after``: the last key seen. A page may be short of rows and ``more`` all the same: so many were looked at.
    """

    tag: str = ""
    tier: str = ""
    segment: str = ""
    after: str = ""
    limit: int = 50


class AskCustomerHistory(Question, tag="customer.history", frozen=True, gc=False):
    """The contacts of a customer, under all its keys, newest first → ``{"contacts": [ContactPast], "more": bool}``.

    ``before``: the last contact seen; 0: from the newest.
    """

    customer: str = ""
    before: int = 0
    limit: int = 50


class AskCustomerRecords(Question, tag="customer.records", frozen=True, gc=False):
    """What another system knows of a customer, asked through a declared connector → ``RecordsRow``.

    ``kind``: of what; ``key``: of which one (an order's number), empty for the newest.
    """

    customer: str = ""
    connector: str = ""
    kind: str = "orders"
    key: str = ""
    limit: int = 20


class AskSegments(Question, tag="segments", frozen=True, gc=False):
    """Every segment of the tenant → ``{"segments": [SegmentRow]}``."""


CustomerQuery: TypeAlias = AskCustomer | AskCustomers | AskCustomerHistory | AskCustomerRecords | AskSegments


# --- answers --------------------------------------------------------------------------------------------------------


class EntitlementRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """``quota`` 0: without end. ``by_tier``: comes with the tier, and was not subscribed."""

    entitlement: str
    since: int = 0
    until: int = 0
    quota: int = 0
    used: int = 0
    active: bool = False
    cancelled_at: int = 0
    by_tier: bool = False


class KeyRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A key that is the same customer: merged, or linked as that of a channel."""

    customer: str
    into: str
    how: str
    at: int
    consent: str = ""
    channel: str = ""
    contact: int = 0
    by: str = ""


class CustomerRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """``version``: for ``expect_version``; ``customer``: the key that stands for all in ``keys``."""

    customer: str
    version: int = 0
    attributes: Attributes = {}
    tags: list[str] = []
    tier: str = ""
    segments: list[str] = []
    entitlements: list[EntitlementRow] = []
    keys: list[KeyRow] = []
    blocked: bool = False
    blocked_until: int = 0
    blocked_reason: str = ""
    contacts: int = 0
    created_at: int = 0
    changed_at: int = 0
    erased_at: int = 0


class ContactPast(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """``outcome``: empty while it is open."""

    contact: int
    customer: str
    channel: str
    queue: str
    submitted_at: int
    shop: str = ""
    agent: str = ""
    outcome: str = ""
    connected_at: int = 0
    ended_at: int = 0


class RecordsRow(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """As the other system gave them, checked: flat rows of short values. ``problem``: why there are none just now."""

    connector: str
    records: list[dict[str, Any]] = []
    more: bool = False
    problem: str = ""


class SegmentRow(msgspec.Struct, frozen=True, gc=False):
    segment: str
    title: str
    rule: str
    changed_at: int


ANSWERS = (CustomerRow, EntitlementRow, KeyRow, ContactPast, RecordsRow, SegmentRow)
