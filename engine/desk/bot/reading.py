"""A bot's TOML → its configuration, or every problem at once with its line."""

from __future__ import annotations

import difflib
import pathlib
import re
from collections.abc import Collection, Mapping
from typing import Any, TypeVar, get_type_hints

import msgspec

from engine.desk.bot.config import BotConfig, Flow, General, Menu, Rule, Target, Thresholds, Words
from engine.desk.bot.patterns import BadPattern, Pattern, compile_pattern
from engine.desk.files import read_bounded
from engine.desk.knowledge.articles import Language
from engine.desk.problems import Problems, raise_if_any
from engine.desk.text import find_fault
from engine.dispatch.policy.loader import MAX_TEXT, Path, load
from engine.dispatch.policy.problems import show_path, shown

T = TypeVar("T", bound=msgspec.Struct)
SECTIONS = ("bot", "confidence", "rules", "menus", "flows")
MAX_RULES, MAX_MENUS, MAX_FLOWS = 500, 100, 50
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_LANGUAGES: tuple[Language, ...] = ("zh", "en")


def read_bot(text: str, file: str = "bot.toml", articles: Collection[str] | None = None) -> BotConfig:
    """Raises :class:`DeskErrors`. ``articles``: the slugs there are; None: whether an article exists is not looked at."""
    return _Reader(text, file, articles).read()


def read_bot_file(file: pathlib.Path, articles: Collection[str] | None = None) -> BotConfig:
    """As :func:`read_bot`; a file that is no text or too long is a problem like others. Raises OSError, too."""
    problems = Problems(str(file))
    with file.open("rb") as stream:
        text = read_bounded(stream, problems, 4 * MAX_TEXT)
    raise_if_any(problems.found)
    return read_bot(text, str(file), articles)


class _Reader:
    def __init__(self, text: str, file: str, articles: Collection[str] | None) -> None:
        self.document = load(text)
        self.problems = Problems(file)
        self.articles = articles

    def report(self, code: str, path: Path, got: str, wanted: str) -> None:
        self.problems.report(code, self.document.line_of(path), show_path(path) or "the file", got, wanted)

    def read(self) -> BotConfig:
        if wrong := self.document.problem:
            self.problems.report(wrong.code, wrong.line, "the file", wrong.detail, "TOML")
        tables = self.document.tables
        for key in tables:
            if key not in SECTIONS:
                self._unknown(key, SECTIONS, (key,))
        config = BotConfig(
            bot=self._table(General, tables.get("bot", {}), ("bot",)) or General(),
            confidence=self._table(Thresholds, tables.get("confidence", {}), ("confidence",)) or Thresholds(),
            rules=self._rules(tables.get("rules", [])),
            menus=self._named(Menu, tables.get("menus", {}), "menus", MAX_MENUS),
            flows=self._named(Flow, tables.get("flows", {}), "flows", MAX_FLOWS),
        )
        self._check(config)
        patterns = self._patterns(config)
        raise_if_any(self.problems.found)
        return msgspec.structs.replace(config, patterns=patterns)

    def _rules(self, value: Any) -> tuple[Rule, ...]:
        if not isinstance(value, list) or len(value) > MAX_RULES:
            self.report("wrong_type", ("rules",), shown(value), f"at most {MAX_RULES} [[rules]]")
            return ()
        found = (self._table(Rule, table, ("rules", number)) for number, table in enumerate(value))
        return tuple(rule for rule in found if rule is not None)

    def _named(self, kind: type[T], value: Any, section: str, limit: int) -> dict[str, T]:
        if not isinstance(value, dict) or len(value) > limit:
            self.report("wrong_type", (section,), shown(value), f"at most {limit} [{section}.…] tables")
            return {}
        found = {name: self._table(kind, table, (section, name)) for name, table in value.items()}
        return {name: table for name, table in found.items() if table is not None}

    def _table(self, kind: type[T], table: Any, path: Path) -> T | None:
        """Field by field, so that one bad value hides no other."""
        if not isinstance(table, dict):
            self.report("wrong_type", path, shown(table), "a table")
            return None
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        types = get_type_hints(kind, include_extras=True)
        read: dict[str, Any] = {}
        for key, value in table.items():
            if key not in fields:
                self._unknown(key, fields, (*path, key))
                continue
            try:
                read[key] = msgspec.convert(value, types[key])
            except msgspec.ValidationError as error:
                self.report("bad_value", (*path, key), shown(value), _told(str(error)))
        for name, field in fields.items():
            if field.required and name not in table:
                self.report("missing", (*path, name), "nothing", "a value")
        whole = all(name in read for name, field in fields.items() if field.required)
        return kind(**read) if whole else None

    def _unknown(self, key: str, known: Collection[str], path: Path) -> None:
        near = difflib.get_close_matches(key[:64], list(known), 1)
        self.report("unknown_key", path, "an unknown key", near[0] if near else f"one of {', '.join(known)}")

    # --- what the types cannot say ------------------------------------------------------------------------------

    def _check(self, config: BotConfig) -> None:
        if config.confidence.clarify > config.confidence.answer:
            self.report("bad_value", ("confidence", "clarify"), str(config.confidence.clarify), "at most answer")
        if config.bot.menu:
            self._refers("menu", config.bot.menu, config, ("bot", "menu"))
        for number, rule in enumerate(config.rules):
            self._target(rule, config, ("rules", number))
            if not rule.zh and not rule.en:
                self.report("missing", ("rules", number), "nothing", "patterns in zh or en")
        for name, menu in config.menus.items():
            for number, option in enumerate(menu.options):
                self._target(option, config, ("menus", name, "options", number))
                self._words(option.label, ("menus", name, "options", number), ())
            self._words(menu.text, ("menus", name, "text"), ())
        for name, flow in config.flows.items():
            self._flow(flow, config, ("flows", name))

    def _flow(self, flow: Flow, config: BotConfig, path: Path) -> None:
        for slug in flow.articles:
            self._refers("article", slug, config, (*path, "articles"))
        names = [slot.name for slot in flow.slots]
        if len(set(names)) < len(names):
            self.report("twice", (*path, "slots"), "a name twice", "each key once")
        if flow.confirm is not None:
            self._words(flow.confirm, (*path, "confirm"), names)
        for field in ("found", "missing"):
            self._words(getattr(flow, field), (*path, field), (*names, *flow.fields))
        if flow.offer is not None:
            self._words(flow.offer, (*path, "offer"), ())
        for slot in flow.slots:
            self._words(slot.ask, (*path, "slots"), ())
        for name, values in flow.values.items():
            if name not in flow.fields:
                self.report("unknown_name", (*path, "values", name), repr(name[:64]), "one of fields")
            for value, words in values.items():
                self._words(words, (*path, "values", name, value), ())

    def _target(self, target: Target, config: BotConfig, path: Path) -> None:
        ways = [name for name in ("reply", "article", "flow", "menu", "person") if getattr(target, name)]
        if len(ways) != 1:
            got = " and ".join(ways) if ways else "nothing"
            self.report("bad_target", path, got, "exactly one of reply, article, flow, menu, person")
        for kind in ("article", "flow", "menu"):
            if name := getattr(target, kind):
                self._refers(kind, name, config, (*path, kind))
        if target.reply:
            self._words(target.reply, (*path, "reply"), ())

    def _refers(self, kind: str, name: str, config: BotConfig, path: Path) -> None:
        known: Mapping[str, Collection[str] | None] = {
            "article": self.articles,
            "flow": self.document.tables.get("flows", {}),
            "menu": self.document.tables.get("menus", {}),
        }
        names = known[kind]
        if names is not None and name not in names:
            self.report("unknown_name", path, repr(name[:64]), f"the name of one of the {kind}s")

    def _words(self, words: Words, path: Path, placeholders: Collection[str]) -> None:
        for language in _LANGUAGES:
            text = words.of(language)
            if fault := find_fault(text, language, 1_000):
                self.report(fault.code, (*path, language), fault.got, fault.wanted)
            for name in _PLACEHOLDER.findall(text):
                if name not in placeholders:
                    wanted = f"one of {', '.join(placeholders)}" if placeholders else "none here"
                    self.report("unknown_placeholder", (*path, language), f"{{{name[:40]}}}", wanted)

    def _patterns(self, config: BotConfig) -> dict[str, dict[Language, tuple[Pattern, ...]]]:
        found: dict[str, dict[Language, tuple[Pattern, ...]]] = {}
        owners: list[tuple[str, Path, Rule | Flow]] = [
            (f"rules[{number}]", ("rules", number), rule) for number, rule in enumerate(config.rules)
        ]
        owners += [(f"flows.{name}", ("flows", name), flow) for name, flow in config.flows.items()]
        for key, path, owner in owners:
            found[key] = {
                language: self._compiled(getattr(owner, language), (*path, language)) for language in _LANGUAGES
            }
        return found

    def _compiled(self, texts: tuple[str, ...], path: Path) -> tuple[Pattern, ...]:
        compiled = []
        for text in texts:
            try:
                compiled.append(compile_pattern(text))
            except BadPattern as error:
                self.report("bad_pattern", path, error.got, error.wanted)
        return tuple(compiled)


def _told(error: str) -> str:
    """msgspec's sentence, which says what it expected and where below the key."""
    return error.removeprefix("Expected ").split(", got")[0].replace("`", "")
