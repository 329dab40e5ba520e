// The page's life: who is logged in, which room is open, what is typed.

import { Connection, unauthorized } from "/connection.js";
import * as view from "/view.js";

const $ = (id) => document.getElementById(id);

let user = null;       // the name of who is logged in
let connection = null; // to the room that is open
let caughtUp = 0;      // messages up to this number came with the welcome
let newest = 0;        // the message shown last
let sent = [];         // what was said and has not come back yet

// --- the room

function roomName() {
  const name = location.hash.slice(1);
  return /^[\w-]{1,32}$/.test(name) ? name : "lobby";
}

function openRoom() {
  connection?.close();
  sent = [];
  const room = roomName();
  const url = new URL(`/ws/chat/${room}/`, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  view.room(room);
  view.show("chat");
  connection = new Connection(url, { onState, onMessage });
  $("draft").focus();
}

function onState(state) {
  if (state.name === "refused") {
    leave(state.code === unauthorized ? whyOut(state.reason) : state.reason || "You may not enter this room.");
    return;
  }
  view.status(state);
}

// whyOut says why the server closed the connection with 3000.
function whyOut(reason) {
  switch (reason) {
    case "logged out": return "You were logged out in another tab, so this one closed as well.";
    case "expired": return "Your login has expired.";
    default: return "You were logged out.";
  }
}

function onMessage(m) {
  switch (m.type) {
    case "welcome": // also after a reconnect: it has what was said meanwhile
      view.room(m.room);
      m.messages.forEach((said) => {
        view.message(said, user);
        if (said.id > newest) cameBack(said);
      });
      newest = caughtUp = m.messages.at(-1)?.id ?? 0;
      view.toBottom();
      giveBack();
      break;
    case "message":
      if (m.id <= caughtUp) break;
      view.message(m, user);
      newest = Math.max(newest, m.id);
      cameBack(m);
      break;
    case "presence":
      view.people(m.people, user);
      view.rooms(m.rooms, roomName());
      break;
    case "error":
      view.trouble(m.message);
      break;
  }
}

// cameBack notes that something the user said has arrived.
function cameBack(said) {
  const i = said.user === user ? sent.indexOf(said.message) : -1;
  if (i >= 0) sent.splice(i, 1);
}

// giveBack returns to the draft what was said while the connection broke, and lost.
function giveBack() {
  if (!sent.length) return;
  $("draft").value = [...sent, $("draft").value.trim()].filter(Boolean).join("\n");
  sent = [];
  view.trouble("The connection broke before this had arrived. Send it again?");
}

// leave shows the gate again, and why.
function leave(why, how) {
  connection?.close();
  connection = null;
  user = null;
  view.forget();
  view.notice(why, how);
  view.show("gate");
  $("username").focus();
}

async function enter() {
  const response = await fetch("/whoami", { headers: { Accept: "application/json" } });
  user = (await response.json()).user;
  if (user) {
    view.notice("");
    view.me(user);
    openRoom();
  } else {
    view.show("gate");
    $("username").focus();
  }
}

// --- the forms: each posts what it would post without a script

// post returns the text of the answer, and why it was refused if it was.
async function post(form) {
  try {
    const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const text = (await response.text()).trim();
    return { text, refusal: response.ok ? "" : text || "The server refused." };
  } catch {
    return { text: "", refusal: "The server cannot be reached." };
  }
}

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("submit").disabled = true;
  const { refusal } = await post(event.target);
  $("submit").disabled = false;
  view.notice(refusal);
  $("password").value = "";
  if (refusal) $("password").focus();
  else await enter();
});

$("logout").addEventListener("submit", async (event) => {
  event.preventDefault();
  connection?.close();
  const { refusal } = await post(event.target);
  if (refusal) {
    openRoom();
    view.trouble(refusal);
  } else {
    leave("You have logged out.", { calm: true });
  }
});

// A ticket lets a terminal in; it is not there when the server has no line chat.
$("ticket-form")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { text, refusal } = await post(event.target);
  view.trouble(refusal);
  if (refusal) return;
  view.ticket(text);
  setTimeout(() => view.ticket(""), 30_000); // by then it is worth nothing
});

// One form, two purposes: logging in and signing up.
function offer(signup) {
  $("login").action = signup ? "/signup" : "/login";
  $("gate-title").textContent = signup ? "Create an account" : "Welcome back";
  $("gate-lead").textContent = signup ? "A name and a password are enough." : "Log in to open the rooms.";
  $("submit").textContent = signup ? "Sign up" : "Log in";
  $("switch-text").textContent = signup ? "Have an account?" : "New here?";
  $("switch").textContent = signup ? "Log in" : "Create an account";
  $("password").autocomplete = signup ? "new-password" : "current-password";
  view.notice("");
}

$("switch").addEventListener("click", () => {
  offer(!$("login").action.endsWith("/signup"));
  $("username").focus();
});

for (const chip of document.querySelectorAll(".ready .chip")) {
  chip.addEventListener("click", () => {
    offer(false);
    $("username").value = chip.dataset.name;
    $("password").value = chip.dataset.password;
    $("login").requestSubmit();
  });
}

$("open-room").addEventListener("submit", (event) => {
  event.preventDefault();
  location.hash = $("room-name").value;
  event.target.reset();
});

$("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("draft").value.trim();
  if (text && connection?.send({ message: text })) {
    sent.push(text);
    $("draft").value = "";
    view.trouble("");
  }
});

$("draft").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("composer").requestSubmit();
  }
});

$("retry").addEventListener("click", () => connection?.retryNow());
$("jump").addEventListener("click", view.toBottom);
addEventListener("hashchange", () => user && openRoom());

enter().catch(() => {
  view.notice("The server cannot be reached.");
  view.show("gate");
});
