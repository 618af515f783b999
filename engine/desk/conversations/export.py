"""A conversation to hand out: as JSON, or as one page of HTML that needs nothing beside it."""

from __future__ import annotations

from html import escape
from typing import Literal, TypeAlias

import msgspec

from engine.desk import limits
from engine.desk.conversations.queries import AskStory, StoryItem, StoryRow
from engine.desk.conversations.story import Messages, answer_story, tell
from engine.desk.customers.tables import CUSTOMER_CONTACTS
from engine.desk.database import Database
from engine.desk.deeds import Asker

Lang: TypeAlias = Literal["en", "zh-CN"]

_TEXTS = {
    "title": ("Conversation of {customer}", "{customer} 的对话"),
    "contact": ("Contact {contact}", "会话 {contact}"),
    "erased": ("(erased)", "（已删除）"),
    "note": ("note", "备注"),
    "customer": ("customer", "客户"),
    "agent": ("agent", "客服"),
    "supervisor": ("supervisor", "主管"),
    "bot": ("bot", "机器人"),
    "system": ("system", "系统"),
    "arrived": ("arrived", "进线"),
    "joined": ("joined", "加入"),
    "resumed": ("came back", "恢复"),
    "reopened": ("opened again", "重新打开"),
    "connected": ("connected", "接通"),
    "moved": ("moved", "移动"),
    "transferred": ("passed on", "转接"),
    "handed_off": ("handed off to people", "转人工"),
    "person_asked": ("asked for a person", "要求人工"),
    "requeued": ("back in line", "重新排队"),
    "left_message": ("left a message", "留言"),
    "sent_to_bot": ("sent to a bot", "转机器人"),
    "consulted": ("helped", "协助"),
    "deflected": ("turned away", "分流"),
    "closed": ("closed", "结束"),
    "abandoned": ("left", "放弃"),
    "tags": ("tags", "标签"),
}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "p{margin:.3rem 0;white-space:pre-wrap;overflow-wrap:anywhere}.who{font-weight:600}"
    ".step{color:#666}.note{background:#fff6d6;padding:.2rem .5rem}.ai{color:#666;font-size:.8em}"
)


async def whole_story(messages: Messages, database: Database, contact: int, *, alone: bool) -> StoryRow | None:
    """Every line, read page by page as staff would; None: there is no such contact. Blocks in between."""
    with database.reading() as reading:
        row = reading.row(CUSTOMER_CONTACTS.select().where(CUSTOMER_CONTACTS.c.contact == contact))
    if row is None:
        return None
    asker, lines, before, more = Asker(row.tenant, "supervisor", "export"), list[StoryItem](), 0, True
    while more:
        question = AskStory(row.tenant, contact=contact, before=before, limit=limits.STORY_LINES, alone=alone)
        with database.reading() as reading:
            found = answer_story(reading, question, asker)
        page = await tell(messages, question, found)
        lines, more = page.lines + lines, page.more
        before = lines[0].lsn if lines else 0
    return msgspec.structs.replace(page, lines=lines, more=False)


def as_json(story: StoryRow) -> bytes:
    """``StoryRow``, with a line feed at its end."""
    return msgspec.json.format(msgspec.json.encode(story), indent=2) + b"\n"


def as_html(story: StoryRow, lang: Lang = "en") -> str:
    """Everything that somebody wrote is text here, whatever it looks like; nothing is loaded from anywhere."""
    title = escape(_say("title", lang, customer=story.customer))
    body = [f"<h1>{title}</h1>"]
    contact = 0
    for line in story.lines:
        if line.contact != contact:
            contact = line.contact
            body.append(f"<h2>{escape(_say('contact', lang, contact=contact))}</h2>")
        body.append(_line(line, lang))
    head = (
        '<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">'
        f"<title>{title}</title><style>{_STYLE}</style>"
    )
    return (
        f'<!doctype html>\n<html lang="{lang}"><head>{head}</head>\n<body>\n' + "\n".join(body) + "\n</body></html>\n"
    )


def _line(line: StoryItem, lang: Lang) -> str:
    name = line.name or line.who or (_say(line.role, lang) if line.role else "")
    if line.kind not in ("message", "note"):
        rest = " ".join(filter(None, (name, line.channel, line.queue, line.reason)))
        return f'<p class="step">— {escape(_say(line.kind, lang))} {_text(rest)}</p>'
    mark = (
        f' <span class="ai">{_say("note", lang) if line.kind == "note" else "AI"}</span>'
        if line.ai or line.kind == "note"
        else ""
    )
    text = _say("erased", lang) if line.erased else line.text
    return f'<p class="{line.kind}"><span class="who">{_text(name)}</span>{mark}: <bdi>{_text(text)}</bdi></p>'


def _text(text: str) -> str:
    """Escaped; what turns the direction of a text is shown as its number."""
    return escape("".join(f"[U+{ord(char):04X}]" if char in _TURNING else char for char in text))


_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _say(key: str, lang: Lang, **fields: object) -> str:
    """A word that has no translation is shown as it is."""
    words = _TEXTS.get(key, (key, key))
    return words[lang == "zh-CN"].format(**fields)
