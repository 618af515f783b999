"""What is seen while the demo runs: a table that renews itself on a terminal, a line now and then elsewhere.

The waiting lines and the agents are the engine's own wallboard, asked once a second; the latencies are the clients'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sim.live.wording import Wording, share, span


@dataclass(frozen=True)
class Moment:
    """The state of play: ``day_text`` the scenario's time of day; ``queues`` and ``figures`` as the engine answers."""

    day_text: str
    queues: Sequence[Mapping[str, Any]]
    figures: Mapping[str, Any]
    records_per_s: float
    events: int
    offer_p99: float
    cuts: int


LOOK_S, LINE_S = 1.0, 5.0


class View:
    """``say`` tells a line of the story; ``show`` shows a moment."""

    def __init__(self, console: Console, words: Wording) -> None:
        self._console, self._words = console, words
        self._live: Live | None = None
        # Each look costs the engine some milliseconds, and a log wants no line a second.
        self.every_s = LOOK_S if console.is_terminal else LINE_S

    def say(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)

    def start(self) -> None:
        if self._console.is_terminal:
            # Renewed by hand: a refreshing thread would take its time from the actors.
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()

    def stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self, moment: Moment) -> None:
        if self._live is not None:
            self._live.update(self._table(moment), refresh=True)
            return
        self.say(self._line(moment))

    def _line(self, moment: Moment) -> str:
        figures = moment.figures
        return self._words(
            "line",
            at=moment.day_text,
            reply_rate=share(figures["reply_rate_180s"]),
            records=f"{moment.records_per_s:.0f}",
            offer_p99=_ms(moment.offer_p99),
            **{
                name: figures[name]
                for name in ("submitted", "waiting", "connected", "answered", "abandoned", "bot_contained")
            },
        )

    def _table(self, moment: Moment) -> Group:
        words, figures = self._words, moment.figures
        table = Table(title=moment.day_text, title_justify="left", expand=False, pad_edge=False)
        table.add_column(words("queue"))
        for name in ("waiting", "longest", "with_bot", "connected", "submitted", "answered", "abandoned", "reply_rate"):
            table.add_column(words(name), justify="right")
        for row in moment.queues:
            style = "red" if row["longest_wait_ms"] > 180_000 else "yellow" if row["longest_wait_ms"] > 100_000 else ""
            table.add_row(
                row["queue"],
                str(row["waiting"] or ""),
                span(row["longest_wait_ms"]) if row["waiting"] else "",
                str(row["bot"] or ""),
                str(row["connected"] or ""),
                str(row["submitted"]),
                str(row["answered"]),
                str(row["abandoned"] or ""),
                share(row["reply_rate_180s"]),
                style=style,
            )
        agents = words(
            "agents",
            signed_on=figures["agents_signed_on"],
            available=figures["agents_available"],
            load=figures["load"],
            capacity=figures["capacity"],
        )
        rates = words(
            "rates",
            records=f"{moment.records_per_s:.0f}",
            events=moment.events,
            offer_p99=_ms(moment.offer_p99),
            cuts=moment.cuts,
        )
        return Group(table, Text(agents), Text(rates), Text(words("waits"), style="dim"))


def _ms(value: float) -> str:
    return "–" if value < 0 else f"{value:.1f}"
