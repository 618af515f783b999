// What the desk adds beside a conversation: whom one talks to, tags, notes for colleagues, replies at hand, what was said
// in earlier contacts, read marks. Needs `sluice serve --desk`; without one the panel stays away.

import { byId, element } from "./view.js";

const READ_PAUSE_MS = 1_500;
const EARLIER_LINES = 60;

export class DeskPanel {
  constructor({ says, ask, act }) {
    Object.assign(this, { says, ask, act });
    this.isOn = false;
    this.row = null;
    this.read = new Map();
    this.timer = 0;
  }

  // Whether there is a desk at all.
  async open() {
    try {
      await this.ask({ type: "replies", limit: 1 });
      this.isOn = true;
    } catch {
      this.isOn = false;
    }
    if (this.row) await this.show(this.row);
  }

  async show(row) {
    this.row = row;
    byId("assist").hidden = !this.isOn || !row;
    if (!this.isOn || !row) return;
    const { contact, customer } = row;
    const found = await Promise.allSettled([
      this.ask({ type: "customer", customer }),
      this.ask({ type: "conversation.story", contact, limit: EARLIER_LINES }),
      this.ask({ type: "replies", shop: row.shop }),
    ]);
    if (this.row?.contact !== contact) return;
    const [known, story, replies] = found.map((each) => each.value ?? null);
    const half = this.halfWritten(contact);
    byId("assist").replaceChildren(
      ...[this.customer(known), this.tags(story), this.notes(story), this.replies(replies), this.earlier(story)].filter(Boolean),
    );
    half();
  }

  // What is being written here outlives what comes meanwhile, and so does the place of the cursor.
  halfWritten(contact) {
    const boxes = this.shown === contact ? [...byId("assist").querySelectorAll("input")] : [];
    const kept = boxes.map((box) => [box.name, box.value, box === document.activeElement]);
    this.shown = contact;
    return () => {
      for (const [name, value, focused] of kept) {
        const box = byId("assist").querySelector(`input[name="${name}"]`);
        box.value = value;
        if (focused) box.focus();
      }
    };
  }

  // After something was done at the desk, by whomever.
  refresh(contact) {
    if (this.row?.contact === contact) this.show(this.row);
  }

  // Seen up to here; a moment later, so that a quick look at many costs one record each.
  sawUpTo(row, seq) {
    if (!this.isOn || document.hidden || !seq || (this.read.get(row.contact) || 0) >= seq) return;
    this.read.set(row.contact, seq);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const { contact, customer } = row;
      this.act({ type: "contact.read", contact, customer, seq: this.read.get(contact) });
    }, READ_PAUSE_MS);
  }

  // --- pieces ---------------------------------------------------------------------------------------------------------

  section(key, ...children) {
    return element("section", {}, element("h3", {}, this.says(key)), ...children);
  }

  customer(known) {
    if (!known) return null;
    const facts = Object.entries(known.attributes || {}).map(([name, value]) => [name, String(value)]);
    if (known.tier) facts.unshift(["tier", known.tier]);
    if (known.tags?.length) facts.push(["tags", known.tags.join(", ")]);
    if (known.contacts) facts.push([this.says("desk.contacts"), String(known.contacts)]);
    const rows = facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, element("bdi", {}, value))]);
    return this.section("desk.customer", element("dl", {}, ...rows));
  }

  tags(story) {
    const { contact, customer } = this.row;
    const own = story?.tags?.find((each) => each.contact === contact)?.tags || [];
    const change = (what) => this.act({ type: "contact.tag", contact, customer, ...what });
    const chips = own.map((tag) =>
      element("button.chip.quiet", { type: "button", title: this.says("desk.untag"), click: () => change({ remove: [tag] }) }, tag, " ×"),
    );
    return this.section("desk.tags", element("div.chips", {}, ...chips), this.entry("tag", "desk.tag", (text) => change({ add: [text] })));
  }

  notes(story) {
    const { contact, customer } = this.row;
    const notes = (story?.lines || []).filter((line) => line.kind === "note" && line.contact === contact);
    const lines = notes.map((line) =>
      element("li", {}, element("small", {}, element("bdi", {}, line.who), " ", this.says.time(line.at)), element("p", { dir: "auto" }, line.erased ? this.says("erased") : line.text)),
    );
    const write = (text) => this.act({ type: "contact.note", contact, customer, text });
    return this.section("desk.notes", element("ul.notes", {}, ...lines), this.entry("note", "desk.note", write));
  }

  replies(replies) {
    const { contact, customer } = this.row;
    const use = async (shortcut) => {
      try {
        const { text } = await this.ask({ type: "reply", contact, customer, shortcut });
        byId("text").value = text;
        byId("text").focus();
      } catch (refused) {
        byId("text").value = "";
        this.refused(refused);
      }
    };
    const buttons = (replies?.replies || []).map(({ shortcut, title, text }) =>
      element("button.quiet.reply", { type: "button", title: text, click: () => use(shortcut) }, element("b", {}, shortcut), " ", title || text.slice(0, 40)),
    );
    const save = (line) => {
      const [shortcut, ...rest] = line.split(/\s+/);
      if (rest.length) this.act({ type: "reply.save", shortcut, text: rest.join(" ") });
    };
    return this.section("desk.replies", element("div.replies", {}, ...buttons), this.entry("reply", "desk.reply", save));
  }

  earlier(story) {
    const lines = (story?.lines || []).filter((line) => line.contact !== this.row.contact && line.kind === "message");
    if (!lines.length) return null;
    const rows = lines.map((line) => {
      const who = (line.ai ? this.says("ai") + " " : "") + (line.name || line.who || line.role);
      return element("li", {}, element("small", {}, element("bdi", {}, who)), element("p", { dir: "auto" }, line.erased ? this.says("erased") : line.text));
    });
    return element("details", {}, element("summary", {}, this.says("desk.earlier")), element("ul.notes", {}, ...rows));
  }

  entry(name, label, done) {
    const box = element("input", { name, "aria-label": this.says(label), placeholder: this.says(label), maxlength: 1000 });
    const submit = (event) => {
      event.preventDefault();
      if (box.value.trim()) done(box.value.trim());
      box.value = "";
    };
    return element("form.entry", { submit }, box);
  }

  refused(refused) {
    byId("assist").prepend(element("p.bad", { role: "alert" }, this.says("refusal", refused)));
  }
}
