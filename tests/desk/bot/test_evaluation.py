"""The labelled set: the split that judges stays shut, and the bot is no worse on the other one than it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.desk.bot.evaluation import Asked, ask_all, by_language, confusions, figures
from engine.desk.bot.loading import load_brain
from engine.desk.bot.questions import BadQuestions, Question, read_questions
from engine.desk.bot.turns import Reply, State

DESK = Path(__file__).resolve().parents[3] / "examples" / "desk"
DAY = "2026-12-01"


def test_the_bot_is_as_good_on_the_dev_questions_as_it_was() -> None:
    """A little below what was reached: who makes it worse shall notice."""
    questions = read_questions(DESK / "questions.csv")
    found = by_language(ask_all(load_brain(DESK, questions), questions, DAY))
    assert found["total"].precision_at_1 >= 0.95
    assert found["total"].confident_wrong <= 0.02
    assert found["total"].answered >= 0.78
    assert found["total"].human_handed_off == 1.0


def a_set(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "questions.csv"
    file.write_text("\n".join(["language,article,question,split", *lines]) + "\n", encoding="utf-8")
    return file


def test_only_the_dev_questions_are_read_unless_the_others_are_asked_for(tmp_path: Path) -> None:
    """Nobody sees a test question by forgetting an option."""
    file = a_set(tmp_path, "zh,refund-time,退款多久,dev", "en,none,hello,test")
    assert read_questions(file) == (Question("zh", "refund-time", "退款多久"),)
    assert read_questions(file, "test") == (Question("en", "none", "hello"),)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("zh,refund-time,退款多久", "got 3 columns, wanted 4"),
        ("fr,refund-time,combien,dev", "language must be zh or en, got 'fr'"),
        ("zh,refund-time,退款多久,train", "split must be dev or test, got 'train'"),
        ("zh,,退款多久,dev", "must not be empty"),
    ],
)
def test_a_row_that_is_no_question_is_named_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    """What, got, wanted, where."""
    with pytest.raises(BadQuestions, match=rf"questions\.csv:2: .*{told}"):
        read_questions(a_set(tmp_path, line))


def asked(wanted: str, act: str, article: str = "", offered: tuple[str, ...] = ()) -> Asked:
    reply = Reply(act, "…", State(), article=article, offered=offered)  # type: ignore[arg-type]
    return Asked(Question("zh", wanted, "?"), reply)


ROWS = [
    asked("invoice", "answer", "invoice"),
    asked("invoice", "ask", "points"),
    asked("invoice", "clarify", "invoice", ("invoice", "points")),
    asked("invoice", "clarify", "points", ("points", "stock")),
    asked("invoice", "sorry"),
    asked("invoice", "hand_off"),
    asked("none", "clarify", "points", ("points",)),
    asked("none", "answer", "points"),
    asked("human", "hand_off"),
    asked("human", "talk"),
]


def test_each_figure_counts_the_rows_that_its_definition_names() -> None:
    """Ten rows, one of each kind of ending, reckoned by hand."""
    found = figures(ROWS)
    assert (found.questions, found.with_article) == (10, 6)
    assert found.precision_at_1 == 0.3333
    assert found.confident_wrong == 0.2
    assert (found.answered, found.right_when_answered) == (0.3333, 0.5)
    assert (found.clarified, found.offered_right) == (0.3, 0.5)
    assert (found.none_held_back, found.human_handed_off) == (0.5, 0.5)
    assert (found.handed_off, found.needless) == (0.2, 0.125)
    assert found.containment == 0.375


def test_the_confusions_are_what_went_wrong_and_how_often() -> None:
    """A right answer, a question held back and a hand-off that was asked for are none."""
    assert ("invoice", "points", "ask", 1) in confusions(ROWS)
    assert sum(times for *_, times in confusions(ROWS)) == 6
