"""The bot's brain: what a customer said and what is remembered → what to do, the same every time.

It reads no clock, calls nobody and keeps nothing between turns but the :class:`State` it is given back. The order in which a
text is looked at is fixed: what needs a person, the question that is open (a flow's, a menu's), the rules, the knowledge.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine.desk.bot.config import BotConfig, Flow, Rule, Target
from engine.desk.bot.handing_over import hand_off
from engine.desk.bot.patterns import readable
from engine.desk.bot.sentences import say
from engine.desk.bot.signs import asks_for_person, find_sensitive, is_upset
from engine.desk.bot.slots import fill, find_choice, find_order, find_slot, is_no, is_yes, wants_out
from engine.desk.bot.turns import (
    KEPT_CHARS,
    KEPT_INTENTS,
    KEPT_TEXTS,
    Act,
    Answered,
    HandOff,
    LookedUp,
    Lookup,
    Reply,
    Said,
    State,
    Turn,
)
from engine.desk.knowledge.articles import Article, Language
from engine.desk.knowledge.index import Index
from engine.desk.knowledge.ranking import Found
from engine.desk.knowledge.tokens import MAX_QUERY, is_chinese, is_english, normal, tokens
from engine.desk.text import harmless

# A question is asked back once; offering more than three is asking the customer to search.
MAX_OFFERED = 3
# It says itself that it goes on from what was spoken of. A "呢" at the end does not: "赠品呢" is a question of its own.
_GOES_ON = ("那", "and ", "what about ", "how about ", "what if ", "then ")
# A follow-up is short: "那运费呢", "and for books?"
FOLLOW_UP_TOKENS = 6


class Brain:
    """One shop's bot. ``index`` is shared and may change between turns; ``today`` comes with each turn."""

    def __init__(self, config: BotConfig, index: Index) -> None:
        self.config, self.index = config, index

    def reply(self, state: State, turn: Turn) -> Reply:
        """What to do now. Any text and any answer of a look-up will do; nothing is raised for what they hold."""
        state = self._still_true(state)
        match turn:
            case LookedUp():
                return self._looked_up(state, turn)
            case Said(text=text, today=today):
                return self._said(state, text, today)
            case Answered():
                state = msgspec.structs.replace(state, unsure=0, offered=(), handed_off=False)
                return Reply("silent", "", state)

    def pending(self, state: State) -> Lookup | None:
        """The look-up that a state waits for: whoever takes over a conversation asks it again."""
        return self._lookup(state) if self._still_true(state).waiting else None

    def _still_true(self, state: State) -> State:
        """The state without a flow that the configuration does not have any more, or has with other slots."""
        flow = self.config.flows.get(state.flow)
        names = ["", "?", *(slot.name for slot in flow.slots)] if flow else []
        whole = flow is not None and (not state.waiting or all(state.slots.get(slot.name) for slot in flow.slots))
        return state if not state.flow or (whole and state.asked_slot in names) else _left(state)

    # --- a customer's text --------------------------------------------------------------------------------------

    def _said(self, state: State, text: str, today: str) -> Reply:
        before = state.said
        state = _heard(state, text)
        if state.handed_off:
            return Reply("silent", "", state)
        kind = find_sensitive(text)
        # An address may be beside a court.
        if kind and not (kind in ("authorities", "legal") and self._is_asked_for_text(state)):
            return self._hand_off(state, "sensitive", "person_sensitive", kind)
        if asks_for_person(text):
            return self._hand_off(state, "asked", "person")
        if is_upset(text, before):
            return self._hand_off(state, "upset", "person_upset")
        if state.waiting:
            return self._speak("talk", state, say("looking", state.language), intent=state.flow)
        if opened := self._in_flow(state, text, today) or self._chosen(state, text, today):
            return opened
        # What was offered is answered now or never: a later "2" means something else.
        state = msgspec.structs.replace(state, offered=())
        return (
            self._by_rule(state, text, today)
            or self._by_flow(state, text, today)
            or self._by_knowledge(state, text, today)
        )

    def _by_rule(self, state: State, text: str, today: str, *, weak: bool = False) -> Reply | None:
        for number, rule in enumerate(self.config.rules):
            if rule.weak == weak and self._is_in(f"rules[{number}]", text, state.language, whole=rule.whole):
                return self._go(state, rule, rule.name, today)
        return None

    def _is_in(self, key: str, text: str, language: Language, *, whole: bool = False) -> bool:
        return any(pattern.is_in(text, whole=whole) for pattern in self.config.patterns[key][language])

    def _go(self, state: State, target: Target, intent: str, today: str) -> Reply | None:
        """To where a rule or an option leads; None when that article is not there today."""
        state = _understood(state, intent)
        if target.person:
            return self._hand_off(state, "rule", "person", intent)
        if target.reply is not None:
            return self._speak("talk", state, target.reply.of(state.language), intent=intent)
        if target.flow:
            return self._enter(state, target.flow)
        if target.menu:
            return self._menu(state, target.menu, intent)
        article = self.index.get(target.article, state.language)
        if article is None or not article.is_valid(today) or article.audience != "public":
            return None
        return self._answer(state, article, 1.0)

    def _menu(self, state: State, name: str, intent: str, opening: str = "") -> Reply:
        menu = self.config.menus[name]
        lines = [opening] if opening else []
        lines.append(menu.text.of(state.language))
        lines += [f"{n}. {option.label.of(state.language)}" for n, option in enumerate(menu.options, 1)]
        offered = tuple(f"option:{name}:{number}" for number in range(len(menu.options)))
        state = msgspec.structs.replace(state, offered=offered)
        return self._speak("talk", state, "\n".join(lines), intent=intent)

    def _chosen(self, state: State, text: str, today: str) -> Reply | None:
        """A number, or nearly the words, of what the last question offered."""
        number = find_choice(text)
        if not 1 <= number <= len(state.offered):
            return None
        kind, _, name = state.offered[number - 1].partition(":")
        if kind == "person":
            return self._hand_off(state, "asked", "person")
        if kind == "option":
            menu, _, at = name.rpartition(":")
            options = self.config.menus[menu].options if menu in self.config.menus else ()
            if int(at) >= len(options):
                return None
            return self._go(state, options[int(at)], options[int(at)].label.en, today)
        return self._go(state, Target(article=name), name, today)

    # --- flows --------------------------------------------------------------------------------------------------

    def _by_flow(self, state: State, text: str, today: str) -> Reply | None:
        """A flow's own patterns; or an order number, unless it comes with a question of its own that no flow is about."""
        for name in self.config.flows:
            if self._is_in(f"flows.{name}", text, state.language):
                return self._enter(state, name, text)
        order = find_order(text)
        begun_by_order = [name for name, flow in self.config.flows.items() if flow.slots[0].kind == "order"]
        if not order or not begun_by_order:
            return None
        question = self._sure(normal(text[:MAX_QUERY]).upper().replace(order, " "), state.language, today)
        about = question.hits[0].slug if question else state.topic
        named = next((name for name in begun_by_order if about in self.config.flows[name].articles), "")
        if question and not named:
            return None
        return self._enter(state, named or begun_by_order[0], text)

    def _enter(self, state: State, name: str, text: str = "") -> Reply:
        """Begin a flow. What is known already is not asked for again, and an order number in the text is taken."""
        state = _understood(state, name)
        state = msgspec.structs.replace(state, flow=name, asked_slot="", offered=())
        first = self.config.flows[name].slots[0]
        if first.kind == "order" and (order := find_order(text)):
            state = _with_slot(state, first.name, order)
        # What the flow is about, for whoever measures: its first article.
        articles = self.config.flows[name].articles
        return msgspec.structs.replace(self._next_step(state), article=articles[0] if articles else "")

    def _next_step(self, state: State) -> Reply:
        flow = self.config.flows[state.flow]
        for slot in flow.slots:
            if not state.slots.get(slot.name):
                state = msgspec.structs.replace(state, asked_slot=slot.name)
                return self._speak("ask", state, slot.ask.of(state.language), intent=state.flow)
        if flow.confirm is not None:
            state = msgspec.structs.replace(state, asked_slot="?")
            return self._speak("confirm", state, fill(flow.confirm.of(state.language), state.slots), intent=state.flow)
        return self._look_up(state, flow)

    def _look_up(self, state: State, flow: Flow) -> Reply:
        state = msgspec.structs.replace(state, asked_slot="", waiting=flow.lookup)
        return Reply("lookup", "", state, intent=state.flow, lookup=self._lookup(state))

    def _lookup(self, state: State) -> Lookup:
        flow = self.config.flows[state.flow]
        first, *rest = flow.slots
        return Lookup(flow.lookup, state.slots[first.name], {slot.name: state.slots[slot.name] for slot in rest})

    def _is_asked_for_text(self, state: State) -> bool:
        flow = self.config.flows.get(state.flow)
        return flow is not None and any(slot.name == state.asked_slot and slot.kind == "text" for slot in flow.slots)

    def _in_flow(self, state: State, text: str, today: str) -> Reply | None:
        """The answer to a flow's question; None when no flow is open or the customer has gone on to something else."""
        if not state.flow or not state.asked_slot:
            return None
        flow = self.config.flows[state.flow]
        if wants_out(text) or (state.asked_slot == "?" and is_no(text)):
            return self._speak("talk", _left(state), say("left_flow", state.language))
        if state.asked_slot == "?":
            if is_yes(text):
                return self._look_up(state, flow)
        else:
            slot = next(slot for slot in flow.slots if slot.name == state.asked_slot)
            value = find_slot(slot.kind, text)
            if value and (slot.kind != "text" or self._sure(text, state.language, today) is None):
                return self._next_step(_with_slot(state, slot.name, value))
        if self._sure(text, state.language, today) is not None:
            return None
        return self._asked_again(state, flow)

    def _asked_again(self, state: State, flow: Flow) -> Reply:
        if state.unsure >= 1:
            return self._hand_off(state, "unsure", "person_unsure")
        state = msgspec.structs.replace(state, unsure=state.unsure + 1)
        if state.asked_slot == "?":
            return self._speak("confirm", state, say("yes_or_no", state.language), intent=state.flow)
        slot = next(slot for slot in flow.slots if slot.name == state.asked_slot)
        text = f"{say(f'not_a_{slot.kind}', state.language)} {slot.ask.of(state.language)}"
        return self._speak("ask", state, text, intent=state.flow)

    def _looked_up(self, state: State, turn: LookedUp) -> Reply:
        if state.handed_off or not state.waiting:
            return Reply("silent", "", state)
        flow = self.config.flows[state.flow]
        intent, slots = state.flow, dict(state.slots)
        state = _left(state)
        if turn.outcome in ("failed", "slow"):
            return self._hand_off(state, f"lookup_{turn.outcome}", "person_failed", intent)
        words = flow.found if turn.outcome == "found" else flow.missing
        if turn.outcome == "missing":
            # The number may be mistyped: it must not be taken for known the next time.
            state = msgspec.structs.replace(state, slots={})
        known = {name: _in_words(flow, name, value, state.language) for name, value in turn.fields.items()}
        known = {name: value for name, value in known.items() if name in flow.fields}
        text = fill(words.of(state.language), slots | known)
        return self._speak("answer", state, text, intent=intent, confidence=1.0)

    # --- knowledge ----------------------------------------------------------------------------------------------

    def _by_knowledge(self, state: State, text: str, today: str) -> Reply:
        found = self._search(state, text, today)
        limits = self.config.confidence
        state = _left(state) if state.flow else state
        if found.hits and found.confidence >= limits.answer:
            article = self.index.get(found.hits[0].slug, state.language)
            assert article is not None, "the index finds what it holds"
            return self._answer(_understood(state, article.slug), article, found.confidence)
        if ruled := self._by_rule(state, text, today, weak=True):
            return ruled
        if state.unsure >= 1:
            return self._hand_off(state, "unsure", "person_unsure")
        state = msgspec.structs.replace(state, unsure=state.unsure + 1)
        if found.hits and found.confidence >= limits.clarify:
            return self._clarify(state, found)
        if menu := self.config.bot.menu:
            shown = self._menu(state, menu, "", say("sorry", state.language))
            return msgspec.structs.replace(shown, act="sorry", confidence=found.confidence)
        return self._speak("sorry", state, say("sorry", state.language), confidence=found.confidence)

    def _search(self, state: State, text: str, today: str) -> Found:
        """By the text alone, or together with the topic before: where the text says that it goes on from there, or is short
        and says too little.
        """
        found = self.index.search(text, state.language, today)
        topic = self.index.get(state.topic, state.language) if state.topic else None
        asked = tokens(text)
        if topic is None or len(asked) > FOLLOW_UP_TOKENS or not any(map(str.isalpha, asked)):
            return found
        goes_on = readable(text).startswith(_GOES_ON)
        if found.confidence >= self.config.confidence.answer and not goes_on:
            return found
        before = state.said[-2] if len(state.said) > 1 and not find_choice(state.said[-2]) else topic.title
        both = self.index.search(f"{before} {text}", state.language, today)
        return both if both.confidence > (self.config.confidence.clarify if goes_on else found.confidence) else found

    def _sure(self, text: str, language: Language, today: str) -> Found | None:
        """Found when the text is a question of its own, not the answer to one."""
        found = self.index.search(text, language, today)
        return found if found.confidence >= self.config.confidence.answer else None

    def _answer(self, state: State, article: Article, confidence: float) -> Reply:
        text = article.body
        for flow in self.config.flows.values():
            if article.slug in flow.articles and flow.offer is not None:
                text += "\n\n" + flow.offer.of(state.language)
        state = msgspec.structs.replace(_left(state), topic=article.slug, offered=(), unsure=0)
        return self._speak("answer", state, text, article=article.slug, intent=article.slug, confidence=confidence)

    def _clarify(self, state: State, found: Found) -> Reply:
        hits = found.hits[:MAX_OFFERED]
        lines = [say("which", state.language)]
        lines += [f"{number}. {hit.title}" for number, hit in enumerate(hits, 1)]
        lines.append(f"{len(hits) + 1}. {say('none_of_these', state.language)}")
        slugs = tuple(hit.slug for hit in hits)
        state = msgspec.structs.replace(state, offered=(*(f"article:{slug}" for slug in slugs), "person:"))
        reply = self._speak("clarify", state, "\n".join(lines), article=slugs[0], confidence=found.confidence)
        return msgspec.structs.replace(reply, offered=slugs)

    # --- saying it ----------------------------------------------------------------------------------------------

    def _hand_off(self, state: State, reason: str, sentence: str, detail: str = "") -> Reply:
        given: HandOff = hand_off(state, reason, detail)
        state = msgspec.structs.replace(_left(state), handed_off=True, offered=())
        reply = self._speak("hand_off", state, say(sentence, state.language), intent=given.intent)
        return msgspec.structs.replace(reply, hand_off=given)

    def _speak(
        self, act: Act, state: State, text: str, *, article: str = "", intent: str = "", confidence: float = 0.0
    ) -> Reply:
        text = harmless(text, self.config.bot.hosts, self.config.bot.max_text, state.language)
        return Reply(act, text, state, article=article, intent=intent, confidence=confidence)


def _heard(state: State, text: str) -> State:
    """The text is kept for the summary, and the language follows it where it shows one."""
    kept = " ".join(harmless(text[: 2 * KEPT_CHARS], (), KEPT_CHARS).split())
    language = state.language
    if is_chinese(text):
        language = "zh"
    elif is_english(text):
        language = "en"
    return msgspec.structs.replace(state, language=language, said=(*state.said, kept)[-KEPT_TEXTS:])


def _in_words(flow: Flow, name: str, value: str, language: Language) -> str:
    words = flow.values.get(name, {}).get(value)
    return words.of(language) if words else value


def _understood(state: State, intent: str) -> State:
    intents = state.intents if state.intents[-1:] == (intent,) else (*state.intents, intent)
    return msgspec.structs.replace(state, intents=intents[-KEPT_INTENTS:], unsure=0)


def _with_slot(state: State, name: str, value: str) -> State:
    return msgspec.structs.replace(state, slots={**state.slots, name: value}, asked_slot="", unsure=0)


def _left(state: State) -> State:
    """Out of a flow. An order number stays known; what was to be confirmed is not kept."""
    slots = {name: value for name, value in state.slots.items() if name == "order"}
    return msgspec.structs.replace(state, flow="", asked_slot="", waiting="", slots=slots)


def resume(brain: Brain, turns: Iterable[Turn]) -> State:
    """The state after these turns: what a killed bot needs to go on from the durable conversation.

    ``turns``: the customer's messages and the answers of look-ups, in order. A look-up whose answer is missing is still
    waiting in the state (``State.waiting``), and whoever runs the brain asks again.
    """
    state = State()
    for turn in turns:
        state = brain.reply(state, turn).state
    return state


__all__ = ["Brain", "Rule", "resume"]
