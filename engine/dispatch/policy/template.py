"""The commented example that ``sluice policy init`` writes: a small shop, every key once, with its default and unit.

Convention, kept by a test: each key stands on a line of its own, ``key = value  # default …; meaning`` (or ``required``);
a key left at its default is commented out, and so is a whole table that is left away. A comment that goes on in the next
line goes on in its column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_KEY = re.compile(r"(?:# )?([\w-]+) = (\S.*?)\s+# (default|required)\b:?\s*(.*)")
_HEADER = re.compile(r"(# )?\[\[?([\w.]+)\]\]?(?:\s.*)?")
_MORE = re.compile(r"#\s{20,}(\S.*)")
_INNER = {"steps": "steps", "deflect": "deflect", "weights": "weights", "lend_kpi": "kpi"}


class KeyLine(NamedTuple):
    """One documented key. ``said``: its comment behind ``kind``; ``live``: not commented out; ``apart``: in a table that is."""

    section: str
    key: str
    value: str
    kind: str
    said: str
    live: bool
    apart: bool


def documented() -> Iterator[KeyLine]:
    """Every key that the example documents, in its order."""
    section, apart = "", False
    line: KeyLine | None = None
    for row in TEMPLATE.splitlines():
        if line is not None and (more := _MORE.fullmatch(row)):
            line = line._replace(said=f"{line.said} {more[1]}")
            continue
        if line is not None:
            yield line
            line = None
        if header := _HEADER.fullmatch(row):
            parts = header[2].split(".")
            section, apart = _INNER.get(parts[-1], parts[0]), bool(header[1])
        elif key := _KEY.fullmatch(row):
            line = KeyLine(section, key[1], key[2], key[3], key[4], not row.startswith("#"), apart)
    if line is not None:
        yield line


TEMPLATE = """\
# A small shop's routing policy. Check it with `sluice policy check`, run it with `sluice serve`.
# Lengths of time are whole milliseconds and end in _ms. A line that starts with `# key =` shows a default.

[policy]
name = "corner-shop"              # required; stands on every decision, with a digest of this file

[domain]
# grace_ms = 120_000              # default 120_000 ms; an agent's connection is gone: how long its contacts wait for it
# several_per_customer = false    # default false; true: a customer may have several open contacts with one shop
# delivery_limit = 20             # default 20 offers; so many in vain, and a contact goes to the supervisors' queue
# supervisors_queue = ""          # default ""; one of [queues], where there is somebody for what nobody takes
# finish_ms = 0                   # default 0 ms; an agent who is finishing leaves after so long, 0: when the work is done
# zone = "UTC"                    # default "UTC"; the time zone whose days daily quotas count
# order = "strict"                # default "strict"; of pools that say nothing of their own, as below
# overdue = "first"               # default "first"; of such pools
# choice = "longest_idle"         # default "longest_idle"; of such pools

# --- tenants and shops ------------------------------------------------------------------------------------------------
# A tenant is a company; a shop is one of its stores, brands or product lines.

[tenants.corner]
# weight = 1                      # default 1 share; its part of agents' time in pools that keep shares

[shops.main]
tenant = "corner"                 # required; one of [tenants]
# weight = 1                      # default 1 share; its part among its tenant's shops, in pools with shares = "shop"
# limit = 0                       # default 0 contacts; how many of this shop one agent holds at once, 0: no limit
# hours = ""                      # default ""; one of [calendars], instead of the queue's
# target_ms = 0                   # default 0 ms; instead of the queue's
# ceiling = 0                     # default 0 contacts; with so many waiting, new ones are turned away, 0: no limit
# daily_quota = 0                 # default 0 contacts; let in per day, 0: no limit

# --- calendars --------------------------------------------------------------------------------------------------------
# Opening hours, in a place's own time. Special days go before holidays, holidays before the weekday.

[calendars.office]
zone = "Asia/Shanghai"            # required; a time zone of the IANA database
weekly = { mon-fri = ["09:00-12:00", "13:00-18:00"], sat = "10:00-16:00" }   # default {}; spans of each day of the week
holidays = ["2027-02-05..2027-02-11"]                                      # default []; dates without hours
make_up = { 2027-02-14 = "fri" }                                           # default {}; 调休: works as that weekday
special = { 2027-02-04 = "09:00-12:00" }                                   # default {}; dates with hours of their own

# --- channels -----------------------------------------------------------------------------------------------------------

[channels.web]
cost = 1                          # default 1 unit; what one contact takes of an agent's capacity
# messages = true                 # default true; false: no text messages (a telephone): answered means connected
# dormant_cost = 1                # default: the cost, units; held while the customer is silent for long. Units are whole:
#                                   for a quarter of a slot, let a slot be 4 units (cost = 4, and capacities to match)
# wrap_up_cost = 1                # default: the cost, units; held during after-contact work
# interruptible = false           # default false; true: such work gives way, live contacts are offered beside it

[channels.email]
limit = 2                         # default 0 contacts; how many of this channel one agent holds at once, 0: no limit

# --- pools: the agents that a queue may draw on -------------------------------------------------------------------------
# An agent names its pools when it is defined. [pools.<name>] may be empty.

[pools.onsite]
order = "strict"                  # default "strict": priority, then waited; "score": priority + boost + slope × minutes;
#                                   "promise": priority, then earliest target; "longest_queue": priority, then most waiting
# overdue = "first"               # default "first"; in order "promise": whose target has passed; "last": behind the others
# ties = "waited"                 # default "waited"; of equally long queues who has waited longest; "listed": the first listed
listed = ["after_sale"]           # default []; queues served before all others, in this order
choice = "longest_idle"           # default "longest_idle"; who gets a new contact: or "least_loaded", "most_loaded" (with
#                                   room), "most_proficient", "round_robin", "weighted"
# rona_share = 1.0                # default 1.0 of the pool; what unanswered offers may take out at once, at most
# shares = "none"                 # default "none"; "tenant": by tenants' weights, before the order; "shop": and by shops'
# daily_quota = 0                 # default 0 contacts; that one agent gets through this pool in a day, 0: no limit

# [pools.onsite.weights]          # default: none; for choice = "weighted", the larger sum first
# idle = 0                        # default 0 points per minute idle
# load = 0                        # default 0 points for an agent without work, half of them at half load
# proficiency = 0                 # default 0 points per level of the skills that are asked for

[pools.remote]
# owners = []                     # default []: no queue borrows; these own the pool, all others borrow from it
# reserve = 0                     # default 0 agents; others borrow only while more than so many are idle

# [pools.remote.lend_kpi]         # default: none; others borrow only while the owners' service level holds
# share = 0.8                     # required; of contacts answered or abandoned, so much answered in time
# within_ms = 20_000              # required; in time, ms
# window_ms = 900_000             # default 900_000 ms; looking back so far, whole minutes
# short_ms = 0                    # default 0 ms; abandoned sooner than this does not count

[pools.bot]

# --- queues -------------------------------------------------------------------------------------------------------------
# A requirement combines skills (`presale`, `presale >= 3` for a proficiency of 1–10) and attributes of the agent
# (`@region = 'north'`, `@site in ['a', 'b']`) with and, or, not and parentheses.

[queues.presale]
tenant = "corner"                 # required; one of [tenants]
requirement = "presale >= 3"      # default ""; what an agent needs, empty: anyone of the pools
pools = ["onsite"]                # required; drawn on from the start, in this order
bot_pools = ["bot"]               # default []; bots for contacts whose entry rule says first = "bot"
priority = 0                      # default 0 points; larger is more urgent
# boost = 0.0                     # default 0.0 points; a head start in pools of order "score"
# slope = 1.0                     # default 1.0 points per minute waited, in pools of order "score"
offer_ms = 20_000                 # default 20_000 ms; how long an agent may leave an offer unanswered
# hold_ms = 60_000                # default 60_000 ms; how long a connection may take to be made after "accept"
wrap_up_ms = 30_000               # default 0 ms; capacity is held for after-contact work
# rona = "not_ready"              # default "not_ready"; after an unanswered offer: or "back_off", "lower_capacity"
# rona_return_ms = 60_000         # default 60_000 ms; until that ends by itself, 0: never
# decline_back_off_ms = 0         # default 0 ms; an agent who declines gets nothing for so long
# decliner_memory_ms = 60_000     # default 60_000 ms; an agent who declined is not offered the same contact again
# transfer_prefer_ms = 30_000     # default 30_000 ms; a contact passed to a named agent waits for that agent alone
# sticky_ms = 60_000              # default 60_000 ms; a contact that lost its agent prefers that agent for so long
# abandon_window_ms = 300_000     # default 300_000 ms; who left and comes back within it gets the old place
# reply_warn_ms = 100_000         # default 100_000 ms; a customer's message unanswered: warn
# reply_breach_ms = 180_000       # default 180_000 ms; a customer's message unanswered: promise broken
# closed_notice = ""              # default ""; what customers are told while the queue is closed
# closed_alternative = "message"  # default "message"; or "call_back", "bot": what they are offered then
# target_ms = 0                   # default 0 ms; to be answered within; pools of order "promise" go by it
# hours = ""                      # default ""; one of [calendars], empty: always open
# closed = "serve"                # default "serve"; outside hours: who waits is served, who comes is turned away;
#                                   "message": both leave a message; "bot": both go to the queue's bots
# ceiling = 0                     # default 0 contacts; with so many waiting, new ones are turned away, 0: no limit
# daily_quota = 0                 # default 0 contacts; let in per day, 0: no limit
# full_notice = ""                # default ""; what those are told whom ceiling or quota turn away
# full_alternative = "message"    # default "message"; or "call_back", "bot": what they are offered
# promise_ms = 0                  # default 0 ms; a message left, or a call-back, is answered within this from opening time
#                                   on, 0: none are taken
# release_per_minute = 0          # default 0 messages a minute handed out behind live contacts, 0: all at once
# release_lead_ms = 0             # default 0 ms; so long before its promise ends a message stands among live contacts
# last_agent_ms = 0               # default 0 ms; a customer who comes back waits so long for the agent of last time
# named_agent_ms = 0              # default 0 ms; … for the agent that the contact's attribute named_agent names
# unanswered_ms = 0               # default 0 ms; accepted, and no word from the agent for so long: somebody else, 0: never
# delivery_limit = 0              # default 0 offers: the domain's; so many in vain, and the supervisors' queue has it
# supervisors_queue = ""          # default ""; one of [queues], empty: the domain's, itself: keeps what it has
# hand_over = "queue"             # default "queue"; whose an agent's open contacts are after sign-off; "team": the team's first
# hand_over_queue = ""            # default ""; one of [queues] that gets them, empty: the one they came from
# hand_over_ms = 30_000           # default 30_000 ms; how long they are the team's alone
# remind_ms = 0                   # default 0 ms; the customer has been silent for so long: reminded, 0: never
# dormant_ms = 0                  # default 0 ms; … and so long after that: dormant, at dormant_cost, 0: never
# idle_close_ms = 0               # default 0 ms; … and so long after that: closed as idle, 0: never
# reopen_ms = 0                   # default 0 ms; written again within this after an idle close: opened again, 0: never

# Steps open one after the other while a contact waits, and stay open.
[[queues.presale.steps]]
name = "remote helps"             # default "step-1", "step-2", …; shown in explanations
# estimated_wait_ms = 0           # default 0 ms; and when the contact's estimated wait is so long
# queue_length = 0                # default 0 contacts; and when so many wait in the queue
# lender_kpi = ""                 # default ""; and while the lend_kpi of this pool, one of [pools], holds
clock = "step"                    # default "step": since the step before; "waited": for a person; "age": since arrival
after_ms = 20_000                 # default 0 ms; opens when the clock shows so much
when_nobody = true                # default false; true: opens at once while nobody eligible is signed on
add_pools = ["remote"]            # default []; pools that are open from now on

[[queues.presale.steps]]
name = "any language"
after_ms = 40_000
relax = ["english"]               # default []; skills or attributes that are no longer asked for
raise_priority = 5                # default 0 points; added to the contact's priority
# offer = []                      # default []; "bot", "call_back", "message": offered to the customer, who goes on waiting
# move_to = ""                    # default ""; one of [queues]; nothing else in that step, and no step behind it

[queues.after_sale]
tenant = "corner"
requirement = "after_sale >= 4 and not trainee"
pools = ["onsite", "remote"]
bot_pools = ["bot"]

# --- entry rules: the first that matches decides; the last one has no `when` --------------------------------------------
# `when` names attributes of the contact, `tenant`, `shop` or `channel`; all must hold; a list means one of.

[[entry]]
name = "blocked"                  # required; shown in explanations
when = { blocked = true }         # default {}: matches every contact
# while_open = ""                 # default ""; one of [calendars]: only while it is open
# while_closed = ""               # default ""; one of [calendars]: only while it is closed
# queue_length = 0                # default 0 contacts; only while so many wait …
# of_queue = ""                   # default ""; … in this one of [queues], empty: the rule's own

[entry.deflect]                   # default none; instead of queue: refused entry, never in silence
reason = "blocked"                # required; a code for reports
alternative = "message"           # required; "message", "call_back" or "bot"
notice = "Please write to us."    # default ""; what the customer is told

[[entry]]
name = "after sale"
when = { topic = ["refund", "return", "repair"] }
queue = "after_sale"              # default ""; one of [queues], or deflect
priority = 2                      # default: the queue's, points
first = "bot"                     # default "person"; "bot": the queue's bots first

[[entry]]
name = "english"
when = { language = "en" }
queue = "presale"
requirement = "english"           # default none; wanted besides the queue's requirement
first = "bot"

[[entry]]
name = "everything else"
queue = "presale"
first = "bot"
"""
