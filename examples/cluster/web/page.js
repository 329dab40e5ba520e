// The page keeps a socket open: when one is lost, another is opened a moment later, by
// whichever process the proxy sends it to. Messages have numbers: each is shown once, in
// their order, whichever way it came.

const $ = (id) => document.getElementById(id);
const unauthorized = 3000;

let socket = null;
let failures = 0; // in a row

function connect() {
  const url = new URL("/ws", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  socket = new WebSocket(url);
  socket.onmessage = ({ data }) => receive(JSON.parse(data));
  socket.onclose = ({ code, reason }) => {
    if (code === unauthorized) return show("login", reason === "logged out" ? "You were logged out." : "Not logged in");
    const wait = Math.min(10_000, 250 * 2 ** failures++) * (0.5 + Math.random() / 2);
    $("status").textContent = "Connection lost: back in a moment";
    setTimeout(connect, wait);
  };
}

function receive(m) {
  switch (m.type) {
    case "hello":
      failures = 0;
      $("me").textContent = m.user;
      $("node").textContent = m.node;
      show("chat", "Live");
      break;
    case "said":
      place(m);
      break;
    case "people":
      $("people").textContent = m.names.join(", ");
      break;
  }
}

function place({ id, user, text }) {
  if ($(`said-${id}`)) return;
  const item = document.createElement("li");
  item.id = `said-${id}`;
  item.value = id;
  item.textContent = `${user}: ${text}`; // text, never markup
  const later = [...$("said").children].find((other) => other.value > id);
  $("said").insertBefore(item, later ?? null);
  item.scrollIntoView({ block: "nearest" });
}

function show(part, status) {
  $("login").hidden = part !== "login";
  $("chat").hidden = part !== "chat";
  $("status").textContent = status;
}

$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!$("text").value || socket?.readyState !== WebSocket.OPEN) return;
  socket.send($("text").value);
  $("text").value = "";
});

connect();
