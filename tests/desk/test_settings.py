"""What the desk's file may declare; every problem at once, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.desk.problems import DeskErrors
from engine.desk.settings import AttributeKind, ConnectorPlace, Entitlement, Tier
from engine.desk.settings_file import read_settings

WHOLE = """
[attributes.name]
title_zh = "姓名"
[attributes.language]
type = "enum"
personal = false
routing = true
values = ["zh", "en"]
[attributes.points]
type = "int"
personal = false
min = 0
max = 100
[tiers.gold]
entitlements = ["returns"]
[entitlements.returns]
quota = 3
unit = "parcels"
[connectors.shop]
url = "http://127.0.0.1:7790/orders"
key_file = "shop.key"
"""


def test_a_whole_file() -> None:
    """Everything that it may declare; an attribute is personal unless it says otherwise."""
    settings = read_settings(WHOLE)
    assert settings.attributes == {
        "name": AttributeKind(title_zh="姓名"),
        "language": AttributeKind("enum", personal=False, routing=True, values=("zh", "en")),
        "points": AttributeKind("int", personal=False, min=0, max=100),
    }
    assert settings.tiers == {"gold": Tier(("returns",))}
    assert settings.entitlements == {"returns": Entitlement(3, "parcels")}
    assert settings.connectors == {"shop": ConnectorPlace("http://127.0.0.1:7790/orders", "shop.key")}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("attributes = 3", "attributes: wanted at most 200 [attributes.…] tables, got 3 (desk.toml:1)"),
        ("[attributes.a]\ntype = 'text'", "attributes.a.type: wanted one of"),
        ("[attributes.a]\ntyp = 'string'", "attributes.a.typ: wanted type, got an unknown key (desk.toml:2)"),
        ("[attributes.a]\nrouting = true", "attributes.a.routing: wanted personal = false beside it"),
        ("[attributes.a]\ntype = 'enum'", "attributes.a.values: wanted values where the type is enum"),
        ("[attributes.a]\nmin = 1", "attributes.a: wanted them where the type is int or number"),
        ("[attributes.a]\ntype='int'\nmin = 2\nmax = 1", "attributes.a.min: wanted at most max, 1, got 2"),
        ("[attributes.tier]", "attributes.tier: wanted another name"),
        ('[attributes."a\\u202eb"]', "no characters that turn the direction of a text"),
        ("[tiers.gold]\nentitlements = ['x']", 'tiers.gold.entitlements: wanted [entitlements.…], got "x"'),
        ("[entitlements.x]\nquota = -1", "entitlements.x.quota: wanted 0 or more, got -1"),
        ("[connectors.x]\nurl = 'http://a'", "connectors.x.key_file: wanted a value, got nothing"),
        ("[connectors.x]\nurl = 'file:///etc'\nkey_file = 'k'", "connectors.x.url: wanted http(s)://HOST"),
        ("[connectors.x]\nurl = 'http://u:p@a'\nkey_file = 'k'", "connectors.x.url: wanted http(s)://HOST"),
        ("[connectors.x]\nurl = 'http://a'\nkey_file = 'k'\ntimeout_ms = 1", "timeout_ms: wanted 10 to 30000, got 1"),
        ("[attribute.a]", "attribute: wanted attributes, got an unknown key"),
        ("[attributes", "the file: wanted TOML"),
    ],
)
def test_each_problem_has_its_words(text: str, wanted: str) -> None:
    """Where, what would be right, what it is."""
    with pytest.raises(DeskErrors) as caught:
        read_settings(text)
    assert any(wanted in problem.sentence() for problem in caught.value.problems), str(caught.value)


def test_all_problems_at_once() -> None:
    """Three mistakes in three tables: three sentences."""
    with pytest.raises(DeskErrors) as caught:
        read_settings("[attributes.a]\nrouting = true\n[entitlements.x]\nquota = -1\n[oops]\n")
    assert len(caught.value.problems) == 3


def test_the_example_has_no_problems() -> None:
    """What the guide begins with."""
    path = Path(__file__).resolve().parents[2] / "examples" / "desk" / "desk.toml"
    settings = read_settings(path.read_text("utf-8"))
    assert set(settings.tiers) == {"plus", "vip"} and settings.attributes["language"].routing
