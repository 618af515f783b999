"""Every measure, defined once: metrics, wallboards, the twin and its reports all read these.

A measure is a function of one added-up row; -1 says that there is nothing to measure. Lengths are ms, shares 0 to 1. T is
``Terms.within_ms``, 180 s unless said otherwise. The page docs/measures.md is written from the docstrings here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from engine.measures.rows import ContactRow, StaffRow

# Merchants' platforms ask for a reply within three minutes.
WITHIN_MS: Final = 180_000
# … counted between these hours of the day.
WINDOW_MS: Final = (8 * 3_600_000, 24 * 3_600_000)


class Terms(NamedTuple):
    """``within_ms``: T, one of the marks of the rows; ``short_ms``: T_short, who abandons within it is left out of
    ``sl_excl_ab_t`` (None: T itself). ``span_ms``: the length of what was added up, for means over time."""

    within_ms: int = WITHIN_MS
    span_ms: int = 0
    short_ms: int | None = None


class Measure(NamedTuple):
    """``of``: contacts or staff, the row it reads. ``better``: more, less, or empty. ``unit``: share, ms, contacts, agents,
    or ratio."""

    name: str
    of: str
    unit: str
    better: str
    words: dict[str, str]
    read: Callable[[Any, Terms], float]

    @property
    def says(self) -> str:
        return " ".join((self.read.__doc__ or "").split())


MEASURES: Final[dict[str, Measure]] = {}

_Read = Callable[[Any, Terms], float]


def _measure(of: str, unit: str, better: str, en: str, zh: str) -> Callable[[_Read], _Read]:
    def note(read: _Read) -> _Read:
        name = read.__name__
        MEASURES[name] = Measure(name, of, unit, better, {"en": en, "zh": zh}, read)
        return read

    return note


def _share(part: float, whole: float) -> float:
    return part / whole if whole else -1.0


# --- how many -------------------------------------------------------------------------------------------------------


@_measure("contacts", "contacts", "", "let in", "进入")
def submitted(row: ContactRow, terms: Terms) -> float:
    """Contacts that were let in, to a bot or to people."""
    return row.submitted


@_measure("contacts", "contacts", "", "for people", "需人工")
def to_people(row: ContactRow, terms: Terms) -> float:
    """Contacts that began to wait for a person: let in so, handed off by a bot, or open again."""
    return row.to_people


@_measure("contacts", "contacts", "more", "answered", "已答复")
def answered(row: ContactRow, terms: Terms) -> float:
    """Contacts to which a person wrote (on channels without messages: that were connected). Bots' words do not count."""
    return row.answered


@_measure("contacts", "contacts", "less", "abandoned", "放弃")
def abandoned(row: ContactRow, terms: Terms) -> float:
    """Contacts that left while they waited, silently or not, whoever they waited for."""
    return row.abandoned


# --- service levels -------------------------------------------------------------------------------------------------


def known(row: ContactRow) -> int:
    """Contacts that waited for a person and whose outcome is known: answered, abandoned before that, or closed without a
    person's word. Who abandons, comes back in time and is answered counts with both."""
    return row.answered + row.abandoned_waits.count + row.unanswered


@_measure("contacts", "share", "more", "service level, of all", "服务水平（全部）")
def sl_all(row: ContactRow, terms: Terms) -> float:
    """Answered after a wait of at most T ÷ all who waited for a person (answered, abandoned, closed without a word). The wait is the time
    spent waiting for a person, without bot and connected time."""
    return _share(row.waits.within(terms.within_ms), known(row))


@_measure("contacts", "share", "more", "service level, without early abandons", "服务水平（不计早退）")
def sl_excl_ab_t(row: ContactRow, terms: Terms) -> float:
    """Answered after a wait of at most T ÷ (all who waited for a person − those who abandoned within T_short). T_short is T unless said
    otherwise; who abandons later is a miss. With T_short = T it is SL_exclAbT of the reference cases."""
    short_ms = terms.within_ms if terms.short_ms is None else terms.short_ms
    return _share(row.waits.within(terms.within_ms), known(row) - row.abandoned_waits.within(short_ms))


@_measure("contacts", "share", "more", "service level, of the answered", "服务水平（已答复）")
def sl_served(row: ContactRow, terms: Terms) -> float:
    """Answered after a wait of at most T ÷ answered. Says nothing about who left."""
    return _share(row.waits.within(terms.within_ms), row.answered)


# --- waits ----------------------------------------------------------------------------------------------------------


@_measure("contacts", "ms", "less", "ASA", "平均应答时间 ASA")
def asa_ms(row: ContactRow, terms: Terms) -> float:
    """Mean wait of the answered."""
    return asa_over((row,))


def asa_over(rows: Sequence[ContactRow]) -> float:
    """Of many rows, without adding them up."""
    return _share(sum(row.waits.total for row in rows), sum(row.waits.count for row in rows))


@_measure("contacts", "ms", "less", "mean wait, of all", "平均等待（全部）")
def wait_mean_ms(row: ContactRow, terms: Terms) -> float:
    """Mean wait of all who were answered or abandoned before that: E_W of the reference cases."""
    count = row.waits.count + row.abandoned_waits.count
    return _share(row.waits.total + row.abandoned_waits.total, count)


@_measure("contacts", "ms", "less", "wait p50", "等待 p50")
def wait_p50_ms(row: ContactRow, terms: Terms) -> float:
    """The wait that half of the answered did not pass (nearest rank, within 1 %)."""
    return row.waits.quantile_ms(0.5)


@_measure("contacts", "ms", "less", "wait p90", "等待 p90")
def wait_p90_ms(row: ContactRow, terms: Terms) -> float:
    """The wait that nine in ten of the answered did not pass (within 1 %)."""
    return row.waits.quantile_ms(0.9)


@_measure("contacts", "ms", "less", "wait p95", "等待 p95")
def wait_p95_ms(row: ContactRow, terms: Terms) -> float:
    """The wait that 95 % of the answered did not pass (within 1 %)."""
    return row.waits.quantile_ms(0.95)


@_measure("contacts", "ms", "less", "wait p99", "等待 p99")
def wait_p99_ms(row: ContactRow, terms: Terms) -> float:
    """The wait that 99 % of the answered did not pass (within 1 %)."""
    return row.waits.quantile_ms(0.99)


@_measure("contacts", "contacts", "less", "mean queue length", "平均排队数")
def queue_length(row: ContactRow, terms: Terms) -> float:
    """Contacts that waited for a person, open offers included: mean over time (contacts × ms ÷ ms of the span)."""
    return _share(row.waiting_ms, terms.span_ms)


# --- replies --------------------------------------------------------------------------------------------------------


@_measure("contacts", "ms", "less", "mean first reply", "平均首次响应")
def first_reply_mean_ms(row: ContactRow, terms: Terms) -> float:
    """From the customer's first unanswered message to a person's first (no message: from the connection; on channels without messages: the wait). Mean of
    the answered."""
    return row.first_replies.mean_ms


@_measure("contacts", "ms", "less", "first reply p90", "首次响应 p90")
def first_reply_p90_ms(row: ContactRow, terms: Terms) -> float:
    """The first reply that nine in ten of the answered did not wait longer for (within 1 %)."""
    return row.first_replies.quantile_ms(0.9)


@_measure("contacts", "ms", "less", "mean response per round", "平均响应（每轮）")
def response_mean_ms(row: ContactRow, terms: Terms) -> float:
    """Mean length of the reply rounds that a person answered: from the customer's first unanswered message to a person's
    reply. Automatic replies end no round."""
    return row.reply_rounds.mean_ms


@_measure("contacts", "share", "more", "reply rate", "响应率")
def reply_rate(row: ContactRow, terms: Terms) -> float:
    """Rounds that a person answered within T ÷ all that ended, answered or not. A round counts where it began, so a window (08:00–24:00) is the sum
    of its intervals. A live engine counts since it started."""
    return reply_rate_over((row,), terms)


def reply_rate_over(rows: Iterable[ContactRow], terms: Terms) -> float:
    """Of many rows, without adding them up."""
    in_time = ended = 0
    for row in rows:
        in_time += row.reply_rounds.within(terms.within_ms)
        ended += rounds(row)
    return _share(in_time, ended)


def rounds(row: ContactRow) -> int:
    """Reply rounds that ended."""
    return row.reply_rounds.count + row.rounds_unanswered


@_measure("contacts", "ms", "less", "bot's first word", "机器人首次响应")
def bot_reply_mean_ms(row: ContactRow, terms: Terms) -> float:
    """From the contact's arrival in the bot stage to a bot's first message: mean."""
    return row.bot_replies.mean_ms


# --- who leaves, who need not wait ----------------------------------------------------------------------------------


@_measure("contacts", "share", "less", "abandonment", "放弃率")
def abandonment(row: ContactRow, terms: Terms) -> float:
    """Abandoned before a person had answered ÷ all who waited for a person (as in ``sl_all``)."""
    return _share(row.abandoned_waits.count, known(row))


@_measure("contacts", "share", "", "silent, of the abandoned", "放弃中未告知的")
def silent_share(row: ContactRow, terms: Terms) -> float:
    """Abandoned without saying so, and found out ÷ abandoned."""
    return _share(row.abandoned_silently, row.abandoned)


@_measure("contacts", "share", "less", "deflection", "婉拒率")
def deflection(row: ContactRow, terms: Terms) -> float:
    """Refused entry, with a reason and an alternative ÷ (refused + let in)."""
    refused = row.deflected.total()
    return _share(refused, refused + row.submitted)


@_measure("contacts", "share", "more", "containment", "机器人自助解决率")
def containment(row: ContactRow, terms: Terms) -> float:
    """Closed by a bot alone ÷ (that + handed off to people)."""
    return _share(row.bot_contained, row.bot_contained + row.handed_off)


@_measure("contacts", "share", "", "bots' share", "机器人占比")
def bot_share(row: ContactRow, terms: Terms) -> float:
    """Closed by a bot alone ÷ let in."""
    return _share(row.bot_contained, row.submitted)


# --- offers and ways back -------------------------------------------------------------------------------------------


@_measure("contacts", "share", "less", "re-offers", "重派率")
def reoffer_share(row: ContactRow, terms: Terms) -> float:
    """Offers made to a contact whose last offer had come to nothing (declined, expired or rescinded) ÷ offers made."""
    return _share(row.reoffers, row.offers["made"])


@_measure("contacts", "share", "less", "RONA", "派单超时率")
def rona_share(row: ContactRow, terms: Terms) -> float:
    """Offers that expired unanswered ÷ offers made."""
    return _share(row.offers["expired"], row.offers["made"])


@_measure("contacts", "share", "less", "transfers", "转接率")
def transfer_share(row: ContactRow, terms: Terms) -> float:
    """Transfers (hand-offs by bots apart) ÷ answered. A contact that is passed on twice counts twice."""
    return _share(row.transferred, row.answered)


@_measure("contacts", "share", "less", "re-contacts", "重复来访率")
def recontact_share(row: ContactRow, terms: Terms) -> float:
    """Contacts opened again (closed as idle, and the customer came back in time) ÷ let in."""
    return _share(row.reopened, row.submitted)


# --- staff ----------------------------------------------------------------------------------------------------------


def occupancy_of(used: float, free: float) -> float:
    """(Connected + wrap-up) ÷ (that + available), in units of capacity: units in use ÷ (that + units of available agents
    that are free). An open offer holds its units and so is in use. -1: nobody was available or had anything."""
    return _share(used, used + free)


@_measure("staff", "share", "", "occupancy", "占用率")
def occupancy(row: StaffRow, terms: Terms) -> float:
    """Units × time in use (connected, wrap-up, open offers) ÷ (that + free units × time of available agents)."""
    return occupancy_of(row.used, row.free)


@_measure("staff", "ratio", "", "concurrency", "并发会话数")
def concurrency(row: StaffRow, terms: Terms) -> float:
    """Contacts that an agent has in hand at once while it has any: contacts × time ÷ agents × time with at least one. Wrap-up and open
    offers are in hand."""
    return _share(row.held_ms, row.busy_ms)


@_measure("staff", "ms", "", "handle time", "平均处理时长 AHT")
def handle_ms(row: StaffRow, terms: Terms) -> float:
    """Contacts × time in hand (from the offer to the end of wrap-up) ÷ contacts connected. Those who have several at once take longer for
    each."""
    return _share(row.held_ms, row.connected)


@_measure("staff", "agents", "", "agents there", "在岗人数")
def agents(row: StaffRow, terms: Terms) -> float:
    """Agents signed on, or lost and in their grace: mean over time."""
    return _share(row.present_ms, terms.span_ms)


@_measure("staff", "share", "less", "not ready", "未就绪")
def not_ready_share(row: StaffRow, terms: Terms) -> float:
    """Agents × time not ready (breaks, RONA) ÷ agents × time there."""
    return _share(row.not_ready_ms, row.present_ms)
