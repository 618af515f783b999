"""Mass effects in slices: what is too much for one call goes on with each later one, when nothing else is due.

A slice here is the engine's where something may fall due in between (contacts get their places, steps open, turns of a bulk
command), else a whole stage: where the engine ends its slices there shows in nothing, as long as no command comes between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.dispatch import events as ev
from engine.dispatch.agents import SIGNED_ON
from engine.dispatch.contacts import ContactState
from tests.reference_dispatcher import affinity, decliners, matching, offers, presence, shares, steps, transfers
from tests.reference_dispatcher.desk import Agent, Contact, Desk


def too_much(desk: Desk, units: int) -> bool:
    return bool(desk.slice_units) and units > desk.slice_units


def go_on(desk: Desk) -> None:
    """One slice more."""
    if desk.unfinished is not None and next(desk.unfinished, desk) is desk:
        desk.unfinished = None


def begin(desk: Desk, stages: Iterator[None]) -> None:
    desk.rearranging, desk.frozen, desk.unfinished = True, True, stages


def start_again(desk: Desk) -> None:
    """The offers of the last epoch are taken back, its agents lost, whatever else is due; then everybody is looked at."""
    begin(desk, rearranged(desk, "restart"))
    desk.settling = True
    for number in sorted(desk.offers):
        offers.rescind(desk, desk.contacts[desk.offers[number].contact], "restart")
    for agent in by_sequence(desk):
        if agent.state in SIGNED_ON:
            presence.lost(desk, agent)
            matching.takes_nothing_more(desk, agent)
    desk.settling = False


def settled(desk: Desk, rehouse: Callable[[Desk, Contact], None]) -> Iterator[None]:
    """Under another policy nothing that it says of a contact falls due before the contact has its place."""
    units = desk.slice_units
    for number in sorted(desk.unplaced):
        desk.unplaced.discard(number)
        contact = desk.contacts.get(number)
        if contact is None:
            continue
        units -= 1
        if contact.queue not in desk.policy.queues:
            rehouse(desk, contact)
            units -= 1
        if units <= 0:
            yield
            units = desk.slice_units
    yield
    yield from rearranged(desk, "policy")


def rearranged(desk: Desk, why: str) -> Iterator[None]:
    """Steps first, for everybody; then each agent is given what it should have."""
    began = desk.now
    desk.settling = False
    told, looks = len(desk.events), 0
    for contact in sorted(desk.contacts.values(), key=lambda contact: contact.contact):
        most = max(desk.slice_units // 2, 1)
        if desk.slice_units and (looks == 4 * desk.slice_units or len(desk.events) - told >= most):
            yield
            told, looks = len(desk.events), 0
        if contact.contact in desk.contacts:
            looks += 1
            if contact.state == ContactState.QUEUED:
                open_anew(desk, contact)
    yield
    desk.frozen = False
    for agent in by_sequence(desk):
        give(desk, agent, why)
    desk.emit(ev.RearrangementEnded, why=why, took_ms=desk.now - began)
    desk.rearranging = False
    shares.level_all(desk)


def by_sequence(desk: Desk) -> list[Agent]:
    """Agents as they were defined."""
    return sorted(desk.agents.values(), key=lambda agent: agent.seq)


def open_anew(desk: Desk, contact: Contact) -> None:
    """What is due opens, what nobody else would serve too; decliners yield before it."""
    transfers.no_bot_left(desk, contact)
    affinity.no_team_left(desk, contact)
    decliners.maybe_yield(desk, contact)
    steps.open_due(desk, contact)


def give(desk: Desk, agent: Agent, why: str) -> None:
    """Whatever the agent may have, each to whom it should go."""
    while (found := matching.best_contact(desk, agent)) is not None:
        contact, pick = found
        if contact.prefer == agent.name:
            matching.offer(desk, contact, agent, pick, why)
            continue
        first = matching.who_goes_first(desk, contact)
        matching.place(desk, first, why)
        if first.state == ContactState.QUEUED:
            return


def in_turns(desk: Desk, job: int, action: str, whom: list[int], act: Callable[[int], bool]) -> None:
    """One thing done to many; what is little at once, else so many each time."""
    turns = max(desk.slice_units // 4, 1) if desk.slice_units else len(whom)
    work = turns_of(desk, job, action, whom, act, turns)
    if len(whom) > turns or next(work, desk) is not desk:
        desk.unfinished = work


def turns_of(
    desk: Desk, job: int, action: str, whom: list[int], act: Callable[[int], bool], turns: int
) -> Iterator[None]:
    began, done, at = desk.now, 0, 0
    while at < len(whom):
        before, said = done, len(desk.events)
        some: list[int] = []
        while (
            at < len(whom)
            and len(some) < turns
            and (not desk.slice_units or len(desk.events) - said < desk.slice_units)
        ):
            some.append(whom[at])
            done += act(whom[at])
            at += 1
        told = done - before
        desk.emit(ev.BulkContinued, job=job, cursor=some[-1], done=told, passed=len(some) - told)
        if at < len(whom):
            yield
    desk.emit(ev.BulkEnded, job=job, action=action, done=done, passed=len(whom) - done, took_ms=desk.now - began)
