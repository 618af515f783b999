"""Who works: enough named people with the skills that the queues ask for."""

from __future__ import annotations

from engine.dispatch.commands import AgentKind, AgentProfile
from engine.dispatch.policy.compile import compile_policy
from sim.roster import Post, bots, roster
from sim.streams import Streams
from tests.sim.stage import shop


def test_two_hundred_named_people_are_on_duty_in_the_morning() -> None:
    """On site and remote, with four or five chats each, Chinese and English names, ids of their own."""
    scenario = shop()
    posts = [post for post in roster(scenario, Streams(scenario.seed)) if post.works_at(scenario.at_ms)]
    profiles = [post.profile for post in posts]
    assert len(profiles) >= 200
    assert len({profile.agent for profile in profiles}) == len(profiles)
    assert {profile.kind for profile in profiles} == {AgentKind.ONSITE, AgentKind.REMOTE}
    assert {profile.capacity for profile in profiles} == {4, 5}
    latin = sum(profile.name.isascii() for profile in profiles)
    assert 0 < latin < len(profiles) / 2
    assert all(profile.agent.isascii() for profile in profiles)


def test_the_same_seed_names_the_same_people_and_one_more_colleague_moves_nobody_elsewhere() -> None:
    """A team of one more: the other teams keep their skills."""
    scenario = shop()
    first = roster(scenario, Streams(1))
    assert first == roster(scenario, Streams(1))
    assert first != roster(scenario, Streams(2))


def test_every_queue_has_people_in_its_first_pool() -> None:
    """Nobody waits for a skill that no one has: each queue's requirement is met on site."""
    scenario = shop()
    policy = compile_policy(scenario.policy_text)
    profiles = [post.profile for post in roster(scenario, Streams(1)) if post.works_at(scenario.at_ms)]
    for queue in policy.queues.values():
        able = [
            profile
            for profile in profiles
            if set(queue.pools) & set(profile.pools) and queue.requirement.matches(profile.skills, profile.attributes)
        ]
        assert len(able) >= 5, queue.name


def test_double_eleven_keeps_the_late_crew_for_midnight() -> None:
    """At midnight of the great day the late shift is there, on an ordinary one it has gone."""
    great, plain = shop(day="double11", at="00:00"), shop(at="00:00")
    on = [sum(post.works_at(0) for post in roster(scenario, Streams(1))) for scenario in (great, plain)]
    assert on[0] >= 200 > on[1]


def test_who_works_between_two_instants_may_begin_in_between_or_past_midnight() -> None:
    """The early shift of a morning; the late one once it begins; the night's from midnight on."""
    hour = 3_600_000
    early, late, night = (
        Post(AgentProfile(agent="a"), "", begin * hour, end * hour, 0) for begin, end in ((8, 16), (15, 24), (0, 8))
    )
    assert [post.works_between(9 * hour, 10 * hour) for post in (early, late, night)] == [True, False, False]
    assert [post.works_between(14 * hour, 15 * hour + 1) for post in (early, late, night)] == [True, True, False]
    assert [post.works_between(23 * hour, 25 * hour) for post in (early, late, night)] == [False, True, True]


def test_bots_take_what_comes() -> None:
    """As many as the file says, accepting by themselves, in the pool of the bots."""
    assert [(bot.kind, bot.auto_accept, bot.pools) for bot in bots(shop())] == [(AgentKind.BOT, True, ("bot",))] * 4
