"""A run's folder: whole or not there, the same figures in page, CSV and XLSX; nothing in a name is ever markup."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from sim.commands import sim as sluice_sim
from sim.reports import page
from sim.reports.compare import CompareError, load_run, pair_of, write_compare
from sim.reports.describing import describe
from sim.reports.figures import FiguresError, figures_of
from sim.reports.folder import FolderError, whole_folder
from sim.reports.reading import ALL, NAMES, WHOLE, WINDOW, ReportFold, Slice, interval_for
from sim.reports.wording import TEXTS, measure_words
from sim.reports.writing import write_report
from sim.scenario import Scenario
from sim.twin.listening import Replication
from sim.twin.scenes import replicate
from tests.sim.stage import shop

FOLD = partial(ReportFold, interval_ms=300_000)
HOSTILE = "</script><script>alert(1)</script>=\"'&<b>"


def quarter(volume: int = 12_000) -> Scenario:
    """Ten minutes of the shop from 09:30."""
    scenario = shop(volume=volume)
    return msgspec.structs.replace(scenario, end_ms=scenario.at_ms + 600_000, drain_ms=600_000)


@pytest.fixture(scope="module")
def played() -> tuple[Scenario, list[Replication]]:
    scenario = quarter()
    return scenario, replicate(scenario, 2, folds=[FOLD])


@pytest.fixture(scope="module")
def slower(played: tuple[Scenario, list[Replication]]) -> tuple[Scenario, list[Replication]]:
    """The same customers under a policy that wants more for whoever asks before a sale than anybody has."""
    text = played[0].policy_text
    before = 'requirement = "presale >= 3"\npools = ["onsite"]'
    assert before in text
    scenario = msgspec.structs.replace(played[0], policy_text=text.replace(before, before.replace(">= 3", ">= 10")))
    return scenario, replicate(scenario, 2, folds=[FOLD])


@pytest.fixture
def folder(played: tuple[Scenario, list[Replication]], tmp_path: Path) -> Path:
    write_report(*played, tmp_path / "a", "en")
    return tmp_path / "a"


def data_of(page_path: Path) -> dict[str, Any]:
    found = re.search(
        r'<script type="application/json" id="data">(.*?)</script>', page_path.read_text("utf-8"), re.DOTALL
    )
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_intervals_end_with_the_doors_and_add_to_the_whole(played: tuple[Scenario, list[Replication]]) -> None:
    """Two intervals of five minutes; contacts of the intervals and of the queues sum to the run's."""
    figures = figures_of([one.results[0] for one in played[1]])
    assert list(figures.shape.intervals) == [114, 115]
    for measure in ("submitted", "to_people", "answered"):
        parts = sum(figures.values(measure, Slice(ALL, "", interval)) for interval in figures.shape.intervals)
        queues = sum(
            np.nan_to_num(figures.values(measure, Slice("queue", name, WHOLE))) for name in figures.names("queue")
        )
        whole = figures.values(measure, Slice(ALL, "", WHOLE))
        assert whole is not None and whole.min() > 10
        assert list(np.asarray(parts)) == list(queues) == list(whole)
        assert list(whole) == list(figures.values(measure, Slice(ALL, "", WINDOW)))


def test_page_csv_and_xlsx_say_the_same(folder: Path, played: tuple[Scenario, list[Replication]]) -> None:
    """The page's JSON, the CSV read back, and the spreadsheet's XML."""
    assert {path.name for path in folder.iterdir()} == {"index.html", "figures.csv", "report.xlsx", "run.json"}
    figures = load_run(folder)[1]
    for key, values in figures_of([one.results[0] for one in played[1]]).table.items():
        np.testing.assert_allclose(figures.table[key], values, rtol=1e-9)
    data = data_of(folder / "index.html")
    level = next(row for row in data["summary"] if row["measure"] == "sl_all")
    assert level["whole"][0] == pytest.approx(figures.mean("sl_all").value, rel=1e-5)
    assert level["whole"][1] == pytest.approx(figures.mean("sl_all").half_width, rel=1e-5)
    with zipfile.ZipFile(folder / "report.xlsx") as book:
        sheets = [name for name in book.namelist() if name.startswith("xl/worksheets/sheet")]
        assert len(sheets) == 5
        summary = book.read("xl/worksheets/sheet1.xml").decode()
        assert f"<v>{figures.mean('submitted').value:.10g}</v>" in summary.replace(".0<", "<")


def test_the_page_asks_nothing_of_any_network(folder: Path) -> None:
    """No address in any attribute, style or import; its own policy forbids what is not in it."""
    text = (folder / "index.html").read_text("utf-8")
    assert "default-src 'none'" in text
    own = text.replace((Path(page.__file__).parent / "vendor" / "echarts.min.js").read_text("utf-8"), "")
    assert not re.search(r"""(?:src|href|action|data)\s*=\s*["']?\s*(?:https?:)?//""", own)
    assert "http" not in re.sub(r"http-equiv", "", own)
    assert not re.search(r"@import|url\(|<link|<iframe|fetch\(|XMLHttpRequest|WebSocket", own)


def test_names_from_files_are_never_markup(played: tuple[Scenario, list[Replication]], tmp_path: Path) -> None:
    """A scenario and a queue with a script for a name: in the page as escaped JSON, in spreadsheets as text."""
    scenario, found = played
    hostile = msgspec.structs.replace(scenario, name=HOSTILE)
    reading = found[0].results[0]
    values = {
        Slice(d, HOSTILE if (d, n) == ("queue", "presale") else n, i): v for (d, n, i), v in reading.values.items()
    }
    spoilt = [one._replace(results=(msgspec.structs.replace(one.results[0], values=values),)) for one in found]
    write_report(hostile, spoilt, tmp_path / "out", "zh")
    text = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "alert(1)</script>" not in text and text.count("<script") == 3
    assert HOSTILE in data_of(tmp_path / "out" / "index.html")["series"]
    with zipfile.ZipFile(tmp_path / "out" / "report.xlsx") as book:
        assert not any(b"<f>" in book.read(name) for name in book.namelist())
    assert HOSTILE in load_run(tmp_path / "out")[1].names("queue")


def test_a_report_is_there_whole_or_not_at_all(folder: Path) -> None:
    """A fault while it is written leaves the old one as it was, and nothing beside it."""
    before = (folder / "index.html").read_bytes()

    def fail() -> None:
        with whole_folder(folder) as made:
            (made / "index.html").write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert (folder / "index.html").read_bytes() == before
    assert [path.name for path in folder.parent.iterdir()] == ["a"]
    with whole_folder(folder) as made:
        (made / "run.json").write_text("{}")
    assert [path.name for path in folder.parent.iterdir()] == ["a"]


def test_what_is_no_report_is_not_overwritten(tmp_path: Path) -> None:
    """A folder with other things, or a file, is refused with what would do."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for target, said in ((tmp_path / "mine", "holds other things"), (tmp_path / "mine" / "thesis.txt", "is a file")):
        with pytest.raises(FolderError, match=said), whole_folder(target):
            pass
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_pairs_show_who_leaves_more_under_another_policy(
    folder: Path, slower: tuple[Scenario, list[Replication]], tmp_path: Path
) -> None:
    """The same arrivals exactly; before a sale nobody is answered; written as page, CSV and XLSX."""
    both = pair_of(load_run(folder), describe(*slower), ("now", "nobody"))
    assert both.difference("submitted", Slice(ALL, "", WHOLE))[:2] == (0, 0)
    assert both.difference("abandonment", Slice("queue", "presale", WHOLE)).value > 0.5
    write_compare(both, tmp_path / "c", "en")
    data = data_of(tmp_path / "c" / "index.html")
    level = next(row for row in data["overall"] if row["measure"] == "sl_all")
    assert level["whole"]["value"] == pytest.approx(level["b"] - level["a"], rel=1e-3) and level["whole"]["value"] < 0
    lines = (tmp_path / "c" / "differences.csv").read_text("utf-8-sig").splitlines()
    assert lines[0].startswith("dimension,name,day,from,measure,a,b,difference")
    with pytest.raises(CompareError, match="holds a comparison"):
        load_run(tmp_path / "c")


def test_what_does_not_compare_is_said(folder: Path, tmp_path: Path) -> None:
    """Other seeds, other intervals, no report, a damaged line: each with what was wanted and where."""
    described, figures = load_run(folder)
    other = msgspec.structs.replace(described, seeds=(1, 2), seed=7)
    with pytest.raises(CompareError, match=r"wanted the same seeds"):
        pair_of((described, figures), (other, figures), ("a", "b"))
    shape = msgspec.structs.replace(described.shape, within_ms=60_000)
    with pytest.raises(CompareError, match="cut otherwise"):
        pair_of((described, figures), (msgspec.structs.replace(described, shape=shape), figures), ("a", "b"))
    with pytest.raises(CompareError, match=r"holds no run\.json"):
        load_run(tmp_path)
    lines = (folder / "figures.csv").read_text("utf-8-sig").splitlines()
    lines[6] = lines[6].replace(",", ",x", 5)
    (folder / "figures.csv").write_text("\n".join(lines))
    with pytest.raises(FiguresError, match=r"figures\.csv:7: cannot be read"):
        load_run(folder)


def test_the_command_writes_a_report_and_compares_two(tmp_path: Path, folder: Path) -> None:
    """`sluice sim run --out`, then `compare` of folders; other seeds end with exit code 2 and a sentence."""
    runner = CliRunner()
    out = tmp_path / "night"
    command = ["run", "shop", "--volume", "2000", "--at", "23:30", "--out", str(out), "--within", "60", "--lang", "en"]
    done = runner.invoke(sluice_sim, command)
    assert done.exit_code == 0, done.output
    assert f"Report: {out}/index.html" in done.output
    assert data_of(out / "index.html")["within_ms"] == 60_000
    same = runner.invoke(sluice_sim, ["compare", str(folder), str(folder), "--json", "--lang", "zh"])
    assert same.exit_code == 0, same.output
    assert json.loads(same.stdout.splitlines()[-1])["measures"]["submitted"]["difference"] == 0
    other = runner.invoke(sluice_sim, ["compare", str(folder), str(out)])
    assert other.exit_code == 2 and "wanted the same seeds" in other.output
    bad = runner.invoke(sluice_sim, ["run", "shop", "--out", str(tmp_path / "x"), "--interval", "7"])
    assert bad.exit_code == 2 and "wanted minutes that divide a day" in bad.output


def test_an_interval_suits_the_run() -> None:
    """Minutes of an hour, half hours of a day, hours of a season; each divides a day."""
    lengths = [interval_for(hours * 3_600_000) for hours in (1, 4, 24, 24 * 30)]
    assert lengths == [60_000, 300_000, 1_800_000, 3_600_000]


def test_both_languages_have_every_word_that_the_page_asks_for() -> None:
    """The scripts' say("…") keys, the same keys in both, and each measure's words and definition."""
    assert set(TEXTS["en"]) == set(TEXTS["zh"])
    folder = Path(page.__file__).parent / "page"
    # What-ifs have words of their own: tests/replay/test_what_if_command.py.
    scripts = [path.read_text("utf-8") for path in folder.glob("*.js") if path.name != "what_if.js"]
    asked = set(re.findall(r'say\("(\w+)"', "".join(scripts)))
    assert asked <= set(TEXTS["en"]), asked - set(TEXTS["en"])
    assert set(measure_words()) == set(NAMES)
    for name, one in measure_words().items():
        for part in (one["words"], one["says"]):
            assert isinstance(part, dict) and set(part) == {"en", "zh"} and all(part.values()), name


def test_what_is_vendored_is_what_its_note_says() -> None:
    """Checksum and licence beside it."""
    vendor = Path(page.__file__).parent / "vendor"
    digest = hashlib.sha256((vendor / "echarts.min.js").read_bytes()).hexdigest()
    assert digest in (vendor / "README.md").read_text("utf-8")
    assert "Apache License" in (vendor / "echarts.LICENSE").read_text("utf-8")
