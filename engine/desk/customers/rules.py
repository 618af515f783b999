"""What may be done with customers, and what must hold before it is."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import select

from engine.desk import limits
from engine.desk.customers import answers
from engine.desk.customers import commands as c
from engine.desk.customers import queries as q
from engine.desk.customers.checks import (
    check_count,
    check_declared,
    check_instant,
    check_key,
    check_text,
    check_value,
)
from engine.desk.customers.folds import find, running_subscription
from engine.desk.customers.identity import keys_of, root_of, thing
from engine.desk.customers.segments import read_rule
from engine.desk.customers.tables import CUSTOMER_CONTACTS, CUSTOMER_ENTITLEMENTS, CUSTOMER_LINKS, SEGMENTS
from engine.desk.database import Reading
from engine.desk.deeds import Ask, Asker, Rooms, Rule, refuse
from engine.desk.refusals import DeskCode
from engine.desk.settings import Settings

# --- profile --------------------------------------------------------------------------------------------------------


def complete_save(deed: c.SaveCustomer, _asker: Asker, settings: Settings, _now: int) -> c.SaveCustomer:
    check_key("customer", deed.customer)
    for field in ("personal", "routing"):
        if given := getattr(deed, field):
            raise refuse(DeskCode.BAD_VALUE, field, ", ".join(given)[:80], "nothing: it is declared")
    if not deed.attributes:
        raise refuse(DeskCode.BAD_VALUE, "attributes", "none", "at least one")
    for name, value in deed.attributes.items():
        check_declared(f"attributes.{name[:64]}", name, tuple(settings.attributes))
        if value is not None:
            check_value(f"attributes.{name}", value, settings.attributes[name])
    kinds = {name: settings.attributes[name] for name in deed.attributes}
    return msgspec.structs.replace(
        deed,
        personal=tuple(name for name, kind in kinds.items() if kind.personal),
        routing=tuple(name for name, kind in kinds.items() if kind.routing),
    )


def check_save(reading: Reading, deed: c.SaveCustomer, _now: int) -> None:
    if deed.expect_version is None:
        return
    row = find(reading, deed.tenant, root_of(reading, deed.tenant, deed.customer))
    version = 0 if row is None else row.version
    if deed.expect_version != version:
        raise refuse(DeskCode.VERSION_CONFLICT, "expect_version", deed.expect_version, str(version))


def complete_tags(deed: c.TagCustomer, _asker: Asker, _settings: Settings, _now: int) -> c.TagCustomer:
    check_key("customer", deed.customer)
    if not deed.add and not deed.remove:
        raise refuse(DeskCode.BAD_VALUE, "add, remove", "none", "at least one tag")
    for what, tags in (("add", deed.add), ("remove", deed.remove)):
        if len(tags) > limits.TAGS:
            raise refuse(DeskCode.TOO_MANY, what, len(tags), f"at most {limits.TAGS}")
        for tag in tags:
            check_text(f"{what}: a tag", tag, limits.TAG_CHARS)
    if both := set(deed.add) & set(deed.remove):
        raise refuse(DeskCode.BAD_VALUE, "add, remove", min(both), "each tag in one of them")
    return deed


def check_tags(reading: Reading, deed: c.TagCustomer, _now: int) -> None:
    """Not more than so many; where tags are only taken off there is nothing to check."""
    tags = set(answers.tags_of(reading, deed.tenant, keys_of(reading, deed.tenant, deed.customer)))
    tags = tags - set(deed.remove) | set(deed.add)
    if deed.add and len(tags) > limits.TAGS:
        raise refuse(DeskCode.TOO_MANY, "tags of the customer", len(tags), f"at most {limits.TAGS}")


def complete_tier(deed: c.SetTier, _asker: Asker, settings: Settings, _now: int) -> c.SetTier:
    check_key("customer", deed.customer)
    if deed.tier:
        check_declared("tier", deed.tier, tuple(settings.tiers))
    return deed


def complete_block(deed: c.BlockCustomer, _asker: Asker, _settings: Settings, now: int) -> c.BlockCustomer:
    check_key("customer", deed.customer)
    check_text("reason", deed.reason, limits.REASON_CHARS)
    check_instant("until", deed.until)
    if deed.until and deed.until <= now:
        raise refuse(DeskCode.BAD_VALUE, "until", deed.until, f"0, or an instant after {now}")
    return deed


def complete_customer(deed: Any, _asker: Asker, _settings: Settings, _now: int) -> Any:
    check_key("customer", deed.customer)
    return deed


# --- entitlements ---------------------------------------------------------------------------------------------------


def complete_subscribe(deed: c.Subscribe, _asker: Asker, settings: Settings, now: int) -> c.Subscribe:
    check_key("customer", deed.customer)
    check_declared("entitlement", deed.entitlement, tuple(settings.entitlements))
    check_count("quota", deed.quota, 0)
    for name in ("since", "until"):
        check_instant(name, getattr(deed, name))
    if deed.until and deed.until <= (deed.since or now):
        raise refuse(DeskCode.BAD_VALUE, "until", deed.until, "0, or an instant after since")
    return msgspec.structs.replace(deed, quota=deed.quota or settings.entitlements[deed.entitlement].quota)


def check_subscribe(reading: Reading, deed: c.Subscribe, now: int) -> None:
    """One at a time: whoever wants another one cancels the one that runs."""
    columns = CUSTOMER_ENTITLEMENTS.c
    since = deed.since or now
    rows = reading.rows(
        select(CUSTOMER_ENTITLEMENTS)
        .where(columns.tenant == deed.tenant, columns.customer.in_(keys_of(reading, deed.tenant, deed.customer)))
        .where(columns.entitlement == deed.entitlement, columns.since > 0)
    )
    for row in rows:
        ends = min((each for each in (row.until, row.cancelled_at) if each), default=0)
        if (not ends or ends > since) and (not deed.until or row.since < deed.until):
            shown = f"one from {row.since} to {ends or 'for good'}"
            raise refuse(DeskCode.WRONG_STATE, "entitlement", shown, "none at the same time")


def complete_cancel(deed: c.CancelSubscription, _asker: Asker, _settings: Settings, now: int) -> c.CancelSubscription:
    check_key("customer", deed.customer)
    check_text("entitlement", deed.entitlement, limits.TAG_CHARS)
    check_instant("at", deed.at)
    if deed.at and deed.at < now:
        raise refuse(DeskCode.BAD_VALUE, "at", deed.at, f"0, or an instant from {now} on")
    return deed


def check_cancel(reading: Reading, deed: c.CancelSubscription, now: int) -> None:
    if running_subscription(reading, deed.tenant, deed.customer, deed.entitlement, now) is None:
        raise refuse(DeskCode.WRONG_STATE, "entitlement", f"no {deed.entitlement} just now", "a subscription that runs")


def complete_use(deed: c.UseEntitlement, _asker: Asker, settings: Settings, _now: int) -> c.UseEntitlement:
    check_key("customer", deed.customer)
    check_declared("entitlement", deed.entitlement, tuple(settings.entitlements))
    check_count("amount", deed.amount, 1)
    if deed.tiers or deed.quota:
        raise refuse(DeskCode.BAD_VALUE, "tiers, quota", "a value", "nothing: they are declared")
    tiers = tuple(name for name, tier in settings.tiers.items() if deed.entitlement in tier.entitlements)
    return msgspec.structs.replace(deed, tiers=tiers, quota=settings.entitlements[deed.entitlement].quota)


def check_use(reading: Reading, deed: c.UseEntitlement, now: int) -> None:
    running = running_subscription(reading, deed.tenant, deed.customer, deed.entitlement, now)
    keys = keys_of(reading, deed.tenant, deed.customer)
    if running is not None:
        used, quota = running.used, running.quota
    elif answers.tier_of(reading, deed.tenant, keys) in deed.tiers:
        columns = CUSTOMER_ENTITLEMENTS.c
        row = reading.row(
            select(columns.used)
            .where(columns.tenant == deed.tenant, columns.customer == keys[0])
            .where(columns.entitlement == deed.entitlement, columns.since == 0)
        )
        used, quota = (0 if row is None else row.used), deed.quota
    else:
        raise refuse(DeskCode.WRONG_STATE, "entitlement", f"no {deed.entitlement} just now", "one that runs")
    if quota and used + deed.amount > quota:
        raise refuse(DeskCode.WRONG_STATE, "amount", f"{used} used and {deed.amount} more", f"at most {quota}")


# --- who is who -----------------------------------------------------------------------------------------------------


def complete_merge(deed: c.MergeCustomers, _asker: Asker, _settings: Settings, _now: int) -> c.MergeCustomers:
    check_key("customer", deed.customer)
    check_key("other", deed.other)
    _check_consent(deed)
    return deed


def complete_link(deed: c.LinkCustomer, _asker: Asker, _settings: Settings, _now: int) -> c.LinkCustomer:
    check_key("customer", deed.customer)
    check_key("key", deed.key)
    check_text("channel", deed.channel, limits.TAG_CHARS)
    _check_consent(deed)
    return deed


def _check_consent(deed: c.MergeCustomers | c.LinkCustomer) -> None:
    if not deed.consent:
        raise refuse(DeskCode.BAD_VALUE, "consent", "none", "asked, written or account: how the customer said so")
    if deed.consent == "asked" and deed.contact <= 0:
        raise refuse(DeskCode.BAD_VALUE, "contact", deed.contact, "the contact in which the customer was asked")


def check_merge(reading: Reading, deed: c.MergeCustomers, _now: int) -> None:
    _check_joinable(reading, deed, deed.other)
    # A customer is somebody of whom something is known here: another tenant's looks as if it did not exist.
    for name, customer in (("customer", deed.customer), ("other", deed.other)):
        if not is_known(reading, deed.tenant, customer):
            raise refuse(DeskCode.UNKNOWN_CUSTOMER, name, customer[:80], "a customer of this tenant")


def check_link(reading: Reading, deed: c.LinkCustomer, _now: int) -> None:
    _check_joinable(reading, deed, deed.key)
    row = find(reading, deed.tenant, deed.key)
    if row is not None and row.version:
        raise refuse(DeskCode.WRONG_STATE, "key", "a customer with a profile", "customer.merge for those")


def _check_joinable(reading: Reading, deed: c.MergeCustomers | c.LinkCustomer, other: str) -> None:
    ours, theirs = keys_of(reading, deed.tenant, deed.customer), keys_of(reading, deed.tenant, other)
    if ours[0] == theirs[0]:
        raise refuse(DeskCode.WRONG_STATE, "customers", "one customer already", "two different ones")
    if len(ours) + len(theirs) > limits.CLUSTER:
        raise refuse(DeskCode.TOO_MANY, "keys", len(ours) + len(theirs), f"at most {limits.CLUSTER} of one customer")
    if deed.contact:
        contact = reading.row(select(CUSTOMER_CONTACTS).where(CUSTOMER_CONTACTS.c.contact == deed.contact))
        if contact is None or contact.tenant != deed.tenant or contact.customer not in (*ours, *theirs):
            raise refuse(DeskCode.BAD_VALUE, "contact", deed.contact, "a contact of one of the two")


def is_known(reading: Reading, tenant: str, customer: str) -> bool:
    """Whether anything was saved of the customer, or it has ever written."""
    contacts = CUSTOMER_CONTACTS.c
    return (
        find(reading, tenant, customer) is not None
        or reading.row(
            select(contacts.contact).where(contacts.tenant == tenant, contacts.customer == customer).limit(1)
        )
        is not None
    )


def complete_unmerge(deed: c.UnmergeCustomers, _asker: Asker, _settings: Settings, _now: int) -> c.UnmergeCustomers:
    check_key("customer", deed.customer)
    check_key("other", deed.other)
    return deed


def check_unmerge(reading: Reading, deed: c.UnmergeCustomers, _now: int) -> None:
    links = CUSTOMER_LINKS.c
    link = reading.row(select(links.into).where(links.tenant == deed.tenant, links.customer == deed.other))
    if link is None or root_of(reading, deed.tenant, deed.other) != root_of(reading, deed.tenant, deed.customer):
        raise refuse(
            DeskCode.WRONG_STATE, "other", deed.other[:80], "a key that was merged into the customer, or linked"
        )


def check_erase(reading: Reading, deed: c.EraseCustomer, _now: int) -> None:
    if not is_known(reading, deed.tenant, deed.customer):
        raise refuse(DeskCode.UNKNOWN_CUSTOMER, "customer", deed.customer[:80], "a customer of this tenant")


# --- segments -------------------------------------------------------------------------------------------------------


def complete_segment(deed: c.SaveSegment, _asker: Asker, settings: Settings, _now: int) -> c.SaveSegment:
    check_text("segment", deed.segment, limits.TAG_CHARS)
    if deed.title:
        check_text("title", deed.title, limits.REASON_CHARS)
    read_rule(deed.rule, settings)
    return deed


def check_segment(reading: Reading, deed: c.SaveSegment, _now: int) -> None:
    columns = SEGMENTS.c
    others = reading.rows(select(columns.segment).where(columns.tenant == deed.tenant, columns.segment != deed.segment))
    if len(others) >= limits.SEGMENTS:
        raise refuse(DeskCode.TOO_MANY, "segments", len(others) + 1, f"at most {limits.SEGMENTS}")


def check_segment_there(reading: Reading, deed: c.RemoveSegment, _now: int) -> None:
    columns = SEGMENTS.c
    if not reading.row(select(columns.segment).where(columns.tenant == deed.tenant, columns.segment == deed.segment)):
        raise refuse(DeskCode.WRONG_STATE, "segment", deed.segment[:64], "a segment of this tenant")


# --- the table ------------------------------------------------------------------------------------------------------


def _of_customer(deed: Any) -> str:
    return str(deed.customer)


def _its_customer(deed: Any) -> tuple[str, ...]:
    return (deed.customer,)


def _the_customer(deed: Any) -> tuple[str, ...]:
    return (thing(deed.customer),)


def _both(deed: c.MergeCustomers | c.UnmergeCustomers) -> tuple[str, ...]:
    return (thing(deed.customer), thing(deed.other))


def _personal(**parts: Any) -> Rule:
    """Of one customer, sealed with its key."""
    return Rule(subject=_of_customer, customers=_its_customer, things=_the_customer, **parts)


ROOMS = Rooms(
    rules={
        c.SaveCustomer: _personal(complete=complete_save, check=check_save),
        c.TagCustomer: _personal(complete=complete_tags, check=check_tags),
        c.SetTier: _personal(complete=complete_tier),
        c.BlockCustomer: _personal(complete=complete_block),
        c.UnblockCustomer: _personal(complete=complete_customer),
        c.Subscribe: _personal(complete=complete_subscribe, check=check_subscribe),
        c.CancelSubscription: _personal(complete=complete_cancel, check=check_cancel),
        c.UseEntitlement: _personal(complete=complete_use, check=check_use, contact=lambda deed: deed.contact),
        # Who is who holds nothing personal, and must be readable when a key of it is gone: not sealed.
        c.LinkCustomer: Rule(
            complete=complete_link,
            customers=_its_customer,
            things=lambda deed: (thing(deed.customer), thing(deed.key)),
            check=check_link,
            contact=lambda deed: deed.contact,
        ),
        c.MergeCustomers: Rule(
            complete=complete_merge,
            customers=lambda deed: (deed.customer, deed.other),
            things=_both,
            check=check_merge,
            contact=lambda deed: deed.contact,
        ),
        c.UnmergeCustomers: Rule(complete=complete_unmerge, customers=_its_customer, things=_both, check=check_unmerge),
        c.EraseCustomer: Rule(
            complete=complete_customer, customers=_its_customer, things=_the_customer, check=check_erase, erases=True
        ),
        c.CustomerErased: Rule(),
        c.SaveSegment: Rule(complete=complete_segment, things=lambda deed: ("segments",), check=check_segment),
        c.RemoveSegment: Rule(things=lambda deed: ("segments",), check=check_segment_there),
    },
    asks={
        q.AskCustomer: Ask(answers.answer_customer, _its_customer),
        q.AskCustomers: Ask(answers.answer_customers),
        q.AskCustomerHistory: Ask(answers.answer_history, _its_customer),
        q.AskCustomerRecords: Ask(
            lambda reading, question, _asker: keys_of(reading, question.tenant, question.customer),
            _its_customer,
            lambda records, question, keys: records.fetch(question, keys),
        ),
        q.AskSegments: Ask(answers.answer_segments),
    },
)
