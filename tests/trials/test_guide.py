"""The guide's page on policy tests: its case passes, and it names everything that can be written."""

from __future__ import annotations

import re
from pathlib import Path

from engine.dispatch.policy.compile import compile_policy
from engine.trials.judging import run_case
from engine.trials.keys import ACTIONS, CLAIMS, GIVEN, GROUP, OTHER_CLAIMS
from engine.trials.reading import STATED, read_cases

ROOT = Path(__file__).resolve().parents[2]


def page() -> str:
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    return guide[guide.index("\n## Policy tests") : guide.index("\n## Embedding")]


def test_the_guides_case_passes() -> None:
    """As printed, against the ready shop."""
    policy = compile_policy((ROOT / "examples" / "policies" / "shop" / "policy.toml").read_text(encoding="utf-8"))
    (text,) = re.findall(r"```toml\n(.*?)```", page(), re.DOTALL)
    (case,) = read_cases(text, policy)
    assert run_case(policy, case).ok


def test_the_guide_names_every_key() -> None:
    """Every action, every expectation with its frames, every key of a group and of what is given."""
    keys = {*ACTIONS, *GROUP, *GIVEN, *STATED, *OTHER_CLAIMS}
    for spec in (*CLAIMS.values(), *(spec for _, spec in OTHER_CLAIMS.values())):
        keys |= {*spec.says, *spec.frames}
    text = page()
    missing = sorted(key for key in keys if not re.search(rf"\b{key}\b", text))
    assert missing == []
