"""Sets the stage for dispatcher stories in a few words: a policy, agents, contacts, and a clock that fires on time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.contacts import Contact
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.policy.compile import compile_policy
from tests.dispatch.shadow import Shadow

# Not 0: an instant of 0 means "not set" in the state.
DAWN = 1_000_000
SECOND = 1_000

E = TypeVar("E", bound=ev.Event)
Table = Mapping[str, Any]


# --- policy text ----------------------------------------------------------------------------------------------------


def toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {toml_value(item)}" for name, item in value.items()) + "}"
    return "[" + ", ".join(toml_value(item) for item in value) + "]"


def toml_table(path: str, table: Table) -> list[str]:
    """One table; a value that is a list of tables becomes ``[[path.name]]`` blocks behind it."""
    lists = {name: value for name, value in table.items() if _is_list_of_tables(value)}
    lines = [f"[{path}]", *(f"{name} = {toml_value(value)}" for name, value in table.items() if name not in lists), ""]
    for name, items in lists.items():
        lines += toml_list(f"{path}.{name}", items)
    return lines


def toml_list(path: str, items: Sequence[Table]) -> list[str]:
    lines: list[str] = []
    for item in items:
        lines += [f"[[{path}]]", *(f"{name} = {toml_value(value)}" for name, value in item.items()), ""]
    return lines


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def policy_text(
    *,
    queues: Mapping[str, Table] | None = None,
    pools: Mapping[str, Table] | None = None,
    channels: Mapping[str, Table] | None = None,
    shops: Mapping[str, Table] | None = None,
    calendars: Mapping[str, Table] | None = None,
    entry: Sequence[Table] = (),
    domain: Table | None = None,
    bot_first: Sequence[str] = (),
    name: str = "stage",
) -> str:
    """A whole policy of tenant ``acme`` (and ``bell``, who has agents but no queue) with shops ``flagship`` and ``outlet``.

    By default one queue ``help`` on pool ``onsite`` and one channel ``web``. Every queue can be chosen by the contact's
    attribute ``to``; ``bot_first`` names queues that begin with a bot. ``entry`` rules come before those.
    """
    queues = queues or {"help": {}}
    pools = pools or {"onsite": {}}
    channels = channels or {"web": {}}
    lines = toml_table("policy", {"name": name})
    if domain:
        lines += toml_table("domain", domain)
    for tenant in ("acme", "bell"):
        lines += toml_table(f"tenants.{tenant}", {"weight": 1})
    for shop in ("flagship", "outlet"):
        lines += toml_table(f"shops.{shop}", {"tenant": "acme", **(shops or {}).get(shop, {})})
    for calendar, table in (calendars or {}).items():
        lines += toml_table(f"calendars.{calendar}", table)
    for channel, table in channels.items():
        lines += toml_table(f"channels.{channel}", {"cost": 1, **table})
    for pool, table in pools.items():
        lines += toml_table(f"pools.{pool}", {"order": "strict", **table})
    for queue, table in queues.items():
        lines += toml_table(f"queues.{queue}", {"tenant": "acme", "requirement": "", "pools": ["onsite"], **table})
    rules = [dict(rule) for rule in entry]
    names = list(queues)
    rules += [
        {"name": f"to_{queue}", "when": {"to": [queue]}, "queue": queue, **_first(queue, bot_first)} for queue in names
    ]
    rules.append({"name": "default", "queue": names[0], **_first(names[0], bot_first)})
    return "\n".join(lines + toml_list("entry", rules))


def _first(queue: str, bot_first: Sequence[str]) -> dict[str, str]:
    return {"first": "bot"} if queue in bot_first else {}


# --- the stage ------------------------------------------------------------------------------------------------------


class Stage:
    """A dispatcher on an ideal driver. After each call the shadow model checks every invariant.

    ``now`` is the driver's instant; :meth:`t` the milliseconds since the curtain rose. :meth:`wait` fires each deadline
    at its very instant; :meth:`lag` moves the clock and fires nothing.
    """

    def __init__(self, text: str | None = None, *, now: int = DAWN, slice_units: int = 0, **parts: Any) -> None:
        self.text = text if text is not None else policy_text(**parts)
        policy = compile_policy(self.text)
        self.dispatcher = Dispatcher(policy, slice_units=slice_units)
        self.units = slice_units
        self.shadow = Shadow(policy, now)
        self.dawn = now
        self.now = now
        self.log: list[ev.Event] = []
        self.customers = 0
        # A second dispatcher that is given every further input and must answer with the same bytes.
        self.mirror: Dispatcher | None = None
        self.sound = True

    # time

    def t(self) -> int:
        return self.now - self.dawn

    def wait(self, ms: int) -> list[ev.Event]:
        """Let ``ms`` pass; each deadline fires at its instant. Returns what happened."""
        until = self.now + ms
        happened: list[ev.Event] = []
        for _ in range(10_000):
            deadline = self.dispatcher.next_deadline()
            if deadline is None or deadline > until:
                break
            self.now = max(deadline, self.now)
            happened += self.expire()
        else:
            raise AssertionError("the clock spins: deadlines do not end")
        self.now = until
        return happened

    def lag(self, ms: int) -> None:
        """The driver is late: the clock moves, no deadline fires."""
        self.now += ms

    def finish(self) -> list[ev.Event]:
        """Let unfinished work come to its end, at this very instant."""
        happened: list[ev.Event] = []
        for _ in range(10_000):
            if not self.dispatcher.is_busy:
                return happened
            happened += self.expire()
        raise AssertionError("the work does not end")

    def expire(self, limit: int = 512) -> list[ev.Event]:
        events = self.dispatcher.expire(self.now, limit)
        if self.mirror is not None:
            same_bytes(events, self.mirror.expire(self.now, limit))
        return self._take(events)

    # commands

    def do(self, command: cm.Command, at: int | None = None) -> list[ev.Event]:
        """Handle one command, by default stamped now."""
        stamp = self.now if at is None else at
        events = self.dispatcher.handle(command, stamp)
        if self.mirror is not None:
            same_bytes(events, self.mirror.handle(command, stamp))
        return self._take(events)

    def _take(self, events: list[ev.Event]) -> list[ev.Event]:
        self.log += events
        self.sound = False
        for event in events:
            self.shadow.apply(event)
        self.shadow.check(self.dispatcher)
        self.sound = True
        return events

    def agent(
        self,
        agent: str,
        *pools: str,
        skills: dict[str, int] | None = None,
        capacity: int = 1,
        on: bool = True,
        **profile: Any,
    ) -> str:
        """Define an agent, by default of pool ``onsite`` with one unit, and sign it on as available."""
        self.do(
            cm.DefineAgent(
                profile=cm.AgentProfile(
                    agent=agent, pools=pools or ("onsite",), skills=skills or {}, capacity=capacity, **profile
                )
            )
        )
        if on:
            self.do(cm.SignOn(agent=agent))
        return agent

    def bot(self, agent: str = "robo", *, capacity: int = 100) -> str:
        return self.agent(agent, "bot", capacity=capacity, kind=cm.AgentKind.BOT, auto_accept=True)

    def submit(self, to: str = "", *, at: int | None = None, **fields: Any) -> int:
        """A contact of a new customer arrives; returns its number."""
        self.customers += 1
        attributes = {**({"to": to} if to else {}), **fields.pop("attributes", {})}
        fields = {
            "tenant": "acme",
            "channel": "web",
            "shop": "flagship",
            "customer": f"c{self.customers}",
            "external_id": f"x{self.customers}",
            **fields,
        }
        events = self.do(cm.SubmitContact(attributes=attributes, **fields), at)
        for event in events:
            if isinstance(event, ev.ContactSubmitted | ev.ContactDeflected | ev.ContactJoined):
                return event.contact
        raise AssertionError(f"not submitted: {events}")

    def accept(self, agent: str, *, hold: bool = False, at: int | None = None) -> list[ev.Event]:
        return self.do(cm.AcceptOffer(agent=agent, offer=self.offer_to(agent), hold=hold), at)

    def accept_all(self, agent: str) -> None:
        for number in sorted(o.offer for o in self.dispatcher.offers.values() if o.agent == agent):
            self.do(cm.AcceptOffer(agent=agent, offer=number))

    def decline(self, agent: str, reason: str = "busy") -> list[ev.Event]:
        return self.do(cm.DeclineOffer(agent=agent, offer=self.offer_to(agent), reason=reason))

    def say(self, contact: int, sender: str = "customer", agent: str = "", automatic: bool = False) -> list[ev.Event]:
        return self.do(
            cm.AddMessage(tenant="acme", contact=contact, sender=cm.Sender(sender), agent=agent, automatic=automatic)
        )

    def close(self, contact: int, agent: str = "") -> list[ev.Event]:
        return self.do(cm.CloseContact(tenant="acme", contact=contact, agent=agent))

    def transfer(self, contact: int, agent: str, **fields: Any) -> list[ev.Event]:
        return self.do(cm.TransferContact(tenant="acme", contact=contact, agent=agent, **fields))

    def abandon(self, contact: int, silent: bool = False) -> list[ev.Event]:
        return self.do(cm.AbandonContact(tenant="acme", contact=contact, silent=silent))

    def state(self, agent: str, state: str, **fields: Any) -> list[ev.Event]:
        return self.do(cm.SetAgentState(agent=agent, state=state, **fields))  # type: ignore[arg-type]

    def connect(self, agent: str, to: str = "", **fields: Any) -> int:
        """A contact arrives, is offered to ``agent`` and accepted; returns its number."""
        contact = self.submit(to, **fields)
        assert self.offered(contact) == agent
        self.accept(agent)
        assert self.contact(contact).state == "connected"
        return contact

    # what is seen

    def contact(self, contact: int) -> Contact:
        return self.dispatcher.contacts[contact]

    def offered(self, contact: int) -> str:
        """The agent to whom the contact is offered now; empty when to nobody."""
        found = self.dispatcher.contacts.get(contact)
        return found.agent if found is not None and found.state == "offered" else ""

    def offer_to(self, agent: str) -> int:
        """The number of the agent's only open offer."""
        numbers = [offer.offer for offer in self.dispatcher.offers.values() if offer.agent == agent]
        assert len(numbers) == 1, f"{agent} has {len(numbers)} open offers"
        return numbers[0]

    def offers_to(self, agent: str) -> list[int]:
        """The contacts offered to the agent now, in the order of the offers."""
        return [o.contact for _, o in sorted(self.dispatcher.offers.items()) if o.agent == agent]


def encoded(events: Sequence[ev.Event]) -> bytes:
    return msgspec.msgpack.encode(list(events))


def same_bytes(events: Sequence[ev.Event], others: Sequence[ev.Event]) -> None:
    if encoded(events) != encoded(others):
        raise AssertionError(f"the restored dispatcher decides otherwise:\n  {events}\n  {others}")


def kinds(events: Sequence[ev.Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def only(events: Sequence[ev.Event], kind: type[E]) -> E:
    """The only event of this type."""
    found = [event for event in events if isinstance(event, kind)]
    assert len(found) == 1, f"wanted one {kind.__name__}, got {kinds(events)}"
    return found[0]


def every(events: Sequence[ev.Event], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def refusal(events: Sequence[ev.Event]) -> str:
    """The code of the refusal that ends the batch."""
    assert events, "nothing happened"
    last = events[-1]
    assert isinstance(last, ev.CommandRejected), kinds(events)
    assert last.what, last
    return str(last.code)
