// The npm package ws, as a client of the demo and as a server:
//   echo URL                      everything an echo must return; prints "ok"
//   first URL ORIGIN COOKIE       prints the first message, the close code, or the refusal's status
//   say URL ORIGIN COOKIE TEXT    says TEXT in a room; prints the message that comes of it
//   serve                         an echo; prints its port, and ends with its input.
//                                 It closes with CODE for the text "close CODE", and with what comes

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import WebSocket, { WebSocketServer } from "ws";

const [command, url, origin, cookie, text] = process.argv.slice(2);
setTimeout(() => { console.error("timeout"); process.exit(1); }, 55_000).unref();

function dial() {
  const headers = cookie ? { Cookie: cookie } : {};
  return new WebSocket(url, { origin: origin || undefined, headers, maxPayload: 32 << 20 });
}

const words = (size) => "grüezi mitenand, 1234567 times; ".repeat(size / 32 + 1).slice(0, size);

// ask sends data and returns what comes back.
async function ask(socket, data, options = {}) {
  const answer = once(socket, "message");
  socket.send(data, options);
  const [bytes, isBinary] = await answer;
  return { bytes, isBinary };
}

async function echo() {
  const socket = dial();
  await once(socket, "open");
  assert.match(socket.extensions, /permessage-deflate/);
  for (const data of ["hello", "", "grüße 🌊", "x".repeat(125), "x".repeat(126), "x".repeat(65536), words(1 << 20)]) {
    for (const compress of [true, false]) {
      const { bytes, isBinary } = await ask(socket, data, { compress });
      assert.equal(isBinary, false);
      assert.ok(bytes.toString() === data, `text of ${data.length} characters came back as ${bytes.length} bytes`);
    }
  }
  for (const size of [0, 1, 125, 126, 65535, 65536, 16 << 20]) {
    for (const data of [Buffer.alloc(size, 7), randomBytes(size)]) {
      const { bytes, isBinary } = await ask(socket, data);
      assert.equal(isBinary, true);
      assert.ok(data.equals(bytes), `${size} bytes came back changed`);
    }
  }
  for (const part of ["one ", words(10_000)]) { // one message in three frames
    const whole = once(socket, "message");
    socket.send(part, { fin: false });
    socket.send(part, { fin: false });
    socket.send("three");
    assert.equal((await whole)[0].toString(), part + part + "three");
  }
  const pong = once(socket, "pong");
  socket.ping("are you there");
  assert.equal((await pong)[0].toString(), "are you there");
  socket.close(1000);
  await once(socket, "close");

  // What is sent with a close frame comes back.
  for (const [args, want] of [[[], 1005], [[1000], 1000], [[1001, "going"], 1001], [[1014], 1014], [[3000], 3000], [[4001, "enough"], 4001], [[4999, "x".repeat(123)], 4999]]) {
    const socket = dial();
    await once(socket, "open");
    const closed = once(socket, "close");
    socket.close(...args);
    assert.equal((await closed)[0], want);
  }
  // The server closes, and says why.
  const greedy = dial();
  await once(greedy, "open");
  const refused = once(greedy, "close");
  greedy.send(Buffer.alloc((16 << 20) + 1));
  assert.equal((await refused)[0], 1009);
  console.log("ok");
}

async function first() {
  const socket = dial();
  const report = await new Promise((resolve, reject) => {
    socket.on("unexpected-response", (_, response) => resolve({ status: response.statusCode }));
    socket.on("message", (data) => resolve({ message: data.toString() }));
    socket.on("close", (code) => resolve({ closed: code }));
    socket.on("error", reject);
  });
  console.log(JSON.stringify(report));
  socket.on("error", () => {});
  socket.terminate();
}

async function say() {
  const socket = dial();
  const said = new Promise((resolve) => {
    socket.on("message", (data) => {
      const message = JSON.parse(data);
      if (message.type === "message" && message.message === text) resolve(message);
    });
  });
  await once(socket, "open");
  socket.send(JSON.stringify({ message: text }));
  console.log(JSON.stringify(await said));
  socket.close(1000);
  await once(socket, "close");
}

async function serve() {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, maxPayload: 32 << 20, perMessageDeflate: { threshold: 0 } });
  server.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => {
      const order = !isBinary && data.length < 100 && data.toString().match(/^close (\d+)$/);
      if (order) socket.close(Number(order[1]), "as ordered");
      else socket.send(data, { binary: isBinary });
    });
    socket.on("error", () => {});
  });
  await once(server, "listening");
  console.log(server.address().port);
  process.stdin.resume();
  await once(process.stdin, "end");
  process.exit();
}

await { echo, first, say, serve }[command]();
