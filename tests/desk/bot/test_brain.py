"""The bot in conversation: what it answers, what it asks back, when it gives up, and that it forgets nothing when it is killed."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.desk.bot.brain import Brain, resume
from engine.desk.bot.loading import load_brain
from engine.desk.bot.reading import read_bot
from engine.desk.bot.turns import Answered, LookedUp, Reply, Said, State, Turn
from engine.desk.text import find_fault

DESK = Path(__file__).resolve().parents[3] / "examples" / "desk"
DAY = "2026-12-01"
ORDER = "20261111001"
ADDRESS = "上海市浦东新区世纪大道1号 张三 13800138000"


@pytest.fixture(scope="module")
def brain() -> Brain:
    return load_brain(DESK)


def play(brain: Brain, *turns: str | Turn, state: State | None = None) -> list[Reply]:
    """The replies to these turns, a text being what the customer said."""
    state, replies = state or State(), []
    for turn in turns:
        replies.append(brain.reply(state, Said(turn, DAY) if isinstance(turn, str) else turn))
        state = replies[-1].state
    return replies


def last(brain: Brain, *turns: str | Turn) -> Reply:
    return play(brain, *turns)[-1]


# --- knowledge ------------------------------------------------------------------------------------------------------


def test_a_clear_question_is_answered_with_the_article_in_its_language(brain: Brain) -> None:
    """The language is the text's, whatever was spoken before."""
    chinese, english = play(brain, "运费怎么算？", "How much is shipping?")
    assert (chinese.act, chinese.article, chinese.state.language) == ("answer", "delivery-fee", "zh")
    assert "满99元包邮" in chinese.text
    assert (english.act, english.article, english.state.language) == ("answer", "delivery-fee", "en")
    assert english.text.isascii() or "包邮" not in english.text


def test_a_question_that_goes_on_from_the_topic_is_understood_with_it(brain: Brain) -> None:
    """ "And the postage?" alone would be the postage of an order; after a return it is the return's."""
    alone = last(brain, "那运费呢")
    after = last(brain, "怎么退货", "那运费呢")
    assert alone.article == "delivery-fee"
    assert after.article == "return-shipping-cost"
    assert last(brain, "怎么开发票", "那专票呢").article == "invoice-vat"


def test_an_unclear_question_is_asked_back_once_with_the_nearest_titles(brain: Brain) -> None:
    """Two or three of them, and the way to a person; the number of one is enough."""
    asked = last(brain, "退款 优惠券 发票 运费")
    assert asked.act == "clarify"
    assert 1 <= len(asked.offered) <= 3 and asked.article == asked.offered[0]
    assert all(f"{n}. " in asked.text for n in range(1, len(asked.offered) + 2))
    chosen = play(brain, "1", state=asked.state)[0]
    assert (chosen.act, chosen.article) == ("answer", asked.offered[0])
    person = play(brain, str(len(asked.offered) + 1), state=asked.state)[0]
    assert person.act == "hand_off"


def test_a_number_means_what_was_offered_last_and_nothing_later(brain: Brain) -> None:
    """After another question "1" is no choice any more."""
    assert last(brain, "退款 优惠券 发票 运费", "运费怎么算", "1").act != "answer"
    assert last(brain, "退款 优惠券 发票 运费", "谢谢", "1").act != "answer"


def test_who_is_not_understood_twice_gets_a_person(brain: Brain) -> None:
    """One answer in between, and it begins anew."""
    first, second = play(brain, "喵喵喵", "呼噜呼噜")
    assert first.act == "sorry"
    assert second.act == "hand_off" and second.hand_off is not None and second.hand_off.reason == "unsure"
    assert last(brain, "喵喵喵", "运费怎么算", "呼噜呼噜").act == "sorry"


def test_an_article_that_does_not_hold_today_is_not_told(brain: Brain) -> None:
    """Before its first day the shop had no such rule."""
    assert brain.reply(State(), Said("运费怎么算", "2025-12-31")).article == ""


# --- a person -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("转人工", "asked", ""),
        ("let me speak to a human", "asked", ""),
        ("你们这帮骗子公司，气死我了！！！", "upset", ""),
        ("热水壶爆炸了", "sensitive", "injury"),
        ("I will sue you", "sensitive", "legal"),
    ],
)
def test_a_person_comes_at_once_with_the_reason(brain: Brain, text: str, reason: str, detail: str) -> None:
    """Asked for, upset, sensitive: whatever the bot could have answered."""
    reply = last(brain, text)
    assert reply.act == "hand_off" and reply.hand_off is not None
    assert (reply.hand_off.reason, reply.hand_off.detail) == (reason, detail)


def test_the_person_knows_what_was_said_before_the_first_word(brain: Brain) -> None:
    """Intent, slots, and a summary in the customer's language, the last texts in it."""
    reply = last(brain, "怎么退货", f"查订单 {ORDER}", LookedUp("found", {"status": "已发货"}), "转人工")
    assert reply.hand_off is not None
    assert reply.hand_off.intent == "order"
    assert reply.hand_off.slots == {"order": ORDER}
    assert reply.hand_off.summary.splitlines() == [
        "转人工原因：客户要求",
        "谈到：return-how, order",
        f"order：{ORDER}",
        "客户说：怎么退货",
        f"客户说：查订单 {ORDER}",
        "客户说：转人工",
    ]


def test_once_handed_over_the_bot_is_silent(brain: Brain) -> None:
    """Two voices would be one too many."""
    assert [reply.act for reply in play(brain, "转人工", "运费怎么算", "在吗")[1:]] == ["silent", "silent"]


def test_who_wants_no_person_gets_none(brain: Brain) -> None:
    """ "No human please" is not a wish for one."""
    assert last(brain, "不要人工，运费怎么算").act == "answer"


# --- flows ----------------------------------------------------------------------------------------------------------


def test_an_order_is_looked_up_and_told(brain: Brain) -> None:
    """The brain asks whoever runs it, and is called again with the answer."""
    asked, looking, told = play(brain, "帮我查一下订单，单号是多少来着", ORDER, LookedUp("found", {"status": "已发货"}))
    assert (asked.act, asked.article) == ("ask", "order-status") and "订单号" in asked.text
    assert looking.act == "lookup" and looking.text == ""
    assert looking.lookup is not None and (looking.lookup.kind, looking.lookup.key) == ("order", ORDER)
    assert looking.state.waiting == "order"
    assert told.text == f"订单 {ORDER} 现在的状态：已发货。"
    # A status that the configuration has words for is told in them, in the customer's language.
    assert last(brain, ORDER, LookedUp("found", {"status": "shipped"})).text.endswith("已发货。")
    assert last(brain, f"check order {ORDER}", LookedUp("found", {"status": "paid"})).text.endswith(
        "paid, not shipped yet."
    )
    assert told.state.waiting == ""


def test_an_order_that_is_not_there_may_be_sent_again(brain: Brain) -> None:
    """The wrong number is not kept."""
    missing, asked, again = play(brain, ORDER, LookedUp("missing"), "帮我查一下订单单号", "20261111002")[1:]
    assert ORDER in missing.text
    assert asked.act == "ask"
    assert again.lookup is not None and again.lookup.key == "20261111002"


def test_a_telephone_number_is_no_order_number(brain: Brain) -> None:
    """Mobile numbers have eleven figures, and so have some orders."""
    assert last(brain, "13800138000").lookup is None


@pytest.mark.parametrize("outcome", ["failed", "slow"])
def test_a_look_up_that_fails_or_is_slow_brings_a_person(brain: Brain, outcome: str) -> None:
    """The customer does not wait for a machine that waits for a machine."""
    reply = last(brain, ORDER, LookedUp(outcome))  # type: ignore[arg-type]
    assert reply.hand_off is not None
    assert (reply.hand_off.reason, reply.hand_off.intent) == (f"lookup_{outcome}", "order")


def test_what_the_shops_system_says_is_made_harmless(brain: Brain) -> None:
    """And names no other field, though it may look as if."""
    reply = last(brain, ORDER, LookedUp("found", {"status": "<b>{order}</b>\u202e http://evil.com", "order": "666"}))
    assert reply.text == f"订单 {ORDER} 现在的状态：{{order}} （链接已去除）。"


def test_an_address_is_changed_when_it_is_confirmed(brain: Brain) -> None:
    """Order, address, yes: then it is asked for."""
    replies = play(brain, "帮我改一下地址", ORDER, ADDRESS, "是的")
    assert [reply.act for reply in replies] == ["ask", "ask", "confirm", "lookup"]
    assert ADDRESS in replies[2].text
    lookup = replies[3].lookup
    assert lookup is not None
    assert (lookup.kind, lookup.key, lookup.fields) == ("change_address", ORDER, {"address": ADDRESS})


@pytest.mark.parametrize("word", ["不对", "算了", "no"])
def test_an_address_that_is_not_confirmed_is_not_changed(brain: Brain, word: str) -> None:
    """And not kept either."""
    reply = last(brain, "帮我改一下地址", ORDER, ADDRESS, word)
    assert reply.lookup is None
    assert "address" not in reply.state.slots and reply.state.flow == ""


def test_who_answers_a_flows_question_with_another_question_is_answered(brain: Brain) -> None:
    """The flow is left for it."""
    reply = last(brain, "帮我改一下地址", "运费怎么算")
    assert (reply.act, reply.article, reply.state.flow) == ("answer", "delivery-fee", "")


def test_what_is_no_order_number_is_asked_for_again_once(brain: Brain) -> None:
    """Then a person helps."""
    again, person = play(brain, "帮我改一下地址", "嗯嗯那个", "就是那个")[1:]
    assert again.act == "ask" and "不像订单号" in again.text
    assert person.act == "hand_off"


def test_an_answer_to_a_look_up_nobody_waits_for_changes_nothing(brain: Brain) -> None:
    """It came late, or twice."""
    assert [reply.act for reply in play(brain, LookedUp("found"), "转人工", LookedUp("failed"))] == [
        "silent", "hand_off", "silent",
    ]  # fmt: skip


def test_who_writes_while_something_is_looked_up_is_told_so_and_loses_nothing(brain: Brain) -> None:
    """The answer is still waited for; a person is called all the same."""
    waiting, told = play(brain, ORDER, "快点", LookedUp("found", {"status": "shipped"}))[1:]
    assert waiting.text == "正在查询，请稍等。"
    assert told.text == f"订单 {ORDER} 现在的状态：已发货。"
    assert last(brain, ORDER, "转人工").act == "hand_off"


def test_a_bot_that_takes_over_asks_again_what_nobody_answered(brain: Brain) -> None:
    """From the customer's messages alone: the look-up with all that it takes."""
    turns = [Said(text, DAY) for text in ("帮我改一下地址", ORDER, ADDRESS, "是")]
    lookup = brain.pending(resume(brain, turns))
    assert lookup is not None
    assert (lookup.kind, lookup.key, lookup.fields) == ("change_address", ORDER, {"address": ADDRESS})
    assert brain.pending(resume(brain, [*turns, LookedUp("found")])) is None


@pytest.mark.parametrize(
    ("address", "act"), [("西安市人民法院东门 李四", "confirm"), ("我不想活了", "hand_off"), ("转人工", "hand_off")]
)
def test_an_address_may_be_beside_a_court(brain: Brain, address: str, act: str) -> None:
    """What is a threat elsewhere is a place here; what needs a person at once does so here too."""
    assert last(brain, "帮我改一下地址", ORDER, address).act == act


def test_a_flow_or_menu_that_is_no_more_is_forgotten(brain: Brain, small: Brain) -> None:
    """Another configuration took the place of the one in which the conversation began."""
    bare = Brain(read_bot(""), brain.index)
    for before in ((brain, "帮我改一下地址", ORDER), (small, "menu"), (brain, ORDER)):
        state = last(*before).state
        for turn in (Said("1", DAY), Said("运费怎么算", DAY), LookedUp("found")):
            assert bare.reply(state, turn).act in {"answer", "sorry", "silent", "clarify"}
        assert bare.pending(state) is None


# --- small talk -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["你好", "谢谢！", "你是机器人吗", "hi there", "thanks", "are you a robot?", "讲个笑话"]
)
def test_small_talk_is_answered_and_counts_for_nothing(brain: Brain, text: str) -> None:
    """No article, no doubt."""
    reply = last(brain, text)
    assert (reply.act, reply.article, reply.state.unsure) == ("talk", "", 0)


# --- the state ------------------------------------------------------------------------------------------------------

TEXTS = st.sampled_from(
    ["运费怎么算", "那运费呢", "帮我改一下地址", ORDER, ADDRESS, "是", "不", "1", "2", "算了", "退款 优惠券 发票 运费", "喵喵喵", "你好", "人工",
     "How do I return something", "and the postage?", "<b>x</b>", "气死我了！！！", "", "\x00\u202e"]
)  # fmt: skip
TURNS = st.lists(
    st.one_of(
        st.builds(Said, TEXTS, st.just(DAY)),
        st.builds(Said, st.text(max_size=80), st.just(DAY)),
        st.builds(LookedUp, st.sampled_from(["found", "missing", "failed", "slow"]), st.just({"status": "ok"})),
        st.just(Answered()),
    ),
    max_size=12,
)


@given(TURNS)
def test_a_killed_bot_remembers_from_the_conversation_what_it_knew(brain: Brain, turns: list[Turn]) -> None:
    """Folded, or step by step with a restart at each: the same state, which is small and survives being written down."""
    state = State()
    for turn in turns:
        kept = msgspec.json.decode(msgspec.json.encode(state), type=State)
        assert kept == state
        state = brain.reply(kept, turn).state
    assert resume(brain, turns) == state
    assert len(msgspec.json.encode(state)) < 8_192


@given(TURNS)
def test_whatever_is_said_the_bot_answers_in_plain_text(brain: Brain, turns: list[Turn]) -> None:
    """No tag, no control or bidi character, no exception; and it says something unless it waits or is done."""
    for reply in play(brain, *turns):
        assert bool(reply.text) == (reply.act not in ("silent", "lookup"))
        assert not re.search(r"<[A-Za-z/!?]", reply.text)
        assert not reply.text or find_fault(reply.text, "reply") is None
        assert (reply.hand_off is not None) == (reply.act == "hand_off")


@pytest.mark.parametrize(
    "text", ["<script>" * 1_000, "人" * 100_000, "a " * 50_000, "1" * 100_000, "(" * 5_000, "\ud800" * 10]
)
def test_a_text_built_to_hurt_is_only_a_text(brain: Brain, text: str) -> None:
    """Long, nested, half characters."""
    assert play(brain, "帮我改一下地址", ORDER, text)[-1].act in {"confirm", "ask", "hand_off", "sorry"}
    play(brain, text, text, text)


# --- menus and rules ------------------------------------------------------------------------------------------------

SHOP = """
[bot]
menu = "main"
[[rules]]
name = "menu"
whole = true
en = ["menu"]
menu = "main"
[[rules]]
name = "vip"
en = ["gold card"]
person = true
[[rules]]
name = "pay"
en = ["bitcoin"]
article = "payment-methods"
[[rules]]
name = "cats"
weak = true
en = ["cat|cats|postage"]
reply = { zh = "猫", en = "We like cats." }
[menus.main]
text = { zh = "请选择", en = "Pick one" }
options = [
  { label = { zh = "运费", en = "Shipping" }, article = "delivery-fee" },
  { label = { zh = "查订单", en = "My order" }, flow = "order" },
  { label = { zh = "人工", en = "A person" }, person = true },
]
[flows.order]
lookup = "order"
slots = [{ name = "order", kind = "order", ask = { zh = "订单号？", en = "Which order?" } }]
found = { zh = "有", en = "Yes" }
missing = { zh = "没有", en = "No" }
"""


@pytest.fixture(scope="module")
def small(brain: Brain) -> Brain:
    return Brain(read_bot(SHOP), brain.index)


def test_a_menu_is_answered_with_a_number(small: Brain) -> None:
    """To an article, into a flow, to a person; a number beyond it is none."""
    shown = last(small, "menu")
    assert shown.text == "Pick one\n1. Shipping\n2. My order\n3. A person"
    assert last(small, "menu", "1").article == "delivery-fee"
    assert last(small, "menu", "2").text == "Which order?"
    assert last(small, "menu", "3").act == "hand_off"
    assert last(small, "menu", "4").act not in ("answer", "hand_off")


def test_who_is_lost_is_shown_the_menu_and_may_pick_from_it(small: Brain) -> None:
    """The apology first."""
    lost, picked = play(small, "purple elephants dancing", "1")
    assert lost.act == "sorry" and lost.text.endswith("3. A person")
    assert picked.article == "delivery-fee"


def test_a_rule_decides_before_the_knowledge_and_a_weak_one_after_it(small: Brain) -> None:
    """To an article or a person; small talk stands back where an article is a sure answer."""
    assert last(small, "do you take bitcoin").article == "payment-methods"
    person = last(small, "my gold card")
    assert person.hand_off is not None and (person.hand_off.reason, person.hand_off.detail) == ("rule", "vip")
    assert last(small, "my cat sings").text == "We like cats."
    assert last(small, "postage").article == "delivery-fee"
