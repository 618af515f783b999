"""The independent checker: three faults, found from what the clients saw and from nothing the engine says of itself.

- lost: acknowledged, and yet neither ended before its channel's eyes nor known to the engine any more; or acknowledged
  and never heard of again; or a message of it never arrived
- double assigned: two agents had the contact at overlapping places of the journal, offers included
- over capacity: an agent had more units in hand than it can carry
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from sim.witness import Holding, Witness


@dataclass(slots=True)
class Verdict:
    """Each fault as a sentence; ``lost``, ``double_assigned`` and ``over_capacity`` count contacts, contacts, agents."""

    lost: int = 0
    double_assigned: int = 0
    over_capacity: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.double_assigned or self.over_capacity or self.faults)


def judge(witness: Witness, known_open: Iterable[int], up_to_lsn: int | None = None) -> Verdict:
    """``known_open``: the contacts that the engine, asked after play, still has.

    ``up_to_lsn``: how far every client has read its streams; what one agent heard later than that, another may not have.
    """
    verdict = Verdict()
    _find_lost(witness, set(known_open), verdict)
    _find_double(_cut(witness.finish(), up_to_lsn), verdict)
    worst = {overload.agent: overload for overload in sorted(witness.overloads, key=lambda each: each.units)}
    verdict.over_capacity = len(worst)
    verdict.faults += [
        f"agent {agent} held {overload.units} units of {overload.capacity} at lsn {overload.lsn}"
        for agent, overload in sorted(worst.items())
    ]
    return verdict


def _cut(holdings: list[Holding], up_to_lsn: int | None) -> list[Holding]:
    if up_to_lsn is None:
        return holdings
    return [holding for holding in holdings if holding.begin <= up_to_lsn]


def _find_lost(witness: Witness, known_open: set[int], verdict: Verdict) -> None:
    lost: dict[int, str] = {}
    for external_id, contact in witness.acked.items():
        life = witness.lives.get(contact)
        if life is None:
            lost[contact] = f"contact {contact} ({external_id}) was acknowledged and its channel never saw it"
        elif not life.ended_at and contact not in known_open:
            lost[contact] = f"contact {contact} never ended, and the engine does not know it any more"
        elif life.gaps:
            lost[contact] = f"contact {contact}: {life.gaps} gaps in its messages as its channel saw them"
    verdict.lost = len(lost)
    verdict.faults += [lost[contact] for contact in sorted(lost)]
    counts: dict[int, list[str]] = defaultdict(list)
    for external_id, contact in witness.acked.items():
        if external_id not in witness.joined:
            counts[contact].append(external_id)
    twice = {contact: ids for contact, ids in counts.items() if len(ids) > 1}
    verdict.lost += sum(len(ids) - 1 for ids in twice.values())
    verdict.faults += [f"submits {', '.join(ids)} were all answered with contact {n}" for n, ids in twice.items()]


def _find_double(holdings: list[Holding], verdict: Verdict) -> None:
    by_contact: dict[int, list[Holding]] = defaultdict(list)
    for holding in holdings:
        by_contact[holding.contact].append(holding)
    for contact, held in sorted(by_contact.items()):
        held.sort(key=lambda each: each.begin)
        latest: Holding | None = None  # the one that reaches furthest so far
        for holding in held:
            if (
                latest is not None
                and holding.agent != latest.agent
                and (latest.end is None or holding.begin < latest.end)
            ):
                verdict.double_assigned += 1
                verdict.faults.append(
                    f"contact {contact} was with {latest.agent} ({latest.kind}, from lsn {latest.begin}) "
                    f"and with {holding.agent} ({holding.kind}, from lsn {holding.begin}) at once"
                )
                break
            if latest is None or (latest.end is not None and (holding.end is None or holding.end >= latest.end)):
                latest = holding
