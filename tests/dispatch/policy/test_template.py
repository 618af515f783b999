"""The commented example says everything there is to say, and says it right."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from engine.dispatch.hours import Zone
from engine.dispatch.policy.check import check_policy
from engine.dispatch.policy.model import REQUIRED, SECTIONS, Field
from engine.dispatch.policy.requirements import Requirement
from engine.dispatch.policy.template import TEMPLATE, documented

UNITS = {
    "weight": "share",
    "ceiling": "contacts",
    "daily_quota": "contacts",
    "queue_length": "contacts",
    "reserve": "agents",
    "cost": "unit",
    "limit": "contacts",
    "delivery_limit": "offers",
    "priority": "points",
    "raise_priority": "points",
    "boost": "points",
    "slope": "points per minute",
}


def test_the_example_is_a_policy_without_problems_or_remarks() -> None:
    """What `sluice policy init` writes, `sluice policy check` likes."""
    report = check_policy(TEMPLATE)
    assert (report.problems, report.remarks) == ((), ())


def test_every_key_is_documented_once_and_no_other() -> None:
    """A new field of the model wants a line here."""
    said = sorted((line.section, line.key) for line in documented())
    inline = [("entry", "deflect"), ("queues", "steps"), ("pools", "weights"), ("pools", "lend_kpi")]
    assert sorted([*said, *inline]) == sorted((section, key) for section, keys in SECTIONS.items() for key in keys)


def test_every_default_and_unit_is_the_models() -> None:
    """Defaults in comments are the code's; lengths say ms."""
    for section, key, value, kind, comment, *_ in documented():
        field = SECTIONS[section][key]
        assert (kind == "required") is (field.default is REQUIRED), (section, key)
        unit = "ms" if key.endswith("_ms") else UNITS.get(key, "")
        if kind == "default":
            assert unit in comment.split(";")[0], (section, key, comment)
            _check_default(field, value, comment, f"{section}.{key}")


def _check_default(field: Field, value: str, comment: str, where: str) -> None:
    if field.default is None or (field.name, field.default) == ("name", ""):
        return  # said in words: none, the queue's, step-1
    said = re.match(r'"[^"]*"|\[\]|\{\}|[\w.-]+', comment)
    assert said is not None, where
    assert tomllib.loads(f"x = {said[0]}")["x"] == _as_written(field), where


def _as_written(field: Field) -> Any:
    match field.default:
        case Requirement(text=text):
            return text
        case Zone(name=name):
            return name
        case tuple():
            return list(field.default)
    return field.default


def test_a_key_that_is_commented_out_shows_its_default() -> None:
    """Taking the # away changes nothing; a table that is left away as a whole is no default."""
    for line in documented():
        default = SECTIONS[line.section][line.key].default
        if not line.live and not line.apart and default is not None:
            assert line.kind == "default"
            assert tomllib.loads(f"x = {line.value}")["x"] == _as_written(SECTIONS[line.section][line.key]), line
    kept = re.sub(r"(?ms)^# \[.*?\n\n", "", TEMPLATE)
    uncommented = re.sub(r"(?m)^# (\w+ = .*# default)", r"\1", kept)
    assert uncommented != kept != TEMPLATE
    first, second = check_policy(TEMPLATE), check_policy(uncommented)
    assert (second.problems, second.queues, second.pools) == ((), first.queues, first.pools)


def test_a_table_that_is_left_away_compiles_when_it_is_not() -> None:
    """Weights and a lender's KPI as the example shows them, in a pool that has a use for them."""
    text = re.sub(r"(?m)^# (?=\[pools|share|within_ms|window_ms|short_ms|idle|load|proficiency)", "", TEMPLATE)
    text = text.replace('choice = "longest_idle" ', 'choice = "weighted" ').replace("idle = 0 ", "idle = 1 ")
    text = text.replace("# owners = []", 'owners = ["after_sale"]')
    assert check_policy(text).problems == ()
