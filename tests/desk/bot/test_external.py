"""A bot from elsewhere behind the house's brain: it speaks where knowledge would, and what it says is only text."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.desk.bot.brain import Brain, resume
from engine.desk.bot.external import ExternalBrain
from engine.desk.bot.loading import load_brain
from engine.desk.bot.turns import Answered, Reply, Said, State
from engine.ports import BotFailed, BotLine, BotQuestion

DESK = Path(__file__).resolve().parents[3] / "examples" / "desk"
DAY = "2026-12-01"


class Outside:
    """Port Bot: says its words, or fails for a reason; keeps what it was asked."""

    def __init__(self, words: str = "", reason: str = "") -> None:
        self.words, self.reason = words, reason
        self.asked: list[BotQuestion] = []

    async def answer(self, question: BotQuestion) -> str:
        self.asked.append(question)
        if self.reason:
            raise BotFailed(self.reason, "told to")  # type: ignore[arg-type]
        return self.words


@pytest.fixture(scope="module")
def own() -> Brain:
    return load_brain(DESK)


async def ask(own: Brain, bot: Outside, *texts: str) -> Reply:
    brain, state, reply = ExternalBrain(own, bot, "Be kind."), State(), None
    for text in texts:
        reply = await brain.reply(state, Said(text, DAY), [BotLine("bot", "您好")])
        state = reply.state
    assert reply is not None
    return reply


async def test_it_answers_with_the_nearest_articles_before_it(own: Brain) -> None:
    """The conversation, the question last, three articles, the shop's instructions."""
    bot = Outside("运费8元。")
    reply = await ask(own, bot, "运费怎么算")
    assert (reply.act, reply.text) == ("answer", "运费8元。")
    (question,) = bot.asked
    assert question.lines == (BotLine("bot", "您好"), BotLine("customer", "运费怎么算"))
    assert question.sources[0].title == "运费怎么算" and len(question.sources) == 3
    assert (question.language, question.instructions) == ("zh", "Be kind.")


@pytest.mark.parametrize("text", ["转人工", "I will sue you", "帮我改一下地址", "你好", "订单 20261111001"])
async def test_it_is_not_asked_what_the_house_decides(own: Brain, text: str) -> None:
    """A person, a flow, a look-up, small talk."""
    bot = Outside("I decide!")
    assert (await ask(own, bot, text)).text != "I decide!"
    assert bot.asked == []


async def test_what_it_says_is_made_harmless(own: Brain) -> None:
    """It may have been told to say anything."""
    words = "<img src=x onerror=y>看 http://evil.com\u202e"
    reply = await ask(own, Outside(words), "运费怎么算")
    assert reply.text == "看 （链接已去除）"


@pytest.mark.parametrize("reason", ["slow", "busy", "open", "lied", "failed"])
async def test_when_it_fails_the_knowledge_answers_if_it_is_sure(own: Brain, reason: str) -> None:
    """The customer notices nothing."""
    reply = await ask(own, Outside(reason=reason), "运费怎么算")
    assert (reply.act, reply.article) == ("answer", "delivery-fee")


@pytest.mark.parametrize(("reason", "told"), [("slow", "slow"), ("lied", "failed"), ("busy", "failed")])
async def test_when_it_fails_and_nobody_is_sure_a_person_comes(own: Brain, reason: str, told: str) -> None:
    """With the reason in what the person gets."""
    reply = await ask(own, Outside(reason=reason), "喵喵喵")
    assert reply.hand_off is not None and (reply.hand_off.reason, reply.hand_off.detail) == (told, reason)
    assert reply.state.handed_off


async def test_an_answer_of_nothing_but_tags_is_none(own: Brain) -> None:
    """Nothing is left of it: a person."""
    reply = await ask(own, Outside("<br><br>"), "喵喵喵")
    assert reply.hand_off is not None and reply.hand_off.detail == "lied"


async def test_where_it_answers_nobody_counts_as_not_understood(own: Brain) -> None:
    """Three questions that the house does not know; and the state is the one that the conversation tells."""
    texts = ("喵喵喵", "呼噜呼噜", "嘎嘎嘎")
    reply = await ask(own, Outside("当然。"), *texts)
    assert (reply.act, reply.text) == ("answer", "当然。")
    turns = [turn for text in texts for turn in (Said(text, DAY), Answered())]
    assert resume(own, turns) == reply.state
