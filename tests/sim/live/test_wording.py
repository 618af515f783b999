"""Both languages say the same things, with the same figures in them."""

from __future__ import annotations

from string import Formatter

from adapters.clients.terminal.texts import TEXTS as TERMINAL
from sim.live.wording import TEXTS, Wording, share, span


def test_chinese_has_every_text_of_english_with_the_same_figures() -> None:
    """No text without its sister, no figure left out of one."""
    fields = {
        language: {key: {name for _, name, _, _ in Formatter().parse(text) if name} for key, text in texts.items()}
        for language, texts in TEXTS.items()
    }
    assert fields["zh"] == fields["en"]


def test_chinese_names_what_happened_as_the_terminal_does() -> None:
    """Whoever looks from the demo's summary to `sluice top` or `ctl` finds the same words over the same figures."""
    ours, theirs = TEXTS["zh"], {key: texts[1] for key, texts in TERMINAL.items()}
    for name in ("waiting", "longest", "connected", "submitted", "answered", "abandoned", "deflected"):
        assert ours[name] == theirs[f"col.{name}"]
    told = "".join(ours.values())
    assert "引导" not in told and "分流" in told
    for key in ("line", "abandoned", "abandonment", "by_person", "until_left"):
        assert "放弃" in ours[key], key


def test_the_language_follows_LANG() -> None:
    """Any zh is Chinese, all else English."""
    assert [Wording(tag).language for tag in ("zh_CN.UTF-8", "zh", "en_GB", "C", "")] == ["zh", "zh", "en", "en", "en"]


def test_lengths_and_shares_are_short_and_a_dash_when_there_are_none() -> None:
    """What stands in a table's cell."""
    assert [span(ms) for ms in (-1, 0, 59_400, 125_000, 3_729_000)] == ["–", "0 s", "59 s", "2:05", "1:02:09"]
    assert [share(value) for value in (-1.0, 0.0, 0.9876)] == ["–", "0.0 %", "98.8 %"]
