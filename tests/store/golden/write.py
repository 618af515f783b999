"""Write a golden store with this release's formats: ``python -m tests.store.golden.write NAME``.

A folder of that name gets a store with an archive, two snapshots and a conversation, a backup of it, and what is in it as
JSON. Run it when a format changes, with the release before; what is there already is never written again.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from adapters.storage import segments
from adapters.storage.sqlite import SqliteStore
from engine.dispatch import commands as cm
from engine.dispatch.commands import AgentProfile
from engine.dispatch.dispatcher import Dispatcher
from engine.store.backup import write_backup
from engine.store.recovery import take_snapshot
from tests.store.stage import Scribe, message

HERE = Path(__file__).parent
NOON = 1_700_000_000_000


def told(dispatcher: Dispatcher) -> dict[str, object]:
    """What stands in a state, in words that no format changes."""
    return {
        "policy": dispatcher.policy.version,
        "now": dispatcher.now,
        "contacts": {
            str(number): [contact.state.value, contact.queue, contact.customer, contact.agent, contact.arrived_at]
            for number, contact in sorted(dispatcher.contacts.items())
        },
        "agents": {name: agent.state.value for name, agent in sorted(dispatcher.agents.items())},
        "offers": sorted(dispatcher.offers),
    }


def write(folder: Path) -> None:
    folder.mkdir()
    segments.SEGMENT_RECORDS = 20
    store, scribe = SqliteStore(folder / "store"), Scribe()
    store.open()
    store.commit(scribe.begin())
    agents = [AgentProfile("ann", skills={"english": 5}), AgentProfile("bob", capacity=2)]
    store.commit(scribe.write([cm.DefineAgent(profile) for profile in agents] + [cm.SignOn("ann"), cm.SignOn("bob")]))
    store.commit(scribe.write(scribe.submits(20), ids=[f"c{number}" for number in range(20)]))
    offer = min(scribe.dispatcher.offers)
    store.commit(scribe.write([cm.AcceptOffer("ann", offer)], ids=["accept"]))
    store.commit(scribe.write([message(1)], payload="你好".encode()))
    take_snapshot(store, NOON)
    store.commit(scribe.write(scribe.submits(10)))
    take_snapshot(store, NOON)
    store.renew_lease(NOON, scribe.now)
    store.commit(scribe.write([*scribe.submits(12), cm.SetAgentState("bob", "paused")]))
    write_backup(store, folder / "whole.backup", NOON)
    store.close()
    expected = {"lsn": scribe.lsn, "hash": scribe.hash.hex(), "state": told(scribe.dispatcher)}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    place = HERE / sys.argv[1]
    if place.exists():
        sys.exit(f"{place.name} is there already")
    try:
        write(place)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
