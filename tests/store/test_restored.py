"""A backup is restored while clients know of later things: what they have read is not taken for what is there now."""

from __future__ import annotations

from pathlib import Path

from trio.testing import MockClock

from engine.ports import EPOCHS_APART
from engine.store.backup import restore_backup, write_backup
from engine.store.memory import JournalInMemory, MemoryStore
from tests.server.stage import WALL_S, house


async def test_an_old_backup_gives_its_offsets_out_again(autojump_clock: MockClock, tmp_path: Path) -> None:
    """A contact after the backup is lost with the disk, and another has its record's number now. The channel comes back

    with an offset that exists in both histories: it is given the state as it is, not what follows an offset it never read.
    """
    first, restored, backup = JournalInMemory(), JournalInMemory(), tmp_path / "a.backup"
    async with house(first) as home:
        web = await home.framed("channel", "web")
        await web.done("contact.submit", channel="web", external_id="kept", customer="li")
        write_backup(MemoryStore(first), backup, WALL_S * 1000)
        await web.done("contact.submit", channel="web", external_id="lost", customer="wang")
        heard = (await web.event("contact.submitted"), await web.event("contact.submitted"))[1]["offset"]
        session = web.seen("welcome")[0]["session"]
    restore_backup(backup, MemoryStore(restored))
    async with house(restored) as home:
        assert home.driver.figures.epoch == EPOCHS_APART + 1
        other = await home.framed("channel", "web")
        for number in range(5):
            await other.done("contact.submit", channel="web", external_id=f"new {number}", customer=f"zhao {number}")
        assert home.driver.last_lsn > heard
        back = await home.framed("channel", "web", session=session)
        await back.send({"op": "resume", "id": "r", "streams": {"channel:web": heard}})
        resync = await back.next("resync")
        assert {row["external_id"] for row in resync["snapshot"]["contacts"]} == {
            "kept",
            *(f"new {n}" for n in range(5)),
        }
        await other.done("contact.submit", channel="web", external_id="later", customer="qian")
        assert (await back.event("contact.submitted"))["external_id"] == "later"
        await back.send({"op": "resume", "id": "r2", "streams": {"channel:web": resync["offset"]}})
        assert (await back.event("contact.submitted"))["external_id"] == "later"
        assert len(back.seen("resync")) <= 1, "of this history it is from here on"
