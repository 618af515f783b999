"""Everything is decided anew (a swap, bots that leave): what the long run against the second dispatcher found, as stories."""

from __future__ import annotations

from typing import Any

from engine.dispatch import commands as cm
from engine.dispatch import events as ev
from engine.dispatch.dispatcher import Dispatcher
from tests.dispatch.stage import SECOND, Stage, every, policy_text

BOTS: dict[str, Any] = {"onsite": {}, "bot": {}}
PLAIN: dict[str, Any] = {"wrap_up_ms": 0}
MEMORY: dict[str, Any] = {"decliner_memory_ms": 60 * SECOND, "decline_back_off_ms": 0}


def swap(stage: Stage, **parts: Any) -> list[ev.Event]:
    """Another policy, to its very end."""
    return stage.do(cm.ApplyPolicy(text=policy_text(**parts))) + stage.finish()


def test_a_swap_without_bots_asks_no_person_again_who_has_declined() -> None:
    """Dot, who helps the bots, declined; a policy without bots turns the contact to people: Ben will have it, not Dot again."""
    stage = Stage(queues={"help": {"bot_pools": ["bot"], **MEMORY}}, pools=BOTS, bot_first=["help"], slice_units=2)
    stage.agent("ben")
    stage.state("ben", "paused")
    stage.agent("dot", "bot", "onsite")
    contact = stage.submit()
    assert stage.offered(contact) == "dot"
    stage.decline("dot")

    swap(stage, queues={"help": MEMORY}, pools=BOTS)

    assert stage.contact(contact).stage == "person"
    assert stage.offered(contact) == ""
    stage.state("ben", "available")
    assert stage.offered(contact) == "ben"


def test_the_last_helper_of_the_bots_goes_and_is_not_asked_again_when_back() -> None:
    """Dot declined as a bot's helper and leaves: the contact waits for people. Back, she is not asked while Ben may take it."""
    stage = Stage(queues={"help": {"bot_pools": ["bot"], **MEMORY}}, pools=BOTS, bot_first=["help"])
    stage.agent("ben")
    stage.state("ben", "paused")
    stage.agent("dot", "bot", "onsite")
    contact = stage.submit()
    stage.decline("dot")

    stage.do(cm.SignOff(agent="dot"))
    assert stage.contact(contact).stage == "person"
    stage.do(cm.SignOn(agent="dot"))

    assert stage.offered(contact) == ""
    stage.state("ben", "available")
    assert stage.offered(contact) == "ben"


def test_a_step_that_moves_during_a_swap_makes_nobody_yield() -> None:
    """Cid declined both; a new step moves them where nobody fits until it is long: then Ann fits, so Cid is not asked again."""
    stage = Stage(queues={"help": MEMORY, "rare": MEMORY}, slice_units=3)
    stage.agent("cid", capacity=2)
    stage.agent("ann", capacity=0)
    contacts = [stage.submit("help"), stage.submit("help")]
    for number in stage.offers_to("cid"):
        stage.do(cm.DeclineOffer(agent="cid", offer=stage.contact(number).offer))
    steps = {"help": [{"name": "on", "clock": "waited", "after_ms": 0, "queue_length": 1, "move_to": "rare"}]}
    longer = [{"name": "many", "clock": "waited", "after_ms": 0, "queue_length": 2, "relax": ["gold"]}]

    swap(
        stage,
        queues={
            "help": {**MEMORY, "steps": steps["help"]},
            "rare": {**MEMORY, "requirement": "gold", "steps": longer},
        },
    )  # fmt: skip

    assert [stage.contact(contact).step for contact in contacts] == [1, 1]
    assert [stage.offered(contact) for contact in contacts] == ["", ""]
    stage.do(cm.SetCapacity(agent="ann", capacity=2))
    stage.finish()
    assert [stage.offered(contact) for contact in contacts] == ["ann", "ann"]


def test_an_heir_in_the_midst_of_a_swap_that_makes_a_queue_long() -> None:
    """A queue's contacts go to another, which is long now: whoever takes over in between opens its step for the same first."""
    steps = [{"name": "many", "clock": "waited", "after_ms": 0, "queue_length": 2, "raise_priority": 1}]
    stage = Stage(queues={"help": {}, "old": {}}, slice_units=2)
    stage.agent("ann", on=False)
    stage.submit("old")
    stage.do(cm.PrioritiseContact(tenant="acme", contact=stage.submit("help"), priority=5))
    stage.do(cm.ApplyPolicy(text=policy_text(queues={"help": {"steps": steps}})))
    assert stage.dispatcher.is_busy
    stage.expire()
    assert stage.contact(1).queue == "help"
    assert stage.dispatcher.is_busy

    stage.mirror = Dispatcher.restore(stage.dispatcher.snapshot())
    happened = stage.finish()

    assert [step.contact for step in every(happened, ev.StepOpened)] == [1, 2]


def test_a_drained_pool_that_an_agent_leaves_as_well() -> None:
    """Ann declined what nobody else of a drained pool could have; she leaves that pool too: nothing is lost, nothing yields."""
    stage = Stage(queues={"help": MEMORY}, pools={"onsite": {}, "side": {}})
    stage.agent("ann", "onsite", "side")
    contact = stage.submit()
    stage.do(cm.DrainPool(pool="onsite"))
    stage.decline("ann")

    told = stage.do(cm.DefineAgent(profile=cm.AgentProfile(agent="ann", pools=("side",), capacity=1)))

    assert every(told, ev.DeclinerForgotten) == []
    assert list(stage.contact(contact).decliners) == ["ann"]


def test_a_swap_of_a_few_saves_up_no_share_either() -> None:
    """Six of one shop were served before a swap lets the other shop into the pool: from then on they take turns."""
    shared = {"onsite": {"shares": "shop"}, "side": {}}
    stage = Stage(queues={"help": PLAIN, "other": {"pools": ["side"], **PLAIN}}, pools=shared)
    stage.agent("ann")
    for _ in range(6):
        stage.close(stage.connect("ann", "help"), "ann")
        stage.wait(60 * SECOND)
    served, shops = [stage.connect("ann", "help")], []
    for _ in range(4):
        stage.submit("help")
        stage.submit("other", shop="outlet")

    swap(stage, queues={"help": PLAIN, "other": PLAIN}, pools=shared)
    for _ in range(4):
        stage.close(served[-1], "ann")
        served.append(stage.offers_to("ann")[0])
        shops.append(stage.contact(served[-1]).shop)
        stage.accept("ann")

    assert shops == ["outlet", "flagship", "outlet", "flagship"]


def test_who_waits_no_more_is_levelled_by_nobody_and_a_restored_engine_agrees() -> None:
    """The outlet's only customer has left the line when a pool opens: its pass is not touched, before a restore or after."""
    pools = {"onsite": {"shares": "shop"}, "side": {}}
    stage = Stage(queues={"help": {"pools": ["onsite", "side"], **PLAIN}}, pools=pools, slice_units=1)
    stage.agent("ann")
    first, second = stage.connect("ann", "help"), stage.submit("help")
    stage.abandon(stage.submit("help", shop="outlet"))
    stage.close(first, "ann")
    assert stage.offered(second) == "ann"  # the flagship's second: whoever comes now starts from its first
    stage.submit("help")
    stage.submit("help")

    stage.mirror = Dispatcher.restore(stage.dispatcher.snapshot())
    stage.do(cm.DrainPool(pool="side"))
    stage.do(cm.OpenPool(pool="side"))
    assert stage.dispatcher.is_busy
    stage.finish()

    assert stage.mirror.snapshot() == stage.dispatcher.snapshot()
