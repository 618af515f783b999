"""Python's collector of cyclic garbage, kept from stopping the engine.

By itself it looks at everything made since the last look once there is a lot of it, 20 to 40 ms at 1,000 lives/s, and now
and then at all there is, seconds with a million contacts. A life leaves no cycles behind (262,848 objects kept after 12 s at
1,000 lives/s: none of them garbage), so here it looks often at little, and what it has looked at once it leaves alone. A
calm engine has the time to look at the rest.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

import trio

# Objects made between two looks: 2 to 4 ms. Looks at more than that never come by themselves.
THRESHOLDS = (2_000, 1_000_000_000, 1_000_000_000)
_ROUND_S = 1.0
# All there is, once in so long, when nothing was decided for a while and there is not more than 0.2 s of it.
_WHOLE_S, _CALM_S, _WHOLE_OBJECTS = 600.0, 5.0, 250_000


def begin() -> None:
    """What is loaded by now stays; from now on in small steps."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    gc.enable()


async def keep(decided: Callable[[], int]) -> None:
    """For ever. ``decided``: a count that grows with the engine's work."""
    calm_since_s = whole_s = trio.current_time()
    seen = decided()
    while True:
        await trio.sleep(_ROUND_S)
        now_s, before, seen = trio.current_time(), seen, decided()
        if seen != before:
            calm_since_s = now_s
        if now_s - whole_s > _WHOLE_S and now_s - calm_since_s > _CALM_S and gc.get_freeze_count() < _WHOLE_OBJECTS:
            whole_s = now_s
            gc.unfreeze()
            gc.collect()
        gc.collect(0)
        gc.freeze()
