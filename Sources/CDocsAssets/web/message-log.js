// The list of messages. Whatever comes, it draws a few times per second at most and keeps a bounded number of rows.

/** Rows on the page. */
const MAXIMUM_ROWS = 500;
/** Messages held, so that a filter still finds what came between others. */
const MAXIMUM_HELD = 4000;
/** Milliseconds between two draws, so that most of the time is left for the person: nobody reads faster. */
const DRAW_INTERVAL = 100;
/** Characters of a message shown in its row, and when it is opened. */
const PREVIEW = 240;
/** A string with its colon if it is a name, or a comma; and what is no fun to read in full: addresses, hashes, keys. */
const PARTS = /"((?:[^"\\]|\\.)*)"(\s*:\s*)?|,\s*/g;
const IDENTIFIER = /^[\w+=.-]{28,}$/;
const SHOWN = 200_000;

const CONTROL_HUES = {
  error: "bad", gap: "warn", channel_closed: "warn", server_shutdown: "warn", pong: "quiet", subscription_confirmed: "quiet",
};
/** Colours in docs.css for the types that routes send. */
const HUES = 6;
/** Bits of the hash that are left out; chosen so that the types of the shipped routes differ. */
const SHIFT = 12;

/** The colour of a type: made of its name, so that it is the same in every list and on every visit. */
export function hueOf(type) {
  if (Object.hasOwn(CONTROL_HUES, type)) return CONTROL_HUES[type];
  let hash = 0x811c9dc5;
  for (const character of type) hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193);
  return String((hash >>> SHIFT) % HUES);
}

export class MessageLog {
  #elements;
  #held = [];
  #waiting = [];
  #isScheduled = false;
  #isPaused = false;
  #cameWhilePaused = 0;
  #received = 0;
  #filter = "";
  #types = new Set();
  #atLastTick = 0;
  #drawnAt = 0;

  /** elements: { list, count, rate, filter, pause, clear, paused } */
  constructor(elements) {
    this.#elements = elements;
    elements.filter.addEventListener("change", () => {
      this.#filter = elements.filter.value;
      this.#redraw();
    });
    elements.pause.addEventListener("click", () => this.#setPaused(!this.#isPaused));
    elements.clear.addEventListener("click", () => this.#clear());
    // One listener for all rows: what a row hides is written only when it is opened.
    elements.list.addEventListener("click", ({ target }) => toggle(target.closest("button")));
    setInterval(() => this.#tick(), 1000);
  }

  /** item: { sent, at, type, channel, text } */
  add(item) {
    if (!item.sent) this.#received += 1;
    this.#waiting.push(item);
    if (this.#isPaused && !item.sent) this.#cameWhilePaused += 1;
    // A page in the background draws nothing, for as long as it likes.
    if (this.#waiting.length > MAXIMUM_HELD * 2) this.#waiting.splice(0, this.#waiting.length - MAXIMUM_HELD);
    this.#schedule();
  }

  #schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const wait = this.#drawnAt + DRAW_INTERVAL - performance.now();
    setTimeout(() => requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#draw();
      this.#drawnAt = performance.now();
    }), Math.max(0, wait));
  }

  #draw() {
    this.#elements.count.value = this.#received.toLocaleString("en");
    if (this.#isPaused) {
      const count = this.#cameWhilePaused;
      this.#elements.paused.textContent = `Paused. ${count.toLocaleString("en")} came meanwhile.`;
      return;
    }
    const fresh = this.#waiting;
    this.#waiting = [];
    this.#held.push(...fresh);
    if (this.#held.length > MAXIMUM_HELD) this.#held.splice(0, this.#held.length - MAXIMUM_HELD);
    for (const { type } of fresh) this.#note(type);
    this.#prepend(fresh.filter((item) => this.#passes(item)).slice(-MAXIMUM_ROWS));
  }

  #redraw() {
    this.#elements.list.replaceChildren();
    this.#prepend(this.#held.filter((item) => this.#passes(item)).slice(-MAXIMUM_ROWS));
  }

  #passes(item) { return this.#filter === "" || item.type === this.#filter; }

  /** The newest first. */
  #prepend(items) {
    if (items.length === 0) return;
    const { list } = this.#elements;
    const rows = document.createDocumentFragment();
    for (const item of items.toReversed()) rows.append(row(item));
    list.prepend(rows);
    while (list.childElementCount > MAXIMUM_ROWS) list.lastElementChild.remove();
  }

  #note(type) {
    if (this.#types.has(type)) return;
    this.#types.add(type);
    const option = element("option", "", type);
    option.value = type;
    this.#elements.filter.append(option);
  }

  #setPaused(isPaused) {
    this.#isPaused = isPaused;
    this.#cameWhilePaused = 0;
    const { pause, paused } = this.#elements;
    pause.setAttribute("aria-pressed", String(isPaused));
    pause.textContent = isPaused ? "Resume" : "Pause";
    paused.hidden = !isPaused;
    paused.textContent = isPaused ? "Paused. 0 came meanwhile." : "";
    this.#schedule();
  }

  #clear() {
    this.#held = [];
    this.#waiting = [];
    this.#received = 0;
    this.#atLastTick = 0;
    this.#cameWhilePaused = 0;
    this.#elements.list.replaceChildren();
    this.#schedule();
  }

  #tick() {
    this.#elements.rate.value = (this.#received - this.#atLastTick).toLocaleString("en");
    this.#atLastTick = this.#received;
  }
}

/** As few elements as will do: there are hundreds, and they come and go. */
function row(item) {
  const { sent, at, type, channel, text } = item;
  const button = document.createElement("button");
  button.type = "button";
  button.item = item;
  button.setAttribute("aria-expanded", "false");
  const badge = element("span", "badge", sent ? `→ ${type}` : type);
  badge.dataset.hue = sent ? "quiet" : hueOf(type);
  button.append(element("time", "", clock(at)), badge, element("span", "where", channel), element("code", "what", preview(text, sent)));
  const line = document.createElement("li");
  line.append(button);
  return line;
}

/** Shows all of a row's message below it, or hides it again. */
function toggle(button) {
  if (!button?.item) return;
  const isOpen = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!isOpen));
  if (isOpen) return button.nextElementSibling.remove();
  const { text } = button.item;
  const pre = element("pre", "", text.length > SHOWN ? text.slice(0, SHOWN) + "…" : pretty(text));
  pre.tabIndex = 0;
  button.after(pre);
}

/** What is worth seeing of a message in one line: its data, written as browsers' tools show objects. */
function preview(text, sent) {
  if (sent) return text.slice(0, PREVIEW);
  const start = text.indexOf('"data":');
  const end = text.lastIndexOf(',"timestamp":');
  // Shortening the identifiers leaves room for more.
  const data = start >= 0 && end > start ? text.slice(start + 7, Math.min(end, start + 7 + PREVIEW * 2)) : text.slice(0, PREVIEW);
  return data.replace(PARTS, (part, string, colon) => {
    if (string === undefined) return ", ";
    if (colon) return `${/^\w+$/.test(string) ? string : `"${string}"`}: `;
    return IDENTIFIER.test(string) ? `"${string.slice(0, 6)}…${string.slice(-4)}"` : part;
  }).slice(0, PREVIEW);
}

/** With numbers as they were written: JSON.parse would round long ones. */
export function pretty(text) {
  let depth = 0;
  let result = "";
  let inString = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (inString) {
      result += character;
      if (character === "\\") result += text[++index] ?? "";
      else if (character === '"') inString = false;
    } else if (character === '"') {
      inString = true;
      result += character;
    } else if (character === "{" || character === "[") {
      const close = character === "{" ? "}" : "]";
      let next = index + 1;
      while (/\s/.test(text[next] ?? "")) next += 1;
      if (text[next] === close) {
        result += character + close;
        index = next;
      } else {
        depth += 1;
        result += character + "\n" + "  ".repeat(depth);
      }
    } else if (character === "}" || character === "]") {
      depth = Math.max(0, depth - 1);
      result += "\n" + "  ".repeat(depth) + character;
    } else if (character === ",") {
      result += ",\n" + "  ".repeat(depth);
    } else if (character === ":") {
      result += ": ";
    } else if (!/\s/.test(character)) {
      result += character;
    }
  }
  return result;
}

function clock(milliseconds) {
  const time = new Date(milliseconds);
  const two = (number) => String(number).padStart(2, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

export function element(name, className, text) {
  const result = document.createElement(name);
  if (className) result.className = className;
  result.textContent = text;
  return result;
}
