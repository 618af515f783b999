"""What people and bots say, in Chinese and English. Only bots read it: they know a topic by its words.

Topics without lines of their own are asked about by their words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

QUESTIONS: dict[str, dict[str, Sequence[str]]] = {
    "presale": {
        "zh": ("这件外套的尺码偏大还是偏小？身高168该选哪个", "现在下单有什么优惠吗？能用店铺券吗"),
        "en": ("Does this jacket run large? Which size would fit 168 cm?", "Is there a discount if I take two?"),
    },
    "unpaid": {
        "zh": ("付款一直失败，换了银行卡也不行", "订单还没支付，价格能保留到晚上吗"),
        "en": ("I cannot pay, the card is declined each time", "The checkout page keeps spinning"),
    },
    "dispatch": {
        "zh": ("昨天拍的什么时候发货？", "能今天发货吗，周五要用"),
        "en": ("When will you ship out my order?", "It has not been shipped for two days, why?"),
    },
    "delivery": {
        "zh": ("快递三天没动了，帮我催一下", "物流显示已签收，可我没收到"),
        "en": ("My parcel has not moved for three days", "The courier says delivered, but nothing came"),
    },
    "after_sale": {
        "zh": ("收到的杯子质量有问题，有裂纹", "拉链坏了，能换一件吗"),
        "en": ("The cup arrived broken", "The zip is faulty, can I have another one?"),
    },
    "refund": {
        "zh": ("退款什么时候到账？", "退货已经寄出了，怎么还没处理"),
        "en": ("When will I get my refund?", "I sent the return a week ago, nothing happened"),
    },
    "complaint": {
        "zh": ("我要投诉，客服答应的事一件没办", "再不解决我就给差评了"),
        "en": ("I want to complain about how I was treated", "This is a formal complaint"),
    },
    "delivery_outage": {
        "zh": ("单号怎么查不到了？", "查询页面打不开，我的东西到哪了"),
        "en": ("The tracking page shows an error", "Is your tracking down? I cannot see my order"),
    },
}

MORE = {
    "zh": ("订单号是上面那个", "还有别的办法吗", "大概要多久", "好的，那另外一件呢", "麻烦快一点", "我再看看"),
    "en": ("It is the order above", "Is there another way?", "How long will it take?", "And the other one?", "I see"),
}
NUDGES = {"zh": ("有人吗？", "还要等多久？", "在吗在吗"), "en": ("Anyone there?", "How much longer?", "Hello??")}
UNSOLVED = {"zh": ("没有解决我的问题", "答非所问，没有解决"), "en": ("That does not help", "No, that does not help me")}
FAREWELLS = {"zh": ("好的，谢谢！", "明白了，谢谢"), "en": ("Great, thank you!", "All clear, thank you")}
REPLIES = {
    "zh": (
        "您好，我是客服，马上为您查询",
        "已经帮您看到了，请稍等",
        "这边给您登记好了",
        "会尽快为您处理的",
        "您放心，今天内给您答复",
    ),
    "en": (
        "Hello, let me look into it",
        "I found it, one moment please",
        "I have put it on record",
        "We will see to it today",
    ),
}
LAST_REPLIES = {"zh": ("不客气，祝您生活愉快",), "en": ("You are welcome, have a good day",)}
BOT_GREETINGS = {
    "zh": ("您好，我是智能助手，请问有什么可以帮您？",),
    "en": ("Hello, I am the shop's assistant. How can I help?",),
}
BOT_ANSWERS = {
    "zh": ("根据您的订单，为您找到以下信息…", "请按以下步骤操作…"),
    "en": ("Here is what I found for your order …", "Please try these steps …"),
}
BOT_HANDS_OFF = {"zh": ("这个问题我转给人工同事为您处理",), "en": ("Let me get a colleague for this",)}

_THANKS = ("谢谢", "thank you")
_NO_HELP = ("没有解决", "does not help")


def line(lines: Mapping[str, Sequence[str]], language: str, number: int) -> str:
    """One of the lines in this language; the same number gives the same line."""
    said = lines.get(language) or lines["en"]
    return said[number % len(said)]


def question(topic: str, words: Sequence[str], language: str, number: int) -> str:
    """How a customer puts a matter of this topic."""
    if topic in QUESTIONS:
        return line(QUESTIONS[topic], language, number)
    return words[number % len(words)] if words else topic


def is_farewell(text: str) -> bool:
    return any(thanks in text for thanks in _THANKS)


def is_unsolved(text: str) -> bool:
    return any(no_help in text for no_help in _NO_HELP)


def topic_of(text: str, words: Mapping[str, Sequence[str]]) -> str:
    """The topic whose word stands in the text (the longest word wins), or empty: what a simple bot understands."""
    found = [(len(word), topic) for topic, known in words.items() for word in known if word in text.lower()]
    return max(found)[1] if found else ""
