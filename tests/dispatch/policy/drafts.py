"""Raw material for policy tests: random requirements with a plain evaluator, and small policies as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from engine.dispatch.commands import Value
from engine.dispatch.policy.syntax import Node

SKILLS = ["billing", "english", "中文", "not", "3c phones", 'the "odd" one']
ATTRIBUTES = ["region", "site", "in"]
VALUES: list[Value] = ["north", "", 'a\\"b', 1, 0, True, False, 2.5, -3]

terms: st.SearchStrategy[Node] = st.one_of(
    st.tuples(st.just("skill"), st.sampled_from(SKILLS), st.integers(1, 10)),
    st.tuples(
        st.just("attr"),
        st.sampled_from(ATTRIBUTES),
        st.lists(st.sampled_from(VALUES), min_size=1, max_size=3).map(tuple),
    ),
)
nodes: st.SearchStrategy[Node] = st.recursive(
    terms,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: ("and", *parts)),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: ("or", *parts)),
    ),
    max_leaves=8,
)
skill_maps = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 10))
attribute_maps = st.dictionaries(st.sampled_from(ATTRIBUTES), st.sampled_from(VALUES))


def written(node: Node) -> str:
    """The tree as somebody might type it, with all its parentheses."""
    match node:
        case ("skill", name, level):
            return f"{_quoted(name)} >= {level}"
        case ("attr", name, (value,)):
            return f"@{_quoted(name)} = {_value(value)}"
        case ("attr", name, values):
            return f"@{_quoted(name)} in [{', '.join(map(_value, values))}]"
        case ("not", inner):
            return f"not ({written(inner)})"
        case (kind, *parts):
            return f" {kind} ".join(f"({written(part)})" for part in parts)
    raise AssertionError(node)


def holds(node: Node, skills: Mapping[str, int], attributes: Mapping[str, Value]) -> bool:
    """What the language says, word by word, and slowly."""
    match node:
        case ("skill", name, level):
            return bool(skills.get(name, 0) >= level)
        case ("attr", name, values):
            return name in attributes and any(_same(attributes[name], value) for value in values)
        case ("not", inner):
            return not holds(inner, skills, attributes)
        case ("and", *parts):
            return all(holds(part, skills, attributes) for part in parts)
        case ("or", *parts):
            return any(holds(part, skills, attributes) for part in parts)
    raise AssertionError(node)


def _same(left: Value, right: Value) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _quoted(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return _quoted(value) if isinstance(value, str) else repr(value)


SHOP = """\
[policy]
name = "shop"

[tenants.acme]
[shops.flagship]
tenant = "acme"
[channels.web]
[channels.email]
[pools.onsite]
[pools.remote]
[pools.bot]

[queues.presale]
tenant = "acme"
requirement = "presale >= 3 and english"
pools = ["onsite"]
bot_pools = ["bot"]

[[queues.presale.steps]]
name = "remote"
after_ms = 20_000
add_pools = ["remote"]
relax = ["english"]

[[entry]]
name = "default"
queue = "presale"
first = "bot"
"""


def shop(*changes: tuple[str, str], rules: str = "") -> str:
    """SHOP with texts replaced (each must be there), and ``rules`` put before its default rule."""
    text = SHOP
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text.replace("[[entry]]", rules + "\n[[entry]]") if rules else text


def line_of(text: str, snippet: str) -> int:
    """The 1-based line on which the snippet first stands."""
    return text[: text.index(snippet)].count("\n") + 1


def queue_table(name: str, **keys: Any) -> str:
    """A queue of tenant acme as TOML; ``keys`` as TOML source."""
    return "\n".join([f"[queues.{name}]", 'tenant = "acme"', *(f"{key} = {value}" for key, value in keys.items()), ""])
