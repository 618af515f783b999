"""What each action of a timeline asks of the dispatcher: its kind → the command, for one contact, agent or queue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from engine.dispatch import commands as cmd

if TYPE_CHECKING:
    from engine.dispatch.dispatcher import Dispatcher

# An agent's other work of a case has one source, so that a later row may change what an earlier one said.
OTHER_WORK = "other work"


class Impossible(Exception):
    """The action names something that is not so at that instant: nobody has the offer that is to be accepted, say."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class Moment:
    """The dispatcher at an instant, and the case's names for its contacts. ``stamp``: now; ``begin``: offset 0."""

    def __init__(self, dispatcher: Dispatcher, numbers: Mapping[str, int], stamp: int, begin: int) -> None:
        self.dispatcher, self.numbers = dispatcher, numbers
        self.stamp, self.begin = stamp, begin

    def contact(self, name: str) -> int:
        if name not in self.numbers:
            raise Impossible("never_came")
        return self.numbers[name]

    def offer(self, name: str, agent: str) -> tuple[str, int]:
        """Who has the contact's open offer, and its number; ``agent``: who is meant to, if the case says."""
        found = self.dispatcher.contacts.get(self.contact(name))
        if found is None or not found.offer:
            raise Impossible("not_offered")
        return agent or found.agent, found.offer

    def server(self, name: str) -> str:
        """Who serves or wraps up the contact; empty: nobody."""
        found = self.dispatcher.contacts.get(self.contact(name))
        return "" if found is None or found.offer else found.agent

    def helper(self, name: str) -> str:
        """Who is asked for help with the contact."""
        consult = self.dispatcher.consults.get(self.contact(name))
        if consult is None:
            raise Impossible("nobody_helps")
        return consult.to_agent

    def instant(self, options: Mapping[str, Any]) -> int:
        return self.begin + options["until"] if "until" in options else 0


Options = Mapping[str, Any]
Deed = Callable[[Moment, str, Options], cmd.Command]


def _accept(moment: Moment, name: str, options: Options) -> cmd.Command:
    agent, offer = moment.offer(name, options.get("agent", ""))
    return cmd.AcceptOffer(agent, offer, options.get("hold", False))


def _complete(moment: Moment, name: str, options: Options) -> cmd.Command:
    return cmd.CompleteAccept(*moment.offer(name, options.get("agent", "")))


def _fail(moment: Moment, name: str, options: Options) -> cmd.Command:
    return cmd.FailAccept(*moment.offer(name, options.get("agent", "")), options.get("reason", ""))


def _decline(moment: Moment, name: str, options: Options) -> cmd.Command:
    return cmd.DeclineOffer(*moment.offer(name, options.get("agent", "")), options.get("reason", ""))


def _message(moment: Moment, name: str, options: Options) -> cmd.Command:
    if options.get("by") != "agent":
        return cmd.AddMessage(contact=moment.contact(name))
    agent = moment.server(name)
    if not agent:
        raise Impossible("not_served")
    # Whether it is a bot's word or a person's the dispatcher knows by the agent.
    return cmd.AddMessage(contact=moment.contact(name), sender=cmd.Sender.AGENT, agent=agent)


def _close(moment: Moment, name: str, options: Options) -> cmd.Command:
    agent = "" if options.get("by") == "customer" else moment.server(name)
    return cmd.CloseContact(contact=moment.contact(name), agent=agent, reason=options.get("reason", "done"))


def _end_wrap_up(moment: Moment, name: str, options: Options) -> cmd.Command:
    return cmd.EndWrapUp(moment.server(name), moment.contact(name))


def _transfer(moment: Moment, name: str, options: Options) -> cmd.Command:
    agent = moment.server(name)
    if not agent:
        raise Impossible("not_served")
    return cmd.TransferContact(
        contact=moment.contact(name),
        agent=agent,
        to_queue=options.get("to_queue", ""),
        to_agent=options.get("to_agent", ""),
        reason=options.get("reason", ""),
    )


def _consult(moment: Moment, name: str, options: Options) -> cmd.Command:
    agent = moment.server(name)
    if not agent:
        raise Impossible("not_served")
    return cmd.ConsultAgent(
        contact=moment.contact(name),
        agent=agent,
        to_queue=options.get("to_queue", ""),
        to_agent=options.get("to_agent", ""),
        reason=options.get("reason", ""),
    )


def _accept_consult(moment: Moment, name: str, options: Options) -> cmd.Command:
    return cmd.AcceptConsult(contact=moment.contact(name), agent=moment.helper(name))


def _end_consult(moment: Moment, name: str, options: Options) -> cmd.Command:
    helper = moment.helper(name)
    agent = moment.server(name) if options.get("by") == "agent" else helper
    return cmd.EndConsult(contact=moment.contact(name), agent=agent, reason=options.get("reason", ""))


def _bulk(moment: Moment, name: str, options: Options) -> cmd.Command:
    """Confirmed with the count of that instant."""
    command = cmd.BulkCommand(
        queue=name,
        action=options["action"],
        to_queue=options.get("to_queue", ""),
        priority=options.get("priority", 0),
        reason=options.get("reason", ""),
    )
    return replace(command, expect_count=moment.dispatcher.count_matching(command))


def _group_capacity(moment: Moment, name: str, options: Options) -> cmd.Command:
    """As :func:`_bulk`."""
    command = cmd.SetGroupCapacity(
        pool=name,
        team=options.get("team", ""),
        capacity=options["capacity"],
        until=moment.instant(options),
        reason=options.get("reason", ""),
    )
    return replace(command, expect_count=moment.dispatcher.count_matching(command))


def _assign(moment: Moment, name: str, options: Options) -> cmd.Command:
    return cmd.AssignContact(
        contact=moment.contact(name), agent=options["to_agent"], reason=options.get("reason", "assigned")
    )


def _sign_off(moment: Moment, name: str, options: Options) -> cmd.Command:
    return cmd.SignOff(
        name, options.get("to_queue", ""), options.get("to_agent", ""), options.get("reason", "signed_off")
    )


def _set_state(moment: Moment, name: str, options: Options) -> cmd.Command:
    return cmd.SetAgentState(name, options["to"], options.get("reason", ""), moment.instant(options))


DEEDS: Mapping[str, Deed] = {
    "update": lambda moment, name, options: cmd.UpdateContact(
        contact=moment.contact(name), attributes=options["attributes"]
    ),
    "message": _message,
    "ask_person": lambda moment, name, options: cmd.AskPerson(
        contact=moment.contact(name), reason=options.get("reason", "customer_asked")
    ),
    "ask_bot": lambda moment, name, options: cmd.AskBot(
        contact=moment.contact(name), reason=options.get("reason", "customer_asked")
    ),
    "leave_message": lambda moment, name, options: cmd.LeaveMessage(
        contact=moment.contact(name), kind=options.get("kind", "message")
    ),
    "abandon": lambda moment, name, options: cmd.AbandonContact(
        contact=moment.contact(name), silent=options.get("silent", False)
    ),
    "accept": _accept,
    "complete": _complete,
    "fail": _fail,
    "decline": _decline,
    "close": _close,
    "end_wrap_up": _end_wrap_up,
    "transfer": _transfer,
    "consult": _consult,
    "accept_consult": _accept_consult,
    "end_consult": _end_consult,
    "sign_on": lambda moment, name, options: cmd.SignOn(name, options.get("state", "available")),
    "set_state": _set_state,
    "sign_off": _sign_off,
    "lose": lambda moment, name, options: cmd.LoseAgent(name),
    "come_back": lambda moment, name, options: cmd.ReturnAgent(name),
    "set_capacity": lambda moment, name, options: cmd.SetCapacity(name, options["capacity"], moment.instant(options)),
    "other_work": lambda moment, name, options: cmd.SetExternalLoad(name, OTHER_WORK, options["units"]),
    "move": lambda moment, name, options: cmd.MoveContact(
        contact=moment.contact(name), queue=options["to_queue"], reason=options.get("reason", "")
    ),
    "prioritise": lambda moment, name, options: cmd.PrioritiseContact(
        contact=moment.contact(name), priority=options["priority"], reason=options.get("reason", "")
    ),
    "assign": _assign,
    "take_over": lambda moment, name, options: cmd.TakeOverContact(
        contact=moment.contact(name), agent=options["agent"], reason=options.get("reason", "")
    ),
    "bulk": _bulk,
    "group_capacity": _group_capacity,
    "notice": lambda moment, name, options: cmd.SetQueueNotice(
        queue=name, notice=options.get("says", ""), until=moment.instant(options)
    ),
    "drain": lambda moment, name, options: cmd.DrainPool(name, options.get("reason", "")),
    "open_pool": lambda moment, name, options: cmd.OpenPool(name, options.get("reason", "")),
    "close_queue": lambda moment, name, options: cmd.CloseQueue(name, options.get("reason", "")),
    "apply_policy": lambda moment, name, options: cmd.ApplyPolicy(text=options["text"]),
    "open_queue": lambda moment, name, options: cmd.OpenQueue(name, options.get("reason", "")),
}
