"""Questions without an answer, put together: what should the next article be about?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.desk.knowledge.articles import Language
from engine.desk.knowledge.clusters import cluster

ASKED: list[tuple[str, Language]] = [
    ("你们有蓝色的吗", "zh"),
    ("这个有蓝色吗", "zh"),
    ("有没有蓝色的", "zh"),
    ("能养猫吗", "zh"),
    ("do you have a loyalty card", "en"),
    ("Loyalty card?", "en"),
    ("is there a loyalty card", "en"),
    ("is there a loyalty card", "en"),
]


def test_questions_about_the_same_are_one_suggestion_with_the_text_in_the_middle_as_title() -> None:
    """The largest heap first, languages apart; what one person asked once is none."""
    english, chinese = cluster(ASKED)
    assert (english.language, english.questions, english.title) == ("en", 4, "is there a loyalty card")
    assert len(english.examples) == 3
    assert (chinese.language, chinese.questions) == ("zh", 3)
    assert chinese.title in chinese.examples


def test_nothing_asked_and_nothing_said_give_no_suggestion() -> None:
    """Empty, punctuation, stop words."""
    assert cluster([]) == []
    assert cluster([("???", "en"), ("the", "en"), ("", "zh")]) == []


@given(st.permutations(ASKED))
def test_the_order_in_which_they_were_asked_does_not_matter(asked: list[tuple[str, Language]]) -> None:
    """The same questions, the same heaps."""
    assert cluster(asked) == cluster(ASKED)


@given(st.lists(st.tuples(st.text(max_size=40), st.sampled_from(["zh", "en"])), max_size=40))
def test_no_question_is_counted_twice(asked: list[tuple[str, Language]]) -> None:
    """Whatever is asked."""
    assert sum(one.questions for one in cluster(asked, least=1)) <= len(asked)
