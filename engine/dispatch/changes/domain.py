"""What events of queues and of the whole domain do to state."""

from __future__ import annotations

from engine.dispatch import events as ev
from engine.dispatch.changes.registry import applies
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.state import State


@applies(ev.QueueClosed)
def queue_closed(state: State, event: ev.QueueClosed) -> None:
    state.closed_queues = {**state.closed_queues, event.queue: event.reason}


@applies(ev.QueueOpened)
def queue_opened(state: State, event: ev.QueueOpened) -> None:
    state.closed_queues = {queue: why for queue, why in state.closed_queues.items() if queue != event.queue}


@applies(ev.PolicyApplied)
def policy_applied(state: State, event: ev.PolicyApplied) -> None:
    if event.version != state.policy.version:
        policy = compile_policy(event.text)
        state.house.begin(policy, event.at)
        state.set_policy(policy)


@applies(ev.EngineStarted)
def engine_started(state: State, event: ev.EngineStarted) -> None:
    """A mark in the journal; the rescinded offers and lost agents have events of their own."""


@applies(ev.CommandRejected)
def command_rejected(state: State, event: ev.CommandRejected) -> None:
    """A refusal changes nothing."""
