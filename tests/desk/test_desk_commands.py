"""`sluice desk bot` and `sluice desk articles` at the terminal: they work on files, and say what is wrong with them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.cli import main

DESK = Path(__file__).resolve().parents[2] / "examples" / "desk"


def sluice(*arguments: str | Path, lang: str = "en_GB.UTF-8", **rest: str) -> Result:
    return CliRunner().invoke(main, ["desk", *map(str, arguments)], env={"LC_ALL": lang}, **rest)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shop's desk, with four of its articles."""
    (tmp_path / "articles").mkdir()
    for name in ("delivery-fee", "invoice"):
        for language in ("zh", "en"):
            shutil.copy(DESK / "articles" / f"{name}.{language}.md", tmp_path / "articles")
    for name in ("categories.csv", "terms.csv"):
        shutil.copy(DESK / name, tmp_path)
    (tmp_path / "bot.toml").write_text("[bot]\nhosts = ['shop.example']\n", encoding="utf-8")
    (tmp_path / "questions.csv").write_text(
        "language,article,question,split\nzh,delivery-fee,运费怎么算,dev\nen,invoice,SECRET question,test\n",
        encoding="utf-8",
    )
    return tmp_path


def test_the_bot_is_tried_by_hand(folder: Path) -> None:
    """One text after the other, as one conversation, with what it was taken for."""
    done = sluice("bot", "ask", "--folder", folder, "How much is shipping?", "human please")
    assert done.exit_code == 0
    assert "[answer, delivery-fee, " in done.output
    assert "[hand_off, delivery-fee]" in done.output and "Customer: How much is shipping?" in done.output


def test_a_reply_comes_as_json_too(folder: Path) -> None:
    """A line for each text."""
    done = sluice("bot", "ask", "--json", "--folder", folder, "--today", "2026-12-01", "运费", "20261111001")
    assert [json.loads(line)["act"] for line in done.output.splitlines()] == ["answer", "sorry"]


def test_the_measurement_names_what_went_wrong_on_dev_only(folder: Path) -> None:
    """Of the test split there are figures, and not a word."""
    dev = json.loads(sluice("bot", "eval", "--json", "--folder", folder).output)
    assert (dev["split"], dev["languages"]["total"]["precision_at_1"], dev["confusions"]) == ("dev", 1.0, [])
    test = sluice("bot", "eval", "--split", "test", "--folder", folder)
    assert test.exit_code == 0 and "precision_at_1" in test.output and "SECRET" not in test.output
    assert "confusions" not in json.loads(sluice("bot", "eval", "--split", "test", "--json", "--folder", folder).output)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("bot.toml", "[bot]\nname = 5\n", "bot.name: wanted str, got 5 ("),
        (
            "categories.csv",
            "category,zh,en\ndelivery,配送,Delivery\n",
            "category: wanted one of delivery, got 'invoices' (",
        ),
        (
            "questions.csv",
            "language,article\n",
            "the header must be language,article,question,split, got 'language,article'",
        ),
    ],
)
def test_a_bad_file_is_told_with_its_place(folder: Path, file: str, text: str, told: str) -> None:
    """Exit code 1: the file can be read, and has problems."""
    (folder / file).write_text(text, encoding="utf-8")
    done = sluice("bot", "eval", "--folder", folder)
    assert (done.exit_code, told in done.output) == (1, True), done.output


def test_a_bot_that_is_no_text_and_a_day_that_is_none_are_refused(folder: Path) -> None:
    """Neither ends in a traceback."""
    (folder / "bot.toml").write_bytes(b"\xff\xfe")
    assert "wanted UTF-8" in sluice("bot", "ask", "--folder", folder, "hi").output
    done = sluice("bot", "ask", "--folder", folder, "--today", "tomorrow", "hi")
    assert done.exit_code == 2 and "wanted a date YYYY-MM-DD" in done.output


def test_a_folder_without_a_bot_cannot_be_read(folder: Path) -> None:
    """Exit code 2, and the file's name."""
    (folder / "bot.toml").unlink()
    done = sluice("bot", "ask", "--folder", folder, "hi")
    assert done.exit_code == 2 and "bot.toml" in done.output


def test_articles_are_counted_when_they_are_good(folder: Path) -> None:
    """In words and as JSON."""
    assert sluice("articles", "check", folder).output.startswith("articles: 4, published: 4, ")
    assert json.loads(sluice("articles", "check", "--json", folder).output)["articles"] == 4


def test_problems_are_told_in_the_language_of_the_terminal(folder: Path) -> None:
    """English and Chinese; as JSON, the parts."""
    file = folder / "articles" / "invoice.en.md"
    file.write_text(file.read_text(encoding="utf-8").replace("audience: public", "audience: all"), encoding="utf-8")
    english, chinese = sluice("articles", "check", folder), sluice("articles", "check", folder, lang="zh_CN.UTF-8")
    assert (english.exit_code, chinese.exit_code) == (1, 1)
    assert f"audience: wanted public or agents, got 'all' ({file}:4)" in english.output
    assert "audience：应为public 或 agents，实际是'all'" in chinese.output
    parts = json.loads(sluice("articles", "check", "--json", folder).output)["problems"]
    assert [(part["code"], part["line"]) for part in parts] == [("not_one_of", 4)]


def test_articles_go_into_a_table_and_come_back(folder: Path, tmp_path: Path) -> None:
    """Export, change one in the table, import: the others are as they were; nothing is overwritten by accident."""
    table = tmp_path / "articles.csv"
    before = {path.name: path.read_bytes() for path in (folder / "articles").iterdir()}
    assert sluice("articles", "export", folder, table).exit_code == 0
    table.write_text(
        table.read_text(encoding="utf-8").replace("How much is shipping", "Shipping costs"), encoding="utf-8"
    )
    refused = sluice("articles", "import", folder, table)
    assert refused.exit_code == 2 and "is there already (4 of 4); --force writes over them" in refused.output
    assert sluice("articles", "import", "--force", folder, table).exit_code == 0
    after = {path.name: path.read_bytes() for path in (folder / "articles").iterdir()}
    assert [name for name in before if before[name] != after[name]] == ["delivery-fee.en.md"]


def test_a_table_with_a_bad_row_changes_nothing(folder: Path, tmp_path: Path) -> None:
    """All or nothing."""
    table = tmp_path / "articles.csv"
    sluice("articles", "export", folder, table)
    table.write_text(table.read_text(encoding="utf-8").replace(",invoices,", ",other,", 1), encoding="utf-8")
    before = {path: path.read_bytes() for path in (folder / "articles").iterdir()}
    done = sluice("articles", "import", "--force", folder, table)
    assert done.exit_code == 1 and "category: wanted one of " in done.output
    assert {path: path.read_bytes() for path in (folder / "articles").iterdir()} == before
