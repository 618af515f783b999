"""Debian's Chromium, driven by Playwright; where one of the two is missing its tests are skipped and say so."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.shop import Agent, Customer, Shop, Window, find_chromium, open_shop


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install 'sluice[browser]'")
    program = find_chromium()
    if not program:
        pytest.skip("no Chromium here: sh tools/browser.sh installs Debian's")
    flags = ["--no-sandbox"] if os.getuid() == 0 else []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as opened:
        yield opened


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Shop]:
    """The same with a desk."""
    with open_shop(tmp_path, "--desk") as opened:
        yield opened


@pytest.fixture
def visit(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Opens a window of its own, in this language and of this width; none may have complained in the end."""
    windows: list[Window] = []

    def open_window(
        kind: type[Window], locale: str = "en-GB", width: int = 1100, height: int = 720, context: Any = None
    ) -> Window:
        context = context or chromium.new_context(locale=locale, viewport={"width": width, "height": height})
        name = f"{kind.__name__.lower()}-{locale}-{width}"
        window = kind(context.new_page(), name)
        windows.append(window)
        return window

    yield open_window
    complaints = [complaint for window in windows for complaint in window.complaints]
    for window in windows:
        window.page.context.close()
    assert complaints == []


@pytest.fixture
def customer(visit: Callable[..., Any]) -> Customer:
    window = visit(Customer)
    assert isinstance(window, Customer)
    return window


@pytest.fixture
def agent(visit: Callable[..., Any]) -> Agent:
    window = visit(Agent)
    assert isinstance(window, Agent)
    return window
