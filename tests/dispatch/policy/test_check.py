"""A policy is looked at before it decides: who can serve whom, what can never happen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dispatch.commands import AgentKind, AgentProfile
from engine.dispatch.policy import check, satisfiable
from engine.dispatch.policy.check import check_policy
from engine.dispatch.policy.problems import SENTENCES, PolicyErrors
from engine.dispatch.policy.profiles import read_profiles
from tests.dispatch.policy.drafts import line_of, queue_table, shop
from tests.dispatch.policy.test_compile import CASES, EXTRA
from tests.dispatch.policy.test_vocabulary import REFUSED

TWO_TENANTS = ("[tenants.acme]", '[tenants.acme]\n[tenants.zen]\n[shops.zenshop]\ntenant = "zen"')
OTHER_QUEUE = ('[queues.presale]\ntenant = "acme"', '[queues.presale]\ntenant = "zen"')
STEP = 'name = "remote"\nafter_ms = 20_000'

# code → (text, the snippet on whose line it is remarked)
REMARKS: dict[str, tuple[str, str]] = {
    "shadowed": (
        shop(
            rules=EXTRA
            + 'queue = "presale"\n'
            + EXTRA.replace('"x"', '"y"').replace("tier", "a = 1, tier")
            + 'queue = "presale"'
        ),
        '[[entry]]\nname = "y"',
    ),
    "when_never": (
        shop(TWO_TENANTS, rules=EXTRA.replace("tier", 'tenant = "acme", shop = "zenshop", tier') + 'queue = "presale"'),
        '[[entry]]\nname = "x"',
    ),
    "queue_unreached": (
        shop(("[queues.presale]", queue_table("b", pools='["onsite"]') + "[queues.presale]")),
        "[queues.b]",
    ),
    "pool_unused": (shop(("[pools.onsite]", "[pools.onsite]\n[pools.night]")), "[pools.night]"),
    "contradiction": (shop(("presale >= 3 and english", "english and not english")), "requirement"),
    "opens_at_once": (shop(("after_ms = 20_000", "after_ms = 0")), "[[queues"),
    "blocks_next": (
        shop((STEP, 'name = "a"\nwhen_nobody = true\nraise_priority = 1\n[[queues.presale.steps]]\n' + STEP)),
        "[[queues",
    ),
    "relaxes_nothing": (shop(('relax = ["english"]', 'relax = ["german"]')), "relax"),
    "other_tenant": (shop(TWO_TENANTS), "[[entry]]"),
    "offer_beyond_grace": (shop(("[tenants.acme]", "[domain]\ngrace_ms = 5_000\n[tenants.acme]")), "[queues.presale]"),
    "listed_elsewhere": (shop(("[pools.bot]", '[pools.night]\nlisted = ["presale"]\n[pools.bot]')), "listed"),
}


@pytest.mark.parametrize("code", REMARKS)
def test_what_can_never_happen_is_remarked_at_its_line(code: str) -> None:
    """It compiles, and somebody should look again."""
    text, snippet = REMARKS[code]
    report = check_policy(text)
    assert report.problems == ()
    found = [(remark.code, remark.line) for remark in report.remarks]
    assert (code, line_of(text, snippet)) in found
    assert {said for said, _ in found} <= {code, "pool_unused", "other_tenant"}
    assert all(remark.sentence("zh-CN") != remark.message for remark in report.remarks)


def test_every_sentence_is_said_in_some_case() -> None:
    """A code without a case may be wrong for years."""
    team = {"nobody_serves", "nobody_at_first", "step_adds_nobody", "bots_missing", "agent_pool_unknown"}
    elsewhere = {
        "too_long",
        "more",
        "profile",
        "not_utf8",
        "skill_missing",
        "beyond_ceiling",
        "search_ended",
    }
    refused = {code for code, *_ in REFUSED}
    assert set(CASES) | set(REMARKS) | refused | team | elsewhere == set(SENTENCES)


def test_a_step_that_waits_for_a_length_above_the_ceiling_is_remarked() -> None:
    """Nobody is let in from 50 on, and the step wants 80."""
    text = shop(("after_ms = 20_000", "queue_length = 80"), ('["bot"]', '["bot"]\nceiling = 50'))
    (remark,) = check_policy(text).remarks
    assert (remark.code, remark.path) == ("beyond_ceiling", "queues.presale.steps[0].queue_length")
    assert remark.sentence("zh-CN") != remark.message


def test_a_rule_with_hours_leaves_the_rest_of_the_day_to_others() -> None:
    """By night one queue, by day another: neither rule takes all that the next could have."""
    rule = '[[entry]]\nname = "{}"\nwhen = {{ tier = 1 }}\nqueue = "presale"\n{}\n'
    calendar = ("[tenants.acme]", '[calendars.c]\nzone = "UTC"\nweekly.mon = "9:00-10:00"\n[tenants.acme]')

    def shadowed(first: str, second: str) -> list[str]:
        text = shop(calendar, rules=rule.format("one", first) + rule.format("two", second))
        return [remark.subject[1] for remark in check_policy(text).remarks if remark.code == "shadowed"]

    assert shadowed('while_open = "c"', "") == shadowed('while_open = "c"', 'while_closed = "c"') == []
    assert shadowed("", 'while_open = "c"') == shadowed('while_open = "c"', 'while_open = "c"') == ["two"]
    assert shadowed("queue_length = 5", "queue_length = 4") == []
    assert shadowed("queue_length = 5", 'queue_length = 9\nof_queue = "presale"') == ["two"]


def test_a_queue_that_only_steps_and_supervisors_lead_to_is_reached() -> None:
    """Moved to, handed over to, or left for supervisors: somebody may come in."""
    others = "".join(queue_table(name, pools='["onsite"]') for name in ("moved", "handed", "desk", "boss"))
    text = shop(
        ("[tenants.acme]", '[domain]\nsupervisors_queue = "boss"\n[tenants.acme]'),
        ('["bot"]', '["bot"]\nhand_over_queue = "handed"\nsupervisors_queue = "desk"'),
        ('add_pools = ["remote"]\nrelax = ["english"]', 'move_to = "moved"\n' + others),
    )
    assert {remark.code for remark in check_policy(text).remarks} == {"pool_unused"}


@pytest.mark.parametrize(
    ("first", "second", "shadowed"),
    [
        ('{ tier = ["gold", "silver"] }', '{ tier = "gold" }', True),
        ('{ tier = "gold" }', '{ tier = ["gold", "silver"] }', False),
        ('{ tier = "gold" }', '{ tier = "gold", shop = "flagship" }', True),
        ('{ tier = "gold", a = 1 }', '{ tier = "gold" }', False),
        ('{ tenant = "acme" }', '{ shop = "flagship" }', True),
        ('{ channel = ["web", "email"] }', "{ tier = 1 }", True),
        ('{ channel = "web" }', "{ tier = 1 }", False),
    ],
)
def test_a_rule_is_shadowed_when_an_earlier_one_takes_all_of_it(first: str, second: str, shadowed: bool) -> None:
    """Every condition of the earlier rule is met by whatever meets the later."""
    rule = '[[entry]]\nname = "{}"\nwhen = {}\nqueue = "presale"\n'
    text = shop(rules=rule.format("one", first) + rule.format("two", second))
    remarks = [remark for remark in check_policy(text).remarks if 'rule "one"' in remark.message]
    assert [remark.subject for remark in remarks if remark.subject[1] == "two"] == [("entry rule", "two")] * shadowed


def test_a_tenant_sent_into_its_own_queue_is_no_remark() -> None:
    """Zen's contacts are taken by zen's rule; the default sees acme's only."""
    rule = '[[entry]]\nname = "zen"\nwhen = { tenant = "zen" }\nqueue = "zen"\n'
    zen = '[queues.zen]\ntenant = "zen"\npools = ["onsite"]\n[queues.presale]'
    assert check_policy(shop(TWO_TENANTS, ("[queues.presale]", zen), rules=rule)).remarks == ()


def test_what_contacts_ask_for_themselves_is_remarked_once() -> None:
    """No rule asks for German anywhere, and three steps relax it: one line, not three."""
    steps = "".join(f'[[queues.presale.steps]]\nafter_ms = {n}\nrelax = ["german"]\n' for n in (1, 2, 3))
    remarks = check_policy(shop(("[[entry]]", steps + "[[entry]]"))).remarks
    assert [remark.code for remark in remarks] == ["relaxes_nothing"]


def test_a_contradiction_between_queue_and_rule_is_found_at_the_rule() -> None:
    """The queue wants no trainees, the rule wants one."""
    text = shop(
        ("presale >= 3 and english", "not trainee"),
        ('relax = ["english"]', ""),
        rules=EXTRA + 'queue = "presale"\nrequirement = "trainee"',
    )
    (remark,) = check_policy(text).remarks
    assert (remark.code, remark.path) == ("contradiction", "entry[0].requirement")


# --- who can serve ------------------------------------------------------------------------------------------------------

ANN = AgentProfile(agent="ann", pools=("onsite",), skills={"presale": 5, "english": 3})
BOB = AgentProfile(agent="bob", pools=("onsite",), skills={"presale": 5})
RAY = AgentProfile(agent="ray", pools=("remote",), skills={"presale": 4}, kind=AgentKind.REMOTE)
ROBO = AgentProfile(agent="robo", pools=("bot",), kind=AgentKind.BOT)


def test_who_can_serve_at_each_step() -> None:
    """Ann speaks English; after the step Bob and Ray need not. A rule that wants more has its own view."""
    text = shop(rules=EXTRA + 'queue = "presale"\nrequirement = "presale >= 9"')
    (view,) = check_policy(text, [ANN, BOB, RAY, ROBO]).queues
    assert (view.queue, view.tenant, view.bot_pools, view.bots) == ("presale", "acme", ("bot",), ("robo",))
    vip, plain = view.needs
    assert (vip.rules, vip.requirement) == (("x",), "english and presale >= 9")
    assert [step.agents for step in vip.steps] == [(), ()]
    assert (plain.rules, plain.requirement) == (("default",), "english and presale >= 3")
    before, after = plain.steps
    assert (before.index, before.pools, before.agents) == (0, ("onsite",), ("ann",))
    assert (after.name, after.after_ms, after.pools) == ("remote", 20_000, ("onsite", "remote"))
    assert (after.requirement, after.agents) == ("presale >= 3", ("ann", "bob", "ray"))


def test_without_a_team_only_pools_and_requirements_are_said() -> None:
    """Who is hired is not in the policy."""
    (view,) = check_policy(shop()).queues
    assert [step.agents for step in view.needs[0].steps] == [None, None]
    assert view.bots is None


@pytest.mark.parametrize(
    ("team", "codes"),
    [
        ([ANN, RAY, ROBO], []),
        ([ANN, BOB, RAY], ["bots_missing"]),
        ([BOB, RAY, ROBO], ["nobody_at_first"]),
        ([AgentProfile(agent="new", skills={"presale": 1, "english": 1}), ROBO], ["nobody_serves"]),
        ([ANN, ROBO, AgentProfile(agent="eve", pools=("night", "onsite"))], ["agent_pool_unknown"]),
    ],
)
def test_a_team_that_does_not_fit_is_remarked(team: list[AgentProfile], codes: list[str]) -> None:
    """No bot, nobody with English, nobody at all, somebody in a pool that does not exist."""
    assert [remark.code for remark in check_policy(shop(), team).remarks] == codes


def test_a_skill_that_nobody_has_is_refused() -> None:
    """A slip of the pen: the team speaks English. What a step relaxes may be missing for now."""
    text = shop(("presale >= 3 and", "presales >= 3 and"), rules=EXTRA + 'queue = "presale"\nrequirement = "vip"')
    report = check_policy(text, [ANN, ROBO])
    assert [(one.code, one.line, one.path) for one in report.problems] == [
        ("skill_missing", line_of(text, "requirement"), "queues.presale.requirement"),
        ("skill_missing", line_of(text, 'requirement = "vip"'), "entry[0].requirement"),
    ]
    first = report.problems[0]
    assert first.message == (
        'queue "presale": none of the given agents has the skill "presales", which `english and presales >= 3` asks for; '
        'did you mean "presale"?'
    )
    assert check_policy(shop(), [BOB, ROBO]).problems == ()


def test_a_step_that_lets_nobody_in_is_remarked() -> None:
    """Remote people are added, and none of them can sell."""
    text = shop(('relax = ["english"]', ""))
    remarks = check_policy(text, [ANN, AgentProfile(agent="ray", pools=("remote",)), ROBO]).remarks
    assert [(remark.code, remark.path) for remark in remarks] == [("step_adds_nobody", "queues.presale.steps[0]")]


def test_a_bad_policy_has_problems_and_nothing_else() -> None:
    """Half a policy decides nothing, so nothing is said about what it would decide."""
    report = check_policy(shop(("20_000", "-1")))
    assert [problem.code for problem in report.problems] == ["out_of_range"]
    assert (report.version, report.remarks, report.queues, report.pools) == ("", (), (), ())


@given(st.text(max_size=100))
def test_any_text_gives_a_report(text: str) -> None:
    """Never an exception."""
    assert check_policy(text).problems


# --- a team's file ------------------------------------------------------------------------------------------------------

TEAM = """\
[[agents]]
agent = "ann"
pools = ["onsite"]
skills = { presale = 5, english = 3 }

[[agents]]
agent = "robo"
kind = "bot"
pools = ["bot"]
capacity = 500
auto_accept = true
"""


def test_a_team_is_read_from_a_file() -> None:
    """The fields of a profile, one table an agent."""
    ann, robo = read_profiles(TEAM)
    assert ann == ANN
    assert (robo.kind, robo.capacity, robo.auto_accept) == (AgentKind.BOT, 500, True)


@pytest.mark.parametrize(
    ("change", "code", "snippet"),
    [
        (("presale = 5", "presale = 11"), "out_of_range", "skills"),
        (("skills", "skils"), "unknown_key", "skils"),
        (('kind = "bot"', 'kind = "robot"'), "profile", "kind"),
        (('pools = ["bot"]', 'pools = "bot"'), "profile", 'pools = "bot"'),
        (('pools = ["bot"]', 'pools = ["bot", "bot"]'), "duplicate", 'pools = ["bot"'),
        (("capacity = 500", "capacity = 0"), "out_of_range", "capacity"),
        (('"robo"', '"ann"'), "same_name", 'agent = "ann"\nkind'),
        (('agent = "robo"\n', ""), "missing", "[[agents]]\nkind"),
        (("[[agents]]", "[[agent]]"), "unknown_key", "[[agent]]"),
        (('agent = "ann"', "agent = "), "toml", "agent = "),
    ],
)
def test_a_mistake_in_a_teams_file_is_found_at_its_line(change: tuple[str, str], code: str, snippet: str) -> None:
    """Each is told with its line, as in a policy."""
    text = TEAM.replace(*change)
    with pytest.raises(PolicyErrors) as refused:
        read_profiles(text)
    problems = [(problem.code, problem.line) for problem in refused.value.problems]
    assert (code, line_of(text, snippet)) in problems
    assert {said for said, _ in problems} <= {code, "nothing"}


@pytest.mark.parametrize("text", ["agents = 3", "agents = [1]", "agents = []", "", "[agents]\nx = 1"])
def test_a_file_without_agents_is_refused(text: str) -> None:
    """An empty team is a slip, not a team."""
    with pytest.raises(PolicyErrors):
        read_profiles(text)


def test_a_policy_of_the_longest_requirements_is_looked_at_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """More requirements than anybody reads: the report ends, and says how many were left out of it and of the search."""
    monkeypatch.setattr(check, "MAX_SHOWN", 200)
    monkeypatch.setattr(satisfiable, "MAX_STEPS_IN_ALL", 10)
    rules = "".join(
        f'[[entry]]\nname = "r{n}"\nqueue = "presale"\nwhen = {{ to = "{n}" }}\nrequirement = "(a{n} or b) and c"\n'
        for n in range(9)
    )

    report = check_policy(shop(rules=rules))

    assert sum(view.left_out for view in report.queues) > 5
    assert "search_ended" in [remark.code for remark in report.remarks]
