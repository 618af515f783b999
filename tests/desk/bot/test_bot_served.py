"""The shipped bot under ``sluice serve``: a customer, the bot, a hand-off with its note, a person."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.server.stage import POLICY, FramedPeer
from tests.server.test_serve import serving, sluice

FOLDER = Path(__file__).parents[3] / "examples" / "desk"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    return path


async def until(peer: FramedPeer, contact: int, count: int) -> list[tuple[str, str]]:
    """The conversation once so many more lines were heard."""
    for _ in range(count):
        await peer.event("message.added")
    rows = (await peer.ask("history", contact=contact))["messages"]
    return [(row["sender"], row["text"]) for row in rows]


async def test_a_bot_answers_hands_on_and_goes_on_after_a_kill(policy: Path) -> None:
    with serving(policy, "--dev", "--bot", FOLDER) as served:
        web = await served.framed()
        await web.hello("channel", "web", tenant="acme")
        ask = {"channel": "web", "customer": "c1", "attributes": {"first": "bot"}}
        await web.done("contact.submit", external_id="e1", **ask, text="运费怎么算")
        (_, _), (who, answer) = await until(web, 1, 2)
        assert who == "bot" and "运费" in answer
        assert served.end(signal.SIGKILL)[0] == -signal.SIGKILL
    with serving(policy, "--dev", "--bot", FOLDER) as served:
        web, ann = await served.framed(), await served.framed()
        await web.hello("channel", "web", tenant="acme")
        await ann.hello("agent", "ann", tenant="acme")
        await ann.done("agent.define", profile={"agent": "ann"})
        await ann.done("agent.sign_on")
        await web.done("contact.message", contact=1, text="怎么开发票")
        assert [who for who, _ in await until(web, 1, 2)] == ["customer", "bot"] * 2
        await web.done("contact.message", contact=1, text="转人工")
        offer = await ann.event("offer.made")
        await ann.done("offer.accept", offer=offer["offer"])
        story = await ann.ask("conversation.story", contact=1, customer="c1")
        assert [line["text"] for line in story["lines"] if line.get("kind") == "note"]
        assert served.end()[0] == 0


def test_a_folder_without_a_bot_starts_nothing(policy: Path, tmp_path: Path) -> None:
    done = sluice(
        "serve", policy, "--store", tmp_path / "store", "--dev", "--msgpack", "127.0.0.1:0", "--bot", tmp_path
    )
    assert done.returncode == 2 and "bot:" in done.stderr
