"""Outcomes as people read them, and as programs do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from engine.console.sentences import present, story, why_not, why_offered
from engine.console.wording import Language
from engine.dispatch import events as ev
from engine.dispatch.explain import Explanation
from engine.dispatch.policy.problems import Problem
from engine.trials.evidence import shown_instant
from engine.trials.outcome import Judgement, Outcome, Said, Why
from engine.trials.phrases import Speech

# What a reader takes in: more failures of one case, or more of a story, say nothing new.
FAILURES_SHOWN = 5
STORY_LINES = 40
INDENT = "    "

Style = Literal["pass", "fail", "strong", "plain", "faint"]


class Line(NamedTuple):
    style: Style
    text: str


def speech_for(outcome: Outcome, language: Language) -> Speech:
    """Agents are told by their names where the file gives them any."""
    profiles = [member.profile for member in outcome.case.members]
    return Speech(language, {one.agent: f"{one.name} ({one.agent})" for one in profiles if one.name})


def render(outcomes: Sequence[Outcome], file: str, language: Language, *, verbose: bool = False) -> Iterator[Line]:
    """Each case in a line; what failed with what came instead, why, and the contact's story. ``verbose``: all of them."""
    for outcome in outcomes:
        yield from _case_lines(outcome, file, language, verbose)
    speech = Speech(language)
    failed = sum(1 for outcome in outcomes if not outcome.ok)
    if failed:
        yield Line("fail", speech.say("some_fail", n=len(outcomes), failed=failed))
    else:
        yield Line("pass", speech.say("all_pass", n=len(outcomes)))


def _case_lines(outcome: Outcome, file: str, language: Language, verbose: bool) -> Iterator[Line]:
    speech, case = speech_for(outcome, language), outcome.case
    name = case.called(language)
    if outcome.ok:
        yield Line("pass", f"✓ {name}")
    else:
        yield Line("fail", f"✗ {name} ({file}:{case.place.line})")
    if (verbose or not outcome.ok) and case.about:
        yield Line("faint", f"{INDENT}{case.about}")
    if verbose:
        for judgement in outcome.judgements:
            if judgement.ok:
                yield Line("plain", f"{INDENT}✓ {speech.sentence(judgement.expected)}")
    failures = [one for one in outcome.judgements if not one.ok]
    for judgement in failures[:FAILURES_SHOWN]:
        yield from _failure_lines(judgement, file, speech)
    if len(failures) > FAILURES_SHOWN:
        yield Line("fail", INDENT + speech.say("more", n=len(failures) - FAILURES_SHOWN))
    told = list(outcome.play.numbers) if verbose else _concerned(failures[:FAILURES_SHOWN])
    for contact in told:
        yield from _story_lines(outcome, contact, speech)


def _concerned(failures: Sequence[Judgement]) -> list[str]:
    return list(dict.fromkeys(one.contact for one in failures if one.contact))


def _failure_lines(judgement: Judgement, file: str, speech: Speech) -> Iterator[Line]:
    labels = [speech.say(key) for key in ("expected", "got", "why")]
    # A Chinese character takes two columns.
    wide = 2 if speech.language == "zh-CN" else 1
    width = max(map(len, labels)) * wide
    place = f"({file}:{judgement.place.line}, {judgement.place.path})"
    rows = [
        (labels[0], [f"{speech.sentence(judgement.expected)} {place}"]),
        (labels[1], [speech.sentence(judgement.got)]),
        (labels[2], reasons(judgement.why, speech)),
    ]
    for label, texts in rows:
        for number, text in enumerate(texts):
            shown = label if number == 0 else ""
            yield Line("plain", f"{INDENT}{shown}{' ' * (width - len(shown) * wide)}  {text}")


def reasons(why: Sequence[Why], speech: Speech) -> list[str]:
    """The dispatcher's own words, one sentence a line."""
    said: list[str] = []
    for one in why:
        match one:
            case Said():
                said.append(speech.sentence([one]))
            case ev.OfferMade():
                said += [sentence for sentence in why_offered(one, speech.words) if sentence]
            case Explanation(verdict=None):
                said += present(one, speech.words)[:-1]  # the last one names the policy, as the report does
            case Explanation():
                said += why_not(one, speech.words)
    return said


def _story_lines(outcome: Outcome, contact: str, speech: Speech) -> Iterator[Line]:
    lines = _story(outcome, contact, speech)
    if not lines:
        return
    yield Line("strong", INDENT + speech.say("story", name=contact))
    width = max(len(at) for at, _ in lines)
    for at, text in lines[:STORY_LINES]:
        yield Line("faint", f"{INDENT}{INDENT}{at:>{width}}  {text}")
    if len(lines) > STORY_LINES:
        yield Line("faint", INDENT + INDENT + speech.say("cut", n=STORY_LINES))


def _story(outcome: Outcome, contact: str, speech: Speech) -> list[tuple[str, str]]:
    play = outcome.play
    told = story(play.about(contact), speech.words)
    return [(shown_instant(play, line.at), line.text) for line in told]


# --- for programs -------------------------------------------------------------------------------------------------------


def as_json(outcomes: Sequence[Outcome], policy: str, file: str, language: Language) -> str:
    """``ok``, ``policy`` (its version), ``file``, ``passed``, ``failed``, and ``cases``.

    A case has ``name``, ``line``, ``ok``, ``expectations`` (each ``ok``, ``expected``, ``got``, ``why``, ``line``, ``path``)
    and, if it failed, ``stories``: contact → lines.
    """
    failed = sum(1 for outcome in outcomes if not outcome.ok)
    value = {
        "ok": not failed,
        "policy": policy,
        "file": file,
        "passed": len(outcomes) - failed,
        "failed": failed,
        "cases": [_case_value(outcome, language) for outcome in outcomes],
    }
    return str(msgspec.json.encode(value), "utf-8")


def problems_as_json(file: str, problems: Sequence[Problem], language: Language) -> str:
    """A file that cannot be played: ``ok`` false, and ``problems`` with ``message``, ``line``, ``path`` and ``code``."""
    told = [
        {"message": one.sentence(language), "line": one.line, "path": one.path, "code": one.code} for one in problems
    ]
    return str(msgspec.json.encode({"ok": False, "file": file, "problems": told}), "utf-8")


def _case_value(outcome: Outcome, language: Language) -> dict[str, Any]:
    speech, case = speech_for(outcome, language), outcome.case
    concerned = _concerned([one for one in outcome.judgements if not one.ok])
    return {
        "name": case.called(language),
        "line": case.place.line,
        "ok": outcome.ok,
        "expectations": [_judgement_value(one, speech) for one in outcome.judgements],
        "stories": {
            contact: [{"at": at, "text": text} for at, text in _story(outcome, contact, speech)]
            for contact in concerned
        },
    }


def _judgement_value(judgement: Judgement, speech: Speech) -> dict[str, Any]:
    return {
        "ok": judgement.ok,
        "expected": speech.sentence(judgement.expected),
        "got": speech.sentence(judgement.got),
        "why": reasons(judgement.why, speech),
        "line": judgement.place.line,
        "path": judgement.place.path,
    }
