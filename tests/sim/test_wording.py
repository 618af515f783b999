"""What simulations say: everything in both languages, with the same figures in it."""

from __future__ import annotations

from string import Formatter

import pytest

from sim.live import wording as live
from sim.replay import wording as replay
from sim.reports import wording as reports
from sim.staffing import wording as staffing
from sim.twin import telling
from sim.twin.money import Account
from sim.validation import wording as validation

ROOMS = {
    "live": live,
    "replay": replay,
    "reports": reports,
    "staffing": staffing,
    "twin": telling,
    "validation": validation,
}


@pytest.mark.parametrize("room", ROOMS)
def test_both_languages_say_the_same_things(room):
    english, chinese = ROOMS[room].TEXTS["en"], ROOMS[room].TEXTS["zh"]
    assert english.keys() == chinese.keys()
    for name, text in english.items():
        assert fields(text) == fields(chinese[name]), name


def test_a_run_names_everything_that_it_counts():
    assert set(telling.TEXTS["en"]) >= {*telling.COUNTED, *Account._fields}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}
