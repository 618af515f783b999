"""What events of queues and of the whole domain do to state."""

from __future__ import annotations

from itertools import islice

from engine.dispatch import events as ev
from engine.dispatch.changes.registry import applies
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.slices import CONTACTS, RESCINDING, Rearrangement
from engine.dispatch.state import State
from engine.dispatch.swapping import advance, enter_stage, rearrange, swap_policy


@applies(ev.QueueClosed)
def queue_closed(state: State, event: ev.QueueClosed) -> None:
    state.closed_queues = {**state.closed_queues, event.queue: event.reason}


@applies(ev.QueueOpened)
def queue_opened(state: State, event: ev.QueueOpened) -> None:
    state.closed_queues = {queue: why for queue, why in state.closed_queues.items() if queue != event.queue}


@applies(ev.LenderMeasured)
def lender_measured(state: State, event: ev.LenderMeasured) -> None:
    """Minutes have left the window of the lender's service level."""
    gate = state.gates[event.pool]
    if gate.kpi is not None:
        asking = state.asking.get(event.pool)
        held = asking is None or gate.holds()
        gate.ledger.forget(event.at, gate.kpi.window_ms)
        gate.held = -1
        if not held and asking is not None and gate.holds():
            state.reached.update(asking)
        state.stirred[event.pool] = None
        state.arm_measure(gate)


@applies(ev.AlertRaised)
def alert_raised(state: State, event: ev.AlertRaised) -> None:
    """For people to see; nothing changes."""


@applies(ev.PolicyApplied)
def policy_applied(state: State, event: ev.PolicyApplied) -> None:
    if event.sliced:
        former = state.policy.text
        texts = () if state.rearranging is None else state.rearranging.former
        swap_policy(state, compile_policy(event.text), event.at)
        until = state.next_contact
        rearrange(state, Rearrangement("policy", event.at, CONTACTS, 0, until, (*texts, former), {}, {}, seating=True))
    elif event.version != state.policy.version:
        policy = compile_policy(event.text)
        state.house.begin(policy, event.at)
        state.set_policy(policy)
        state.level_parties()


@applies(ev.EngineStarted)
def engine_started(state: State, event: ev.EngineStarted) -> None:
    """A mark in the journal; the rescinded offers and lost agents have events of their own."""
    if event.sliced:
        begin(state, "restart", RESCINDING, event.at)


@applies(ev.RearrangementStarted)
def rearrangement_started(state: State, event: ev.RearrangementStarted) -> None:
    begin(state, event.why, event.stage, event.at)
    if event.agent:
        assert state.rearranging is not None
        state.rearranging.agents[state.agents[event.agent].seq] = 0


@applies(ev.RearrangementContinued)
def rearrangement_continued(state: State, event: ev.RearrangementContinued) -> None:
    work = state.rearranging
    assert work is not None
    if event.stage != work.stage:
        enter_stage(state, work, event.stage)
        return
    if event.cursor:
        advance(state, work, event.cursor)
    for notes, count in ((work.contacts, event.contacts), (work.agents, event.agents)):
        for number in list(islice(notes, count)):
            del notes[number]


@applies(ev.RearrangementEnded)
def rearrangement_ended(state: State, event: ev.RearrangementEnded) -> None:
    rearrange(state, None)
    state.level_parties()
    for pool in state.policy.pools.values():
        if pool.owners:
            state.stirred[pool.name] = None


def begin(state: State, why: str, stage: int, at: int) -> None:
    """One that is under way goes on from ``stage``, and keeps what it has noted."""
    work = state.rearranging
    if work is None:
        work = Rearrangement(why, at, stage, 0, 0, (), {}, {})
    enter_stage(state, work, stage)


@applies(ev.DeskRecorded)
def desk_recorded(state: State, event: ev.DeskRecorded) -> None:
    """For the desk's tables; nothing changes here."""


@applies(ev.CommandRejected)
def command_rejected(state: State, event: ev.CommandRejected) -> None:
    """A refusal changes nothing."""
