"""A conversation handed out: whole, as JSON and as one page in which whatever somebody wrote is only text."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

from engine.desk.conversations.export import as_html
from engine.desk.conversations.queries import StoryItem, StoryRow
from tests.desk.conversations.stage import note
from tests.server.stage import POLICY
from tests.server.test_serve import serving, sluice


class Tags(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, tuple[str, ...]]] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def test_a_page_shows_what_was_written_and_does_nothing() -> None:
    """Scripts, pictures and turned directions are text; an erased line says so; a bot's is marked; in both languages."""
    nasty = "<script>alert(1)</script><img src=x onerror=alert(1)> & \u202etxt.exe"
    story = StoryRow(
        '"><b>c1',
        lines=[
            StoryItem(1, 1, 0, "arrived", channel="<web>"),
            StoryItem(1, 2, 0, "message", "customer", text=nasty),
            StoryItem(1, 3, 0, "message", "bot", "max", text="在吗", ai=True),
            StoryItem(1, 4, 0, "message", "customer", erased=True),
            StoryItem(1, 5, 0, "note", "agent", "ann", name="<i>Ann</i>", text="careful"),
        ],
    )
    page = as_html(story, "zh-CN")
    tags = Tags(page)
    assert {tag for tag, _ in tags.seen} <= {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "p",
        "span",
        "bdi",
    }
    assert not any(name.startswith("on") or name in ("src", "href") for _, names in tags.seen for name in names)
    assert nasty.replace("\u202e", "[U+202E]") in tags.words and "\u202e" not in page
    assert all(words in tags.words for words in ("（已删除）", "AI", "备注", "客户", "<i>Ann</i>", '"><b>c1', "进线"))
    assert "(erased)" in as_html(story)


async def test_from_the_store_while_the_engine_runs_and_afterwards(tmp_path: Path) -> None:
    """More lines than a page of answers has; nothing is missing; a contact that is not there is exit code 1."""
    policy, store = tmp_path / "policy.toml", tmp_path / "store"
    policy.write_text(POLICY)
    with serving(policy, "--dev", "--desk", store=str(store)) as served:
        sue = await served.framed()
        await sue.hello("supervisor", "sue", tenant="acme")
        web = await served.framed()
        await web.hello("channel", "web", tenant="acme")
        await web.done("contact.submit", channel="web", external_id="e1", customer="c1", text="0")
        for place in range(1, 600):
            await web.done("contact.message", contact=1, text=str(place))
        await note(sue, "that is a lot")
        running = sluice("desk", "export", str(store), "1")
        assert served.end()[0] == 0
    assert running.returncode == 0, running.stderr
    story = json.loads(running.stdout)
    assert [line["text"] for line in story["lines"] if line["kind"] == "message"] == [str(each) for each in range(600)]
    page = sluice("desk", "export", str(store), "1", "--format", "html", "--lang", "zh")
    assert "备注" in page.stdout and "that is a lot" in page.stdout
    unknown = sluice("desk", "export", str(store), "7")
    assert unknown.returncode == 1 and "got 7" in unknown.stderr
