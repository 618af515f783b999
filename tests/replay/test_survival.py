"""Kaplan and Meier's estimate against values computed by hand, and what is drawn beyond a cut."""

from __future__ import annotations

from math import exp, inf, isclose, log

import pytest

from sim.replay.survival import KaplanMeier

# Weeks of remission under 6-mercaptopurine, + still in remission (Freireich 1963): the textbooks' example.
ENDED = [6, 6, 6, 7, 10, 13, 16, 22, 23]
CUT = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
REMISSION = KaplanMeier([*ENDED, *CUT], [True] * len(ENDED) + [False] * len(CUT))


@pytest.mark.parametrize(
    ("weeks", "share"),
    [(5, 1.0), (6, 0.857), (7, 0.807), (9.9, 0.807), (10, 0.753), (13, 0.690), (16, 0.627), (22, 0.538), (23, 0.448)],
)
def test_the_curve_is_the_textbooks(weeks: float, share: float) -> None:
    """18/21, × 16/17, × 14/15, × 11/12, × 10/11, × 6/7, × 5/6."""
    assert REMISSION.survival(weeks) == pytest.approx(share, abs=0.0005)


def test_a_draw_is_the_curve_upside_down_on_condition_of_the_cut() -> None:
    """Cut at 9, where 0.807 are left: the 0.95 of these pass 10 no more, the 0.9 pass 10 and not 13."""
    assert REMISSION.beyond(9, 0.95) == 10
    assert REMISSION.beyond(9, 0.90) == 13
    assert REMISSION.beyond(0, 0.99) == 6


def test_beyond_the_last_end_goes_an_exponential_tail_with_the_hazard_of_the_last_ends() -> None:
    """Five ends after week 7 in 216 weeks at risk; the curve goes on from 0.448 at week 23."""
    assert REMISSION.tail_hazard == 5 / 216
    assert REMISSION.survival(30) == pytest.approx(REMISSION.survival(23) * exp(-7 * 5 / 216))
    drawn = REMISSION.beyond(9, 0.5)
    assert drawn > 23 and isclose(REMISSION.survival(drawn), 0.5 * REMISSION.survival(9))
    assert REMISSION.beyond(35, 0.5) == pytest.approx(35 + log(2) * 216 / 5)


def test_nothing_that_ended_means_no_end() -> None:
    """All were cut off, or there was nobody: no draw can know an end."""
    assert KaplanMeier([3, 4], [False, False]).beyond(4, 0.5) == inf
    assert KaplanMeier([], []).beyond(0, 0.5) == inf


def test_without_cuts_it_is_the_plain_share() -> None:
    curve = KaplanMeier([1, 2, 3, 4], [True] * 4)
    assert [curve.survival(at) for at in (0.5, 1, 2, 3, 4, 9)] == pytest.approx([1, 0.75, 0.5, 0.25, 0, 0])
    assert curve.beyond(2, 0.5) == 3 and curve.beyond(2, 0.49) == 4


def test_a_length_without_its_mark_is_refused() -> None:
    with pytest.raises(ValueError, match="got 2 lengths and 1 marks"):
        KaplanMeier([1, 2], [True])
