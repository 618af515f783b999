"""A story and what a search found, as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from adapters.clients.terminal.texts import Texts, clean

Row = dict[str, Any]


def story_lines(texts: Texts, story: Row) -> Iterator[str]:
    """Oldest first; a contact's number stands before its lines."""
    tags = {row["contact"]: ", ".join(row["tags"]) for row in story.get("tags", ())}
    contact = 0
    for line in story.get("lines", ()):
        if line["contact"] != contact:
            contact = line["contact"]
            yield clean(texts.say("story.contact", contact=contact, tags=tags.get(contact, "-")))
        yield clean("  " + _told(texts, line))


def _told(texts: Texts, line: Row) -> str:
    role, who = line.get("role", ""), line.get("name") or line.get("who", "")
    name = who or (texts.say(f"who.{role}") if role in ("customer", "bot", "system") else role)
    if line["kind"] in ("message", "note"):
        text = texts.say("story.erased") if line.get("erased") else line.get("text", "")
        mark = texts.say("story.note") if line["kind"] == "note" else "AI" if line.get("ai") else ""
        return texts.say("chat.said", who=f"{name} ({mark})" if mark else name, text=text)
    rest = (line.get(field, "") for field in ("channel", "queue", "reason"))
    return "— " + " ".join(filter(None, (line["kind"].replace("_", " "), name, *rest)))


def hit_lines(texts: Texts, hits: Iterable[Row]) -> Iterator[str]:
    for hit in hits:
        who = hit.get("who") or hit.get("role", "")
        yield clean(texts.say("search.hit", contact=hit["contact"], seq=hit["seq"], who=who, text=hit["text"]))
