"""What a person gets when the bot hands over: the intent, why, what is known, and a summary to read in ten seconds."""

from __future__ import annotations

from engine.desk.bot.turns import HandOff, State
from engine.desk.knowledge.articles import Language

_LINES: dict[str, dict[Language, str]] = {
    "reason": {"zh": "转人工原因：{value}", "en": "Handed over because: {value}"},
    "topics": {"zh": "谈到：{value}", "en": "Spoke of: {value}"},
    "slot": {"zh": "{name}：{value}", "en": "{name}: {value}"},
    "said": {"zh": "客户说：{value}", "en": "Customer: {value}"},
}
REASONS: dict[str, dict[Language, str]] = {
    "asked": {"zh": "客户要求", "en": "the customer asked"},
    "unsure": {"zh": "两次没听懂", "en": "not understood twice"},
    "upset": {"zh": "客户情绪激动", "en": "the customer is upset"},
    "sensitive": {"zh": "敏感话题", "en": "a sensitive matter"},
    "lookup_failed": {"zh": "查询失败", "en": "a look-up failed"},
    "lookup_slow": {"zh": "查询超时", "en": "a look-up took too long"},
    "rule": {"zh": "按规则", "en": "a rule says so"},
    "failed": {"zh": "机器人出错", "en": "the bot failed"},
    "slow": {"zh": "机器人太慢", "en": "the bot was too slow"},
}


def hand_off(state: State, reason: str, detail: str = "") -> HandOff:
    """In the customer's language. Also for the reasons that only a bot's runner knows, ``failed`` and ``slow``."""
    language = state.language
    why = REASONS[reason][language] + (f" ({detail})" if detail else "")
    lines = [_line("reason", language, value=why)]
    if state.intents:
        lines.append(_line("topics", language, value=", ".join(state.intents)))
    lines += [_line("slot", language, name=name, value=value) for name, value in sorted(state.slots.items())]
    lines += [_line("said", language, value=text) for text in state.said if text]
    intent = state.flow or (state.intents[-1] if state.intents else "")
    return HandOff(intent, reason, detail, dict(state.slots), "\n".join(lines))


def _line(key: str, language: Language, **fields: str) -> str:
    """Values are put in once, so that none can name another's place."""
    text = _LINES[key][language]
    before, _, after = text.partition("{value}")
    return before.replace("{name}", fields.get("name", "")) + fields["value"] + after
