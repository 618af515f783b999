// One session with the engine over sluice.v1.json, kept alive over as many connections as it takes.
//
// What is done has an id of its own and is kept in sessionStorage until it is answered, so that a reload sends it again under
// the same id and nothing happens twice. Streams go on after the last offset seen; what lies behind a gap is dropped and
// comes again in its place. docs/protocol.md is the contract.

const FIRST_BACK_OFF_MS = 250;
const BACK_OFF_CAP_MS = 10_000;
const UNSETTLED_PAUSE_MS = 1_000;
const WATCH_MS = 5_000;
// The engine knows an id for 24 h; an hour is for clocks that differ.
const IDS_KNOWN_MS = 23 * 3_600_000;
const UNSETTLED = new Set(["going_away", "store_failed"]);
// An offset that no stream has: the answer is the state as it is.
export const SNAPSHOT = Number.MAX_SAFE_INTEGER;

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Refused extends Error {
  constructor(frame) {
    super(frame.message || frame.code);
    this.code = frame.code;
    this.what = frame.what || "";
    this.got = frame.got || "";
    this.wanted = frame.wanted || "";
  }
}

// A tab's memory that may be full or forbidden: then nothing outlives a reload, and everything else works.
export class Memory {
  constructor(store, prefix) {
    this.store = store;
    this.prefix = prefix;
  }

  get(name, otherwise = null) {
    try {
      const found = this.store.getItem(this.prefix + name);
      return found === null ? otherwise : JSON.parse(found);
    } catch {
      return otherwise;
    }
  }

  set(name, value) {
    try {
      if (value === null) this.store.removeItem(this.prefix + name);
      else this.store.setItem(this.prefix + name, JSON.stringify(value));
    } catch {
      // As said above.
    }
  }
}

// hello: role, subject, tenant, token. hear: state(name, detail), welcome(frame), push(frame), resync(frame),
// waiting(frame), settled(entry, result, refused), gone(stream, refused).
export class Session {
  constructor({ url, protocol, hello, memory, hear }) {
    Object.assign(this, { url, protocol, hello, memory, hear });
    this.streams = new Map();
    this.asked = new Map();
    this.outbox = memory.get("outbox", []);
    this.flying = "";
    this.welcome = null;
    this.socket = null;
    this.attempt = 0;
    this.holdMs = 0;
    this.stopped = false;
    this.timer = 0;
    this.heard = 0;
    this.pumpTimer = 0;
    this.watch = setInterval(() => this.checkAlive(), WATCH_MS);
    this.wake = () => this.connectNow();
    addEventListener("online", this.wake);
  }

  start() {
    this.forgetStale();
    this.connect();
  }

  // Ends it for good; the outbox stays for the next page.
  stop(polite = false) {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.pumpTimer);
    clearInterval(this.watch);
    removeEventListener("online", this.wake);
    if (this.socket) {
      if (polite) this.send({ op: "bye" });
      this.socket.close();
      this.drop();
    }
  }

  get isOnline() {
    return this.welcome !== null && this.socket !== null;
  }

  // Milliseconds of the engine's clock as real ones.
  realMs(ms) {
    return ms / (this.welcome?.clock_scale || 1);
  }

  // The instant now on the engine's clock.
  now() {
    return this.welcome ? this.welcome.now + (performance.now() - this.welcomedAt) * this.welcome.clock_scale : 0;
  }

  // --- what the page does ---------------------------------------------------------------------------------------------

  // Into the outbox, in order; hear.settled tells how it went. note: the page's own, kept with it.
  do(command, text = "", note = null) {
    const entry = { id: newId(), command, text, note, at: Date.now() };
    this.outbox.push(entry);
    this.save();
    this.pump();
    return entry;
  }

  // A question; asked again on the next connection while it is unanswered.
  ask(query) {
    return new Promise((resolve, reject) => {
      const frame = { op: "ask", id: newId(), query };
      this.asked.set(frame.id, { frame, resolve, reject });
      if (this.isOnline) this.send(frame);
    });
  }

  // Follow a stream from after this offset.
  follow(stream, offset) {
    this.streams.set(stream, { offset, gated: true });
    if (this.isOnline) this.resume(stream);
  }

  unfollow(stream) {
    this.streams.delete(stream);
  }

  // --- the connection -------------------------------------------------------------------------------------------------

  connectNow() {
    if (!this.stopped && !this.socket) {
      clearTimeout(this.timer);
      this.connect();
    }
  }

  connect() {
    this.hear.state("connecting");
    const socket = new WebSocket(this.url, [this.protocol]);
    this.socket = socket;
    this.heard = Date.now();
    this.holdMs = 0;
    socket.onopen = () => {
      this.send({ op: "hello", ...this.hello, session: this.memory.get("session", ""), client: "sluice-page" });
    };
    socket.onmessage = (message) => {
      this.heard = Date.now();
      if (this.socket === socket) this.take(JSON.parse(message.data));
    };
    socket.onclose = (closing) => {
      if (this.socket === socket) this.lost(closing.code);
    };
  }

  drop() {
    this.socket = null;
    this.welcome = null;
    this.flying = "";
    clearTimeout(this.pumpTimer);
    for (const stream of this.streams.values()) stream.gated = true;
  }

  lost(code) {
    this.drop();
    if (this.stopped) return;
    if (code === 4010) return this.end("fenced");
    if (code === 4003) return this.end("expired");
    if (code === 4001) return this.end("refused");
    const ceiling = Math.min(BACK_OFF_CAP_MS, FIRST_BACK_OFF_MS * 2 ** Math.min(this.attempt++, 16));
    const jitter = Math.random() * ceiling;
    const pause = this.holdMs ? this.holdMs + Math.min(jitter, this.holdMs / 4) : jitter;
    this.hear.state("offline", pause);
    this.timer = setTimeout(() => this.connect(), pause);
  }

  // Nothing that we could do by ourselves would help.
  end(state, detail) {
    this.stop();
    this.hear.state(state, detail || this.why);
  }

  checkAlive() {
    const patience = 2.5 * (this.welcome?.heartbeat_ms || 10_000);
    if (this.socket && Date.now() - this.heard > patience) {
      const socket = this.socket;
      this.lost(1006);
      socket.close();
    }
  }

  send(frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  resume(stream) {
    const id = "resume/" + stream;
    this.send({ op: "resume", id, streams: { [stream]: this.streams.get(stream).offset } });
  }

  // --- frames in ------------------------------------------------------------------------------------------------------

  take(frame) {
    switch (frame.op) {
      case "welcome": return this.onWelcome(frame);
      case "push": return this.onPush(frame);
      case "resync": return this.onResync(frame);
      case "ok": return this.onAnswer(frame, null);
      case "error": return this.onError(frame);
      case "waiting": return this.hear.waiting(frame);
      case "ping": return this.send({ op: "pong" });
      case "bye": return this.onBye(frame);
    }
  }

  onWelcome(frame) {
    this.welcome = frame;
    this.welcomedAt = performance.now();
    this.attempt = 0;
    this.memory.set("session", frame.session);
    this.disown(`${frame.tenant}/${frame.role}/${frame.subject}`);
    for (const stream of this.streams.keys()) this.resume(stream);
    this.hear.welcome(frame);
    for (const { frame: question } of this.asked.values()) this.send(question);
    this.hear.state("online");
    this.pump();
  }

  onPush(frame) {
    const stream = this.streams.get(frame.stream);
    if (!stream || stream.gated || frame.offset <= stream.offset) return;
    stream.offset = frame.offset;
    this.hear.push(frame);
  }

  onResync(frame) {
    const stream = this.streams.get(frame.stream);
    if (!stream) return;
    Object.assign(stream, { offset: frame.offset, gated: false });
    this.hear.resync(frame);
  }

  onAnswer(frame, refused) {
    if (frame.id.startsWith("resume/")) {
      const stream = this.streams.get(frame.id.slice(7));
      if (!stream) return;
      if (refused) {
        this.unfollow(frame.id.slice(7));
        this.hear.gone(frame.id.slice(7), refused);
      } else {
        stream.gated = false;
      }
      return;
    }
    const asked = this.asked.get(frame.id);
    if (asked) {
      this.asked.delete(frame.id);
      if (refused) asked.reject(refused);
      else asked.resolve(frame.result);
      return;
    }
    this.settle(frame.id, refused ? null : { ...frame.result, lsn: frame.lsn || 0 }, refused);
  }

  onError(frame) {
    const waitMs = frame.retry_after_ms ?? (UNSETTLED.has(frame.code) ? UNSETTLED_PAUSE_MS : null);
    if (!this.welcome || !frame.id) {
      this.why = new Refused(frame);
      this.holdMs = frame.retry_after_ms || 0;
      return;
    }
    if (waitMs === null) return this.onAnswer(frame, new Refused(frame));
    // Nothing was stored: the same once more, later.
    setTimeout(() => this.again(frame.id), waitMs + Math.random() * 100);
  }

  again(id) {
    if (!this.isOnline) return;
    if (id.startsWith("resume/") && this.streams.has(id.slice(7))) this.resume(id.slice(7));
    else if (this.asked.has(id)) this.send(this.asked.get(id).frame);
    else if (this.flying === id) {
      this.flying = "";
      this.pump();
    }
  }

  onBye(frame) {
    this.holdMs = frame.retry_after_ms || 0;
    if (frame.reason === "fenced" || frame.reason === "expired") this.end(frame.reason);
  }

  // --- the outbox: one at a time, so that what was written first is there first ------------------------------------------

  pump() {
    if (!this.isOnline || this.flying || !this.outbox.length) return;
    const { id, command, text } = this.outbox[0];
    this.flying = id;
    this.send(text ? { op: "do", id, command, text } : { op: "do", id, command });
  }

  settle(id, result, refused) {
    const index = this.outbox.findIndex((entry) => entry.id === id);
    if (this.flying === id) this.flying = "";
    if (index >= 0) {
      const [entry] = this.outbox.splice(index, 1);
      this.save();
      this.hear.settled(entry, result, refused);
    }
    this.pump();
  }

  // What somebody else wrote in this tab is not ours to send.
  disown(owner) {
    const former = this.memory.get("owner");
    if (former !== null && former !== owner) {
      this.outbox = [];
      this.save();
    }
    this.memory.set("owner", owner);
  }

  forgetStale() {
    const known = this.outbox.filter((entry) => Date.now() - entry.at < IDS_KNOWN_MS);
    if (known.length !== this.outbox.length) {
      this.outbox = known;
      this.save();
    }
  }

  save() {
    this.memory.set("outbox", this.outbox.length ? this.outbox : null);
  }
}
