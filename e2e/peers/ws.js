// The npm package ws as a client of the demo:
//   echo URL                      everything an echo must return; prints "ok"
//   first URL ORIGIN COOKIE       prints the first message, the close code, or the refusal's status
//   say URL ORIGIN COOKIE TEXT    says TEXT in a room; prints the message that comes of it

import assert from "node:assert/strict";
import { once } from "node:events";
import WebSocket from "ws";

const [command, url, origin, cookie, text] = process.argv.slice(2);
setTimeout(() => { console.error("timeout"); process.exit(1); }, 50_000).unref();

function dial() {
  const headers = cookie ? { Cookie: cookie } : {};
  return new WebSocket(url, { origin: origin || undefined, headers, maxPayload: 32 << 20 });
}

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
  for (const data of ["hello", "", "grüße 🌊", "x".repeat(125), "x".repeat(126), "x".repeat(65536), "x".repeat(1 << 20)]) {
    const { bytes, isBinary } = await ask(socket, data);
    assert.equal(isBinary, false);
    assert.ok(bytes.toString() === data, `text of ${data.length} characters came back as ${bytes.length} bytes`);
  }
  for (const size of [0, 1, 65535, 16 << 20]) {
    const data = Buffer.alloc(size, 7);
    const { bytes, isBinary } = await ask(socket, data);
    assert.equal(isBinary, true);
    assert.ok(data.equals(bytes), `${size} bytes came back changed`);
  }
  const whole = once(socket, "message"); // one message in three frames
  socket.send("one ", { fin: false });
  socket.send("two ", { fin: false });
  socket.send("three");
  assert.equal((await whole)[0].toString(), "one two three");

  const pong = once(socket, "pong");
  socket.ping("are you there");
  assert.equal((await pong)[0].toString(), "are you there");

  const closed = once(socket, "close");
  socket.close(4001, "enough");
  const [code] = await closed;
  assert.equal(code, 4001);
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

await { echo, first, say }[command]();
