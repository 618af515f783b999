// The agent's page: sign on, take offers, serve several customers side by side, pass on, close, wrap up.

import { Memory, SNAPSHOT } from "./client.js";
import { Conversations } from "./conversations.js";
import { DeskPanel } from "./desk.js";
import { enter, openSession } from "./entrance.js";
import { Offers } from "./offers.js";
import { byId, composer, bytesOf, element } from "./view.js";

const { config, says } = await enter();
const tab = new Memory(sessionStorage, "sluice/agent/");
const STATES = ["available", "paused", "not_ready", "finishing", "offline"];

let session = null;
let me = "";
let known = false; // whether the engine knows this agent
let present = "offline";
const panel = new DeskPanel({ says, ask: (query) => session.ask(query), act });
const conversations = new Conversations({
  says,
  ask: (query) => session.ask(query),
  act,
  me: () => me,
  session: () => session,
  panel,
});
const offers = new Offers({ says, act, ask: (query) => session.ask(query), realMs: (ms) => session.realMs(ms) });

// --- who is there ---------------------------------------------------------------------------------------------------

function begin() {
  if (!config.ws) return;
  const signed = tab.get("signed");
  if (!signed) {
    showEntrance();
    return;
  }
  open(signed);
}

function showEntrance() {
  byId("entrance").hidden = false;
  byId("desk").hidden = true;
  byId("name_label").hidden = !config.dev;
  byId("profile").hidden = !config.dev;
  byId("token_label").hidden = config.dev;
  byId("name").required = config.dev;
  byId("token").required = !config.dev;
  byId("name").value = new URLSearchParams(location.search).get("name") || "";
  byId("pools").value = config.pools.join(", ");
  byId("skills").value = config.skills.map((skill) => `${skill}=8`).join(", ");
  byId(config.dev ? "name" : "token").focus();
}

byId("entrance").addEventListener("submit", (event) => {
  event.preventDefault();
  const signed = config.dev
    ? { hello: { subject: byId("name").value.trim(), tenant: tenantAsked() }, profile: profile() }
    : { hello: { token: byId("token").value.trim() } };
  byId("token").value = "";
  tab.set("signed", signed);
  open(signed);
});

function tenantAsked() {
  const asked = new URLSearchParams(location.search).get("tenant");
  return asked || (config.tenants.length > 1 ? config.tenants[0].tenant : "");
}

function words(text) {
  return text.split(/[,，\s]+/).filter(Boolean);
}

function profile() {
  const skills = words(byId("skills").value).map((each) => each.split("="));
  return {
    pools: words(byId("pools").value),
    skills: Object.fromEntries(skills.map(([name, level]) => [name, Number(level) || 5])),
    capacity: Number(byId("capacity").value) || 4,
  };
}

function open({ hello }) {
  byId("entrance").hidden = true;
  session = openSession({
    config,
    says,
    hello: { role: "agent", ...hello },
    hear: { state, welcome, push, resync, settled, again },
  });
  if (hello.subject) meet(hello.subject);
  session.start();
}

function meet(name) {
  if (me === name) return;
  me = name;
  byId("me").replaceChildren(element("bdi", {}, me));
  // Everything as it is; from then on what happens, over any number of connections.
  session.follow(`agent:${me}`, SNAPSHOT);
}

function state(name) {
  if (name === "expired" || name === "refused") {
    tab.set("signed", null);
    me = "";
    showEntrance();
  }
}

function welcome(frame) {
  meet(frame.subject);
  byId("desk").hidden = false;
  byId("state_label").hidden = false;
  panel.open();
}

// Another window had taken over, and this one is wanted again.
function again() {
  me = "";
  begin();
}

// --- what happens ---------------------------------------------------------------------------------------------------

let arrived = false;

function resync(frame) {
  const { agent, offers: open, contacts, consults } = frame.snapshot;
  known = agent !== null;
  showState(agent?.state || "offline");
  offers.replace(open);
  conversations.replace(contacts, consults || []);
  // Signing in is signing on; a reload changes nothing.
  if (!arrived && present === "offline" && tab.get("signed_off") !== true) signOn();
  arrived = true;
}

function push(frame) {
  for (const event of frame.events) {
    if (event.type === "agent.state_changed") showState(event.after);
    else if (event.type === "agent.lost") showState("lost");
    else if (event.type === "agent.back") showState(event.after);
    offers.take(event);
    conversations.take(event, frame);
  }
}

function showState(name) {
  present = name;
  const select = byId("state");
  const states = STATES.includes(name) ? STATES : [...STATES, name];
  select.replaceChildren(...states.map((each) => element("option", { value: each }, says("agent." + each))));
  select.value = name;
  select.dataset.state = name;
}

byId("state").addEventListener("change", (event) => {
  const wanted = event.target.value;
  tab.set("signed_off", wanted === "offline" ? true : null);
  if (wanted === "offline") act({ type: "agent.sign_off" });
  else if (present === "offline" || present === "lost") signOn(wanted);
  else act({ type: "agent.set_state", state: wanted });
});

function signOn(wanted = "available") {
  if (!known && config.dev) {
    known = true;
    act({ type: "agent.define", profile: { agent: me, tenant: session.welcome.tenant, ...tab.get("signed").profile } });
  }
  act({ type: "agent.sign_on", state: wanted });
}

// --- what is done ---------------------------------------------------------------------------------------------------

function act(command, text = "") {
  session.do(command, text);
  conversations.showUnsent();
}

function settled(entry, result, refused) {
  if (refused) {
    const why = says("refusal", refused);
    conversations.tell(entry.command.contact, entry.text ? says("not_sent", { why, text: entry.text }) : why, "bad");
    if (entry.command.type.startsWith("agent.")) showState(present);
  }
  offers.settled(entry);
  if (!refused && /^(contact\.(note|tag)|reply\.)/.test(entry.command.type)) panel.refresh(conversations.current);
  conversations.showUnsent();
}

composer(byId("text"), byId("write"), (text) => {
  const limit = session.welcome?.limits?.text_bytes || 16_384;
  if (bytesOf(text) > limit) {
    conversations.tell(conversations.current, says("too_long", { got: bytesOf(text), limit }), "bad");
    return false;
  }
  if (!conversations.current) return false;
  act({ type: "contact.message", contact: conversations.current }, text);
  return true;
});
begin();
