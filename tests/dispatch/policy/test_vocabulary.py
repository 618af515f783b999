"""Every key of the whole vocabulary: what it compiles to, and what is said about a bad one. The rules that honour the keys
have tests of their own."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.dispatch.hours import UTC
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.compiled import Kpi, Policy, Supervision, Weights
from engine.dispatch.policy.problems import PolicyErrors, Problem
from engine.dispatch.policy.zones import find_zone
from tests.dispatch.policy.drafts import line_of, queue_table, shop

OFFICE = '[calendars.office]\nzone = "Asia/Shanghai"\nweekly = { mon-fri = "09:00-18:00" }\n'
RULE = '[[entry]]\nname = "x"\nwhen = { tier = "gold" }\n'
STEP = "[[queues.presale.steps]]\n"


def draft(
    *, head: str = "", domain: str = "", shop_keys: str = "", pool: str = "", remote: str = "", queue: str = "",
    step: str = "", steps: str = "", rules: str = "",
) -> str:  # fmt: skip
    """The small shop with keys added to one of its tables; ``step``: to its step; ``steps``: further steps; ``head``: tables."""
    return shop(
        ("[tenants.acme]", (f"[domain]\n{domain}\n" if domain else "") + head + "[tenants.acme]"),
        ('[shops.flagship]\ntenant = "acme"', f'[shops.flagship]\ntenant = "acme"\n{shop_keys}'),
        ("[pools.onsite]", f"[pools.onsite]\n{pool}"),
        ("[pools.remote]", f"[pools.remote]\n{remote}"),
        ('bot_pools = ["bot"]', f'bot_pools = ["bot"]\n{queue}'),
        ('relax = ["english"]\n', f'relax = ["english"]\n{step}\n{steps}'),
        rules=rules,
    )


def problems_of(text: str) -> list[Problem]:
    try:
        compile_policy(text)
    except PolicyErrors as errors:
        return errors.problems
    return []


def compiled(**parts: str) -> Policy:
    return compile_policy(draft(**parts))


OTHER = queue_table("other", pools='["remote"]')

# (code, words of the sentence, text, the snippet on whose line it is told)
REFUSED: list[tuple[str, str, str, str]] = [
    # calendars
    ("bad_zone", '"Asia/Shangai"', draft(head=OFFICE.replace("Shanghai", "Shangai")), "zone ="),
    ("bad_zone", '"../UTC"', draft(domain='zone = "../UTC"'), "zone ="),
    ("bad_zone", '"localtime"', draft(domain='zone = "localtime"'), "zone ="),
    ("missing", "zone is missing", draft(head='[calendars.a]\nweekly.mon = "1:00-2:00"\n'), "[calendars.a]"),
    ("bad_weekday", '"monday"', draft(head=OFFICE.replace("mon-fri", "monday")), "weekly"),
    ("bad_weekday", '"fri-mon"', draft(head=OFFICE.replace("mon-fri", "fri-mon")), "weekly"),
    ("bad_span", '"9-18"', draft(head=OFFICE.replace("09:00-18:00", "9-18")), "weekly"),
    ("bad_span", '"09:00-09:00"', draft(head=OFFICE.replace("18:00", "09:00")), "weekly"),
    ("bad_span", '"09:60-18:00"', draft(head=OFFICE.replace("09:00", "09:60")), "weekly"),
    ("bad_span", '"09:00-24:01"', draft(head=OFFICE.replace("18:00", "24:01")), "weekly"),
    ("bad_span", "3", draft(head=OFFICE.replace('"09:00-18:00"', "3")), "weekly"),
    ("spans_overlap", '"11:00-12:00"', draft(head=OFFICE.replace('"09:00-18:00"', '["9:00-12:00", "11:00-12:00"]')), "weekly"),
    ("duplicate", '"wed"', draft(head=OFFICE.replace(" }", ', wed = "9:00-10:00" }')), "weekly"),
    ("too_many", "weekly has 8 entries", draft(head=OFFICE.replace(" }", "".join(f', d{n} = ""' for n in range(7)) + " }")), "weekly"),
    ("too_many", "25 entries", draft(head=OFFICE.replace('"09:00-18:00"', "[" + '"1:00-2:00", ' * 25 + "]")), "weekly"),
    ("wrong_type", "weekly must be a table", draft(head='[calendars.a]\nzone = "UTC"\nweekly = "9:00-18:00"\n'), "weekly"),
    ("bad_date", '"2026-02-30"', draft(head=OFFICE + 'holidays = ["2026-02-30"]\n'), "holidays"),
    ("bad_date", '"2026-10-07..2026-10-01"', draft(head=OFFICE + 'holidays = ["2026-10-07..2026-10-01"]\n'), "holidays"),
    ("bad_date", "366 days", draft(head=OFFICE + 'holidays = ["2026-01-01..2027-01-02"]\n'), "holidays"),
    ("bad_date", "got 5", draft(head=OFFICE + "holidays = [5]\n"), "holidays"),
    ("bad_date", '"1969-12-31"', draft(head=OFFICE + 'special = { 1969-12-31 = "9:00-10:00" }\n'), "special"),
    ("duplicate", '"2026-10-01"', draft(head=OFFICE + "holidays = [2026-10-01, 2026-10-01]\n"), "holidays"),
    ("wrong_type", "a list of dates", draft(head=OFFICE + "holidays = 2026-10-01\n"), "holidays"),
    ("too_many", "1001 entries", draft(head=OFFICE + "holidays = [" + "2026-10-01, " * 1_001 + "]\n"), "holidays"),
    ("bad_date", '"sunday"', draft(head=OFFICE + 'make_up = { sunday = "mon" }\n'), "make_up"),
    ("not_one_of", '"holiday"', draft(head=OFFICE + 'make_up = { 2026-10-10 = "holiday" }\n'), "make_up"),
    ("make_up_closed", '"sat"', draft(head=OFFICE + 'make_up = { 2026-10-10 = "sat" }\n'), "make_up"),
    ("day_twice", '"2026-10-10"', draft(head=OFFICE + 'holidays = [2026-10-10]\nmake_up = { 2026-10-10 = "fri" }\n'), "make_up"),
    ("never_opens", "never opens", draft(head='[calendars.a]\nzone = "UTC"\nholidays = [2026-10-10]\n'), "[calendars.a]"),
    ("never_opens", "never opens", draft(head='[calendars.a]\nzone = "UTC"\nweekly = { mon = [] }\n'), "[calendars.a]"),
    # names
    ("unknown_name", 'calendar "offise"', draft(head=OFFICE, queue='hours = "offise"'), "hours"),
    ("unknown_name", 'calendar "x"', draft(shop_keys='hours = "x"'), "hours"),
    ("unknown_name", 'queue "x"', draft(queue='supervisors_queue = "x"'), "supervisors_queue"),
    ("unknown_name", 'queue "x"', draft(domain='supervisors_queue = "x"'), "supervisors_queue"),
    ("unknown_name", 'queue "x"', draft(pool='owners = ["x"]\nreserve = 1'), "owners"),
    ("unknown_name", 'pool "x"', draft(step='lender_kpi = "x"'), "lender_kpi"),
    ("unknown_name", 'queue "x"', draft(steps=STEP + 'after_ms = 1\nmove_to = "x"'), "move_to"),
    # numbers and shapes
    ("above_cost", "dormant_cost must be ≤ cost (1), got 2", shop(("[channels.web]", "[channels.web]\ndormant_cost = 2")), "dormant_cost"),
    ("above_cost", "wrap_up_cost must be ≤ cost (4), got 5", shop(("[channels.web]", "[channels.web]\ncost = 4\nwrap_up_cost = 5")), "wrap_up_cost"),
    ("out_of_range", "weight must be ≥ 1, got 0", draft(shop_keys="weight = 0"), "weight"),
    ("out_of_range", "rona_share must be ≥ 0.001, got 0", draft(pool="rona_share = 0"), "rona_share"),
    ("whole_minutes", "window_ms", draft(pool='owners = ["other"]\nlend_kpi = { share = 0.8, within_ms = 20_000, window_ms = 90_000 }', head=OTHER), "lend_kpi"),
    ("missing", "lend_kpi.share", draft(pool='owners = ["other"]\nlend_kpi = { within_ms = 20_000 }', head=OTHER), "lend_kpi"),
    ("unknown_key", "weights.speed", draft(pool='choice = "weighted"\nweights = { idle = 1, speed = 2 }'), "weights"),
    ("not_one_of", '"e-mail"', draft(step='offer = ["e-mail"]'), "offer"),
    ("duplicate", '"bot"', draft(step='offer = ["bot", "bot"]'), "offer"),
    ("wrong_type", "a list of names", draft(step='offer = "bot"'), "offer"),
    ("wrong_type", "offer[0] must be text", draft(step="offer = [3]"), "offer"),
    # keys that need each other
    ("needs", 'choice = "weighted" needs pools.onsite.weights', draft(pool='choice = "weighted"'), "choice"),
    ("useless", 'weights has no effect without choice = "weighted"', draft(pool="weights = { idle = 1 }"), "weights"),
    ("all_zero", "weights are all 0", draft(pool='choice = "weighted"\nweights = { idle = 0 }'), "weights"),
    ("all_zero", "weights are all 0", draft(pool='choice = "weighted"\nweights = {}'), "weights"),
    ("useless", 'overdue has no effect without order = "promise"', draft(pool='overdue = "last"'), "overdue"),
    ("useless", 'ties has no effect without order = "longest_queue"', draft(pool='ties = "listed"'), "ties"),
    ("useless", "ties has no effect without listed", draft(pool='order = "longest_queue"\nties = "listed"'), "ties"),
    ("useless", "reserve has no effect without owners", draft(pool="reserve = 1"), "reserve"),
    ("useless", "lend_kpi has no effect without owners", draft(pool="lend_kpi = { share = 1, within_ms = 1_000 }"), "lend_kpi"),
    ("useless", "owners has no effect without reserve", draft(pool='owners = ["presale"]'), "owners"),
    ("no_target", 'pool "onsite"', draft(pool='order = "promise"'), "[queues.presale]"),
    ("needs", 'closed = "bot" needs hours', draft(queue='closed = "bot"'), "closed"),
    ("useless", "full_notice has no effect without ceiling", draft(queue='full_notice = "later"'), "full_notice"),
    ("useless", "release_per_minute has no effect without promise_ms", draft(queue="release_per_minute = 5"), "release_per"),
    ("useless", "reopen_ms has no effect without idle_close_ms", draft(queue="reopen_ms = 1"), "reopen_ms"),
    ("useless", 'hand_over_ms has no effect without hand_over = "team"', draft(queue="hand_over_ms = 1"), "hand_over_ms"),
    ("useless", "delivery_limit has no effect without supervisors_queue", draft(queue="delivery_limit = 3"), "delivery_limit"),
    ("needs", 'offer = "call_back" needs promise_ms', draft(step='offer = ["call_back"]'), "offer"),
    ("needs", 'lender_kpi = "remote" needs lend_kpi', draft(step='lender_kpi = "remote"'), "lender_kpi"),
    ("needs", "queue_length = 5 needs of_queue", draft(rules=RULE + 'queue_length = 5\ndeflect = { reason = "full", alternative = "bot" }'), "queue_length"),
    ("useless", "of_queue has no effect without queue_length", draft(rules=RULE + 'queue = "presale"\nof_queue = "presale"'), "of_queue"),
    # what cannot be true
    ("promise_short", "target_ms must be ≥ offer_ms (20000)", draft(queue="target_ms = 19_999"), "target_ms"),
    ("promise_short", "promise_ms must be ≥ offer_ms (20000)", draft(queue="promise_ms = 1"), "promise_ms"),
    ("promise_short", "target_ms must be ≥ offer_ms (20000)", draft(shop_keys="target_ms = 5_000"), "target_ms"),
    ("no_borrower", '"presale"', draft(remote='owners = ["presale"]\nreserve = 1'), "owners"),
    ("own_lender", '"remote"', draft(head=OTHER, remote='owners = ["presale"]\nlend_kpi = { share = 1, within_ms = 1_000 }', step='lender_kpi = "remote"'), "lender_kpi"),
    ("move_circle", '"presale" → "presale"', draft(steps=STEP + 'after_ms = 1\nmove_to = "presale"'), "move_to"),
    ("with_move", "raise_priority", draft(head=OTHER, steps=STEP + 'after_ms = 1\nmove_to = "other"\nraise_priority = 1'), "raise_priority"),
    ("unreachable_step", "steps[2] can never open", draft(head=OTHER, steps=STEP + 'after_ms = 1\nmove_to = "other"\n' + STEP + "after_ms = 9\nraise_priority = 1"), STEP + "after_ms = 9"),
    ("other_tenants_queue", '"zen"', draft(head='[tenants.zen]\n[queues.zen]\ntenant = "zen"\npools = ["remote"]\n', queue='hand_over_queue = "zen"'), "hand_over_queue"),
    ("other_tenants_queue", '"zen"', draft(head='[tenants.zen]\n[queues.zen]\ntenant = "zen"\npools = ["remote"]\n', steps=STEP + 'after_ms = 1\nmove_to = "zen"'), "move_to"),
    ("other_tenants_queue", 'queue "presale"', draft(domain='supervisors_queue = "zen"', head='[tenants.zen]\n[queues.zen]\ntenant = "zen"\npools = ["remote"]\n'), "supervisors_queue"),
    ("limit_circle", '"other" → "presale"', draft(domain='supervisors_queue = "other"', head=queue_table("other", pools='["remote"]', supervisors_queue='"presale"')), 'supervisors_queue = "presale"'),
    ("open_and_closed", '"office"', draft(head=OFFICE, rules=RULE + 'queue = "presale"\nwhile_open = "office"\nwhile_closed = "office"'), '[[entry]]\nname = "x"'),
]  # fmt: skip


@pytest.mark.parametrize(("code", "words", "text", "snippet"), REFUSED, ids=lambda value: str(value)[:30])
def test_each_contradiction_is_refused_at_its_line(code: str, words: str, text: str, snippet: str) -> None:
    """One mistake, one problem: what, got, wanted, and where."""
    found = problems_of(text)
    assert [(problem.code, problem.line) for problem in found] == [(code, line_of(text, snippet))], found
    assert words in found[0].message
    assert found[0].sentence("zh-CN") != found[0].message


def test_every_contradiction_of_a_text_is_told_at_once() -> None:
    """A pool, two queues and a calendar, each wrong in its own way: four problems in the order of their lines."""
    text = draft(
        head='[calendars.a]\nzone = "UTC"\n' + queue_table("other", pools='["remote"]', target_ms="1"),
        pool="weights = { idle = 1 }",
        queue='closed = "message"\nhours = "a"',
    )
    assert [problem.code for problem in problems_of(text)] == ["never_opens", "promise_short", "useless", "needs"]


# --- what the keys compile to -----------------------------------------------------------------------------------------


def test_a_pool_has_its_own_word_and_else_the_domains() -> None:
    """Order, overdue and choice are resolved: the dispatcher reads the pool alone."""
    policy = compiled(
        domain='order = "promise"\noverdue = "last"\nchoice = "most_loaded"',
        pool='order = "strict"\noverdue = "first"\nchoice = "weighted"\nweights = { idle = 1, proficiency = 3 }\nrona_share = 0.25',
        remote='owners = ["other"]\nreserve = 2\nlend_kpi = { share = 0.8, within_ms = 20_000 }\nshares = "shop"\ndaily_quota = 80',
        queue="target_ms = 60_000",
        head=queue_table("other", pools='["remote"]', target_ms="30_000"),
    )
    onsite, remote = policy.pools["onsite"], policy.pools["remote"]
    assert (onsite.order, onsite.overdue, onsite.choice) == ("strict", "first", "weighted")
    assert (onsite.weights, onsite.rona_share, onsite.owners) == (Weights(1, 0, 3), 0.25, ())
    assert (remote.order, remote.overdue, remote.choice) == ("promise", "last", "most_loaded")
    assert (remote.owners, remote.reserve, remote.lend_kpi) == (("other",), 2, Kpi(0.8, 20_000, 900_000, 0))
    assert (remote.shares, remote.daily_quota) == ("shop", 80)


def test_a_shop_speaks_before_its_queue_and_a_queue_before_the_domain() -> None:
    """Hours, targets and the supervisors' queue as the dispatcher asks for them."""
    policy = compiled(
        domain='supervisors_queue = "desk"\ndelivery_limit = 9',
        head=OFFICE
        + OFFICE.replace("office", "night")
        + queue_table("desk", pools='["remote"]')
        + queue_table("own", pools='["remote"]', supervisors_queue='"desk"', delivery_limit="3")
        + '[shops.plain]\ntenant = "acme"\n',
        shop_keys='hours = "night"\ntarget_ms = 30_000\nweight = 3\nlimit = 2\nceiling = 50\ndaily_quota = 1_000',
        queue='hours = "office"\ntarget_ms = 60_000',
    )
    found = {shop: policy.calendar_of("presale", shop) for shop in ("flagship", "plain", "")}
    assert {shop: one and one.name for shop, one in found.items()} == {
        "flagship": "night",
        "plain": "office",
        "": "office",
    }
    assert policy.calendar_of("own", "plain") is None
    assert [policy.target_of("presale", shop) for shop in ("flagship", "plain", "")] == [30_000, 60_000, 60_000]
    assert policy.supervision("presale") == Supervision(9, "desk")
    assert policy.supervision("own") == Supervision(3, "desk")
    assert policy.supervision("desk") == Supervision()
    assert compile_policy(shop()).supervision("presale") == Supervision()


def test_a_day_of_the_calendar_has_the_hours_that_are_said_last() -> None:
    """Special before holiday, holiday and make-up day before the weekday; dates may be TOML's own or in quotes."""
    policy = compiled(
        head=OFFICE.replace(" }", ', sat = ["22:00-02:00"] }')
        + 'holidays = ["2026-10-01..2026-10-07", 2026-12-31]\nmake_up = { 2026-10-11 = "fri" }\n'
        + 'special = { 2026-10-01 = ["08:00-09:00", "10:00-24:00"], 2026-10-09 = [] }\n'
    )
    office = policy.calendars["office"]
    assert office.zone is find_zone("Asia/Shanghai")
    assert office.weekly == ((((540, 1_080),) * 5) and (((540, 1_080),),) * 5 + (((1_320, 1_560),), ()))
    first = min(office.dates)
    assert {day - first: spans for day, spans in office.dates.items()} == {
        0: ((480, 540), (600, 1_440)), **dict.fromkeys((1, 2, 3, 4, 5, 6), ()), 8: (), 10: ((540, 1_080),), 91: (),
    }  # fmt: skip


def test_an_entry_rule_may_ask_for_hours_and_lengths() -> None:
    """First match as ever, and a rule that asks for more than facts is passed over while that does not hold."""
    policy = compiled(
        head=OFFICE + queue_table("other", pools='["remote"]'),
        rules='[[entry]]\nname = "night"\nwhile_closed = "office"\nqueue = "other"\n'
        '[[entry]]\nname = "long"\nwhile_open = "office"\nqueue_length = 3\nqueue = "presale"\npriority = 9\n'
        '[[entry]]\nname = "full"\nqueue_length = 2\nof_queue = "other"\ndeflect = { reason = "full", alternative = "bot" }',
    )
    monday_noon, sunday = 1_750_651_200_000, 1_750_564_800_000  # Shanghai, 23 and 22 June 2025

    def rule(at: int | None, **lengths: int) -> str:
        return policy.enter({}, at, lambda queue: lengths.get(queue, 0)).rule

    assert rule(sunday) == "night"
    assert [rule(monday_noon, presale=n) for n in (2, 3)] == ["default", "long"]
    assert rule(monday_noon, other=2) == "full"
    assert rule(monday_noon, other=2, presale=3) == "long"
    assert policy.enter({}).rule == rule(None, other=9) == "default"


def test_steps_and_costs_compile() -> None:
    """Conditions, alternatives, a move; a quarter of a slot is one unit of four."""
    policy = compile_policy(
        draft(
            head=OTHER,
            queue="promise_ms = 60_000",
            step='estimated_wait_ms = 90_000\nqueue_length = 4\noffer = ["call_back", "bot"]',
            steps=STEP + 'name = "away"\nclock = "waited"\nafter_ms = 60_000\nmove_to = "other"\n',
        ).replace(
            "[channels.web]", "[channels.web]\ncost = 4\ndormant_cost = 1\nwrap_up_cost = 2\ninterruptible = true"
        ),
    )
    first, second = policy.queues["presale"].steps
    assert (first.estimated_wait_ms, first.queue_length, first.offer) == (90_000, 4, ("call_back", "bot"))
    assert (second.move_to, second.conditional, second.only_nobody) == ("other", True, False)
    web, email = policy.channels["web"], policy.channels["email"]
    assert (web.dormant_cost, web.wrap_up_cost, web.interruptible) == (1, 2, True)
    assert (email.dormant_cost, email.wrap_up_cost, email.interruptible) == (None, None, False)


def test_a_policy_that_says_nothing_new_has_the_defaults_of_always() -> None:
    """The small shop as before: every new field says none."""
    policy = compile_policy(shop())
    fresh: list[tuple[type, Any]] = [(type(one), one) for one in (*policy.pools.values(), *policy.queues.values())]
    for struct, one in fresh:
        for field in msgspec.structs.fields(struct):
            if field.default is not msgspec.NODEFAULT and field.name not in ("bot_pools", "steps"):
                assert getattr(one, field.name) == field.default, field.name
    assert (policy.calendars, policy.supervisors_queue, policy.finish_ms, policy.zone) == ({}, "", 0, UTC)
