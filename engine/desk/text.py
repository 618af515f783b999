"""What a text may hold: checks for texts that come in, and a filter for texts that a machine sends out.

Who writes can be told what is wrong (:func:`find_fault`); a bot cannot, so its text is made harmless (:func:`harmless`).
A text is data everywhere: nothing here escapes for HTML, because no page may read a text as HTML.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec

MAX_MESSAGE = 4_000

# C0 and C1 controls but tab and newline (a carriage return is one: `\r\n` is made `\n` before), line and paragraph
# separators, halves of a character, and the 66 that are no characters.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(1, 17))
    + "]"
)
# Marks, embeddings, overrides and isolates: they show a text in another order than it has.
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Characters that nobody sees: two texts look the same and are not. The joiners (200C, 200D) stay: Persian and emoji.
_UNSEEN = re.compile(
    "[\u00ad\u115f\u1160\u180e\u200b\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# What a lenient reader of HTML takes for the beginning of a tag, a comment or a declaration.
_TAG_START = re.compile(r"<(?=[A-Za-z/!?])")
_TAG = re.compile(r"<[A-Za-z/!?][^<>]{0,2000}>")
# A script and its text go together.
_SILENT_ELEMENT = re.compile(r"<(script|style)\b[^<>]{0,500}>[^<]{0,10000}</\1\s{0,20}>", re.IGNORECASE)

_ENDINGS = (
    "com|net|org|info|biz|edu|gov|mil|cn|hk|tw|mo|jp|kr|sg|us|uk|eu|de|fr|ru|in|au|ca|io|ai|co|me|cc|tv|app|dev|shop|store|"
    "online|site|top|xyz|club|vip|icu|wang|link|click|live|work|tech|fun|pro|mobi|example|test|invalid"
)
# With a scheme, with `www.`, or a bare name with an ending that clients turn into a link. Ends at a space, a quote, Chinese.
_LINK = re.compile(
    r"(?:[a-z][a-z0-9+.-]{1,20}:/{1,3}|(?:javascript|data|vbscript|mailto|tel|file|blob|intent):|www\.|"
    rf"(?<![\w@.-])(?:[\w-]{{1,63}}\.){{1,8}}(?:{_ENDINGS})\b)[^\s\"'<>()（）\[\]【】「」，。；！？、\u4e00-\u9fff]{{0,2000}}",
    re.IGNORECASE,
)
_HOST = re.compile(r"(?:https?://)?([a-z0-9.-]{1,253})(?::\d{1,5})?(?:[/?#]|$)", re.IGNORECASE)

MAX_ROUNDS = 20
_NO_LINKS = str.maketrans(".:", "．：")
_LINK_GONE = {"zh": "（链接已去除）", "en": "(link removed)"}


class Fault(msgspec.Struct, frozen=True):
    """Why a text is refused: ``code`` is ``empty``, ``too_long``, ``control``, ``bidi``, ``unseen`` or ``html``."""

    code: str
    what: str
    got: str
    wanted: str


def find_fault(
    text: str, what: str, limit: int = MAX_MESSAGE, *, html: bool = False, lines: bool = True
) -> Fault | None:
    """The first thing wrong with a text that somebody wrote, or None.

    ``what`` names the text in the answer. ``limit`` in characters. ``html``: what looks like a tag is allowed (a customer may
    quote one; it stays text). ``lines``: more than one is allowed, and tabs. The text itself is not repeated in the fault.
    """
    if not text or text.isspace():
        return Fault("empty", what, "an empty text", "at least one character")
    if len(text) > limit:
        return Fault("too_long", what, f"{len(text)} characters", f"at most {limit}")
    text = text.replace("\r\n", "\n")
    for code, pattern, wanted in (
        ("control", _CONTROL, "no control characters"),
        ("bidi", _BIDI, "no characters that turn the direction of a text"),
        ("unseen", _UNSEEN, "no invisible characters"),
    ):
        if found := pattern.search(text):
            return Fault(code, what, f"U+{ord(found[0]):04X} at {found.start() + 1}", wanted)
    if not lines and (found := re.search(r"[\n\t]", text)):
        return Fault("control", what, f"U+{ord(found[0]):04X} at {found.start() + 1}", "one line")
    if not html and (found := _TAG_START.search(text)):
        return Fault("html", what, f"a tag at {found.start() + 1}", "plain text, no HTML")
    return None


def harmless(text: str, hosts: Collection[str], limit: int = MAX_MESSAGE, language: str = "zh") -> str:
    """A machine's text made fit to be sent: at most ``limit`` characters of plain text, links to ``hosts`` only.

    ``hosts``: names whose pages, and whose sub-domains' pages, may be linked, by http or https. Never raises; may be empty.
    Stable: what it returns it returns again.
    """
    text = text[: 4 * limit].replace("\r\n", "\n").replace("\r", "\n")
    text = _SILENT_ELEMENT.sub("", text)
    text = _TAG.sub("", text)
    for pattern in (_CONTROL, _BIDI, _UNSEEN):
        text = pattern.sub("", text)
    # Taking out may have put together what was apart, so whatever could still open a tag is made another character.
    text = _TAG_START.sub("‹", text)
    return _linked(text.strip(), hosts, limit, _LINK_GONE.get(language, _LINK_GONE["en"]))


def _linked(text: str, hosts: Collection[str], limit: int, gone: str) -> str:
    """Cut to the limit, and only allowed links left: a cut makes another link of one, and a link that goes may show the next."""
    for _ in range(MAX_ROUNDS):
        cut = text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
        cut = _LINK.sub(lambda link: link[0] if _is_allowed(link[0], hosts) else gone, cut).strip()
        if cut == text:
            return text
        text = cut
    # Somebody has built it so that it never ends: then nothing in it shall be a link.
    return text[:limit].translate(_NO_LINKS).strip()


def _is_allowed(link: str, hosts: Collection[str]) -> bool:
    link = link.rstrip(".,;:!?")
    host = _HOST.match(link)
    if host is None:
        return False
    name = host[1].lower().rstrip(".")
    return any(name == allowed or name.endswith("." + allowed) for allowed in hosts)
