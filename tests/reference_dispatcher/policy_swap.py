"""Another policy, whole or not at all: clocks are kept, open offers stand, who waits is looked at again."""

from __future__ import annotations

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.contacts import ContactState
from engine.dispatch.policy.compile import compile_policy
from engine.dispatch.policy.problems import PolicyErrors
from engine.dispatch.refusals import Code
from tests.reference_dispatcher import choices, conditions, entry, hours, matching, promises, shares, slices, transfers
from tests.reference_dispatcher.desk import Contact, Desk
from tests.reference_dispatcher.registry import Refused, handles


@handles(cm.ApplyPolicy)
def apply_policy(desk: Desk, command: cm.ApplyPolicy) -> None:
    try:
        policy = compile_policy(command.text)
    except PolicyErrors as error:
        raise Refused(Code.BAD_POLICY, error, "a policy without problems") from error
    for tenant in dict.fromkeys(contact.tenant for contact in desk.contacts.values()):
        if not any(queue.tenant == tenant for queue in policy.queues.values()):
            raise Refused(Code.BAD_POLICY, f"no queue of tenant {tenant}, whose contacts are here", "a queue for them")
    sliced = slices.too_much(desk, len(desk.contacts) + len(desk.agents))
    desk.emit(ev.PolicyApplied, version=policy.version, text=command.text, sliced=sliced)
    other = policy.version != desk.policy.version
    desk.policy, desk.former = policy, desk.policy
    conditions.swapped(desk)
    if other:
        hours.look_at_the_clock(desk)
    choices.turn_pages(desk)
    desk.notices = {name: notice for name, notice in desk.notices.items() if name in policy.queues}
    desk.measures = {name: measure for name, measure in desk.measures.items() if name in policy.queues}
    if not sliced and other:
        shares.level_all(desk)
    if sliced:
        desk.unplaced, desk.settling = {*desk.contacts}, True
        slices.begin(desk, slices.settled(desk, send_elsewhere))
        return
    for contact in list(desk.contacts.values()):
        if contact.queue not in policy.queues:
            send_elsewhere(desk, contact)
    waiting = [contact for contact in desk.contacts.values() if contact.state == ContactState.QUEUED]
    matching.place_all(desk, waiting, "policy")
    for queue in policy.queues.values():
        promises.release(desk, queue)


def send_elsewhere(desk: Desk, contact: Contact) -> None:
    rule = entry.first_rule(desk, contact)
    name = rule.queue
    if rule.deflect is not None or desk.policy.queues[name].tenant != contact.tenant:
        name = next(queue.name for queue in desk.policy.queues.values() if queue.tenant == contact.tenant)
        requires, priority, said = contact.asks, contact.priority, ""
    else:
        (requires, priority), said = entry.terms(desk, rule, contact.asks), rule.rule
    desk.emit(
        ev.ContactMoved, contact=contact.contact, queue=name, rule=said, priority=priority, requires=requires,
        why="policy",
    )  # fmt: skip
    contact.queue, contact.rule, contact.priority, contact.requires = name, said, priority, requires
    contact.fruitless = 0
    transfers.begin_steps_again(desk, contact)
    if not contact.waits:  # its step clock starts with its next wait
        contact.step_at = contact.left_at
