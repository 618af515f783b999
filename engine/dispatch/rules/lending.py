"""A lender may lend again: those who wait to borrow are decided anew."""

from __future__ import annotations

from typing import Final

from engine.dispatch import events as ev
from engine.dispatch.choosing import can_serve_preferred
from engine.dispatch.contacts import ContactState
from engine.dispatch.matching import first_before, place
from engine.dispatch.slices import FEEDING
from engine.dispatch.state import State
from engine.dispatch.strands import ContactKey

QUEUED: Final = ContactState.QUEUED


def review_borrowers(state: State) -> None:
    """More agents of a lender are idle, or its service level is better: those who may borrow again are decided anew.

    Called when everything else of the step is done. Contacts that prefer an agent first, by number; then, pool by pool in
    the policy's order, whoever stands first in it while there is somebody to be had; hundreds of them in slices. Not in
    the midst of a rearrangement: its end looks at all of them.
    """
    left = max(state.slice_units // 2, 1)
    if state.frozen:
        state.stirred.clear()
        return
    while state.stirred:  # again where an automatic accept has made another service level better
        pools = [name for name in state.pool_names if name in state.stirred]
        state.stirred.clear()
        state.settle()
        state.tell_lanes()
        for number in sorted(state.wanting):
            contact = state.contacts[number]
            seat = state.seats.get(contact.prefer)
            if seat is not None and can_serve_preferred(state, seat, contact):
                place(state, contact, "lender")
        for name in pools:
            left = place_borrowers(state, name, left)
            if left < 0:
                state.emit(ev.RearrangementStarted(state.now, "lender", FEEDING))
                state.stirred.clear()
                return


def place_borrowers(state: State, pool: str, left: int) -> int:
    """Those who wait to borrow from the pool, one after the other, while there is somebody to be had.

    At most ``left`` of them; returns how many are left of that, −1: so many were not enough.
    """
    looked_at: set[int] = set()
    while True:
        key = first_borrower(state, pool, looked_at)
        if key is None:
            return left
        if left <= 0:
            return -1
        contact = state.contacts[key[3]]
        first = first_before(state, contact)
        place(state, first, "lender")
        if first.state is QUEUED:
            looked_at.add(contact.contact)
        else:
            left -= 1
        state.settle()
        state.tell_lanes()


def first_borrower(state: State, pool: str, looked_at: set[int]) -> ContactKey | None:
    """Of those who borrow from the pool and could have somebody of it now, whoever its order puts first."""
    best: ContactKey | None = None
    for lane in state.borrowing.get(pool, ()):
        if not lane.waiting or lane.pick(()) is None:
            continue
        key = lane.head(state.now, looked_at)
        if key is not None and (best is None or key < best):
            best = key
    return best
