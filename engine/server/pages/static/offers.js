// Open offers: who waits, for how long there is still time, yes or no.

import { byId, element } from "./view.js";

const TICK_MS = 500;

export class Offers {
  constructor({ says, act, ask, realMs }) {
    Object.assign(this, { says, act, ask, realMs });
    this.open = new Map();
    setInterval(() => this.tick(), TICK_MS);
  }

  replace(rows) {
    this.open.clear();
    byId("offers").replaceChildren();
    rows.forEach((row) => this.add(row));
  }

  async take(event) {
    if (event.type === "offer.made") {
      const row = { ...event, left_ms: event.deadline - event.at };
      this.add(row);
      try {
        const { customer, shop, channel, intent, reason } = await this.ask({ type: "contact", contact: event.contact });
        Object.assign(row, { customer, shop, channel, intent, reason });
        if (this.open.has(event.offer)) this.add(row);
      } catch {
        // Taken back between the offer and our question.
      }
    } else if (event.type.startsWith("offer.")) {
      this.remove(event);
    }
  }

  add(row) {
    const { says } = this;
    const before = this.open.get(row.offer);
    const until = before?.until ?? performance.now() + this.realMs(row.left_ms);
    const left = element("span.left", { "aria-hidden": "true" });
    const about = [row.customer, row.queue, row.shop, row.intent, row.reason].filter(Boolean);
    const said = says("agent.waited", { length: says.span(this.realMs(row.waited_ms)) });
    const say = (type) => () => {
      card.classList.add("answered");
      this.act({ type, offer: row.offer });
    };
    const card = element(
      "li.offer",
      { "data-offer": row.offer },
      element("bdi", {}, about.join(" · ")),
      element("small", {}, said),
      left,
      element("div.row", {},
        element("button", { type: "button", click: say("offer.accept") }, says("agent.accept")),
        element("button.quiet", { type: "button", click: say("offer.decline") }, says("agent.decline"))),
    );
    if (before) before.card.replaceWith(card);
    else byId("offers").append(card);
    this.open.set(row.offer, { card, left, until });
    this.tick();
  }

  remove(event) {
    const found = this.open.get(event.offer);
    if (!found) return;
    this.open.delete(event.offer);
    found.card.remove();
    const key = { "offer.expired": "agent.expired", "offer.rescinded": "agent.rescinded" }[event.type];
    if (key) note(this.says(key, { reason: event.reason || "" }));
  }

  settled(entry) {
    const found = this.open.get(entry.command.offer);
    if (found) found.card.classList.remove("answered");
  }

  tick() {
    for (const { left, until } of this.open.values()) {
      const seconds = Math.max(0, Math.ceil((until - performance.now()) / 1000));
      left.textContent = this.says("agent.left", { n: seconds });
    }
  }
}

// The last few things that an agent would like to know of.
export function note(text, kind = "") {
  const list = byId("events");
  list.prepend(element("li" + (kind && "." + kind), {}, element("bdi", {}, text)));
  while (list.children.length > 5) list.lastChild.remove();
}
