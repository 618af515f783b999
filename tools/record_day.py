"""Record tests/replay/shop_day.backup again: a few minutes of the shop, played by `sluice demo` over real sockets, and a
second engine on the same store that swaps the policy, refuses, lets offers run out, and loses somebody.

    make record

The recording holds what a day holds: two starts of an engine, ticks, refusals, declines, offers missed, hand-offs, a policy
swap. Real time and real sockets made it, so another recording is another day; its seed is the same, its bytes are not.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import trio

from engine import AgentProfile, SubmitContact, open_engine
from engine.dispatch import commands as cm
from engine.ports import Principal
from sim.live.commands import shipped_scenario
from sim.scenario import load_scenario

OUT = Path(__file__).resolve().parents[1] / "tests" / "replay" / "shop_day.backup"
SLUICE = (sys.executable, "-c", "from engine.cli import main; main()")
PLAY = ("--for", "16", "--speed", "15", "--volume", "60000", "--seed", "7")
# Contacts that come while the second engine runs; its clock goes this fast, so that offers run out in a moment.
LATE, FAST = 40, 60.0


async def second_engine(store: Path) -> None:
    """What the demo's own actors never do, or seldom: each deed of it leaves a record."""
    scenario = load_scenario(shipped_scenario())
    shop = next(iter(scenario.shops))
    topic, facts = next(iter(scenario.topics.items()))
    async with open_engine(scenario.policy_text, store=store, clock_scale=FAST) as engine:
        pools = ("onsite", "remote")
        skills = {"presale": 5, "after_sale": 5, "english": 5}
        lead = Principal("", "supervisor", "lead")
        await engine.submit(cm.DefineAgent(AgentProfile(agent="late-1", pools=pools, skills=skills, capacity=3)), lead)
        await engine.submit(cm.SignOn(agent="late-1"), lead)
        await engine.submit(cm.SignOn(agent="nobody"), lead)
        for place in range(LATE):
            who = f"late-{place}"
            attributes = {"topic": topic, **facts.attributes}
            await engine.submit(
                SubmitContact(
                    scenario.tenant, "web", who, who, shop=shop, attributes=attributes, transcript=f"t-{who}"
                ),
                Principal(scenario.tenant, "channel", "web"),
            )
            await trio.sleep(0.02)
        await engine.submit(cm.ApplyPolicy(scenario.policy_text.replace("after_ms = 15_000", "after_ms = 5_000")), lead)
        await trio.sleep(0.5)
        await engine.submit(cm.LoseAgent(agent="late-1"), lead)
        await trio.sleep(2.0)
        await engine.submit(cm.ReturnAgent(agent="late-1"), lead)
        await engine.submit(cm.AcceptOffer(agent="late-1", offer=1), lead)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*SLUICE, "demo", *PLAY, "--store", folder], check=True)
        store = Path(folder) / "store"
        trio.run(second_engine, store)
        OUT.unlink(missing_ok=True)
        subprocess.run([*SLUICE, "journal", "backup", str(store), str(OUT)], check=True)
    subprocess.run([*SLUICE, "replay", str(OUT), "--check"], check=True)


if __name__ == "__main__":
    main()
