"""Customers of `sluice demo --desk`: they ask what customers of a shop have really asked, in so many words."""

from __future__ import annotations

import csv
from pathlib import Path

from engine.dispatch import commands as cmd
from sim.actors.customers import Customer, Phase
from sim.actors.deeds import Deed, Do
from sim.plans import Plan

# Language → questions.
Questions = dict[str, list[str]]


def shipped_desk() -> Path:
    """The desk of this repository, or of the installed package: articles, a bot, labelled questions."""
    room = Path(__file__).resolve().parents[1]
    places = [place / "examples" / "desk" for place in (room.parent, room)]
    return next((place for place in places if place.exists()), places[0])


def read_questions(folder: Path) -> Questions:
    """All of the labelled set, whatever its label: a shop's customers do not only ask what it has an answer to."""
    found: Questions = {}
    with (folder / "questions.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["language"], []).append(row["question"])
    return found


class Asking(Customer):
    """Begins with a question of its language, and closes the chat when content: the desk's bot does not see anybody off."""

    __slots__ = ("_questions",)

    def __init__(self, plan: Plan, tenant: str, questions: Questions) -> None:
        super().__init__(plan, tenant, ())
        self._questions = questions.get(plan.language) or next(iter(questions.values()))

    def arrive(self) -> list[Deed]:
        plan = self.plan
        if not plan.rounds:
            return super().arrive()
        return [self._submit(self._questions[(plan.number * 7 + plan.words) % len(self._questions)])]

    def _part(self) -> list[Deed]:
        if self.plan.mail:
            return []
        self.phase = Phase.CONTENT
        return [Do(cmd.CloseContact(contact=self.contact, reason="solved"))]
