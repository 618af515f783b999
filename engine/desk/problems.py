"""What is wrong with a file of the desk (articles, terms, a bot's configuration): every problem at once, with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

import msgspec

Lang: TypeAlias = Literal["en", "zh-CN"]

# As in a policy: a thousand are more than anyone repairs in one go.
MAX_PROBLEMS = 1_000


class Problem(msgspec.Struct, frozen=True):
    """``what`` was ``got`` where ``wanted`` would be right; ``line`` from 1 (0: the file as a whole). Text, never markup."""

    code: str
    file: str
    line: int
    what: str
    got: str
    wanted: str

    def sentence(self, lang: Lang = "en") -> str:
        got, wanted = (_chinese(self.got), _chinese(self.wanted)) if lang == "zh-CN" else (self.got, self.wanted)
        place = f"{self.file}:{self.line}" if self.line else self.file
        if lang == "zh-CN":
            return f"{self.what}：应为{wanted}，实际是{got}（{place}）"
        return f"{self.what}: wanted {wanted}, got {got} ({place})"


class DeskErrors(ValueError):
    """Every problem of what was read, in the order of files and lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.sentence() for problem in self.problems))

    def __reduce__(self) -> tuple[type[DeskErrors], tuple[tuple[Problem, ...]]]:
        return DeskErrors, (self.problems,)


class Problems:
    """Gathers problems of one file; more than a thousand end in one that says so."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Problem] = []

    def report(self, code: str, line: int, what: str, got: str, wanted: str) -> None:
        if len(self.found) < MAX_PROBLEMS:
            self.found.append(Problem(code, self.file, line, what, got, wanted))
        elif len(self.found) == MAX_PROBLEMS:
            self.found.append(Problem("more", self.file, 0, "the file", f"more than {MAX_PROBLEMS} problems", "none"))


def raise_if_any(found: Iterable[Problem]) -> None:
    """Raises :class:`DeskErrors` with all of them, by file and line."""
    if problems := sorted(found, key=lambda problem: (problem.file, problem.line)):
        raise DeskErrors(problems)


# Fixed words of `got` and `wanted`; what is quoted from a file stays as it is.
_PHRASES: dict[str, str] = {
    "nothing": "没有",
    "an empty text": "空文本",
    "at least one character": "至少一个字符",
    "no control characters": "不含控制字符",
    "no characters that turn the direction of a text": "不含改变文字方向的字符",
    "no invisible characters": "不含不可见字符",
    "one line": "单行",
    "plain text, no HTML": "纯文本，不含 HTML",
    "UTF-8": "UTF-8 编码",
    "a date YYYY-MM-DD": "YYYY-MM-DD 格式的日期",
    "a day on or after valid_from": "不早于 valid_from 的日期",
    "a whole number from 1": "从 1 起的整数",
    "one article for each slug and language": "每个短名和语言各一篇",
    "a known key": "已知的键",
    "each key once": "每个键只写一次",
    "a value": "填写内容",
    "front matter between two lines of ---": "两行 --- 之间的头部",
    "public or agents": "public 或 agents",
    "draft, review or published": "draft、review 或 published",
    "zh or en": "zh 或 en",
    "a name that says who reviewed it": "审核人的名字",
    "none": "没有",
}


def _chinese(phrase: str) -> str:
    if phrase in _PHRASES:
        return _PHRASES[phrase]
    for opening, instead in _OPENINGS:
        if phrase.startswith(opening):
            return instead(phrase[len(opening) :])
    return phrase


_OPENINGS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("at most ", lambda rest: f"最多 {rest}"),
    ("one of ", lambda rest: f"{rest} 之一"),
    ("a tag at ", lambda rest: f"第 {rest} 个字符处的标签"),
)
