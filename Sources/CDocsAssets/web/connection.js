// One WebSocket to this router, with the subscriptions it is meant to have.

/** What codes mean that no server sends: browsers make them up (RFC 6455, section 7.4.1). */
const BROWSER_CODES = {
  1005: "The connection was closed without a code.",
  1006: "The connection broke without a closing handshake.",
  1015: "The TLS handshake failed.",
};

export class Connection {
  #socket = null;
  #url;
  #listener;
  #meanings = new Map();
  #wasOpen = false;
  #reconnectAfter = null;
  /** Channels to be subscribed to, kept across connections: name → whether the server has confirmed it. */
  channels = new Map();

  /** listener: { state(name, words, mood), message(item), channels() } */
  constructor(url, listener) {
    this.#url = url;
    this.#listener = listener;
  }

  get isOpen() { return this.#socket?.readyState === WebSocket.OPEN; }
  get isActive() { return this.#socket !== null; }

  /** Takes the close codes of the AsyncAPI document. */
  learn(codes) { this.#meanings = new Map(codes.map(({ code, meaning }) => [code, meaning])); }

  connect() {
    if (this.#socket) return;
    this.#wasOpen = false;
    this.#reconnectAfter = null;
    this.#listener.state("connecting", "Connecting…");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => {
      this.#wasOpen = true;
      this.#listener.state("open", "Connected");
      for (const channel of this.channels.keys()) this.#request("subscribe", channel);
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
  }

  disconnect() { this.#socket?.close(1000, "goodbye"); }

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
      this.#listener.state("failed", "Not connected", "The server can't be reached, or it refused the handshake.");
      this.#explainRefusal();
      return;
    }
    if (code === 1000 || code === 1005) return this.#listener.state("closed", "Disconnected");
    const meaning = this.#meanings.get(code) ?? BROWSER_CODES[code] ?? "";
    const words = [meaning, reason && `The server says: ${reason}.`];
    if (this.#reconnectAfter !== null) words.push(`It asks to come back after ${(this.#reconnectAfter / 1000).toFixed(1)} s.`);
    this.#listener.state("failed", `Closed with ${code}`, plain(words.filter(Boolean).join(" ")));
  }

  /** Browsers don't tell why a handshake failed; the health report helps to guess. */
  async #explainRefusal() {
    const words = await fetch("health", { cache: "no-store" }).then((answer) => answer.json()).then(
      ({ clients, max_clients, reasons = [] }) =>
        clients >= max_clients
          ? `All ${max_clients} places for clients are taken. Try again later.`
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
