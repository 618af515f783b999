"""Invariants, and indexes compared with those rebuilt from state. For tests, benchmarks and ``journal verify``."""

from __future__ import annotations

from engine.dispatch import snapshots
from engine.dispatch.agents import PRESENT
from engine.dispatch.contacts import WAITING, ContactState
from engine.dispatch.lanes import LaneKey, Seat
from engine.dispatch.slices import OPENING
from engine.dispatch.state import State
from engine.dispatch.strands import ContactKey
from engine.dispatch.timers import Kind

S = ContactState


def audit(state: State) -> list[str]:
    """Sentences about what is wrong; empty when nothing is."""
    state.settle()
    state.tell_lanes()
    work = state.rearranging
    if work is not None and work.stage < OPENING:  # places are being given out: whoever has one has the right one
        return [*capacity(state), *places(state, all_placed=False)]
    return [*capacity(state), *places(state), *lanes(state), *indexes(state), *timers(state)]


def capacity(state: State) -> list[str]:
    wrong = []
    asked: dict[str, dict[int, int]] = {}
    for consult in state.consults.values():
        asked.setdefault(consult.to_agent, {})[consult.contact] = consult.units
    for name, agent in state.agents.items():
        held_units = sum(agent.contacts.values()) + sum(agent.helping.values())
        if agent.load != held_units:
            wrong.append(f"agent {name}: load {agent.load}, contacts and consults hold {held_units}")
        if agent.helping != asked.get(name, {}):
            wrong.append(f"agent {name}: helps with {agent.helping}, consults say {asked.get(name)}")
        channels: dict[str, int] = {}
        shops: dict[str, int] = {}
        held = [(state.contacts[number].channel, state.contacts[number].shop) for number in agent.contacts]
        held += [(state.consults[number].channel, state.consults[number].shop) for number in agent.helping]
        for channel, shop in held:
            if channel in state.limited:
                channels[channel] = channels.get(channel, 0) + 1
            if shop in state.shop_limits:
                shops[shop] = shops.get(shop, 0) + 1
        seat = state.seats[name]
        state.take_stock(seat)
        for known, wanted in ((seat.by_channel, channels), (seat.by_shop, shops)):
            counted = {what: n for what, n in known.items() if n}
            if counted != wanted:
                wrong.append(f"agent {name}: counts {counted}, contacts say {wanted}")
    return wrong


def places(state: State, *, all_placed: bool = True) -> list[str]:
    """Every contact in exactly one place: a line, an agent's hands, or an abandon window."""
    wrong = []
    holders: dict[int, list[str]] = {}
    for name, agent in state.agents.items():
        for number in agent.contacts:
            holders.setdefault(number, []).append(name)
    for number, contact in state.contacts.items():
        in_line = contact.queue in state.lines and number in state.lines[contact.queue].waiting
        if in_line != (contact.state in WAITING):
            wrong.append(f"contact {number}: {contact.state}, in its queue's line: {in_line}")
        stands = state.standing(contact) is not None and contact.key is not None
        if all_placed and stands != (contact.state is S.QUEUED):
            wrong.append(f"contact {number}: {contact.state}, in the lanes: {stands}")
        held_by = holders.get(number, [])
        if held_by != ([contact.agent] if contact.agent else []):
            wrong.append(f"contact {number}: {contact.state} with {contact.agent!r}, held by {held_by}")
        if (contact.offer in state.offers) != (contact.state in (S.OFFERED, S.HELD)):
            wrong.append(f"contact {number}: {contact.state}, offer {contact.offer}")
    return wrong


def lanes(state: State) -> list[str]:
    wrong = []
    seated = members(state)
    for key, lane in state.lanes.items():
        seats = seated.get(key, [])
        if lane.seated != len(seats):
            wrong.append(f"lane {key}: counts {lane.seated} agents, {len(seats)} qualify")
        signed_on = sum(1 for seat in seats if seat.agent.state in PRESENT)
        if lane.signed_on != signed_on:
            wrong.append(f"lane {key}: counts {lane.signed_on} signed on, {signed_on} are")
        keys = lane.known()
        for seat in seats:
            known = keys.get(seat.agent.seq)
            if lane.fits(seat) and (known is None or known > lane.agent_key(seat)):
                wrong.append(f"lane {key}: free agent {seat.agent.profile.agent} known as {known}")
            if known is None and lane not in seat.absent:
                wrong.append(f"lane {key}: agent {seat.agent.profile.agent} neither in the heap nor absent")
    return wrong


def indexes(state: State) -> list[str]:
    """Against a state rebuilt from a snapshot."""
    other = snapshots.decode(snapshots.encode(state))
    other.settle()
    wrong = []
    for name in ("by_external", "by_customer"):
        if getattr(state, name) != getattr(other, name):
            wrong.append(f"{name} differs from the rebuilt index")
    for queue, line in state.lines.items():
        ranks, rebuilt_ranks = ([key[:4] for key in one.ranks(queue)] for one in (state, other))
        if ranks != rebuilt_ranks or line.waiting != other.lines[queue].waiting:
            wrong.append(f"queue {queue}: line differs from the rebuilt one")
    mine, rebuilt = waiting(state), waiting(other)
    if mine != rebuilt:
        wrong.append("waiting contacts in the lanes differ from the rebuilt index")
    seated, rebuilt_seated = (
        {key: {seat.name for seat in seats} for key, seats in members(one).items()} for one in (state, other)
    )
    for key in mine:
        if seated.get(key) != rebuilt_seated.get(key):
            wrong.append(f"lane {key}: members differ from the rebuilt index")
    for name, seat in state.seats.items():
        same = (seat.declined, seat.preferred) == (other.seats[name].declined, other.seats[name].preferred)
        units = (seat.external, seat.yielding, seat.beside)
        rebuilt_seat = other.seats[name]
        if not same or units != (rebuilt_seat.external, rebuilt_seat.yielding, rebuilt_seat.beside):
            wrong.append(f"agent {name}: seat differs from the rebuilt one")
    return wrong


def members(state: State) -> dict[LaneKey, list[Seat]]:
    """Who sits in the lanes."""
    found: dict[LaneKey, list[Seat]] = {}
    for seat in state.seats.values():
        for lane in seat.lanes:
            found.setdefault(lane.key, []).append(seat)
    return found


def waiting(state: State) -> dict[LaneKey, list[ContactKey]]:
    """Who waits in the lanes, with what key."""
    return {key: sorted(entry[:4] for entry in lane.standing()) for key, lane in state.lanes.items() if lane.waiting}


def timers(state: State) -> list[str]:
    """Every deadline that state names is armed."""
    armed = state.timers.entries()
    wanted = [(state.due(Kind.OFFER, number), Kind.OFFER, number) for number in state.offers]
    for kind in (Kind.STEP, Kind.REPLY, Kind.WRAP_UP, Kind.RESUME, Kind.AFFINITY, Kind.DECLINER, Kind.TALK):
        wanted += [(state.due(kind, number), kind, number) for number in state.contacts]
    for agent_kind in (Kind.BACK_OFF, Kind.AGENT_UNTIL, Kind.CAPACITY):
        wanted += [(state.due(agent_kind, seq), agent_kind, seq) for seq in state.seats_by_seq]
    wanted += [(consult.deadline, Kind.CONSULT, number) for number, consult in state.consults.items()]
    wanted += [(state.house.due(ident), Kind.HOUSE, ident) for ident in state.house.idents()]
    return [f"not armed: {entry}" for entry in wanted if entry[0] and entry not in armed]
