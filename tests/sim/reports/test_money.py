"""Sales lost to waiting, by hand."""

from __future__ import annotations

import msgspec
import pytest

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from sim.reports.money import SalesFold, kept
from sim.scenario import Money, Tier, Topic
from tests.sim.stage import shop

CURVE = ((0.0, 1.0), (60.0, 0.8), (180.0, 0.5))


def submitted(contact: int, at: int, **attributes: str) -> ev.ContactSubmitted:
    return ev.ContactSubmitted(
        at, contact, "maple", "web", "", "", "", "presale", "r", "person", 0, "", dict(attributes)
    )


def test_conversion_is_straight_between_the_points_and_level_outside() -> None:
    """0 s keeps all, 30 s nine tenths, an hour what three minutes keep."""
    assert [kept(CURVE, ms) for ms in (0, 30_000, 60_000, 120_000, 3_600_000)] == pytest.approx(
        [1, 0.9, 0.8, 0.65, 0.5]
    )


def test_who_waits_leaves_or_is_turned_away_loses_its_part() -> None:
    """Worth 200 × 2 each: answered after 60 s loses a fifth, leaving nine tenths, as does a deflection; bots lose nothing."""
    scenario = msgspec.structs.replace(
        shop(), topics={"presale": Topic(share=1.0, value=200.0)}, tiers={"vip": Tier(share=1.0, value=2.0)},
        money=Money(conversion=CURVE, abandoned=0.1),
    )  # fmt: skip
    fold, at = SalesFold(scenario, 1_800_000), scenario.origin_ms + 3_600_000
    who = {"topic": "presale", "tier": "vip"}
    assert fold.is_asked
    fold.hear(None, [submitted(number, at, **who) for number in (1, 2, 3)])
    fold.hear(None, [ev.ContactAnswered(at, 1, "ann", 60_000, 60_000), ev.ContactAnswered(at, 1, "ann", 99_000, 1)])
    fold.hear(None, [ev.ContactAbandoned(at + 7_200_000, 2, 5, False, 0), ev.ContactClosed(at, 3, "done", "robo")])
    turned = ev.ContactDeflected(at, 4, "maple", "web", "", "", "", "", "r", "hours", "message")
    fold.hear(cm.SubmitContact(tenant="maple", attributes=who), [turned])
    assert dict(fold.lost) == {2: pytest.approx(400 * 0.2 + 400 * 0.9 + 400 * 0.9)}
