"""`sluice demo` as a user runs it: a real engine, real sockets, a few seconds."""

from __future__ import annotations

import json
import os
import re
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner
from rich.console import Console

from adapters.clients import connect
from sim.live.commands import Request, demo, shipped_scenario
from sim.live.performance import Performance
from sim.live.wording import Wording
from sim.scenario import load_scenario
from tests.sim.stage import SHOP

ROOT = Path(__file__).resolve().parents[3]
SLUICE = [sys.executable, "-c", "from engine.cli import main; main()"]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SLUICE, "demo", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_few_seconds_of_the_shop_end_with_one_json_line_and_no_fault(tmp_path: Path) -> None:
    """Two hundred agents and four channels over sockets; everything sums, clients and journal agree, the store is kept."""
    store = tmp_path / "kept"
    done = _run("--for", "3", "--speed", "40", "--json", "--lang", "en", "--store", str(store))
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    result = json.loads(line)
    outcomes = ("answered", "abandoned", "deflected", "bot_contained", "open")
    assert result["submitted"] == sum(result[name] for name in outcomes) > 50
    assert (result["lost"], result["double_assigned"], result["over_capacity"]) == (0, 0, 0)
    assert result["ok"] and result["counts_agree"] and result["journal"]["ok"]
    assert result["agents"] >= 200 and result["offer_p99_ms"] > 0
    assert result["speed"] == 40 and result["until"] == "09:32:00"
    assert "Summary, 09:30:00 to 09:32:00" in done.stderr
    assert (store / "store").is_dir() and str(store) in done.stderr


def test_at_the_desk_the_bot_answers_real_questions_and_hands_the_rest_on(tmp_path: Path) -> None:
    """The shipped bot in the engine, the labelled set's questions; afterwards the desk's tables are what the journal says."""
    store = tmp_path / "demo"
    played = _run("--desk", "--for", "6", "--speed", "20", "--json", "--store", str(store))
    assert played.returncode == 0, played.stderr
    summary = json.loads(played.stdout.splitlines()[-1])
    assert (summary["lost"], summary["double_assigned"], summary["faults"]) == (0, 0, [])
    assert summary["messages"] > summary["submitted"] > 0 and summary["handoffs"] > 0
    assert 0.2 < summary["bot_containment"] < 1
    command = [*SLUICE, "desk", "rebuild", str(store / "store"), "--check", "--json"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    rows = json.loads(checked.stdout)["rows"]
    assert rows["customer_contacts"] > 0 and rows["conversation_notes"] > 0, "what the bot told who goes on"


@contextmanager
def _held(store: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A demo that has been played and goes on, and all that it has told so far."""
    arguments = ("demo", "--for", "1", "--speed", "20", "--hold", "--lang", "en", "--store", str(store), *arguments)
    with subprocess.Popen([*SLUICE, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = ""
        for line in process.stdout:
            told += line
            if "the store:" in line:
                break
        try:
            yield process, told
        finally:
            if process.poll() is None:  # a story that broke off
                process.kill()


def test_held_it_stays_until_it_is_told_to_stop_and_takes_the_engine_with_it(tmp_path: Path) -> None:
    """--hold has told its summary, checks included, and where to look; Ctrl-C is the end it waited for: code 0."""
    store = tmp_path / "held"
    with _held(store) as (process, told):
        assert "Summary, 09:30:00" in told and "✓ journal verified" in told
        assert "sluice top --url ws://127.0.0.1:" in told and "/metrics" in told and "in real time" in told
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        rest = process.stdout.read()
        assert process.wait(60) == 0
    assert "the store is kept" in rest and "Traceback" not in rest
    verified = subprocess.run(
        [*SLUICE, "journal", "verify", str(store / "store"), "--json"], capture_output=True, text=True, check=True
    )
    assert json.loads(verified.stdout)["ok"], "the engine had stopped, and left a whole journal"


def test_held_the_clock_is_yours_and_somebody_answers(tmp_path: Path) -> None:
    """After a play at 20 × a second is a second again; the agents are back at their desks, and a bot greets who comes."""
    with _held(tmp_path / "held") as (process, told):
        found = re.search(r"--url (ws://\S+)", told)
        assert found is not None
        trio.run(_visit, found[1])
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


async def _visit(url: str) -> None:
    async with connect(url, role="channel", subject="web", tenant="maple") as client:
        assert client.welcome is not None and client.welcome.clock_scale == 1.0
        submit = {"type": "contact.submit", "tenant": "maple", "channel": "web", "external_id": "v-1", "customer": "li"}
        await client.do(submit, "hello?")
        with trio.fail_after(30):
            async for push in client.pushes():
                if any(event["type"] == "message.added" and event["sender"] == "bot" for event in push.events):
                    break
    async with connect(url, role="supervisor", subject="me", tenant="maple") as supervisor:
        assert (await supervisor.ask({"type": "figures"}))["agents_signed_on"] > 200


def test_held_a_policy_that_was_swapped_in_stays(tmp_path: Path) -> None:
    """The engine's next start goes on under the policy in force, not under the scenario's file."""
    scenario = load_scenario(SHOP)
    request = Request(scenario, 1, 20, False, True, "en", None)
    performance = Performance(request, tmp_path, Console(), Wording("en"))
    assert performance._policy_file(scenario.policy_text) == Path(scenario.policy_path)
    assert performance._policy_file("[policy]").read_text() == "[policy]"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the engine's process in /proc")
def test_an_engine_that_is_killed_ends_the_demo_at_once_with_code_3(tmp_path: Path) -> None:
    """kill -9 in the middle: no waiting for connections that will not come back, one line, and no traceback."""
    arguments = ["demo", "--for", "60", "--speed", "20", "--lang", "en", "--store", str(tmp_path / "shot")]
    with subprocess.Popen([*SLUICE, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "the doors open" in line:
                break
        [engine] = [int(child) for child in _children_of(process.pid)]
        os.kill(engine, signal.SIGKILL)
        rest = process.stdout.read()
    assert process.returncode == 3
    assert "the demo cannot go on: the engine ended on its own, code -9" in rest and "Traceback" not in rest


def _children_of(pid: int) -> list[str]:
    return [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def test_help_defines_every_figure() -> None:
    """What p99 and open mean is written where one looks for it."""
    told = CliRunner().invoke(demo, ["--help"]).output
    for word in ("offer_p99_ms", "bot_contained", "double_assigned", "reply_rate_180s", "Exit codes", "scenario"):
        assert word in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--day", "monday"], 'scenario.day: got "monday", wanted one of bank, double11'),
        (["--at", "9.30"], 'scenario.at: got "9.30", wanted HH:MM'),
        (["--scenario", "nowhere.toml"], "nowhere.toml:1: cannot be read"),
        (["--speed", "0"], "Invalid value for '--speed'"),
        (["--for", "0"], "Invalid value for '--for'"),
    ],
)
def test_wrong_usage_is_told_before_anything_starts(arguments: list[str], told: str) -> None:
    """Exit code 2 and a line that says what was wanted."""
    done = CliRunner().invoke(demo, arguments)
    assert done.exit_code == 2
    assert told in done.output


def test_a_store_that_holds_something_is_not_played_into(tmp_path: Path) -> None:
    """Somebody's journal stays as it is."""
    (tmp_path / "journal").write_text("mine")
    done = CliRunner().invoke(demo, ["--store", str(tmp_path)])
    assert done.exit_code == 2 and "not empty" in done.output


def _no_store(folder: Path) -> str:
    """A path longer than SQLite takes: the engine will not start."""
    return str(folder.joinpath(*["deep" * 50] * 6))


def test_an_engine_that_cannot_start_is_one_line_and_code_3(tmp_path: Path) -> None:
    """There is no room for its journal: the engine says so, and so do we, with its words."""
    done = _run("--store", _no_store(tmp_path), "--for", "1", "--lang", "en")
    assert done.returncode == 3
    assert "the demo cannot go on" in done.stdout and "store" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_broken_policy_is_a_problem_of_the_scenario(tmp_path: Path) -> None:
    """Told with its place before anything starts."""
    text = SHOP.read_text(encoding="utf-8").replace("../data", str(SHOP.parents[1] / "data"))
    (tmp_path / "scenario.toml").write_text(text, encoding="utf-8")
    (tmp_path / "policy.toml").write_text("[policy]\nname = 3\n", encoding="utf-8")
    done = CliRunner().invoke(demo, ["--scenario", str(tmp_path / "scenario.toml")])
    assert done.exit_code == 2 and "policy.toml:2, policy.name" in done.output


def test_in_chinese_the_day_has_its_chinese_title(tmp_path: Path) -> None:
    """The scenario's own words, too, are in the language that was asked for."""
    done = _run("--store", _no_store(tmp_path), "--for", "1", "--lang", "zh")
    assert "平常的一天" in done.stdout and "a weekday" not in done.stdout


def test_the_shipped_scenario_is_found_and_whole() -> None:
    """From the repository, or from beside the installed package."""
    assert shipped_scenario() == SHOP
    assert load_scenario(shipped_scenario()).name == "shop"


def test_the_embedding_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Ten lines: a VIP finds Ann, and the engine explains it."""
    runpy.run_path(os.fspath(ROOT / "examples" / "embed.py"), run_name="__main__")
    assert "queue='vip'" in capsys.readouterr().out
