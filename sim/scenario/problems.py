"""What can be wrong with a scenario, as values: a code, its figures, its place; a sentence in English or Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.dispatch.policy.problems import show_path, shown

Path = tuple[str | int, ...]


class Problem(msgspec.Struct, frozen=True):
    """``line`` from 1 in ``file``; ``path`` of the key. The sentence says what is wrong, what there is, what is wanted."""

    file: str
    line: int
    path: str
    code: str
    params: Mapping[str, str] = {}

    def sentence(self, lang: str = "en") -> str:
        chinese = lang.startswith("zh")
        words = {name: _chinese(text) if chinese else text for name, text in self.params.items()}
        return SENTENCES[self.code][chinese].format_map(words)

    def placed(self, lang: str = "en") -> str:
        """``file:line, path: sentence``, as an editor or a terminal can jump to it."""
        place = f"{self.file}:{self.line}" + (f", {self.path}" if self.path else "")
        return f"{place}: {self.sentence(lang)}"


class ScenarioErrors(ValueError):
    """Everything wrong with a scenario, in the order of its lines."""

    def __init__(self, found: Sequence[Problem]) -> None:
        self.found = sorted(found, key=lambda each: (each.file, each.line))
        super().__init__("\n".join(self.problems))

    @property
    def problems(self) -> list[str]:
        return self.told("en")

    def told(self, lang: str) -> list[str]:
        """Each problem with its place, in this language."""
        return [problem.placed(lang) for problem in self.found]

    def __reduce__(self) -> tuple[type[ScenarioErrors], tuple[list[Problem]]]:
        """Told across processes, too: by default an error would be made again from its text."""
        return ScenarioErrors, (self.found,)


class Problems:
    """Those of one file while it is read. ``lines``: path → line."""

    def __init__(self, file: str, lines: Mapping[Path, int]) -> None:
        self.file, self._lines = file, lines
        self.found: list[Problem] = []

    def line_of(self, path: Path) -> int:
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def add(self, path: Path, code: str, **params: Any) -> None:
        words = {name: text if isinstance(text, str) else str(text) for name, text in params.items()}
        self.found.append(Problem(self.file, self.line_of(path), show_path(path), code, words))

    def elsewhere(self, file: str, line: int, code: str, **params: Any) -> None:
        """In a file that the scenario names."""
        self.found.append(Problem(file, line, "", code, {name: str(text) for name, text in params.items()}))


def names_of(known: Any) -> str:
    """For "wanted one of": the names, or a word for none."""
    listed = [str(name) for name in known]
    return ", ".join(listed) if listed else "(none is declared)"


def value(found: Any) -> str:
    return shown(found)


def _chinese(text: str) -> str:
    """A phrase of ours in Chinese, also where a bound or a list follows; what is quoted from the file stays as it is."""
    if text in _ZH:
        return _ZH[text]
    for phrase in ("a whole number", "a number", "a list of", "one of"):
        if text.startswith(phrase + " "):
            return f"{_ZH[phrase]} {_chinese(text[len(phrase) + 1 :])}"
    return text


# code → (English, 简体中文)
SENTENCES: dict[str, tuple[str, str]] = {
    "unreadable": ("cannot be read: {detail}", "无法读取：{detail}"),
    "toml": ("is not TOML: {detail}", "不是合法的 TOML：{detail}"),
    "missing": ("is missing, wanted {wanted}", "缺失，应为{wanted}"),
    "unknown_key": ("is unknown, wanted one of {wanted}", "是未知的键，应为 {wanted} 之一"),
    "wrong": ("got {got}, wanted {wanted}", "实际是 {got}，应为{wanted}"),
    "unknown": ("got {got}, wanted one of {wanted}", "实际是 {got}，应为 {wanted} 之一"),
    "shares": ("the shares sum to {got}, wanted 1", "份额之和为 {got}，应为 1"),
    "shares_over": ("the shares sum to {got}, wanted at most 1", "份额之和为 {got}，应不超过 1"),
    "time": ("got {got}, wanted a time HH:MM or HH:MM:SS of the day", "实际是 {got}，应为一天中的时刻 HH:MM 或 HH:MM:SS"),
    "start": ("got {got}, wanted HH:MM from 00:00 to 23:59", "实际是 {got}，应为 00:00 至 23:59 的 HH:MM"),
    "span": ("got {got}, wanted two times HH:MM, the earlier first", "实际是 {got}，应为两个时刻 HH:MM，先早后晚"),
    "overlap": ("{got} overlaps {other}, wanted spans one after the other", "{got} 与 {other} 重叠，各时段应先后相接"),
    "outside": ("the break {got} lies in none of the team's shifts ({wanted})", "休息 {got} 不在该组的任何班次内（{wanted}）"),
    "order": ("got {got}, wanted {wanted}", "实际是 {got}，应为{wanted}"),
    "one_of": ("got {got}, wanted exactly one of {wanted}", "实际是 {got}，应恰好是 {wanted} 之一"),
    "weights": ("got {got} weights, wanted 48 half hours (or 24 hours) with a positive sum",
                "实际有 {got} 个权重，应为 48 个半小时（或 24 个小时），且和为正"),
    "needs": ("a {law} needs {wanted}, got {got}", "{law} 需要 {wanted}，实际是 {got}"),
    "survival": ("got {got}, wanted points with seconds going up and shares going down",
                 "实际是 {got}，应为秒数递增、份额递减的点"),
    "policy": ("the policy has problems: {detail}", "策略有问题：{detail}"),
    "no_queue": ("got {got}, a queue that the policy does not know; wanted one of {wanted}",
                 "实际是 {got}，策略中没有这个队列；应为 {wanted} 之一"),
    "no_topic_there": ("the policy puts no topic of this scenario into the queue {got}; its topics enter {wanted}",
                       "策略不会把本场景的任何主题放入队列 {got}；它们进入 {wanted}"),
    "no_pool": ("got {got}, a pool that the policy does not know; wanted one of {wanted}",
                "实际是 {got}，策略中没有这个池；应为 {wanted} 之一"),
    "no_skill": ("got {got}, a skill that no queue's requirement names; wanted one of {wanted}",
                 "实际是 {got}，没有队列要求这项技能；应为 {wanted} 之一"),
    "no_turns": ("contacts about {got} have no work time and people.reply is missing: nobody would know how long they take",
                 "主题 {got} 的会话没有 work 时长，也没有 people.reply：无法知道它们要多久"),
    "nobody_comes": ("nobody ever comes: wanted scenario.volume, surges or flows with a rate above 0",
                     "没有任何会话到来：应有 scenario.volume、surges 或速率大于 0 的 flows"),
    "no_end": ("the scenario cannot end: {detail}", "该场景无法结束：{detail}"),
    "too_long": ("got {got} days, wanted at most {wanted}", "实际是 {got} 天，应至多 {wanted} 天"),
    "no_site": ("no team has the site {got}; wanted one of {wanted}", "没有小组位于站点 {got}；应为 {wanted} 之一"),
    "day_beyond": ("day {got}, and the run has {wanted}", "第 {got} 天，而本次运行只有 {wanted} 天"),
    "date": ("got {got}, wanted a date like 2026-11-11", "实际是 {got}，应为 2026-11-11 这样的日期"),
    "row": ("column {column}: got {got}, wanted {wanted}", "列 {column}：实际是 {got}，应为{wanted}"),
    "columns": ("got the columns {got}, wanted {wanted}", "实际的列为 {got}，应为 {wanted}"),
    "more": ("and {got} more lines with problems", "另有 {got} 行有问题"),
    "empty_file": ("has no rows", "没有任何行"),
}  # fmt: skip

_ZH = {
    "a table": "一个表",
    "a list": "一个列表",
    "a list of": "列表，每项为",
    "one of": "其中之一：",
    "text": "文本",
    "a whole number": "整数",
    "a number": "数字",
    "true or false": "true 或 false",
    "nothing": "无",
    "(none is declared)": "（尚未声明）",
    "a count ≥ 0": "≥ 0 的数量",
    "the lower level first": "先低后高",
    "[least, most] with 1 <= least <= most": "[最少, 最多]，且 1 <= 最少 <= 最多",
    "times going up": "递增的时刻",
    "seconds going up": "递增的秒数",
    "0 (served: still patient) or 1 (left)": "0（已接待，耐心未尽）或 1（离开）",
    "a number of seconds ≥ 0": "≥ 0 的秒数",
    "everybody waits for ever, and nobody ever works": "所有人都无限等待，而没有人上班",
    "all who are served come back, at once and for ever": "接待过的人都会立刻回来，永无止境",
}
