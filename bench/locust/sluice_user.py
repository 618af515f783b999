"""Customers, agents and a bot over both carriers, for locust.

    locust -f bench/locust/sluice_user.py --headless -u 200 -r 50 -t 30s \\
        --host ws://127.0.0.1:7700 --framed msgpack://127.0.0.1:7701

The engine must run with ``--dev`` (no accounts). The policy in force is asked from it, and decides shops, channels,
pools, skills and what customers come for. Each step is a row: ``contact.submit``, ``offer.accept``, ``contact.message``,
``contact.close`` … are command → durable answer; ``waited for a person`` and ``waited for a reply`` are what the
customer feels. A lost race (the offer had just expired) has its own row with the code and is no failure.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import time
import uuid
from argparse import ArgumentParser
from typing import Any, ClassVar

import gevent
from locust import User, constant, events, task
from locust.env import Environment
from locust.exception import StopUser

from bench.locust import shop as shops
from bench.locust.links import Frame, Link, LinkEnded, WebSocketLink, connect_framed
from bench.locust.session import Refused, Session

CUSTOMER_PATIENCE_S = 60.0
REPLY_PATIENCE_S = 30.0
ROUNDS = (1, 4)
CAPACITY = 5
GOODBYE = "Thanks, bye."
BOT_PREFIX = "locust-bot-"
# Two commands cross on the wire: the other side was first.
OFFER_RACES = ("offer_expired", "offer_gone", "contact_gone", "unknown_offer", "unknown_contact", "wrong_state")
CONTACT_RACES = ("contact_gone", "unknown_contact", "wrong_state", "not_yours")

_numbers = itertools.count(1)


@events.init_command_line_parser.add_listener
def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--framed",
        env_var="SLUICE_FRAMED",
        default="msgpack://127.0.0.1:7701",
        help="where framed msgpack listens: msgpack://HOST:PORT, msgpack+unix:///PATH, or none to play over WebSocket only",
    )


@events.init.add_listener
def _prepare(environment: Environment, **_: Any) -> None:
    """Ask the engine for its policy before the first user, and drop the framed users when there is no framed port."""
    host = environment.host or SluiceUser.host
    try:
        link = WebSocketLink(host, binary=False)
        session = Session(link, lambda **_: None)
        session.hello("supervisor", "locust", "")
        SluiceUser.shop = shops.read(session.ask({"type": "policy", "text": True})["text"])
        SluiceUser.bots = _bots_on(session, SluiceUser.shop)
        session.close()
        framed = environment.parsed_options.framed if environment.parsed_options else "none"
        if framed != "none":
            connect_framed(framed).close()
    except (LinkEnded, Refused) as problem:
        print(f"load test: {problem}. Start the engine first, with --dev (see the README).", file=sys.stderr)
        sys.exit(2)
    keep = [
        users
        for users in environment.user_classes
        if (framed != "none" or not users.framed)
        and (not issubclass(users, Bot) or (SluiceUser.shop.has_bots and not SluiceUser.bots))
    ]
    environment.user_classes = keep


def _bots_on(session: Session, shop: shops.Shop) -> frozenset[str]:
    """Bots that somebody else runs here: ours stays away then, and customers ask theirs for a person."""
    rows = [
        row
        for pool in shop.bot_pools
        for row in session.ask({"type": "agents", "pool": pool, "state": "available"})["agents"]
    ]
    return frozenset(row["agent"] for row in rows if row["kind"] == "bot")


class SluiceUser(User):
    """One connection. ``framed`` users speak framed msgpack, the others WebSocket, ``binary`` or JSON."""

    abstract = True
    host = "ws://127.0.0.1:7700"
    wait_time = constant(0)
    role: ClassVar[str] = ""
    framed: ClassVar[bool] = False
    binary: ClassVar[bool] = True
    shop: ClassVar[shops.Shop]
    bots: ClassVar[frozenset[str]]

    def on_start(self) -> None:
        self.subject = f"locust-{self.role}-{os.getpid()}-{next(_numbers)}"
        self.dice = random.Random(self.subject)
        try:
            self.session = Session(self._link(), self.environment.events.request.fire)
            self.session.hello(self.role, self.subject, self.shop.tenant)
            self.started()
        except (LinkEnded, Refused) as problem:
            raise StopUser from problem

    def _link(self) -> Link:
        since = time.perf_counter()
        try:
            if self.framed:
                return connect_framed(self.environment.parsed_options.framed)
            return WebSocketLink(self.host, binary=self.binary)
        except LinkEnded as ended:
            self.environment.events.request.fire(
                request_type="connect",
                name="framed" if self.framed else "websocket",
                response_time=(time.perf_counter() - since) * 1000,
                response_length=0,
                exception=ended,
            )
            raise

    def started(self) -> None:
        """What a user does once, after hello."""

    def on_stop(self) -> None:
        if hasattr(self, "session"):
            self.stopping()
            self.session.close()

    def stopping(self) -> None:
        """What a user does once, before bye. Must not raise: the link may be gone."""


# --- customers ------------------------------------------------------------------------------------------------------


class Customer(SluiceUser):
    """Comes with a matter, waits, talks for some rounds, says thanks; then comes with the next one."""

    abstract = True
    role = "customer"
    contact = 0

    @task
    def one_matter(self) -> None:
        try:
            self._one_matter()
        except Refused:
            gevent.sleep(0.5)  # it has its row among the failures
        except LinkEnded as ended:
            raise StopUser from ended
        self.contact = 0
        gevent.sleep(self.dice.uniform(0.2, 1.5))

    def _one_matter(self) -> None:
        since = time.perf_counter()
        ok = self.session.do(self._submit(), text="Good morning, I have a question.")
        assert ok is not None, "a submit expects no refusal"
        if ok["result"]["state"] == "deflected":
            self.session.measured("deflected", since)
            return
        self.contact = ok["result"]["contact"]
        if self.role == "customer":  # a channel's own stream brings all its contacts
            # From the submit's own record on: a bot may have answered within it.
            self.session.resume({f"contact:{self.contact}": ok["lsn"] - 1})
        if not self._await_person(since):
            self.session.do({"type": "contact.abandon", "contact": self.contact}, expected=CONTACT_RACES)
            return
        if self._await("message.added", REPLY_PATIENCE_S):
            self.session.measured("waited for the first reply", since)
        for number in range(self.dice.randint(*ROUNDS)):
            if not self._round(f"question {number + 1}"):
                return
        if self.dice.random() < 0.5:
            self.session.do({"type": "contact.close", "contact": self.contact}, expected=CONTACT_RACES)
        else:
            self._say(GOODBYE)
            self._await("contact.closed", REPLY_PATIENCE_S)

    def _submit(self) -> Frame:
        attributes = dict(self.dice.choice(self.shop.intents))
        shop = attributes.pop("shop", None) or self.dice.choice(self.shop.shops or ("",))
        channel = attributes.pop("channel", None) or self.dice.choice(self.shop.channels)
        attributes.pop("tenant", None)
        key = self.subject if self.role == "customer" else f"{self.subject}-{uuid.uuid4().hex[:8]}"
        return {
            "type": "contact.submit",
            "channel": channel,
            "external_id": uuid.uuid4().hex,
            "customer": key,
            "shop": shop,
            "attributes": attributes,
        }

    def _await_person(self, since: float) -> bool:
        """True when a person (not the bot) is there; the wait is measured."""
        for push in self.session.pushes(CUSTOMER_PATIENCE_S):
            for event in self._mine(push):
                if event["type"] == "contact.connected":
                    if event["agent"] in self.bots:
                        asking = {"type": "contact.ask_person", "contact": self.contact}
                        self.session.do(asking, expected=CONTACT_RACES)
                    elif not event["agent"].startswith(BOT_PREFIX):
                        self.session.measured("waited for a person", since)
                        return True
                if event["type"] == "contact.closed":
                    return False
        self.session.measured("gave up waiting", since)
        return False

    def _round(self, text: str) -> bool:
        """Say something and wait for the agent's answer; False when the conversation is over."""
        since = time.perf_counter()
        if not self._say(text):
            return False
        answered = self._await("message.added", REPLY_PATIENCE_S)
        if answered:
            self.session.measured("waited for a reply", since)
        gevent.sleep(self.dice.uniform(0.1, 0.6))
        return answered

    def _say(self, text: str) -> bool:
        message = {"type": "contact.message", "contact": self.contact}
        return self.session.do(message, text=text, expected=CONTACT_RACES) is not None

    def _await(self, kind: str, patience_s: float) -> bool:
        for push in self.session.pushes(patience_s):
            for event in self._mine(push):
                if event["type"] == kind and event.get("sender", "agent") == "agent":
                    return True
                if event["type"] == "contact.closed":
                    return False
        return False

    def _mine(self, push: Frame) -> list[Frame]:
        return [event for event in push.get("events", ()) if event.get("contact") == self.contact]

    def stopping(self) -> None:
        if self.contact:
            try:
                self.session.do({"type": "contact.close", "contact": self.contact}, expected=CONTACT_RACES)
            except (LinkEnded, Refused):
                pass  # it has its row; we are leaving anyway


class WebCustomer(Customer):
    """A widget in a browser: one customer, WebSocket, JSON."""

    weight = 3
    binary = False


class ChannelCustomer(Customer):
    """A shop's own chat adapter: one socket for many customers, framed msgpack."""

    weight = 3
    role = "channel"
    framed = True


# --- agents ---------------------------------------------------------------------------------------------------------


class Agent(SluiceUser):
    """Signs on, takes what is offered, answers each message, closes when thanked, ends its wrap-up."""

    abstract = True
    role = "agent"
    decline = 0.03

    def profile(self) -> Frame:
        return {
            "agent": self.subject,
            "kind": "onsite",
            "name": self.subject,
            "pools": self.shop.pools,
            "skills": dict.fromkeys(self.shop.skills, 8),
            "capacity": CAPACITY,
        }

    def started(self) -> None:
        self.hands: set[gevent.Greenlet] = set()
        self.session.do({"type": "agent.define", "profile": self.profile()})
        self.session.do({"type": "agent.sign_on"})

    @task
    def serve(self) -> None:
        try:
            for push in self.session.pushes():
                for event in push.get("events", ()):
                    self._hand(event, push.get("text", ""))
        except LinkEnded as ended:
            raise StopUser from ended

    def _hand(self, event: Frame, text: str) -> None:
        """Each event is handled beside the others: an agent types in one chat while another one rings."""
        react = self.reactions.get(event["type"])
        if react is not None and event.get("agent", self.subject) in {self.subject, ""}:
            hand = gevent.spawn(self._guarded, react, event, text)
            self.hands.add(hand)
            hand.link(self.hands.discard)

    def _guarded(self, react: Any, event: Frame, text: str) -> None:
        try:
            react(self, event, text)
        except (LinkEnded, Refused):
            pass  # it has its row among the failures

    def offered(self, event: Frame, text: str) -> None:
        gevent.sleep(self.dice.uniform(0.05, 0.5))
        answer = "offer.decline" if self.dice.random() < self.decline else "offer.accept"
        self.session.do({"type": answer, "offer": event["offer"]}, expected=OFFER_RACES)

    def connected(self, event: Frame, text: str) -> None:
        gevent.sleep(self.dice.uniform(0.2, 1.0))
        self._say(event["contact"], "Good morning, this is the shop. How can I help?")

    def written(self, event: Frame, text: str) -> None:
        if event["sender"] != "customer":
            return
        gevent.sleep(self.dice.uniform(0.2, 1.0))
        if text == GOODBYE:
            self._say(event["contact"], "You are welcome.")
            self.session.do({"type": "contact.close", "contact": event["contact"]}, expected=CONTACT_RACES)
        else:
            self._say(event["contact"], "Let me look at that.")

    def wrapping(self, event: Frame, text: str) -> None:
        gevent.sleep(self.dice.uniform(0.1, 0.5))
        self.session.do({"type": "wrap_up.end", "contact": event["contact"]}, expected=CONTACT_RACES)

    def _say(self, contact: int, text: str) -> None:
        self.session.do({"type": "contact.message", "contact": contact}, text=text, expected=CONTACT_RACES)

    reactions: ClassVar[dict[str, Any]] = {
        "offer.made": offered,
        "contact.connected": connected,
        "message.added": written,
        "wrap_up.started": wrapping,
    }

    def stopping(self) -> None:
        gevent.killall(list(self.hands))
        try:
            self.session.do({"type": "agent.sign_off"}, expected=("wrong_state",))
        except (LinkEnded, Refused):
            pass  # it has its row; we are leaving anyway


class WebAgent(Agent):
    """An agent's console in a browser: WebSocket, msgpack."""

    weight = 1


class FramedAgent(Agent):
    """An agent behind another system's adapter: framed msgpack."""

    weight = 1
    framed = True


class Bot(Agent):
    """Greets everybody and hands over to a person at once."""

    role = "bot"
    fixed_count = 1
    decline = 0.0

    def profile(self) -> Frame:
        return {
            "agent": self.subject,
            "kind": "bot",
            "pools": self.shop.bot_pools,
            "capacity": 1000,
            "auto_accept": True,
        }

    def greet(self, event: Frame, text: str) -> None:
        hand_off = {"type": "contact.transfer", "contact": event["contact"], "reason": "wants_a_person"}
        self.session.do(hand_off, expected=CONTACT_RACES)

    reactions: ClassVar[dict[str, Any]] = {"contact.connected": greet}
