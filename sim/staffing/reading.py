"""What `sluice sim staff` is given: a scenario and targets, checked together, all problems at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.dispatch.policy.compile import compile_policy
from sim.ready_made import find_scenario, ready_made
from sim.scenario import Scenario, ScenarioErrors, load_scenario
from sim.staffing.targets import Target, TargetError, parse_target
from sim.staffing.wording import TEXTS


def read(
    name: str, texts: Sequence[str], interval_ms: int, lang: str, *, volume: int | None = None, seed: int | None = None
) -> tuple[Scenario | None, list[Target], list[str]]:
    """(scenario, targets, problems in this language); the first two are of use only without any of the third."""
    words = TEXTS["zh" if lang.startswith("zh") else "en"]
    targets: list[Target] = []
    problems: list[str] = []
    for text in texts:
        try:
            targets.append(parse_target(text, interval_ms))
        except TargetError as error:
            problems.append(words["problem"].format(text=text, got=error.got, wanted=error.wanted, column=error.column))
    path = find_scenario(name)
    if path is None:
        return None, targets, [*problems, words["no_scenario"].format(name=name, names=", ".join(ready_made()))]
    try:
        scenario = load_scenario(path, volume=volume, seed=seed)
    except ScenarioErrors as error:
        return None, targets, [*problems, *error.told(lang)]
    if not scenario.teams:
        problems.append(words["no_people"])
    problems += [words["problem"].format(**each) for each in _unknown(scenario, targets)]
    return scenario, targets, problems


def _unknown(scenario: Scenario, targets: Sequence[Target]) -> Iterator[dict[str, object]]:
    """Queues, tiers, shops and channels of targets that the scenario and its policy do not have."""
    known = {
        "queue": set(compile_policy(scenario.policy_text).queues),
        "tier": set(scenario.tiers),
        "shop": set(scenario.shops),
        "channel": set(scenario.channels),
    }
    for target in targets:
        if target.name is not None and target.name not in known[target.dimension]:
            wanted = f"one of {', '.join(sorted(known[target.dimension])) or 'none'}"
            column = target.text.find(target.dimension) + 1
            yield {"text": target.text, "got": f"{target.dimension}={target.name}", "wanted": wanted, "column": column}
