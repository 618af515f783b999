"""Texts: what is refused when a person writes it, and what is taken out when a machine does."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.desk.text import find_fault, harmless

HOSTS = ("shop.example",)
NASTY = st.text(
    st.one_of(
        st.sampled_from("<>/!?&\"'=:;.@\\ \n\r\t\x00\x1b\u200b\u202e\u2066\u2028\ud800\ufeffaAzZ1中script"),
        st.characters(),
    ),
    max_size=200,
)
NESTED = st.lists(
    st.sampled_from(
        ["<", ">", "script", "</", "<b>", "<!--", "-->", "\x00", "\u202e", "http://", "https://shop.example", "@", "evil.com",
         "www.", "javascript:", "a", " ", "<<", "img src=x", "/", "中"]
    ),
    max_size=30,
).map("".join)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "got"),
    [
        ("", "empty", "an empty text"),
        (" \n ", "empty", "an empty text"),
        ("a" * 4_001, "too_long", "4001 characters"),
        ("pay\x1b[31m now", "control", "U+001B at 4"),
        ("half \ud83d", "control", "U+D83D at 6"),
        ("invoice\u202efdp.exe", "bidi", "U+202E at 8"),
        ("pass\u200bword", "unseen", "U+200B at 5"),
        ("hello <b>you</b>", "html", "a tag at 7"),
        ("<!-- -->", "html", "a tag at 1"),
    ],
)
def test_a_text_that_is_refused_says_what_was_wrong(text: str, code: str, got: str) -> None:
    """What, got and wanted; never the text itself."""
    fault = find_fault(text, "the message")
    assert fault is not None
    assert (fault.code, fault.what, fault.got) == (code, "the message", got)


@pytest.mark.parametrize(
    "text",
    [
        "运费怎么算？",
        "a < b and c > d",
        "line one\r\nline two\twith a tab",
        "سلام، سفارش من کجاست؟",
        "👩‍👩‍👧 ok",
        "I ♥ it",
        "<3",
    ],
)
def test_a_text_of_any_language_is_taken(text: str) -> None:
    """Right to left by its letters, emoji with joiners, a sign that is no tag."""
    assert find_fault(text, "the message") is None


def test_what_must_be_one_line_is_one_line_and_a_customer_may_quote_a_tag() -> None:
    """A title has no lines; `html` says that a tag is only text."""
    assert find_fault("two\nlines", "title", lines=False) is not None
    assert find_fault("my page says <div> twice", "the message", html=True) is None


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("<p>Ships <b>today</b></p>", "Ships today"),
        ("<script>steal()</script>Hello", "Hello"),
        ("<<b>script>x", "‹script>x"),
        ("<img src=x onerror=alert(1)", "‹img src=x onerror=alert(1)"),
        ("ok\u202egnp.exe\x07", "okgnp.exe"),
        ("see https://shop.example/help?id=1.", "see https://shop.example/help?id=1."),
        ("see https://m.shop.example", "see https://m.shop.example"),
        ("see https://shop.example.evil.com/x", "see (link removed)"),
        ("see https://shop.example@evil.com", "see (link removed)"),
        ("see https://shop.example\\@evil.com", "see (link removed)"),
        ("see https://evilshop.example/x", "see (link removed)"),
        ("see https://me@shop.example", "see (link removed)"),
        ("see https://shop.example:80@evil.com/", "see (link removed)"),
        ("javascript:alert(1) now", "(link removed)(1) now"),
        ("evil.com/pay and www.evil.org", "(link removed) and (link removed)"),
        ("[pay](http://evil.com/a)", "[pay]((link removed))"),
        ("v2.1 costs 3.50, e.g. now", "v2.1 costs 3.50, e.g. now"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
    ],
)
def test_a_machine_s_text_is_made_harmless(said: str, sent: str) -> None:
    """Tags go, what could become one is no `<` any more, links lead to the shop or are gone."""
    assert harmless(said, HOSTS, language="en") == sent


def test_a_long_answer_is_cut_and_a_chinese_one_says_in_chinese_that_a_link_is_gone() -> None:
    """The limit holds with its ellipsis."""
    assert harmless("长" * 500, HOSTS, 100) == "长" * 99 + "…"
    assert harmless("请看http://evil.com谢谢", HOSTS) == "请看（链接已去除）谢谢"


@given(st.one_of(NASTY, NESTED))
def test_whatever_a_machine_says_no_tag_control_or_bidi_character_is_left(text: str) -> None:
    """And what was made harmless stays as it is."""
    sent = harmless(text, HOSTS, 120)
    assert len(sent) <= 120
    assert not re.search(r"<[A-Za-z/!?]", sent)
    assert not sent or find_fault(sent, "sent") is None
    assert harmless(sent, HOSTS, 120) == sent


@given(st.integers(1, 40))
def test_a_host_that_only_looks_like_the_shop_is_never_linked(times: int) -> None:
    """However deep it is nested."""
    assert "evil" not in harmless("https://" + "shop.example." * times + "evil.com/", HOSTS, 2_000)
