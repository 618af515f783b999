"""The comparison sees: a reference that is broken on purpose, in one place at a time, is found out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.dispatch.policy.compiled import Step
from tests.reference_dispatcher import (
    choices,
    decliners,
    dispatcher,
    eligible,
    needs,
    offers,
    registry,
    rona,
    shares,
    slices,
    steps,
    transfers,
)
from tests.reference_dispatcher import known as known_differences
from tests.reference_dispatcher.comparing import compare
from tests.reference_dispatcher.desk import Agent, Contact, Desk, Offer

PATIENCE = 150


def never(desk: Desk, contact: Contact, agent: Agent) -> bool:
    return False


def one_more(desk: Desk, contact: Contact, agent: Agent) -> bool:
    return agent.load + contact.cost > agent.capacity + 1


def by_wait_alone(desk: Desk, contact: Contact, now: int) -> tuple[float, ...]:
    return (0, contact.start)


def counts_from_arrival(contact: Contact, step: Step) -> int:
    return contact.arrived_at + step.after_ms


def anybody(desk: Desk, contact: Contact, agent: Agent) -> bool:
    profile = agent.profile
    wanted = needs.requirement(desk, contact)
    pools = set(needs.open_pools(desk, contact)) & set(profile.pools)
    return bool(pools) and wanted.matches(profile.skills, profile.attributes)


def nothing(*_: Any) -> None:
    return None


def equal_weights(desk: Desk, contact: Contact, pool: str) -> list[tuple[shares.Level, str, int]]:
    return [(level, name, 1) for level, name, _ in LEVELS(desk, contact, pool)]


def from_nothing(desk: Desk, contact: Contact, offer: Offer, pool: str) -> None:
    """Who comes to wait begins where it was, not where the others are."""
    CHARGE(desk, contact, offer, pool)
    for level, _, _ in offer.charged:
        level.served = 0


def kept_when_rescinded(desk: Desk, contact: Contact, reason: str) -> Agent:
    """An offer that is taken back has cost its party what it would have."""
    desk.offers[contact.offer].charged.clear()
    return RESCIND(desk, contact, reason)


LEVELS, CHARGE, RESCIND = shares.levels, shares.charge, offers.rescind
Patch = tuple[Any, str, Any]
BREAKS: dict[str, Patch] = {
    "over capacity by one": (registry.OBJECTIONS, "capacity", one_more),
    "no limit per channel": (registry.OBJECTIONS, "channel_limit", never),
    "decliners are asked again at once": (registry.OBJECTIONS, "declined", never),
    "back-offs are not heeded": (registry.OBJECTIONS, "back_off", never),
    "kept for one agent, given to any": (registry.OBJECTIONS, "preferred_other", never),
    "priority does not count": (registry.ORDERS, "strict", by_wait_alone),
    "least loaded is longest idle": (registry.CHOICES, "least_loaded", choices.longest_idle),
    "every step counts from the arrival": (steps, "due_at", counts_from_arrival),
    "no step opens as nobody is there": (needs, "present", lambda desk, contact: [*desk.agents.values()]),
    "tenants share their contacts": (needs, "qualifies", anybody),
    "memory of a decline never yields": (decliners, "maybe_yield", nothing),
    "a RONA has no effect": (rona.EFFECTS, "not_ready", nothing),
    "waiting goes on with a bot": (transfers, "wait_from_here", nothing),
    "equal deadlines the other way round": (dispatcher, "KINDS", dispatcher.KINDS[::-1]),
    "weights of a share do not count": (shares, "levels", equal_weights),
    "who comes to wait has saved up its share": (shares, "charge", from_nothing),
    "an offer taken back is charged": (offers, "rescind", kept_when_rescinded),
    "slices open no steps": (slices, "open_anew", nothing),
    "slices feed who was defined last": (slices, "by_sequence", lambda desk: [*desk.agents.values()][::-1]),
    "paused people are given contacts": (eligible, "TAKES_OFFERS", ("available", "paused")),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_reference_is_found_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One rule is bent: within a few histories the two say different things, and it is none of the known differences."""
    place, what, bent = BREAKS[name]
    bend: Callable[..., None] = monkeypatch.setitem if isinstance(place, dict) else monkeypatch.setattr
    bend(place, what, bent)

    for seed in range(PATIENCE):
        found = compare(seed)
        if found is not None and not known_differences.of(found):
            return
    pytest.fail(f"{PATIENCE} histories did not notice: {name}")
