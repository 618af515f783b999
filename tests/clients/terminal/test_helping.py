"""Two agents at their terminals: one asks, the other helps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from adapters.clients import Refused
from tests.clients.terminal.test_against_engine import agent, customer, dials, snapshot_of
from tests.server.stage import House, house

__all__ = ["dials"]


async def test_a_colleague_is_asked_and_helps(dials: Callable[[House], None], autojump_clock: object) -> None:
    """Ann asks Bo, who reads along, helps, and leaves again; asked once more he has no time; Li sees only Ann."""
    async with house() as engine:
        dials(engine)
        async with customer("li") as (li, li_sees), agent("ann", capacity=1) as (ann, ann_sees):
            await li.take("is this under warranty?")
            await ann_sees.shows("OFFER 1")
            await ann.take("/accept")
            await ann_sees.shows("Text now goes to contact 1")
            async with agent("bo") as (bo, bo_sees):
                await ann.take("/consult @bo warranty?")
                await ann_sees.shows("[1] bo is asked to help")
                assert "ann asks for your help within" in await bo_sees.shows("[1] ann asks")
                await bo_sees.shows("warranty?")
                await bo_sees.shows("  customer: is this under warranty?")
                await bo.take("/join")
                await bo_sees.shows("[1] you help ann")
                await ann_sees.shows("[1] bo helps you")
                await li.take("from last year")
                await bo_sees.shows("[1] customer: from last year")
                row = await bo.client.ask({"type": "contact", "contact": 1})
                assert (row["agent"], row["helper"]) == ("ann", "bo")
                snapshot = await snapshot_of(engine, "bo")
                assert [held["contact"] for held in snapshot["consults"]] == [1]
                await bo.take("/leave")
                await ann_sees.shows("[1] bo does not help, or no longer (ended)")
                await bo_sees.shows("[1] your help is over (ended)")
                assert bo.asked == {}
                with pytest.raises(Refused, match="unknown_contact"):
                    await bo.client.ask({"type": "contact", "contact": 1})
                await ann.take("/consult help")
                await bo_sees.shows("[1] ann asks for your help")
                await bo.take("/leave")
                await ann_sees.shows("[1] bo does not help, or no longer (declined)")
                await ann.take("/close")
                await li_sees.shows("The conversation is over")
            assert not any("bo " in line for line in li_sees.lines)
