// The conversations that an agent has: a list with what is unread, and the one that is open.

import { note } from "./offers.js";
import { Timeline, byId, element } from "./view.js";

export class Conversations {
  constructor({ says, ask, act, me, session, panel }) {
    Object.assign(this, { says, ask, act, me, session, panel });
    this.all = new Map();
    this.current = 0;
    byId("close").addEventListener("click", () => this.close());
    byId("wrap").addEventListener("click", () => this.act({ type: "wrap_up.end", contact: this.current }));
    byId("transfer").addEventListener("click", () => this.askWhere());
    byId("transfer_cancel").addEventListener("click", () => this.endTransfer());
    byId("transfer_form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.transfer();
    });
  }

  // --- what there is --------------------------------------------------------------------------------------------------

  // Instead of a replay: those that are held now, each with its whole history.
  replace(rows, consults) {
    const held = new Set([...rows, ...consults].map((row) => row.contact));
    for (const contact of [...this.all.keys()]) if (!held.has(contact)) this.drop(contact);
    for (const row of rows) this.put(row, "");
    for (const row of consults) this.put(row, row.agent);
    this.paint();
  }

  put(row, helps) {
    const found = this.all.get(row.contact);
    if (found) {
      Object.assign(found, { row, helps });
      this.fill(found);
      return found;
    }
    const made = { row, helps, unread: 0, last: "", late: "", ended: "", draft: "" };
    made.timeline = new Timeline({
      says: this.says,
      fill: () => this.fill(made),
      isOwn: (message) => message.sender === "agent",
      showsNames: true,
    });
    made.timeline.note(this.says("agent.history"));
    this.all.set(row.contact, made);
    made.filled = this.fill(made);
    if (!this.current) this.show(row.contact);
    return made;
  }

  // What was said before, and whatever else is missing.
  async fill(conversation) {
    const { timeline, row } = conversation;
    try {
      let more = true;
      while (more) {
        const answer = await this.ask({ type: "history", contact: row.contact, after_seq: timeline.seen });
        answer.messages.forEach((message) => this.hear(conversation, message, false));
        more = answer.more && answer.messages.length > 0;
      }
    } catch {
      // No longer ours; the stream says so.
    }
    this.paint();
  }

  hear(conversation, message, isNews) {
    if (!conversation.timeline.take(message)) return;
    conversation.last = message.text;
    if (isNews && message.sender === "customer" && (this.current !== conversation.row.contact || document.hidden)) {
      conversation.unread += 1;
    }
    if (message.sender === "agent") conversation.late = "";
  }

  drop(contact) {
    this.all.delete(contact);
    if (this.current === contact) {
      this.current = 0;
      byId("text").value = "";
      const next = this.all.keys().next();
      if (!next.done) this.show(next.value);
    }
    this.paint();
  }

  // --- what happens ---------------------------------------------------------------------------------------------------

  take(event, frame) {
    const handler = HANDLERS[event.type];
    if (!handler) return;
    handler(this, event, frame, this.all.get(event.contact));
    this.paint();
  }

  async takeUp(contact, helps = "") {
    try {
      const row = await this.ask({ type: "contact", contact });
      const made = this.put(row, helps);
      await made.filled;
      made.timeline.note(this.says("agent.connected"));
    } catch {
      return;
    }
    this.paint();
  }

  tell(contact, text, kind = "") {
    const found = this.all.get(contact);
    if (found) found.timeline.note(text, kind);
    else note(text, kind);
  }

  showUnsent() {
    const outbox = this.session()?.outbox || [];
    for (const [contact, { timeline }] of this.all) {
      timeline.showUnsent(outbox.filter((entry) => entry.text && entry.command.contact === contact));
    }
  }

  // --- what is shown --------------------------------------------------------------------------------------------------

  show(contact) {
    // A half-written answer stays with the customer whom it was meant for.
    const former = this.all.get(this.current);
    if (former) former.draft = byId("text").value;
    this.current = contact;
    const conversation = this.all.get(contact);
    byId("text").value = conversation.draft;
    conversation.unread = 0;
    byId("timeline").replaceChildren(conversation.timeline.root);
    conversation.timeline.toEnd();
    this.endTransfer();
    this.explain(conversation);
    this.panel.show(conversation.row);
    this.showUnsent();
    this.paint();
    byId("text").focus();
  }

  paint() {
    byId("conversations").replaceChildren(...[...this.all.values()].map((each) => this.line(each)));
    byId("nothing").hidden = this.all.size > 0;
    const open = this.all.get(this.current);
    byId("conversation").hidden = !open;
    byId("choose").hidden = Boolean(open);
    document.body.classList.toggle("talking", Boolean(open));
    const unread = [...this.all.values()].reduce((sum, each) => sum + each.unread, 0);
    document.title = (unread ? `(${unread}) ` : "") + this.says("agent.title");
    if (open) this.paintOpen(open);
    else this.panel.show(null);
  }

  paintOpen({ row, helps, late, ended, timeline }) {
    const said = [row.queue, row.shop, row.channel, this.says("contact." + row.state)].filter(Boolean);
    const parts = [
      element("button.quiet.back", { type: "button", "aria-label": this.says("agent.conversations"), click: () => this.leave() }, "‹"),
      element("h2", {}, element("bdi", {}, row.customer || `#${row.contact}`)),
      element("span", {}, element("bdi", {}, said.join(" · "))),
      helps ? element("b", {}, this.says("agent.asks_help", { agent: helps })) : null,
      late ? element("b.late", {}, this.says(late)) : null,
    ];
    byId("about").replaceChildren(...parts.filter(Boolean));
    if (!helps) this.panel.sawUpTo(row, timeline.seen);
    const wraps = row.state === "wrap_up" || Boolean(ended);
    byId("wrap").hidden = !wraps;
    for (const id of ["send", "text", "close", "transfer"]) byId(id).disabled = wraps || Boolean(helps);
  }

  // On a narrow screen: back to the list.
  leave() {
    this.all.get(this.current).draft = byId("text").value;
    byId("text").value = "";
    this.current = 0;
    this.paint();
    byId("conversations").querySelector("button")?.focus();
  }

  line(each) {
    const { row, unread, last } = each;
    const current = row.contact === this.current;
    return element(
      "li" + (current ? ".current" : "") + (each.late ? ".late" : ""),
      { "data-contact": row.contact },
      element(
        "button.quiet",
        { type: "button", "aria-current": current ? "true" : null, click: () => this.show(row.contact) },
        element("b", {}, element("bdi", {}, row.customer || `#${row.contact}`)),
        element("small", {}, element("bdi", {}, `${row.queue} · ${this.says("contact." + row.state)}`)),
        element("span.last", {}, last.slice(0, 80)),
        unread ? element("span.unread", { title: this.says("agent.unread", { n: unread }) }, String(unread)) : null,
      ),
    );
  }

  async explain(conversation) {
    const { row } = conversation;
    byId("why").textContent = "";
    try {
      const { now } = await this.ask({ type: "explain", contact: row.contact, story: false });
      if (!now || this.current !== row.contact) return;
      const length = (ms) => this.says.span(this.session().realMs(ms));
      const words = { queue: now.queue, rule: now.rule, step: now.step, waited: length(now.waited_ms), age: length(now.age_ms) };
      const parts = [this.says("agent.why", words)];
      if (row.intent) parts.push(this.says("agent.intent", { intent: row.intent }));
      if (row.reason) parts.push(this.says("agent.reason", { reason: row.reason }));
      byId("why").replaceChildren(element("bdi", {}, parts.join(" · ")));
    } catch {
      // Over meanwhile.
    }
  }

  // --- what is done ---------------------------------------------------------------------------------------------------

  close() {
    this.act({ type: "contact.close", contact: this.current, reason: "done" });
  }

  async askWhere() {
    byId("transfer_form").hidden = false;
    const { queues } = await this.ask({ type: "queues" });
    byId("to_queue").replaceChildren(
      ...queues.filter((each) => !each.closed).map(({ queue }) => element("option", { value: queue }, queue)),
    );
    byId("to_queue").focus();
  }

  transfer() {
    const to_agent = byId("to_agent").value.trim();
    const where = to_agent ? { to_agent } : { to_queue: byId("to_queue").value };
    this.act({ type: "contact.transfer", contact: this.current, ...where, reason: byId("reason").value.trim() });
    this.endTransfer();
  }

  endTransfer() {
    byId("transfer_form").hidden = true;
    byId("to_agent").value = byId("reason").value = "";
  }
}

// What each event does to the list. found: the conversation it is about, if we have it.
const HANDLERS = {
  "contact.connected"(list, event, frame, found) {
    if (event.agent !== list.me()) return;
    if (found) found.row = { ...found.row, state: "connected" };
    else list.takeUp(event.contact);
  },
  "message.added"(list, event, frame, found) {
    if (found) list.hear(found, { ...event, text: frame.text || "", erased: frame.erased }, true);
  },
  "contact.dormant"(list, event, frame, found) {
    if (found) found.row = { ...found.row, state: "dormant" };
  },
  "contact.woke"(list, event, frame, found) {
    if (found) found.row = { ...found.row, state: "connected" };
  },
  "contact.updated"(list, event, frame, found) {
    if (found) found.row = { ...found.row, attributes: { ...found.row.attributes, ...event.attributes } };
  },
  "desk.recorded"(list, event) {
    if (event.kind !== "contact.read") list.panel.refresh(event.contact);
  },
  "reply.warned"(list, event, frame, found) {
    if (found) found.late = "agent.late";
  },
  "reply.breached"(list, event, frame, found) {
    if (found) found.late = "agent.too_late";
  },
  "contact.closed"(list, event, frame, found) {
    if (!found) return;
    const by = list.says.has("who." + event.by) ? list.says("who." + event.by) : event.by;
    found.timeline.note(list.says("agent.closed", { by, reason: event.reason }), "end");
    if (event.wrap_up_until && event.agent === list.me()) found.row = { ...found.row, state: "wrap_up" };
    else {
      note(`${found.row.customer}: ${list.says("agent.closed", { by, reason: event.reason })}`);
      list.drop(event.contact);
    }
  },
  "contact.transferred"(list, event) {
    list.drop(event.contact);
  },
  "contact.requeued"(list, event) {
    list.drop(event.contact);
  },
  "wrap_up.started"(list, event, frame, found) {
    if (found) found.row = { ...found.row, state: "wrap_up" };
  },
  "wrap_up.ended"(list, event) {
    list.drop(event.contact);
  },
  "consult.asked"(list, event) {
    if (event.to_agent === list.me()) list.takeUp(event.contact, event.agent);
  },
  "consult.ended"(list, event) {
    if (event.agent === list.me()) list.drop(event.contact);
  },
};
