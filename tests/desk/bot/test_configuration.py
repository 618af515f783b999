"""A bot's TOML: read as it stands, or every problem at once with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.desk.bot.reading import read_bot
from engine.desk.knowledge.folder import read_folder
from engine.desk.problems import DeskErrors

DESK = Path(__file__).resolve().parents[3] / "examples" / "desk"
SAY = '{ zh = "好", en = "Yes" }'
RULE = f"""[[rules]]
name = "greeting"
en = ["hello"]
reply = {SAY}
"""
FLOW = f"""[flows.order]
lookup = "order"
slots = [{{ name = "order", kind = "order", ask = {SAY} }}]
found = {{ zh = "{{order}}", en = "{{status}}" }}
missing = {SAY}
fields = ["status"]
"""


def problems_of(text: str, articles: set[str] | None = None) -> list[tuple[str, int, str]]:
    with pytest.raises(DeskErrors) as refused:
        read_bot(text, articles=articles)
    return [(one.code, one.line, one.what) for one in refused.value.problems]


def test_the_shops_bot_has_no_problem() -> None:
    """With its articles looked at."""
    slugs = {article.slug for article in read_folder(DESK).articles}
    config = read_bot((DESK / "bot.toml").read_text(encoding="utf-8"), articles=slugs)
    assert set(config.flows) == {"order", "address"}


def test_an_empty_file_is_a_bot_with_knowledge_alone() -> None:
    """Everything has a default."""
    config = read_bot("")
    assert (config.rules, config.flows, config.bot.hosts) == ((), {}, ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[bot", ("toml", 1, "the file")),
        ("[robot]", ("unknown_key", 1, "robot")),
        ("[bot]\nnam = 'x'", ("unknown_key", 2, "bot.nam")),
        ("[bot]\nmax_text = 5", ("bad_value", 2, "bot.max_text")),
        ("[bot]\nmenu = 'main'", ("unknown_name", 2, "bot.menu")),
        ("[confidence]\nanswer = 2.0", ("bad_value", 2, "confidence.answer")),
        ("[confidence]\nanswer = 0.3\nclarify = 0.6", ("bad_value", 3, "confidence.clarify")),
        ("rules = 5", ("wrong_type", 1, "rules")),
        ("[[rules]]\nname = 'x'\nen = ['a']", ("bad_target", 1, "rules[0]")),
        (RULE + "person = true", ("bad_target", 1, "rules[0]")),
        (RULE.replace('en = ["hello"]\n', ""), ("missing", 1, "rules[0]")),
        (RULE.replace("hello", "a||b"), ("bad_pattern", 3, "rules[0].en")),
        (RULE.replace("Yes", "<b>Yes</b>"), ("html", 4, "rules[0].reply.en")),
        (RULE.replace("Yes", "{order}"), ("unknown_placeholder", 4, "rules[0].reply.en")),
        (RULE.replace(f"reply = {SAY}", "flow = 'return'"), ("unknown_name", 4, "rules[0].flow")),
        (RULE.replace(f"reply = {SAY}", "article = 'gone'"), ("unknown_name", 4, "rules[0].article")),
        (FLOW.replace("{status}", "{password}"), ("unknown_placeholder", 4, "flows.order.found.en")),
        (FLOW.replace('kind = "order"', 'kind = "card"'), ("bad_value", 3, "flows.order.slots")),
        (FLOW.replace('lookup = "order"\n', ""), ("missing", 1, "flows.order.lookup")),
        (
            FLOW + "[flows.order.values.colour]\nred = { zh = '红', en = 'red' }",
            ("unknown_name", 7, "flows.order.values.colour"),
        ),
        ("[menus.m]\ntext = { zh = '选', en = 'Pick' }\noptions = []", ("bad_value", 3, "menus.m.options")),
    ],
)
def test_a_problem_is_named_with_its_line_and_key(text: str, problem: tuple[str, int, str]) -> None:
    """What was wrong, where."""
    assert problems_of(text, {"delivery-fee"}) == [problem]


def test_all_problems_come_at_once_in_the_order_of_the_lines() -> None:
    """In both languages of the house."""
    text = "[bot]\nmax_text = 5\nfoo = 1\n" + RULE.replace("hello", "|") + FLOW.replace('"order"\nslots', '""\nslots')
    assert [line for _, line, _ in problems_of(text)] == [2, 3, 6, 9]
    with pytest.raises(DeskErrors) as refused:
        read_bot(text)
    first = refused.value.problems[0]
    assert first.sentence() == "bot.max_text: wanted int >= 100, got 5 (bot.toml:2)"
    assert first.sentence("zh-CN") == "bot.max_text：应为int >= 100，实际是5（bot.toml:2）"


@given(st.text(max_size=200))
def test_any_text_is_a_bot_or_has_problems(text: str) -> None:
    """Never another exception."""
    for candidate in (text, f"[bot]\nname = {text}", f'[[rules]]\nname = "x"\nen = ["{text}"]\nperson = true'):
        try:
            read_bot(candidate)
        except DeskErrors as errors:
            assert errors.problems
