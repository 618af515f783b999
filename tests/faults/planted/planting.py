"""How a bug is planted: a few words of one function's source are replaced, and the function takes its old place."""

from __future__ import annotations

import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import reduce
from typing import Any

# Three to four times what the rarest of them took when it was found last.
BUDGET = 400


@dataclass(frozen=True)
class Edit:
    """``where``: ``module:Class.function`` or ``module:function``; ``before`` stands in its source once at least."""

    where: str
    before: str
    after: str

    @contextmanager
    def made(self) -> Iterator[None]:
        module_name, _, path = self.where.partition(":")
        module = importlib.import_module(module_name)
        *owners, name = path.split(".")
        owner = reduce(getattr, owners, module)
        kept = inspect.getattr_static(owner, name)
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(getattr(owner, name))))
        if self.before not in source:
            raise LookupError(f"{self.where} no longer says {self.before!r}: plant this bug anew")
        places: dict[str, Any] = {}
        code = compile(
            source.replace(self.before, self.after),
            f"<planted in {self.where}>",
            "exec",
            annotations.compiler_flag,
            True,
        )
        exec(code, module.__dict__, places)
        setattr(owner, name, places[name])
        stood_in = [other for other in _importers(name, kept, module) if not owners]
        for other in stood_in:
            setattr(other, name, places[name])
        try:
            yield
        finally:
            setattr(owner, name, kept)
            for other in stood_in:
                setattr(other, name, kept)


@dataclass(frozen=True)
class Bug:
    """``story``: what a tired developer did. ``budget``: so many schedules may pass before it is found."""

    name: str
    story: str
    edits: tuple[Edit, ...]
    budget: int = BUDGET

    @contextmanager
    def planted(self) -> Iterator[None]:
        with ExitStack() as stack:
            for edit in self.edits:
                stack.enter_context(edit.made())
            yield


def bug(name: str, story: str, *edits: tuple[str, str, str], budget: int = BUDGET) -> Bug:
    return Bug(name, story, tuple(Edit(*edit) for edit in edits), budget)


def _importers(name: str, function: object, home: object) -> list[Any]:
    """Modules that took the function over by ``from … import``."""
    return [
        module
        for module in list(sys.modules.values())
        if module is not home and getattr(module, "__dict__", {}).get(name) is function
    ]
