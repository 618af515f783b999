"""What a person and a program read of played cases."""

from __future__ import annotations

import json
import string

import pytest

from engine.console.wording import Language
from engine.dispatch.refusals import Code
from engine.trials import foretelling, judging, phrases
from engine.trials.deeds import Impossible
from engine.trials.report import FAILURES_SHOWN, STORY_LINES, as_json, render
from tests.trials.desk import COMPILED, cases_of, line_of
from tests.trials.desk import PEOPLE as PEOPLE_TEXT

TWO = """
[[case]]
name = "Ann has it at once"
name_zh = "立即由安接待"
when = [{ at = "0s", submit = "li" }]
expect = [{ contact = "li", offered_to = "ann", by = "0s" }]

[[case]]
name = "Remote at 10 s"
name_zh = "远程十秒后加入"
about = "The policy says 20 s."
given.agents = { ann = { busy = 1, name = "安" }, team = 1 }
when = [{ at = "0s", submit = "li" }]
expect = [
    { contact = "li", offered_to = "team", by = "10s" },
    { contact = "li", in_queue = "help" },
]
"""


ARRIVED = (
    'Arrived on web for shop flagship. Entry rule "default" put it into queue help. From here it waited for a person.'
)


def lines(text: str, language: Language = "en", **options: bool) -> list[str]:
    outcomes = [judging.run_case(COMPILED, case) for case in cases_of(text)]
    return [line.text for line in render(outcomes, "cases.toml", language, **options)]


def test_a_report_in_english() -> None:
    """One line for what passes; for what fails: where, wanted, got, why, and the contact's story with its clock."""
    at, row = line_of(PEOPLE_TEXT + TWO, 'name = "Remote') - 1, line_of(PEOPLE_TEXT + TWO, 'by = "10s"')
    assert lines(TWO) == [
        "✓ Ann has it at once",
        f"✗ Remote at 10 s (cases.toml:{at})",
        "    The policy says 20 s.",
        f"    expected  li is offered to team, by 10s (cases.toml:{row}, case[1].expect[0])",
        "    got       offered to nobody by 10s",
        "    why       Now: waiting in queue help for 10 s, next in line.",
        "              Whoever takes it must be in pool onsite and meet: english and help ≥ 3.",
        "              Why nobody takes it: of the agents signed on, 1 fully busy, 1 in other pools.",
        '              Step "remote" opens in 10 s: pool remote may help, too.',
        "              team cannot take it, because:",
        "              team belongs to pool remote; open for this contact now: onsite.",
        "    what happened to li:",
        f"        0s  {ARRIVED}",
        "        0s  The customer waits for a reply (round 1).",
        "1 of 2 cases fail",
    ]


def test_a_report_in_chinese() -> None:
    """The case's own Chinese name, the sentences and the reasons."""
    said = lines(TWO, "zh-CN")
    assert said[0] == "✓ 立即由安接待" and said[1].startswith("✗ 远程十秒后加入 (cases.toml:")
    assert said[3].startswith("    期望  li 得到派单，派给 team，不迟于 10s (cases.toml:")
    assert said[4] == "    实际  到 10s 为止没有派给任何人"
    assert "    原因  现在：在队列 help 已等 10 秒，下一个就是它。" in said
    assert said[-1] == "2 个用例中有 1 个未通过"


def test_verbose_tells_what_held_too() -> None:
    """Each expectation that holds, and each contact's story."""
    said = lines(TWO, verbose=True)
    assert "    ✓ li is offered to ann, by 0s" in said and "    ✓ li: queue help" in said
    assert sum("what happened to li" in line for line in said) == 2
    assert lines(TWO.split('[[case]]\nname = "Remote')[0])[-1] == "1 of 1 cases pass"


def test_a_report_stays_readable() -> None:
    """Thirty contacts fail alike, then one with a long story: some of it is shown, and how much is not."""
    case = '\n[[case]]\nname = "{0}"\ngiven.agents = {{ ann = {{ capacity = 30 }} }}\n{1}'
    expect = 'expect = [{ contact = "c", never_in_pool = "onsite" }]\n'
    said = lines(case.format("many", 'when = [{ at = "0s", submit = "c", count = 30 }]\n') + expect)
    assert sum(line.lstrip().startswith("expected") for line in said) == FAILURES_SHOWN
    assert "    and 25 more expectations fail" in said
    said = lines(case.format("long", 'when = [{ at = "0s", submit = "c" }, { at = "2h" }]\n') + expect)
    assert any(f"the first {STORY_LINES} lines" in line for line in said)


def test_a_report_for_programs() -> None:
    """One object, its figures, each expectation with its place, and the story of what failed."""
    outcomes = [judging.run_case(COMPILED, case) for case in cases_of(TWO)]
    value = json.loads(as_json(outcomes, COMPILED.version, "cases.toml", "en"))
    assert (value["ok"], value["passed"], value["failed"], value["policy"]) == (False, 1, 1, COMPILED.version)
    good, bad = value["cases"]
    assert good["ok"] and good["stories"] == {}
    failed, held = bad["expectations"]
    assert (failed["ok"], held["ok"], failed["path"]) == (False, True, "case[1].expect[0]")
    assert failed["got"] == "offered to nobody by 10s" and failed["why"][0].startswith("Now: waiting")
    assert bad["stories"]["li"][0]["at"] == "0s"


@pytest.mark.parametrize("table", [phrases.PHRASES, foretelling.PHRASES])
def test_every_phrase_is_said_in_both_languages(table: dict[str, tuple[str, str]]) -> None:
    """And takes the same fields."""
    for key, (english, chinese) in table.items():
        assert english and chinese, key
        fields = [{field for _, field, _, _ in string.Formatter().parse(text) if field} for text in (english, chinese)]
        assert fields[0] == fields[1], key


def test_what_a_doer_may_find_impossible_can_be_said() -> None:
    """Each key has its phrase."""
    for key in ("not_offered", "not_served", "never_came", "refused", "not_refused"):
        assert phrases.PHRASES[Impossible(key).key]
    assert Code.UNKNOWN_QUEUE == "unknown_queue"
