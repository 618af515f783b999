"""A shop to look into with a browser: an engine of its own, a bot, and the pages of customers and agents."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.killer.process import ROOT, EngineProcess, free_port

POLICY = (ROOT / "examples" / "shop" / "policy.toml").read_text("utf-8")
# Nothing here takes a second; a browser that starts cold on a busy machine does.
PATIENCE_MS = 30_000
SCREENSHOTS = "SLUICE_SCREENSHOTS"


def find_chromium() -> str:
    """Debian's, or whatever is called so; empty: none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")


class Shop:
    def __init__(self, engine: EngineProcess, http_port: int) -> None:
        self.engine = engine
        self.url = f"http://127.0.0.1:{http_port}"

    def start(self) -> None:
        self.engine.start()
        assert self.engine.wait_ready(), self.engine.last_words()


@contextmanager
def open_shop(folder: Path, *options: str) -> Iterator[Shop]:
    port = free_port()
    engine = EngineProcess(folder, POLICY, options=("--http", f"127.0.0.1:{port}", *options))
    shop = Shop(engine, port)
    try:
        shop.start()
        with canned_bot(engine.addresses["ws"]):
            yield shop
    finally:
        engine.kill()


@contextmanager
def canned_bot(url: str) -> Iterator[None]:
    """It comes back by itself after a restart of the engine."""
    words = [sys.executable, "-m", "tests.browser.canned_bot", url]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT, env=environment)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_MS / 1000)


class Window:
    """One page in a browser, as a person sees it."""

    def __init__(self, page: Any, name: str) -> None:
        self.page, self.name = page, name
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message: Any) -> None:
        # A socket that is refused while the engine is down is told here too, and is no fault of the page.
        if message.type == "error" and "WebSocket" not in message.text:
            self.complaints.append(message.text)

    def write(self, text: str) -> None:
        self.page.fill("#text", text)
        self.page.press("#text", "Enter")

    def sees(self, text: str) -> None:
        """A message, once and only once, in the end."""
        self.page.wait_for_function(
            "text => [...document.querySelectorAll('#timeline .lines:not(.unsent) .message .text')]"
            ".filter(each => each.textContent === text).length === 1",
            arg=text,
        )

    def messages(self) -> list[str]:
        found: list[str] = self.page.locator("#timeline .message:not(.pending) .text").all_text_contents()
        return found

    def sees_note(self, words: str) -> None:
        self.page.wait_for_selector(f"#timeline .note >> text={words}")

    def keep(self, what: str) -> None:
        """A picture, where one is wanted."""
        folder = os.environ.get(SCREENSHOTS)
        if folder:
            self.page.screenshot(path=str(Path(folder) / f"{self.name}-{what}.png"))


class Agent(Window):
    def sign_in(self, url: str, name: str = "ann") -> None:
        self.page.goto(f"{url}/agent?name={name}")
        self.page.click("#entrance button")
        self.page.wait_for_selector("#state[data-state=available]")

    def accept(self) -> None:
        self.page.click(".offer button >> nth=0")
        self.page.wait_for_selector("#conversation:not([hidden])")


class Customer(Window):
    def come(self, url: str, name: str = "li", **choices: str) -> None:
        query = "&".join(f"{key}={value}" for key, value in {"name": name, **choices}.items())
        self.page.goto(f"{url}/customer?{query}")
        self.page.wait_for_selector("#talk:not([hidden])")
