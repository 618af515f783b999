"""A bot that somebody else runs, behind the same brain: what needs a person, a flow or a rule is still decided here.

Only what the knowledge would answer, or could not, is asked outside; the nearest articles go along. Its words are data: they
are made harmless like any other. When it fails, the knowledge answers if it is sure, else a person does.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.desk.bot.brain import Brain
from engine.desk.bot.handing_over import hand_off
from engine.desk.bot.sentences import say
from engine.desk.bot.turns import Answered, Reply, Said, State
from engine.desk.text import harmless
from engine.ports import Bot, BotFailed, BotLine, BotQuestion, BotSource

# Of a long conversation the last lines are sent; of the articles the nearest.
SENT_LINES, SENT_SOURCES = 12, 3


class ExternalBrain:
    """``instructions``: the shop's own words to the bot outside."""

    def __init__(self, brain: Brain, bot: Bot, instructions: str = "") -> None:
        self.brain, self.bot, self.instructions = brain, bot, instructions

    async def reply(self, state: State, turn: Said, lines: Sequence[BotLine] = ()) -> Reply:
        """As :meth:`Brain.reply`; ``lines``: the conversation before the turn. Never raises :class:`BotFailed`.

        Where the bot outside answered, ``Answered`` follows the turn in what :func:`resume` is given.
        """
        own = self.brain.reply(state, turn)
        unsure = own.hand_off is not None and own.hand_off.reason == "unsure"
        if not unsure and not (own.act in ("answer", "clarify", "sorry") and own.lookup is None):
            return own
        try:
            words = await self.bot.answer(self._question(own.state, turn, lines))
        except BotFailed as error:
            return own if own.act == "answer" or unsure else self._failed(own, error)
        config = self.brain.config.bot
        text = harmless(words, config.hosts, config.max_text, own.state.language)
        if not text:
            return (
                own if own.act == "answer" or unsure else self._failed(own, BotFailed("lied", "nothing is left of it"))
            )
        after = self.brain.reply(own.state, Answered()).state
        return Reply("answer", text, after, article=own.article if own.act == "answer" else "", intent=own.intent)

    def _question(self, state: State, turn: Said, lines: Sequence[BotLine]) -> BotQuestion:
        index = self.brain.index
        hits = index.search(turn.text, state.language, turn.today, limit=SENT_SOURCES).hits
        found = [article for hit in hits if (article := index.get(hit.slug, hit.language))]
        sources = tuple(BotSource(article.title, article.body) for article in found)
        said = (*lines[-SENT_LINES:], BotLine("customer", harmless(turn.text, (), language=state.language)))
        return BotQuestion(state.language, said, sources, self.instructions)

    def _failed(self, own: Reply, error: BotFailed) -> Reply:
        reason = "slow" if error.reason == "slow" else "failed"
        given = hand_off(own.state, reason, error.reason)
        state = msgspec.structs.replace(own.state, handed_off=True, offered=())
        text = say("person_failed", state.language)
        return Reply("hand_off", text, state, intent=given.intent, hand_off=given)
