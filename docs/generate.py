"""Writes the pages that come from code: ``python -m docs.generate`` (or ``make docs``). A test fails when one is old.

``docs/states.md``: both state tables as diagrams. ``docs/reference.md``: commands, events, refusals, reasons. ``docs/policy_keys.md``: what a policy file may hold. The wire's, the desk's and the access table's pages are made in their rooms.
``docs/measures.md``: every measure's definition. ``docs/metrics.md``: what a scrape of ``/metrics`` brings.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from engine.access.reference import access_page
from engine.dispatch import agents, commands, contacts, events, explain, hours, refusals
from engine.dispatch.policy import compiled, model
from engine.dispatch.policy.loader import MAX_TEXT
from engine.dispatch.policy.syntax import MAX_CHARS, MAX_NESTING
from engine.dispatch.policy.template import KeyLine, documented
from engine.measures import definitions, lengths, rows
from engine.measures.contacts import DIMENSIONS
from engine.measures.definitions import MEASURES
from engine.telemetry.counters import Counters
from engine.telemetry.metrics import EngineMetrics
from engine.telemetry.tally import Tally
from engine.wire.desk_reference import desk_page
from engine.wire.reference import asyncapi_page, protocol_page

HERE = Path(__file__).parent
_NOTICE = "<!-- Written by `make docs` from the code; changes here are overwritten. -->\n"


# --- state diagrams -------------------------------------------------------------------------------------------------


def _tag(event: type) -> str:
    return str(event.__struct_config__.tag)  # type: ignore[attr-defined]  # every event is a tagged Struct


def _diagram(arrows: Iterable[tuple[str, str, str]]) -> str:
    """A mermaid state diagram; arrows between the same two states share one line."""
    labels: dict[tuple[str, str], list[str]] = {}
    for before, after, label in arrows:
        between = labels.setdefault((before, after), [])
        if label not in between:
            between.append(label)
    rows = [f"    {before} --> {after}: {'<br/>'.join(texts)}" for (before, after), texts in labels.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *rows, "```"])


def _contact_arrows() -> list[tuple[str, str, str]]:
    return [
        (before.value if before else "[*]", after.value, _tag(event))
        for (before, event), after in contacts.TRANSITIONS.items()
    ]


def _agent_arrows() -> list[tuple[str, str, str]]:
    """Without what leaves a state as it is. What holds for all signed-on states is drawn once, from or to their frame."""
    arrows = [
        (before.value if before else "[*]", after.value, _tag(event))
        for (before, event, _), after in agents.TRANSITIONS.items()
        if before != after
    ]
    inside = {state.value for state in agents.SIGNED_ON}
    drawn = []
    for before, after, label in arrows:
        if before in inside and after in inside:
            continue
        if all((state, after, label) in arrows for state in inside):
            before = "signed_on"
        if all((before, state, label) in arrows for state in inside):
            after = "signed_on"
        drawn.append((before, after, label))
    return drawn


def _agent_diagram() -> str:
    states = [state.value for state in agents.A if state in agents.SIGNED_ON]
    frame = ["    state signed_on {", *(f"        {state}" for state in states), "    }"]
    head, name, *rows = _diagram(_agent_arrows()).split("\n")
    return "\n".join([head, name, *frame, *rows])


def states_page() -> str:
    """``docs/states.md``."""
    return "\n".join(
        [
            "# States",
            "",
            _NOTICE,
            "A transition that is not drawn here cannot happen: the dispatcher asserts each against its table. The words on an",
            "arrow are events ([reference](reference.md#events)).",
            "",
            "## A contact",
            "",
            "Waiting: " + ", ".join(f"`{state.value}`" for state in contacts.S if state in contacts.WAITING) + ".",
            "Open: " + ", ".join(f"`{state.value}`" for state in contacts.S if state in contacts.OPEN) + ".",
            "",
            _diagram(_contact_arrows()),
            "",
            "## An agent",
            "",
            "Takes new offers: "
            + ", ".join(f"`{state.value}`" for state in agents.A if state in agents.TAKES_OFFERS)
            + " only. Inside the frame every state may follow every other",
            "(`agent.state_changed`); a profile may be replaced in any state.",
            "",
            _agent_diagram(),
            "",
        ]
    )


# --- reference ------------------------------------------------------------------------------------------------------


def _members(alias: Any) -> list[type]:
    """The types of a union, unions of unions unfolded."""
    return [inner for part in get_args(alias) for inner in (_members(part) if get_args(part) else [part])]


def _fields(struct: type) -> str:
    names = []
    for field in msgspec.structs.fields(struct):
        given = field.required or field.default is msgspec.NODEFAULT
        default = "" if given or field.default in ("", 0, None) else f" = {msgspec.json.encode(field.default).decode()}"
        if field.name != "at":
            names.append(f"`{field.name}{default}`")
    return ", ".join(names) or "–"


def _said(struct: type) -> str:
    """A docstring as one cell; types without one of their own say nothing."""
    text = struct.__dict__.get("__doc__") or ""
    if text.startswith(struct.__name__ + "("):
        return ""
    plain = re.sub(r":\w+:`([^`]+)`", r"`\1`", text).replace("``", "`")
    return " ".join(inspect.cleandoc(plain).split()).replace("|", "\\|")


def _struct_table(title: str, structs: Iterable[type]) -> list[str]:
    rows = [f"| `{_tag(struct)}` | {_fields(struct)} | {_said(struct)} |" for struct in structs]
    return [f"| {title} | fields | |", "| --- | --- | --- |", *rows, ""]


def _table(head: str, rows: Mapping[str, str]) -> list[str]:
    return [f"| {head} | |", "| --- | --- |", *(f"| `{key}` | {text} |" for key, text in rows.items()), ""]


def _reason_rows() -> dict[str, str]:
    """The codes of explain with the comment that stands beside each in the source."""
    source = inspect.getsource(explain)
    return {code: _beside(source, code) for code in explain.REASON_CODES}


def _beside(source: str, code: str) -> str:
    found = re.search(rf'"{code}",\s*#\s*(.+)', source)
    return found.group(1).strip() if found else ""


def reference_page() -> str:
    """``docs/reference.md``."""
    profile = commands.AgentProfile
    lines = [
        "# Reference: commands, events, refusals, reasons",
        "",
        _NOTICE,
        "Instants and lengths are integer milliseconds. A field that is left out has its default: empty, 0, or the value shown.",
        "How these travel is in [protocol.md](protocol.md); who may send which command in [access.md](access.md).",
        "",
        "## Commands",
        "",
        "### About contacts",
        "",
        *_struct_table("command", _members(commands.ContactCommand)),
        "### About agents, offers, wrap-up",
        "",
        *_struct_table("command", _members(commands.AgentCommand)),
        f"An agent's profile: {_fields(profile)}. {_said(profile)}",
        "",
        "### About queues, pools, the policy",
        "",
        *_struct_table("command", _members(commands.DomainCommand)),
        "## Events",
        "",
        "Every event also has `at`: the stamp of the call that emitted it.",
        "",
        "### A contact's way",
        "",
        *_struct_table("event", _members(events.ContactEvent)),
        "### Offers",
        "",
        *_struct_table("event", _members(events.OfferEvent)),
        "### Consults",
        "",
        *_struct_table("event", _members(events.ConsultEvent)),
        "### Agents",
        "",
        *_struct_table("event", _members(events.AgentEvent)),
        "### Queues, the domain, refusals",
        "",
        *_struct_table("event", _members(events.DomainEvent)),
        "## Refusals",
        "",
        "A refused command changes nothing but time; the refusal is part of history and says `what`, `got`, `wanted`.",
        "",
        *_table("code", {code.value: refusals.SENTENCES[code] for code in refusals.Code}),
        "## Reasons",
        "",
        "What `explain` says about an agent that was not chosen, in the order in which it is checked.",
        "",
        *_table("code", _reason_rows()),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


# --- policy keys ----------------------------------------------------------------------------------------------------

_SECTIONS: dict[str, tuple[str, type | None]] = {
    "policy": ("[policy]", None),
    "domain": ("[domain]", None),
    "tenants": ("[tenants.NAME]", compiled.Tenant),
    "shops": ("[shops.NAME]", compiled.Shop),
    "channels": ("[channels.NAME]", compiled.Channel),
    "calendars": ("[calendars.NAME]", hours.Calendar),
    "pools": ("[pools.NAME]", compiled.Pool),
    "weights": ("[pools.NAME.weights]", compiled.Weights),
    "kpi": ("[pools.NAME.lend_kpi]", compiled.Kpi),
    "queues": ("[queues.NAME]", compiled.Queue),
    "steps": ("[[queues.NAME.steps]]", compiled.Step),
    "entry": ("[[entry]]", compiled.EntryRule),
    "deflect": ("deflect = {…} in an entry rule", compiled.Deflection),
}

_KINDS = {
    "int": "integer", "float": "number", "bool": "true or false", "tables": "list of tables", "when": "table",
    "zone": "time zone", "weekly": "table: day of the week → times", "dates": "dates", "make_up": "table: date → day of the week",
    "special": "table: date → times",
}  # fmt: skip


def _key_row(section: str, field: model.Field, said: str) -> str:
    joined = " or " if field.kind == "choice" else ", "
    wanted = joined.join(f"`{choice}`" for choice in field.choices) or _KINDS.get(field.kind, field.kind)
    if field.range is not None:
        wanted += f", {field.range.low:,} to {field.range.high:,}"
    named = model.REFERENCES.get((section, field.name))
    if named:
        wanted = f"names from `{named}`" if field.kind == "names" else f"a name from `{named}`"
    return f"| `{field.name}` | {wanted} | {_default(field.default)} | {said} |"


def _default(value: Any) -> str:
    if value is model.REQUIRED:
        return "required"
    if isinstance(value, hours.Zone):
        return f'`"{value.name}"`'
    if value is None or value in ("", (), {}) or not isinstance(value, int | float | str | tuple):
        return "–"
    return f"`{msgspec.json.encode(value).decode()}`"


def _meaning(line: KeyLine) -> str:
    """What the example's comment says besides the default."""
    first, _, rest = line.said.partition("; ")
    said = rest or re.sub(r'^(default )?(-?[\d_.]+|"[^"]*"|\[\]|\{\}|true|false)[:,]?\s*', "", first)
    return said.replace("|", "\\|")


def policy_keys_page() -> str:
    """``docs/policy_keys.md``."""
    lines = ["# Policy file: every key", "", _NOTICE, "How they work together is in the [guide](guide.md).", ""]
    meanings = {(line.section, line.key): _meaning(line) for line in documented()}
    for section, fields in model.SECTIONS.items():
        title, struct = _SECTIONS[section]
        said = [_said(struct), ""] if struct is not None and _said(struct) else []
        rows = [_key_row(section, field, meanings.get((section, field.name), "")) for field in fields.values()]
        lines += [f"## `{title}`", "", *said, "| key | wanted | default | |", "| --- | --- | --- | --- |", *rows, ""]
    return "\n".join([*lines, *_limits()])


def _limits() -> list[str]:
    """How much a policy may hold; what is beyond is refused with its place."""
    rows = [f"| `{what}` | {most:,} |" for what, most in model.MAX_COUNTS.items()]
    said = (
        f"A file has at most {MAX_TEXT:,} characters, a name {model.MAX_NAME} characters, a requirement {MAX_CHARS:,} characters and"
        f" {MAX_NESTING} levels of parentheses. Of each kind there are at most so many (`steps`: of one queue; `names`, `values`,"
        " `spans`, `dates`: in one list or table; `when`: conditions of one rule; `weekly`: days):"
    )
    return ["## Limits", "", said, "", "| what | at most |", "| --- | --- |", *rows, ""]


# --- metrics --------------------------------------------------------------------------------------------------------


def metrics_page() -> str:
    """``docs/metrics.md``."""
    rows = []
    for family in EngineMetrics(Tally(), Counters()).collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(f"`{label}`" for label in family._labelnames) or "–"  # type: ignore[attr-defined]  # not shown otherwise
        rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return "\n".join(
        [
            "# Metrics",
            "",
            _NOTICE,
            "What `/metrics` answers, in Prometheus' text format. Counters count since this process started and are the source;",
            "a gauge is what is true at the scrape. Lengths are seconds of engine time, latencies seconds of real time. Alert",
            "hints are in the [guide](guide.md#alerts).",
            "",
            "| metric | type | labels | |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )


# --- measures -------------------------------------------------------------------------------------------------------


def measures_page() -> str:
    """``docs/measures.md``."""
    lines = [
        "# Measures",
        "",
        _NOTICE,
        "Defined once, in `engine/measures`, and read from there by the engine's metrics and wallboards, the twin and its",
        "reports. They are sums over events, so a journal, a live engine and the twin that had the same events have the same",
        f"figures. T is {definitions.WITHIN_MS // 1000} s unless said otherwise. -1 says that there is nothing to measure.",
        "",
        "Rows are kept by interval and queue, and by interval and group of agents (kind, pools, team); on demand by "
        + ", ".join(DIMENSIONS)
        + ".",
        f"Lengths are kept in histograms: counts, sums and shares within the marks ({', '.join(f'{m // 1000}' for m in lengths.MARKS_MS)} s,",
        f"others on demand) are exact, quantiles within {lengths.QUANTILE_ERROR:.0%}. Rows of several processes or days add up.",
        "",
    ]
    for of, title, row in (("contacts", "Of contacts", rows.ContactRow), ("staff", "Of agents", rows.StaffRow)):
        lines += [f"## {title}", "", "| measure | | unit | definition |", "| --- | --- | --- | --- |"]
        lines += [
            f"| `{one.name}` | {one.words['en']}; {one.words['zh']} | {one.unit} | {_plain(one.says)} |"
            for one in MEASURES.values()
            if one.of == of
        ]
        lines += ["", "What they are made of:", "", *_plain_paragraphs(inspect.cleandoc(row.__doc__ or "")), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _plain(text: str) -> str:
    return (
        re.sub(r":\w+:`~?([^`]+)`", lambda found: f"`{found[1].rsplit('.', 1)[-1]}`", text)
        .replace("``", "`")
        .replace("|", "\\|")
    )


def _plain_paragraphs(text: str) -> list[str]:
    return _plain(text).split("\n")


PAGES = {
    "measures.md": measures_page,
    "states.md": states_page,
    "reference.md": reference_page,
    "policy_keys.md": policy_keys_page,
    "metrics.md": metrics_page,
    "access.md": access_page,
    "protocol.md": protocol_page,
    "asyncapi.json": asyncapi_page,
    "desk.md": desk_page,
}


def main() -> None:
    """Write every generated page of this module."""
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
        print(f"docs/{name}")


if __name__ == "__main__":
    main()
