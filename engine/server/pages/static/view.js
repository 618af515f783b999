// Elements, and a conversation as a list of lines. Other people's words become text nodes and nothing else.

// What could turn the writing around or move a cursor, as in the terminal (adapters/clients/terminal/texts.py).
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

export function clean(text) {
  return String(text).replace(CONTROLS, "\ufffd");
}

// element("p.note", { title: "…" }, "text", child, …): class names after dots; a function becomes a listener.
export function element(what, fields = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined).map(asNode));
  return made;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(clean(child));
}

export const byId = (id) => document.getElementById(id);

// A conversation's lines, each message once and in order. says(key, fields): the words; fill(after): asks for what is
// missing after that message; side: whose own messages stand on the right (customer, or an agent's id).
export class Timeline {
  constructor({ says, fill, isOwn, showsNames }) {
    Object.assign(this, { says, fill, isOwn, showsNames });
    this.lines = element("ol.lines", { role: "log", "aria-live": "polite", "aria-relevant": "additions" });
    this.unsent = element("ol.lines.unsent");
    this.root = element("div.timeline", { tabindex: "0" }, this.lines, this.unsent);
    this.seen = 0;
    this.early = new Map();
  }

  // Returns whether it is new. One that comes before those it follows waits for them.
  take(message) {
    if (message.seq <= this.seen || this.early.has(message.seq)) return false;
    this.early.set(message.seq, message);
    const before = this.seen;
    while (this.early.has(this.seen + 1)) {
      const next = this.early.get(this.seen + 1);
      this.early.delete(++this.seen);
      this.lines.append(this.bubble(next));
    }
    if (this.seen === before) this.fill(this.seen);
    this.toEnd();
    return true;
  }

  note(text, kind = "") {
    this.lines.append(element("li.note" + (kind && "." + kind), {}, element("bdi", {}, text)));
    this.toEnd();
  }

  // Those of one's own that are not answered yet.
  showUnsent(entries) {
    this.unsent.replaceChildren(
      ...entries.map(({ text }) =>
        element("li.message.own.pending", {}, element("p.text", { dir: "auto" }, text), element("small", {}, this.says("sending"))),
      ),
    );
    this.toEnd();
  }

  startAnew() {
    this.seen = 0;
    this.early.clear();
  }

  bubble(message) {
    const own = this.isOwn(message);
    const who = message.agent || this.says("who." + message.sender);
    const isBot = message.sender === "bot";
    const head = element("span.head", {}, isBot ? element("b.ai", { title: this.says("ai.title") }, this.says("ai")) : null);
    if (this.showsNames || !own) head.append(element("bdi.who", {}, who));
    if (message.automatic && !isBot) head.append(element("i.automatic", {}, this.says("automatic")));
    if (message.at) head.append(element("time", {}, this.says.time(message.at)));
    const text = message.erased
      ? element("p.text.erased", {}, this.says("erased"))
      : element("p.text", { dir: "auto" }, message.text);
    const line = element("li.message." + (own ? "own" : "other") + "." + clean(message.sender), { "data-seq": message.seq });
    line.append(head, text);
    return line;
  }

  toEnd() {
    this.root.scrollTop = this.root.scrollHeight;
  }
}

// Enter sends, Shift+Enter is a new line; nothing is sent while an input method composes.
export function composer(box, form, send) {
  const submit = () => {
    const text = box.value;
    if (text.trim() && send(text) !== false) box.value = "";
    grow();
    box.focus();
  };
  const grow = () => {
    box.style.height = "auto";
    box.style.height = Math.min(box.scrollHeight, 160) + "px";
  };
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) {
      event.preventDefault();
      submit();
    }
  });
  box.addEventListener("input", grow);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
}

export function bytesOf(text) {
  return new TextEncoder().encode(text).length;
}
