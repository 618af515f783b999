"""A cases file is read whole, or every mistake in it is told with its line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dispatch.policy.problems import PolicyErrors
from engine.trials.deeds import DEEDS
from engine.trials.judging import RULES
from engine.trials.keys import ACTIONS, CLAIMS, OTHER_CLAIMS
from engine.trials.problems import SENTENCES, ZH
from engine.trials.reading import read_cases, read_contact, read_team
from tests.trials.desk import COMPILED, PEOPLE, cases_of, line_of, problems_of

GOOD = """
[[case]]
name = "A VIP first"
name_zh = "VIP 优先"
about = "Said in a few words."
given.agents = { ann = { state = "paused" }, team = 2 }
given.waiting = [
    { name = "li", waited = "2m" },
    { name = "wang", waited = "5m", for = "bot", attributes = { topic = "easy" } },
]
when = [
    { at = "0s", submit = "zhao", attributes = { tier = "vip" } },
    { at = "10s", set_state = "ann", to = "available" },
    { at = "15s", accept = "zhao" },
    { at = "20s" },
]
expect = [
    { contact = "zhao", in_queue = "vip", offered_to = "ann", by = "10s" },
    { contact = "li", never_to = "team-2" },
    { order = ["zhao", "li"], by = "3m" },
]
"""


def test_a_case_is_read() -> None:
    """Who is there, who waits (the longest first), what happens, what is expected, and how long it is played."""
    (case,) = cases_of(GOOD)
    assert (case.name, case.called("zh-CN"), case.end_ms) == ("A VIP first", "VIP 优先", 180_000)
    assert [member.profile.agent for member in case.members] == ["ann", "team-1", "team-2"]
    assert [(arrival.name, arrival.at_ms, arrival.stage) for arrival in case.waiting] == [
        ("wang", -300_000, "bot"),
        ("li", -120_000, "person"),
    ]
    assert case.waiting[1].submit.shop == "flagship" and case.waiting[1].submit.tenant == "acme"
    assert [action.kind for action in case.actions] == ["submit", "set_state", "accept", ""]
    assert [claim.kind for claim in case.claims] == ["offered", "entered", "never", "order"]


def test_each_row_knows_its_line() -> None:
    """A list of rows over many lines: the third row stands on the line of its brace, comments and strings notwithstanding."""
    text = GOOD.replace('{ at = "10s", set', '# { a brace } in a comment\n    { at = "10s", set').replace(
        "Said in a few words.", "a { brace"
    )
    (case,) = cases_of(text)
    whole = PEOPLE + text
    assert [action.place.line for action in case.actions] == [
        line_of(whole, '{ at = "0s", submit'),
        line_of(whole, '{ at = "10s", set_state'),
        line_of(whole, '{ at = "15s"'),
        line_of(whole, '{ at = "20s" }'),
    ]
    assert case.claims[-1].place == (line_of(whole, "{ order"), "case[0].expect[2]")


def test_rows_may_be_tables_of_their_own() -> None:
    """[[case.when]] for whoever likes one key a line."""
    text = '\n[[case]]\nname = "x"\n[[case.when]]\nat = "0s"\nsubmit = "li"\n[[case.expect]]\ncontact = "li"\noffered_to = "ann"\n'
    (case,) = cases_of(text)
    assert case.actions[0].place.line == line_of(PEOPLE + text, "[[case.when]]")
    assert case.claims[0].place.line == line_of(PEOPLE + text, "[[case.expect]]")


def test_groups_and_overrides() -> None:
    """All groups by default, some by name, a number, other values, one of this case alone; group names mean their members."""
    (case,) = cases_of('\n[[case]]\nname = "x"\nexpect = [{ agent = "team", state = "available" }]\n')
    assert [member.profile.agent for member in case.members] == ["ann", "bob", "team-1", "team-2", "team-3", "robo"]
    assert case.claims[0].subject.all == ("team-1", "team-2", "team-3")
    (case,) = cases_of(
        '\n[[case]]\nname = "x"\ngiven.agents = { team = { count = 1, capacity = 4, idle = "5m" }, new = { pools = ["onsite"] } }\n'
        'expect = [{ agent = ["team-1", "new"], state = "available" }]\n'
    )
    team, new = case.members
    assert (team.profile.agent, team.profile.capacity, team.idle_ms, team.profile.skills["help"]) == (
        "team",
        4,
        300_000,
        4,
    )
    assert new.profile.pools == ("onsite",)


def test_several_contacts_have_numbers() -> None:
    """submit with a count: one after the other, each under a name of its own, all under the first."""
    (case,) = cases_of(
        '\n[[case]]\nname = "x"\nwhen = [{ at = "1s", submit = "rush", count = 3, every = "2s" }]\n'
        'expect = [{ contact = "rush", offered_to = "ann" }, { contact = "rush-2", in_queue = "help" }]\n'
    )
    assert [(one.name, one.at_ms) for one in case.actions[0].arrivals] == [
        ("rush-1", 1_000),
        ("rush-2", 3_000),
        ("rush-3", 5_000),
    ]
    assert case.claims[0].subject.all == ("rush-1", "rush-2", "rush-3") and case.end_ms == 5_000


MISTAKES = [
    # what is replaced, by what, the problem's code, where it stands
    ('name = "A VIP first"\n', "", "missing", "[[case]]"),
    ('waited = "2m"', 'waited = "2 minutes"', "length", '"2 minutes"'),
    ('waited = "2m"', "waited = 120", "length", "waited = 120"),
    ('in_queue = "vip"', 'in_queue = "vp"', "unknown_name", '"vp"'),
    ('offered_to = "ann"', 'offered_to = "anne"', "unknown_here", '"anne"'),
    ('offered_to = "ann"', 'offered_to = "bob"', "unknown_here", 'offered_to = "bob"'),
    ('never_to = "team-2"', 'never_to = "team-3"', "unknown_here", '"team-3"'),
    ('never_to = "team-2"', "never_to = []", "empty", "never_to = []"),
    ('accept = "zhao"', 'acept = "zhao"', "unknown_key", "acept"),
    ('accept = "zhao"', 'accept = "zao"', "unknown_here", '"zao"'),
    ('accept = "zhao"', 'accept = "zhao", decline = "zhao"', "two_things", "decline"),
    ('{ at = "0s", submit = "zhao"', '{ at = "0s", accept = "late" }, { at = "0s", submit = "late" }, { at = "0s", submit = "zhao"', "not_there_yet", 'accept = "late"'),
    ('to = "available"', 'to = "away"', "not_one_of", 'to = "away"'),
    (', to = "available"', "", "missing", 'set_state = "ann"'),
    ('{ at = "15s"', '{ at = "5s"', "time_back", '{ at = "5s"'),
    ('{ at = "20s" }', "{ }", "missing", "{ }"),
    ('{ at = "20s" }', "3", "wrong_type", "when = ["),
    ('contact = "li"', 'contact = "li", agent = "ann"', "about_nothing", 'agent = "ann"'),
    ('{ contact = "li", never_to = "team-2" }', '{ never_to = "team-2" }', "about_nothing", '{ never_to'),
    ('{ contact = "li", never_to = "team-2" }', '{ contact = "li" }', "says_nothing", '{ contact = "li" }'),
    ('never_to = "team-2"', 'stays_waiting = true, by = "3s"', "frames_nothing", 'by = "3s"'),
    ('never_to = "team-2"', 'never_to = "team-2", since = "9s", by = "3s"', "window_backwards", 'since = "9s"'),
    ('never_to = "team-2"', 'stays_waiting = 5', "wrong_type", "stays_waiting = 5"),
    ('never_to = "team-2"', 'step_opens = "far"', "unknown_here", '"far"'),
    ('never_to = "team-2"', 'at_step = 3', "out_of_range", "at_step = 3"),
    ('never_to = "team-2"', 'joined = "nobody"', "unknown_here", '"nobody"'),
    ('order = ["zhao", "li"]', 'order = ["zhao"]', "out_of_range", 'order = ["zhao"]'),
    ('team = 2', 'teem = 2', "unknown_here", "teem"),
    ('team = 2', 'team = "two"', "wrong_type", 'team = "two"'),
    ('team = 2', 'team = { skills = { help = 11 } }', "out_of_range", "help = 11"),
    ('team = 2', 'team = { cuont = 2 }', "unknown_key", "cuont"),
    ('team = 2', 'team = 2, "team-1" = { pools = ["onsite"] }', "agent_twice", "team-1"),
    ('state = "paused"', 'state = "paused", pools = ["onsit"]', "unknown_name", '"onsit"'),
    ('{ name = "li", waited = "2m" }', '{ name = "li", waited = "2m", channel = "fax" }', "unknown_name", "fax"),
    ('{ name = "li", waited = "2m" }', '{ name = "li", waited = "2m", shop = "bells", tenant = "acme" }', "other_tenants_shop", "bells"),
    ('{ name = "li", waited = "2m" }', '{ name = "li", waited = "2m", requires = "help >= " }', "requirement", "help >= "),
    ('{ name = "li", waited = "2m" }', '{ name = "li", waited = "2m", attributes = { a = [1] } }', "wrong_type", "a = [1]"),
    ('{ name = "li", waited = "2m" }', '{ name = "li", count = 3, every = "1m" }', "out_of_range", 'every = "1m"'),
    ('{ name = "li", waited = "2m" }', '{ name = "li", every = "0.1s", waited = "2m" }', "needs_several", "every"),
    ('{ name = "li", waited = "2m" }', '{ name = "wang", waited = "2m" }, { name = "li" }', "several_again", 'waited = "5m"'),
    ('submit = "zhao"', 'submit = "li", count = 2', "several_again", "count = 2"),
    ('given.waiting', 'given.wating', "unknown_key", "given.wating"),
    ('given.agents', 'given.begins = 2026-02-30\ngiven.agents', "toml", "2026-02-30"),
    ('given.agents', 'given.begins = "monday"\ngiven.agents', "wrong_type", '"monday"'),
    ('expect = [', 'expected = [', "unknown_key", "expected = ["),
    ('about = "Said', 'name = "Said', "toml", 'name = "Said'),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "snippet"), MISTAKES)
def test_a_mistake_is_told_with_its_line(old: str, new: str, code: str, snippet: str) -> None:
    """One slip in a good file: its code, its line, and a sentence in both languages."""
    text = PEOPLE + GOOD
    assert old in GOOD
    text = PEOPLE + GOOD.replace(old, new, 1)
    found = problems_of(text)
    assert (code, line_of(text, snippet)) in [(problem.code, problem.line) for problem in found]
    for problem in found:
        assert problem.sentence("en") and problem.sentence("zh-CN") and "{" not in problem.sentence("zh-CN")


def test_each_unknown_name_of_a_list_is_told() -> None:
    """Two of three are not there: two problems."""
    text = PEOPLE + GOOD.replace('never_to = "team-2"', 'never_to = ["zoe", "team-2", "max"]')
    assert [problem.params["got"] for problem in problems_of(text)] == ['"zoe"', '"max"']


def test_every_mistake_is_told_at_once() -> None:
    """Three slips in three places: three problems, in the file's order, with what a neighbour is called."""
    text = PEOPLE.replace("count = 3", "count = 0") + GOOD.replace('"2m"', '"2"').replace('"vip",', '"vop",')
    said = [(problem.placed("cases.toml"), problem.line) for problem in problems_of(text)]
    count, waited, queue = line_of(text, "count = 0"), line_of(text, 'name = "li"'), line_of(text, "vop")
    assert [line for _, line in said] == [count, waited, queue]
    assert said[0][0] == f'group "team": count must be ≥ 1, got 0 (cases.toml:{count}, groups.team.count)'
    assert said[1][0] == (
        'case "A VIP first": a length of time is wanted for given.waiting[0].waited, such as "10s", "1m30s" or "2h", at most'
        f' 7d; got "2" (cases.toml:{waited}, case[0].given.waiting[0].waited)'
    )
    assert said[2][0] == (
        'case "A VIP first": expect[0].in_queue names the queue "vop", which does not exist; did you mean "vip"?'
        f" (cases.toml:{queue}, case[0].expect[0].in_queue)"
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "nothing"),
        ("case = 3", "wrong_type"),
        ("[[case]]", "missing"),
        ('[[case]]\nname = "x"\nexpect = []', "empty"),
        ('[[case]]\nname = "x"\nexpect = [{ queue = "help", length = 1 }]\n' * 2, "same_name"),
        ("[contact]\nchanel = 1", "unknown_key"),
        ("[cases]", "unknown_key"),
        ("groups = 3", "wrong_type"),
        ("[groups.x]\nagent = 'y'", "unknown_key"),
        ("[groups.x]\nchannel_limits = { web = 1 }", "out_of_range"),
        ("[groups.x]\ntenant = 'acmee'", "unknown_name"),
        ("[groups.x]\nbusy = -1", "out_of_range"),
        ('[[case]]\nname = "x"\nwhen = [{ at = "0s", submit = "li" }]\nexpect = []', "must_be_said"),
        ("x" * 1_048_577, "too_long"),
    ],
)
def test_a_file_that_is_no_cases_file(text: str, code: str) -> None:
    """Empty, of another shape, twice the same: each has its code."""
    assert code in [problem.code for problem in problems_of(text)]


@given(
    st.lists(
        st.sampled_from([*GOOD.splitlines(), *PEOPLE.splitlines(), "[[case]]", "when = 3", "[groups]"]), max_size=30
    )
)
def test_any_shuffle_of_lines_is_read_or_refused(lines: list[str]) -> None:
    """Never another exception, whatever stands where."""
    try:
        read_cases("\n".join(lines), COMPILED)
    except PolicyErrors as errors:
        assert errors.problems


def test_tables_and_code_name_the_same_things() -> None:
    """Every action that can be written can be done, every claim judged, every sentence has both languages."""
    assert set(DEEDS) == set(ACTIONS) - {"submit"}
    assert set(RULES) == set(CLAIMS) | {kind for kind, _ in OTHER_CLAIMS.values()}
    for english, chinese in SENTENCES.values():
        assert english.count("{") == chinese.count("{")
    assert all(ZH.values())


# --- a contact and a team for `policy explain` ------------------------------------------------------------------------------


def test_a_contact_as_json() -> None:
    """With the keys of a cases file; what is not a key was meant as an attribute."""
    submit = read_contact('{"shop": "flagship", "channel": "web", "attributes": {"tier": "vip"}}', COMPILED)
    assert (submit.tenant, submit.attributes) == ("acme", {"tier": "vip"})
    for text, said in [
        ('{"tier": "vip"}', 'unknown key tier; did you mean "attributes.tier"?'),
        ('{"chanel": "web"}', 'did you mean "channel"?'),
        ("{", "at character 2"),
        ("[1]", "--contact must be a JSON object, got a list"),
        ('{"channel": "web"}', "tenant must be said"),
    ]:
        with pytest.raises(PolicyErrors) as refused:
            read_contact(text, COMPILED)
        assert said in refused.value.problems[0].message


def test_a_team_from_either_kind_of_file() -> None:
    """Groups of a cases file, or [[agents]] as policy check takes them; both are held against the policy."""
    assert [one.agent for one in read_team(PEOPLE, COMPILED)] == ["ann", "bob", "team-1", "team-2", "team-3", "robo"]
    assert [one.agent for one in read_team('[[agents]]\nagent = "eve"', COMPILED)] == ["eve"]
    for text, code in [
        ("", "nothing"),
        ('[[agents]]\nagent = "eve"\npools = ["moon"]', "unknown_name"),
        ("[[", "toml"),
    ]:
        with pytest.raises(PolicyErrors) as refused:
            read_team(text, COMPILED)
        assert [problem.code for problem in refused.value.problems] == [code]
