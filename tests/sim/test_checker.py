"""The checker finds what it is there to find: each fault is planted, and each is found; a clean run stays clean."""

from __future__ import annotations

import pytest

from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile, Sender
from sim.checker import Verdict, judge
from sim.witness import Witness


def _witness(*agents: str, capacity: int = 2) -> Witness:
    witness = Witness(frozenset({"email"}))
    for agent in agents:
        witness.agent_signs_on(AgentProfile(agent=agent, capacity=capacity))
    return witness


def _arrive(witness: Witness, contact: int, lsn: int, *, acked: bool = True) -> None:
    witness.channel_saw(
        ev.ContactSubmitted(lsn, contact, "maple", "web", f"x-{contact}", f"c-{contact}", "", "help", "", "person", 0, "", {}),
        lsn,
    )  # fmt: skip
    if acked:
        witness.submit_acked(f"x-{contact}", contact, "queued")


def _offer(witness: Witness, agent: str, contact: int, lsn: int, offer: int | None = None) -> None:
    made = ev.OfferMade(
        lsn, offer or contact, contact, agent, "help", "onsite", 0, 1, 99, 0, "arrival", "", "", (), "p"
    )
    witness.agent_saw(agent, made, lsn)


def _serve(witness: Witness, agent: str, contact: int, lsn: int) -> None:
    _offer(witness, agent, contact, lsn)
    witness.agent_saw(agent, ev.OfferAccepted(lsn + 1, contact, contact, agent), lsn + 1)
    witness.channel_saw(ev.ContactConnected(lsn + 1, contact, agent, 1), lsn + 1)


def _close(witness: Witness, agent: str, contact: int, lsn: int, *, wrap_up: bool = False) -> None:
    closed = ev.ContactClosed(lsn, contact, "done", agent)
    witness.channel_saw(closed, lsn)
    witness.agent_saw(agent, closed, lsn)
    if wrap_up:
        witness.agent_saw(agent, ev.WrapUpStarted(lsn, contact, agent, lsn + 10), lsn)


def _faults(verdict: Verdict) -> tuple[int, int, int]:
    return verdict.lost, verdict.double_assigned, verdict.over_capacity


def test_a_clean_run_has_no_fault() -> None:
    """Served, closed, wrapped up; declined and offered to the next; still open and known: nothing to say."""
    witness = _witness("ann", "bob")
    for contact in (1, 2, 3):
        _arrive(witness, contact, contact)
    _serve(witness, "ann", 1, 10)
    _close(witness, "ann", 1, 20, wrap_up=True)
    witness.agent_saw("ann", ev.WrapUpEnded(25, 1, "ann"), 25)
    _offer(witness, "ann", 2, 30)
    witness.agent_saw("ann", ev.OfferDeclined(31, 2, 2, "ann", "busy", 0), 31)
    _offer(witness, "bob", 2, 31, offer=9)
    verdict = judge(witness, known_open=[2, 3])
    assert _faults(verdict) == (0, 0, 0)
    assert verdict.is_clean and verdict.faults == []


def test_acknowledged_and_gone_is_lost() -> None:
    """The engine said yes, the channel saw it begin, and now nobody knows it."""
    witness = _witness()
    _arrive(witness, 1, 1)
    verdict = judge(witness, known_open=[])
    assert _faults(verdict) == (1, 0, 0)
    assert verdict.faults == ["contact 1 never ended, and the engine does not know it any more"]
    assert not verdict.is_clean


def test_acknowledged_and_never_seen_is_lost() -> None:
    """An answer came, and not one event after it."""
    witness = _witness()
    witness.submit_acked("x-5", 5, "queued")
    assert judge(witness, known_open=[5]).faults == ["contact 5 (x-5) was acknowledged and its channel never saw it"]


def test_a_missing_message_is_a_loss() -> None:
    """Messages count from 1 without gaps; the channel heard the first and the third."""
    witness = _witness()
    _arrive(witness, 1, 1)
    for seq in (1, 3):
        witness.channel_saw(ev.MessageAdded(seq, 1, seq, Sender.CUSTOMER), seq)
    verdict = judge(witness, known_open=[1])
    assert (verdict.lost, verdict.faults) == (1, ["contact 1: 1 gaps in its messages as its channel saw them"])


def test_two_submits_answered_with_one_contact_lose_one_of_them() -> None:
    """Two customers, one number: one of the matters is nowhere. To join an open contact is no fault."""
    witness = _witness()
    _arrive(witness, 1, 1)
    witness.submit_acked("x-other", 1, "queued")
    assert judge(witness, known_open=[1]).lost == 1
    joined = _witness()
    _arrive(joined, 1, 1)
    joined.submit_acked("x-other", 1, "joined")
    assert judge(joined, known_open=[1]).is_clean


@pytest.mark.parametrize("second", ["offer", "service"])
def test_a_contact_with_two_agents_at_once_is_found(second: str) -> None:
    """Bob gets what Ann is still serving: as an offer already, and all the more in service."""
    witness = _witness("ann", "bob")
    _arrive(witness, 1, 1)
    _serve(witness, "ann", 1, 10)
    _offer(witness, "bob", 1, 15, offer=9)
    if second == "service":
        witness.agent_saw("bob", ev.OfferAccepted(16, 9, 1, "bob"), 16)
    _close(witness, "ann", 1, 20)
    verdict = judge(witness, known_open=[])
    assert verdict.double_assigned == 1
    assert verdict.faults[0].startswith("contact 1 was with ann (service, from lsn 11) and with bob")


def test_an_overlap_long_ago_is_found_behind_a_short_one() -> None:
    """Ann's service spans it all; between them she had another offer that ended: the overlap is still seen."""
    witness = _witness("ann", "bob")
    _arrive(witness, 1, 1)
    _serve(witness, "ann", 1, 10)
    _offer(witness, "ann", 1, 12, offer=50)
    witness.agent_saw("ann", ev.OfferRescinded(13, 50, 1, "ann", "moved"), 13)
    _offer(witness, "bob", 1, 30, offer=51)
    assert judge(witness, known_open=[1]).double_assigned == 1


def test_passed_on_in_the_same_record_is_no_overlap() -> None:
    """Ann's connection died; in the very record that takes the contact from her, Bob is offered it."""
    witness = _witness("ann", "bob")
    _arrive(witness, 1, 1)
    _serve(witness, "ann", 1, 10)
    witness.agent_saw("ann", ev.ContactRequeued(20, 1, "ann", "agent_lost"), 20)
    _offer(witness, "bob", 1, 20, offer=9)
    assert judge(witness, known_open=[1]).is_clean


def test_the_channel_tells_what_a_cut_off_agent_cannot() -> None:
    """Ann's line is dead and she never hears that her contact went; its channel does."""
    witness = _witness("ann", "bob")
    _arrive(witness, 1, 1)
    _serve(witness, "ann", 1, 10)
    witness.channel_saw(ev.ContactRequeued(20, 1, "ann", "agent_lost"), 20)
    _offer(witness, "bob", 1, 20, offer=9)
    assert judge(witness, known_open=[1]).is_clean


def test_what_came_after_the_cut_is_left_out() -> None:
    """Streams are read to lsn 40 by all; Bob's of 41 was heard, the end of Ann's at 41 not yet."""
    witness = _witness("ann", "bob")
    _arrive(witness, 1, 1)
    _offer(witness, "ann", 1, 30)
    _offer(witness, "bob", 1, 41, offer=9)
    assert judge(witness, [1], up_to_lsn=40).is_clean
    assert judge(witness, [1], up_to_lsn=41).double_assigned == 1


def test_more_than_one_can_carry_is_found_with_wrap_up_and_offers_counted() -> None:
    """Capacity two: one served, one in wrap-up, and a third offered."""
    witness = _witness("ann")
    for contact in (1, 2, 3):
        _arrive(witness, contact, contact)
    _serve(witness, "ann", 1, 10)
    _serve(witness, "ann", 2, 12)
    _close(witness, "ann", 2, 20, wrap_up=True)
    assert judge(witness, [1, 3]).over_capacity == 0
    _offer(witness, "ann", 3, 21)
    verdict = judge(witness, [1, 3])
    assert verdict.over_capacity == 1
    assert verdict.faults == ["agent ann held 3 units of 2 at lsn 21"]


def test_capacity_that_a_supervisor_changed_counts_from_then() -> None:
    """Raised to three, the third is welcome; lowered to one, what is in hand is no fault, one more is."""
    witness = _witness("ann")
    for contact in (1, 2, 3):
        _arrive(witness, contact, contact)
    witness.agent_saw("ann", ev.CapacityChanged(5, "ann", 3), 5)
    for contact in (1, 2, 3):
        _serve(witness, "ann", contact, 10 * contact)
    assert judge(witness, [1, 2, 3]).is_clean
    witness.agent_saw("ann", ev.CapacityChanged(50, "ann", 1), 50)
    assert judge(witness, [1, 2, 3]).is_clean
    _close(witness, "ann", 3, 60)
    _offer(witness, "ann", 4, 61)
    assert judge(witness, [1, 2]).over_capacity == 1


def test_after_a_resync_the_engines_word_stands_for_what_was_missed() -> None:
    """Ann's stream had a gap: she served 1 before, now she has an offer of 2 and wraps up 3."""
    witness = _witness("ann", "bob")
    for contact in (1, 2, 3):
        _arrive(witness, contact, contact)
    _serve(witness, "ann", 1, 10)
    _offer(witness, "ann", 4, 12)
    witness.agent_resynced("ann", {9: 2}, set(), {3}, 40)
    _serve(witness, "bob", 1, 41)
    assert witness.hands["ann"].units == 2
    assert judge(witness, [1, 2, 3]).is_clean
    witness.agent_saw("ann", ev.WrapUpEnded(50, 3, "ann"), 50)
    witness.agent_saw("ann", ev.OfferExpired(51, 9, 2, "ann", "not_ready"), 51)
    assert witness.hands["ann"].units == 0


def test_contacts_that_others_brought_are_told_apart() -> None:
    """Somebody chats with the shop during the demo: our agents have a contact in hand that our channels never submitted."""
    witness = _witness("ann")
    _arrive(witness, 1, 1)
    _serve(witness, "ann", 1, 10)
    assert witness.strangers() == 0
    _serve(witness, "ann", 77, 20)
    assert witness.strangers() == 1
    assert judge(witness, [1, 77]).is_clean
