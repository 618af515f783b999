"""The ready policies: real, without a remark, their cases pass, and a rule that is broken fails the case that guards it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from engine.dispatch.policy.check import check_policy
from engine.dispatch.policy.compile import compile_policy
from engine.trials.cases import Case
from engine.trials.judging import run_case
from engine.trials.reading import read_cases, read_team
from engine.trials.report import render

READY = sorted((Path(__file__).resolve().parents[2] / "examples" / "policies").iterdir())
NAMES = [path.name for path in READY]


@cache
def policy_text(name: str) -> str:
    return next(path for path in READY if path.name == name).joinpath("policy.toml").read_text(encoding="utf-8")


@cache
def cases_text(name: str) -> str:
    return next(path for path in READY if path.name == name).joinpath("cases.toml").read_text(encoding="utf-8")


@cache
def cases_of(name: str) -> tuple[Case, ...]:
    folder = next(path for path in READY if path.name == name)
    return read_cases(
        cases_text(name), compile_policy(policy_text(name)), lambda file: (folder / file).read_text("utf-8")
    )


def test_all_five_are_there() -> None:
    """A shop, a bank, a school, a hospital, a public office."""
    assert NAMES == ["bank", "hospital", "public_office", "school", "shop"]


@pytest.mark.parametrize("name", NAMES)
def test_every_case_of_a_ready_policy_passes(name: str) -> None:
    """What the policy promises, it does; and the dispatcher's own audit finds nothing at the end of any case."""
    policy = compile_policy(policy_text(name))
    for case in cases_of(name):
        outcome = run_case(policy, case)
        assert outcome.ok, "\n".join(line.text for line in render([outcome], f"{name}/cases.toml", "en"))
        assert outcome.play.dispatcher.audit() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_ready_policy_is_sound(name: str) -> None:
    """No problem, and nothing worth a second look; with its people, somebody serves every queue."""
    text = policy_text(name)
    assert [one.placed() for one in check_policy(text).remarks] == []
    team = read_team(cases_text(name), compile_policy(text))
    codes = [one.code for one in check_policy(text, team).remarks]
    assert set(codes) <= {"nobody_at_first", "step_adds_nobody"}, codes


@pytest.mark.parametrize("name", NAMES)
def test_its_cases_say_enough(name: str) -> None:
    """Eight cases at least, one of them a "never"; each with a Chinese name."""
    cases = cases_of(name)
    assert len(cases) >= 8
    assert sum(any(claim.kind == "never" for claim in case.claims) for case in cases) >= 1
    assert [case.name for case in cases if not case.name_zh] == []


def test_the_shop_has_two_shops_and_its_queues() -> None:
    """Two shops of one tenant, eight queues and more, bots, two pools of people elsewhere."""
    policy = compile_policy(policy_text("shop"))
    assert len(policy.shops) == 2 and len(policy.tenants) == 1
    assert len(policy.queues) >= 8
    assert {"home", "partner", "bot"} <= set(policy.pools)


# --- a rule is broken, and a case notices ------------------------------------------------------------------------------------

BROKEN = [
    # policy, what stood there, what stands there now, the case that fails
    ("shop", 'requirement = "refund >= 5 and not trainee"', 'requirement = "refund >= 5"', "A refund never reaches the outside team or a trainee"),
    ("shop", 'listed = ["complaint", "vip"]', 'listed = ["vip", "complaint"]', "A VIP who comes last is served before all but a complaint"),
    ("shop", "limit = 2", "limit = 3", "Of e-mails an agent has two at most, and chats beside them"),
    ("shop", 'name = "partner"\nclock = "waited"', 'name = "partner"\nclock = "step"', "The flagship's buyer: the office, after 15 s home, after a minute and a half the outside team if trained"),
    ("bank", 'requirement = "advice >= 5 and @licence in [\'fund\', \'fund+insurance\']"', 'requirement = "advice >= 5"', "Advice on funds never comes from somebody without the licence"),
    ("bank", 'after_ms = 10_000\nwhen_nobody = true', 'after_ms = 10_000', "Nobody on the hotline: the desks take a lost card at once"),
    ("bank", "cost = 3", "cost = 1", "Nobody chats while on the telephone, and nobody telephones while chatting"),
    ("bank", 'requirement = "cards >= 3 and @staff = \'own\'"\npools = ["hotline"]', 'requirement = "cards >= 3"\npools = ["hotline", "outsourced"]', "The outsourced centre helps with accounts after half a minute, and never with cards"),
    ("school", 'requirement = "parents >= 3 and @role = \'staff\'"\npools = ["office"]', 'requirement = "parents >= 3"\npools = ["office", "volunteers"]', "What concerns an enrolled child never reaches a volunteer"),
    ("school", "several_per_customer = true", "several_per_customer = false", "A parent asks about two children in two windows: two contacts"),
    ("hospital", 'requirement = "triage >= 4 and @licence = \'nurse\'"\npools = ["nurses"]', 'requirement = "triage >= 4"\npools = ["nurses", "clerks"]', "Symptoms are never seen by a clerk, a pharmacist or a bot"),
    ("hospital", "after_ms = 1_200_000", "after_ms = 2_400_000", "After twenty minutes a slight case counts as the class above, and no further"),
    ("public_office", "requirement = \"@register = 'east'\"\nfirst", "first", "The household register is never opened by another district, however long the wait"),
    ("public_office", 'relax = ["@district"]', 'raise_priority = 1', "The own district's hall is closed today: the neighbours help at once"),
    ("shop", "reserve = 1 ", "reserve = 2 ", "The live stream never takes the office's last free colleague"),
    ("shop", "weight = 2 ", "weight = 1 ", "Of the outside team the flagship has two turns for each of the outlet's"),
    ("shop", "delivery_limit = 5 ", "delivery_limit = 9 ", "Five offers in vain: the shift lead has the contact, with the time it has waited"),
    ("shop", "dormant_cost = 0\n\n[channels.wechat]", "dormant_cost = 1\n\n[channels.wechat]", "A buyer who falls silent is reminded, then holds no place; back again, it is the same colleague"),
    ("bank", "named_agent_ms = 120_000", "named_agent_ms = 30_000", "A private customer gets the adviser whom they name, within two minutes"),
    ("bank", "release_per_minute = 2", "release_per_minute = 3", "Messages of a night go behind those who are there, and two a minute"),
    ("hospital", "target_ms = 300_000", "target_ms = 3_000_000", "At the pharmacy the earliest promise due comes first, whoever came first"),
    ("public_office", '2026-02-14 = "fri", ', "", "The Saturday before the Spring Festival is worked, the holiday is not"),
    ("school", "named_agent_ms = 180_000", "named_agent_ms = 60_000", "A mother names the class teacher, who is in a lesson: three minutes for that teacher alone"),
    ("school", 'name = "the office knows, too"\nafter_ms = 180_000', 'name = "the office knows, too"\nafter_ms = 300_000', "The lesson takes longer: after three minutes another teacher or the office helps"),
    ("school", "2026-10-01..2026-10-07", "2026-10-01..2026-10-06", "A parent writes on the National Day: answered when the school is back a week later, and not before"),
    ("school", 'make_up = { 2026-10-10 = "wed" }\n', "", "The Saturday worked instead of a holiday is a day like any other"),
    ("school", "ceiling = 300", "ceiling = 301", "The three hundred and first family is asked to write"),
    ("school", "last_agent_ms = 60_000", "last_agent_ms = 0", "A family that comes back within the hour talks to the one of last time"),
    ("school", 'closed = "bot"', 'closed = "serve"', "In the evening the bill is shown by the bot, and nobody is promised anything"),
    ("public_office", "daily_quota = 40", "daily_quota = 41", "The forty-first licence of a day is turned away with an alternative; the next morning begins anew"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "guard"), BROKEN, ids=[f"{row[0]}: {row[3][:40]}" for row in BROKEN])
def test_a_broken_rule_fails_the_case_that_guards_it(name: str, old: str, new: str, guard: str) -> None:
    """One line of the policy is otherwise than promised: that case fails, and says why."""
    text = policy_text(name)
    assert old in text
    broken = compile_policy(text.replace(old, new, 1))
    case = next(case for case in cases_of(name) if case.name == guard)
    outcome = run_case(broken, case)
    assert not outcome.ok
    failed = next(one for one in outcome.judgements if not one.ok)
    assert failed.got
