// The session as programs: complete, to be pasted and run. They come back after a restart, as every client should.

/** JSON's strings are JavaScript's and Python's too. */
const quoted = (text) => JSON.stringify(text);
const list = (channels, quote) => `[${channels.map(quote).join(", ")}]`;

/** Swift writes \u{1f} where JSON writes \u001f, and knows neither \b nor \f. */
const swiftQuoted = (text) =>
  JSON.stringify(text).replace(/\\(?:u([0-9a-f]{4})|([bf])|.)/g, (escape, code, letter) =>
    code ? `\\u{${code}}` : letter ? `\\u{${letter === "b" ? "8" : "c"}}` : escape);

/** With a name that operators see when the client is slow. */
const named = (url) => `${url}${url.includes("?") ? "&" : "?"}client=my-program`;

export const snippets = {
  javascript: (url, channels) => `\
// A browser, or Node.js 22 and newer.
const channels = ${list(channels, quoted)};
let failures = 0;

function connect() {
  const socket = new WebSocket(${quoted(named(url))});
  let wait = null;
  socket.onopen = () => {
    failures = 0;
    for (const channel of channels) socket.send(JSON.stringify({ type: "subscribe", channel }));
  };
  socket.onmessage = (event) => {
    const { type, channel, data, timestamp } = JSON.parse(event.data);
    switch (type) {
      case "server_shutdown": wait = data.reconnect_after_ms; break;
      // Messages of this channel are missing: load its state again if you keep one.
      case "gap": console.warn(channel, "missed", data.dropped, "messages:", data.reason); break;
      case "error": console.error(data.code, data.error); break;
      default: console.log(timestamp, channel, type, data);
    }
  };
  socket.onclose = ({ code, reason }) => {
    if (code >= 4500) return console.error("closed for good", code, reason);
    // After the time that the server gave, or else after a growing delay.
    setTimeout(connect, wait ?? Math.min(30_000, 1_000 * 2 ** failures++) * (0.5 + Math.random() / 2));
  };
}

connect();
`,
  python: (url, channels) => `\
# pip install websockets
import asyncio, json, random, websockets

channels = ${list(channels, quoted)}

async def main():
    failures = 0
    while True:
        wait = socket = None
        try:
            async with websockets.connect(${quoted(named(url))}) as socket:
                failures = 0
                for channel in channels:
                    await socket.send(json.dumps({"type": "subscribe", "channel": channel}))
                async for text in socket:
                    message = json.loads(text)
                    data = message["data"]
                    if message["type"] == "server_shutdown":
                        wait = data["reconnect_after_ms"] / 1000
                    elif message["type"] == "gap":  # load the channel's state again if you keep one
                        print(message["channel"], "missed", data["dropped"], "messages:", data["reason"])
                    elif message["type"] == "error":
                        print(data["code"], data["error"])
                    else:
                        print(message["timestamp"], message["channel"], message["type"], data)
        except (OSError, asyncio.TimeoutError, websockets.WebSocketException) as error:
            print("disconnected:", error)
        if socket and (socket.close_code or 0) >= 4500:
            break
        # After the time that the server gave, or else after a growing delay.
        await asyncio.sleep(min(30, 2 ** failures) * random.uniform(0.5, 1) if wait is None else wait)
        failures += 1

asyncio.run(main())
`,
  swift: (url, channels) => `\
// swift client.swift; on Linux, Foundation needs a libcurl with WebSockets (8.11 and newer have them).
import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

let channels: [String] = ${list(channels, swiftQuoted)}
var failures = 0
while true {
    var wait: Double?
    let socket = URLSession.shared.webSocketTask(with: URL(string: ${swiftQuoted(named(url))})!)
    socket.resume()
    do {
        for channel in channels {
            let request = try JSONEncoder().encode(["type": "subscribe", "channel": channel])
            try await socket.send(.string(String(decoding: request, as: UTF8.self)))
        }
        while case .string(let text) = try await socket.receive() {
            failures = 0
            let message = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
            let data = message["data"] as? [String: Any] ?? [:]
            switch message["type"] as? String {
            case "server_shutdown": wait = (data["reconnect_after_ms"] as? Double).map { $0 / 1000 }
            case "gap": print("missed \\(data["dropped"] ?? 0) messages of \\(message["channel"] ?? "")")
            default: print(text)
            }
        }
    } catch { print("disconnected: \\(error)") }
    if socket.closeCode.rawValue >= 4500 { break }
    // After the time that the server gave, or else after a growing delay.
    try await Task.sleep(for: .seconds(wait ?? min(30, pow(2, Double(failures))) * .random(in: 0.5...1)))
    failures += 1
}
`,
};
