"""The longest-idle side of a lane: whoever came, went or got another profile, the one idle longest is offered the contact."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dispatch import commands as cm
from tests.dispatch.stage import Stage

NAMES = [f"agent{number}" for number in range(5)]
DOINGS = st.lists(
    st.tuples(st.sampled_from(["submit", "close", "forget", "learn", "pause", "return"]), st.sampled_from(NAMES)),
    min_size=20,
    max_size=60,
)


def define(stage: Stage, agent: str, skills: dict[str, int]) -> None:
    profile = cm.AgentProfile(agent=agent, pools=("onsite",), skills=skills, capacity=3)
    stage.do(cm.DefineAgent(profile=profile))


def idle_longest(stage: Stage) -> str:
    """Read off the agents themselves; empty: nobody has room."""
    free = [
        (agent.idle_since, agent.seq, name)
        for name, agent in stage.dispatcher.agents.items()
        if agent.state == "available" and agent.load < agent.capacity and "topic" in agent.profile.skills
    ]
    return min(free)[2] if free else ""


@given(DOINGS)
@settings(derandomize=True, deadline=None, max_examples=40)
def test_who_is_idle_longest_is_offered_it_whatever_profiles_came_and_went(doings: list[tuple[str, str]]) -> None:
    """A new profile gives up a seat whose entry stays in the heap, whether or not the agent still qualifies."""
    stage = Stage(queues={"help": {"requirement": "topic"}})
    for name in NAMES:
        define(stage, name, {"topic": 5})
        stage.do(cm.SignOn(agent=name))
    for doing, name in doings:
        stage.lag(100)
        if doing == "submit":
            wanted = idle_longest(stage)
            assert stage.contact(stage.submit()).agent == wanted
        elif doing == "close":
            for contact in list(stage.dispatcher.agents[name].contacts)[:1]:
                stage.close(contact)
        elif doing in ("forget", "learn"):
            define(stage, name, {"topic": 5} if doing == "learn" else {"other": 5})
        else:
            stage.state(name, "paused" if doing == "pause" else "available")
    assert stage.dispatcher.audit() == []
