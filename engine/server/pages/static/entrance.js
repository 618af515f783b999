// What both pages begin with: the configuration, the words, who is there, and a session.

import { Memory, Session } from "./client.js";
import { chosenLanguage, dress, languageSwitch, makeSays } from "./texts.js";
import { byId, element } from "./view.js";

export async function enter() {
  const config = await (await fetch("/pages/config.json")).json();
  const says = makeSays(chosenLanguage());
  dress(says);
  byId("bar").append(languageSwitch(says));
  if (config.dev) byId("bar").prepend(element("span.dev", {}, says("dev")));
  if (!config.ws) showStatus(says, "no_ws");
  return { config, says };
}

export function showStatus(says, state, detail) {
  const line = byId("status");
  const why = detail?.message ? `${detail.message}${detail.wanted ? ` – ${detail.wanted}` : ""}` : "";
  line.dataset.state = state;
  line.textContent = says("state." + state, { why });
}

// One session; the handlers are the page's. A token stands in the hello frame and nowhere else.
export function openSession({ config, says, hello, hear }) {
  const memory = new Memory(sessionStorage, `sluice/${hello.role}/${hello.subject || ""}/`);
  const session = new Session({
    url: config.ws,
    protocol: config.protocol,
    hello,
    memory,
    hear: {
      waiting() {},
      gone() {},
      ...hear,
      state(name, detail) {
        showStatus(says, name, detail);
        showWayBack(says, name, session);
        hear.state?.(name, detail);
      },
    },
  });
  says.session = session;
  return session;
}

function showWayBack(says, state, session) {
  byId("way_back").replaceChildren();
  if (state !== "fenced") return;
  const back = element("button", { type: "button", click: () => session.hear.again() }, says("here"));
  byId("way_back").append(back);
}
