"""A policy looked at before it decides anything: its problems, who can serve whom, and who may overtake whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from engine.dispatch.commands import AgentProfile
from engine.dispatch.policy.compile import analyse
from engine.dispatch.policy.compiled import Clock, Policy, Queue, Step
from engine.dispatch.policy.findings import Findings
from engine.dispatch.policy.loader import Path
from engine.dispatch.policy.overtaking import PoolWindows, overtaking_windows
from engine.dispatch.policy.problems import Problem, quoted
from engine.dispatch.policy.remarks import needs_of, remarks_on
from engine.dispatch.policy.requirements import Requirement


class StepView(msgspec.Struct, frozen=True):
    """Who may serve from this step on. Index 0 is the queue itself, before any step.

    ``pools``: all that are open now; ``requirement``: what is left of it, as text (empty: anyone); ``priority_raised``:
    points added so far; ``agents``: those of the given agents who qualify, None when none were given. The conditions and
    the other actions are the step's own.
    """

    index: int
    name: str
    clock: Clock
    after_ms: int
    when_nobody: bool
    pools: tuple[str, ...]
    requirement: str
    priority_raised: int
    agents: tuple[str, ...] | None = None
    estimated_wait_ms: int = 0
    queue_length: int = 0
    lender_kpi: str = ""
    offer: tuple[str, ...] = ()
    move_to: str = ""


class Need(msgspec.Struct, frozen=True):
    """One requirement with which contacts stand in the queue; ``rules``: the entry rules that bring it."""

    requirement: str
    rules: tuple[str, ...]
    steps: tuple[StepView, ...]


# Characters of requirements in all rows: past this a table helps nobody. A row costs as much as so many of them.
MAX_SHOWN = 200_000
ROW = 50


class QueueView(msgspec.Struct, frozen=True):
    """Who can serve a queue. ``bots``: the given agents in its ``bot_pools`` (None when no agents were given).

    ``left_out``: so many of its needs are neither shown nor held against the team, as the policy has too many.
    """

    queue: str
    tenant: str
    needs: tuple[Need, ...]
    bot_pools: tuple[str, ...] = ()
    bots: tuple[str, ...] | None = None
    left_out: int = 0


class Report(msgspec.Struct, frozen=True):
    """What ``sluice policy check`` shows. With ``problems`` the text is no policy and the rest is empty.

    ``remarks``: it compiles, and something in it can never match, open or be reached. Both in the order of their lines.
    """

    version: str = ""
    problems: tuple[Problem, ...] = ()
    remarks: tuple[Problem, ...] = ()
    queues: tuple[QueueView, ...] = ()
    pools: tuple[PoolWindows, ...] = ()


def check_policy(text: str, agents: Sequence[AgentProfile] | None = None) -> Report:
    """Look at a policy's text, against a team if one is given. Never raises, whatever the text."""
    found = analyse(text)
    if found.policy is None:
        return Report(problems=found.problems)
    policy = found.policy
    if agents is not None:
        problems = _missing_skills(policy, agents, Findings(found.document))
        if problems:
            return Report(problems=tuple(problems))
    remarks = remarks_on(policy, found.document)
    queues = tuple(_queue_views(policy, agents))
    if agents is not None:
        _remark_on_team(policy, queues, agents, remarks)
    return Report(policy.version, (), tuple(remarks.sorted()), queues, overtaking_windows(policy))


def _missing_skills(policy: Policy, agents: Sequence[AgentProfile], found: Findings) -> list[Problem]:
    """Skills that nobody of the team has, at whatever level, and that no step relaxes: a slip of the pen, most often."""
    had = {skill for one in agents for skill in one.skills}
    asked: list[tuple[Path, str, Requirement]] = [
        (("queues", queue.name), queue.name, queue.requirement) for queue in policy.queues.values()
    ]
    for index, rule in enumerate(policy.entry):
        if rule.entry.requirement is not None:
            asked.append((("entry", index), rule.entry.queue, rule.entry.requirement))
    for path, queue_name, need in asked:
        relaxed = {name for step in policy.queues[queue_name].steps for name in step.relax}
        for skill in need.skills:
            if skill not in had and skill not in relaxed:
                said = {"got": quoted(skill), "need": need.text, "hint": found.hint(skill, sorted(had))}
                found.report("skill_missing", (*path, "requirement"), **said)
    return found.sorted()


def _queue_views(policy: Policy, agents: Sequence[AgentProfile] | None) -> Iterator[QueueView]:
    """In the policy's order, until so much is shown that nobody reads more."""
    room = MAX_SHOWN
    for queue in policy.queues.values():
        needs, left_out = [], 0
        for rules, need in needs_of(policy, queue):
            if room <= 0:
                left_out += 1
                continue
            steps = tuple(_step_views(queue, need, agents))
            room -= sum(ROW + len(step.requirement) for step in steps)
            needs.append(Need(need.text, rules, steps))
        yield _queue_view(queue, tuple(needs), left_out, agents)


def _queue_view(
    queue: Queue, needs: tuple[Need, ...], left_out: int, agents: Sequence[AgentProfile] | None
) -> QueueView:
    bots = (
        None
        if agents is None
        else tuple(
            one.agent for one in agents if set(one.pools) & set(queue.bot_pools) and one.tenant in ("", queue.tenant)
        )
    )
    return QueueView(queue.name, queue.tenant, needs, queue.bot_pools, bots, left_out)


def _step_views(queue: Queue, need: Requirement, agents: Sequence[AgentProfile] | None) -> Iterator[StepView]:
    pools, raised = queue.pools, 0
    for step in (Step(0, ""), *queue.steps):
        pools += step.add_pools
        raised += step.raise_priority
        need = need.without(step.relax)
        able = None if agents is None else tuple(one.agent for one in agents if _qualifies(one, queue, pools, need))
        yield StepView(
            index=step.index,
            name=step.name,
            clock=step.clock,
            after_ms=step.after_ms,
            when_nobody=step.when_nobody,
            pools=pools,
            requirement=need.text,
            priority_raised=raised,
            agents=able,
            estimated_wait_ms=step.estimated_wait_ms,
            queue_length=step.queue_length,
            lender_kpi=step.lender_kpi,
            offer=step.offer,
            move_to=step.move_to,
        )


def _qualifies(profile: AgentProfile, queue: Queue, pools: tuple[str, ...], need: Requirement) -> bool:
    if profile.tenant not in ("", queue.tenant):
        return False
    return any(pool in pools for pool in profile.pools) and need.matches(profile.skills, profile.attributes)


def _remark_on_team(
    policy: Policy, queues: tuple[QueueView, ...], agents: Sequence[AgentProfile], remarks: Findings
) -> None:
    for view in queues:
        for need in view.needs:
            _remark_on_need(view.queue, need, remarks)
        if not view.left_out:
            _remark_on_steps(view, policy.queues[view.queue], remarks)
        bot_first = any(rule.entry.queue == view.queue and rule.entry.first == "bot" for rule in policy.entry)
        if bot_first and not view.bots:
            remarks.report(
                "bots_missing", ("queues", view.queue, "bot_pools"), got=", ".join(map(quoted, view.bot_pools))
            )
    for name in sorted({pool for one in agents for pool in one.pools} - set(policy.pools)):
        remarks.report("agent_pool_unknown", ("pools",), got=quoted(name))


def _remark_on_need(queue: str, need: Need, remarks: Findings) -> None:
    able = [step for step in need.steps if step.agents]
    shown = need.requirement or "-"
    if not able:
        remarks.report("nobody_serves", ("queues", queue), need=shown)
    elif able[0].index:
        remarks.report("nobody_at_first", ("queues", queue), need=shown, got=quoted(able[0].name))


def _remark_on_steps(view: QueueView, queue: Queue, remarks: Findings) -> None:
    """A step that adds pools and lets nobody in for any need. (One that relaxes may serve what contacts ask for.)"""
    for index, step in enumerate(queue.steps):
        same = all(need.steps[index].agents == need.steps[index + 1].agents for need in view.needs)
        if same and step.add_pools and not step.relax:
            remarks.report("step_adds_nobody", ("queues", view.queue, "steps", index))
