// The customer's page: write, wait, see who joins, talk, end, write again.

import { Memory, newId } from "./client.js";
import { enter, openSession } from "./entrance.js";
import { Timeline, byId, bytesOf, composer, element } from "./view.js";

const asked = new URLSearchParams(location.search);
const { config, says } = await enter();
const ENDED = new Set(["contact_gone", "unknown_contact", "wrong_state"]);
const tab = new Memory(sessionStorage, "sluice/customer/");
const browser = new Memory(localStorage, "sluice/customer/");

let session = null;
let kept = null; // what outlives this page: { contact, since } of this customer
let contact = 0;
let since = 0; // the offset just before this contact began
let phase = ""; // "", "waiting", "talking"
let stage = "person";
let who = "";
const timeline = new Timeline({
  says,
  fill: (after) => fill(after),
  isOwn: (message) => message.sender === "customer",
  showsNames: false,
});
byId("timeline").append(timeline.root);

// --- who is there ---------------------------------------------------------------------------------------------------

function begin() {
  if (!config.ws) return;
  const token = tab.get("token", "");
  if (!config.dev && !token) {
    byId("entrance").hidden = false;
    byId("token").focus();
    return;
  }
  open(config.dev ? { role: "customer", subject: visitor(), tenant: tenantAsked() } : { token });
}

// Without accounts a visitor is whoever the address names, else the same as last time in this browser.
function visitor() {
  const name = asked.get("name") || browser.get("name") || "guest-" + newId().slice(0, 8);
  browser.set("name", name);
  return name;
}

function tenantAsked() {
  return asked.get("tenant") || (config.tenants.length > 1 ? config.tenants[0].tenant : "");
}

function open(hello) {
  byId("entrance").hidden = true;
  session = openSession({
    config,
    says,
    hello: { role: "customer", ...hello },
    hear: { state, welcome, push, resync, waiting, settled, gone, again },
  });
  session.start();
}

byId("entrance").addEventListener("submit", (event) => {
  event.preventDefault();
  tab.set("token", byId("token").value.trim());
  byId("token").value = "";
  begin();
});

function state(name) {
  if (name === "expired" || name === "refused") {
    tab.set("token", null);
    if (!config.dev) byId("entrance").hidden = false;
  }
}

function welcome(frame) {
  if (byId("talk").hidden) {
    byId("talk").hidden = false;
    offerChoices(frame.tenant);
    byId("text").focus();
  }
  if (kept) return;
  kept = new Memory(localStorage, `sluice/customer/${frame.tenant}/${frame.subject}/`);
  const last = kept.get("contact");
  if (last) follow(last.contact, last.since);
  else timeline.note(says("customer.hello"), "hello");
  showUnsent();
}

// Another window had taken over, and this one is wanted again: everything is told once more.
function again() {
  kept = null;
  contact = 0;
  timeline.startAnew();
  timeline.lines.replaceChildren();
  begin();
}

function offerChoices(tenant) {
  const shops = config.tenants.find((each) => each.tenant === tenant)?.shops || [];
  fillChoice("shop", shops, shops.length > 1);
  fillChoice("topic", config.topics, config.topics.length > 0, says("customer.topic.none"));
}

// Unless the address says it already, and where there is something to choose.
function fillChoice(name, values, isOpen, none = null) {
  const select = byId(name);
  const given = asked.get(name);
  const options = [...(none === null ? [] : [["", none]]), ...values.map((value) => [value, value])];
  select.replaceChildren(...options.map(([value, shown]) => element("option", { value }, shown)));
  if (given !== null && values.includes(given)) select.value = given;
  byId(name + "_label").hidden = !isOpen || given !== null;
}

// --- a conversation -------------------------------------------------------------------------------------------------

function follow(number, from) {
  contact = number;
  since = from;
  kept.set("contact", { contact, since });
  session.follow(`contact:${contact}`, since);
  setPhase("waiting");
  askPosition();
}

async function askPosition() {
  try {
    waiting(await session.ask({ type: "position", contact }));
  } catch {
    // It has ended meanwhile; its stream says so.
  }
}

async function fill(after) {
  const number = contact;
  try {
    const answer = await session.ask({ type: "history", contact: number, after_seq: after });
    if (number !== contact) return;
    answer.messages.forEach((message) => timeline.take(message));
    const last = answer.messages.at(-1);
    if (answer.more && last) await fill(last.seq);
  } catch {
    // As above.
  }
}

function setPhase(next) {
  phase = next;
  byId("choices").hidden = Boolean(next);
  byId("close").hidden = !next;
  byId("person").hidden = !next || (next === "talking" && stage !== "bot") || (next === "waiting" && stage !== "bot");
  if (next !== "waiting") showPlace("");
  if (next === "talking") showPlace(stage === "bot" ? says("customer.talking.bot") : says("customer.talking", { who }));
}

function showPlace(text) {
  byId("place").replaceChildren(...(text ? [element("bdi", {}, text)] : []));
}

function waiting(row) {
  if (row.contact !== contact) return;
  if (row.state === "connected" || row.state === "dormant") return;
  if (phase !== "waiting") return;
  const parts = [says("customer.waiting")];
  if (row.position > 0) parts.push(says("customer.position", { position: row.position }));
  const length = (ms) => says.span(session.realMs(ms));
  if (row.p50_ms > 0) parts.push(says("customer.estimate", { p50: length(row.p50_ms), p90: length(row.p90_ms) }));
  if (stage !== "bot") showPlace(parts.join(" · "));
}

// How it ended we are no longer told: it was too long ago.
function gone() {
  over();
}

function over() {
  if (!contact) return;
  timeline.note(says("customer.ended"), "end");
  session.unfollow(`contact:${contact}`);
  kept.set("contact", null);
  kept.set("ended", { contact, since });
  contact = 0;
  setPhase("");
}

function resync(frame) {
  const row = frame.snapshot?.contact;
  if (!row) {
    over();
    return;
  }
  stage = row.stage;
  who = row.agent || "";
  fill(timeline.seen);
  setPhase(row.state === "connected" || row.state === "dormant" ? "talking" : "waiting");
  askPosition();
}

function push(frame) {
  if (frame.stream !== `contact:${contact}`) return;
  for (const event of frame.events) HANDLERS[event.type]?.(event, frame);
}

const HANDLERS = {
  "contact.submitted"(event) {
    stage = event.stage;
    setPhase("waiting");
    timeline.note(says(stage === "bot" ? "customer.bot" : "customer.queued"));
  },
  "message.added"(event, frame) {
    timeline.take({ ...event, text: frame.text || "", erased: frame.erased });
  },
  "contact.connected"(event) {
    who = event.agent;
    setPhase("talking");
    timeline.note(stage === "bot" ? says("customer.connected.bot") : says("customer.connected", { who }));
  },
  "contact.transferred"(event) {
    stage = event.stage || "person";
    setPhase("waiting");
    timeline.note(says(event.hand_off || stage === "bot" ? "customer.person_asked" : "customer.passed"));
    askPosition();
  },
  "contact.requeued"() {
    setPhase("waiting");
    timeline.note(says("customer.requeued"));
    askPosition();
  },
  "person.asked"() {
    stage = "person";
    setPhase("waiting");
    timeline.note(says("customer.person_asked"));
    askPosition();
  },
  "contact.sent_to_bot"() {
    stage = "bot";
    setPhase("waiting");
    timeline.note(says("customer.bot"));
  },
  "contact.reminded"() {
    timeline.note(says("customer.idle"));
  },
  "contact.told"(event) {
    if (event.notice) timeline.note(event.notice);
  },
  "contact.message_left"() {
    timeline.note(says("customer.promised"));
  },
  "contact.reopened"() {
    setPhase("waiting");
  },
  "contact.abandoned": over,
  "contact.closed": over,
};

// --- what is written ------------------------------------------------------------------------------------------------

function write(text) {
  const limit = session.welcome?.limits?.text_bytes || 16_384;
  if (bytesOf(text) > limit) {
    timeline.note(says("too_long", { got: bytesOf(text), limit }), "bad");
    return false;
  }
  if (contact) session.do({ type: "contact.message", contact }, text);
  else submit(text);
  showUnsent();
  return true;
}

function submit(text) {
  const topic = byId("topic").value || asked.get("topic") || "";
  const channel = asked.get("channel") || (config.channels.includes("web") ? "web" : config.channels[0]);
  const attributes = topic ? { topic, language: says.language.slice(0, 2) } : { language: says.language.slice(0, 2) };
  session.do({ type: "contact.submit", channel, shop: byId("shop").value, attributes }, text);
}

function showUnsent() {
  timeline.showUnsent(session.outbox.filter((entry) => entry.text));
}

function settled(entry, result, refused) {
  const kind = entry.command.type;
  if (refused && kind === "contact.message" && ENDED.has(refused.code)) {
    over(); // it ended while this was written: it opens a new conversation
    submit(entry.text);
  } else if (refused) {
    const why = says("refusal", refused);
    timeline.note(entry.text ? says("not_sent", { why, text: entry.text }) : why, "bad");
  } else if (kind === "contact.submit") {
    submitted(result);
  }
  showUnsent();
}

function submitted(result) {
  if (result.state === "deflected") {
    timeline.note(result.notice || says("customer.deflected"), "bad");
    return;
  }
  if (contact === result.contact) return;
  if (kept.get("ended")?.contact !== result.contact || timeline.seen === 0) timeline.startAnew();
  if (result.state === "joined" || result.state === "resumed") {
    timeline.note(says("customer.joined"));
    fill(timeline.seen);
  } else if (timeline.lines.querySelector("li.message")) {
    timeline.note(says("customer.anew"), "anew");
  }
  // From just before it, so that nothing that followed is missed.
  follow(result.contact, result.lsn - 1);
}

composer(byId("text"), byId("write"), write);
byId("person").addEventListener("click", () => session.do({ type: "contact.ask_person", contact }));
byId("close").addEventListener("click", () => {
  session.do({ type: phase === "waiting" ? "contact.abandon" : "contact.close", contact });
});
begin();
