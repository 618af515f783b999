"""What may be done with customers. ``customer`` is the opaque key that contacts carry, never a name or a number to call.

Instants are dispatcher milliseconds. Fields that the server fills in are refused from a client.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from engine.desk.deeds import Deed
from engine.dispatch.commands import Value


class SaveCustomer(Deed, tag="customer.save", frozen=True, gc=False):
    """Set declared attributes; null takes one away, what is not named stays.

    ``expect_version``: as last seen, 0 for a customer nobody has saved yet. ``personal``: which of them are sealed (the server fills it in).
    """

    customer: str = ""
    attributes: dict[str, Value | None] = {}
    expect_version: int | None = None
    personal: tuple[str, ...] = ()
    routing: tuple[str, ...] = ()


class TagCustomer(Deed, tag="customer.tag", frozen=True, gc=False):
    """Put tags on a customer, and take others off. Tags are no place for personal data: they are not sealed."""

    customer: str = ""
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


class SetTier(Deed, tag="customer.tier", frozen=True, gc=False):
    """Give a customer a declared tier; empty: none."""

    customer: str = ""
    tier: str = ""


class BlockCustomer(Deed, tag="customer.block", frozen=True, gc=False):
    """Until ``until`` (0: for good) new contacts are turned away: by the entry rule for ``blocked = "yes"``, else refused."""

    customer: str = ""
    reason: str = ""
    until: int = 0


class UnblockCustomer(Deed, tag="customer.unblock", frozen=True, gc=False):
    """New contacts are taken in again."""

    customer: str = ""


# --- entitlements ---------------------------------------------------------------------------------------------------


class Subscribe(Deed, tag="customer.subscribe", frozen=True, gc=False):
    """A declared entitlement from ``since`` (0: now) until ``until`` (0: for good), with its quota of uses."""

    customer: str = ""
    entitlement: str = ""
    since: int = 0
    until: int = 0
    quota: int = 0


class CancelSubscription(Deed, tag="customer.cancel", frozen=True, gc=False):
    """The subscription that runs now ends at ``at`` (0: now)."""

    customer: str = ""
    entitlement: str = ""
    at: int = 0


class UseEntitlement(Deed, tag="customer.use", frozen=True, gc=False):
    """So many uses, metered: refused when the customer has no such entitlement now, or its quota would not do.

    ``tiers``: those that include it, with ``quota`` uses (the server fills both in).
    """

    customer: str = ""
    entitlement: str = ""
    amount: int = 1
    contact: int = 0
    tiers: tuple[str, ...] = ()
    quota: int = 0


# --- who is who -----------------------------------------------------------------------------------------------------


class LinkCustomer(Deed, tag="customer.link", frozen=True, gc=False):
    """The customer writes on ``channel`` under ``key``: from now on that key is this customer. Needs the customer's consent."""

    customer: str = ""
    channel: str = ""
    key: str = ""
    consent: Literal["", "asked", "written", "account"] = ""
    contact: int = 0


class MergeCustomers(Deed, tag="customer.merge", frozen=True, gc=False):
    """``other`` is the same person as ``customer``, who said so: how (``consent``), and in which contact.

    Nothing is moved: what is known of ``other`` is shown with ``customer``'s, and stands by itself again after ``customer.unmerge``.
    """

    customer: str = ""
    other: str = ""
    consent: Literal["", "asked", "written", "account"] = ""
    contact: int = 0


class UnmergeCustomers(Deed, tag="customer.unmerge", frozen=True, gc=False):
    """``other``, a merged or linked key, is a customer of its own again, with all that it had."""

    customer: str = ""
    other: str = ""


class EraseCustomer(Deed, tag="customer.erase", frozen=True, gc=False):
    """Destroy the keys of a customer, of all that were merged into it too: what they sealed can never be read again."""

    customer: str = ""


class CustomerErased(Deed, tag="customer.erased", frozen=True, gc=False):
    """The keys are destroyed (server only): the erasure of record ``erasure`` is finished."""

    erasure: int = 0


# --- segments -------------------------------------------------------------------------------------------------------


class SaveSegment(Deed, tag="segment.save", frozen=True, gc=False):
    """Customers by rule, in the grammar of requirements: tags are bare words, ``@`` attributes that are not personal, ``@tier``.

    ``vip and @tier = "gold" and not "slow payer"``
    """

    segment: str = ""
    title: str = ""
    rule: str = ""


class RemoveSegment(Deed, tag="segment.remove", frozen=True, gc=False):
    segment: str = ""


CustomerCommand: TypeAlias = (
    SaveCustomer
    | TagCustomer
    | SetTier
    | BlockCustomer
    | UnblockCustomer
    | Subscribe
    | CancelSubscription
    | UseEntitlement
    | LinkCustomer
    | MergeCustomers
    | UnmergeCustomers
    | EraseCustomer
    | CustomerErased
    | SaveSegment
    | RemoveSegment
)
