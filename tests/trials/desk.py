"""A small policy for cases, and short ways to read and run them."""

from __future__ import annotations

from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.problems import PolicyErrors, Problem
from engine.trials.cases import Case
from engine.trials.judging import run_case
from engine.trials.outcome import Judgement, Outcome
from engine.trials.phrases import Speech
from engine.trials.reading import read_cases
from engine.trials.report import reasons

POLICY = """\
[policy]
name = "desk"
[tenants.acme]
[tenants.bell]
[shops.flagship]
tenant = "acme"
[shops.bells]
tenant = "bell"
[channels.web]
[channels.email]
limit = 1
[pools.onsite]
[pools.remote]
[pools.bot]

[queues.help]
tenant = "acme"
requirement = "help >= 3 and english"
pools = ["onsite"]
bot_pools = ["bot"]
wrap_up_ms = 10_000
[[queues.help.steps]]
name = "remote"
after_ms = 20_000
add_pools = ["remote"]
[[queues.help.steps]]
name = "any language"
after_ms = 10_000
relax = ["english"]
raise_priority = 5

[queues.vip]
tenant = "acme"
requirement = "help >= 3"
pools = ["onsite"]
priority = 10

[queues.bells]
tenant = "bell"
pools = ["onsite"]

[[entry]]
name = "blocked"
when = { blocked = true }
deflect = { reason = "blocked", alternative = "message", notice = "Write to us." }
[[entry]]
name = "bell"
when = { tenant = "bell" }
queue = "bells"
[[entry]]
name = "vip"
when = { tier = "vip" }
queue = "vip"
[[entry]]
name = "bot first"
when = { topic = "easy" }
queue = "help"
first = "bot"
[[entry]]
name = "default"
queue = "help"
"""
PEOPLE = """\
[contact]
shop = "flagship"
channel = "web"

[groups.ann]
pools = ["onsite"]
skills = { help = 5, english = 5 }
[groups.bob]
pools = ["onsite"]
skills = { help = 4 }
[groups.team]
count = 3
pools = ["remote"]
skills = { help = 4, english = 3 }
[groups.robo]
kind = "bot"
pools = ["bot"]
capacity = 10
auto_accept = true
"""
COMPILED = compile_policy(POLICY)


def cases_of(text: str) -> tuple[Case, ...]:
    """The cases of a text, with PEOPLE before it."""
    return read_cases(PEOPLE + text, COMPILED)


def outcome_of(body: str) -> Outcome:
    """One case with this body, played and judged."""
    (case,) = cases_of(f'\n[[case]]\nname = "it"\n{body}\n')
    return run_case(COMPILED, case)


def failures(body: str) -> list[Judgement]:
    return [one for one in outcome_of(body).judgements if not one.ok]


def told(judgement: Judgement) -> tuple[str, str, str]:
    """(expected, got, why) in English."""
    speech = Speech("en")
    return speech.sentence(judgement.expected), speech.sentence(judgement.got), " ".join(reasons(judgement.why, speech))


def problems_of(text: str) -> list[Problem]:
    """What is wrong with a cases file; empty when nothing is."""
    try:
        read_cases(text, COMPILED)
    except PolicyErrors as errors:
        return errors.problems
    return []


def line_of(text: str, snippet: str) -> int:
    """The 1-based line on which the snippet first stands."""
    assert snippet in text, snippet
    return text[: text.index(snippet)].count("\n") + 1
