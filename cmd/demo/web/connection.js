// A Connection keeps a WebSocket open: when it is lost it is opened again, after
// a wait that doubles from half a second to half a minute. The wait has a random
// part, so that all the pages of a server that went down do not come back to it
// at the same moment.

export const unauthorized = 3000;   // logged out, expired or revoked: opening it again is pointless
const forbidden = 3003;      // not for this user
const serviceRestart = 1012; // back in a moment, and everybody else with us

const firstWait = 500;       // ms
const longestWait = 30_000;
const steady = 5_000;        // a connection that lasted this long was a good one

export class Connection {
  #url;
  #onState;
  #onMessage;
  #socket = null;
  #openedAt = 0;
  #failures = 0;
  #countdown = 0;

  // onState is called with {name, …}: "connecting", "live", "waiting" {seconds,
  // restart}, "refused" {code, reason}; onMessage with each decoded message.
  constructor(url, { onState, onMessage }) {
    this.#url = url;
    this.#onState = onState;
    this.#onMessage = onMessage;
    this.#connect();
    addEventListener("online", this);
    document.addEventListener("visibilitychange", this);
  }

  // send returns whether the message could be handed to the socket.
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  retryNow() {
    if (this.#countdown) this.#connect();
  }

  close() {
    this.#settle();
    const socket = this.#socket;
    this.#socket = null; // its events are nobody's business any more
    socket?.close(1000);
  }

  // handleEvent: the network is back, or somebody looks at the page again.
  handleEvent() {
    if (navigator.onLine && document.visibilityState === "visible") this.retryNow();
  }

  #connect() {
    this.#stopCountdown();
    this.#openedAt = 0;
    this.#onState({ name: "connecting" });
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      this.#openedAt = Date.now();
      this.#onState({ name: "live" });
    };
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#onMessage(JSON.parse(data));
    };
    socket.onclose = ({ code, reason }) => {
      if (socket === this.#socket) this.#closed(code, reason);
    };
  }

  #closed(code, reason) {
    if (code === unauthorized || code === forbidden) {
      this.#settle();
      this.#onState({ name: "refused", code, reason });
      return;
    }
    const wasSteady = this.#openedAt && Date.now() - this.#openedAt >= steady;
    if (wasSteady) this.#failures = 0;
    this.#wait(waitFor(code, this.#failures++), code === serviceRestart);
  }

  #wait(ms, restart) {
    const until = Date.now() + ms;
    const tick = () => {
      const left = until - Date.now();
      if (left <= 0) this.#connect();
      else this.#onState({ name: "waiting", seconds: Math.ceil(left / 1000), restart });
    };
    this.#countdown = setInterval(tick, 250);
    tick();
  }

  #stopCountdown() {
    clearInterval(this.#countdown);
    this.#countdown = 0;
  }

  #settle() {
    this.#stopCountdown();
    removeEventListener("online", this);
    document.removeEventListener("visibilitychange", this);
  }
}

// waitFor returns how many milliseconds to wait after so many failures: between
// half and the whole of the doubled wait. A server that restarts has all its
// pages come back, so the first wait after that is spread over three seconds.
function waitFor(code, failures) {
  if (code === serviceRestart && failures === 0) return firstWait + Math.random() * 3000;
  const ceiling = Math.min(longestWait, firstWait * 2 ** failures);
  return ceiling * (0.5 + Math.random() / 2);
}
