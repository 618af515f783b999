"""When a person is needed: asked for, upset, or a matter that is no bot's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.desk.bot import words
from engine.desk.bot.patterns import BadPattern, compile_pattern
from engine.desk.bot.signs import asks_for_person, find_sensitive, is_upset, upset


@pytest.mark.parametrize(
    "text",
    [
        "人工", "转人工", "我要真人客服", "叫客服来", "有没有活人", "不要机器人，转人工", "不要人工智能，要真人", "别废话转人工", "找你们经理",
        "人工客服！！", "换个人来", "Human please", "can I talk to a real person", "get me your supervisor", "AGENT PLEASE",
        "I don't understand, transfer me to an agent", "is there anyone there? anyone there?", "stop the bot",
        "我要转人工，别问我几点",
    ],
)  # fmt: skip
def test_a_person_is_asked_for(text: str) -> None:
    """In whatever words, and where another wish is denied beside it."""
    assert asks_for_person(text)


@pytest.mark.parametrize(
    "text",
    [
        "不要人工", "不用转人工，谢谢", "别转人工", "我不需要人工客服", "人工客服几点上班", "客服什么时候下班", "人工智能音箱怎么连",
        "这个是人工合成的吗", "人工费怎么算", "I don't want a human", "no human please", "without a human", "do not transfer me",
        "when can I talk to someone", "what are your opening hours", "is this human hair", "我要退货", "where is my order",
    ],
)  # fmt: skip
def test_no_person_is_asked_for(text: str) -> None:
    """Denied, another word, or the question when there are people."""
    assert not asks_for_person(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("我不想活了", "self_harm"), ("I want to kill myself", "self_harm"), ("充电器爆炸了把我烫伤", "injury"),
        ("my son got an electric shock", "injury"), ("我要打12315", "authorities"), ("I will report you to the regulator", "authorities"),
        ("等着收律师函吧", "legal"), ("I'll sue you", "legal"), ("我被骗了", "fraud"), ("I was scammed", "fraud"),
        ("你们泄露隐私", "privacy"), ("this is identity theft", "privacy"), ("律师说我不想活了", "self_harm"),
    ],
)  # fmt: skip
def test_a_matter_that_is_no_bots_is_named(text: str, kind: str) -> None:
    """The gravest first."""
    assert find_sensitive(text) == kind


@pytest.mark.parametrize(
    "text",
    [
        "订单号2012315887",
        "我要投诉",
        "怎么举报",
        "I want to complain",
        "the pursuer",
        "issue your invoice",
        "拆开包装",
        "courtesy",
    ],
)
def test_an_ordinary_question_is_not_sensitive(text: str) -> None:
    """Words inside other words, figures inside other figures."""
    assert find_sensitive(text) == ""


@pytest.mark.parametrize(
    ("text", "before", "signs"),
    [
        ("运费怎么算", (), 0),
        ("怎么还不发货？？？", (), 1),
        ("垃圾！！！", (), 2),
        ("WHERE IS MY ORDER", (), 1),
        ("THIS IS RIDICULOUS", (), 2),
        ("you idiots", (), 2),
        ("hello", ("hello", "Hello!"), 1),
        ("hello", ("hello",), 0),
        ("OK", (), 0),
    ],
)
def test_the_signs_of_being_upset_are_counted(text: str, before: tuple[str, ...], signs: int) -> None:
    """From two on a person is better."""
    assert upset(text, before) == signs
    assert is_upset(text, before) == (signs >= 2)


def test_every_word_of_the_lists_can_be_found() -> None:
    """A pattern that is wrong, or a word that its own list would not find, is a slip of whoever wrote it."""
    for listed in words.SENSITIVE.values():
        assert [word for word in listed if not find_sensitive(word)] == []
    for name in ("PERSON", "NOT_PERSON", "ABOUT_HOURS", "DEMAND", "INSULTS", "ANGER"):
        for text in getattr(words, name):
            compile_pattern(text)
    assert [text for text in words.NOT_PERSON if "*" in text] == []


# --- patterns -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("order", "my Order?", True),
        ("order", "reorder", False),
        ("where|when * order|parcel", "where is my parcel", True),
        ("where|when * order|parcel", "my parcel is where", False),
        ("where * order", "where " + "very " * 5 + "order", False),
        ("订单", "我的订单呢", True),
        ("改 * 地址", "改一下收货地址", True),
        ("a * a", "a", False),
        ("a * a", "a a", True),
    ],
)
def test_a_pattern_is_found_where_its_parts_follow_each_other(pattern: str, text: str, found: bool) -> None:
    """Whole words, in order, at most twenty characters apart."""
    assert compile_pattern(pattern).is_in(text) is found


@pytest.mark.parametrize(
    ("text", "whole"),
    [("你好", True), ("你好！", True), ("你好 我要退货", False), ("hi there", True), ("hi, where is it", False)],
)
def test_small_talk_is_all_of_the_text_or_none(text: str, whole: bool) -> None:
    """ "Hello, where is my order" is no greeting."""
    assert compile_pattern("你好|hi there|hi").is_in(text, whole=True) is whole


@pytest.mark.parametrize("text", ["", "a||b", "a *", "* a", "|".join("a" * 61), "a*" * 7 + "a", "a" * 601, "?!"])
def test_a_pattern_that_is_none_is_refused(text: str) -> None:
    """Empty words, too many words, too many parts, too long."""
    with pytest.raises(BadPattern):
        compile_pattern(text)


@given(st.text(alphabet="ab *|中", max_size=40), st.text(max_size=100))
def test_a_pattern_never_fails_on_a_text(pattern: str, text: str) -> None:
    """Whatever was compiled may look at whatever is said."""
    try:
        compiled = compile_pattern(pattern)
    except BadPattern:
        return
    compiled.is_in(text)
    compiled.is_in(text, whole=True)


@given(st.text(max_size=300))
def test_any_text_may_be_looked_at(text: str) -> None:
    """For every sign."""
    assert isinstance(asks_for_person(text), bool)
    assert upset(text, (text, text)) >= 0
    assert find_sensitive(text) in {"", *words.SENSITIVE}
