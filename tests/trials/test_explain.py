"""`policy explain`: what would happen to a contact, foreseen by playing it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from engine.console.wording import Language
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile, SubmitContact
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.requirements import parse
from engine.dispatch.policy.satisfiable import can_be_met
from engine.dispatch.policy.template import TEMPLATE
from engine.trials.foresight import Foresight, foresee
from engine.trials.foretelling import as_json, render
from engine.trials.reading import begin_of, read_contact, read_team
from engine.trials.stand_in import find_stand_in
from tests.dispatch.policy.drafts import nodes, written
from tests.trials.desk import COMPILED, PEOPLE, POLICY


def seen(text: str, team: list[AgentProfile] | None = None, bot_ms: int = 0, policy: str = POLICY) -> Foresight:
    compiled = compile_policy(policy)
    return foresee(compiled, read_contact(text, compiled), begin_of(compiled, None), team or [], bot_ms)


def told(foresight: Foresight, language: Language = "en", policy: str = POLICY) -> list[str]:
    return [line.text for line in render(foresight, compile_policy(policy), language)]


PLAIN = '{"tenant": "acme", "channel": "web"}'
EASY = '{"tenant": "acme", "channel": "web", "attributes": {"topic": "easy"}}'


def test_step_by_step_with_its_instants() -> None:
    """Onsite at once, remote at 20 s, any language at 30 s; who of the team could take it from when on."""
    foresight = seen(PLAIN, read_team(PEOPLE, COMPILED))
    opened = [
        moment.after_ms for moment in foresight.busy if any(isinstance(one, ev.StepOpened) for one in moment.events)
    ]
    assert opened == [20_000, 30_000]
    at_once, remote, any_language = (moment for moment in foresight.busy if moment.after_ms in (0, 20_000, 30_000))
    assert at_once.able == ("ann",)
    assert remote.able == ("ann", "team-1", "team-2", "team-3")
    assert any_language.able == ("ann", "bob", "team-1", "team-2", "team-3")
    said = told(foresight)
    assert '    Entry rule 5, "default", is the first that matches.' in said
    assert '      20s  Step 1, "remote", opens: pool remote joins.' in said
    assert '      30s  Step 2, "any language", opens: it no longer needs english, its priority rises by 5.' in said
    assert "    Nothing opens early: it waits just so, and is served as soon as somebody suitable signs on." in said


def test_which_rule_took_it_and_which_came_close() -> None:
    """Earlier rules that miss by one condition, later ones that would match, too."""
    foresight = seen('{"tenant": "acme", "channel": "web", "attributes": {"tier": "gold"}}')
    assert [(look.rule, [one.name for one in look.missed]) for look in foresight.close] == [
        ("blocked", ["blocked"]),
        ("bell", ["tenant"]),
        ("vip", ["tier"]),
        ("bot first", ["topic"]),
    ]
    said = told(foresight)
    assert '    Rule 3, "vip" (vip), wants tier = "vip"; the contact has "gold".' in said
    assert '    Rule 1, "blocked" (blocked), wants blocked = true; the contact does not say.' in said
    vip = seen('{"tenant": "acme", "channel": "web", "attributes": {"tier": "vip", "topic": "easy"}}')
    assert '    Rule 4, "bot first" (help), would match, too, but stands later.' in told(vip)


def test_the_bot_comes_first_and_the_clocks_start_at_its_hand_over() -> None:
    """With a bot that keeps it for 15 s the steps open at 35 s and 45 s; without any bot signed on, at 20 s and 30 s."""
    foresight = seen(EASY, bot_ms=15_000)
    opened = {
        name: [m.after_ms for m in moments if any(isinstance(one, ev.StepOpened) for one in m.events)]
        for name, moments in (("busy", foresight.busy), ("alone", foresight.alone))
    }
    assert opened == {"busy": [35_000, 45_000], "alone": [20_000, 30_000]}
    said = told(foresight)
    assert "    A bot serves it first (pool bot)." in said
    assert any("Bot handed it to the people of queue help" in line for line in said)
    assert any("no bot is there" in line for line in said)


def test_nobody_signed_on_opens_what_waits_for_that() -> None:
    """The template's first step opens at once when nobody is there, and the next one 40 s later."""
    foresight = seen('{"channel": "web"}', policy=TEMPLATE)
    said = told(foresight, policy=TEMPLATE)
    alone = said[said.index("When nobody who may serve it is signed on") :]
    assert any("0s  " in line and "no bot is there" in line for line in alone)
    assert any('Step 1, "remote helps", opens: pool remote joins.' in line for line in alone[:4])


def test_who_overtakes_it() -> None:
    """In the pool onsite a VIP passes it however late it comes; once raised, it passes the other tenant's contacts."""
    foresight = seen(PLAIN)
    onsite, remote = foresight.pools
    assert [(one.queue, one.window_ms) for one in onsite.passed_by] == [("vip", None)]
    assert [(one.queue, one.window_ms) for one in onsite.passes] == [("bells", None)]
    assert remote.passed_by == remote.passes == ()
    said = told(foresight)
    assert "    These pass it: vip (10), however late it comes." in said
    assert "    It passes nothing that came earlier." in said


def test_deflected_and_refused() -> None:
    """Not let in: why, and what instead. Refused: what was wrong."""
    deflected = seen('{"tenant": "acme", "channel": "web", "attributes": {"blocked": true}}')
    assert deflected.busy == () and not deflected.refused
    assert told(deflected)[1:4] == [
        '    Entry rule 1, "blocked", is the first that matches.',
        "    It is not let in: blocked. It is offered instead: leave a message.",
        "    It is told: Write to us.",
    ]
    assert "不予放行：blocked" in " ".join(told(deflected, "zh-CN"))
    refused = foresee(COMPILED, SubmitContact(tenant="acme", channel="fax"), begin_of(COMPILED, None))
    assert refused.refused
    assert "unknown_channel" in told(refused)[1]


def test_a_requirement_that_nobody_can_meet() -> None:
    """Said, instead of a play that nobody could ever end."""
    foresight = seen('{"tenant": "acme", "channel": "web", "requires": "not help"}')
    assert foresight.busy == ()
    assert any("Nobody can ever meet the requirement" in line for line in told(foresight))


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_for_programs(language: Language) -> None:
    """The same as one object, in either language."""
    value = json.loads(as_json(seen(EASY, read_team(PEOPLE, COMPILED), 15_000), COMPILED, language))
    assert (value["outcome"], value["rule"], value["requirement"]) == (
        "queued",
        {"number": 4, "name": "bot first"},
        "english and help >= 3",
    )
    step = next(moment for moment in value["busy"] if "step.opened" in moment["events"])
    assert (step["after_ms"], step["pools"], step["able"][0]) == (35_000, ["onsite", "remote"], "ann")
    assert value["close_rules"] and value["pools"]


@given(nodes)
def test_a_stand_in_meets_what_can_be_met(node: object) -> None:
    """Somebody is found exactly when somebody could be, and meets it."""
    need = parse(written(node))  # type: ignore[arg-type]
    found = find_stand_in(need, "x", ("onsite",))
    assert (found is not None) == can_be_met(need.node)
    if found is not None:
        assert need.matches(found.skills, found.attributes)


def test_a_step_of_days_is_foreseen_and_what_lies_beyond_a_week_is_not() -> None:
    """Three days later a step opens; four more steps of three days each: the sixth day is told, the ninth left out."""
    steps = "".join(f"[[queues.vip.steps]]\nafter_ms = 259_200_000\nraise_priority = {n}\n" for n in (1, 2, 3))
    policy = POLICY.replace("[queues.bells]", steps + "[queues.bells]")
    foresight = seen('{"tenant": "acme", "channel": "web", "attributes": {"tier": "vip"}}', policy=policy)
    opened = [
        m.after_ms // 86_400_000 for m in foresight.busy if any(isinstance(one, ev.StepOpened) for one in m.events)
    ]
    assert (opened, foresight.cut) == ([3, 6], True)
    assert "    What comes later is not shown." in told(foresight, policy=policy)


def test_a_step_that_waits_for_a_crowd_is_named_and_so_is_what_stands_behind_it() -> None:
    """One contact alone never makes a crowd: said so, instead of leaving the step out and saying that nothing changes."""
    steps = '[[queues.vip.steps]]\nname = "crowd"\nqueue_length = 9\nraise_priority = 1\n'
    steps += "[[queues.vip.steps]]\nafter_ms = 1_000\nraise_priority = 1\n"
    policy = POLICY.replace("[queues.bells]", steps + "[queues.bells]")
    said = told(
        seen('{"tenant": "acme", "channel": "web", "attributes": {"tier": "vip"}}', policy=policy), policy=policy
    )
    assert any('Step "crowd" opens when' in line and "9 waiting in the queue (now 1)" in line for line in said), said
    assert "    The steps behind it wait for it." in said


def test_a_bot_that_handed_over_is_busy_and_not_gone() -> None:
    """Closing time sends the contact back to the bots; they are there, so nobody says that none is."""
    text = '[calendars.morning]\nweekly = { mon-fri = "09:00-12:00" }\nzone = "UTC"\n'
    policy = POLICY.replace("[queues.help]", text + '\n[queues.help]\nhours = "morning"\nclosed = "bot"', 1)
    said = told(seen(EASY, bot_ms=20_000, policy=policy), policy=policy)
    busy = said[: said.index("When nobody who may serve it is signed on")]
    assert any("waits for a bot" in line for line in busy), said
    assert not any("no bot is there" in line for line in busy), said


def test_it_comes_in_the_minute_in_which_a_calendar_opens() -> None:
    """The calendar's opening is told first; what is foreseen is the contact's way all the same."""
    text = '[calendars.morning]\nweekly = { mon-fri = "10:00-12:00" }\nzone = "UTC"\n'
    opening = POLICY.replace("[queues.help]", text + '\n[queues.help]\nhours = "morning"', 1)
    assert opening != POLICY
    foresight = seen(PLAIN, policy=opening)
    assert isinstance(foresight.came, ev.ContactSubmitted)


def test_what_may_happen_to_it_later_is_told() -> None:
    """Whom it waits for, silence to reopening, an agent without a word, and where it ends when nobody takes it."""
    keys = """
last_agent_ms = 40_000
named_agent_ms = 50_000
unanswered_ms = 90_000
remind_ms = 120_000
dormant_ms = 60_000
idle_close_ms = 600_000
reopen_ms = 3_600_000
"""
    policy = POLICY.replace("[queues.help]", "[queues.help]" + keys, 1)
    said = told(seen(PLAIN, policy=policy), policy=policy)
    for line in (
        "Who comes back waits 40s for the agent of last time, then for anybody.",
        "Who asks for an agent by name waits 50s for that one, then for anybody.",
        "Accepted, and no word from the agent for 1m30s: somebody else gets it.",
        "A customer who falls silent is reminded after 2m.",
        "1m after that the contact is dormant and takes 1 of the agent's units.",
        "Then, after 10m more, it is closed as idle.",
        "Written again within 1h after that it is opened again, with the same agent if there is room.",
    ):
        assert "    " + line in said
    assert not any("dormant" in line for line in told(seen(PLAIN)))
