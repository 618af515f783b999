"""``sluice replay JOURNAL --policy``: the recorded shop under another policy, from the command line to the page."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from string import Formatter

import pytest
from click.testing import CliRunner, Result

import sim.reports.page
from adapters.storage.sqlite import SqliteStore
from engine.cli.replay import replay
from engine.dispatch import commands as cm
from engine.dispatch.commands import AgentProfile
from engine.store.memory import MemoryStore
from engine.store.recovery import take_snapshot
from sim.replay.wording import TEXTS
from tests.store.stage import Scribe
from tests.tidy.tree import ROOT

DAY = Path(__file__).parent / "shop_day.backup"
SHOP = ROOT / "examples" / "shop" / "policy.toml"


def _run(out: Path, *more: str, journal: Path = DAY, policy: Path = SHOP) -> Result:
    return CliRunner().invoke(replay, [str(journal), "--policy", str(policy), "--out", str(out), *more])


def test_the_recorded_shop_is_compared_with_the_policy_that_it_had(tmp_path: Path) -> None:
    """A page that asks nothing of any network, a row per visit, a summary; and one line of JSON that is the summary."""
    ended = _run(tmp_path / "out", "--json", "--lang", "en")
    assert ended.exit_code == 0, ended.output
    [line] = ended.stdout.splitlines()
    told = json.loads(line)
    summary = json.loads((tmp_path / "out" / "run.json").read_bytes())
    assert summary.pop("examples") is not None and summary == told
    assert told["recreation"]["agent"] == told["recreation"]["outcome"] == 0
    assert set(told["waits"]["tier"]) == {"", "vip", "svip"} & set(told["waits"]["tier"]) != set()
    with (tmp_path / "out" / "contacts.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == told["visits"] == 249
    assert sum(row["difference_ms"] != "" for row in rows) == told["waits"]["all"][""]["pairs"]
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page and not re.search(r"""(src|href)=["']https?:""", page)


@pytest.mark.parametrize(
    ("lang", "said"), [("en", "cut off and drawn beyond their cut"), ("zh-CN", "个被截断，在截断点之后抽取")]
)
def test_how_much_was_drawn_is_said_in_either_language(tmp_path: Path, lang: str, said: str) -> None:
    ended = _run(tmp_path / "out", "--lang", lang)
    assert ended.exit_code == 0 and said in ended.stdout


def test_a_policy_with_problems_shows_them_all_and_writes_nothing(tmp_path: Path) -> None:
    """As `sluice policy check` does: each with its place, exit code 1."""
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(SHOP.read_text(encoding="utf-8").replace("slope = 1.5", "slope = -1").replace("delivery_limit = 20", "delivery_limit = 0"), encoding="utf-8")  # fmt: skip
    ended = _run(tmp_path / "out", "--lang", "en", policy=wrong)
    assert ended.exit_code == 1
    assert "slope" in ended.stdout and "delivery_limit" in ended.stdout and "2 problem(s)" in ended.stderr
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_be_written_is_said_before_the_journal_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for place, why in (("file", "which is a file"), ("full", "holds other things")):
        ended = _run(tmp_path / place, "--lang", "en")
        assert (ended.exit_code, why in ended.stderr) == (2, True), ended.stderr
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"
    assert CliRunner().invoke(replay, [str(DAY), "--policy", str(SHOP)]).exit_code == 2
    assert CliRunner().invoke(replay, [str(DAY), "--check", "--policy", str(SHOP), "--out", "x"]).exit_code == 2


def test_a_damaged_journal_and_one_without_its_beginning_leave_nothing_behind(tmp_path: Path) -> None:
    """Damaged, nobody came, trimmed, not there: a sentence, exit code 2, and no folder."""
    data = bytearray(DAY.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "damaged").write_bytes(data)
    _trimmed(tmp_path / "trimmed")
    _quiet(tmp_path / "quiet")
    for journal, why in (
        ("damaged", "checksum"), ("trimmed", "needs it from its beginning"), ("quiet", "nobody came"), ("nowhere", "no journal here"),
    ):  # fmt: skip
        ended = _run(tmp_path / "out", "--lang", "en", journal=tmp_path / journal)
        assert (ended.exit_code, why in ended.stderr) == (2, True), ended.output
        assert not [path.name for path in tmp_path.iterdir() if "out" in path.name]


def _quiet(folder: Path) -> None:
    store, scribe = SqliteStore(folder), Scribe()
    store.open()
    store.commit(scribe.begin())
    store.close()


def _trimmed(folder: Path) -> None:
    whole, trimmed, scribe = MemoryStore(), SqliteStore(folder), Scribe()
    whole.open()
    whole.commit(scribe.begin())
    whole.commit(scribe.write([cm.DefineAgent(AgentProfile("ann")), cm.SignOn("ann")]))
    kept = take_snapshot(whole)
    trimmed.open()
    trimmed.begin_at(kept, 1)
    trimmed.save_snapshot(kept, whole.load_snapshot(kept))
    trimmed.commit(scribe.write(scribe.submits(3)))
    trimmed.close()


def test_the_page_has_its_words_in_both_languages() -> None:
    """Every key the script says stands in both tables, with the same fields."""
    script = (Path(sim.reports.page.__file__).parent / "page" / "what_if.js").read_text(encoding="utf-8")
    asked = set(re.findall(r"say\(\"(\w+)\"", script))
    assert asked and asked <= TEXTS["en"].keys() == TEXTS["zh"].keys()

    def fields(text: str) -> set[str]:
        return {name.split(":")[0] for _, name, _, _ in Formatter().parse(text) if name}

    unlike = [key for key in TEXTS["en"] if fields(TEXTS["en"][key]) != fields(TEXTS["zh"][key])]
    assert unlike == []
