"""What can be asked, by whom, and that the answers are true."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from engine.access.roles import CLIENT_ROLES, QUESTION_TABLE, QUESTIONS, tags_of
from engine.desk.queries import DeskQuery
from engine.dispatch.dispatcher import Dispatcher
from engine.ports import Stopped
from engine.telemetry import gauges
from tests.server.stage import POLICY, FramedPeer, House, house

AT_DESK = set(tags_of(DeskQuery))


async def talking(home: House) -> tuple[FramedPeer, FramedPeer, FramedPeer]:
    """Contact 1 is connected to ann; 2 waits in vip; sue supervises."""
    ann = await home.agent("ann", capacity=1)
    web = await home.framed("channel", "web")
    sue = await home.framed("supervisor", "sue")
    await web.done("contact.submit", channel="web", customer="c1", text="hello")
    offer = await ann.event("offer.made")
    await ann.done("offer.accept", offer=offer["offer"])
    await ann.done("contact.message", contact=1, text="hi")
    await web.done("contact.submit", channel="web", customer="c2", attributes={"tier": "vip"}, text="me too")
    return ann, web, sue


async def test_an_agent_of_two_pools_is_one_agent(autojump_clock: MockClock) -> None:
    """Ann is in both pools of a queue and counts once; Cai works for another tenant and does not count."""
    policy = (
        '[policy]\nname="two"\n[tenants.acme]\n[tenants.bolt]\n[channels.web]\n[pools.onsite]\n[pools.remote]\n'
        '[queues.help]\ntenant="acme"\npools=["onsite", "remote"]\n[[entry]]\nname="d"\nqueue="help"\n'
    )
    async with house(policy=policy) as home:
        await home.agent("ann", pools=["onsite", "remote"])
        await home.agent("bob", pools=["remote"])
        await home.agent("cai", pools=["remote"], tenant="bolt")
        sue = await home.framed("supervisor", "sue")
        assert [row["open_agents"] for row in (await sue.ask("queues"))["queues"]] == [2]


@pytest.mark.parametrize("role", CLIENT_ROLES)
async def test_each_question_is_answered_or_forbidden_as_the_table_says(role: str, autojump_clock: MockClock) -> None:
    """No question crashes, none goes beyond the table."""
    async with house() as home:
        ann, *_ = await talking(home)
        subject = {"customer": "c1", "agent": "ann"}.get(role, "x")
        peer = (
            ann if role == "agent" else await home.framed(role, subject, tenant="*" if role == "supervisor" else "acme")
        )
        for question in QUESTIONS:
            fields = {"contact": 1} if question in ("contact", "history", "explain", "position") else {}
            answer = await peer.call({"op": "ask", "query": {"type": question, **fields}})
            if question not in QUESTION_TABLE[next(r for r in CLIENT_ROLES if r == role)]:
                assert answer["code"] == "forbidden", (role, question)
            elif question in AT_DESK:  # there is none: tests/desk/test_rights.py
                assert answer["code"] == ("forbidden" if role == "supervisor" else "not_supported")
            elif role == "bot" and fields:
                assert answer["code"] == "unknown_contact"
            else:
                assert answer["op"] == "ok", (role, question, answer)
        assert home.core.counters.crashes == 0


async def test_queues_and_figures(autojump_clock: MockClock) -> None:
    """The wallboard's numbers are those of the story."""
    async with house() as home:
        _, web, sue = await talking(home)
        rows = {row["queue"]: row for row in (await sue.ask("queues"))["queues"]}
        assert set(rows) == {"help", "vip"}
        assert (rows["help"]["submitted"], rows["help"]["answered"], rows["help"]["connected"]) == (1, 1, 1)
        assert (rows["vip"]["waiting"], rows["vip"]["longest_wait_ms"] >= 0, rows["vip"]["open_agents"]) == (1, True, 0)
        await web.done("contact.abandon", contact=2)
        await sue.done("queue.close", queue="vip", reason="lunch")
        away = await web.done("contact.submit", channel="web", customer="c3", attributes={"tier": "vip"})
        assert away["state"] == "deflected"
        rows = {row["queue"]: row for row in (await sue.ask("queues"))["queues"]}
        assert (rows["vip"]["abandoned"], rows["vip"]["deflected"], rows["vip"]["closed"]) == (1, 1, True)
        figures = await sue.ask("figures")
        assert {name: figures[name] for name in ("submitted", "answered", "abandoned", "deflected", "connected", "waiting")} == {
            "submitted": 2, "answered": 1, "abandoned": 1, "deflected": 1, "connected": 1, "waiting": 0,
        }  # fmt: skip
        turned = await web.done("contact.submit", channel="web", customer="c4", attributes={"blocked": "yes"})
        assert turned["state"] == "deflected"
        assert (await sue.ask("figures"))["deflected"] == 2  # the second one at the door, before any queue
        assert (figures["agents_signed_on"], figures["load"], figures["capacity"]) == (1, 1, 1)
        assert figures["offers_made"] == figures["offers_accepted"] == 1
        assert figures["reply_rate_180s"] == 0.5  # one round answered, one ended by leaving
        assert figures["connections"]["agent"] == 1
        assert figures["last_lsn"] == home.driver.last_lsn - 1


async def test_agents_and_contacts_are_paged_and_filtered(autojump_clock: MockClock) -> None:
    """Pages go on from the last id; filters narrow; an agent sees its own only."""
    async with house() as home:
        ann, web, sue = await talking(home)
        for number in range(3, 8):
            await web.done("contact.submit", channel="web", customer=f"c{number}")
        await home.agent("bob", capacity=1)
        first = await sue.ask("contacts", limit=3)
        assert ([row["contact"] for row in first["contacts"]], first["more"]) == ([1, 2, 3], True)
        rest = await sue.ask("contacts", after=3)
        assert ([row["contact"] for row in rest["contacts"]], rest["more"]) == ([4, 5, 6, 7], False)
        for fields, wanted in (
            ({"queue": "vip"}, [2]),
            ({"state": "connected"}, [1]),
            ({"agent": "ann"}, [1]),
            ({"customer": "c5"}, [5]),
            ({"channel": "none"}, []),
        ):
            found = await sue.ask("contacts", **fields)
            assert [row["contact"] for row in found["contacts"]] == wanted, fields
        mine = await ann.ask("contacts")
        assert [row["contact"] for row in mine["contacts"]] == [1]
        people = await sue.ask("agents")
        assert [(row["agent"], row["state"], row["connected_socket"]) for row in people["agents"]] == [
            ("ann", "available", True),
            ("bob", "available", True),
        ]
        assert [row["agent"] for row in (await sue.ask("agents", after="ann"))["agents"]] == ["bob"]
        assert (await sue.ask("agents", state="paused"))["agents"] == []
        assert len((await sue.ask("agents", pool="onsite"))["agents"]) == 2


async def test_a_contacts_version_guards_a_supervisors_hand(autojump_clock: MockClock) -> None:
    """A move based on an old view is refused; with the version just read it goes through."""
    async with house() as home:
        _, web, sue = await talking(home)
        seen = await sue.ask("contact", contact=2)
        await web.done("contact.message", contact=2, text="still here")
        changed = await sue.ask("contact", contact=2)
        answer = await sue.do("contact.move", contact=2, queue="help", expect_version=seen["version"])
        if changed["version"] != seen["version"]:
            assert answer["code"] == "version_conflict"
            answer = await sue.do("contact.move", contact=2, queue="help", expect_version=changed["version"])
        assert answer["op"] == "ok"
        assert answer["result"]["version"] > seen["version"]


async def test_position_is_a_rank(autojump_clock: MockClock) -> None:
    """One's place in one's own queue; not waiting is 0; the customer asks for its own."""
    async with house() as home:
        _, web, _ = await talking(home)
        for number in range(3, 6):
            await web.done("contact.submit", channel="web", customer=f"c{number}")
        assert [(await web.ask("position", contact=n))["position"] for n in (1, 2, 3, 4, 5)] == [0, 1, 1, 2, 3]
        widget = await home.websocket("customer", "c4")
        assert (await widget.ask("position", contact=4)) == {
            "contact": 4,
            "state": "queued",
            "queue": "help",
            "position": 2,
            "p50_ms": -1,
            "p90_ms": -1,
        }
        other = await widget.call({"op": "ask", "query": {"type": "position", "contact": 5}})
        assert other["code"] == "unknown_contact"


async def test_history_is_gap_free_in_pages(autojump_clock: MockClock) -> None:
    """Page by page the whole conversation, also after it has ended, for those whose it was."""
    async with house() as home:
        ann, web, sue = await talking(home)
        for number in range(3, 24):
            await web.done("contact.message", contact=1, text=f"line {number}")
        seen: list[int] = []
        more = True
        while more:
            page = await ann.ask("history", contact=1, after_seq=seen[-1] if seen else 0, limit=10)
            seen += [row["seq"] for row in page["messages"]]
            more = page["more"]
        assert seen == list(range(1, 24))
        await ann.done("contact.close", contact=1)
        for peer in (web, sue, await home.websocket("customer", "c1")):
            ended = await peer.ask("history", contact=1, limit=2)
            assert [(row["sender"], row["text"]) for row in ended["messages"]] == [
                ("customer", "hello"),
                ("agent", "hi"),
            ]
        stranger = await home.websocket("customer", "c2")
        answer = await stranger.call({"op": "ask", "query": {"type": "history", "contact": 1}})
        assert answer["code"] == "unknown_contact"
        bob = await home.agent("bob")
        answer = await bob.call({"op": "ask", "query": {"type": "history", "contact": 1}})
        assert answer["code"] == "unknown_contact"


async def test_explain_an_open_contact(autojump_clock: MockClock) -> None:
    """Why it waits, and why not this agent: codes and figures, with its story."""
    async with house() as home:
        _, _, sue = await talking(home)
        found = await sue.ask("explain", contact=2, why_not="ann")
        assert (found["now"]["state"], found["now"]["queue"], found["now"]["rule"]) == ("queued", "vip", "vip")
        assert [reason["code"] for reason in found["now"]["verdict"]["reasons"]] == ["capacity"]
        assert [line["by"] for line in found["story"]] == ["channel/web", "channel/web"]
        assert found["story"][0]["events"][0]["type"] == "contact.submitted"
        nobody = await sue.call({"op": "ask", "query": {"type": "explain", "contact": 2, "why_not": "zoe"}})
        assert nobody["code"] == "unknown_agent"


async def test_explain_a_contact_that_has_ended(autojump_clock: MockClock) -> None:
    """Its whole story from the journal; a why-not is rebuilt as of right before its last offer."""
    async with house() as home:
        ann, web, sue = await talking(home)
        await ann.done("contact.close", contact=1)
        found = await sue.ask("explain", contact=1)
        assert found["now"] is None
        types = [event["type"] for line in found["story"] for event in line["events"]]
        assert types[0] == "contact.submitted"
        assert types[-1] == "contact.closed"
        assert "offer.made" in types
        assert "offer.made" not in [e["type"] for line in found["story"] for e in line["events"] if e["contact"] != 1]
        assert (await ann.ask("explain", contact=1))["story"] == found["story"]
        stranger = await home.framed("agent", "zoe")
        hers = await stranger.call({"op": "ask", "query": {"type": "explain", "contact": 1}})
        assert hers["code"] == "unknown_contact"
        why_not = await sue.ask("explain", contact=1, why_not="ann", story=False)
        assert why_not["as_of"] == found["story"][0]["lsn"]  # it arrived and was offered in one record
        assert (why_not["now"]["state"], why_not["now"]["verdict"]["eligible"]) == ("queued", True)
        decision = await sue.ask("explain", contact=2, story=False)
        assert "story" not in decision
        assert decision["now"]["state"] == "offered"
        await web.done("contact.abandon", contact=2)
        past = await sue.ask("explain", contact=1, at=found["story"][0]["lsn"])
        assert past["as_of"] == found["story"][0]["lsn"]
        assert past["now"]["state"] == "offered"
        too_early = await sue.call({"op": "ask", "query": {"type": "explain", "contact": 1, "at": 1}})
        assert too_early["code"] == "unknown_contact"
        too_late = await sue.call({"op": "ask", "query": {"type": "explain", "contact": 1, "at": 10_000}})
        assert (too_late["code"], too_late["what"]) == ("bad_value", "query.at")


async def test_an_engine_that_is_going_down_says_so(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions and commands meet a stopped driver: going_away with a time to come back; a resume ends the connection."""
    async with house() as home:
        _, web, sue = await talking(home)

        async def stopped(*_: object) -> None:
            raise Stopped("the engine has stopped")

        def refuse(*_: object) -> None:
            raise Stopped("the engine has stopped")

        monkeypatch.setattr(home.driver, "ask", stopped)
        monkeypatch.setattr(home.driver, "read_committed", stopped)
        monkeypatch.setattr(home.driver, "post", refuse)
        for answer in (
            await sue.call({"op": "ask", "query": {"type": "queues"}}),
            await web.do("contact.submit", channel="web"),
            await web.do("contact.submit", channel="web", text="hello"),
        ):
            assert answer["code"] == "going_away"
            assert answer["retry_after_ms"] > 0
        await sue.send({"op": "resume", "id": "r", "streams": {"domain": 0}})
        assert (await sue.rest())[-1]["reason"] == "going_away"
        assert home.core.counters.crashes == 0


async def test_a_policy_swapped_while_running_is_the_one_shown(autojump_clock: MockClock) -> None:
    """Applied by the supervisor of all tenants; the version stands in the figures; a bad file changes nothing."""
    async with house() as home:
        chief = await home.framed("supervisor", "chief", tenant="*")
        before = await chief.ask("policy", text=True)

        async def apply(text: str) -> dict[str, Any]:
            return await chief.call({"op": "do", "command": {"type": "policy.apply", "text": text}})

        bad = await apply(before["text"] + "\n[queues.help2]\npools = ['nowhere']\n")
        assert bad["code"] == "bad_policy"
        assert (await chief.ask("policy"))["version"] == before["version"]
        good = (await apply(before["text"].replace('name = "house"', 'name = "home"')))["result"]
        after = await chief.ask("policy")
        assert after["version"] == good["policy"] != before["version"]
        assert home.core.policy.version == after["version"]
        assert (await chief.ask("figures"))["policy"] == after["version"]
        assert "text" not in after


async def test_totals_outlive_a_queue(autojump_clock: MockClock) -> None:
    """A contact was taken in by a queue that the next policy does not have: the day's total still holds it."""
    async with house() as home:
        sue = await home.framed("supervisor", "sue", tenant="*")
        web = await home.framed("channel", "web")
        await web.done("contact.submit", channel="web", customer="c1", attributes={"tier": "vip"})
        text = POLICY.replace('[queues.vip]\ntenant = "acme"\npools = ["onsite"]\npriority = 5\n', "")
        command = {"type": "policy.apply", "text": text.replace('queue = "vip"', 'queue = "help"')}
        assert (await sue.call({"op": "do", "id": "swap", "command": command}))["op"] == "ok"
        assert {row["queue"] for row in (await sue.ask("queues"))["queues"]} == {"help", "desk"}
        assert (await sue.ask("figures"))["submitted"] == 1


async def test_boards_figures_and_scrapes_share_one_reading_until_the_next_commit(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk over all agents is done once for whoever asks; waits grow all the same, and a commit counts at once."""
    walks: list[int] = []

    def counted(dispatcher: Dispatcher) -> gauges.Gauges:
        walks.append(1)
        return read(dispatcher)

    read = gauges.read_gauges
    monkeypatch.setattr(gauges, "read_gauges", counted)
    async with house() as home:
        sue = await home.framed("supervisor", "sue")
        web = await home.framed("channel", "web", tenant="acme")
        await web.done("contact.submit", channel="web", customer="c1")
        waits = []
        for _ in range(2):
            rows = {row["queue"]: row for row in (await sue.ask("queues"))["queues"]}
            assert (await sue.ask("figures"))["waiting"] == rows["help"]["waiting"] == 1
            waits.append(rows["help"]["longest_wait_ms"])
            await trio.sleep(5)
        assert len(walks) == 1 and waits[1] >= waits[0] + 5_000
        await web.done("contact.submit", channel="web", customer="c2")
        assert (await sue.ask("figures"))["waiting"] == 2
        assert len(walks) == 2
