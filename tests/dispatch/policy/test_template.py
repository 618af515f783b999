"""The commented example says everything there is to say, and says it right."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from engine.dispatch.policy.check import check_policy
from engine.dispatch.policy.model import REQUIRED, SECTIONS, Field
from engine.dispatch.policy.requirements import Requirement
from engine.dispatch.policy.template import TEMPLATE

# `key = value  # default …; meaning`, the whole line commented out where the default stays.
KEY = re.compile(r"^(?:# )?(\w+) = (\S.*?)\s+# (default|required)\b:?\s*(.*)$")
HEADER = re.compile(r"^\[\[?([\w.]+)\]\]?")
UNITS = {
    "weight": "share",
    "cost": "unit",
    "limit": "contacts",
    "delivery_limit": "offers",
    "priority": "points",
    "raise_priority": "points",
    "boost": "points",
    "slope": "points per minute",
}


def documented() -> Iterator[tuple[str, str, str, str, str]]:
    """(section, key, value, "default" or "required", the rest of the comment) of each documented key."""
    section = ""
    for row in TEMPLATE.splitlines():
        if header := HEADER.match(row):
            parts = header[1].split(".")
            section = parts[-1] if parts[-1] in ("steps", "deflect") else parts[0]
        elif key := KEY.match(row):
            yield section, key[1], key[2], key[3], key[4]


def test_the_example_is_a_policy_without_problems_or_remarks() -> None:
    """What `sluice policy init` writes, `sluice policy check` likes."""
    report = check_policy(TEMPLATE)
    assert (report.problems, report.remarks) == ((), ())


def test_every_key_is_documented_once_and_no_other() -> None:
    """A new field of the model wants a line here."""
    said = sorted((section, key) for section, key, *_ in documented())
    inline = [("entry", "deflect"), ("queues", "steps")]  # tables of their own
    assert sorted([*said, *inline]) == sorted((section, key) for section, keys in SECTIONS.items() for key in keys)


def test_every_default_and_unit_is_the_models() -> None:
    """Defaults in comments are the code's; lengths say ms."""
    for section, key, value, kind, comment in documented():
        field = SECTIONS[section][key]
        assert (kind == "required") is (field.default is REQUIRED), (section, key)
        unit = "ms" if key.endswith("_ms") else UNITS.get(key, "")
        if kind == "default":
            assert unit in comment.split(";")[0], (section, key, comment)
            _check_default(field, value, comment, f"{section}.{key}")


def _check_default(field: Field, value: str, comment: str, where: str) -> None:
    if field.default is None or (field.name, field.default) == ("name", ""):
        return  # said in words: none, the queue's, step-1
    default = field.default.text if isinstance(field.default, Requirement) else field.default
    default = list(default) if isinstance(default, tuple) else default
    said = re.match(r'"[^"]*"|\[\]|\{\}|[\w.-]+', comment)
    assert said is not None, where
    assert tomllib.loads(f"x = {said[0]}")["x"] == default, where


def test_a_key_that_is_commented_out_shows_its_default() -> None:
    """Taking the # away changes nothing."""
    live = {row.split(" = ")[0] for row in TEMPLATE.splitlines() if not row.startswith("#")}
    for section, key, value, kind, _ in documented():
        if key not in live:
            assert kind == "default"
            assert tomllib.loads(f"x = {value}")["x"] == SECTIONS[section][key].default, (section, key)
    uncommented = re.sub(r"(?m)^# (\w+ = .*# default)", r"\1", TEMPLATE)
    assert uncommented != TEMPLATE
    first, second = check_policy(TEMPLATE), check_policy(uncommented)
    assert (second.problems, second.queues, second.pools) == ((), first.queues, first.pools)
