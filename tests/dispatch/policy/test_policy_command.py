"""`sluice policy check` and `sluice policy init`, as somebody at a terminal meets them."""

from __future__ import annotations

import copy
import json
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from engine.cli.policy import language, policy
from engine.cli.policy_report import WORDS, _who_table, length
from engine.dispatch.policy.check import check_policy
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.problems import PolicyErrors
from engine.dispatch.policy.template import TEMPLATE
from tests.dispatch.policy.drafts import line_of, queue_table, shop
from tests.dispatch.policy.test_check import TEAM


def run(*args: str | Path, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(policy, [str(arg) for arg in args], input=stdin, catch_exceptions=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text(shop(), encoding="utf-8")
    return path


def test_begin_a_policy_and_check_it(tmp_path: Path) -> None:
    """Init writes a file; check finds it fine; a second init does not touch it."""
    path = tmp_path / "new.toml"
    assert run("init", path).exit_code == 0
    assert path.read_text(encoding="utf-8") == TEMPLATE
    checked = run("check", path)
    assert checked.exit_code == 0 and "no problems" in checked.output
    path.write_text("mine", encoding="utf-8")
    again = run("init", path)
    assert again.exit_code == 2 and "--force" in again.stderr
    assert path.read_text(encoding="utf-8") == "mine"
    assert run("init", "--force", path).exit_code == 0
    assert path.read_text(encoding="utf-8") == TEMPLATE
    assert run("init", "-").stdout == TEMPLATE
    assert run("init", tmp_path / "no" / "such.toml").exit_code == 2


def test_a_good_policy_is_shown_as_tables(file: Path) -> None:
    """Who serves at each step, with names when there is a team; who may overtake whom."""
    plain = run("check", file, "--lang", "en").output
    for words in ("Who can serve each queue", "20 s after the step before", "onsite, remote", "Who may overtake whom"):
        assert words in plain
    team = file.with_name("team.toml")
    team.write_text(TEAM, encoding="utf-8")
    named = run("check", file, "--agents", team, "--lang", "en").output
    assert "1: ann" in named and "1: robo" in named


def test_a_step_shows_what_it_does_besides(file: Path) -> None:
    """Points that it adds have a column of their own, which policies without such steps do not see."""
    assert "then" not in run("check", file, "--lang", "en").output
    step = "[[queues.presale.steps]]\nafter_ms = 60_000\nraise_priority = 3\n"
    file.write_text(
        shop(("after_ms = 20_000", "after_ms = 20_000\nraise_priority = 2")).replace("[[entry]]", step + "[[entry]]")
    )
    output = run("check", file, "--lang", "en").output
    assert "then" in output and "priority +2" in output and "priority +3" in output
    assert "优先级 +3" in run("check", file, "--lang", "zh-CN").output


def test_conditions_and_moves_are_said_in_words() -> None:
    """All conditions of a step, the alternatives that it offers, and where it sends a contact."""
    text = shop(
        ("[pools.remote]", '[pools.remote]\nowners = ["other"]\nlend_kpi = { share = 0.8, within_ms = 20_000 }'),
        ('["bot"]', '["bot"]\npromise_ms = 60_000'),
        ("[queues.presale]", queue_table("other", pools='["remote"]') + "[queues.presale]"),
        (
            "after_ms = 20_000",
            'after_ms = 20_000\nestimated_wait_ms = 90_000\nqueue_length = 4\nlender_kpi = "remote"\noffer = ["call_back", "bot"]',
        ),
        ("[[entry]]", '[[queues.presale.steps]]\nwhen_nobody = true\nqueue_length = 9\nmove_to = "other"\n[[entry]]'),
    )
    report = check_policy(text)
    assert report.problems == ()
    console = Console(width=400, record=True, file=StringIO())
    console.print(_who_table(report, "en"))
    said = console.export_text()
    assert (
        "20 s after the step before, and an estimated wait of 1 min 30 s, and 4 in the queue, and remote keeps its service level"
        in said
    )
    assert "offers call_back, bot" in said
    assert "9 in the queue, or nobody eligible signed on" in said and "moves to other" in said


def test_remarks_stand_above_the_tables_and_cost_nothing(file: Path) -> None:
    """A pool that nobody uses is worth a second look, and the exit code stays 0."""
    file.write_text(shop(("[pools.bot]", "[pools.bot]\n[pools.night]")), encoding="utf-8")
    result = run("check", file, "--lang", "en")
    assert result.exit_code == 0
    assert "Worth a second look" in result.output and 'pool "night": no queue uses this pool' in result.output


def test_a_long_list_says_how_much_it_leaves_out(file: Path) -> None:
    """Two hundred queues in one pool, some by two rules: the tables stay readable."""
    rule = '[[entry]]\nname = "r{}"\nwhen = {{ n = {} }}\nqueue = "q{}"\npriority = {}\nrequirement = "{}"\n'
    rules = "".join(rule.format(n, n, n // 2, n, "english" if n % 2 else "") for n in range(400))
    queues = "".join(queue_table(f"q{n}", pools='["onsite"]') for n in range(200))
    file.write_text(shop(("[queues.presale]", queues + "[queues.presale]"), rules=rules), encoding="utf-8")
    output = run("check", file, "--lang", "en").output
    assert "pairs are left out" in output and "more" in output and "at once, by rule r1" in output


def test_a_bad_policy_is_one_line_a_problem(file: Path) -> None:
    """Lines that an editor can jump to, and exit code 1."""
    text = shop(("20_000", "-5"), ('["onsite"]', '["onsit"]'))
    file.write_text(text, encoding="utf-8")
    result = run("check", file, "--lang", "en")
    assert result.exit_code == 1
    pool, step = "queues.presale.pools[0]", "queues.presale.steps[0].after_ms"
    unknown = 'pools[0] names the pool "onsit", which does not exist; did you mean "onsite"?'
    assert result.stdout.splitlines() == [
        f'queue "presale": {unknown} ({file}:{line_of(text, "pools = ")}, {pool})',
        f'queue "presale": steps[0].after_ms must be ≥ 0, got -5 ({file}:{line_of(text, "-5")}, {step})',
    ]
    assert result.stderr == "2 problem(s)\n"


def test_chinese_by_option_or_by_locale(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Chinese locale needs no option; English can be asked for."""
    assert "没有问题" in run("check", file, "--lang", "zh-CN").output
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert language() == "zh-CN"
    assert "各队列由谁接待" in run("check", file).output
    assert "no problems" in run("check", file, "--lang", "en").output
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert language() == "en"


def test_json_for_programs(file: Path) -> None:
    """One object: version, remarks, queues, windows; with problems, their lines and codes."""
    good = json.loads(run("check", file, "--json").stdout)
    assert good["ok"] and good["version"].startswith("shop@") and good["problems"] == []
    assert good["queues"][0]["needs"][0]["steps"][1]["pools"] == ["onsite", "remote"]
    assert [pool["pool"] for pool in good["pools"]] == ["onsite", "remote", "bot"]
    assert good["pools"][0]["classes"][0]["class"] == "presale (0)"
    file.write_text(shop(("20_000", "-5")), encoding="utf-8")
    result = run("check", file, "--json", "--lang", "zh-CN")
    assert result.exit_code == 1
    bad = json.loads(result.stdout)
    (problem,) = bad["problems"]
    assert not bad["ok"] and problem["code"] == "out_of_range" and "应 ≥ 0" in problem["message"]


def test_windows_in_json_name_their_classes(tmp_path: Path) -> None:
    """After-sale is listed: it passes anybody, and the window has no figure."""
    (onsite, *_) = json.loads(run("check", "-", "--json", stdin=TEMPLATE).stdout)["pools"]
    assert onsite["windows"] == [
        {"earlier": "after_sale (2)", "later": "presale (0)", "kind": "never", "window_ms": None},
        {"earlier": "presale (0)", "later": "after_sale (2)", "kind": "unbounded", "window_ms": None},
    ]


def test_files_that_cannot_be_read(tmp_path: Path, file: Path) -> None:
    """Not there: usage. Not text: a problem with its line. A bad team: its problems, under its name."""
    assert run("check", tmp_path / "none.toml").exit_code == 2
    assert run("check").exit_code == 2
    assert run("check", file, "--lang", "fr").exit_code == 2
    binary = run("check", "-", "--lang", "en", stdin=b"[policy]\n\xff")
    assert binary.exit_code == 1 and "not UTF-8 text at byte 9 (-:2)" in binary.stdout
    team = tmp_path / "team.toml"
    team.write_text(TEAM.replace("presale = 5", "presale = 50"), encoding="utf-8")
    result = run("check", file, "--agents", team, "--lang", "en")
    assert result.exit_code == 1 and f"({team}:4, agents[0].skills.presale)" in result.stdout


def test_the_groups_of_a_cases_file_say_who_can_serve(file: Path) -> None:
    """The people of the policy's own cases, by group; a group in a pool that does not exist is a problem of that file."""
    cases = file.with_name("cases.toml")
    cases.write_text('[groups.sales]\ncount = 2\npools = ["onsite"]\nskills = { presale = 6 }\n', encoding="utf-8")
    named = run("check", file, "--agents", cases, "--lang", "en")
    assert named.exit_code == 0 and "sales-1" in named.output
    cases.write_text('[groups.sales]\npools = ["attic"]\n', encoding="utf-8")
    result = run("check", file, "--agents", cases, "--lang", "en")
    assert result.exit_code == 1 and f"({cases}:2, groups.sales.pools" in result.stdout
    broken = run("check", "-", "--agents", cases, "--lang", "en", stdin="[policy")
    assert broken.exit_code == 1 and "(-:1" in broken.stdout


def test_problems_survive_the_way_to_another_process() -> None:
    """What carries an error to another process (and copies it here) takes the problems along, not their text alone."""
    with pytest.raises(PolicyErrors) as told:
        compile_policy('[policy]\nname = ""\n[queues.a]\n')
    again = copy.copy(told.value)
    assert again.problems == told.value.problems
    assert str(again) == str(told.value)


@pytest.mark.parametrize(
    ("ms", "english", "chinese"),
    [
        (0, "0 s", "0 秒"),
        (1_500, "1.5 s", "1.5 秒"),
        (60_000, "1 min", "1 分"),
        (95_000, "1 min 35 s", "1 分 35 秒"),
        (7_200_001, "2 h 0.001 s", "2 小时 0.001 秒"),
    ],
)
def test_lengths_read_well(ms: int, english: str, chinese: str) -> None:
    """Milliseconds in files, minutes for people."""
    assert (length(ms, "en"), length(ms, "zh-CN")) == (english, chinese)


def test_every_word_stands_in_both_languages() -> None:
    """And takes the same figures."""
    for key, (english, chinese) in WORDS.items():
        assert english.count("{") == chinese.count("{"), key
