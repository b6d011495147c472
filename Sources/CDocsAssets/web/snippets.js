// The session as programs: complete, to be pasted and run.

/** JSON's strings are JavaScript's and Python's too. */
const quoted = (text) => JSON.stringify(text);
const list = (channels, quote) => `[${channels.map(quote).join(", ")}]`;

/** Swift writes \u{1f} where JSON writes \u001f, and knows neither \b nor \f. */
const swiftQuoted = (text) =>
  JSON.stringify(text).replace(/\\(?:u([0-9a-f]{4})|([bf])|.)/g, (escape, code, letter) =>
    code ? `\\u{${code}}` : letter ? `\\u{${letter === "b" ? "8" : "c"}}` : escape);

export const snippets = {
  javascript: (url, channels) => `\
// A browser, or Node.js 22 and newer.
const socket = new WebSocket(${quoted(url)});
socket.onopen = () => {
  for (const channel of ${list(channels, quoted)}) socket.send(JSON.stringify({ type: "subscribe", channel }));
};
socket.onmessage = (event) => {
  const { type, channel, data, timestamp } = JSON.parse(event.data);
  console.log(timestamp, channel, type, data);
};
socket.onclose = ({ code, reason }) => console.log("closed", code, reason);
`,
  python: (url, channels) => `\
# pip install websockets
import asyncio, json, websockets

async def main():
    async with websockets.connect(${quoted(url)}) as socket:
        for channel in ${list(channels, quoted)}:
            await socket.send(json.dumps({"type": "subscribe", "channel": channel}))
        async for text in socket:
            message = json.loads(text)
            print(message["timestamp"], message["channel"], message["type"], message["data"])

asyncio.run(main())
`,
  swift: (url, channels) => `\
// swift client.swift; on Linux, Foundation needs a libcurl with WebSockets (8.11 and newer have them).
import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

let channels: [String] = ${list(channels, swiftQuoted)}
let socket = URLSession.shared.webSocketTask(with: URL(string: ${swiftQuoted(url)})!)
socket.resume()
for channel in channels {
    let request = try JSONEncoder().encode(["type": "subscribe", "channel": channel])
    try await socket.send(.string(String(decoding: request, as: UTF8.self)))
}
while case .string(let text) = try await socket.receive() { print(text) }
`,
};
