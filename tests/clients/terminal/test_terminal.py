"""The terminal's commands without an engine: input, output, options, exit codes, languages."""

from __future__ import annotations

import io
import os
import string
from pathlib import Path
from typing import Any

import click
import pytest
import trio
import trio.testing
from click.testing import CliRunner

from adapters.clients import Refused
from adapters.clients.terminal import chat, ctl, explain, top
from adapters.clients.terminal.chat_lines import Printer, number_first, parse_line, read_lines
from adapters.clients.terminal.engine_options import default_language, parse_attributes, parse_names, parse_pairs
from adapters.clients.terminal.explain import clock, render
from adapters.clients.terminal.policy_apply import apply
from adapters.clients.terminal.texts import TEXTS, Texts

EN, ZH = Texts("en"), Texts("zh-CN")
NOBODY = "msgpack+unix:///nowhere/sluice.sock"


# --- lines ----------------------------------------------------------------------------------------------------------


async def lines_of(data: bytes, *, until: str = "") -> list[str]:
    """What a script's bytes through a pipe are taken as."""
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    got: list[str] = []

    async def take(line: str) -> bool:
        got.append(line)
        return line != until

    try:
        await read_lines(reading, take)
    finally:
        os.close(reading)
    return got


async def test_lines_through_a_pipe() -> None:
    """A script writes three lines, the last without an end, one in Chinese, one from Windows."""
    assert await lines_of("hi\r\n你好\nlast".encode(), until="none") == ["hi", "你好", "last"]


async def test_nothing_is_read_after_leaving() -> None:
    """/quit ends it, whatever follows."""
    assert await lines_of(b"a\n/quit\nb\n", until="/quit") == ["a", "/quit"]


async def test_lines_from_a_file(tmp_path: Path) -> None:
    """Standard input is a regular file, which epoll will not watch."""
    (tmp_path / "in").write_text("a\nb\n")
    got: list[str] = []

    async def take(line: str) -> bool:
        got.append(line)
        return True

    with (tmp_path / "in").open() as file:
        await read_lines(file.fileno(), take)
    assert got == ["a", "b"]


async def test_reading_waits_without_blocking(autojump_clock: object) -> None:
    """While nobody types, everything else goes on."""
    reading, writing = os.pipe()

    async def take(line: str) -> bool:
        return False

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read_lines, reading, take)
        await trio.testing.wait_all_tasks_blocked()
        os.write(writing, b"x\n")
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("hello", ("", "hello")),
        ("/accept 5", ("accept", "5")),
        ("/transfer refund  angry customer ", ("transfer", "refund  angry customer")),
        ("//not a command", ("", "/not a command")),
        ("/", ("?", "")),
        ("", ("", "")),
    ],
)
def test_what_a_line_means(line: str, wanted: tuple[str, str]) -> None:
    """A slash begins a command, two slashes a text that begins with one."""
    assert parse_line(line) == wanted


def test_a_leading_number() -> None:
    """/decline 5 lunch, /decline lunch."""
    assert number_first("5 lunch") == (5, "lunch")
    assert number_first("lunch at 5") == (None, "lunch at 5")
    assert number_first("") == (None, "")


def test_other_peoples_words_cannot_steer_the_terminal() -> None:
    """A customer sends escape sequences and a second line that looks like ours: marks, and set in."""
    out = io.StringIO()
    Printer(EN, out).message({"sender": "customer"}, "\x1b[2J\x1b]0;owned\x07 hi\nAnn: fake\r\x9b\u202e")
    assert "\x1b" not in out.getvalue()
    assert "\x07" not in out.getvalue()
    assert "\u202e" not in out.getvalue()
    assert [line[:6] for line in out.getvalue().splitlines()[1:]] == ["      "]


@pytest.mark.parametrize(
    ("message", "english", "chinese"),
    [
        ({"sender": "bot", "agent": "robo", "automatic": True}, "robo [AI]: hi", "robo【AI】：hi"),
        ({"sender": "system", "automatic": True}, "system (automatic): hi", "系统（自动）：hi"),
        ({"sender": "agent", "agent": "ann"}, "ann: hi", "ann：hi"),
        ({"sender": "customer", "erased": True}, "customer: (erased)", "客户：（已删除）"),
    ],
)
def test_whose_words_they_are(message: dict[str, Any], english: str, chinese: str) -> None:
    """A bot's are marked as AI whatever its name; what an erased customer wrote is said to have been there."""
    for texts, line in ((EN, english), (ZH, chinese)):
        out = io.StringIO()
        Printer(texts, out).message(message, "hi")
        assert out.getvalue() == line + "\n"


def test_refusals_and_notices_are_told_apart() -> None:
    """A script sees by the first character what a line is."""
    out = io.StringIO()
    printer = Printer(ZH, out)
    printer.notice("chat.back")
    printer.refusal(Refused("offer_gone", what="offer 5", got="expired"))
    assert out.getvalue() == "* 已重新连接。\n! offer 5, got expired (offer_gone)\n"


# --- options --------------------------------------------------------------------------------------------------------


def test_attributes_look_like_what_they_are() -> None:
    """Numbers are numbers, true is true, and everything else is text; NaN is text, too."""
    given = ("tier=vip", "amount=12", "share=0.5", "paid=true", "note=a=b", "odd=nan", "big=1e9")
    assert parse_attributes(given) == {
        "tier": "vip", "amount": 12, "share": 0.5, "paid": True, "note": "a=b", "odd": "nan", "big": "1e9",
    }  # fmt: skip
    with pytest.raises(click.BadParameter, match="wanted NAME=VALUE"):
        parse_attributes(("vip",))


def test_skills_and_pools() -> None:
    """Lists by comma; a skill without a number is 1."""
    assert parse_pairs("presale=5, english", "--skills") == {"presale": 5, "english": 1}
    assert parse_names("onsite, remote,") == ["onsite", "remote"]
    with pytest.raises(click.BadParameter, match="got 'presale=high'"):
        parse_pairs("presale=high", "--skills")


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (ctl.ctl, ["queues"]),
        (ctl.ctl, ["move", "1", "presale"]),
        (top.top, ["--once"]),
        (explain.explain, ["1"]),
        (chat.chat, ["--as", "customer", "--patience", "0"]),
    ],
)
def test_without_an_engine_every_command_ends_with_3(command: click.Command, arguments: list[str]) -> None:
    """Nobody listens there: one line that says so."""
    result = CliRunner().invoke(command, [*arguments, "--url", NOBODY])
    assert result.exit_code == 3
    assert result.stderr.startswith("sluice: cannot connect to /nowhere/sluice.sock")
    assert result.stderr.count("\n") == 1


def test_an_address_that_is_none_is_wrong_usage() -> None:
    """The line says what is wanted."""
    result = CliRunner().invoke(ctl.ctl, ["queues", "--url", "http://here"])
    assert result.exit_code == 2
    assert "wanted ws://HOST:PORT" in result.stderr


def test_a_policy_file_that_is_not_text(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 never reach the engine."""
    (tmp_path / "p.toml").write_bytes(b"\xff")
    result = CliRunner().invoke(apply, [str(tmp_path / "p.toml"), "--url", NOBODY])
    assert result.exit_code == 2
    assert "not UTF-8, got byte 0xff" in result.output


def test_the_problems_of_a_policy_come_one_a_line(tmp_path: Path) -> None:
    """They are found before anything is sent, each with its place in this file, in the reader's language."""
    (tmp_path / "p.toml").write_text('[policy]\nname = "x"\n[channels.web]\ncost = -1\n')
    result = CliRunner().invoke(apply, [str(tmp_path / "p.toml"), "--url", NOBODY, "--lang", "en"])
    assert result.exit_code == 1
    assert f'channel "web": cost must be ≥ 1, got -1 ({tmp_path}/p.toml:4, channels.web.cost)' in result.stderr
    result = CliRunner().invoke(apply, [str(tmp_path / "p.toml"), "--url", NOBODY, "--lang", "zh-CN", "--json"])
    assert '"ok":false' in result.stdout


def test_every_command_documents_its_exit_codes() -> None:
    """--help of each says what its exit codes mean."""
    commands = [chat.chat, top.top, explain.explain, apply, ctl.ctl, *ctl.ctl.commands.values()]
    for command in commands:
        shown = CliRunner().invoke(command, ["--help"]).output
        assert "Exit codes:" in shown, command.name
        assert "130  interrupted" in shown, command.name


# --- languages ------------------------------------------------------------------------------------------------------


def test_both_languages_fill_the_same_fields() -> None:
    """No translation asks for a field that is not given, or forgets one that matters."""
    for key, (english, chinese) in TEXTS.items():
        fields = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (english, chinese)]
        assert fields[0] == fields[1], key


@pytest.mark.parametrize(
    ("environment", "language"),
    [({}, "en"), ({"LANG": "zh_CN.UTF-8"}, "zh-CN"), ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en")],
)
def test_the_locale_chooses_the_language(
    environment: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LC_ALL before LANG, as everywhere."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert default_language() == language


# --- explanations ---------------------------------------------------------------------------------------------------


def test_an_explanation_on_paper() -> None:
    """Two records, one event of a later release among them, and a state that waits."""
    answer: dict[str, Any] = {
        "contact": 17,
        "now": {
            "contact": 17, "state": "queued", "queue": "presale", "rule": "any", "stage": "person", "priority": 0,
            "requirement": "", "pools": ["onsite"], "step": 0, "waited_ms": 61_000, "age_ms": 61_000, "position": 1,
            "policy": "shop@1", "at": 62_000,
            "verdict": {"agent": "bo", "eligible": False, "reasons": [{"code": "capacity", "wanted": "1", "got": "0"}]},
        },
        "story": [
            {"lsn": 1, "at": 1_000, "by": "customer c", "events": [
                {"type": "contact.submitted", "at": 1_000, "contact": 17, "tenant": "acme", "channel": "web",
                 "external_id": "", "customer": "c", "shop": "", "queue": "presale", "rule": "any", "stage": "person",
                 "priority": 0, "requires": "", "attributes": {}},
            ]},
            {"lsn": 2, "at": 4_500, "by": "engine", "events": [{"type": "contact.teleported", "at": 4_500, "contact": 17}]},
        ],
        "story_cut": True,
    }  # fmt: skip
    lines = render(answer, answer, EN, EN.words_for({"bo": "Bo Wang (bo)"}))
    assert lines == [
        "Contact 17",
        "(Older records were not looked through: the story may begin earlier.)",
        '  0:00.000  Arrived on web. Entry rule "any" put it into queue presale. From here it waited for a person.',
        "  0:03.500  contact.teleported (this version of the terminal has no words for it)",
        "Now: waiting in queue presale for 1 min 01 s, next in line.",
        "Whoever takes it must be in pool onsite.",
        "Why nobody takes it: no agent is signed on.",
        "Policy: shop@1.",
        "Why not Bo Wang (bo)?",
        "Bo Wang (bo) cannot take it, because:",
        "Bo Wang (bo) is full: 0 units free, it takes 1.",
    ]


def test_a_stop_watch() -> None:
    """Minutes, and hours when there are any."""
    assert [clock(ms) for ms in (0, 7_250, 61_000, 3_723_000)] == ["0:00.000", "0:07.250", "1:01.000", "1:02:03.000"]
