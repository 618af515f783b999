"""What the READMEs and the guide tell a reader to do can be done."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from engine.cli import main
from tests.tidy.tree import ROOT, text_of

ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
PAGES = [ENGLISH, CHINESE, *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
HEADING = re.compile(r"^(#+) ", re.MULTILINE)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(text_of(page)) if kind == language]


def _without_fences(page: Path) -> str:
    return FENCE.sub("", text_of(page))


def _command_lines(page: Path) -> Iterator[list[str]]:
    """The words of every command in a page's ``sh`` blocks; comments, prompts and continued lines undone."""
    for block in _blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                yield words


def _wrong_sluice(words: list[str]) -> str:
    """Why these words are no command of ``sluice``; empty when they are."""
    command: click.Command = main
    context = click.Context(command, info_name="sluice")
    known: set[str] = set()
    for word in words:
        if isinstance(command, click.Group) and not word.startswith("-"):
            found = command.get_command(context, word)
            if found is None:
                return f"no command {word!r} in {context.command_path!r}"
            if (found.short_help or "").startswith("(cannot be loaded"):
                return f"{word}: {found.short_help}"
            command, context = found, click.Context(found, info_name=word, parent=context)
        known |= {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        if word.startswith("-") and word.split("=")[0] not in known | {"--help", "-h"}:
            return f"no option {word!r} in {context.command_path!r}"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_sluice_command_exists(page: Path) -> None:
    """Each `sluice …` line of a page names a command that loads, and options that it takes."""
    wrong = [_wrong_sluice(words[1:]) for words in _command_lines(page) if words[0] == "sluice"]
    assert [problem for problem in wrong if problem] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_make_target_exists(page: Path) -> None:
    """Each `make …` line names a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    asked = {words[1] for words in _command_lines(page) if words[0] == "make" and len(words) > 1}
    assert asked - targets == set()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Each relative link of a page is a file of the repository."""
    broken = [link for link in LINK.findall(_without_fences(page)) if not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_file_named_in_a_command_exists(page: Path) -> None:
    """A command that is given a path of this repository is given one that is there."""
    rooms = ("bench/", "docs/", "examples/", "tests/", "tools/")
    named = {word for words in _command_lines(page) for word in words if word.startswith(rooms)}
    assert {word for word in named if not (ROOT / word).exists()} == set()


def test_both_readmes_say_the_same() -> None:
    """The Chinese README has the English one's sections, commands, snippets and links."""
    shapes = {}
    for page in (ENGLISH, CHINESE):
        prose = _without_fences(page)
        shapes[page] = {
            "headings": HEADING.findall(prose),
            "commands": list(_command_lines(page)),
            "snippets": [re.sub(r"\s*#.*", "", block) for block in _blocks(page, "python")],
            "links": sorted(set(LINK.findall(prose)) - {ENGLISH.name, CHINESE.name}),
            "table rows": len(re.findall(r"^\|", prose, re.MULTILINE)),
        }
    assert shapes[CHINESE] == shapes[ENGLISH]


def test_what_the_readme_asks_of_a_policy_is_answered() -> None:
    """Each `sluice policy …` line about a policy of the repository, typed as it stands, ends well."""
    asked = [
        words[1:] for words in _command_lines(ENGLISH) if words[:2] == ["sluice", "policy"] and "examples/" in words[3]
    ]
    assert asked
    for words in asked:
        done = CliRunner().invoke(main, [str(ROOT / one) if one.startswith("examples/") else one for one in words])
        assert done.exit_code == 0, (words, done.output, done.exception)


def test_the_embedding_snippet_runs(tmp_path: Path) -> None:
    """The ten lines of the README, pasted into a file and run, serve a contact."""
    (snippet,) = _blocks(ENGLISH, "python")
    script = tmp_path / "embedded.py"
    script.write_text(snippet, encoding="utf-8")
    done = subprocess.run([sys.executable, script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip(), "the snippet prints what happened"


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=_name)
def test_every_example_runs(example: Path) -> None:
    """Each example, run as it stands, ends well."""
    done = subprocess.run([sys.executable, example], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
