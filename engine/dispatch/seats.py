"""Where agents sit: in every lane that they qualify for.

The third layer of :class:`engine.dispatch.state.State`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.dispatch.agents import PRESENT, Agent, out_by_rona
from engine.dispatch.clocks import Clocks
from engine.dispatch.consults import Consult
from engine.dispatch.contacts import ContactState
from engine.dispatch.lanes import Lane, Seat, recount, refresh
from engine.dispatch.pools import kind_of
from engine.dispatch.timers import Kind

QUEUED: Final = ContactState.QUEUED
CONNECTED: Final = ContactState.CONNECTED
DORMANT: Final = ContactState.DORMANT
OFFER: Final = Kind.OFFER
WRAP_UP: Final = Kind.WRAP_UP
STEP: Final = Kind.STEP
REPLY: Final = Kind.REPLY
TALK: Final = Kind.TALK
BACK_OFF: Final = Kind.BACK_OFF
CAPACITY: Final = Kind.CAPACITY
LENDER: Final = Kind.LENDER
QUOTA: Final = Kind.QUOTA
HOUSE: Final = Kind.HOUSE


class Seats(Clocks):
    """Agents in the indexes."""

    def seat_agent(self, agent: Agent) -> None:
        """Give the agent a seat in every lane that it qualifies for."""
        profile = agent.profile
        seat = Seat(agent)
        seat.external = sum(agent.external.values())
        recount(seat)
        self.seats[profile.agent] = seat
        self.seats_by_seq[agent.seq] = seat
        if agent.seq >= len(self.seat_at):
            self.seat_at += [None] * (agent.seq + 1 - len(self.seat_at))
        self.seat_at[agent.seq] = seat
        if self.noting:  # another profile
            self.note(0, agent.seq)
        for number in agent.contacts:
            self.contacts[number].seat = seat
        self._count_all(seat)
        seat.groups = self._groups_of(profile.pools)
        self._watch(seat)
        for name in profile.pools:
            if name not in self.policy.pools:
                continue
            for skill in (None, *profile.skills):
                self.seats_by_skill.setdefault((name, skill), {})[agent.seq] = seat
                for lane in self.lanes_by_skill.get((name, skill), ()):
                    if lane.qualifies(seat):
                        self._join(lane, seat)
        self.timers.arm(agent.back_off_until, Kind.BACK_OFF, agent.seq)
        self.timers.arm(agent.until, Kind.AGENT_UNTIL, agent.seq)
        self.timers.arm(agent.capacity_until, Kind.CAPACITY, agent.seq)
        self.timers.arm(agent.quota_until, Kind.QUOTA, agent.seq)

    def _join(self, lane: Lane, seat: Seat) -> None:
        lane.add_member(seat)
        if seat.agent.state in PRESENT:
            lane.signed_on += 1
        refresh(seat)

    def _watch(self, seat: Seat) -> None:
        """Does a pool of the agent's want to know of each change?"""
        pools = [self.policy.pools[name] for name in seat.agent.profile.pools if name in self.policy.pools]
        seat.plain = len(set(seat.groups.values())) <= 1 and all(pool.shares == "none" for pool in pools)
        seat.gates = tuple([self.gates[pool.name] for pool in pools if pool.name in self.gates])
        seat.watched = bool(seat.gates) or self.quotas or any(pool.choice == "most_loaded" for pool in pools)
        if seat.watched:
            seat.open = sum(1 for number in seat.agent.contacts if self.contacts[number].offer)
            self.stir(seat)

    def watch_anew(self) -> None:
        """Another policy has other gates: they count everybody at once, though agents get their lanes one by one."""
        for seat in self.seats.values():
            seat.known_room, seat.known_present, seat.known_out = 0, False, False
            self._watch(seat)
        for gate in self.measured:
            self.arm_measure(gate)

    def level_parties(self) -> None:
        """A rearrangement is over: who began to wait in its course starts level with who is served now, as always."""
        for shares in self.shares.values():
            ledger = shares.ledger
            for name, count in shares.waiting.items():
                now = ledger.virtual.get(name.partition("\n")[0] if "\n" in name else "", 0)
                if count and ledger.passes.get(name, 0) < now:
                    ledger.passes[name] = now

    def shake(self, number: int, why: str) -> None:
        """Its contact, or one of its two agents, is gone: a consult about it ends before the step is over."""
        if number in self.consults:
            self.shaken.setdefault(number, why)

    def shake_of(self, agent: Agent, why: str) -> None:
        """As :meth:`shake`, for all consults of an agent who is gone, asked or asking."""
        for number in (*agent.contacts, *agent.helping):
            self.shake(number, why)

    def stir(self, seat: Seat, gone: bool = False) -> None:
        """The agent has changed: the gates of its pools count it anew. ``gone``: it leaves its pools."""
        agent = seat.agent
        room = 0
        if not gone and seat.takes_offers():
            room = max(agent.capacity - agent.load - seat.external, 0)
        present = not gone and agent.state in PRESENT
        out = present and out_by_rona(agent)
        for gate in seat.gates:
            if room != seat.known_room:
                gate.move(seat.known_room, room)
                if room > seat.known_room and gate.pool.owners:
                    self.stirred[gate.pool.name] = None
            gate.present += present - seat.known_present
            gate.out += out - seat.known_out
        seat.known_room, seat.known_present, seat.known_out = room, present, out

    def count_help(self, seat: Seat, consult: Consult, sign: int) -> None:
        """In the agent's limits a consult is one more (−1: one less) contact of that channel and shop."""
        if self.bounded:
            self.count(seat, consult.channel, consult.shop, sign, sign * consult.units)

    def take_stock(self, seat: Seat) -> None:
        """Before anyone asks for room during a swap: what the agent holds, if the new policy limits other things.

        Everybody at once would be too much for one call; who is asked about by nobody is counted with the new lanes.
        """
        if seat.counted < self.counted_since:
            self._count_all(seat)

    def _count_all(self, seat: Seat) -> None:
        seat.counted = self.era
        seat.by_channel, seat.by_shop = {}, {}
        seat.yielding, seat.beside = 0, seat.external
        if not self.bounded:
            return
        for number, units in seat.agent.contacts.items():
            contact = self.contacts[number]
            self.count(seat, contact.channel, contact.shop, 1, units)
        for number in seat.agent.helping:
            self.count_help(seat, self.consults[number], 1)

    def count(self, seat: Seat, channel: str, shop: str, contacts: int, units: int) -> None:
        """The agent has so many more contacts and units of this channel and shop; asked only if ``bounded``."""
        if channel in self.limited:
            seat.by_channel[channel] = seat.by_channel.get(channel, 0) + contacts
        if shop in self.shop_limits:
            seat.by_shop[shop] = seat.by_shop.get(shop, 0) + contacts
        if channel in self.interruptible:
            seat.yielding += units
            seat.beside -= units

    def _groups_of(self, pools: tuple[str, ...]) -> Mapping[str, int]:
        """Pool → rank of its order among these pools; one mapping for all agents of the same pools."""
        known = self._groups.get(pools)
        if known is None:
            known = self._groups[pools] = {}
            orders: dict[tuple[int, tuple[str, ...], str], int] = {}
            for name in pools:
                pool = self.policy.pools.get(name)
                if pool is not None:  # a pool shared by weight decides by itself
                    alone = name if pool.shares != "none" else ""
                    known[name] = orders.setdefault((kind_of(pool), pool.listed, alone), len(orders))
        return known

    def unseat_agent(self, agent: Agent) -> Seat:
        """Take the agent out of every index; returns the old seat."""
        seat = self.seats.pop(agent.profile.agent)
        self.freed.pop(agent.seq, None)
        del self.seats_by_seq[agent.seq]
        self.seat_at[agent.seq] = None
        for lane in seat.lanes:
            lane.drop_member(seat)
            if agent.state in PRESENT:
                lane.signed_on -= 1
        for name in agent.profile.pools:
            for skill in (None, *agent.profile.skills):
                self.seats_by_skill.get((name, skill), {}).pop(agent.seq, None)
        if seat.watched:
            self.stir(seat, gone=True)
        return seat

    def freer(self, seat: Seat) -> None:
        """The agent may have become freer; the lanes hear of it in :meth:`tell_lanes`, if it still is by then."""
        self.freed[seat.agent.seq] = seat
        if seat.watched:
            self.stir(seat)
        if self.noting:
            self.note(0, seat.agent.seq)

    def tell_lanes(self) -> None:
        """Before anyone looks for a free agent: the lanes learn who became freer."""
        for seat in self.freed.values():
            agent = seat.agent
            if agent.load + seat.beside < agent.capacity and seat.takes_offers():
                refresh(seat)
        self.freed.clear()

    def note(self, contact: int, agent_seq: int) -> None:
        """Who begins to wait or becomes freer while a rearrangement makes its offers has a turn at the end."""
        assert self.rearranging is not None
        if contact:
            self.rearranging.contacts[contact] = 0
        else:
            self.rearranging.agents[agent_seq] = 0
