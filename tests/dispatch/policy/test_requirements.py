"""Requirements: read, brought to one canonical form, tested, explained, relaxed."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dispatch.commands import Value
from engine.dispatch.policy.requirements import (
    ANYONE,
    MAX_CHARS,
    MAX_NESTING,
    Node,
    Requirement,
    RequirementError,
    Unmet,
    both,
    parse,
    parse_canonical,
)
from engine.dispatch.policy.satisfiable import can_be_met
from tests.dispatch.policy.drafts import ATTRIBUTES, SKILLS, attribute_maps, holds, nodes, skill_maps, written

Skills = dict[str, int]
Attributes = dict[str, Value]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        ("   ", ""),
        ("english", "english"),
        ("english >= 1", "english"),
        ("b and a", "a and b"),
        ("a and (b and c)", "a and b and c"),
        ("a or b and c", "a or (b and c)"),
        ("a and a and a >= 3", "a >= 3"),
        ("a or a >= 3", "a"),
        ("not (a and b >= 2)", "not a or not b >= 2"),
        ("not not a", "a"),
        ("not a >= 3 and not a >= 5", "not a >= 3"),
        ("NOT a AND b", "b and not a"),
        ("@region = 'north'", '@region = "north"'),
        ("@region in ['south', \"north\", 'south']", '@region in ["north", "south"]'),
        ("@level in [1.0, true, 1]", "@level in [1, true]"),
        ("'3c' >= 2 and \"and\"", '"3c" >= 2 and "and"'),
        ("英语 and 投诉 >= 4", "投诉 >= 4 and 英语"),
    ],
)
def test_a_text_has_one_canonical_form(text: str, canonical: str) -> None:
    """However it is written, the same wish reads the same."""
    assert parse(text).text == canonical


@given(nodes, skill_maps, attribute_maps)
def test_the_canonical_form_means_what_was_written(node: Node, skills: Skills, attributes: Attributes) -> None:
    """Sorting, merging and pushing nots down changes no verdict."""
    assert parse(written(node)).matches(skills, attributes) is holds(node, skills, attributes)


@given(nodes)
def test_the_canonical_form_of_a_canonical_form_is_itself(node: Node) -> None:
    """Read back from a journal, a requirement is the very same object."""
    requirement = parse(written(node))
    assert parse(requirement.text) is requirement
    assert parse_canonical(requirement.text) is requirement


@given(nodes, nodes, skill_maps, attribute_maps)
def test_both_is_the_conjunction(left: Node, right: Node, skills: Skills, attributes: Attributes) -> None:
    """Queue and contact each want something: together they want both, in either order."""
    first, second = parse(written(left)), parse(written(right))
    joined = both(first, second)
    assert joined.matches(skills, attributes) is (holds(left, skills, attributes) and holds(right, skills, attributes))
    assert joined is both(second, first)
    assert parse_canonical(joined.text) is joined
    assert both(first, ANYONE) is first


@given(nodes, skill_maps, attribute_maps)
def test_everyone_who_qualifies_has_the_must_have_skill(node: Node, skills: Skills, attributes: Attributes) -> None:
    """Candidates are looked for among those with the skill: nobody else may qualify."""
    requirement = parse(written(node))
    if requirement.must_have is not None and requirement.matches(skills, attributes):
        assert skills.get(requirement.must_have, 0) >= 1


@pytest.mark.parametrize(
    ("text", "must_have"),
    [
        ("", None),
        ("a", "a"),
        ("a and b >= 4", "b"),
        ("a >= 2 and b >= 2", "a"),
        ("a or b", None),
        ("(a or b) and c", "c"),
        ("(a >= 5 and b) or (a >= 3 and c)", "a"),
        ("not a", None),
        ("not (not a or b)", "a"),
        ("@region = 'north'", None),
    ],
)
def test_must_have_is_the_rarest_skill_that_all_share(text: str, must_have: str | None) -> None:
    """The highest minimum narrows most; a tie goes to the first name."""
    assert parse(text).must_have == must_have


names = st.sets(st.sampled_from([*SKILLS, *ATTRIBUTES, *(f"@{name}" for name in ATTRIBUTES)]), max_size=4)


@given(nodes, names, skill_maps, attribute_maps)
def test_relaxing_loses_nobody(node: Node, dropped: set[str], skills: Skills, attributes: Attributes) -> None:
    """Whoever qualified before a step relaxed the requirement still does, and the dropped names are gone."""
    requirement = parse(written(node))
    relaxed = requirement.without(dropped)
    assert relaxed.matches(skills, attributes) or not requirement.matches(skills, attributes)
    assert relaxed.without(dropped) is relaxed
    without = {name: level for name, level in skills.items() if name not in dropped}
    kept = {name: value for name, value in attributes.items() if not {name, f"@{name}"} & dropped}
    assert relaxed.matches(skills, attributes) is relaxed.matches(without, kept)


@pytest.mark.parametrize(
    ("text", "dropped", "left"),
    [
        ("presale >= 3 and english", ["english"], "presale >= 3"),
        ("presale and (english or chinese)", ["english"], "presale"),
        ("presale and not trainee", ["trainee"], "presale"),
        ("presale and @region = 'north'", ["@region"], "presale"),
        ("presale and @region = 'north'", ["region"], "presale"),
        ("presale", ["english"], "presale"),
        ("presale", ["presale"], ""),
    ],
)
def test_a_dropped_term_counts_as_met(text: str, dropped: list[str], left: str) -> None:
    """Without English, "English or Chinese" asks for no language at all: a step never narrows."""
    assert parse(text).without(dropped).text == left


@given(nodes, skill_maps, attribute_maps)
def test_unmet_names_a_conjunct_exactly_when_somebody_fails(node: Node, skills: Skills, attributes: Attributes) -> None:
    """Every reason given is true, and there is one whenever the answer is no."""
    requirement = parse(written(node))
    unmet = requirement.unmet(skills, attributes)
    assert (unmet == []) is requirement.matches(skills, attributes)
    for reason in unmet:
        assert not parse_canonical(reason.wanted).matches(skills, attributes)


def test_unmet_says_what_the_agent_has() -> None:
    """Ann speaks some French, sits in the south and is new: each shortfall is named with what she has."""
    requirement = parse(
        "french >= 5 and billing and (english or german) and not trainee and @region = 'north' and @desk = 1"
    )
    skills, attributes = {"french": 2, "trainee": 1}, {"region": "south"}
    assert requirement.unmet(skills, attributes) == [
        Unmet("billing", "billing 0"),
        Unmet("french >= 5", "french 2"),
        Unmet("not trainee", "trainee 1"),
        Unmet("@desk = 1", "@desk unset"),
        Unmet('@region = "north"', '@region = "south"'),
        Unmet("english or german", "english 0, german 0"),
    ]


def test_proficiency_sums_the_skills_named_positively() -> None:
    """A skill that must be absent adds nothing to how proficient somebody is."""
    requirement = parse("billing >= 3 and (english or not slow)")
    assert requirement.skills == ("billing", "english")
    assert requirement.proficiency({"billing": 7, "english": 2, "slow": 9}) == 9


@pytest.mark.parametrize(
    ("text", "column", "got"),
    [
        ("billing >", 9, "`>`"),
        ("billing >= 11", 12, "`11`"),
        ("billing >= 0", 12, "`0`"),
        ("billing >= 2.5", 12, "`2.5`"),
        ("billing >= many", 12, "`many`"),
        ("billing = 3", 9, "`=`"),
        ("billing english", 9, "`english`"),
        ("billing and", 12, "the end of the text"),
        ("and billing", 1, "`and`"),
        ("(billing", 9, "the end of the text"),
        ("billing)", 8, "`)`"),
        ("()", 2, "`)`"),
        ("not", 4, "the end of the text"),
        ("@region", 8, "the end of the text"),
        ("@ = 1", 3, "`=`"),
        ("@region >= 3", 9, "`>=`"),
        ("@region = north", 11, "`north`"),
        ("@region in []", 13, "`]`"),
        ("@region in [1 2]", 15, "`2`"),
        ("@region in 1", 12, "`1`"),
        ("@n = 1e400", 6, "`1e400`"),
        ("@n = 99999999999999999999999", 6, "`99999999999999999999999`"),
        ("3c >= 2", 1, "`3c`"),
        ("'open", 1, "`'open`"),
        ("''", 1, '`""`'),
        ("a & b", 3, "`&`"),
        ("a != 3", 3, "`!=`"),
    ],
)
def test_an_unreadable_text_is_refused_at_its_column(text: str, column: int, got: str) -> None:
    """The error points at the character, says what stands there and what would be right."""
    with pytest.raises(RequirementError) as refusal:
        parse(text)
    assert (refusal.value.column, refusal.value.got) == (column, got)
    assert refusal.value.what and refusal.value.wanted
    assert str(refusal.value).endswith(f"column {column}")


def test_length_and_nesting_are_bounded() -> None:
    """At the bound: read; one more: refused; our own joined texts may be longer."""
    assert parse("(" * MAX_NESTING + "a" + ")" * MAX_NESTING).text == "a"
    with pytest.raises(RequirementError, match="nested too deep"):
        parse("(" * (MAX_NESTING + 1) + "a" + ")" * (MAX_NESTING + 1))
    with pytest.raises(RequirementError, match="nested too deep"):
        parse("not " * (MAX_NESTING + 1) + "a")
    longest = "a" * MAX_CHARS
    assert parse(longest).text == longest
    with pytest.raises(RequirementError, match="too long"):
        parse(longest + "a")
    joined = both(parse(longest), parse("b" * MAX_CHARS))
    assert parse_canonical(joined.text) is joined


@given(st.text(max_size=60) | st.text("ab()@=[]>1'\" ,notandr", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever somebody types: a requirement or an error with a column inside the text."""
    try:
        requirement = parse(text)
    except RequirementError as error:
        refused: RequirementError | None = error
    else:
        refused = None
        assert parse(requirement.text) is requirement
    assert refused is None or 1 <= refused.column <= len(text) + 1


def test_equal_requirements_are_one_object_and_the_forgotten_are_let_go() -> None:
    """A million contacts with their own texts must not fill the memory."""
    first = parse("b and a")
    assert parse("a and b") is first
    copy = Requirement(first.text, first.must_have, first.skills, first.node, first.test)
    assert copy == first and {copy: 1}[first] == 1
    assert first != first.text
    parse_canonical("nobody_keeps_this")
    gc.collect()
    from engine.dispatch.policy import requirements

    assert "nobody_keeps_this" not in requirements._BY_TEXT


@given(nodes, skill_maps, attribute_maps)
def test_what_somebody_meets_can_be_met(node: Node, skills: Skills, attributes: Attributes) -> None:
    """The search for contradictions never condemns a requirement that has a witness."""
    requirement = parse(written(node))
    if requirement.matches(skills, attributes):
        assert can_be_met(requirement.node)


@pytest.mark.parametrize(
    "text",
    [
        "a and not a",
        "a >= 3 and not a >= 2",
        "@x = 1 and @x = 2",
        "@x = 1 and @x = true",
        "@x in [1, 2] and not @x = 1 and not @x = 2",
        "(a or b) and not a and not b",
        "(a and not a) or (b and not b)",
    ],
)
def test_a_contradiction_is_found(text: str) -> None:
    """Nobody is both here and away."""
    assert not can_be_met(parse(text).node)


@pytest.mark.parametrize("text", ["", "a", "a >= 2 and not a >= 3", "not @x = 1", "@x in [1, 2] and not @x = 1"])
def test_what_can_be_met_is_left_alone(text: str) -> None:
    """Narrow is not impossible."""
    assert can_be_met(parse(text).node)


def test_a_search_without_end_gives_up_in_favour_of_the_text() -> None:
    """Two to the sixtieth branches: the check says nothing rather than something wrong."""
    free = " and ".join(f"(a{n} or b{n})" for n in range(60))
    hopeless = parse(free + " and (q or r) and (q or not r) and (not q or r) and (not q or not r)")
    assert can_be_met(hopeless.node)
