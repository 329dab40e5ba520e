// A browser as a client of the demo: whatever browser opens the page tries what the
// API of WebSocket lets it, and posts what was wrong, a list, to "report".

const failures = [];
const KiB = 1024, MiB = 1024 * KiB;
const patience = 30_000; // ms

function check(right, what) {
  if (!right) failures.push(what);
}

// soon gives up waiting for a promise that is not kept.
function soon(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} after ${patience} ms`)), patience);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// A Peer is a socket whose messages and end can be waited for.
class Peer {
  #messages = [];
  #waiting = null;

  constructor(path) {
    this.socket = new WebSocket(`ws://${location.host}${path}`);
    this.socket.binaryType = "arraybuffer";
    this.opened = new Promise((resolve, reject) => {
      this.socket.onopen = resolve;
      this.socket.onerror = () => reject(new Error(`${path}: no connection`));
    });
    this.opened.catch(() => {});
    this.closed = new Promise((resolve) => { this.socket.onclose = resolve; });
    this.socket.onmessage = ({ data }) => {
      this.#messages.push(data);
      this.#waiting?.();
    };
  }

  static async dial(path) {
    const peer = new Peer(path);
    await soon(peer.opened, `connection to ${path}`);
    return peer;
  }

  async next() {
    const ended = this.closed.then(({ code }) => { throw new Error(`closed with ${code} instead of a message`); });
    while (this.#messages.length === 0) {
      await soon(Promise.race([new Promise((resolve) => { this.#waiting = resolve; }), ended]), "message");
    }
    ended.catch(() => {});
    return this.#messages.shift();
  }

  end() { return soon(this.closed, "end of the connection"); }
}

function same(a, b) {
  if (a.byteLength !== b.byteLength) return false;
  const words = a.byteLength >> 3;
  const x = new BigUint64Array(a, 0, words), y = new BigUint64Array(b, 0, words);
  for (let i = 0; i < words; i++) if (x[i] !== y[i]) return false;
  const u = new Uint8Array(a), v = new Uint8Array(b);
  for (let i = words << 3; i < u.length; i++) if (u[i] !== v[i]) return false;
  return true;
}

// noise does not compress.
function noise(size) {
  const all = new Uint8Array(size);
  for (let i = 0; i < size; i += 64 * KiB) crypto.getRandomValues(all.subarray(i, Math.min(size, i + 64 * KiB)));
  return all.buffer;
}

const words = (size) => '{"text":"grüezi mitenand 🌊","number":1234567}, '.repeat(size / 40 + 1).slice(0, size);

async function echoes() {
  const peer = await Peer.dial("/echo");
  check(/permessage-deflate/.test(peer.socket.extensions), `compression was not agreed on: "${peer.socket.extensions}"`);
  for (const text of ["hello", "", "grüße 🌊", "x".repeat(125), "x".repeat(126), words(65535), words(65536), words(MiB)]) {
    peer.socket.send(text);
    const answer = await peer.next();
    check(answer === text, `text of ${text.length} came back as ${answer.constructor.name} of ${answer.length ?? answer.byteLength}`);
  }
  for (const size of [0, 1, 125, 126, 65535, 65536, MiB, 16 * MiB]) {
    for (const data of [new Uint8Array(size).fill(7).buffer, noise(size)]) {
      peer.socket.send(data);
      const answer = await peer.next();
      check(answer instanceof ArrayBuffer && same(answer, data), `${size} bytes came back as ${answer.constructor.name} of ${answer.byteLength}`);
    }
  }
  peer.socket.send(new Blob(["of a ", "blob"]));
  check(new TextDecoder().decode(await peer.next()) === "of a blob", "a blob came back changed");
  for (let i = 0; i < 500; i++) peer.socket.send(`number ${i}`); // without waiting
  for (let i = 0; i < 500; i++) {
    const answer = await peer.next();
    check(answer === `number ${i}`, `in place of number ${i} came ${answer}`);
  }
  peer.socket.close(1000);
  await peer.end();
}

// What is sent with a close frame comes back.
async function closes() {
  for (const [args, code] of [[[], 1005], [[1000], 1000], [[1000, "genug für heute"], 1000], [[3000], 3000], [[4001, "enough"], 4001], [[4999, "x".repeat(123)], 4999]]) {
    const peer = await Peer.dial("/echo");
    peer.socket.send("before");
    check(await peer.next() === "before", `close ${args}: the message before it was lost`);
    peer.socket.close(...args);
    const event = await peer.end();
    check(event.code === code && event.wasClean, `close(${args}) ended with ${event.code}, clean: ${event.wasClean}`);
  }
}

// The server closes, and says why.
async function closed() {
  const big = await Peer.dial("/echo");
  big.socket.send(new ArrayBuffer(16 * MiB + 1));
  check((await big.end()).code === 1009, "a message over the limit was not refused with 1009");

  const nobody = await Peer.dial("/ws/chat/tea/");
  const event = await nobody.end();
  check(event.code === 3000 && event.wasClean, `the chat for nobody ended with ${event.code}, clean: ${event.wasClean}`);
}

const post = (path, fields) => fetch(path, { method: "POST", body: new URLSearchParams(fields) });

// A session, a room, and a logout that ends the socket.
async function chats() {
  const login = await post("/login", { username: "bob", password: "bob-demo" });
  check(login.ok, `the login ended with ${login.status}`);
  const peer = await Peer.dial("/ws/chat/tea/");
  const text = `hello from ${navigator.userAgent.match(/Firefox|Chrome/)}`;
  peer.socket.send(JSON.stringify({ message: text }));
  for (;;) {
    const { type, user, message } = JSON.parse(await peer.next());
    if (type === "message" && message === text) {
      check(user === "bob", `the room takes us for ${user}`);
      break;
    }
  }
  await post("/logout", {});
  check((await peer.end()).code === 3000, "the logout did not end the socket with 3000");
}

// refused: no page sees why a handshake was refused, but none is let in either.
async function refused() {
  for (const path of ["/ws/nothing/", "/whoami"]) {
    const { code } = await soon(new Peer(path).closed, "end");
    check(code === 1006, `${path}: ${code}`);
  }
}

const started = performance.now();
for (const part of [echoes, closes, closed, chats, refused]) {
  try {
    await part();
  } catch (err) {
    failures.push(`${part.name}: ${err.message}`);
  }
}
await fetch("report", { method: "POST", body: JSON.stringify({ agent: navigator.userAgent, took: performance.now() - started, failures }) });
