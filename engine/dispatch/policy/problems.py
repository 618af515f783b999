"""What can be wrong with a policy, as values: a code, its figures, and a sentence in English or Chinese."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from engine.dispatch.policy.loader import Path

Lang: TypeAlias = Literal["en", "zh-CN"]

_BARE = re.compile(r"[\w-]{1,64}")


class Problem(msgspec.Struct, frozen=True):
    """``message`` is the English sentence without its place; ``line`` counts from 1; ``path`` names the key.

    ``code`` and ``params`` are what the sentence is made of; ``subject`` is the kind and name of what it is about.
    """

    message: str
    line: int
    path: str
    code: str
    subject: tuple[str, str] = ("", "")
    params: Mapping[str, str] = {}

    def sentence(self, lang: Lang = "en") -> str:
        return self.message if lang == "en" else _sentence(self.code, self.subject, self.params, lang)

    def placed(self, file: str = "policy.toml", lang: Lang = "en") -> str:
        """The sentence with its place, as an editor or a terminal can jump to it."""
        place = f"{file}:{self.line}" + (f", {self.path}" if self.path else "")
        return f"{self.sentence(lang)} ({place})"


class PolicyErrors(ValueError):
    """Every problem of a text at once, in the order of its lines."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(problem.placed() for problem in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type[PolicyErrors], tuple[list[Problem]]]:
        """Told across processes, too: by default an error would be made again from its text."""
        return PolicyErrors, (self.problems,)


def problem(code: str, path: Path, line: int, subject: tuple[str, str], /, **params: str) -> Problem:
    """A problem with its English sentence; ``params`` fill the code's sentence."""
    return Problem(_sentence(code, subject, params, "en"), line, show_path(path), code, subject, params)


def show_path(path: Path) -> str:
    """``("queues", "presale", "steps", 1, "after_ms")`` → ``queues.presale.steps[1].after_ms``."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part}]"
        else:
            name = part if _BARE.fullmatch(part) else quoted(part)
            shown += f".{name}" if shown else name
    return shown


def quoted(text: str) -> str:
    """In quotes, at most 60 characters of it, on one line."""
    text = text if len(text) <= 60 else text[:60] + "…"
    return '"' + "".join(char if char.isprintable() else "·" for char in text) + '"'


def shown(value: Any) -> str:
    """A value from the file, short enough for a sentence."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if abs(value) < 10**20 else "a number of more than 20 digits"
        case float():
            return repr(value)
        case str():
            return quoted(value)
        case list():
            return "a list"
        case dict():
            return "a table"
    return "a date or time"


def _sentence(code: str, subject: tuple[str, str], params: Mapping[str, str], lang: Lang) -> str:
    phrases = PHRASES_ZH if lang == "zh-CN" else {}
    words = {name: phrases.get(value, value) if name in _PHRASES else value for name, value in params.items()}
    sentence = SENTENCES[code][1 if lang == "zh-CN" else 0].format_map(words)
    if words.get("hint"):
        sentence += f"，是否想写 {words['hint']}？" if lang == "zh-CN" else f"; did you mean {words['hint']}?"
    kind, name = subject
    if not kind:
        return sentence
    return (
        f"{phrases.get(kind, kind)} {quoted(name)}：{sentence}"
        if lang == "zh-CN"
        else f"{kind} {quoted(name)}: {sentence}"
    )


# What is quoted from the file is never translated.
_PHRASES = ("kind", "what", "wanted", "got")

# code → (English, 简体中文). The first part is what compile_policy refuses, the second what only `policy check` remarks.
SENTENCES: dict[str, tuple[str, str]] = {
    "toml": ("not valid TOML: {detail}", "不是合法的 TOML：{detail}"),
    "too_long": (
        "the policy is too long: {got} characters, at most {wanted}",
        "策略过长：{got} 个字符，最多 {wanted} 个",
    ),
    "too_deep": ("keys or values are nested too deep", "键或值嵌套过深"),
    "unknown_key": ("unknown key {field}", "未知的键 {field}"),
    "wrong_type": ("{field} must be {wanted}, got {got}", "{field} 应为{wanted}，实际是 {got}"),
    "out_of_range": ("{field} must be {wanted}, got {got}", "{field} 应 {wanted}，实际是 {got}"),
    "text_too_long": ("{field} has {got} characters, at most {wanted}", "{field} 有 {got} 个字符，最多 {wanted} 个"),
    "not_one_of": ("{field} must be one of {wanted}, got {got}", "{field} 应为 {wanted} 之一，实际是 {got}"),
    "bad_name": (
        "{field} must be 1–{wanted} characters without control characters or outer spaces, got {got}",
        "{field} 应为 1–{wanted} 个字符，不含控制字符，首尾无空格，实际是 {got}",
    ),
    "missing": ("{field} is missing", "缺少 {field}"),
    "nothing": ("there must be at least one {wanted} table", "至少要有一个 {wanted} 表"),
    "too_many": ("{field} has {got} entries, at most {wanted}", "{field} 有 {got} 项，最多 {wanted} 项"),
    "empty": ("{field} must not be empty", "{field} 不能为空"),
    "duplicate": ("{field} says {got} twice", "{field} 重复了 {got}"),
    "more": ("and more problems than are shown: {got} so far", "问题过多，仅显示前 {got} 个"),
    "same_name": ("the name is already taken at line {first}", "该名称已在第 {first} 行使用"),
    "unknown_name": ("{field} names the {kind} {got}, which does not exist", "{field} 引用的{kind} {got} 不存在"),
    "requirement": (
        "{field}, column {column}: {what}, got {got}, wanted {wanted}",
        "{field} 第 {column} 列：{what}，实际是 {got}，应为 {wanted}",
    ),
    "no_default": (
        "the last entry rule must be a default, one without `when`, so that every contact is told where to go",
        "最后一条入口规则必须是默认规则（不写 `when`），使每个会话都有去处",
    ),
    "after_default": (
        "this rule stands after the default rule {got} and can never match",
        "该规则位于默认规则 {got} 之后，永远不会命中",
    ),
    "queue_or_deflect": (
        "a rule needs either queue or deflect, got {got}",
        "规则应在 queue 与 deflect 中二选一，实际是 {got}",
    ),
    "with_deflect": ("{field} has no meaning beside deflect", "{field} 与 deflect 同时出现没有意义"),
    "bot_without_pools": (
        'first = "bot", but queue {got} has no bot_pools',
        'first = "bot"，但队列 {got} 没有 bot_pools',
    ),
    "step_does_nothing": (
        "{field} does nothing: it needs add_pools, relax, raise_priority, offer or move_to",
        "{field} 没有任何动作：需要 add_pools、relax、raise_priority、offer 或 move_to",
    ),
    "already_open": ("{field} adds the pool {got}, which is open already", "{field} 加入的池 {got} 已经开放"),
    "warn_after_breach": (
        "reply_warn_ms must be < reply_breach_ms ({wanted}), got {got}",
        "reply_warn_ms 应 < reply_breach_ms（{wanted}），实际是 {got}",
    ),
    # calendars
    "bad_zone": (
        "{field} names the time zone {got}, which the IANA database does not have",
        "{field} 引用的时区 {got} 不在 IANA 数据库中",
    ),
    "bad_weekday": (
        "{got} is neither a day of the week (mon, tue, wed, thu, fri, sat, sun) nor a range of days (mon-fri)",
        "{got} 既不是星期（mon、tue、wed、thu、fri、sat、sun），也不是星期范围（mon-fri）",
    ),
    "bad_span": (
        '{field} must be times like "09:00-18:00" (to "24:00"; "22:00-02:00" ends on the next day), got {got}',
        '{field} 应为 "09:00-18:00" 这样的时段（至多到 "24:00"；"22:00-02:00" 到次日结束），实际是 {got}',
    ),
    "spans_overlap": (
        "{field} must be in order and must not overlap, got {got} too early",
        "{field} 各时段应按先后排列且不重叠，{got} 过早",
    ),
    "bad_date": (
        '{field} must be a date like "2026-10-01", or a range of at most {wanted} days like "2026-10-01..2026-10-07", got {got}',
        '{field} 应为 "2026-10-01" 这样的日期，或至多 {wanted} 天的范围如 "2026-10-01..2026-10-07"，实际是 {got}',
    ),
    "day_twice": ("{got} is both a holiday and a make-up day", "{got} 既是节假日又是调休上班日"),
    "make_up_closed": (
        "{field} works as {got}, a day without hours",
        "{field} 按 {got} 上班，而该日没有营业时间",
    ),
    "never_opens": ("no day has any hours, so it never opens", "没有任何营业时间，永远不会开放"),
    # keys that need each other
    "needs": ("{field} = {got} needs {wanted}", "{field} = {got} 需要 {wanted}"),
    "useless": ("{field} has no effect without {wanted}", "没有 {wanted}，{field} 不起作用"),
    "above_cost": ("{field} must be ≤ cost ({wanted}), got {got}", "{field} 应 ≤ cost（{wanted}），实际是 {got}"),
    "whole_minutes": (
        "{field} must be whole minutes (a multiple of 60000), got {got}",
        "{field} 应为整分钟（60000 的倍数），实际是 {got}",
    ),
    "all_zero": (
        "{field} are all 0, so that every agent is as good as another",
        "{field} 全为 0，客服之间无法区分",
    ),
    "no_target": (
        "pool {got} serves the earliest promise first, and this queue promises nothing: target_ms is missing",
        "池 {got} 按承诺到期先后接待，而该队列没有承诺：缺少 target_ms",
    ),
    "promise_short": (
        "{field} must be ≥ offer_ms ({wanted}): one unanswered offer would break the promise, got {got}",
        "{field} 应 ≥ offer_ms（{wanted}）：一次无人应答就会违背承诺，实际是 {got}",
    ),
    # what ends where it began
    "no_borrower": (
        "the pool lends to nobody but itself: {got} are its owners, and no other queue draws on it",
        "该池只能借给自己：{got} 都是它的所有者，没有其他队列使用它",
    ),
    "own_lender": (
        "{field} asks whether the pool {got} may lend, and it is the queue's own",
        "{field} 询问池 {got} 能否出借，而它本来就是该队列自己的",
    ),
    "move_circle": ("{field} sends contacts in a circle: {got}", "{field} 使会话循环移动：{got}"),
    "limit_circle": (
        "{field} sends contacts that nobody takes in a circle: {got}",
        "{field} 使无人接待的会话循环移动：{got}",
    ),
    "other_tenants_queue": (
        "{field} sends contacts of queue {queue} to queue {got}, which is not of their tenant {wanted}",
        "{field} 把队列 {queue} 的会话送入队列 {got}，它不属于其租户 {wanted}",
    ),
    "with_move": ("{field} has no meaning beside move_to", "{field} 与 move_to 同时出现没有意义"),
    "unreachable_step": (
        "{field} can never open: a step before it moves the contact away",
        "{field} 永远不会开放：此前的步骤已把会话移走",
    ),
    "open_and_closed": (
        "can never match: the calendar {got} is not open and closed at once",
        "永远不会命中：日历 {got} 不会同时开放和关闭",
    ),
    "skill_missing": (
        "none of the given agents has the skill {got}, which `{need}` asks for",
        "给定的客服都没有技能 {got}，而 `{need}` 要求它",
    ),
    # --- remarks
    "beyond_ceiling": (
        "{field} ({got}) is above the queue's ceiling ({wanted}): only transfers and moves can make it so long",
        "{field}（{got}）高于队列的 ceiling（{wanted}）：只有转接和移动才能使队列这么长",
    ),
    "shadowed": (
        "can never match: whatever it accepts, rule {got} (line {first}) takes first",
        "永远不会命中：它接受的会话都先被规则 {got}（第 {first} 行）取走",
    ),
    "when_never": (
        "can never match: shop {got} belongs to another tenant than this rule accepts",
        "永远不会命中：店铺 {got} 不属于该规则接受的租户",
    ),
    "queue_unreached": (
        "no entry rule leads here: only a transfer or a supervisor can bring a contact in",
        "没有入口规则指向这里：只有转接或主管调度才能带来会话",
    ),
    "pool_unused": ("no queue uses this pool", "没有队列使用该池"),
    "contradiction": (
        "nobody can ever meet the requirement `{got}`",
        "没有人能满足要求 `{got}`",
    ),
    "search_ended": (
        "{got} requirement(s) are too long, or too many, to tell whether anybody can meet them: not looked at to the end",
        "有 {got} 个要求过长或过多，无法判断是否有人能满足：未查到底",
    ),
    "opens_at_once": (
        "{field} opens at once, so it belongs to the queue itself (after_ms is 0)",
        "{field} 立即生效，应直接写在队列上（after_ms 为 0）",
    ),
    "blocks_next": (
        "{field} opens only while nobody eligible is signed on, and the steps behind it wait for that; after_ms would end it",
        "{field} 仅在没有合格客服在线时才开放，其后的步骤都要等它；设置 after_ms 可限定等待",
    ),
    "relaxes_nothing": (
        "{field} names {got}, which no rule asks for at this step: it helps only contacts that bring the demand themselves",
        "{field} 写了 {got}，但此步骤时没有规则要求它：只对自带该要求的会话有用",
    ),
    "agent_pool_unknown": (
        "the given agents name the pool {got}, which the policy does not declare",
        "给定的客服写了策略中没有声明的池 {got}",
    ),
    "profile": ("{field} cannot be read: {detail}", "{field} 无法读取：{detail}"),
    "not_utf8": ("not UTF-8 text at byte {got}", "第 {got} 字节不是 UTF-8 文本"),
    "nobody_serves": (
        "none of the given agents can serve it, at any step, when it needs `{need}`",
        "需要 `{need}` 时，给定的客服在任何步骤都无人能接待",
    ),
    "nobody_at_first": (
        "none of the given agents can serve it before step {got}, when it needs `{need}`",
        "需要 `{need}` 时，在步骤 {got} 之前，给定的客服都无法接待",
    ),
    "step_adds_nobody": ("{field} lets none of the given agents in who was not in before", "{field} 没有带来新的客服"),
    "bots_missing": (
        "contacts see a bot first, but none of the given agents is in {got}",
        "会话先由机器人接待，但给定的客服都不在 {got} 中",
    ),
    "other_tenant": (
        "sends contacts of tenant {got} to queue {queue} of tenant {wanted}",
        "把租户 {got} 的会话送入租户 {wanted} 的队列 {queue}",
    ),
    "offer_beyond_grace": (
        "offer_ms ({got}) is longer than domain.grace_ms ({wanted}): a lost agent's offer outlives its grace",
        "offer_ms（{got}）长于 domain.grace_ms（{wanted}）：失联客服的派单会超过宽限期",
    ),
    "listed_elsewhere": (
        "{field} lists the queue {got}, which never draws on this pool",
        "{field} 列出的队列 {got} 从不使用该池",
    ),
}

PHRASES_ZH = {
    "tenant": "租户",
    "shop": "店铺",
    "channel": "渠道",
    "pool": "池",
    "calendar": "日历",
    "queue": "队列",
    "entry rule": "入口规则",
    "agent": "客服",
    "a whole number": "整数",
    "a number": "数字",
    "text": "文本",
    "true or false": "true 或 false",
    "a list of names": "名称列表",
    "a list of tables": "表的列表",
    "a list of dates": "日期列表",
    "a table": "一个表",
    "a list": "一个列表",
    "a date or time": "日期或时间",
    "a value or a list of values": "一个值或值的列表",
    "a finite number": "有限的数字",
    "a number of more than 20 digits": "超过 20 位的数字",
    "both": "两者都有",
    "neither": "两者都无",
    # what a requirement's reader says
    "an unexpected word or sign": "意外的词或符号",
    "the requirement is too long": "要求过长",
    "the requirement is nested too deep": "嵌套过深",
    "a quoted text does not end": "引号未结束",
    "a comparison that does not exist": "不存在的比较",
    "an unreadable number": "数字无法读取",
    "a character that means nothing here": "此处无意义的字符",
    "a name is empty": "名称为空",
    "a number is too large": "数字过大",
    "the end of the text": "文本结尾",
    "`and`, `or` or the end of the text": "`and`、`or` 或文本结尾",
    "a skill, `@attribute`, `not` or `(`": "技能、`@属性`、`not` 或 `(`",
    "a skill, `@attribute` or `(`": "技能、`@属性` 或 `(`",
    "a skill": "技能",
    "an attribute's name after `@`": "`@` 后的属性名",
    "`=` or `in` after an attribute": "属性后的 `=` 或 `in`",
    "`>=` after a skill (`=` compares an `@attribute`)": "技能后用 `>=`（`=` 用于比较 `@属性`）",
    "`>=` (and `not` for the rest)": "`>=`（其余用 `not`）",
    "a proficiency, 1–10": "1–10 的熟练度",
    "`,` or `]`": "`,` 或 `]`",
    'a value: "text", a number, `true` or `false`': '一个值："文本"、数字、`true` 或 `false`',
}
