"""What a customer's text holds: an order number, a telephone number, a yes or no, the number of an option."""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.desk.bot.config import SlotKind
from engine.desk.bot.patterns import compile_pattern, readable
from engine.desk.knowledge.tokens import MAX_QUERY, normal
from engine.desk.text import harmless

MAX_SLOT = 200
# Each has one loop and no loop within it: nothing a customer writes makes them slow.
_ORDER = re.compile(r"(?<![a-z0-9])[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){5,23}(?![a-z0-9])")
_PHONE = re.compile(r"(?<![0-9])\+?[0-9](?:[0-9]|[ -](?=[0-9])){6,17}(?![0-9])")
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_CHOICE = re.compile(
    r"\s*(?:第|选|no\.?|number|#)?\s*([1-9一二三四五六七八九])\s*(?:个|项|号)?\s*[.。)）]?\s*", re.IGNORECASE
)

_YES = compile_pattern(
    "是|是的|对|对的|好|好的|好呀|可以|确认|没错|行|嗯|改吧|yes|y|yep|yeah|ok|okay|sure|correct|confirm|right|go ahead|please do"
)
_NO = compile_pattern("不|不是|不对|否|不用|不要|不行|别|错了|不可以|no|n|nope|wrong|do not|stop")
_LEAVE = compile_pattern(
    "算了|取消|不查了|不改了|不用了|退出|没事了|never mind|nevermind|forget it|cancel|quit|exit|stop"
)


def find_slot(kind: SlotKind, text: str) -> str:
    """The slot's value in the text, or "". ``text`` takes all of it, made harmless, without links, 200 characters at most."""
    text = text[:MAX_QUERY]
    match kind:
        case "order":
            return find_order(text)
        case "phone":
            found = _PHONE.search(normal(text))
            return "".join(char for char in found[0] if char in "+0123456789") if found else ""
    return " ".join(harmless(text, (), MAX_SLOT).split())


def find_order(text: str) -> str:
    """The first word of 6 to 24 letters, figures and single hyphens with at least five figures; no mobile number."""
    for found in _ORDER.finditer(normal(text[:MAX_QUERY])):
        word = found[0]
        if sum(char.isdecimal() for char in word) >= 5 and not _MOBILE.fullmatch(word):
            return word.upper()
    return ""


def find_choice(text: str) -> int:
    """1 to 9 when the text is the number of an option and nothing else, or 0."""
    found = _CHOICE.fullmatch(text[:MAX_QUERY])
    if not found:
        return 0
    return "一二三四五六七八九".find(found[1]) + 1 or int(found[1])


def is_yes(text: str) -> bool:
    return _YES.is_in(text, whole=True)


def is_no(text: str) -> bool:
    return _NO.is_in(text, whole=True)


def wants_out(text: str) -> bool:
    """Out of a flow: nothing else is in the text."""
    return _LEAVE.is_in(text, whole=True)


def fill(text: str, values: Mapping[str, str]) -> str:
    """``{name}`` → the value; a name without one stays. Values are not looked at again, so none can bring in another's."""
    return re.sub(r"\{([^{}]{1,64})\}", lambda name: values.get(name[1], name[0]), text)


__all__ = ["fill", "find_choice", "find_order", "find_slot", "is_no", "is_yes", "readable", "wants_out"]
