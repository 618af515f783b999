"""Finding articles: by any word of them, by another word for it, by one mistyped; and only those that hold today."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.desk.knowledge.articles import Article
from engine.desk.knowledge.assist import Assistant, QuickReply
from engine.desk.knowledge.index import Index, Phrase
from engine.desk.knowledge.terms import Term, Terms
from engine.desk.knowledge.tokens import stem, tokens

DAY = "2026-12-01"


def article(slug: str, title: str, body: str = "", *tags: str, language: str = "en", **rest: str) -> Article:
    made = Article(slug, language, title, body or title, "c", tags=tags, reviewed_by="x")  # type: ignore[arg-type]
    return msgspec.structs.replace(made, **rest)


SHOP = [
    article("fee", "How much is shipping", "From 99 yuan it is free.", "postage", "delivery charge"),
    article("refund", "How long does a refund take", "The money is back after three days.", "money back"),
    article("repair", "How do repairs work", "Send the device to our workshop.", "fix", "workshop"),
    article("fee", "运费怎么算", "满99元包邮，不满的收8元。", "邮费", "包邮", language="zh"),
    article("refund", "退款多久到账", "仓库收到后三天到账。", "到账时间", language="zh"),
    article("repair", "怎么寄修", "把机器寄到维修中心。", "维修", language="zh"),
]
PHRASES = [Phrase("en", "repair", "the screen is cracked")]
TERMS = Terms([Term("zh", "退款", ("返钱", "退钱")), Term("en", "refund", ("reimbursement", "cash back"))])


@pytest.fixture
def index() -> Index:
    return Index(SHOP, TERMS, PHRASES)


def first(index: Index, text: str, language: str = "en", **rest: str) -> str:
    hits = index.search(text, language, rest.pop("today", DAY), **rest).hits  # type: ignore[arg-type]
    return hits[0].slug if hits else ""


@pytest.mark.parametrize(
    ("text", "language", "slug"),
    [
        ("what is the postage", "en", "fee"),
        ("is my refund coming", "en", "refund"),
        ("REPAIRS?", "en", "repair"),
        ("repairing my device", "en", "repair"),
        ("邮费多少", "zh", "fee"),
        ("退款到账要几天", "zh", "refund"),
        ("修", "zh", "repair"),
        ("维修中心在哪", "zh", "repair"),
        ("ＳＨＩＰＰＩＮＧ", "en", "fee"),
    ],
)
def test_an_article_is_found_by_its_words(index: Index, text: str, language: str, slug: str) -> None:
    """Whatever their form: plural, capitals, full-width; Chinese by pairs and by a single character."""
    assert first(index, text, language) == slug


@pytest.mark.parametrize(
    ("text", "language"), [("when comes my reimbursement", "en"), ("cash back please", "en"), ("什么时候返钱", "zh")]
)
def test_another_word_for_it_finds_it_too(index: Index, text: str, language: str) -> None:
    """A term and its synonyms are one token; none of these words stands in the article."""
    assert first(index, text, language) == "refund"


@pytest.mark.parametrize(
    ("text", "language", "slug"),
    [
        ("refnud", "en", "refund"),
        ("my refund", "en", "refund"),
        ("postgae", "en", "fee"),
        ("worksop", "en", "repair"),
        ("款退", "zh", "refund"),
    ],
)
def test_a_slip_of_the_finger_is_forgiven(index: Index, text: str, language: str, slug: str) -> None:
    """Letters changed about, one lost; a Chinese pair the wrong way round."""
    assert first(index, text, language) == slug


def test_a_word_that_is_near_nothing_finds_nothing(index: Index) -> None:
    """Forgiveness has an end: no hit, and no confidence."""
    found = index.search("zebra crossing", "en", DAY)
    assert (found.hits, found.confidence) == ((), 0.0)


def test_the_words_of_customers_find_what_the_article_never_says(index: Index) -> None:
    """A phrase counts like a title; word for word and of one article only, it is nearly certain."""
    found = index.search("The screen is cracked!", "en", DAY)
    assert found.hits[0].slug == "repair"
    assert found.confidence > 0.95


def test_languages_are_apart(index: Index) -> None:
    """A Chinese question finds no English article, whatever it quotes."""
    assert first(index, "shipping", "zh") == ""


def test_what_agents_may_read_customers_do_not_find(index: Index) -> None:
    """Audience is part of the search, not of the page that shows it."""
    index.put(article("margin", "Discount authority", audience="agents"))
    assert first(index, "discount authority") == ""
    assert first(index, "discount authority", audience="agents") == "margin"


@pytest.mark.parametrize(
    ("today", "slug"), [("2026-11-30", ""), ("2026-12-01", "sale"), ("2026-12-03", "sale"), ("2026-12-04", "")]
)
def test_an_article_holds_from_its_first_day_through_its_last(index: Index, today: str, slug: str) -> None:
    """The day is an argument: the same question, other days."""
    index.put(article("sale", "Winter bargains", valid_from="2026-12-01", valid_until="2026-12-03"))
    assert first(index, "winter bargains", today=today) == slug


def test_a_new_version_takes_the_place_of_the_old_one(index: Index) -> None:
    """Found by the new words, and by the old ones no more."""
    index.put(article("repair", "Servicing appliances", "Call the hotline.", "maintenance", version="2"))
    assert first(index, "maintenance") == "repair"
    assert first(index, "workshop") == ""
    assert len(index) == len(SHOP)


def test_an_article_that_is_withdrawn_or_sent_back_to_review_is_gone(index: Index) -> None:
    """Removed, or put in another state than published: the same."""
    index.remove("fee", "en")
    index.remove("fee", "en")
    index.put(article("refund", "How long does a refund take", state="review"))
    assert first(index, "postage") == first(index, "refund") == ""
    assert index.get("fee", "en") is None
    assert first(index, "运费", "zh") == "fee"


def test_what_two_articles_say_alike_is_the_other_ones_when_one_is_gone(index: Index) -> None:
    """Word for word, but of two: no certainty. Of one: nearly."""
    index.put(article("oversize", "Bulky goods", "It costs more.", "postage"))
    assert index.search("postage", "en", DAY).confidence < 0.9
    index.remove("oversize", "en")
    assert index.search("postage", "en", DAY) == Index(SHOP, TERMS, PHRASES).search("postage", "en", DAY)


@given(st.lists(st.tuples(st.sampled_from(["put", "remove"]), st.sampled_from(SHOP)), max_size=20))
def test_however_it_came_to_hold_them_an_index_finds_what_a_fresh_one_finds(story: list[tuple[str, Article]]) -> None:
    """Incremental or built anew: the same articles, the same scores."""
    grown, left = Index((), TERMS), {}
    for deed, one in story:
        if deed == "put":
            grown.put(one)
            left.pop(one.key, None)
            left[one.key] = one
        else:
            grown.remove(one.slug, one.language)
            left.pop(one.key, None)
    fresh = Index(left.values(), TERMS)
    for text, language in (("refund postage repairs", "en"), ("退款邮费维修", "zh")):
        assert grown.search(text, language, DAY) == fresh.search(text, language, DAY)  # type: ignore[arg-type]


@given(st.text(max_size=600))
def test_any_text_may_be_searched(text: str) -> None:
    """FTS5's own signs, quotes, halves of characters: a question is never a query language."""
    index = Index(SHOP, TERMS)
    for language in ("zh", "en"):
        found = index.search(text, language, DAY)  # type: ignore[arg-type]
        assert 0 <= found.confidence <= 1


@pytest.mark.parametrize("text", ['"', "a OR b", "title:x", "NEAR(a b)", "x*", "-", "§0", "a\x00b", "运费\ud800"])
def test_signs_of_the_query_language_are_only_text(index: Index, text: str) -> None:
    """None of them reaches it."""
    index.search(text, "en", DAY)
    index.search(text, "zh", DAY)


def test_a_question_of_a_million_characters_is_read_at_its_beginning(index: Index) -> None:
    """The first 500 decide."""
    assert first(index, "postage " + "x" * 1_000_000) == "fee"
    assert first(index, "x " * 500 + "postage") == ""


@pytest.mark.parametrize(
    ("words", "same"),
    [
        ("shipping shipped ships", "ship"),
        ("parcels parcel", "parcel"),
        ("batteries battery", "battery"),
        ("addresses", "address"),
    ],
)
def test_the_forms_of_a_word_have_one_stem(words: str, same: str) -> None:
    """Enough grammar to find, none to write with."""
    assert {stem(word) for word in words.split()} == {stem(same)}


def test_chinese_is_cut_into_characters_and_pairs() -> None:
    """Particles alone say nothing; in a pair they stay."""
    assert tokens("退款呢 ok iPhone15") == ["退", "款", "退款", "款呢", "iphone15"]


# --- assist ---------------------------------------------------------------------------------------------------------


def test_while_a_customer_writes_the_agent_sees_articles_and_replies(index: Index) -> None:
    """Those for staff too; the newest text decides, and where it says nothing those before it help."""
    index.put(article("margin", "Discount authority", "Up to ten percent.", audience="agents"))
    replies = [
        QuickReply("sorry-late", "en", "The refund is on its way", "Sorry! It is on its way.", ("refund", "late")),
        QuickReply("fix", "en", "Send it in", "Please send it in.", ("repair", "broken")),
    ]
    assistant = Assistant(index, replies)
    found = assistant.assist(["hello", "where is my refund"], "en", DAY)
    assert (found.articles[0].slug, found.replies[0]) == ("refund", "sorry-late")
    assert assistant.assist(["discount authority"], "en", DAY).articles[0].slug == "margin"
    later = assistant.assist(["where is my refund", "hello?", "anybody"], "en", DAY)
    assert later.articles[0].slug == "refund"


def test_with_nothing_to_say_assist_says_nothing(index: Index) -> None:
    """No message, noise, a reply that was taken out."""
    assistant = Assistant(index, [QuickReply("fix", "en", "Send it in", "Please send it in.", ("repair",))])
    assert assistant.assist([], "en", DAY).articles == ()
    assert assistant.assist(["zebra"], "en", DAY).replies == ()
    assistant.remove("fix", "en")
    assert assistant.assist(["repair"], "en", DAY).replies == ()
    assistant.put(QuickReply("fix", "en", "Send it in", "Please send it in.", ("repair",)))
    assert assistant.assist(["repair"], "en", DAY).replies == ("fix",)
