"""What the bot says of itself, in both languages."""

from __future__ import annotations

from engine.desk.knowledge.articles import Language

SENTENCES: dict[str, dict[Language, str]] = {
    "which": {"zh": "您想问的是哪一个？请回复数字，或换个说法：", "en": "Which of these do you mean? Answer with its number, or put it another way:"},
    "none_of_these": {"zh": "都不是，转人工", "en": "None of these: get me a person"},
    "sorry": {"zh": "不好意思，我没有听懂。您可以换个说法，或者回复“人工”。", "en": "Sorry, I did not understand. Please put it another way, or write “person”."},
    "person": {"zh": "好的，正在为您转接人工客服，前面说过的不用再说一遍。", "en": "All right, I am getting you a person. You need not tell it all again."},
    "person_unsure": {"zh": "这个问题我答不好，为您转接人工客服。", "en": "I cannot answer this well, so I am getting you a person."},
    "person_upset": {"zh": "非常抱歉给您带来不好的体验，马上为您转接人工客服。", "en": "I am very sorry about this. I am getting you a person right away."},
    "person_sensitive": {"zh": "这件事需要专人处理，马上为您转接人工客服。", "en": "This needs a person. I am getting you one right away."},
    "person_failed": {"zh": "我暂时查不到，为您转接人工客服继续处理。", "en": "I cannot look that up at the moment, so I am getting you a person."},
    "left_flow": {"zh": "好的，已取消。还有什么可以帮您？", "en": "All right, I have dropped that. What else can I do for you?"},
    "looking": {"zh": "正在查询，请稍等。", "en": "I am looking it up, one moment please."},
    "yes_or_no": {"zh": "请回复“是”或“否”。", "en": "Please answer yes or no."},
    "not_a_order": {"zh": "这看起来不像订单号。", "en": "That does not look like an order number."},
    "not_a_phone": {"zh": "这看起来不像手机号。", "en": "That does not look like a telephone number."},
    "not_a_text": {"zh": "我没有看懂。", "en": "I did not get that."},
}  # fmt: skip


def say(key: str, language: Language) -> str:
    return SENTENCES[key][language]
