"""Text → the pieces that are looked up: Chinese pairs and single characters, English stems, figures.

No dictionary: `jieba` needs one that knows the shop's words, while pairs find every word of two characters and more. A pair
says more than a character, so it counts more (:func:`weight_of`).
"""

from __future__ import annotations

import re
import unicodedata

# Longer questions are cut: what a customer asks stands at the beginning, and the search stays bounded.
MAX_QUERY = 500

_PIECE = re.compile(r"(?P<han>[\u3400-\u4dbf\u4e00-\u9fff]+)|(?P<word>[a-z0-9]+(?:['’][a-z]+)?)")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")

_STOP_WORDS = """
a an the is are was were be been am do does did i me my we us our you your it its he she they them their this that these those to
of in on at for from with by as and or but if so then than there here have has had will would could should can may might shall
please just very too also any some hi hello hey dear yes ok okay thanks thank
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
# Particles and courtesies: they carry no question.
STOP_HAN = frozenset("的了吗呢啊吧呀哦嗯么请您你我他她它是在就都也还把被给让跟和与及这那个")

_IRREGULAR = {
    "got": "get", "gotten": "get", "sent": "send", "paid": "pay", "bought": "buy", "broke": "break", "broken": "break",
    "came": "come", "went": "go", "gone": "go", "lost": "lose", "forgot": "forget", "forgotten": "forget", "gave": "give",
    "given": "give", "took": "take", "taken": "take", "wrote": "write", "written": "write", "chose": "choose",
    "chosen": "choose", "left": "leave", "kept": "keep", "said": "say", "told": "tell", "made": "make", "found": "find",
    "people": "person", "children": "child", "men": "man", "women": "woman", "colour": "color", "torn": "tear", "wore": "wear",
    "shipped": "ship", "shipping": "ship", "stopped": "stop", "wrapped": "wrap", "wrapping": "wrap", "swapped": "swap",
    "cancelled": "cancel", "cancelling": "cancel", "instalments": "installment", "instalment": "installment",
    "installments": "installment", "parcels": "parcel", "goods": "good", "clothes": "cloth", "does": "do", "news": "news",
}  # fmt: skip
_EVERYWHERE = frozenset(["ok", "okay", "hi", "hello", "yes", "no", "bye", "vip", "app", "sf", "id", "pdf", "logo"])
_NEGATED = {"n't": " not", "n’t": " not"}


def normal(text: str) -> str:
    """Full-width letters made plain, capitals small, `don't` two words."""
    text = unicodedata.normalize("NFKC", text).lower()
    for short, long in _NEGATED.items():
        text = text.replace("can" + short, "can" + long).replace(short, long)
    return text


def is_chinese(text: str) -> bool:
    return _HAN.search(text) is not None


def is_english(text: str) -> bool:
    """Two words of letters, or one that is not said in every language."""
    found = [word for word in words(text[:MAX_QUERY]) if word.isalpha() and len(word) > 1]
    return len(found) > 1 or (len(found) == 1 and found[0] not in _EVERYWHERE)


def stem(word: str) -> str:
    """The word without the endings of English grammar; a few irregular ones from a table. Crude on purpose: both sides use it."""
    word = word.partition("'")[0].partition("’")[0]
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("xes", "x")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)] + instead
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) > len(ending) + 2 and re.search("[aeiouy]", word[: -len(ending)]):
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def words(text: str) -> list[str]:
    """English words and figures, not stemmed, stop words and all, in order."""
    return [match["word"] for match in _PIECE.finditer(normal(text)) if match["word"]]


def tokens(text: str) -> list[str]:
    """In order, repeated as they come: each Chinese character and each pair of neighbours, each English stem but stop words."""
    found: list[str] = []
    for match in _PIECE.finditer(normal(text)):
        if run := match["han"]:
            found += [char for char in run if char not in STOP_HAN]
            found += [run[at : at + 2] for at in range(len(run) - 1)]
        elif match["word"] not in STOP_WORDS:
            found.append(stem(match["word"]))
    return found


def weight_of(token: str) -> float:
    """How much a token says by its kind alone: a pair or a word 1, one character ½, a term's mark (``§``) 1.5."""
    if token[0] == "§":
        return 1.5
    return 0.5 if len(token) == 1 and is_chinese(token) else 1.0
