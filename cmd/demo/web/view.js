// What is on the screen. Whatever came from a person reaches the document as
// text (textContent), never as markup.

const $ = (id) => document.getElementById(id);

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const sameBreath = 5 * 60 * 1000; // ms between two messages that share a heading

let last = null; // the message shown last: {user, at}
let unread = 0;
let pinned = true; // the newest message is in view, and is to stay there

// show makes one of the two faces of the page visible: "gate" or "chat".
export function show(face) {
  $("gate").hidden = face !== "gate";
  $("chat").hidden = face !== "chat";
  title();
}

// notice says something above the login form: a refusal, or, calmly, news.
export function notice(text, { calm = false } = {}) {
  setText("notice", text);
  $("notice").classList.toggle("calm", calm);
}

export function trouble(text) {
  setText("trouble", text);
}

// ticket shows a ticket for a terminal, or none.
export function ticket(text) {
  if (!$("ticket")) return;
  $("ticket-text").textContent = text;
  $("ticket").hidden = !text;
}

export function me(name) {
  $("me-name").textContent = name;
  $("me-avatar").replaceWith(avatar(name, "me-avatar"));
}

// status shows the state of the connection; the composer follows it.
export function status(state) {
  const box = $("status");
  box.dataset.state = state.name;
  const text = statusText(state);
  if ($("status-text").textContent !== text) $("status-text").textContent = text;
  // A countdown that is read out every second is no help.
  box.setAttribute("aria-live", state.name === "waiting" ? "off" : "polite");
  const live = state.name === "live";
  $("chat").classList.toggle("stale", !live);
  $("send").disabled = !live;
  $("send").hidden = state.name === "waiting";
  $("retry").hidden = state.name !== "waiting";
}

function statusText(state) {
  switch (state.name) {
    case "connecting": return "Connecting…";
    case "live": return "Live";
    case "waiting": return `${state.restart ? "Server restarting, back" : "Reconnecting"} in ${state.seconds} s`;
    case "refused": return "Closed";
  }
}

// room clears the conversation for another room, or for the same one anew.
export function room(name) {
  last = null;
  pinned = true;
  $("room-title").textContent = name;
  $("messages").replaceChildren();
  $("empty").hidden = false;
  $("jump").hidden = true;
  markRoom(name);
  title();
}

export function rooms(list, current) {
  update($("rooms"), list, ({ name }) => name, ({ name }) => {
    const link = element("a", "room");
    link.href = `#${name}`;
    link.dataset.room = name;
    link.append(element("span", "name", name), element("span", "count"));
    const item = element("li");
    item.append(link);
    return item;
  });
  list.forEach(({ people }, i) => {
    const count = $("rooms").children[i].querySelector(".count");
    count.textContent = people;
    count.hidden = !people;
    count.setAttribute("aria-label", people === 1 ? "1 person" : `${people} people`);
  });
  markRoom(current);
}

function markRoom(name) {
  for (const link of document.querySelectorAll("a.room")) {
    if (link.dataset.room === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

export function people(names, self) {
  $("people-count").textContent = names.length;
  update($("people"), names, (name) => name, (name) => {
    const item = element("li", "person");
    item.append(avatar(name), element("span", "name", name));
    if (name === self) item.append(element("span", "you", "you"));
    return item;
  });
}

// update makes the items of a list those of values, which are in order, and leaves
// alone what is there already: whoever has the focus on it keeps it.
function update(list, values, keyOf, make) {
  const keys = values.map(keyOf);
  const old = new Map([...list.children].map((item) => [item.dataset.key, item]));
  for (const [key, item] of old) {
    if (!keys.includes(key)) item.remove();
  }
  values.forEach((value, i) => {
    if (list.children[i]?.dataset.key === keys[i]) return;
    const item = make(value);
    item.dataset.key = keys[i];
    list.insertBefore(item, list.children[i] ?? null);
  });
}

// message adds one message; a few in a row by one person share a heading.
export function message({ user, message: text, time }, self) {
  const at = new Date(time);
  const first = !last || last.user !== user || at - last.at > sameBreath;
  last = { user, at };

  const item = element("li", "message");
  item.classList.toggle("mine", user === self);
  item.classList.toggle("first", first);
  if (first) {
    const head = element("p", "by");
    const stamp = element("time", "", clock.format(at));
    stamp.dateTime = time;
    head.append(element("strong", "", user), " ", stamp);
    item.append(avatar(user), head);
  }
  item.append(element("p", "text", text));
  $("messages").append(item);
  $("empty").hidden = true;

  if (pinned || user === self) toBottom();
  else $("jump").hidden = false;
  if (document.hidden) {
    unread++;
    title();
  }
}

export function toBottom() {
  $("scroll").scrollTop = $("scroll").scrollHeight;
  pinned = true;
  $("jump").hidden = true;
}

function atBottom() {
  const box = $("scroll");
  return box.scrollHeight - box.scrollTop - box.clientHeight < 80; // px: about a message
}

// forget removes everything of the conversation: the next to sit here may be
// somebody else.
export function forget() {
  $("messages").replaceChildren();
  $("people").replaceChildren();
  $("rooms").replaceChildren();
  $("draft").value = "";
  $("login").reset();
  ticket("");
}

function title() {
  const where = $("chat").hidden ? "Sluice chat" : `${$("room-title").textContent} · Sluice`;
  document.title = unread ? `(${unread}) ${where}` : where;
}

function setText(id, text) {
  $(id).textContent = text;
  $(id).hidden = !text;
}

function element(tag, className = "", text = null) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  if (text !== null) e.textContent = text;
  return e;
}

// avatar is a coloured initial; the colour is always the same for a name.
function avatar(name, id = "") {
  const e = element("span", "avatar", name.slice(0, 1).toUpperCase());
  e.setAttribute("aria-hidden", "true");
  e.id = id;
  let hue = 7;
  for (const c of name) hue = (hue * 31 + c.codePointAt(0)) % 360;
  e.style.setProperty("--hue", hue);
  return e;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unread = 0;
  title();
});
$("scroll").addEventListener("scroll", () => {
  pinned = atBottom();
  if (pinned) $("jump").hidden = true;
}, { passive: true });

// The window changes, or a keyboard opens on the screen.
new ResizeObserver(() => pinned && toBottom()).observe($("scroll"));
