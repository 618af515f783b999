"""The commented example that ``sluice policy init`` writes: a small shop, every key once, with its default and unit.

Convention, kept by a test: each key stands on a line of its own, ``key = value  # default …; meaning`` (or ``required``);
a key left at its default is commented out.
"""

from __future__ import annotations

TEMPLATE = """\
# A small shop's routing policy. Check it with `sluice policy check`, run it with `sluice serve`.
# Lengths of time are whole milliseconds and end in _ms. A line that starts with `# key =` shows a default.

[policy]
name = "corner-shop"              # required; stands on every decision, with a digest of this file

[domain]
# grace_ms = 120_000              # default 120_000 ms; an agent's connection is gone: how long its contacts wait for it
# several_per_customer = false    # default false; true: a customer may have several open contacts with one shop
# delivery_limit = 20             # default 20 offers; read and checked, but no rule of this release applies it yet

# --- tenants and shops ------------------------------------------------------------------------------------------------
# A tenant is a company; a shop is one of its stores, brands or product lines.

[tenants.corner]
# weight = 1                      # default 1 share; its share of agents' time where tenants draw on the same pool

[shops.main]
tenant = "corner"                 # required; one of [tenants]

# --- channels -----------------------------------------------------------------------------------------------------------

[channels.web]
cost = 1                          # default 1 unit; what one contact takes of an agent's capacity
# messages = true                 # default true; false: no text messages (a telephone): answered means connected

[channels.email]
limit = 2                         # default 0 contacts; how many of this channel one agent holds at once, 0: no limit

# --- pools: the agents that a queue may draw on -------------------------------------------------------------------------
# An agent names its pools when it is defined. [pools.<name>] may be empty.

[pools.onsite]
order = "strict"                  # default "strict": priority, then waited; "score": priority + boost + slope × minutes
listed = ["after_sale"]           # default []; queues served before all others, in this order
choice = "longest_idle"           # default "longest_idle"; or "least_loaded", "most_proficient": who gets a new contact

[pools.remote]

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

# Steps open one after the other while a contact waits, and stay open.
[[queues.presale.steps]]
name = "remote helps"             # default "step-1", "step-2", …; shown in explanations
clock = "step"                    # default "step": since the step before; "waited": for a person; "age": since arrival
after_ms = 20_000                 # default 0 ms; opens when the clock shows so much
when_nobody = true                # default false; true: opens at once while nobody eligible is signed on
add_pools = ["remote"]            # default []; pools that are open from now on

[[queues.presale.steps]]
name = "any language"
after_ms = 40_000
relax = ["english"]               # default []; skills or attributes that are no longer asked for
raise_priority = 5                # default 0 points; added to the contact's priority

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
