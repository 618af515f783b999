"""A foresight as people read it, step by step with its instants, and as programs do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from engine.console.sentences import code_of, next_step, tell
from engine.console.wording import Language, Words, requirement
from engine.dispatch import events as ev
from engine.dispatch.commands import Value
from engine.dispatch.policy.compiled import Policy, Step
from engine.trials.foresight import BOT, Foresight, Missed, Moment, Passing, PoolLook, RuleLook
from engine.trials.lengths import shown_length
from engine.trials.report import INDENT, Line

NAMES_SHOWN = 6
CLASSES_SHOWN = 12

PHRASES: Mapping[str, tuple[str, str]] = {
    "entry": ("How it comes in", "如何进线"),
    "rule": (
        'Entry rule {number}, "{rule}", is the first that matches.',
        "第 {number} 条进线规则“{rule}”最先匹配。",
    ),
    "into": ("It comes into queue {queue} with priority {priority}.", "进入队列 {queue}，优先级 {priority}。"),
    "bot_first": ("A bot serves it first (pool {pools}).", "先由机器人接待（池 {pools}）。"),
    "needs": ("Whoever serves it must meet: {requirement}.", "接待者须满足：{requirement}。"),
    "needs.anyone": ("Anyone in its pools may serve it.", "其池中任何人都可接待。"),
    "deflected": (
        "It is not let in: {reason}. It is offered instead: {alternative}.",
        "不予放行：{reason}。改为建议：{alternative}。",
    ),
    "notice": ("It is told: {notice}", "告知客户：{notice}"),
    "refused": (
        "It is refused: {code}, {what}; got {got}, wanted {wanted}.",
        "被拒绝：{code}，{what}；实际 {got}，应为 {wanted}。",
    ),
    "close": ("Rules that came close", "差一点匹配的规则"),
    "missed": (
        'Rule {number}, "{rule}" ({leads_to}), wants {name} = {wanted}; {got}.',
        "第 {number} 条“{rule}”（{leads_to}）要求 {name} = {wanted}；{got}。",
    ),
    "got": ("the contact has {got}", "该会话是 {got}"),
    "got.nothing": ("the contact does not say", "该会话没有说明"),
    "later": (
        'Rule {number}, "{rule}" ({leads_to}), would match, too, but stands later.',
        "第 {number} 条“{rule}”（{leads_to}）也会匹配，但排在后面。",
    ),
    "conditional": (
        'Rule {number}, "{rule}" ({leads_to}), depends on hours or on how many wait.',
        "第 {number} 条“{rule}”（{leads_to}）取决于营业时间或等待人数。",
    ),
    "busy": (
        "What happens while those who may serve it are busy",
        "能接待的人都在忙时会发生什么",
    ),
    "busy.bot": (
        "What happens while those who may serve it are busy (the bot hands it over after {bot})",
        "能接待的人都在忙时会发生什么（机器人在 {bot} 后转人工）",
    ),
    "impossible": (
        "Nobody can ever meet the requirement {requirement}: it waits until a step relaxes it.",
        "没有人能满足要求 {requirement}：只能等某一步放宽。",
    ),
    "step": ('Step {number}, "{name}", opens: ', "第 {number} 步“{name}”打开："),
    "step.adds": ("pool {pools} joins", "池 {pools} 加入"),
    "step.relaxes": ("it no longer needs {relax}", "不再要求 {relax}"),
    "step.raises": ("its priority rises by {points}", "优先级提高 {points}"),
    "step.offers": ("it is offered {offers}", "向客户提议 {offers}"),
    "step.moves": ("it moves to queue {queue}", "移到队列 {queue}"),
    "may": (
        "From here it may be served through {pools} by whoever meets: {requirement}.",
        "此后可由池 {pools} 中满足 {requirement} 的人接待。",
    ),
    "may.anyone": ("From here anyone in {pools} may serve it.", "此后池 {pools} 中任何人都可接待。"),
    "able": ("Of those given: {names}.", "给定的人中：{names}。"),
    "able.nobody": ("Of those given: nobody.", "给定的人中：无人。"),
    "able.more": ("{n} more", "另有 {n} 个"),
    "rest": (
        "After that no rule changes anything: it waits until somebody takes it, or the customer leaves.",
        "此后不再有规则改变什么：一直等到有人接待，或客户离开。",
    ),
    "rest.cut": ("What comes later is not shown.", "更晚的不再列出。"),
    "shut.behind": ("The steps behind it wait for it.", "它后面的步骤都要等它。"),
    "alone": ("When nobody who may serve it is signed on", "没有能接待的人在线时"),
    "alone.same": (
        "Nothing opens early: it waits just so, and is served as soon as somebody suitable signs on.",
        "不会提前打开任何步骤：照样等待，一有合适的人上线就接待。",
    ),
    "passing": ("Who may be chosen first in pool {pool} (order: {order})", "池 {pool} 中谁会先被选中（次序：{order}）"),
    "passed_by": ("These pass it: {classes}.", "会超过它的：{classes}。"),
    "passed_by.none": ("Nothing that comes later passes it.", "晚到的都不会超过它。"),
    "passes": ("It passes: {classes}.", "它会超过：{classes}。"),
    "passes.none": ("It passes nothing that came earlier.", "它不会超过任何先到的。"),
    "unbounded": ("{queue} ({priority}), however late it comes", "{queue}（{priority}），无论多晚到"),
    "within": ("{queue} ({priority}), up to {window} later", "{queue}（{priority}），至多晚到 {window}"),
    "outside": ("Outside of all that", "除此之外"),
    "offer": (
        "Whoever is offered it has {offer} to answer; who declines is not asked again for {memory}.",
        "得到派单的人有 {offer} 应答；拒接者在 {memory} 内不再被问。",
    ),
    "rona": ("An offer without an answer: {effect}, for {back}.", "派单无人应答：{effect}，为时 {back}。"),
    "rona.for_good": ("An offer without an answer: {effect}.", "派单无人应答：{effect}。"),
    "wrap_up": ("After the contact {wrap_up} are kept for after-contact work.", "会话之后保留 {wrap_up} 做话后处理。"),
    "returns": (
        "A customer who leaves and is back within {window} gets the old place.",
        "离开的客户若在 {window} 内回来，可恢复原来的位置。",
    ),
    "known": (
        "Who comes back waits {wait} for the agent of last time, then for anybody.",
        "再次来的客户先等上次的客服 {wait}，之后由任何人接待。",
    ),
    "named": (
        "Who asks for an agent by name waits {wait} for that one, then for anybody.",
        "指定客服的客户先等该客服 {wait}，之后由任何人接待。",
    ),
    "unanswered": (
        "Accepted, and no word from the agent for {wait}: somebody else gets it.",
        "接受后客服 {wait} 没有回话：改派他人。",
    ),
    "silent": (
        "A customer who falls silent is reminded after {remind}.",
        "客户沉默 {remind} 后会收到提醒。",
    ),
    "dormant": (
        "{dormant} after that the contact is dormant and takes {units} of the agent's units.",
        "再过 {dormant} 会话转为休眠，只占客服 {units} 个单位。",
    ),
    "idle": ("Then, after {idle} more, it is closed as idle.", "之后再过 {idle}，按沉默关闭。"),
    "reopen": (
        "Written again within {reopen} after that it is opened again, with the same agent if there is room.",
        "此后 {reopen} 内再写来会重新打开，原客服有空则仍由其接待。",
    ),
    "limit": (
        "After {offers} offers in vain the queue {queue} has it.",
        "派单 {offers} 次无果后转到队列 {queue}。",
    ),
    "closed": (
        "While a supervisor has closed the queue it is not let in, and offered instead: {alternative}.",
        "主管关闭该队列期间不予放行，改为建议：{alternative}。",
    ),
}


class _Teller:
    def __init__(self, policy: Policy, language: Language) -> None:
        self.policy, self.chinese, self.words = policy, language == "zh-CN", Words(language)

    def say(self, key: str, **params: Any) -> str:
        filled = {
            name: self.words.listed(value) if isinstance(value, tuple) else value for name, value in params.items()
        }
        return PHRASES[key][1 if self.chinese else 0].format_map(filled)

    def section(self, key: str, **params: Any) -> Line:
        return Line("strong", self.say(key, **params))


def render(seen: Foresight, policy: Policy, language: Language) -> Iterator[Line]:
    """The whole of it as lines."""
    teller = _Teller(policy, language)
    yield teller.section("entry")
    for text in _entry(seen, teller):
        yield Line("plain", INDENT + text)
    if seen.close:
        yield teller.section("close")
        for look in seen.close:
            yield Line("plain", INDENT + _close(look, teller))
    if not isinstance(seen.came, ev.ContactSubmitted):
        return
    yield from _ways(seen, teller)
    for pool in seen.pools:
        yield teller.section("passing", pool=pool.pool, order=pool.order)
        for text in _passings(pool, teller):
            yield Line("plain", INDENT + text)
    yield teller.section("outside")
    for text in _outside(seen.came.queue, seen.contact.channel, teller):
        yield Line("plain", INDENT + text)


def _entry(seen: Foresight, teller: _Teller) -> Iterator[str]:
    came = seen.came
    if isinstance(came, ev.CommandRejected):
        yield teller.say("refused", code=came.code, what=came.what, got=came.got, wanted=came.wanted)
        return
    yield teller.say("rule", number=seen.number, rule=came.rule)
    if isinstance(came, ev.ContactDeflected):
        reason, alternative = (teller.words.code("word", code) for code in (came.reason, came.alternative))
        yield teller.say("deflected", reason=reason, alternative=alternative)
        if came.notice:
            yield teller.say("notice", notice=came.notice)
        return
    yield teller.say("into", queue=came.queue, priority=came.priority)
    if came.stage == "bot":
        yield teller.say("bot_first", pools=teller.policy.queues[came.queue].bot_pools)
    if seen.requirement:
        yield teller.say("needs", requirement=requirement(seen.requirement))
    else:
        yield teller.say("needs.anyone")


def _close(look: RuleLook, teller: _Teller) -> str:
    said = {"number": look.number, "rule": look.rule, "leads_to": look.leads_to}
    if look.missed:
        return teller.say("missed", **said, **_missed(look.missed[0], teller))
    return teller.say("conditional" if look.conditional else "later", **said)


def _missed(missed: Missed, teller: _Teller) -> dict[str, object]:
    wanted = tuple(map(_value, missed.wanted))
    got = teller.say("got.nothing") if missed.got is None else teller.say("got", got=_value(missed.got))
    return {"name": missed.name, "wanted": wanted, "got": got}


def _value(value: Value) -> str:
    return str(msgspec.json.encode(value), "utf-8")


# --- its way ------------------------------------------------------------------------------------------------------------


def _ways(seen: Foresight, teller: _Teller) -> Iterator[Line]:
    bot = seen.came.stage == "bot" if isinstance(seen.came, ev.ContactSubmitted) else False
    if seen.busy:
        yield teller.section("busy.bot" if bot else "busy", bot=shown_length(seen.bot_ms))
        yield from _moments(seen.busy, seen, teller)
        yield from _shut(seen.busy, teller)
        yield Line("plain", INDENT + teller.say("rest.cut" if seen.cut else "rest"))
    else:
        yield teller.section("busy")
        yield Line("plain", INDENT + teller.say("impossible", requirement=requirement(seen.requirement)))
    yield teller.section("alone")
    if _opens_early(seen.alone):
        yield from _moments(seen.alone, seen, teller)
        yield from _shut(seen.alone, teller)
    else:
        yield Line("plain", INDENT + teller.say("alone.same"))


def _shut(moments: Sequence[Moment], teller: _Teller) -> Iterator[Line]:
    """The step that this play did not open, and what it lacks: crowds and estimates come from others' contacts."""
    stand = moments[-1].stand
    if stand is None or stand.next_step is None or not stand.next_step.missing:
        return
    yield Line("plain", INDENT + next_step(stand.next_step, teller.words))
    if stand.step + 1 < len(teller.policy.queues[stand.queue].steps):
        yield Line("plain", INDENT + teller.say("shut.behind"))


def _opens_early(moments: Sequence[Moment]) -> bool:
    return any(
        isinstance(event, ev.PersonAsked) or (isinstance(event, ev.StepOpened) and event.why == "nobody")
        for moment in moments
        for event in moment.events
    )


def _moments(moments: Sequence[Moment], seen: Foresight, teller: _Teller) -> Iterator[Line]:
    width = max(len(shown_length(moment.after_ms)) for moment in moments)
    before: tuple[object, ...] = ()
    queue = ""
    for moment in moments:
        texts = []
        for event in moment.events:
            queue = getattr(event, "queue", "") or queue
            texts.append(_happens(event, queue, teller))
        stand = moment.stand
        if stand is not None and stand.state == "queued":
            now = (stand.stage, stand.pools, stand.requirement, moment.able)
            if now != before:
                texts += _may(moment, seen.team, teller)
            before = now
        for number, text in enumerate(text for text in texts if text):
            at = shown_length(moment.after_ms) if number == 0 else ""
            yield Line("plain", f"{INDENT}{at:>{width}}  {text}")


def _happens(event: ev.Event, queue: str, teller: _Teller) -> str:
    match event:
        case ev.ContactSubmitted() | ev.OfferMade() | ev.OfferAccepted() | ev.ContactConnected():
            return ""  # told above; and offered only to the bot of the play
        case ev.StepOpened(step=number):
            steps = teller.policy.queues[queue].steps
            return _step(steps[number - 1], teller) if number <= len(steps) else tell(event, teller.words)
        case _:
            return tell(event, teller.words).replace(f" {BOT}", "")


def _step(step: Step, teller: _Teller) -> str:
    does = []
    if step.add_pools:
        does.append(teller.say("step.adds", pools=step.add_pools))
    if step.relax:
        does.append(teller.say("step.relaxes", relax=step.relax))
    if step.raise_priority:
        does.append(teller.say("step.raises", points=step.raise_priority))
    if step.offer:
        does.append(teller.say("step.offers", offers=tuple(teller.words.code("word", one) for one in step.offer)))
    if step.move_to:
        does.append(teller.say("step.moves", queue=step.move_to))
    end = "。" if teller.chinese else "."
    return teller.say("step", number=step.index, name=step.name) + teller.words.listed(does) + end


def _may(moment: Moment, team: int, teller: _Teller) -> Iterator[str]:
    stand = moment.stand
    assert stand is not None
    key = "may" if stand.requirement and stand.stage == "person" else "may.anyone"
    text = teller.say(key, pools=stand.pools, requirement=requirement(stand.requirement))
    yield text if not team else f"{text} {_able(moment.able, teller)}"


def _able(able: tuple[str, ...], teller: _Teller) -> str:
    if not able:
        return teller.say("able.nobody")
    names = able[:NAMES_SHOWN]
    if len(able) > NAMES_SHOWN:
        names = (*names, teller.say("able.more", n=len(able) - NAMES_SHOWN))
    return teller.say("able", names=names)


# --- beside it ----------------------------------------------------------------------------------------------------------


def _passings(pool: PoolLook, teller: _Teller) -> Iterator[str]:
    for key, passings in (("passed_by", pool.passed_by), ("passes", pool.passes)):
        classes = tuple(_passing(one, teller) for one in passings)
        yield (
            teller.say(key, classes="；".join(classes) if teller.chinese else "; ".join(classes))
            if classes
            else (teller.say(f"{key}.none"))
        )


def _passing(one: Passing, teller: _Teller) -> str:
    if one.window_ms is None:
        return teller.say("unbounded", queue=one.queue, priority=one.priority)
    return teller.say("within", queue=one.queue, priority=one.priority, window=shown_length(one.window_ms))


def _outside(queue: str, channel: str, teller: _Teller) -> Iterator[str]:
    rules = teller.policy.queues[queue]
    yield teller.say("offer", offer=shown_length(rules.offer_ms), memory=shown_length(rules.decliner_memory_ms))
    effect = teller.words.code("word", rules.rona)
    key = "rona" if rules.rona_return_ms else "rona.for_good"
    yield teller.say(key, effect=effect, back=shown_length(rules.rona_return_ms))
    if rules.wrap_up_ms:
        yield teller.say("wrap_up", wrap_up=shown_length(rules.wrap_up_ms))
    if rules.abandon_window_ms:
        yield teller.say("returns", window=shown_length(rules.abandon_window_ms))
    yield from _afterwards(queue, channel, teller)
    yield teller.say("closed", alternative=teller.words.code("word", rules.closed_alternative))
    if rules.closed_notice:
        yield teller.say("notice", notice=rules.closed_notice)


def _afterwards(queue: str, channel: str, teller: _Teller) -> Iterator[str]:
    """Whom it may wait for, silence, and where it ends when nobody takes it; what the policy does not use is not told."""
    policy, rules = teller.policy, teller.policy.queues[queue]
    for key, length in (("known", rules.last_agent_ms), ("named", rules.named_agent_ms)):
        if length:
            yield teller.say(key, wait=shown_length(length))
    if rules.unanswered_ms:
        yield teller.say("unanswered", wait=shown_length(rules.unanswered_ms))
    if rules.remind_ms:
        yield teller.say("silent", remind=shown_length(rules.remind_ms))
        if rules.dormant_ms:
            costs = policy.channels[channel]
            units = costs.cost if costs.dormant_cost is None else costs.dormant_cost
            yield teller.say("dormant", dormant=shown_length(rules.dormant_ms), units=units)
        if rules.idle_close_ms:
            yield teller.say("idle", idle=shown_length(rules.idle_close_ms))
            if rules.reopen_ms:
                yield teller.say("reopen", reopen=shown_length(rules.reopen_ms))
    supervision = policy.supervision(queue)
    if supervision.limit:
        yield teller.say("limit", offers=supervision.limit, queue=supervision.queue)


# --- for programs -------------------------------------------------------------------------------------------------------


def as_json(seen: Foresight, policy: Policy, language: Language) -> str:
    """``policy``, ``contact``, ``outcome`` (queued, deflected, refused), ``rule``, ``close_rules``, ``requirement``,
    ``cut``, ``busy`` and ``alone`` (moments: ``after_ms``, ``events``, ``says``, ``pools``, ``requirement``, ``able``), ``pools``.
    """
    teller = _Teller(policy, language)
    came = seen.came
    outcomes = {ev.ContactSubmitted: "queued", ev.ContactDeflected: "deflected", ev.CommandRejected: "refused"}
    value = {
        "policy": seen.policy,
        "contact": seen.contact,
        "outcome": outcomes[type(came)],
        "rule": {"number": seen.number, "name": getattr(came, "rule", "")},
        "entry": came,
        "says": list(_entry(seen, teller)),
        "close_rules": [{**msgspec.to_builtins(look), "says": _close(look, teller)} for look in seen.close],
        "requirement": seen.requirement,
        "cut": seen.cut,
        "busy": _moment_values(seen.busy, teller),
        "alone": _moment_values(seen.alone, teller),
        "pools": seen.pools,
    }
    return str(msgspec.json.encode(value), "utf-8")


def _moment_values(moments: Sequence[Moment], teller: _Teller) -> list[dict[str, Any]]:
    values, queue = [], ""
    for moment in moments:
        says = []
        for event in moment.events:
            queue = getattr(event, "queue", "") or queue
            says.append(_happens(event, queue, teller))
        stand = moment.stand
        values.append(
            {
                "after_ms": moment.after_ms,
                "events": [code_of(event) for event in moment.events],
                "says": [text for text in says if text],
                "state": stand.state if stand else "closed",
                "pools": stand.pools if stand else (),
                "requirement": stand.requirement if stand else "",
                "able": moment.able,
            }
        )
    return values
