"""Explanations as people read them: complete in both languages, and true to the codes."""

from __future__ import annotations

import string
from typing import Any, get_args

import pytest

from engine.console import chinese, english
from engine.console.sentences import Line, present, story, tell, why_not
from engine.console.wording import Language, Words, language_of
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile
from engine.dispatch.contacts import ContactState
from engine.dispatch.explain import REASON_CODES, AgentVerdict, Explanation, NextStep, Reason

T = 1_000_000
NAMES = {"ann": "Ann Li", "bo": "Bo Wang"}
EN, ZH = Words("en", NAMES), Words("zh-CN", NAMES)
# Events that say nothing about one contact.
SILENT = {
    ev.MessageAdded, ev.AgentDefined, ev.AgentRemoved, ev.AgentStateChanged, ev.AgentLost, ev.AgentBack, ev.BackOffEnded,
    ev.CapacityChanged, ev.ExternalLoadChanged, ev.QueueClosed, ev.QueueOpened, ev.QueueNoticeSet, ev.PolicyApplied,
    ev.EngineStarted, ev.CommandRejected, ev.QuotaEnded, ev.LenderMeasured,
    ev.RearrangementStarted, ev.RearrangementContinued, ev.RearrangementEnded,
    ev.BulkStarted, ev.PoolDrained, ev.PoolOpened, ev.BulkContinued, ev.BulkEnded,
    ev.QueueNoticeEnded, ev.HoursChanged, ev.EffectSliced,
}  # fmt: skip
ALL = [
    kind
    for union in (ev.ContactEvent, ev.OfferEvent, ev.ConsultEvent, ev.AgentEvent, ev.DomainEvent)
    for kind in get_args(union)
]


def sample(kind: type) -> Any:
    """An event with something in each field."""
    values = {"int": 7, "str": "x", "bool": True, "Attributes": {"tier": "vip"}, "tuple[float, ...]": (5.0, 1.0, 2.0)}
    values["tuple[str, ...]"] = ("message", "call_back")
    fields: dict[str, Any] = {
        name: values.get(str(hint), AgentProfile("ann")) for name, hint in kind.__annotations__.items()
    }
    known = {"stage": "person", "choice": "longest_idle", "order": "strict", "trigger": "arrival"}
    known |= {"why": "clock", "preferred": False, "forced": False, "hand_off": False}
    fields |= {name: value for name, value in known.items() if name in fields}
    if kind in (ev.AffinityEnded, ev.DeclinerForgotten):
        del fields["why"]
    if kind is ev.ContactMoved:
        fields["why"] = "moved"
    if kind is ev.ConsultEnded:
        fields["why"] = "declined"
    if kind is ev.AlertRaised:
        fields["alert"] = "rona_share"
    if kind is ev.ContactTold:
        fields["why"] = "closing"
    if kind is ev.MessageReleased:
        fields["why"] = "pace"
    return kind(at=T, **fields)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("words", [EN, ZH], ids=["en", "zh-CN"])
def test_every_event_of_a_contact_has_a_sentence(kind: type, words: Words) -> None:
    """No event falls silent by accident, in either language, and none leaves a field unfilled."""
    text = tell(sample(kind), words)
    assert bool(text) == (kind not in SILENT)
    assert "{" not in text
    assert text == "" or text.endswith(("。", "."))


def test_both_languages_say_the_same_things() -> None:
    """Same keys; and no translation uses a field that the original has not."""
    assert english.TEXTS.keys() == chinese.TEXTS.keys()
    for key, text in english.TEXTS.items():
        theirs = {name for _, name, _, _ in string.Formatter().parse(chinese.TEXTS[key]) if name}
        ours = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        assert theirs == ours, key


def test_every_reason_code_has_its_sentences() -> None:
    """Whatever the dispatcher may answer to "why nobody" and "why not" is worded."""
    for code in REASON_CODES:
        assert EN.has(f"why_not.{code}"), code
        assert EN.has(f"nobody.{code}"), code
    for state in ContactState:
        assert EN.has(f"now.{state}"), state
        assert EN.has(f"contact_state.{state}"), state


def offer(**changes: Any) -> ev.OfferMade:
    fields: dict[str, Any] = {
        "at": T + 21_000, "offer": 5, "contact": 17, "agent": "ann", "queue": "presale", "pool": "onsite", "step": 0,
        "cost": 1, "deadline": T + 41_000, "waited_ms": 21_000, "trigger": "arrival", "choice": "longest_idle",
        "order": "strict", "rank": (T - 102_000, 3), "policy": "shop@1",
    }  # fmt: skip
    return ev.OfferMade(**{**fields, **changes})


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (
            offer(),
            (
                "Offered to Ann Li (offer 5, pool onsite) after waiting 21 s; open for 20 s. Why now: it had just arrived."
                " Why Ann Li: of the free and suitable agents in pool onsite, the longest without a new contact (2 min 03 s)."
            ),
        ),
        (
            offer(trigger="freed", rank=(1, -10, T), step=2),
            (
                "Offered to Ann Li (offer 5, pool onsite) after waiting 21 s; open for 20 s. Why now: Ann Li had just become"
                " free, and of all contacts that Ann Li may take, this one came first. Order of pool onsite: priority (10),"
                " then the longest wait. This pool was open since step 2."
            ),
        ),
        (
            offer(trigger="declined", choice="least_loaded", rank=(250_000, 1, 2)),
            (
                "Offered to Ann Li (offer 5, pool onsite) after waiting 21 s; open for 20 s. Why now: the offer before was"
                " declined. Why Ann Li: of the free and suitable agents in pool onsite, the least busy (25 % of the capacity"
                " in use)."
            ),
        ),
        (
            offer(trigger="step", choice="most_proficient", rank=(-8, 1, 2)),
            (
                "Offered to Ann Li (offer 5, pool onsite) after waiting 21 s; open for 20 s. Why now: a step had just opened."
                " Why Ann Li: of the free and suitable agents in pool onsite, the most proficient in what it needs (8)."
            ),
        ),
        (
            offer(trigger="transfer", choice="preferred", order="preferred", preferred=True, rank=(1,)),
            (
                "Offered to Ann Li (offer 5, pool onsite) after waiting 21 s; open for 20 s. Why now: it had just been passed"
                " on. Why Ann Li: it was to go to Ann Li first."
            ),
        ),
    ],
    ids=["longest idle", "freed", "least loaded", "most proficient", "preferred"],
)
def test_an_offer_says_why_this_agent(event: ev.OfferMade, wanted: str) -> None:
    """Each way of choosing is told with the figure that decided."""
    assert tell(event, EN) == wanted


def test_a_contacts_story() -> None:
    """Arrived, offered, declined, offered again, connected, talked, closed: in order, talk counted together."""
    events: list[ev.Event] = [
        ev.ContactSubmitted(
            T, 17, "acme", "web", "e1", "c1", "flagship", "presale", "vip", "person", 10, "english >= 3", {}
        ),
        ev.ReplyStarted(T, 17, 1),
        offer(at=T, deadline=T + 20_000, waited_ms=0, agent="bo"),
        ev.OfferDeclined(T + 4_000, 5, 17, "bo", "lunch", T + 64_000),
        offer(at=T + 4_000, deadline=T + 24_000, waited_ms=4_000, offer=6, trigger="declined"),
        ev.OfferAccepted(T + 9_000, 6, 17, "ann"),
        ev.ContactConnected(T + 9_000, 17, "ann", 9_000),
        ev.MessageAdded(T + 10_000, 17, 1, "agent", "ann"),
        ev.MessageAdded(T + 12_000, 17, 2, "customer"),
        ev.MessageAdded(T + 13_000, 17, 3, "agent", "ann"),
        ev.ContactClosed(T + 60_000, 17, "done", "ann", "ann"),
        ev.WrapUpStarted(T + 60_000, 17, "ann", T + 90_000),
        ev.WrapUpEnded(T + 75_000, 17, "ann"),
    ]
    lines = story(events, EN)
    assert [line.code for line in lines] == [
        "contact.submitted", "reply.started", "offer.made", "offer.declined", "offer.made", "offer.accepted",
        "contact.connected", "message.added", "contact.closed", "wrap_up.started", "wrap_up.ended",
    ]  # fmt: skip
    assert lines[0].text == (
        'Arrived on web for shop flagship. Entry rule "vip" put it into queue presale. Its priority is 10.'
        " Beyond what the queue asks for, it needs: english ≥ 3. From here it waited for a person."
    )
    assert lines[3].text == "Bo Wang declined (lunch). It is not offered to Bo Wang again for 1 min 00 s."
    assert lines[7] == Line(T + 13_000, 13_000, "message.added", "Messages: Ann Li 2, customer 1.")
    assert lines[8].text == "Closed by Ann Li (done)."
    assert story(events, ZH)[7].text == "消息：Ann Li 2 条、客户 1 条。"


def explanation(**changes: Any) -> Explanation:
    fields: dict[str, Any] = {
        "contact": 17, "state": "queued", "queue": "presale", "rule": "vip", "stage": "person", "priority": 10,
        "requirement": "presale >= 3", "pools": ("onsite", "second"), "step": 0, "waited_ms": 72_000, "age_ms": 90_000,
        "position": 3, "policy": "shop@1", "at": T,
    }  # fmt: skip
    return Explanation(**{**fields, **changes})


def test_why_nobody_takes_it() -> None:
    """Everybody is busy, elsewhere or unskilled: the numbers, most first, and what will change it."""
    now = explanation(
        nobody={"requirement": 2, "capacity": 7}, next_step=NextStep("remote", 8_000, ("remote",), ("english",))
    )
    assert present(now, EN) == [
        "Now: waiting in queue presale for 1 min 12 s, position 3.",
        "Whoever takes it must be in pool onsite, second and meet: presale ≥ 3.",
        "Why nobody takes it: of the agents signed on, 7 fully busy, 2 without the skills or attributes.",
        'Step "remote" opens in 8 s: pool remote may help, too, it no longer needs english.',
        "Policy: shop@1.",
    ]
    assert present(now, ZH)[3] == "8 秒后打开“remote”这一步：池 remote 也可以帮忙、不再要求 english。"


def test_nobody_is_there() -> None:
    """At night: no agent is signed on, and it is next."""
    said = present(explanation(position=1, requirement=""), EN)
    assert said[0] == "Now: waiting in queue presale for 1 min 12 s, next in line."
    assert "Why nobody takes it: no agent is signed on." in said


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        (Reason("state", "available", "not_ready rona"), "Bo Wang is not ready (did not answer an offer); only available agents get offers."),
        (Reason("not_signed_on", "available", "offline"), "Bo Wang is offline."),
        (Reason("pool", "onsite", "remote, second"), "Bo Wang belongs to pool remote, second; open for this contact now: onsite."),
        (Reason("requirement", "presale >= 3", "presale 2"), "It needs presale ≥ 3; Bo Wang has presale 2."),
        (Reason("capacity", "1", "0"), "Bo Wang is full: 0 units free, it takes 1."),
        (Reason("declined", in_ms=42_000), "Bo Wang declined it; not asked again for 42 s."),
        (Reason("preferred_other", "ann", in_ms=5_000), "It is kept for Ann Li for another 5 s."),
        (Reason("contact_not_waiting", "queued", "connected"), "It is not waiting: being served."),
    ],
    ids=lambda value: value.code if isinstance(value, Reason) else "",
)  # fmt: skip
def test_why_not_this_agent(reason: Reason, wanted: str) -> None:
    """Each reason names what was wanted and what the agent has."""
    said = why_not(explanation(verdict=AgentVerdict("bo", False, "", (reason,))), EN)
    assert said == ["Bo Wang cannot take it, because:", wanted]


def test_why_not_somebody_who_could() -> None:
    """Nothing stands against the agent: said so; and nobody asked about is nothing said."""
    able = explanation(verdict=AgentVerdict("bo", True, "onsite", (Reason("outranked"),)))
    assert why_not(able, EN) == ["Nothing stands against Bo Wang; another contact or agent came first."]
    assert why_not(explanation(), EN) == []


@pytest.mark.parametrize(
    ("ms", "english_text", "chinese_text"),
    [
        (0, "0 s", "0 秒"),
        (340, "340 ms", "340 毫秒"),
        (21_999, "21 s", "21 秒"),
        (123_000, "2 min 03 s", "2 分 03 秒"),
        (3_900_000, "1 h 05 min", "1 小时 05 分"),
        (-5, "0 s", "0 秒"),
    ],
)
def test_lengths_of_time(ms: int, english_text: str, chinese_text: str) -> None:
    """As people say them."""
    assert (EN.length(ms), ZH.length(ms)) == (english_text, chinese_text)


@pytest.mark.parametrize(
    ("tag", "language"), [("zh_CN.UTF-8", "zh-CN"), ("zh-Hans", "zh-CN"), ("en_GB", "en"), ("C", "en"), ("", "en")]
)
def test_the_language_of_a_locale(tag: str, language: Language) -> None:
    """LANG decides where nothing else does."""
    assert language_of(tag) == language
