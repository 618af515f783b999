"""The shop's scenario against a bare dispatcher: the actors make a day that looks like one, and nothing goes wrong."""

from __future__ import annotations

import pytest

from engine.dispatch import events as ev
from sim.actors.people import Person
from sim.checker import judge
from sim.tally import per_queue
from tests.sim.stage import Stage, shop

QUARTER_MS = 900_000


@pytest.fixture(scope="module")
def played() -> Stage:
    """Fifteen minutes in the morning, and ten to finish."""
    stage = Stage(shop(volume=30_000), QUARTER_MS, drain_ms=600_000)
    stage.play()
    return stage


def test_nothing_is_lost_nobody_has_two_agents_nobody_is_over_capacity(played: Stage) -> None:
    """The checker's word, and the dispatcher's own audit."""
    verdict = judge(played.witness, played.dispatcher.contacts)
    assert verdict.faults == [] and verdict.is_clean
    assert played.dispatcher.audit() == []


def test_outcomes_sum_and_bots_contain_about_seventy_per_cent(played: Stage) -> None:
    """Of those who met a bot; the others reach people, and most of them are answered."""
    _, total = per_queue(played.witness.lives.values(), list(played.dispatcher.policy.queues))
    assert total.submitted == len(played.witness.lives) == sum(total.outcomes.values()) > 500
    contained = total.outcomes["bot_contained"] / len(total.bot_first_replies)
    assert contained == pytest.approx(0.70, abs=0.06)
    assert total.outcomes["answered"] > 5 * total.outcomes["abandoned"] > 0
    assert total.reply_rate > 0.9


def test_every_kind_of_behaviour_has_been_seen(played: Stage) -> None:
    """Declines, misses, hand-offs, transfers, ghosts, mail, wrap-up: all in a quarter of an hour."""
    lives = played.witness.lives.values()
    assert any(life.transfers > 1 for life in lives), "nobody was passed on between people"
    assert any(life.gone for life in lives), "nobody left without a word"
    assert any(life.mail and life.answered_at for life in lives), "no mail was answered"
    assert any(life.outcome == "deflected" for life in lives), "nobody was turned away"
    assert {ev.OfferDeclined, ev.OfferExpired, ev.WrapUpEnded, ev.AgentStateChanged} <= set(played.events)


def test_the_witness_counts_replies_as_the_dispatcher_does(played: Stage) -> None:
    """Two readings of one glossary: rounds, and each round's length, from messages here and by events there."""
    ours = sorted(
        (life.contact, reply.took_ms, reply.answered)
        for life in played.witness.lives.values()
        for reply in life.replies
    )
    assert ours == sorted(played.replies)


def test_in_a_crowd_some_leave_and_come_back_to_their_old_place() -> None:
    """Three times the people a carrier's trouble brings: who gave up and wrote again is served as if never away."""
    stage = Stage(shop(volume=150_000, at="09:47"), 300_000, drain_ms=600_000)
    stage.play()
    resumed = {event.contact for event in stage.log if isinstance(event, ev.ContactResumed)}
    lives = [stage.witness.lives[contact] for contact in resumed]
    assert len(resumed) > 10 and any(life.outcome == "answered" for life in lives)
    assert judge(stage.witness, stage.dispatcher.contacts).faults == [] == stage.dispatcher.audit()
    ours = sorted((life.contact, *reply[:2]) for life in stage.witness.lives.values() for reply in life.replies)
    assert ours == sorted(stage.replies)
    waited = {event.contact: event.waited_ms for event in stage.log if isinstance(event, ev.ContactAnswered)}
    assert {life.contact: life.waited_ms for life in lives if life.answered_at} == {
        life.contact: waited[life.contact] for life in lives if life.answered_at
    }


def test_at_half_past_four_the_early_crew_goes_home_and_nobody_is_lost() -> None:
    """From 16:20: those who are there are finished or handed over, the early crew is off, the late crew serves on."""
    stage = Stage(shop(volume=30_000, at="16:20"), 1_500_000, drain_ms=300_000)
    stage.play()
    states = {agent.profile.agent: agent.state for agent in stage.dispatcher.agents.values()}
    posts = [actor.post for actor in stage.agents.values() if isinstance(actor, Person)]
    assert {states[post.profile.agent] for post in posts if post.shift == "early"} == {"offline"}
    assert sum(states[post.profile.agent] == "available" for post in posts if post.shift == "late") > 150
    gone = [event for event in stage.log if isinstance(event, ev.AgentStateChanged) and event.after == "offline"]
    assert {event.reason for event in gone} == {"finished", "signed_off"}
    assert judge(stage.witness, stage.dispatcher.contacts).faults == [] == stage.dispatcher.audit()


def test_the_same_seed_plays_the_same_day() -> None:
    """Event by event, in two runs."""
    short = [Stage(shop(volume=10_000), 300_000) for _ in range(2)]
    for stage in short:
        stage.play()
    assert short[0].log == short[1].log != []
