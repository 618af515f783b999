"""What can be wrong with a cases file: the policy reader's problems, and those that only cases can have.

A problem knows its line inside a list of rows, too: ``when = [`` may hold one row a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from engine.dispatch.policy import problems as policy_problems
from engine.dispatch.policy.findings import MAX_PROBLEMS, Findings
from engine.dispatch.policy.loader import Document, Path
from engine.dispatch.policy.problems import PHRASES_ZH, Lang, Problem, quoted, show_path

# code → (English, 简体中文). Before the policy reader's sentences.
SENTENCES: dict[str, tuple[str, str]] = {
    "too_long": (
        "the file is too long: {got} characters, at most {wanted}",
        "文件过长：{got} 个字符，最多 {wanted} 个",
    ),
    "length": (
        'a length of time is wanted for {field}, such as "10s", "1m30s" or "2h", at most 7d; got {got}',
        '{field} 应为时长，例如 "10s"、"1m30s" 或 "2h"，最长 7d；实际是 {got}',
    ),
    "unknown_here": (
        "{field} names {got}, and there is no such {kind} here",
        "{field} 写了 {got}，但这里没有这个{kind}",
    ),
    "not_there_yet": (
        "{field} names the contact {got}, which comes only later (line {first})",
        "{field} 写了会话 {got}，但它后来才到（第 {first} 行）",
    ),
    "one_agent": (
        "{field} must name one agent, got {got}, a group of {n}: name one of them, such as {wanted}",
        "{field} 应指定一位客服，实际是 {n} 人的组 {got}：请指定其中一位，例如 {wanted}",
    ),
    "one_contact": (
        "{field} must name one contact, got {got}, a group of {n}: name one of them, such as {wanted}",
        "{field} 应指定一个会话，实际是 {n} 个会话的组 {got}：请指定其中一个，例如 {wanted}",
    ),
    "must_be_said": (
        "{field} must be said, here or in [contact]: the policy has several ({wanted})",
        "必须写明 {field}（在这里或 [contact] 中）：策略里有多个（{wanted}）",
    ),
    "other_tenants_shop": (
        "{field} names {got}, a shop of tenant {wanted}, not of the contact's",
        "{field} 写了 {got}，它属于租户 {wanted}，不是会话所属的租户",
    ),
    "no_policy_file": (
        "{field} names the policy {got}: there is no such file beside the cases",
        "{field} 写了策略 {got}：用例文件旁没有这个文件",
    ),
    "policy_file": (
        "{field} names the policy {got}, which has {n} problem(s), first: {first}",
        "{field} 写了策略 {got}，它有 {n} 个问题，第一个：{first}",
    ),
    "two_things": (
        "a row does one thing, got {got}: make it two rows",
        "一行只做一件事，实际写了 {got}：请分成两行",
    ),
    "time_back": (
        "{field} is {got}, before the row above it ({wanted}): rows stand in the order of time",
        "{field} 是 {got}，早于上一行（{wanted}）：各行应按时间排列",
    ),
    "about_nothing": (
        "the row must say whom it is about: contact, agent, queue or order, and only one of them; got {got}",
        "该行必须说明对象：contact、agent、queue 或 order 之一；实际是 {got}",
    ),
    "says_nothing": (
        "the row says nothing about {got}: wanted one of {wanted}",
        "该行对 {got} 没有任何断言：应写 {wanted} 之一",
    ),
    "frames_nothing": (
        "{field} does not go with {got}",
        "{field} 不能与 {got} 一起使用",
    ),
    "agent_twice": (
        "two agents would be called {got}: rename the group",
        "会有两位客服都叫 {got}：请给组改名",
    ),
    "several_again": (
        "{got} has come already: only a single contact can come again",
        "{got} 已经来过：只有单个会话可以再次到来",
    ),
    "needs_several": ("{field} is for several contacts: count is missing", "{field} 用于多个会话：缺少 count"),
    "window_backwards": (
        "{field} is {got}, after {wanted}: nothing can happen between them",
        "{field} 是 {got}，晚于 {wanted}：两者之间不可能发生任何事",
    ),
    # --- of a contact given to `policy explain`
    "no_json": ("{detail}, at character {column}", "{detail}，第 {column} 个字符"),
}
ZH = {
    **PHRASES_ZH,
    "case": "用例",
    "group": "组",
    "contact": "会话",
    "agent or group": "客服或组",
    "step": "步骤",
    "a list of rows": "行的列表",
    "one name or a list of names": "一个名称或名称列表",
    "true, or a reason": "true 或原因",
    "true, or a length of time": "true 或时长",
    "a step's name or number": "步骤的名称或序号",
    "a table, a list of groups": "一个表或组的列表",
    "a count or a table": "人数或一个表",
    "a JSON object": "一个 JSON 对象",
    "≥ 0": "≥ 0",
}
_TRANSLATED = ("kind", "wanted", "got")


def _bare(code: str, params: Mapping[str, str], lang: Lang) -> str:
    """The sentence without what it is about."""
    if code not in SENTENCES:
        plain = {name: ZH.get(value, value) if lang == "zh-CN" else value for name, value in params.items()}
        return policy_problems.problem(code, (), 0, ("", ""), **plain).sentence(lang)
    words = dict(params)
    if lang == "zh-CN":
        words = {name: ZH.get(value, value) if name in _TRANSLATED else value for name, value in params.items()}
    sentence = SENTENCES[code][1 if lang == "zh-CN" else 0].format_map(words)
    if params.get("hint"):
        hint = params["hint"]
        sentence += f"，是否想写 {hint}？" if lang == "zh-CN" else f"; did you mean {hint}?"
    return sentence


class CaseProblem(Problem, frozen=True):
    """As a policy's problem; ``subject`` may also be a case or a group."""

    def sentence(self, lang: Lang = "en") -> str:
        return self.message if lang == "en" else about(self.subject, _bare(self.code, self.params, lang), lang)


def about(subject: tuple[str, str], sentence: str, lang: Lang) -> str:
    kind, name = subject
    if not kind:
        return sentence
    return (
        f"{ZH.get(kind, kind)} {quoted(name)}：{sentence}" if lang == "zh-CN" else f"{kind} {quoted(name)}: {sentence}"
    )


def case_problem(code: str, path: Path, line: int, subject: tuple[str, str] = ("", ""), **params: str) -> CaseProblem:
    """A problem with its English sentence."""
    return CaseProblem(
        about(subject, _bare(code, params, "en"), "en"), line, show_path(path), code, subject, dict(params)
    )


class CaseFindings(Findings):
    """Problems with their places in a cases file."""

    def report(self, code: str, path: Path, /, **params: str) -> None:
        if len(self.problems) >= MAX_PROBLEMS:
            super().report(code, path, **params)
            return
        subject, rest = self._subject(path)
        params.setdefault("field", show_path(rest) or show_path(path))
        self.problems.append(case_problem(code, path, self.document.line_of(path), subject, **params))

    def _subject(self, path: Path) -> tuple[tuple[str, str], Path]:
        if len(path) < 2:
            return ("", ""), path
        section, name = path[0], path[1]
        if section == "groups":
            return ("group", str(name)), path[2:]
        if section != "case" or not isinstance(name, int):
            return ("", ""), path
        table = self.document.tables["case"][name]
        called = table.get("name") if isinstance(table, dict) else None
        return ("case", called if isinstance(called, str) and called else f"#{name + 1}"), path[2:]


# --- the lines of rows ----------------------------------------------------------------------------------------------

_ROW_PART = re.compile(
    r'''"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|\'\'\'(?:[^']|'(?!''))*'{3,5}
      |"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|\#[^\n]*|(?P<open>[\[{])|(?P<close>[\]}])|(?P<newline>\n)|[^"'\#\[\]{}\n]+''',
    re.VERBOSE | re.DOTALL,
)
_ROWS = re.compile(r"\b(?:when|expect|waiting)\s*=\s*\[")


def place_rows(text: str, document: Document) -> None:
    """Note the line of each row of ``when = [``, ``expect = [`` and ``waiting = [``: the loader knows the key's alone."""
    text = text.replace("\r\n", "\n")
    starts = [0]
    for written in text.split("\n"):
        starts.append(starts[-1] + len(written) + 1)
    lists = [path for path in document.lines if path[0] == "case" and path[-1] in ("when", "expect", "waiting")]
    for path in lists:
        line = document.lines[path]
        opening = _ROWS.search(text, starts[line - 1], starts[line])
        if opening is not None:
            for index, row_line in enumerate(_row_lines(text, opening.end(), line)):
                document.lines.setdefault((*path, index), row_line)


def _row_lines(text: str, at: int, line: int) -> Iterator[int]:
    depth = 1
    while depth and (match := _ROW_PART.match(text, at)):
        at = match.end()
        if match["open"]:
            if depth == 1:
                yield line
            depth += 1
        elif match["close"]:
            depth -= 1
        line += match.group().count("\n")
