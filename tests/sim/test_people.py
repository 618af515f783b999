"""People and bots who serve, one story each."""

from __future__ import annotations

import numpy as np
import pytest

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile, Sender
from engine.dispatch.policy.compile import compile_policy
from sim.actors.bots import Bot
from sim.actors.deeds import Cut, Deed, Do, Wake
from sim.actors.people import HOUR_MS, OVERTIME_MS, Person, mail_queues, passes_on
from sim.phrases import FAREWELLS, UNSOLVED, question
from sim.roster import Post, bots
from sim.scenario import Scenario
from tests.sim.stage import shop

SHOP = shop()


class Dice:
    """Draws as the story needs them: uniform draws in order, lengths at their means."""

    def __init__(self, *uniform: float) -> None:
        self._uniform = list(uniform)

    def random(self) -> float:
        return self._uniform.pop(0) if self._uniform else 0.99

    def lognormal(self, mean: float, sigma: float) -> float:
        return float(np.exp(mean + sigma * sigma / 2))

    def exponential(self, mean: float) -> float:
        return mean


def _person(*uniform: float, scenario: Scenario = SHOP, shift: tuple[int, int] = (8 * HOUR_MS, 17 * HOUR_MS)) -> Person:
    post = Post(AgentProfile(agent="ann", capacity=4), "early", *shift, cuts_per_hour=1.0)
    return Person(post, scenario, Dice(*uniform), {"delivery": "complaint"})  # type: ignore[arg-type]  # loaded dice


def _offer(offer: int = 1, contact: int = 7, queue: str = "presale") -> ev.OfferMade:
    return ev.OfferMade(0, offer, contact, "ann", queue, "onsite", 0, 1, 20_000, 0, "arrival", "", "", (), "p")


def _connect(person: Person, contact: int = 7, queue: str = "presale") -> list[Deed]:
    person.heard(_offer(contact, contact, queue), "")
    person.heard(ev.OfferAccepted(1, contact, contact, "ann"), "")
    return person.heard(ev.ContactConnected(1, contact, "ann", 0), "")


def _wake(deeds: list[Deed], what: str) -> Wake:
    return next(deed for deed in deeds if isinstance(deed, Wake) and deed.what == what)


def _rouse(actor: Person | Bot, wake: Wake) -> list[Deed]:
    return actor.woken(wake.what, wake.of, wake.guard)


def _commands(deeds: list[Deed]) -> list[cmd.Command]:
    return [deed.command for deed in deeds if isinstance(deed, Do)]


def test_most_offers_are_accepted_after_a_moment() -> None:
    """A second or two to look, then yes; if the offer was taken back meanwhile, nothing."""
    person = _person(0.5)
    [wake] = person.heard(_offer(), "")
    assert isinstance(wake, Wake) and (wake.what, wake.in_ms) == ("accept", 1_800)
    assert _commands(_rouse(person, wake)) == [cmd.AcceptOffer(agent="ann", offer=1)]
    person.heard(ev.OfferRescinded(1, 1, 7, "ann", "abandoned"), "")
    assert _rouse(person, wake) == []


@pytest.mark.parametrize(("draw", "what"), [(0.001, "ignore"), (0.02, "decline")])
def test_now_and_then_an_offer_is_declined_or_runs_out(draw: float, what: str) -> None:
    """Looking away is no command at all; declining says why."""
    person = _person(draw)
    [wake] = person.heard(_offer(), "")
    assert isinstance(wake, Wake) and wake.what == what
    wanted = [] if what == "ignore" else [cmd.DeclineOffer(agent="ann", offer=1, reason="busy")]
    assert _commands(_rouse(person, wake)) == wanted


def test_more_chats_at_once_make_each_slower() -> None:
    """Alone a reply takes 21 s; with four chats at once 4 ÷ 2.3 times as long."""
    person = _person()
    alone = _wake(_connect(person, 1), "reply")
    assert alone.in_ms == 21_000
    for contact in (2, 3):
        _connect(person, contact)
    fourth = _wake(_connect(person, 4), "reply")
    assert fourth.in_ms == pytest.approx(21_000 * 4 / 2.3, abs=1)


def test_two_messages_get_one_answer_and_thanks_get_the_last_word() -> None:
    """A reply is being typed when the second line comes; after the thanks: a last word, and the chat is closed."""
    person = _person()
    reply = _wake(_connect(person), "reply")
    assert person.heard(ev.MessageAdded(2, 7, 2, Sender.CUSTOMER), "and another thing") == []
    deeds = _rouse(person, reply)
    assert [type(command) for command in _commands(deeds)] == [cmd.AddMessage]
    silence = _wake(deeds, "silence")
    [closing] = person.heard(ev.MessageAdded(3, 7, 4, Sender.CUSTOMER), FAREWELLS["en"][0])
    assert isinstance(closing, Wake)
    assert _rouse(person, silence) == [], "the customer has spoken since"
    last, close = _commands(_rouse(person, closing))
    assert isinstance(last, cmd.AddMessage)
    assert close == cmd.CloseContact(contact=7, agent="ann", reason="done")


def test_a_customer_who_is_gone_is_closed_after_a_while() -> None:
    """Nobody answers: closed as no_reply. The time after it is wrap-up."""
    person = _person()
    silence = _wake(_rouse(person, _wake(_connect(person), "reply")), "silence")
    assert _commands(_rouse(person, silence)) == [cmd.CloseContact(contact=7, agent="ann", reason="no_reply")]
    person.heard(ev.ContactClosed(3, 7, "no_reply", "ann"), "")
    assert not person.chats
    [wrap_up] = person.heard(ev.WrapUpStarted(3, 7, "ann", 30_000), "")
    assert isinstance(wrap_up, Wake)
    assert _commands(_rouse(person, wrap_up)) == [cmd.EndWrapUp(agent="ann", contact=7)]


def test_some_customers_are_passed_on_after_the_first_reply() -> None:
    """The wrong desk: a reply, then a transfer to the queue that the scenario names."""
    person = _person(0.5, 0.01)
    deeds = _rouse(person, _wake(_connect(person, queue="delivery"), "reply"))
    transfer = _commands(_rouse(person, _wake(deeds, "pass_on")))
    assert transfer == [cmd.TransferContact(contact=7, agent="ann", to_queue="complaint", reason="other_team")]
    person.heard(ev.ContactTransferred(3, 7, "ann", "complaint", "person", 0, ""), "")
    assert not person.chats


def test_a_mail_is_answered_at_length_and_closed() -> None:
    """The card says e-mail: minutes of work, one answer, no last word."""
    person = _person()
    person.heard(_offer(), "")
    person.met(7, "email")
    person.heard(ev.OfferAccepted(1, 1, 7, "ann"), "")
    reply = _wake(person.heard(ev.ContactConnected(1, 7, "ann", 0), ""), "reply")
    assert reply.in_ms == 200_000
    close = _wake(_rouse(person, reply), "close")
    assert _commands(_rouse(person, close)) == [cmd.CloseContact(contact=7, agent="ann", reason="done")]


def test_after_a_missed_offer_the_person_comes_back_and_from_a_break_in_its_time() -> None:
    """RONA made her not ready: she clicks herself available after a while. Her own break lasts as long as planned."""
    person = _person()
    [back] = person.heard(ev.AgentStateChanged(1, "ann", "available", "not_ready", "rona"), "")
    assert isinstance(back, Wake) and back.in_ms == 25_000
    assert _commands(_rouse(person, back)) == [cmd.SetAgentState(agent="ann", state="available")]
    person.heard(ev.AgentStateChanged(2, "ann", "not_ready", "available"), "")
    assert _rouse(person, back) == []
    deeds = person.woken("break", 0, 0)
    assert _commands(deeds) == [cmd.SetAgentState(agent="ann", state="not_ready", reason="break")]
    assert person.heard(ev.AgentStateChanged(3, "ann", "available", "not_ready", "break"), "") == []
    assert _commands(person.woken("break", 0, 0)) == [], "no break in a break"


def test_the_line_breaks_and_grace_ends_before_it_is_back() -> None:
    """Cut off, and when she is back the engine has signed her off and given her customers away: she signs on again."""
    person = _person()
    _connect(person)
    cut, again = person.woken("cut", 0, 0)
    assert isinstance(cut, Cut) and cut.away_ms == 25_000
    assert isinstance(again, Wake) and again.what == "cut"
    person.heard(ev.ContactRequeued(5, 7, "ann", "agent_lost"), "")
    [sign_on] = person.heard(ev.AgentStateChanged(5, "ann", "lost", "offline", "grace"), "")
    assert isinstance(sign_on, Wake) and not person.chats
    assert _commands(_rouse(person, sign_on)) == [cmd.SignOn(agent="ann")]


def test_back_within_grace_she_goes_on() -> None:
    """Her state is what the engine says it is again, and the chats are still there."""
    person = _person()
    _connect(person)
    person.heard(ev.AgentBack(2, "ann", "available"), "")
    assert person.state == "available" and list(person.chats) == [7]


def test_at_the_shifts_end_she_finishes_those_who_are_there_and_goes_home() -> None:
    """At five: nobody new. The last one closed, the engine has her offline; she does not sign on again before tomorrow."""
    person = _person()
    start = person.start()
    assert _commands(start)[-1] == cmd.SignOn(agent="ann")
    over = _wake(start, "shift_over")
    assert over.in_ms == 7.5 * HOUR_MS
    person.heard(ev.AgentStateChanged(1, "ann", "offline", "available"), "")
    _connect(person)
    deeds = _rouse(person, over)
    assert _commands(deeds) == [cmd.SetAgentState(agent="ann", state="finishing")]
    person.heard(ev.AgentStateChanged(2, "ann", "available", "finishing"), "")
    assert person.heard(ev.AgentStateChanged(3, "ann", "finishing", "offline", "finished"), "") == []
    assert _rouse(person, _wake(deeds, "overtime")) == [], "she has gone already"
    assert person.resynced("offline", {}, ()) == []
    tomorrow = _wake(deeds, "shift")
    assert tomorrow.in_ms == 15 * HOUR_MS
    assert _commands(_rouse(person, tomorrow)) == [cmd.SignOn(agent="ann")]


def test_who_is_still_busy_long_after_the_shift_hands_over() -> None:
    """Ten minutes of overtime, then off: her customers go back to their queue. Being not ready does not keep her."""
    person = _person()
    over = _wake(person.start(), "shift_over")
    person.heard(ev.AgentStateChanged(1, "ann", "offline", "available"), "")
    _connect(person)
    overtime = _wake(_rouse(person, over), "overtime")
    assert overtime.in_ms == OVERTIME_MS
    [back] = person.heard(ev.AgentStateChanged(2, "ann", "finishing", "not_ready", "rona"), "")
    assert isinstance(back, Wake) and _rouse(person, back) == []
    assert _commands(_rouse(person, overtime)) == [cmd.SignOff(agent="ann")]


def test_whose_shift_begins_later_signs_on_then() -> None:
    """Play begins at half past nine, her shift at ten; whoever is there round the clock has no shift's end."""
    deeds = _person(shift=(10 * HOUR_MS, 18 * HOUR_MS)).start()
    assert [type(command) for command in _commands(deeds)] == [cmd.DefineAgent]
    assert _wake(deeds, "shift").in_ms == HOUR_MS // 2
    always = _person(shift=(0, 24 * HOUR_MS)).start()
    assert not [deed for deed in always if isinstance(deed, Wake) and deed.what == "shift_over"]


def test_a_stream_that_cannot_be_replayed_gives_the_screen_as_it_is() -> None:
    """One chat has gone, one is new, one is in wrap-up; whoever is offline signs on."""
    person = _person()
    _connect(person, 7)
    deeds = person.resynced("offline", {8: ("web", "presale")}, {9})
    assert list(person.chats) == [8]
    assert {deed.what for deed in deeds if isinstance(deed, Wake)} == {"wrap_up", "reply", "sign_on"}


def test_who_passes_on_to_whom_and_where_mail_waits_come_from_the_policy() -> None:
    """The scenario speaks of topics; the policy's entry rules say which queues these are."""
    policy = compile_policy(SHOP.policy_text)
    assert passes_on(SHOP, policy) == {"dispatch": "delivery", "delivery": "complaint", "after_sale": "refund"}
    assert mail_queues(SHOP, policy) == {"refund", "after_sale"}


# --- bots ---------------------------------------------------------------------------------------------------------------


def _bot() -> Bot:
    bot = Bot(bots(SHOP)[0], SHOP, Dice())  # type: ignore[arg-type]  # loaded dice
    bot.heard(ev.ContactConnected(0, 7, "bot-1", 0), "")
    return bot


def _says(bot: Bot, text: str) -> Wake:
    [wake] = bot.heard(ev.MessageAdded(1, 7, 1, Sender.CUSTOMER), text)
    assert isinstance(wake, Wake)
    return wake


def test_a_bot_knows_every_topic_by_its_words() -> None:
    """Each question the customers put, in both languages, is understood as what it is about."""
    for name, topic in SHOP.topics.items():
        for language in ("zh", "en"):
            for number in range(2):
                answer = _says(_bot(), question(name, topic.words, language, number))
                assert answer.what == "answer", (name, language, number)


def test_a_bot_hands_on_what_it_does_not_understand_or_cannot_solve() -> None:
    """With intent, reason and where the conversation is found."""
    bot = _bot()
    handed = _commands(_rouse(bot, _says(bot, "it is about the moon")))[-1]
    assert isinstance(handed, cmd.TransferContact) and (handed.reason, handed.intent) == ("not_understood", "")
    bot = _bot()
    _rouse(bot, _says(bot, "When will I get my refund?"))
    handed = _commands(_rouse(bot, _says(bot, UNSOLVED["en"][0])))[-1]
    assert isinstance(handed, cmd.TransferContact)
    assert (handed.reason, handed.intent, handed.transcript) == ("not_solved", "refund", "bot-7")


def test_a_bot_closes_when_thanked_and_when_nobody_speaks() -> None:
    """Solved, or idle; each once."""
    bot = _bot()
    thanked = _says(bot, FAREWELLS["zh"][0])
    assert _commands(_rouse(bot, thanked)) == [cmd.CloseContact(contact=7, agent="bot-1", reason="solved")]
    assert _rouse(bot, thanked) == []
    bot = _bot()
    silence = _wake(_rouse(bot, Wake(0, "greet", 7)), "silence")
    assert _commands(_rouse(bot, silence)) == [cmd.CloseContact(contact=7, agent="bot-1", reason="idle")]


def test_a_contact_that_left_the_bot_is_forgotten() -> None:
    """Handed over by the customer's own wish: what the bot still had in mind is dropped."""
    bot = _bot()
    answer = _says(bot, "When will I get my refund?")
    bot.heard(ev.ContactTransferred(2, 7, "bot-1", "refund", "person", 0, "", hand_off=True), "")
    assert _rouse(bot, answer) == []


def test_a_bot_whose_stream_had_a_gap_greets_the_new_and_forgets_the_gone() -> None:
    """What the engine says it serves is what it serves."""
    bot = _bot()
    deeds = bot.resynced("offline", {8: ("web", "refund")}, set())
    assert _wake(deeds, "greet").of == 8
    assert _commands(deeds) == [cmd.SignOn(agent="bot-1")]
    assert bot.heard(ev.MessageAdded(1, 7, 1, Sender.CUSTOMER), "refund") == []
