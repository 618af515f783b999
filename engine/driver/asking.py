"""Questions of committed state that came while a batch was in the making: answered as soon as it is durable."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from engine.dispatch.dispatcher import Dispatcher
from engine.driver.waiting import Waiter

T = TypeVar("T")


class Questions:
    """Each is answered once, with its value, its own exception, or the reason why the engine is over."""

    def __init__(self) -> None:
        self._asked: list[Callable[[Dispatcher | None, Exception | None], None]] = []

    def put(self, question: Callable[[Dispatcher], T]) -> Waiter[T]:
        waiter: Waiter[T] = Waiter()

        def answer(dispatcher: Dispatcher | None, over: Exception | None) -> None:
            if dispatcher is None or over is not None:
                waiter.deliver(over or RuntimeError("nobody to ask"))
                return
            try:
                value = question(dispatcher)
            except Exception as error:  # noqa: BLE001  # whatever it is, it is the asker's
                waiter.deliver(error)
            else:
                waiter.deliver(value)

        self._asked.append(answer)
        return waiter

    def answer_all(self, dispatcher: Dispatcher) -> None:
        asked, self._asked = self._asked, []
        for answer in asked:
            answer(dispatcher, None)

    def fail_all(self, over: Exception) -> None:
        asked, self._asked = self._asked, []
        for answer in asked:
            answer(None, over)
