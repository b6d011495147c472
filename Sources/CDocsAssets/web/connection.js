// One WebSocket to this router, with the subscriptions it is meant to have.

/** What codes mean that no server sends: browsers make them up (RFC 6455, section 7.4.1). */
const BROWSER_CODES = {
  1005: "The connection was closed without a code.",
  1006: "The connection broke without a closing handshake.",
  1015: "The TLS handshake failed.",
};

/** Milliseconds before the first attempt to come back; doubled with each that fails, up to the longest. */
const FIRST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;

/** Whether coming back may help: not after a mistake of the client, nor after being sent away for good. */
const mayComeBack = (code) => code === 1001 || code === 1005 || code === 1006 || (code > 1009 && code < 4500 && code !== 4001);

export class Connection {
  #socket = null;
  #url;
  #listener;
  #meanings = new Map();
  #wasOpen = false;
  /** Whether the user wants a connection: from the first that worked until it is ended here. */
  #isWanted = false;
  #failures = 0;
  #reconnectAfter = null;
  #timer = null;
  /** Channels to be subscribed to, kept across connections: name → whether the server has confirmed it. */
  channels = new Map();

  /** listener: { state(name, words, mood), message(item), channels() } */
  constructor(url, listener) {
    this.#url = url;
    this.#listener = listener;
  }

  get isOpen() { return this.#socket?.readyState === WebSocket.OPEN; }
  /** Whether there is a connection, or one is being made or waited for. */
  get isActive() { return this.#socket !== null || this.#timer !== null; }

  /** Takes the close codes of the AsyncAPI document. */
  learn(codes) { this.#meanings = new Map(codes.map(({ code, meaning }) => [code, meaning])); }

  connect() {
    if (this.#socket) return;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#wasOpen = false;
    this.#reconnectAfter = null;
    this.#listener.state("connecting", this.#isWanted ? "Reconnecting…" : "Connecting…");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#wasOpen = this.#isWanted = true;
      this.#failures = 0;
      this.#listener.state("open", "Connected");
      for (const channel of this.channels.keys()) this.#request("subscribe", channel);
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
  }

  disconnect() {
    this.#isWanted = false;
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
      this.#listener.state("closed", "Disconnected");
    }
    this.#socket?.close(1000, "goodbye");
  }

  /** Sends text as it is. */
  send(text) {
    if (!this.isOpen) return;
    this.#socket.send(text);
    this.#listener.message({ sent: true, at: Date.now(), type: typeOf(text), channel: "", text });
  }

  subscribe(channel) {
    if (!this.channels.has(channel)) this.channels.set(channel, false);
    this.#listener.channels();
    if (this.isOpen) this.#request("subscribe", channel);
    else this.connect();
  }

  unsubscribe(channel) {
    this.channels.delete(channel);
    this.#listener.channels();
    if (this.isOpen) this.#request("unsubscribe", channel);
  }

  #request(type, channel) { this.send(JSON.stringify({ type, channel })); }

  #receive(text) {
    let message;
    try { message = JSON.parse(text); } catch { message = {}; }
    const { type = "?", channel = "", data } = message ?? {};
    switch (type) {
      case "subscription_confirmed":
        // What was asked for as raw text counts too.
        if (data?.status === "subscribed") this.channels.set(channel, true);
        else this.channels.delete(channel);
        this.#listener.channels();
        // What was wrong before is over.
        this.#listener.state("open", "Connected");
        break;
      case "channel_closed":
        this.channels.delete(channel);
        this.#listener.channels();
        this.#listener.state("open", "Connected", `Channel “${channel}” is closed: ${data?.reason ?? ""}`, "warn");
        break;
      case "error":
        if (this.channels.get(channel) === false) {
          this.channels.delete(channel);
          this.#listener.channels();
        }
        this.#listener.state("open", "Connected", `${data?.error ?? "The request was refused"} (${data?.code ?? "error"})`);
        break;
      case "server_shutdown":
        this.#reconnectAfter = data?.reconnect_after_ms ?? null;
        break;
    }
    this.#listener.message({ sent: false, at: Date.now(), type: String(type), channel: String(channel), text });
  }

  #closed(code, reason) {
    this.#socket = null;
    for (const channel of this.channels.keys()) this.channels.set(channel, false);
    this.#listener.channels();
    if (!this.#wasOpen) {
      if (this.#isWanted) return this.#comeBack("Not connected", "The server can't be reached, or it refuses the handshake.");
      this.#listener.state("failed", "Not connected", "The server can't be reached, or it refused the handshake.");
      this.#explainRefusal();
      return;
    }
    if (code === 1000 || (code === 1005 && !this.#isWanted)) {
      this.#isWanted = false;
      return this.#listener.state("closed", "Disconnected");
    }
    const meaning = this.#meanings.get(code) ?? BROWSER_CODES[code] ?? "";
    const words = plain([meaning, reason && `The server says: ${reason}.`].filter(Boolean).join(" "));
    if (this.#isWanted && mayComeBack(code)) return this.#comeBack(`Closed with ${code}`, words);
    this.#isWanted = false;
    this.#listener.state("failed", `Closed with ${code}`, words);
  }

  /** Connects again after the time that the server named, or else after a growing one, each a bit different. */
  #comeBack(words, detail) {
    const growing = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    const wait = this.#reconnectAfter ?? growing;
    this.#failures += 1;
    this.#timer = setTimeout(() => this.connect(), wait);
    this.#listener.state("waiting", words, `${detail} Reconnecting in ${(wait / 1000).toFixed(1)} s.`, "warn");
  }

  /** Browsers don't tell why a handshake failed; the health report helps to guess. */
  async #explainRefusal() {
    const words = await fetch("health", { cache: "no-store" }).then((answer) => answer.json()).then(
      ({ clients, max_clients, reasons = [] }) =>
        clients >= max_clients
          ? `All ${max_clients} client connections are in use. Try again later.`
          : "The server is there but refused the handshake: this page's origin may be missing in server.allowed_origins, "
            + `or there are too many connections from your address. ${reasons.join(" ")}`,
      () => "The server can't be reached. Is it still running?");
    if (!this.#socket) this.#listener.state("failed", "Not connected", words.trim());
  }
}

/** Markdown's backticks are of no use in plain text. */
export const plain = (text) => text.replaceAll("`", "");

function typeOf(text) {
  try { return String(JSON.parse(text)?.type ?? "text"); } catch { return "text"; }
}
