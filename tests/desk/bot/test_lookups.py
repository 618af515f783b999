"""What the brain wants looked up goes to a connector and comes back as a turn."""

from __future__ import annotations

from pathlib import Path

from adapters.connectors.demo_shop import DemoShop, orders_of
from engine.desk.bot.loading import load_brain
from engine.desk.bot.lookups import question_of, turn_of
from engine.desk.bot.turns import Said, State
from engine.ports import ConnectorAnswer

DESK = Path(__file__).resolve().parents[3] / "examples" / "desk"
CUSTOMER = next(f"c-{n}" for n in range(100) if orders_of(f"c-{n}"))


def test_an_order_of_the_demo_shop_is_told_to_whom_it_belongs_and_to_nobody_else() -> None:
    """From the customer's text to the shop and back; another's order is not there."""
    brain, shop = load_brain(DESK), DemoShop(b"k" * 32, lambda: 0.0)
    order = orders_of(CUSTOMER)[0]
    asking = brain.reply(State(), Said(f"查订单 {order['order']}", "2026-12-01"))
    assert asking.lookup is not None
    own = turn_of(shop.answer(question_of(asking.lookup, "acme", [CUSTOMER])))
    other = turn_of(shop.answer(question_of(asking.lookup, "acme", ["somebody else"])))
    told = brain.reply(asking.state, own)
    assert order["order"] in told.text and order["status"] not in told.text, "the status is told in words"
    assert brain.reply(asking.state, other).text.startswith("没有找到订单")


def test_values_become_texts() -> None:
    """Figures, nothing at all, yes and no."""
    row: dict[str, str | int | float | bool | None] = {"a": 1, "b": None, "c": True, "d": 2.5}
    assert turn_of(ConnectorAnswer((row,))).fields == {"a": "1", "b": "", "c": "True", "d": "2.5"}
