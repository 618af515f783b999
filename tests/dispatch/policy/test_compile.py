"""A policy compiles whole, or every problem comes back with its line."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dispatch.policy import compiled, decode
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.model import DAY_MS, MAX_COUNTS, MAX_NAME, MAX_TEXT_FIELD, RANGES, SECTIONS
from engine.dispatch.policy.problems import PHRASES_ZH, SENTENCES, PolicyErrors, Problem
from engine.dispatch.policy.requirements import parse
from tests.dispatch.policy.drafts import SHOP, line_of, queue_table, shop


def problems_of(text: str) -> list[Problem]:
    with pytest.raises(PolicyErrors) as refused:
        compile_policy(text)
    return refused.value.problems


def test_a_small_shop_compiles() -> None:
    """What stands in the file is what the dispatcher reads; what does not has its default."""
    rule = '[[entry]]\nname = "vip"\nwhen = { tier = "vip", shop = ["flagship"] }\nqueue = "presale"\npriority = 7\n'
    text = shop(rules=rule + 'requirement = "vip"')
    policy = compile_policy(text)
    assert policy.version == "shop@" + hashlib.sha256(text.encode()).hexdigest()[:12]
    assert policy.text == text
    assert policy.tenants == {"acme": compiled.Tenant("acme")}
    assert policy.shops == {"flagship": compiled.Shop("flagship", "acme")}
    assert policy.queues["presale"] == compiled.Queue(
        name="presale",
        tenant="acme",
        requirement=parse("english and presale >= 3"),
        pools=("onsite",),
        bot_pools=("bot",),
        steps=(compiled.Step(1, "remote", after_ms=20_000, add_pools=("remote",), relax=("english",)),),
    )
    assert policy.entry[0] == compiled.EntryRule(
        compiled.Entry("vip", "presale", requirement=parse("vip"), priority=7),
        {"tier": ("vip",), "shop": ("flagship",)},
    )
    assert policy.enter({"tier": "vip", "shop": "flagship"}).rule == "vip"
    assert policy.enter({"tier": "vip", "shop": ""}).rule == "default"
    assert compile_policy(text) is policy


def test_five_different_mistakes_give_five_messages_each_with_its_line() -> None:
    """A key misspelt, a type wrong, a number out of range, a pool that does not exist, a requirement that cannot be read."""
    text = shop(
        ('pools = ["onsite"]', 'pools = ["onsit"]\noffer_ms = -5'),
        ('tenant = "acme"\n[channels.web]', 'tenent = "acme"\ntenant = "acme"\n[channels.web]'),
        ("after_ms = 20_000", 'after_ms = "20 s"'),
        ("presale >= 3 and english", "presale >= 3 und english"),
    )
    queue = "queues.presale"
    expected = [
        ('shop "flagship": unknown key tenent; did you mean "tenant"?', "tenent", "shops.flagship.tenent"),
        (
            'queue "presale": requirement, column 14: an unexpected word or sign, got `und`, wanted `and`, `or` or the end of the text',
            "requirement =",
            f"{queue}.requirement",
        ),
        (
            'queue "presale": pools[0] names the pool "onsit", which does not exist; did you mean "onsite"?',
            "pools = [",
            f"{queue}.pools[0]",
        ),
        ('queue "presale": offer_ms must be ≥ 1000, got -5', "offer_ms", f"{queue}.offer_ms"),
        (
            'queue "presale": steps[0].after_ms must be a whole number, got "20 s"',
            "after_ms",
            f"{queue}.steps[0].after_ms",
        ),
    ]
    assert [problem.placed("shop.toml") for problem in problems_of(text)] == [
        f"{sentence} (shop.toml:{line_of(text, snippet)}, {path})" for sentence, snippet, path in expected
    ]


EXTRA = '[[entry]]\nname = "x"\nwhen = { tier = "gold" }\n'

# code → (text, the snippet on whose line it is reported)
CASES: dict[str, tuple[str, str]] = {
    "toml": (shop(("[pools.onsite]", "[pools.onsite")), "[pools.onsite"),
    "too_deep": (shop(("[channels.web]", "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1\n[channels.web]")), "a.a.a"),
    "unknown_key": (shop(("[channels.web]", "[channels.web]\ncosts = 1")), "costs"),
    "wrong_type": (shop(("[channels.web]", "[channels.web]\ncost = true")), "cost"),
    "out_of_range": (shop(("[channels.web]", "[channels.web]\ncost = 0")), "cost"),
    "text_too_long": (shop(('["bot"]', f'["bot"]\nclosed_notice = "{"x" * (MAX_TEXT_FIELD + 1)}"')), "closed_notice"),
    "not_one_of": (shop(("[pools.onsite]", '[pools.onsite]\norder = "fifo"')), "order"),
    "bad_name": (shop(("[pools.onsite]", '[pools." x"]\n[pools.onsite]')), '[pools." x"]'),
    "missing": (shop(('name = "shop"', "")), "[policy]"),
    "nothing": (shop(("[channels.web]\n[channels.email]", "[channels]")), "[channels]"),
    "too_many": (shop(('["bot"]', "[" + '"bot", ' * 101 + "]")), "bot_pools"),
    "empty": (shop(('pools = ["onsite"]', "pools = []")), "pools = []"),
    "duplicate": (shop(('["onsite"]', '["onsite", "onsite"]')), "pools = ["),
    "unknown_name": (shop(rules=EXTRA + 'queue = "presales"'), 'queue = "presales"'),
    "requirement": (shop(("presale >= 3", "presale > 3")), "requirement"),
    "same_name": (
        shop(rules='[[entry]]\nwhen = { a = 1 }\nqueue = "presale"\nname = "default"'),
        'name = "default"\nqueue = "presale"\nfirst',
    ),
    "no_default": (shop(('first = "bot"', 'first = "bot"\nwhen = { a = 1 }')), "[[entry]]"),
    "after_default": (shop(rules='[[entry]]\nname = "x"\nqueue = "presale"'), '[[entry]]\nname = "default"'),
    "queue_or_deflect": (shop(rules=EXTRA), "[[entry]]"),
    "with_deflect": (
        shop(rules=EXTRA + 'priority = 3\ndeflect = { reason = "no", alternative = "bot" }'),
        "priority",
    ),
    "bot_without_pools": (shop(('bot_pools = ["bot"]', "")), "first"),
    "step_does_nothing": (shop(('add_pools = ["remote"]\nrelax = ["english"]', "")), "[[queues"),
    "already_open": (shop(('add_pools = ["remote"]', 'add_pools = ["onsite"]')), "add_pools"),
    "warn_after_breach": (shop(('["bot"]', '["bot"]\nreply_warn_ms = 200_000')), "reply_warn_ms"),
}


@pytest.mark.parametrize("code", CASES)
def test_each_mistake_is_found_at_its_line(code: str) -> None:
    """One mistake, one problem, where it stands."""
    text, snippet = CASES[code]
    assert [(problem.code, problem.line) for problem in problems_of(text)] == [(code, line_of(text, snippet))]


def test_every_code_has_a_sentence_in_both_languages() -> None:
    """English and Chinese say the same, with the same figures."""
    fields = [(code, [sorted(_fields(sentence)) for sentence in pair]) for code, pair in SENTENCES.items()]
    assert [(code, both) for code, both in fields if both[0] != both[1]] == []
    for text, _ in CASES.values():
        for problem in problems_of(text):
            assert problem.sentence("zh-CN") != problem.message
            assert problem.subject[0] == "" or problem.subject[0] in PHRASES_ZH


def _fields(sentence: str) -> set[str]:
    return {part.split("}")[0] for part in sentence.split("{")[1:]}


def test_the_chinese_sentence_translates_words_and_leaves_names() -> None:
    """A queue called "queue" stays so."""
    text = shop(("[queues.presale]", "[queues.queue]"), ("[[queues.presale", "[[queues.queue")).replace(
        'queue = "presale"', 'queue = "queu"'
    )
    (problem,) = problems_of(text)
    assert problem.sentence("zh-CN") == '入口规则 "default"：queue 引用的队列 "queu" 不存在，是否想写 "queue"？'


@pytest.mark.parametrize(("section", "key"), RANGES)
def test_numbers_are_checked_at_both_ends(section: str, key: str) -> None:
    """At the limit fine; one beyond: a problem that says which limit."""
    low, high = RANGES[section, key]
    for value, fine in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        codes = {problem.code for problem in _with(section, key, f"{value}")}
        assert ("out_of_range" in codes) is not fine
    said = [problem.message for problem in _with(section, key, f"{high + 1}")]
    assert any(f"{key} must be ≤ {high}, got {high + 1}" in message for message in said)


def _with(section: str, key: str, value: str) -> list[Problem]:
    """The problems of the small shop with this key set."""
    where = {
        "domain": ("[tenants.acme]", "[domain]\n{}\n[tenants.acme]"),
        "tenants": ("[tenants.acme]", "[tenants.acme]\n{}"),
        "shops": ('[shops.flagship]\ntenant = "acme"', '[shops.flagship]\ntenant = "acme"\n{}'),
        "pools": ("[pools.onsite]", "[pools.onsite]\n{}"),
        "weights": ("[pools.onsite]", "[pools.onsite.weights]\n{}"),
        "kpi": ("[pools.onsite]", "[pools.onsite.lend_kpi]\n{}"),
        "channels": ("[channels.web]", "[channels.web]\n{}"),
        "queues": ('bot_pools = ["bot"]', 'bot_pools = ["bot"]\n{}'),
        "steps": ("after_ms = 20_000", "when_nobody = true\n{}"),
        "entry": ('first = "bot"', 'first = "bot"\n{}'),
    }
    old, new = where[section]
    try:
        compile_policy(shop((old, new.format(f"{key} = {value}"))))
    except PolicyErrors as errors:
        return errors.problems
    return []


def test_a_problem_in_one_table_hides_none_in_another() -> None:
    """All at once, in the order of the file's lines."""
    text = "queues = 3\nentry = [1]\nx = 1\n[policy]\nname = 5\n[pools]\na = 1\n[tenants.t]\nweight = nan\n[channels]\n"
    found = problems_of(text)
    assert [(problem.line, problem.path) for problem in found] == [
        (1, "queues"),
        (2, "entry[0]"),
        (3, "x"),
        (5, "policy.name"),
        (7, "pools.a"),
        (9, "tenants.t.weight"),
        (10, "channels"),
    ]


def test_an_unreadable_value_is_told_once() -> None:
    """A rule whose queue is misspelt is not also called a rule without a queue."""
    assert [problem.code for problem in problems_of(shop(('queue = "presale"', "queue = 3")))] == ["wrong_type"]
    assert [problem.code for problem in problems_of(shop(rules=EXTRA + "deflect = 3"))] == ["wrong_type"]
    for old, new in (
        ('pools = ["onsite"]', "pools = 3"),
        ('bot_pools = ["bot"]', "bot_pools = 3"),
        ('add_pools = ["remote"]\nrelax = ["english"]', "add_pools = 3"),
    ):
        assert [problem.code for problem in problems_of(shop((old, new)))] == ["wrong_type"]


def test_names_are_bounded_and_printable() -> None:
    """Names stand in reports, metrics and terminals."""
    for name, fine in (
        ("x" * MAX_NAME, True),
        ("x" * (MAX_NAME + 1), False),
        ("客服", True),
        ("a\\tb", False),
        ("", False),
    ):
        text = shop(("[tenants.acme]", f'[pools."{name}"]\n[tenants.acme]'))
        codes = [] if fine else [problem.code for problem in problems_of(text)]
        assert codes == ([] if fine else ["bad_name"])
        if fine:
            compile_policy(text)


@pytest.mark.parametrize("section", ["tenants", "channels", "pools", "queues", "entry", "steps"])
def test_counts_are_bounded(section: str) -> None:
    """At the limit fine, one more refused."""
    limit = MAX_COUNTS[section]
    have = {"channels": 2, "pools": 3}.get(section, 1)
    make = {
        "queues": queue_table("q{n}", pools='["onsite"]'),
        "entry": '[[entry]]\nname = "r{n}"\nwhen.n = {n}\nqueue = "presale"\n',
        "steps": "[[queues.presale.steps]]\nraise_priority = 1\nafter_ms = 1\n",
    }.get(section, f"[{section}.s{{n}}]\n")
    more = [make.replace("{n}", str(n)) for n in range(limit - have + 1)]
    before, after = SHOP.split("[[entry]]")
    compile_policy(before + "\n".join(more[:-1]) + "\n[[entry]]" + after)
    codes = [problem.code for problem in problems_of(before + "\n".join(more) + "\n[[entry]]" + after)]
    assert codes[0] == "too_many"


def test_problems_are_bounded_too() -> None:
    """A file of nothing but mistakes does not fill the terminal."""
    text = SHOP + "".join(f"k{n} = 1\n" for n in range(decode.MAX_PROBLEMS + 500))
    found = problems_of(text)
    assert len(found) == decode.MAX_PROBLEMS + 1
    assert sum(problem.code == "more" for problem in found) == 1


@pytest.mark.parametrize(
    ("rules", "enters"),
    [
        ("when = { blocked = true }\ndeflect = { reason = 'blocked', alternative = 'message' }", None),
        ("when.blocked = [true]\n[entry.deflect]\nreason = 'blocked'\nalternative = 'message'\nnotice = 'no'", None),
        ("when = {}\nqueue = 'presale'", "x"),
    ],
)
def test_conditions_may_be_written_in_every_toml_way(rules: str, enters: str | None) -> None:
    """Inline, dotted, as a table of its own; an empty condition is the default rule."""
    text = shop(rules='[[entry]]\nname = "x"\n' + rules)
    if enters:
        assert [problem.code for problem in problems_of(text)] == ["after_default"]
        return
    entry = compile_policy(text).enter({"blocked": True})
    assert entry.deflect is not None and entry.deflect.reason == "blocked"
    assert compile_policy(text).enter({"blocked": False}).queue == "presale"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[channels.web]", "[channels]\nweb = 3"), "channels.web must be a table, got 3"),
        (("[[queues.presale.steps]]", "[queues.presale.steps]"), "steps must be a list of tables, got a table"),
        (('bot_pools = ["bot"]', "steps = [3, {}]"), "steps[0] must be a table, got 3"),
        (('requirement = "presale >= 3 and english"', "requirement = 1979-05-27"), "text, got a date or time"),
        (('bot_pools = ["bot"]', "boost = inf"), "boost must be a finite number, got inf"),
        (('bot_pools = ["bot"]', "boost = []"), "boost must be a number, got a list"),
        (('bot_pools = ["bot"]', f"slope = 1{'0' * 40}"), "got a number of more than 20 digits"),
        (('["onsite"]', '["onsite", 3]'), "pools[1] must be text, got 3"),
    ],
)
def test_a_wrong_shape_is_named(change: tuple[str, str], said: str) -> None:
    """What was wanted, what was got."""
    text = shop(change)
    if "steps = " in change[1]:
        text = text.replace("[[queues.presale.steps]]", "[old]")
    assert any(said in problem.message for problem in problems_of(text))


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ("{ tier = [] }", "empty"),
        ("{ tier = nan }", "wrong_type"),
        ("{ tier = { a = 1 } }", "wrong_type"),
        ("{ shop = 3 }", "unknown_name"),
        ('{ channel = ["web", "wap"] }', "unknown_name"),
        ('{ " tier" = 1 }', "bad_name"),
        ("{ " + ", ".join(f"a{n} = 1" for n in range(17)) + " }", "too_many"),
        ("{ tier = [" + "1, " * 1001 + "] }", "too_many"),
    ],
)
def test_a_condition_is_checked(when: str, code: str) -> None:
    """Values one can compare with, names that exist, and not too many."""
    text = shop(rules=f'[[entry]]\nname = "x"\nwhen = {when}\nqueue = "presale"')
    assert [problem.code for problem in problems_of(text)] == [code]


def test_a_deflection_has_a_reason_and_an_alternative() -> None:
    """Never silence: an empty reason says nothing."""
    found = problems_of(shop(rules=EXTRA + 'deflect = { reason = "" }'))
    assert [(problem.code, problem.path) for problem in found] == [
        ("missing", "entry[0].deflect.alternative"),
        ("empty", "entry[0].deflect.reason"),
    ]


def test_two_steps_of_a_queue_may_not_share_a_name() -> None:
    """Explanations name the step: which one was it?"""
    text = shop(("[[entry]]", '[[queues.presale.steps]]\nname = "remote"\nraise_priority = 1\n[[entry]]'))
    (problem,) = problems_of(text)
    assert (problem.code, problem.path) == ("same_name", "queues.presale.steps[1].name")


# --- any text ---------------------------------------------------------------------------------------------------------

words = st.sampled_from(
    [*SECTIONS, *(key for fields in SECTIONS.values() for key in fields), "acme", "web", "onsite", "presale", "", "é"]
)
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.integers(),
        st.just(10**40),
        st.floats(),
        st.booleans(),
        words,
        st.text(max_size=5),
        st.just("presale >= 3"),
        st.just("bot"),
        st.datetimes(),
        st.times(),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)


def toml_of(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + "".join(f"\\U{ord(char):08X}" for char in value) + '"'
        case list():
            return "[" + ", ".join(map(toml_of, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{toml_of(key)} = {toml_of(item)}" for key, item in value.items()) + "}"
        case int() | float():
            return repr(value)
    return str(value.isoformat())


@given(st.dictionaries(words, values, max_size=6))
def test_any_tables_compile_or_have_problems(tables: dict[str, Any]) -> None:
    """Right words in wrong places: never a crash."""
    text = "".join(f"{toml_of(key)} = {toml_of(value)}\n" for key, value in tables.items())
    for problem in problems_of(text):
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.sentence("en") and problem.sentence("zh-CN")


@given(st.data())
def test_a_good_policy_with_one_value_replaced_compiles_or_has_problems(data: st.DataObject) -> None:
    """Some key of the shop gets some other value: a policy, or problems on lines of the file."""
    rows = shop(rules=EXTRA + 'queue = "presale"').splitlines()
    at = data.draw(st.sampled_from([number for number, row in enumerate(rows) if " = " in row]))
    key = data.draw(st.sampled_from([rows[at].split(" = ")[0], data.draw(words)]))
    rows[at] = f"{toml_of(key)} = {toml_of(data.draw(values))}"
    text = "\n".join(rows)
    try:
        assert compile_policy(text).text == text
    except PolicyErrors as errors:
        lines = [problem.line for problem in errors.problems]
        assert all(1 <= line <= len(rows) for line in lines) and lines == sorted(lines)


@given(st.text(max_size=300))
def test_any_text_compiles_or_has_problems(text: str) -> None:
    """A policy is not the only kind of file there is."""
    assert problems_of(text)


def test_a_length_is_bounded_by_a_day() -> None:
    """Seconds mistaken for milliseconds pass; a year does not."""
    (problem,) = problems_of(shop(('["bot"]', f'["bot"]\nsticky_ms = {365 * DAY_MS}')))
    assert problem.message == f'queue "presale": sticky_ms must be ≤ {DAY_MS}, got {365 * DAY_MS}'
