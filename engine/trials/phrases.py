"""What a report says, code by code, in English and 简体中文. Parts of a sentence carry their own comma."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from engine.console.wording import Language, Words
from engine.trials.outcome import Said

PHRASES: Mapping[str, tuple[str, str]] = {
    # --- the frame of a report
    "all_pass": ("{n} of {n} cases pass", "{n} 个用例全部通过"),
    "some_fail": ("{failed} of {n} cases fail", "{n} 个用例中有 {failed} 个未通过"),
    "none_chosen": ("no case has {only} in its name", "没有名称含 {only} 的用例"),
    "problems": ("{n} problem(s)", "{n} 个问题"),
    "expected": ("expected", "期望"),
    "got": ("got", "实际"),
    "why": ("why", "原因"),
    "story": ("what happened to {name}:", "{name} 的经过："),
    "more": ("and {n} more expectations fail", "另有 {n} 项期望未满足"),
    "cut": ("(the first {n} lines)", "（前 {n} 行）"),
    # --- when
    "by": (", by {at}", "，不迟于 {at}"),
    "since": (", from {at} on", "，从 {at} 起"),
    "at": (", at {at}", "，在 {at} 时"),
    # --- who gets it
    "offered": ("{name} is offered", "{name} 得到派单"),
    "to": (" to {agents}", "，派给 {agents}"),
    "to_one_of": (" to one of {agents}", "，派给 {agents} 之一"),
    "through": (", through pool {pools}", "，经由池 {pools}"),
    "at_step": (', at step "{step}"', "，在步骤“{step}”"),
    "after_waiting": (", after waiting {waited} at least", "，至少等待 {waited}"),
    "waited_at_most": (", after waiting {waited} at most", "，至多等待 {waited}"),
    "was_offered": (
        "offered to {agent} at {at}, through pool {pool}, after waiting {waited}",
        "在 {at} 派给 {agent}，经由池 {pool}，已等待 {waited}",
    ),
    "was_offered_at_step": (
        'offered to {agent} at {at}, through pool {pool}, at step "{step}", after waiting {waited}',
        "在 {at} 派给 {agent}，经由池 {pool}，步骤“{step}”，已等待 {waited}",
    ),
    "was_not_offered": ("offered to nobody by {at}", "到 {at} 为止没有派给任何人"),
    "was_deflected": (
        'not let in by rule "{rule}": {reason}',
        "被规则“{rule}”分流：{reason}",
    ),
    "never_to": ("{name} is never offered to {agents}", "{name} 绝不派给 {agents}"),
    "never_through": (", {name} is never offered through pool {pools}", "，{name} 绝不经由池 {pools} 派出"),
    "waits_until": ("{name} waits, offered to nobody, until {at}", "{name} 一直等待、不派给任何人，直到 {at}"),
    "waits_on": ("{name} still waits, offered to nobody, at {at}", "{name} 到 {at} 仍在等待，没有派给任何人"),
    "is_in_state": ("it is {state}", "状态是 {state}"),
    "order": ("served in this order: {names}", "接待次序：{names}"),
    "in_turn": (", {name} at {at}", "，{name} 在 {at}"),
    "not_in_turn": (", {name} not at all", "，{name} 没有轮到"),
    # --- what it goes through
    "step_opens": ('step "{step}" opens for {name}', "步骤“{step}”为 {name} 打开"),
    "step_shut": ('step "{step}" stays shut for {name}', "步骤“{step}”不为 {name} 打开"),
    "opened": ("it opened at {at}", "在 {at} 打开了"),
    "did_not_open": ("it had not opened by {at}", "到 {at} 没有打开"),
    "stands": ("{name}:", "{name}："),
    "is_gone": ("{name} is not there", "{name} 不在"),
    "deflected": ("{name} is not let in", "{name} 被分流"),
    "deflected_as": ("{name} is not let in, with the reason {reason}", "{name} 被分流，原因是 {reason}"),
    "let_in": ('let in by rule "{rule}", into queue {queue}', "由规则“{rule}”放行，进入队列 {queue}"),
    "joined": ("{name} joins {other}", "{name} 并入 {other}"),
    "not_joined": ("it became a contact of its own", "成了单独的会话"),
    # --- agents and queues
    "agent_stands": ("agent {name}:", "客服 {name}："),
    "queue_stands": ("queue {name}:", "队列 {name}："),
    "field.rule": (", entry rule {value}", "，进线规则 {value}"),
    "field.in_queue": (", queue {value}", "，队列 {value}"),
    "field.priority": (", priority {value}", "，优先级 {value}"),
    "field.first": (", first by a {value}", "，先由 {value} 接待"),
    "field.state": (", state {value}", "，状态 {value}"),
    "field.position": (", position {value}", "，排位 {value}"),
    "field.served_by": (", served by {value}", "，由 {value} 接待"),
    "field.alternative": (", the alternative {value}", "，替代办法 {value}"),
    "field.serves": (", serving {value}", "，正在接待 {value}"),
    "field.helps": (", helping with {value}", "，正在协助 {value}"),
    "field.offers": (", offers so far {value}", "，派单数 {value}"),
    "field.load_at_most": (", units in use at once {value}", "，同时占用单位 {value}"),
    "field.length": (", length {value}", "，长度 {value}"),
    "field.closed": (", closed {value}", "，关闭 {value}"),
    # --- the timeline
    "is_done": ("{action} {name} at {at} is done", "{at} 的 {action} {name} 得以执行"),
    "is_refused": ("{action} {name} at {at} is refused ({code})", "{at} 的 {action} {name} 被拒绝（{code}）"),
    "refused": (
        "refused: {code}, {what}; got {got}, wanted {wanted}",
        "被拒绝：{code}，{what}；实际 {got}，应为 {wanted}",
    ),
    "not_refused": ("it was done", "它执行了"),
    "not_offered": ("{name} is not offered to anybody at that time", "当时 {name} 没有派给任何人"),
    "not_served": ("nobody serves {name} at that time", "当时没有人接待 {name}"),
    "nobody_helps": ("nobody is asked for help with {name} at that time", "当时没有人被请求协助 {name}"),
    "never_came": ("{name} never came", "{name} 没有来过"),
    "ends": ("the case comes to an end", "用例应能结束"),
    "runaway": ("it goes round in circles", "它一直循环下去"),
}


class Speech:
    """Says codes in one language; ``words`` for the dispatcher's own explanations."""

    def __init__(self, language: Language, names: Mapping[str, str] | None = None) -> None:
        self.language = language
        self.words = Words(language, names)

    def say(self, key: str, **params: Any) -> str:
        filled = {
            name: self.words.listed(value) if isinstance(value, tuple) else value for name, value in params.items()
        }
        return PHRASES[key][1 if self.language == "zh-CN" else 0].format_map(filled)

    def sentence(self, parts: Iterable[Said]) -> str:
        """Parts as one sentence; a comma that ends up first, or behind a colon, goes."""
        told = "".join(self.say(part.key, **part.params) for part in parts)
        return told.lstrip(" ,，").replace(":,", ":").replace("：，", "：")
