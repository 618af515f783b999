"""What would happen to a contact: the real dispatcher plays it against people who are there and have no time.

One play with somebody suitable signed on and busy, so that the contact goes through every step; one with nobody at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from engine.dispatch import commands as cmd
from engine.dispatch import events as ev
from engine.dispatch.commands import AgentProfile, SubmitContact, Value
from engine.dispatch.dispatcher import Dispatcher
from engine.dispatch.explain import Explanation
from engine.dispatch.policy.compiled import Policy
from engine.dispatch.policy.overtaking import Kind, overtaking_windows
from engine.dispatch.policy.requirements import both, parse_canonical
from engine.trials.lengths import MAX_MS
from engine.trials.stand_in import find_stand_in

SOMEBODY, BOT = "(somebody)", "(bot)"
# A policy's longest length, and once round for hours that repeat.
HORIZON_MS = MAX_MS
MAX_MOMENTS = 100
# A timer of some other thing may come every minute of the week.
MAX_CALLS = 50_000
CLOSE_RULES = 8
# Reasons for which an agent can never have a contact as it stands, whatever else goes on.
UNABLE = frozenset({"tenant", "pool", "requirement"})


class Missed(msgspec.Struct, frozen=True):
    """A condition of a rule that the contact does not meet. ``got`` None: it has no such attribute."""

    name: str
    wanted: tuple[Value, ...]
    got: Value | None = None


class RuleLook(msgspec.Struct, frozen=True):
    """An entry rule beside the one that matched. ``number`` counts from 1; ``missed`` empty: it would have matched, too.

    ``conditional``: it asks for more than what the contact brings (hours, lengths).
    """

    rule: str
    number: int
    leads_to: str
    missed: tuple[Missed, ...] = ()
    conditional: bool = False


class Moment(msgspec.Struct, frozen=True):
    """What happens at one instant after the contact came, and how it stands then. ``able``: who could take it now.

    ``stand`` None: it is gone.
    """

    after_ms: int
    events: tuple[ev.Event, ...]
    stand: Explanation | None
    able: tuple[str, ...] = ()


class Passing(msgspec.Struct, frozen=True):
    """Another class of contacts: whether it may be chosen before this one although it came later, or the reverse.

    ``window_ms`` None: however late it comes.
    """

    queue: str
    priority: int
    window_ms: int | None


class PoolLook(msgspec.Struct, frozen=True):
    pool: str
    order: str
    passed_by: tuple[Passing, ...]
    passes: tuple[Passing, ...]


class Foresight(msgspec.Struct, frozen=True):
    """``came``: submitted, deflected, or refused. ``close``: rules that nearly matched, or would have, too.

    ``busy``: with somebody suitable there who has no time (empty when nobody can ever meet the requirement);
    ``alone``: with nobody signed on. ``bot_ms``: how long the bot of the first play kept it. ``cut``: more may happen later.
    """

    policy: str
    contact: SubmitContact
    number: int
    came: ev.ContactSubmitted | ev.ContactDeflected | ev.CommandRejected
    close: tuple[RuleLook, ...]
    requirement: str = ""
    busy: tuple[Moment, ...] = ()
    alone: tuple[Moment, ...] = ()
    pools: tuple[PoolLook, ...] = ()
    bot_ms: int = 0
    team: int = 0
    cut: bool = False

    @property
    def refused(self) -> bool:
        return isinstance(self.came, ev.CommandRejected)


def foresee(
    policy: Policy, contact: SubmitContact, begin: int, team: Sequence[AgentProfile] = (), bot_ms: int = 0
) -> Foresight:
    """``begin``: when it comes (epoch ms); ``team``: the people of whom is said who could take it."""
    # What is due at this very instant comes first: a calendar may open.
    events = Dispatcher(policy).handle(contact, begin)
    came = next(
        one for one in events if isinstance(one, ev.ContactSubmitted | ev.ContactDeflected | ev.CommandRejected)
    )
    if isinstance(came, ev.CommandRejected):
        return Foresight(policy.version, contact, 0, came, ())
    number = next(place for place, rule in enumerate(policy.entry, start=1) if rule.entry.rule == came.rule)
    close = tuple(_close_rules(policy, contact, number))
    if isinstance(came, ev.ContactDeflected):
        return Foresight(policy.version, contact, number, came, close)
    queue = policy.queues[came.queue]
    need = both(queue.requirement, parse_canonical(came.requires))
    kinds = _kinds(team)
    somebody = find_stand_in(need, SOMEBODY, queue.pools)
    busy: tuple[Moment, ...] = ()
    cut = False
    if somebody is not None:
        bots = (
            [AgentProfile(BOT, cmd.AgentKind.BOT, pools=queue.bot_pools, auto_accept=True)]
            if came.stage == "bot"
            else []
        )
        played = _Play(policy, contact, begin, [somebody], bots, kinds)
        busy, cut = played.run(bot_ms), played.cut
    alone = _Play(policy, contact, begin, [], [], kinds).run(0)
    reached = {pool for moment in (*busy, *alone) if moment.stand for pool in moment.stand.pools}
    return Foresight(
        policy.version,
        contact,
        number,
        came,
        close,
        need.text,
        busy,
        alone,
        tuple(_pool_looks(policy, came, reached)),
        bot_ms,
        len(team),
        cut,
    )


def _close_rules(policy: Policy, contact: SubmitContact, matched: int) -> Iterator[RuleLook]:
    """Earlier rules that miss by one condition, and later ones that it would meet as well."""
    facts: dict[str, Value] = {
        **contact.attributes,
        "tenant": contact.tenant,
        "shop": contact.shop,
        "channel": contact.channel,
    }
    found = 0
    for number, rule in enumerate(policy.entry, start=1):
        missed = tuple(
            Missed(name, accepted, facts.get(name))
            for name, accepted in rule.when.items()
            if name not in facts or facts[name] not in accepted
        )
        near = len(missed) <= 1 if number < matched else not missed and bool(rule.when)
        if number != matched and near and found < CLOSE_RULES:
            found += 1
            entry = rule.entry
            leads_to = entry.queue or (entry.deflect.reason if entry.deflect is not None else "")
            yield RuleLook(entry.rule, number, leads_to, missed, rule.conditional)


def _kinds(team: Sequence[AgentProfile]) -> list[tuple[AgentProfile, tuple[str, ...]]]:
    """Agents who differ in what decides, each with the names of all who are like it."""
    kinds: dict[tuple[Any, ...], tuple[AgentProfile, list[str]]] = {}
    for one in team:
        key = (
            one.tenant,
            one.pools,
            tuple(sorted(one.skills.items())),
            tuple(sorted(map(repr, one.attributes.items()))),
        )
        kinds.setdefault(key, (one, []))[1].append(one.agent)
    return [(profile, tuple(names)) for profile, names in kinds.values()]


class _Play:
    """One contact's way, from one deadline to the next. ``present`` are there and take nothing, ``bots`` take it."""

    def __init__(
        self,
        policy: Policy,
        contact: SubmitContact,
        begin: int,
        present: list[AgentProfile],
        bots: list[AgentProfile],
        kinds: list[tuple[AgentProfile, tuple[str, ...]]],
    ) -> None:
        self.dispatcher, self.contact, self.begin = Dispatcher(policy), contact, begin
        self.kinds, self.bots, self.number = kinds, bots, 0
        self.cut = False
        self.moments: dict[int, list[ev.Event]] = {}
        self.stands: dict[int, tuple[Explanation | None, tuple[str, ...]]] = {}
        for profile, _ in kinds:  # known and signed off: asked about, never counted
            self.dispatcher.handle(cmd.DefineAgent(profile), begin)
        for profile in present:
            self.dispatcher.handle(cmd.DefineAgent(profile), begin)
            self.dispatcher.handle(cmd.SignOn(profile.agent, "paused"), begin)
        for profile in bots:
            self.dispatcher.handle(cmd.DefineAgent(profile), begin)
            self.dispatcher.handle(cmd.SignOn(profile.agent), begin)

    def run(self, bot_ms: int) -> tuple[Moment, ...]:
        events = self.dispatcher.handle(self.contact, self.begin)
        self.number = next(event.contact for event in events if isinstance(event, ev.ContactSubmitted))
        self._note(self.begin, events)
        handing_off = self.begin + bot_ms if self.bots else None
        for _ in range(MAX_CALLS):
            deadline = self.dispatcher.next_deadline()
            if handing_off is not None and (deadline is None or deadline > handing_off):
                command = cmd.TransferContact(contact=self.number, agent=BOT)
                self._note(handing_off, self.dispatcher.handle(command, handing_off))
                # From here on it is as busy as the people are: one with room would be asked again.
                self._note(handing_off, self.dispatcher.handle(cmd.SetAgentState(BOT, "paused"), handing_off))
                handing_off = None
            elif deadline is None:
                break
            elif deadline > self.begin + HORIZON_MS or len(self.moments) >= MAX_MOMENTS:
                self.cut = True
                break
            else:
                self._note(deadline, self.dispatcher.expire(deadline))
        return tuple(
            Moment(stamp - self.begin, tuple(events), *self.stands[stamp]) for stamp, events in self.moments.items()
        )

    def _note(self, stamp: int, events: Sequence[ev.Event]) -> None:
        own = [event for event in events if getattr(event, "contact", None) == self.number]
        if not own:
            return
        self.moments.setdefault(stamp, []).extend(own)
        waits = self.number in self.dispatcher.contacts
        self.stands[stamp] = (self.dispatcher.explain(self.number) if waits else None, self._able() if waits else ())

    def _able(self) -> tuple[str, ...]:
        able: list[str] = []
        for profile, names in self.kinds:
            verdict = self.dispatcher.explain(self.number, profile.agent).verdict
            assert verdict is not None
            if not UNABLE & {reason.code for reason in verdict.reasons}:
                able += names
        return tuple(able)


def _pool_looks(policy: Policy, came: ev.ContactSubmitted, reached: set[str]) -> Iterator[PoolLook]:
    """In each pool that the contact may come to stand in: who passes it there, and whom it passes."""
    for pool in overtaking_windows(policy):
        own = [
            place
            for place, one in enumerate(pool.classes)
            if (one.queue, one.priority, one.stage) == (came.queue, came.priority, "person")
        ]
        if pool.pool not in reached or not own:
            continue
        passed_by = [
            _passing(pool.classes[window.later], window.kind, window.window_ms)
            for window in pool.windows
            if window.earlier == own[0]
        ]
        passes = [
            _passing(pool.classes[window.earlier], window.kind, window.window_ms)
            for window in pool.windows
            if window.later == own[0]
        ]
        yield PoolLook(pool.pool, pool.order, _told(passed_by), _told(passes))


def _passing(other: Any, kind: Kind, window_ms: int) -> Passing | None:
    """None for what comes in the order of arrival, or never before."""
    if kind == "unbounded":
        return Passing(other.queue, other.priority, None)
    return Passing(other.queue, other.priority, window_ms) if kind == "within" and window_ms else None


def _told(passings: list[Passing | None]) -> tuple[Passing, ...]:
    return tuple(dict.fromkeys(one for one in passings if one is not None))
