"""The indexes while a rearrangement is under way: see :mod:`engine.dispatch.slices`. Nothing is decided here."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from engine.dispatch.contacts import ContactState
from engine.dispatch.lanes import Seat
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.ranks import Ranked
from engine.dispatch.slices import AGENTS, CONTACTS, FEEDING, LOSING, Rearrangement
from engine.dispatch.state import State

# Stages that go through agents by sequence number; the others go through contacts.
OF_AGENTS = (LOSING, AGENTS, FEEDING)


def swap_policy(state: State, policy: Policy, at: int) -> None:
    """Decide by this policy at once; contacts and agents get their places one by one, by the slices that follow.

    Lines are kept: how many wait where, and since when, is the same under any policy. Only their ranks are not.
    """
    gone = {**state.former, **state.policy.queues}
    state.former = {name: queue for name, queue in gone.items() if name not in policy.queues}
    lines = {name: state.lines[name] for name in (*policy.queues, *state.former) if name in state.lines}
    crowds = state.house.crowds
    state.house.begin(policy, at)
    gated = bool(state.gates)
    counted = (state.limited, state.shop_limits.keys(), state.interruptible)
    state.use(policy)
    forget_looks(state)
    for name in (*policy.queues, *state.former):
        line = state.line_of(name)
        if name in lines:
            kept = lines[name]
            line.waiting, line.oldest = kept.waiting, kept.oldest
            line.ranked = None if kept.ranked is None else Ranked()
        lines[name] = line
    state.lines = lines
    if gated or state.gates:
        state.watch_anew()
    if counted != (state.limited, state.shop_limits.keys(), state.interruptible):
        state.counted_since = state.era
    keep_house(state, crowds)


def forget_looks(state: State) -> None:
    """Whoever waits is given its next look with its new place; who goes before that leaves none behind."""
    state.looks.clear()
    state.overdue.clear()


def keep_house(state: State, crowds: dict[str, dict[int, None]]) -> None:
    """Promises stand on the shelves of the new policy; crowds are as they were, those of other shops are counted."""
    house = state.house
    new = {shop: crowd for shop, crowd in house.crowds.items() if shop not in crowds}
    house.crowds |= {shop: crowds[shop] for shop in house.crowds if shop in crowds}
    if new:
        for line in state.lines.values():
            for number in line.waiting:
                shop = state.contacts[number].shop
                if shop in new:
                    new[shop][number] = None
    for number in sorted(house.promises):
        contact = state.contacts.get(number)
        if contact is not None and contact.queue not in state.former:
            state.shelve(contact)
    for ident in house.idents():
        state.arm_house(ident)


def rearrange(state: State, work: Rearrangement | None) -> None:
    """Take this as what is under way, and set what hangs on it."""
    state.rearranging = work
    state.frozen = work is not None
    state.noting = work is not None and work.stage >= FEEDING
    state.todo = None
    state.unplaced_from = state.unplaced_until = 0
    if work is not None and work.stage == CONTACTS:
        state.unplaced_from, state.unplaced_until = work.cursor, work.until


def left_to_do(state: State, work: Rearrangement) -> list[int]:
    """Numbers of contacts or agents behind the cursor, ``state.todo_at`` the first of them; an index."""
    if state.todo is None:
        numbers = sorted(state.seats_by_seq) if work.stage in OF_AGENTS else sorted(state.contacts)
        state.todo = numbers[bisect_right(numbers, work.cursor) : bisect_left(numbers, work.until)]
        state.todo_at = 0
    todo = state.todo
    # Who has gone since is not waited for: the stage ends where it would for somebody who begins to count only now.
    if work.stage in OF_AGENTS:
        while len(todo) > state.todo_at and todo[-1] not in state.seats_by_seq:
            todo.pop()
    else:
        while len(todo) > state.todo_at and todo[-1] not in state.contacts:
            todo.pop()
    return todo


def advance(state: State, work: Rearrangement, cursor: int) -> None:
    """The stage has dealt with everything up to ``cursor``; contacts and agents there have their new places."""
    numbers, place = left_to_do(state, work), state.todo_at
    first = place
    while place < len(numbers) and numbers[place] <= cursor:
        place += 1
    work.cursor, state.todo_at = cursor, place
    if work.stage == CONTACTS:
        state.unplaced_from = cursor
        for number in numbers[first:place]:
            place_anew(state, number)
    elif work.stage == AGENTS:
        for seq in numbers[first:place]:
            seat_anew(state, seq)


def enter_stage(state: State, work: Rearrangement, stage: int) -> None:
    """Begin a stage with what there is now; what comes later comes with its place."""
    if stage == CONTACTS:
        forget_looks(state)
    if stage > CONTACTS:
        all_placed(state, work)
    if stage > AGENTS:
        work.seating = False
    work.stage, work.cursor = stage, 0
    work.until = state.next_seq if stage in OF_AGENTS else state.next_contact
    rearrange(state, work)


def place_anew(state: State, number: int) -> None:
    """The contact's place under the policy that was swapped in; it may have one already."""
    contact = state.contacts.get(number)
    if contact is None:
        return
    state.arm_contact(contact)
    if contact.state is ContactState.QUEUED:
        state.leave_lanes(contact)
        state.enter_lanes(contact)


def seat_anew(state: State, seq: int) -> None:
    """The agent's lanes under the policy that was swapped in; it may have them already."""
    old: Seat | None = state.seats_by_seq.get(seq)
    if old is None:
        return
    state.unseat_agent(old.agent)
    state.seat_agent(old.agent)
    seat = state.seats_by_seq[seq]
    seat.preferred, seat.declined = old.preferred, old.declined
    state.freer(seat)


def all_placed(state: State, work: Rearrangement) -> None:
    """Nobody stands in a queue of a former policy any more."""
    work.former = ()
    state.former = {}
    state.lines = {name: state.lines[name] for name in state.policy.queues}
