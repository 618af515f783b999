"""Crowded histories: many parties wait at once for few agents of one pool, which is shared by weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from engine.dispatch import commands as cm
from tests.reference_dispatcher.dice import Dice

if TYPE_CHECKING:
    from tests.reference_dispatcher.histories import Author

CROWD = 0.2  # of the histories
WEIGHTS = (1, 2, 3, 5, 7, 10)
SHOPS = {"acme": ("", "flagship", "corner"), "bell": ("", "tower")}


def queue(rules: dict[str, Any]) -> dict[str, Any]:
    """Open, without limits, its contacts fit every agent; so who is next is a matter of shares."""
    barred = ("hours", "closed", "ceiling", "daily_quota", "full_notice", "full_alternative")
    kept = {key: value for key, value in rules.items() if key not in barred}
    return {**kept, "requirement": "", "pools": ["onsite"], "steps": [], "priority": 0, "rona": "back_off"}


def pool(dice: Dice, rules: dict[str, Any]) -> dict[str, Any]:
    lent = ("owners", "reserve", "lend_kpi")
    kept = {key: value for key, value in rules.items() if key not in lent}
    return {**kept, "daily_quota": 0, "shares": dice.pick(["tenant", "shop", "shop"])}


def profile(dice: Dice, profile: cm.AgentProfile) -> cm.AgentProfile:
    if profile.kind == cm.AgentKind.BOT:
        return profile
    return msgspec.structs.replace(
        profile, tenant="", pools=("onsite",), capacity=dice.pick([2, 2, 3]), channel_limits={}
    )


def submit(author: Author) -> cm.Command:
    """Somebody of any party, a customer of its own."""
    dice = author.dice
    tenant = dice.pick(["acme", "acme", "bell"])
    return cm.SubmitContact(
        tenant=tenant, channel=dice.pick(["web", "web", "mail"]), shop=dice.pick(SHOPS[tenant]),
        attributes={"to": dice.pick(["a", "b"])}, opening=dice.flip(),
    )  # fmt: skip
