"""Whether a dispatcher that has been measured is still sound, looked at from outside."""

from __future__ import annotations

import numpy as np

from engine.dispatch.dispatcher import Dispatcher


def broken_invariants(dispatcher: Dispatcher, rng: np.random.Generator, sample: int = 100) -> list[str]:
    """Sentences about what is wrong: loads of all, and for some waiting contacts every agent who is free beside them."""
    wrong = []
    for name, agent in dispatcher.agents.items():
        if agent.load != sum(agent.contacts.values()) or agent.load > agent.capacity:
            wrong.append(f"{name} carries {agent.load} of {agent.capacity}")
    queued = [contact for contact in dispatcher.contacts.values() if contact.state == "queued"]
    chosen = rng.permutation(len(queued))[:sample].tolist()
    free = [
        agent
        for agent in dispatcher.agents.values()
        if agent.state == "available" and not agent.back_off_until and agent.load < agent.capacity
    ]
    for index in chosen:
        contact = queued[index]
        queue = dispatcher.policy.queues[contact.queue]
        steps = queue.steps[: contact.step]
        pools = {*queue.pools, *(pool for step in steps for pool in step.add_pools)}
        need = queue.requirement.without(name for step in steps for name in step.relax)
        for agent in free:
            profile = agent.profile
            fits = need.matches(profile.skills, profile.attributes) and pools & set(profile.pools)
            if fits and profile.agent not in contact.decliners:
                wrong.append(f"{profile.agent} is free beside waiting contact {contact.contact}")
    return wrong
