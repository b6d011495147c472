// Brings the page to life: the client, the list of channels, and the two references.

import { Connection } from "./connection.js";
import { element, MessageLog } from "./message-log.js";
import { showEndpoints, showMessages } from "./reference.js";
import { snippets } from "./snippets.js";

const find = (id) => document.getElementById(id);
/** How often the documents are looked at again: routes may change while the page is open. */
const LOOK_AGAIN = 5_000;

const log = new MessageLog({
  list: find("log"), count: find("count"), rate: find("rate"), filter: find("filter"), pause: find("pause"),
  clear: find("clear"), paused: find("paused"),
});

// MARK: The connection

/** The WebSocket beside this page, also behind a proxy that adds a path. */
function address(path) {
  const url = new URL(path, document.baseURI);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = url.search = "";
  return url.href;
}

let url = address("ws");
let connection = makeConnection();

function makeConnection() {
  find("url").textContent = url;
  return new Connection(url, { state: showState, message: (item) => log.add(item), channels: showSubscriptions });
}

function showState(state, words, detail = "", mood = "bad") {
  find("status").dataset.state = state;
  find("status-text").textContent = words;
  const box = find("status-detail");
  box.textContent = detail;
  box.dataset.mood = mood;
  box.hidden = detail === "";
  const isWanted = state === "open" || state === "connecting" || state === "waiting";
  find("connect").textContent = state === "waiting" ? "Stop" : isWanted ? "Disconnect" : "Connect";
  find("connect").classList.toggle("primary", !isWanted);
  find("send").disabled = state !== "open";
  showHint();
}

/** What an empty list of messages waits for. */
function showHint() {
  const isWaiting = connection.isOpen && connection.channels.size > 0;
  find("empty-hint").textContent = find("filter").value ? `None of type ${find("filter").value} so far.`
    : isWaiting ? "Subscribed: messages appear here as they arrive." : "Connect and subscribe to a channel.";
}

find("filter").addEventListener("change", showHint);

find("connect").addEventListener("click", () => {
  if (connection.isActive) connection.disconnect();
  else connection.connect();
});

// MARK: Channels

function showSubscriptions() {
  const chips = [...connection.channels].map(([channel, isConfirmed]) => {
    const chip = document.createElement("li");
    if (!isConfirmed) chip.dataset.waiting = "";
    const button = element("button", "", "×");
    button.type = "button";
    button.setAttribute("aria-label", `Unsubscribe from ${channel}`);
    button.addEventListener("click", () => connection.unsubscribe(channel));
    chip.append(element("span", "", channel), button);
    return chip;
  });
  find("subscriptions").replaceChildren(...chips);
  showHint();
  showSnippet();
}

find("subscribe-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const input = find("channel");
  if (templates.has(input.value)) {
    selectPlaceholder(input);
    input.setCustomValidity("This is a template, one channel per value: put a value in place of the braces.");
    input.reportValidity();
  } else {
    connection.subscribe(input.value);
  }
});

find("channel").addEventListener("input", (event) => event.target.setCustomValidity(""));

/** Names that stand for many channels, of which none is called so. */
const templates = new Set();

/** What has to be filled in is selected, to be typed over. */
function selectPlaceholder(input) {
  const start = input.value.indexOf("{");
  input.focus();
  if (start >= 0) input.setSelectionRange(start, input.value.indexOf("}", start) + 1);
}

find("unsubscribe").addEventListener("click", () => {
  const channel = find("channel").value;
  if (channel) connection.unsubscribe(channel);
});

function showChannels({ channels }) {
  templates.clear();
  for (const { name, template } of channels) if (template) templates.add(name);
  find("channel-names").replaceChildren(...channels.map(({ name, description = "", template }) => {
    const option = document.createElement("option");
    option.value = name;
    option.label = template ? `template ${description}` : description;
    return option;
  }));
  find("channels").replaceChildren(...channels.map(channelItem));
  find("channel-count").textContent = channels.length > 1 ? `(${channels.length})` : "";
  showMore();
  const input = find("channel");
  if (input.value === "" && document.activeElement !== input) input.value = channels.find(({ template }) => !template)?.name ?? "";
}

function channelItem({ name, description, template, types }) {
  const button = element("button", "", "");
  button.type = "button";
  button.dataset.channel = name;
  button.append(element("span", "name", name));
  if (template) button.append(element("span", "tag", "template"));
  const about = [description, template && "One channel per value: fill in the braces.", types.join(", ")];
  button.append(element("span", "about", about.filter(Boolean).join(" · ")));
  button.addEventListener("click", () => {
    const input = find("channel");
    input.value = name;
    input.setCustomValidity("");
    if (template) selectPlaceholder(input);
    else input.focus();
  });
  const item = document.createElement("li");
  item.append(button);
  return item;
}

/** Says how many channels are below the edge of the list: a list that ends at a row's edge looks complete. */
function showMore() {
  const list = find("channels");
  const edge = list.getBoundingClientRect().bottom;
  const below = [...list.children].filter((item) => item.getBoundingClientRect().bottom > edge + 4).length;
  find("channels-more").textContent = below === 1 ? "1 more channel ↓" : `${below} more channels ↓`;
  find("channels-more").hidden = below === 0;
  list.toggleAttribute("data-more", below > 0);
  list.toggleAttribute("data-scrolled", list.scrollTop > 4);
}

find("channels").addEventListener("scroll", showMore, { passive: true });
new ResizeObserver(showMore).observe(find("channels"));
find("channels-more").addEventListener("click", () => {
  const list = find("channels");
  list.scrollBy({ top: list.clientHeight * 0.8 });
});

// MARK: Raw text

find("raw-form").addEventListener("submit", (event) => {
  event.preventDefault();
  connection.send(find("raw").value);
});

find("raw").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) find("raw-form").requestSubmit(find("send"));
});

function tryOut(text) {
  find("raw").value = text;
  find("client").scrollIntoView();
  find("raw").focus();
}

// MARK: Code

let language = "javascript";

function showSnippet() {
  find("snippet").textContent = snippets[language](url, [...connection.channels.keys()]);
  find("copied").textContent = "";
}

const languages = document.querySelectorAll("button[data-language]");
for (const button of languages) {
  button.addEventListener("click", () => {
    language = button.dataset.language;
    for (const other of languages) other.setAttribute("aria-pressed", String(other === button));
    showSnippet();
  });
}

find("copy-code").addEventListener("click", async () => {
  const code = find("snippet");
  try {
    await navigator.clipboard.writeText(code.textContent);
    find("copied").textContent = "Copied.";
  } catch {
    // There is no clipboard on pages without TLS, localhost excepted.
    getSelection().selectAllChildren(code);
    find("copied").textContent = "Selected: copy it with your keyboard.";
  }
});

// MARK: Documents

const seen = new Map();

/** Hands a document on when it is not the one that was seen last. */
async function look(path, show) {
  try {
    const answer = await fetch(path, { cache: "no-cache" });
    if (!answer.ok) return;
    const text = await answer.text();
    if (seen.get(path) === text) return;
    seen.set(path, text);
    show(JSON.parse(text));
  } catch {
    // The server is away; what was shown stays, and the connection's state says it.
  }
}

function lookAtAll() {
  return Promise.all([
    look("channels", showChannels),
    look("asyncapi.json", (asyncAPI) => {
      const { address: path, "x-close-codes": codes } = asyncAPI.channels.ws;
      connection.learn(codes);
      find("title").textContent = asyncAPI.info.title.replace(/ WebSocket$/, "");
      if (!connection.isActive && address(path.replace(/^\//, "")) !== url) {
        url = address(path.replace(/^\//, ""));
        connection = makeConnection();
        connection.learn(codes);
        showSnippet();
      }
      showMessages(asyncAPI, {
        requests: find("requests"), answers: find("answers"), closeCodes: find("close-codes"),
        errorCodes: find("error-codes"), tryOut,
      });
    }),
    look("openapi.json", (openAPI) => {
      find("swagger-missing").hidden = showEndpoints(openAPI, find("swagger-ui"));
    }),
  ]);
}

showSnippet();
await lookAtAll();
setInterval(() => { if (!document.hidden) lookAtAll(); }, LOOK_AGAIN);
document.addEventListener("visibilitychange", () => { if (!document.hidden) lookAtAll(); });
