"""What the engine promises, one function each: from the clients' histories and the ledger to what was broken."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from tests.faults.checker.due import Deadlines
from tests.faults.checker.history import Entry, Frame, History
from tests.faults.checker.house import AWAY, ENDED, WAITING, WRAP_UP, House
from tests.faults.checker.ledger import AUDITOR, Ledger

# Refusals that say "nothing was stored, send it again": no answer yet.
UNSETTLED = frozenset({"going_away", "store_failed", "overloaded", "rate_limited"})
# The event that a command's success must have left in its record, and the field that ties the two.
_EFFECTS = {
    "contact.submit": (("contact.submitted", "contact.joined", "contact.resumed", "contact.deflected"), ""),
    "contact.message": (("message.added",), "contact"),
    "contact.abandon": (("contact.abandoned",), "contact"),
    "contact.close": (("contact.closed",), "contact"),
    "contact.transfer": (("contact.transferred",), "contact"),
    "offer.accept": (("offer.accepted",), "offer"),
    "offer.complete": (("contact.connected",), ""),
    "offer.decline": (("offer.declined",), "offer"),
    "wrap_up.end": (("wrap_up.ended",), "contact"),
    "agent.define": (("agent.defined",), ""),
}
# An answer to a duplicate may still be under way this long after the first one came.
_ECHO_MS = 4_000
# A commit renews the lease, at most 500 ms late, and the lease then holds for 5 s.
_LEASE_LEFT_MS = 4_400


def nothing_acked_is_lost(history: History, ledger: Ledger) -> Iterator[str]:
    """Every command that was answered with ``ok`` stands in the ledger where the answer says, with what it did."""
    commands = {entry.said["id"]: entry for entry in reversed(list(history.of("sent")))}
    for entry in _final(history):
        said, sent = entry.said, commands.get(entry.said["id"])
        if said["op"] != "ok" or sent is None:
            continue
        command, result = sent.said["command"], said.get("result") or {}
        kinds, tie = _EFFECTS.get(command["type"], ((), ""))
        if not kinds:
            continue
        lsn = said.get("lsn", 0)
        found = [event for event in ledger.at(lsn) if event["type"] in kinds]
        if tie:
            found = [event for event in found if event[tie] == command[tie]]
        elif "contact" in result:
            found = [event for event in found if event["contact"] == result["contact"]]
        if not found:
            yield f"{said['id']} ({command['type']}) was acknowledged as record {lsn}, which says nothing of it"
        yield from _text_is_there(sent.said, result, ledger)


def _text_is_there(sent: Frame, result: Frame, ledger: Ledger) -> Iterator[str]:
    text = sent.get("text", "")
    if not text or "seq" not in result:
        return
    stands = ledger.texts().get((result["contact"], result["seq"]))
    if stands is None:
        yield f"{sent['id']}: message {result['seq']} of contact {result['contact']} is gone"
    elif stands != text:
        yield f"{sent['id']}: message {result['seq']} of contact {result['contact']} has another text"


def the_same_question_the_same_answer(history: History, ledger: Ledger) -> Iterator[str]:
    """A command id has one final answer however often it is sent; with another body it is a conflict."""
    sent: dict[str, list[Entry]] = defaultdict(list)
    for entry in history.of("sent"):
        sent[entry.said["id"]].append(entry)
    answers: dict[str, list[Entry]] = defaultdict(list)
    for entry in _final(history):
        if entry.said["id"] in sent:
            answers[entry.said["id"]].append(entry)
    for id, given in answers.items():
        bodies = [(entry.said["command"], entry.said.get("text", "")) for entry in sent[id]]
        others = [entry for entry, body in zip(sent[id], bodies, strict=True) if body != bodies[0]]
        conflicts = [entry for entry in given if entry.said.get("code") == "conflict"]
        if conflicts and not others:
            yield f"{id}: a conflict, and it was always the same command"
        plain = [entry for entry in given if entry not in conflicts]
        distinct = {str(_essence(entry.said)) for entry in plain}
        if len(distinct) > 1:
            yield f"{id} was answered in {len(distinct)} ways: {sorted(distinct)}"
        for other in others:
            if (
                plain
                and plain[0].at_ms + _ECHO_MS < other.at_ms
                and _only_others_after(sent[id], others, plain[0].at_ms)
            ):
                late = [entry for entry in plain if entry.at_ms > other.at_ms]
                if late:
                    yield f"{id} came with another body, and was answered as if it were the first"


def _only_others_after(sent: list[Entry], others: list[Entry], after_ms: int) -> bool:
    return all(entry in others for entry in sent if entry.at_ms > after_ms)


def _essence(said: Frame) -> tuple[object, ...]:
    return said["op"], said.get("lsn", 0), said.get("code", ""), sorted((said.get("result") or {}).items())


def no_effect_twice(history: History, ledger: Ledger) -> Iterator[str]:
    """No message stands in the ledger more often than it was asked for under different ids, and none that nobody sent."""
    asked: Counter[str] = Counter()
    for _id, text in {(entry.said["id"], entry.said.get("text", "")) for entry in history.of("sent")}:
        if text:
            asked[text] += 1
    stands = Counter(
        told.text
        for told in ledger.told.values()
        for event in told.events
        if event["type"] == "message.added" and told.text
    )
    for text, times in stands.items():
        if times > asked[text]:
            yield f"{text!r} was sent under {asked[text]} ids and stands {times} times"


def pushes_tell_the_truth(history: History, ledger: Ledger) -> Iterator[str]:
    """What a stream told is in the ledger, whole and in order; nothing came twice, and nothing was left out."""
    at: dict[tuple[str, str], int] = defaultdict(int)
    for entry in history.of("got", "early"):
        said = entry.said
        if said["op"] not in ("push", "resync"):
            continue
        stream, offset = said["stream"], said["offset"]
        place, carries = (entry.who, stream), ledger.streams.get(stream, {})
        if entry.kind == "early":
            if said["op"] == "push" and said["events"] != carries.get(offset):
                yield f"{entry.who}: {stream} told early of record {offset} what the ledger does not say"
            continue
        if said["op"] == "resync":
            at[place] = max(at[place], offset)
            continue
        if offset <= at[place]:
            yield f"{entry.who}: {stream} told of record {offset} after record {at[place]}"
        elif missed := ledger.between(stream, at[place], offset):
            yield f"{entry.who}: {stream} left out records {missed} before record {offset}"
        if said["events"] != carries.get(offset):
            yield f"{entry.who}: {stream} told of record {offset} what the ledger does not say: {_kinds(said['events'])}"
        if said.get("text", "") != ledger.told[offset].text if offset in ledger.told and "text" in said else False:
            yield f"{entry.who}: {stream} told another text in record {offset}"
        at[place] = max(at[place], offset)
    yield from _told_to_the_end(history, ledger, at)


def _told_to_the_end(history: History, ledger: Ledger, at: dict[tuple[str, str], int]) -> Iterator[str]:
    """Whoever came back for the end, and stayed, has heard everything up to it."""
    end_ms = history.entries[-1].at_ms
    audit_ms = next((entry.at_ms for entry in history.of("audit")), end_ms)
    heard = {
        entry.said["offset"]: entry.at_ms
        for entry in history.of("got")
        if entry.who == AUDITOR and "stream" in entry.said
    }
    welcomed = {entry.who: entry.at_ms for entry in history.of("got") if entry.said["op"] == "welcome"}
    gone = {entry.who: entry.at_ms for entry in history.of("lost")}
    for (who, stream), last in at.items():
        since_ms = welcomed.get(who, end_ms)
        if who == AUDITOR or gone.get(who, -1) > since_ms or since_ms < audit_ms:
            continue
        missed = [lsn for lsn in ledger.streams.get(stream, {}) if lsn > last and heard[lsn] < end_ms - 500]
        if missed:
            yield f"{who}: {stream} ended at record {last}, and records {sorted(missed)} were still to come"


def one_assignee_and_room_for_all(history: History, ledger: Ledger) -> Iterator[str]:
    """The events follow from each other: one agent at a time, never over capacity, messages and endings in order."""
    house = House()
    for lsn, event in ledger.events():
        for problem in house.apply(event):
            yield f"record {lsn}: {problem}"


def snapshots_show_what_is(history: History, ledger: Ledger) -> Iterator[str]:
    """A snapshot in place of pushes shows the agent's offers and contacts as of its offset."""
    house, events = House(), list(ledger.events())
    resyncs = [
        entry for entry in history.of("got") if entry.said["op"] == "resync" and entry.said["stream"][:6] == "agent:"
    ]
    for entry in sorted(resyncs, key=lambda entry: entry.said["offset"]):
        while events and events[0][0] <= entry.said["offset"]:
            for _ in house.apply(events.pop(0)[1]):
                pass
        name, shown = entry.said["stream"][6:], entry.said["snapshot"]
        agent = house.agents.get(name)
        held = set(agent.contacts) if agent is not None else set()
        seen = {offer["contact"] for offer in shown["offers"]} | {row["contact"] for row in shown["contacts"]}
        if held != seen:
            yield f"{entry.who}: the snapshot at {entry.said['offset']} shows contacts {sorted(seen)}, wanted {sorted(held)}"
        if agent is not None and shown.get("agent") and shown["agent"]["load"] != agent.load:
            yield f"{entry.who}: the snapshot shows load {shown['agent']['load']}, wanted {agent.load}"


def everything_ends_once_or_is_found(history: History, ledger: Ledger) -> Iterator[str]:
    """Each acknowledged contact has ended, or the observer finds it open, in the state that the events say."""
    house, asked_at = House(), _first_asked(history)
    shown: dict[str, list[tuple[int, set[int]]]] = defaultdict(
        list
    )  # agent → what it carried while the observer looked
    for lsn, event in ledger.events():
        for _ in house.apply(event):
            pass
        if lsn >= asked_at:
            for name, agent in house.agents.items():
                shown[name].append((agent.load, set(agent.contacts)))
    for name, agent in house.agents.items():
        shown[name].append((agent.load, set(agent.contacts)))
    asked = {entry.said["id"]: entry.said for entry in history.of("got") if entry.who == AUDITOR and "id" in entry.said}
    answers = [said["result"] for said in asked.values() if isinstance(said.get("result"), dict)]
    rows = {row["contact"]: row for found in answers for row in found.get("contacts", []) if isinstance(row, dict)}
    taken_in = {
        entry.said["result"]["contact"]
        for entry in _final(history)
        if entry.said["op"] == "ok" and (entry.said.get("result") or {}).get("state") in ("queued", "joined", "resumed")
    }
    for number in sorted(taken_in):
        contact = house.contacts.get(number)
        state = contact.state if contact is not None else "unknown"
        if state not in (ENDED, AWAY, WRAP_UP) and number not in rows:
            yield f"contact {number} is {state} by the ledger, and nobody finds it"
        elif state == ENDED and number in rows and rows[number]["state"] not in ("closed", "abandoned", "wrap_up"):
            yield f"contact {number} has ended, and is found {rows[number]['state']}"
    for found in answers:
        for row in found.get("agents", []):
            if row["agent"] in shown and (row["load"], set(row["contacts"])) not in shown[row["agent"]]:
                yield f"agent {row['agent']} carries {row['load']} {row['contacts']}, wanted {shown[row['agent']][-1]}"
    yield from _conversations(history, asked, ledger)


def _first_asked(history: History) -> int:
    """The last record the observer had heard of when it got its first answer, and a little before."""
    heard = 0
    for entry in history.of("got"):
        if entry.who == AUDITOR:
            if entry.said["op"] == "push":
                heard = entry.said["offset"]
            elif (
                entry.said["op"] == "ok"
                and isinstance(entry.said.get("result"), dict)
                and "contacts" in entry.said["result"]
            ):
                break
    return max(0, heard - 5)


def _conversations(history: History, answers: dict[str, Frame], ledger: Ledger) -> Iterator[str]:
    """Each conversation reads as it was told: every message, in order, with its text."""
    texts: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for told in ledger.told.values():
        for event in told.events:
            if event["type"] == "message.added":
                texts[event["contact"]].append((event["seq"], told.text))
    for entry in history.of("asked"):
        query, said = entry.said["query"], answers.get(entry.said["id"])
        if query["type"] != "history" or said is None:
            continue
        if said["op"] != "ok":
            yield f"the conversation of contact {query['contact']} cannot be read: {said['code']}"
            continue
        shown = [(row["seq"], row["text"]) for row in said["result"]["messages"]]
        if shown != sorted(texts[query["contact"]])[: len(shown)] or (len(shown) < len(texts[query["contact"]]) < 100):
            yield f"the conversation of contact {query['contact']} reads {shown}, wanted {sorted(texts[query['contact']])}"


def when_faults_stop_everything_drains(history: History, ledger: Ledger) -> Iterator[str]:
    """Nobody waits, nobody is busy, and every command has its answer."""
    if not ledger.told:
        yield "nobody told the observer anything: no engine answers"
        return
    house = House()
    for _, event in ledger.events():
        for _ in house.apply(event):
            pass
    for number, contact in house.contacts.items():
        if contact.state not in (ENDED, AWAY):
            waits = "waits" if contact.state == WAITING else f"is {contact.state} ({contact.agent})"
            yield f"contact {number} still {waits}"
    end_ms = history.entries[-1].at_ms
    answered = {entry.said["id"] for entry in _final(history)}
    for entry in history.of("sent"):
        if entry.said["id"] not in answered and entry.at_ms < end_ms - 10_000:
            yield f"{entry.said['id']} ({entry.said['command']['type']}) never got an answer"
            answered.add(entry.said["id"])


def what_is_due_comes(history: History, ledger: Ledger) -> Iterator[str]:
    """Offers, wrap-ups, windows, graces, pauses, steps end when they were said to, across any number of restarts."""
    deadlines = Deadlines()
    for lsn, event in ledger.events():
        for problem in deadlines.apply(event):
            yield f"record {lsn}: {problem}"


def engines_end_only_for_a_reason(history: History, ledger: Ledger) -> Iterator[str]:
    """What an operator sees: no corruption after a power cut, no crash, no second owner while the lease holds."""
    begun = {event["epoch"] for _, event in ledger.events() if event["type"] == "engine.started"}
    spoken = {entry.said["epoch"] for entry in history.of("got") if entry.said["op"] == "welcome"}
    if ledger.told and spoken - begun:
        yield f"engines of epochs {sorted(spoken - begun)} spoke, and the ledger does not know of them"
    began: dict[int, int] = {}
    over: dict[int, int] = {}
    for entry in history.of("started", "ended"):
        number = entry.said["process"]
        if entry.kind == "started":
            yield from _lease_was_held(history, entry, began, over)
            began[number] = entry.at_ms
            continue
        over[number] = entry.at_ms
        why, crashes = entry.said["why"], entry.said["crashes"]
        if why.startswith(("Corrupt", "crashed")):
            yield f"engine {number} would not go on: {why}"
        if crashes:
            yield f"engine {number}: {crashes} connections crashed"


def sealed_texts_are_nowhere_plain(history: History, ledger: Ledger) -> Iterator[str]:
    """Whatever was torn, left behind or rolled back: no file of a sealed store holds what somebody wrote."""
    for entry in history.of("searched"):
        if entry.said["plain"]:
            yield f"what customers wrote stands in {entry.said['plain']}"


def _lease_was_held(history: History, start: Entry, began: dict[int, int], over: dict[int, int]) -> Iterator[str]:
    """A command that was sent and acknowledged moments ago proves that its engine's lease still holds."""
    living = [number for number in began if number not in over]
    if not living:
        return
    alone_since = max([began[number] for number in living] + list(over.values()), default=0)
    sent: dict[str, list[int]] = defaultdict(list)
    for entry in history.of("sent"):
        sent[entry.said["id"]].append(entry.at_ms)
    for entry in _final(history):
        times = sent.get(entry.said["id"], [])
        if len(times) != 1 or not entry.said.get("lsn") or entry.at_ms >= start.at_ms:
            continue
        if times[0] > max(start.at_ms - _LEASE_LEFT_MS, alone_since):
            yield f"engine {start.said['process']} started while engine {living} held its lease ({entry.said['id']})"
            return


def _final(history: History) -> Iterator[Entry]:
    """Answers that settle their question."""
    for entry in history.of("got"):
        said = entry.said
        if said["op"] == "ok" or (
            said["op"] == "error" and said["code"] not in UNSETTLED and said.get("retry_after_ms") is None
        ):
            yield entry


def _kinds(events: list[Frame]) -> list[str]:
    return [event["type"] for event in events]


PROMISES: tuple[Callable[[History, Ledger], Iterator[str]], ...] = (
    nothing_acked_is_lost,
    the_same_question_the_same_answer,
    no_effect_twice,
    pushes_tell_the_truth,
    one_assignee_and_room_for_all,
    snapshots_show_what_is,
    everything_ends_once_or_is_found,
    when_faults_stop_everything_drains,
    what_is_due_comes,
    engines_end_only_for_a_reason,
    sealed_texts_are_nowhere_plain,
)


def broken(history: History) -> list[str]:
    """``promise: what was seen``, for each that was broken; empty when all were kept."""
    ledger = Ledger.of(history)
    return [f"{promise.__name__}: {problem}" for promise in PROMISES for problem in promise(history, ledger)]
