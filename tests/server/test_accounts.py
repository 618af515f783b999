"""Hello with and without tokens; what happens when they end."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from engine.access.tokens import Keys
from engine.ports import Principal
from tests.server.stage import WALL_S, FramedPeer, House, house


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys.create(tmp_path / "keys.json")


def token(keys: Keys, role: str = "agent", subject: str = "ann", tenant: str = "acme", ttl_s: int = 600) -> str:
    return keys.issue(Principal(tenant, role, subject), now_s=WALL_S, ttl_s=ttl_s)


async def test_a_token_is_enough(keys: Keys, autojump_clock: MockClock) -> None:
    """Role, subject and tenant are the token's; saying them too is allowed, saying others is not."""
    async with house(keys=keys, dev=False) as home:
        peer = await home.framed()
        welcome = await peer.hello(token=token(keys))
        assert (welcome["role"], welcome["subject"], welcome["tenant"]) == ("agent", "ann", "acme")
        again = await home.framed()
        assert (await again.hello("agent", "ann", tenant="acme", token=token(keys)))["op"] == "welcome"
        for said in ({"role": "supervisor"}, {"subject": "bob"}, {"tenant": "bolt"}):
            liar = await home.framed()
            refused = await liar.hello(token=token(keys), **said)
            assert (refused["code"], refused["what"]) == ("unauthorized", next(iter(said)))
            assert not await liar.read()


async def test_with_accounts_nobody_comes_in_without(keys: Keys, autojump_clock: MockClock) -> None:
    """No token, a wrong token, a token where there are no keys: unauthorized, 4001."""
    async with house(keys=keys, dev=False) as home:
        for said in ({"role": "agent", "subject": "ann"}, {"token": "not.a.token"}):
            peer = await home.websocket()
            refused = await peer.hello(**said)
            assert refused["code"] == "unauthorized"
            assert refused["wanted"]
            await peer.rest()
            assert peer.close_code == 4001
    async with house() as home:
        peer = await home.framed()
        refused = await peer.hello(token=token(keys))
        assert "--keys" in refused["wanted"]


async def test_dev_takes_words_for_it_on_this_machine_only(autojump_clock: MockClock) -> None:
    """Loopback: who they say they are; from elsewhere: unauthorized. Roles and tenants must exist."""
    async with house() as home:
        for said, what in (
            ({"role": "server", "subject": "x", "tenant": "acme"}, "role"),
            ({"role": "", "subject": "x", "tenant": "acme"}, "role"),
            ({"role": "agent", "subject": "", "tenant": "acme"}, "subject"),
            ({"role": "agent", "subject": "x"}, "tenant"),
            ({"role": "agent", "subject": "x", "tenant": "nobody"}, "tenant"),
            ({"role": "agent", "subject": "x", "tenant": "*"}, "tenant"),
        ):
            peer = await home.framed()
            refused = await peer.hello(**said)
            assert (refused["code"], refused["what"]) == ("unauthorized", what)
            assert "token" not in refused["message"], "there is none: what is wrong is what was said"
        chief = await home.framed()
        assert (await chief.hello("supervisor", "sue"))["tenant"] == "*"

        peer = await _from_elsewhere(home)
        refused = await peer.hello("agent", "ann", tenant="acme")
        assert (refused["code"], refused["what"]) == ("unauthorized", "token")


async def _from_elsewhere(home: House) -> FramedPeer:
    ours, theirs = trio.testing.memory_stream_pair()

    async def handle() -> None:
        await home.listeners.handle_framed(theirs, loopback=False, opened=lambda: None)

    home.start(handle)
    return FramedPeer(ours)


async def test_rights_end_with_the_token(keys: Keys, autojump_clock: MockClock) -> None:
    """A minute's token: bye expired and 4003 a minute later; renewed in time, it goes on."""
    async with house(keys=keys, dev=False) as home:
        short = await home.websocket()
        await short.hello(token=token(keys, "supervisor", "sue", ttl_s=60))
        start_s = trio.current_time()
        await short.rest()
        assert 59 <= trio.current_time() - start_s <= 62
        assert short.frames[-1]["reason"] == "expired"
        assert short.close_code == 4003

        renewed = await home.framed()
        fresh = keys.issue(Principal("acme", "supervisor", "sue"), now_s=WALL_S + 65, ttl_s=600)
        first = keys.issue(Principal("acme", "supervisor", "sue"), now_s=WALL_S + 61, ttl_s=60)
        await renewed.hello(token=first)
        assert (await renewed.call({"op": "renew", "token": fresh}))["op"] == "ok"
        for _ in range(4):
            await renewed.next("ping")
        assert trio.current_time() - start_s > 60 + 75
        await renewed.ask("queues")


async def test_a_renewal_must_be_the_same_principals(keys: Keys, autojump_clock: MockClock) -> None:
    """Another's token, or a bad one, is refused; the connection keeps the rights it has."""
    async with house(keys=keys, dev=False) as home:
        peer = await home.framed()
        await peer.hello(token=token(keys, "supervisor", "sue"))
        for bad in (token(keys, "supervisor", "sam"), token(keys, "agent", "sue"), "rubbish"):
            answer = await peer.call({"op": "renew", "token": bad})
            assert answer["code"] == "unauthorized"
            assert bad not in str(answer)
        await peer.ask("queues")


async def test_same_id_same_answer_other_body_conflict(autojump_clock: MockClock) -> None:
    """A retry over another connection finds the first answer, refusals included; another body under the id does not."""
    async with house() as home:
        first = await home.framed("channel", "web")
        submit = {"op": "do", "id": "s1", "command": {"type": "contact.submit", "channel": "web"}, "text": "hello"}
        one = await first.call(submit)
        nothing = await first.do("contact.close", contact=99, id="close-1")
        await first.vanish()
        second = await home.framed("channel", "web")
        assert (await second.call(submit))["result"] == one["result"]
        again = await second.do("contact.close", contact=99, id="close-1")
        assert (again["code"], again["lsn"]) == (nothing["code"], nothing["lsn"])
        other = await second.call(
            {**submit, "command": {"type": "contact.submit", "channel": "web", "external_id": "x"}}
        )
        assert other["code"] == "conflict"
        assert other["wanted"]
        history = await second.ask("history", contact=one["result"]["contact"])
        assert [row["text"] for row in history["messages"]] == ["hello"]
        stranger = await home.framed("channel", "app")
        assert (await stranger.call(submit))["result"]["contact"] == 2


async def test_commands_enter_in_the_order_they_were_sent(autojump_clock: MockClock) -> None:
    """Three hundred pipelined messages keep their order, as do their answers."""
    async with house() as home:
        web = await home.framed("channel", "web")
        await web.done("contact.submit", channel="web")
        frames = [
            {"op": "do", "id": f"m{i}", "command": {"type": "contact.message", "contact": 1}, "text": str(i)}
            for i in range(300)
        ]
        await web.send_many(frames)
        answers = [await web.next("ok") for _ in range(301)][1:]
        assert [answer["id"] for answer in answers] == [f"m{i}" for i in range(300)]
        assert [answer["result"]["seq"] for answer in answers] == list(range(1, 301))
        assert [push["text"] for push in web.seen("push") if "text" in push][:3] == ["0", "1", "2"]
