"""The whole state as bytes and back. Indexes are not stored: they are rebuilt."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.dispatch.agents import Agent, AgentState
from engine.dispatch.commands import Attributes
from engine.dispatch.consults import Consult
from engine.dispatch.contact_rows import contacts_of, index_names, row_of
from engine.dispatch.contacts import Contact, Offer
from engine.dispatch.estimates import Measure
from engine.dispatch.ledgers import Ledger
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.slices import SLICE_UNITS, Job, Rearrangement
from engine.dispatch.standing import Standing
from engine.dispatch.state import State
from engine.dispatch.swapping import rearrange

# Raised with every change of shape; an older one is read as long as its fields have defaults.
# 2: contacts as rows. 1: contacts as maps, read still.
VERSION = 2
# Contacts encoded together: what is being read stays in the processor's cache.
_ROWS = 2_000

_row_encoder = msgspec.msgpack.Encoder()
_row_decoder = msgspec.msgpack.Decoder(list[tuple[Any, ...]])


# A compiled class keeps only the outermost type of each field; decoding wants all of it.
Contact.__annotations__.update(
    attributes=Attributes, decliners=dict[str, int], also=tuple[str, ...], joined=tuple[tuple[str, str], ...]
)
Agent.__annotations__.update(
    external=dict[str, int], contacts=dict[int, int], helping=dict[int, int], ended_offers=dict[int, str]
)


class SnapshotError(ValueError):
    """Bytes that are no snapshot, or one of a newer release."""


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    version: int
    now: int
    next_contact: int
    next_offer: int
    next_seq: int
    policy: str
    closed_queues: dict[str, str]
    agents: list[Agent]
    contacts: list[Contact]  # of version 1
    offers: list[Offer]
    standing: Standing = Standing()
    slice_units: int = SLICE_UNITS
    rearranging: Rearrangement | None = None
    next_job: int = 1
    drained: dict[str, str] = {}
    jobs: dict[int, Job] = {}
    ledgers: list[Ledger] = []
    measures: dict[str, Measure] = {}
    consults: list[Consult] = []
    rows: list[bytes] = []  # of version 2: contacts in order, some thousands in each
    looks: dict[int, int] = {}  # contact → when its step should have been judged, where that is still to be done


def encode(state: State) -> bytes:
    return msgspec.msgpack.encode(
        Snapshot(
            VERSION,
            state.now,
            state.next_contact,
            state.next_offer,
            state.next_seq,
            state.policy.text,
            state.closed_queues,
            sorted(state.agents.values(), key=lambda agent: agent.seq),
            [],
            [state.offers[number] for number in sorted(state.offers)],
            state.house.standing(),
            state.slice_units,
            state.rearranging,
            state.next_job,
            state.drained,
            state.jobs,
            [state.ledgers[name] for name in state.pool_names if name in state.ledgers],
            dict(sorted(state.measures.items())),
            [state.consults[number] for number in sorted(state.consults)],
            _rows(state),
            {number: due for number, due in sorted(state.looks.items()) if due <= state.now},
        )
    )


def decode(data: bytes | memoryview) -> State:
    try:
        snapshot = msgspec.msgpack.decode(data, type=Snapshot)
    except msgspec.MsgspecError as error:
        raise SnapshotError(f"not a snapshot: {error}") from error
    if snapshot.version > VERSION:
        raise SnapshotError(f"snapshot version {snapshot.version}, this release reads up to {VERSION}")
    state = State(compile_policy(snapshot.policy))
    state.now = snapshot.now
    state.next_contact, state.next_offer = snapshot.next_contact, snapshot.next_offer
    state.next_seq = snapshot.next_seq
    state.closed_queues = snapshot.closed_queues
    state.agents = {agent.profile.agent: agent for agent in snapshot.agents}
    contacts = snapshot.contacts or _read_rows(snapshot.rows)
    state.contacts = {contact.contact: contact for contact in contacts}
    state.offers = {offer.offer: offer for offer in snapshot.offers}
    state.consults = {consult.contact: consult for consult in snapshot.consults}
    state.house.restore(snapshot.standing)
    state.ledgers = {ledger.pool: ledger for ledger in snapshot.ledgers}
    index_names(contacts, state.by_external, state.by_customer)
    state.measures = snapshot.measures
    state.slice_units, state.next_job, state.jobs = snapshot.slice_units, snapshot.next_job, snapshot.jobs
    state.drained = snapshot.drained
    work = snapshot.rearranging
    if work is not None:
        for text in work.former:
            state.former |= compile_policy(text).queues
        state.former = {name: queue for name, queue in state.former.items() if name not in state.policy.queues}
        rearrange(state, work)
        state.noting = False  # what it has noted is in the snapshot
    state.set_policy(state.policy)
    rearrange(state, work)
    state.overdue = snapshot.looks
    for consult in snapshot.consults:  # the start of an epoch is not over: they end when all are lost
        if AgentState.LOST in (state.agents[consult.agent].state, state.agents[consult.to_agent].state):
            state.shake(consult.contact, "agent_lost")
    state.settle()  # here, where nobody counts milliseconds, rather than in the first call
    return state


def _rows(state: State) -> list[bytes]:
    numbers = sorted(state.contacts)
    return [
        _row_encoder.encode([row_of(state.contacts[number]) for number in numbers[start : start + _ROWS]])
        for start in range(0, len(numbers), _ROWS)
    ]


def _read_rows(chunks: list[bytes]) -> list[Contact]:
    shared: dict[str, str] = {}
    contacts: list[Contact] = []
    for chunk in chunks:
        try:
            contacts += contacts_of(_row_decoder.decode(chunk), shared)
        except (TypeError, ValueError, LookupError) as error:
            raise SnapshotError(f"not a snapshot: a contact cannot be read: {error}") from error
    return contacts
