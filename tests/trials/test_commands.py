"""`sluice policy test` and `sluice policy explain`, as somebody at a terminal meets them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.cli import main
from tests.trials.desk import PEOPLE, POLICY
from tests.trials.test_report import TWO

ROOT = Path(__file__).resolve().parents[2]


def run(*args: str | Path, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(main, ["policy", *(str(arg) for arg in args)], input=stdin, catch_exceptions=False)


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY, encoding="utf-8")
    return path


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    path = tmp_path / "cases.toml"
    path.write_text(PEOPLE + TWO, encoding="utf-8")
    return path


def test_a_failing_case_ends_with_1(policy: Path, cases: Path) -> None:
    """One passes, one fails; only the one that passes ends with 0."""
    result = run("test", policy, cases, "--lang", "en")
    assert result.exit_code == 1
    assert "✓ Ann has it at once" in result.output and f"✗ Remote at 10 s ({cases}:" in result.output
    assert "1 of 2 cases fail" in result.output
    one = run("test", policy, cases, "--lang", "en", "--only", "Ann", "--verbose")
    assert one.exit_code == 0
    assert "✓ li is offered to ann, by 0s" in one.output
    assert run("test", policy, cases, "--only", "立即").exit_code == 0


def test_in_chinese_and_for_programs(policy: Path, cases: Path) -> None:
    """--lang zh and zh-CN are one; --json is one object with the same verdict."""
    for tag in ("zh", "zh-CN"):
        assert "2 个用例中有 1 个未通过" in run("test", policy, cases, "--lang", tag).output
    result = run("test", policy, cases, "--json", "--lang", "en")
    assert result.exit_code == 1
    value = json.loads(result.stdout)
    assert (value["ok"], value["passed"], value["failed"]) == (False, 1, 1)


def test_files_with_problems_end_with_2(policy: Path, cases: Path, tmp_path: Path) -> None:
    """A cases file: every problem with its line. A policy: its problems. Neither there: said in a sentence."""
    cases.write_text(
        (PEOPLE + TWO).replace('by = "10s"', 'by = "ten"').replace('"li", in_queue', '"lii", in_queue'), "utf-8"
    )
    result = run("test", policy, cases, "--lang", "en")
    assert result.exit_code == 2
    told = result.stdout.splitlines()
    assert len(told) == 2 and f"({cases}:" in told[0] and "case[1].expect[0].by" in told[0]
    assert 'did you mean "li"?' in told[1]
    assert result.stderr == "2 problem(s)\n"
    value = json.loads(run("test", policy, cases, "--json").stdout)
    assert not value["ok"] and [one["code"] for one in value["problems"]] == ["length", "unknown_here"]
    bad = tmp_path / "bad.toml"
    bad.write_text("[policy", encoding="utf-8")
    assert run("test", bad, cases).exit_code == 2
    assert run("test", tmp_path / "none.toml", cases).exit_code == 2
    assert run("test", policy).exit_code == 2
    bad.write_bytes(b"[contact]\n\xff")
    assert "not UTF-8 text at byte 10" in run("test", policy, bad, "--lang", "en").stdout
    cases.write_text(PEOPLE + TWO, encoding="utf-8")
    nothing = run("test", policy, cases, "--only", "nowhere", "--lang", "en")
    assert nothing.exit_code == 2 and 'no case has "nowhere" in its name' in nothing.stderr


SWAP = """
[[case]]
name = "Late"
given.agents = { ann = 1 }
when = [
    { at = "0s", submit = ["li", "zhao"] },
    { at = "5s", apply_policy = "other/late.toml" },
    { at = "6s", submit = "wang" },
]
expect = [
    { queue = "late", length = 3 },
    { contact = "wang", in_queue = "late", rule = "all" },
]
"""


def test_a_case_applies_another_policy(policy: Path, cases: Path) -> None:
    """Its file stands beside the cases, by its path from there; rows may name what only that policy has."""
    cases.write_text(PEOPLE + SWAP, encoding="utf-8")
    late = cases.parent / "other" / "late.toml"
    missing = run("test", policy, cases, "--lang", "en")
    assert missing.exit_code == 2
    assert 'names the policy "other/late.toml": there is no such file beside the cases' in missing.stdout
    assert (
        "case[0].when[1].apply_policy" in missing.stdout
        and "用例文件旁没有这个文件" in run("test", policy, cases, "--lang", "zh").stdout
    )

    late.parent.mkdir()
    swapped = POLICY[: POLICY.index("[queues.help]")] + LATE
    late.write_text(swapped, encoding="utf-8")
    result = run("test", policy, cases, "--lang", "en")
    assert result.exit_code == 0, result.output

    late.write_text(swapped.replace('pools = ["onsite"]', 'pools = ["moon"]'), encoding="utf-8")
    bad = run("test", policy, cases, "--lang", "en")
    assert bad.exit_code == 2 and 'which has 2 problem(s), first: queue "late"' in bad.stdout
    cases.write_text(PEOPLE + BAD, encoding="utf-8")
    refused = run("test", policy, cases, "--lang", "en")
    assert refused.exit_code == 0, refused.output


LATE = """
[queues.late]
tenant = "acme"
requirement = "help >= 9"
pools = ["onsite"]

[queues.bells]
tenant = "bell"
pools = ["onsite"]

[[entry]]
name = "all"
queue = "late"
"""
BAD = """
[[case]]
name = "Not a policy"
when = [
    { at = "0s", submit = "li" },
    { at = "5s", apply_policy = "other/late.toml", refused = "bad_policy" },
]
expect = [{ contact = "li", in_queue = "help" }]
"""


def test_cases_from_standard_input(policy: Path) -> None:
    """- is the pipe, for either file."""
    assert run("test", policy, "-", "--only", "Ann", stdin=PEOPLE + TWO).exit_code == 0


CONTACT = '{"tenant": "acme", "channel": "web", "attributes": {"tier": "vip"}}'


def test_explain_tells_step_by_step(policy: Path, cases: Path) -> None:
    """In English or Chinese, with a team or without, from the pipe, or as JSON."""
    plain = run("explain", policy, "--contact", CONTACT, "--lang", "en")
    assert plain.exit_code == 0
    assert 'Entry rule 3, "vip", is the first that matches.' in plain.output
    team = run("explain", policy, "--contact", "-", "--agents", cases, "--lang", "en", stdin=CONTACT)
    assert team.exit_code == 0 and "Of those given: ann, bob." in team.output
    assert "最先匹配" in run("explain", policy, "--contact", CONTACT, "--lang", "zh").output
    value = json.loads(run("explain", policy, "--contact", CONTACT, "--json", "--at", "2026-11-11 00:00:00").stdout)
    assert value["rule"] == {"number": 3, "name": "vip"}


def test_explain_says_what_is_wrong_with_its_options(policy: Path, tmp_path: Path) -> None:
    """The contact, the team, the length: each problem where it is, and exit code 2."""
    wrong = run("explain", policy, "--contact", '{"tier": "vip", "channel": "wbe"}', "--lang", "en")
    assert wrong.exit_code == 2
    assert 'did you mean "attributes.tier"? (--contact:1, tier)' in wrong.stdout
    assert 'did you mean "web"?' in wrong.stdout
    team = tmp_path / "team.toml"
    team.write_text("[groups.x]\npools = ['moon']", encoding="utf-8")
    assert run("explain", policy, "--contact", CONTACT, "--agents", team).exit_code == 2
    assert run("explain", policy, "--contact", CONTACT, "--bot", "soon").exit_code == 2
    assert run("explain", policy).exit_code == 2
    assert run("explain", policy, "--contact", "{", "--json").exit_code == 2


def test_help_says_what_they_do_and_how_they_end() -> None:
    """Both stand in the group's help, and say their exit codes."""
    group = run("--help").output
    assert "test" in group and "explain" in group
    for command in ("test", "explain"):
        output = run(command, "--help").output
        assert "Exit codes:" in output and "--json" in output and "--lang" in output


def test_the_room_is_pure() -> None:
    """Cases are played without an event loop, a database, a random number or a clock."""
    code = (
        "import sys, engine.trials.judging, engine.trials.report, engine.trials.foretelling; print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in eval(done.stdout)}
    assert loaded & {"trio", "apsw", "sqlite3", "click", "rich", "numpy", "logging", "socket"} == set()
