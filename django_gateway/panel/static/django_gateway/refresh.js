// A part of the page, drawn again by the server and put in the old one's place. Parsed by XMLHttpRequest, which makes a
// document in which no script runs: what a page may do with text is what Trusted Types leave it.

export class Refresh {
  #id;
  #every;
  #timer = 0;
  #held = () => false;

  /** Every so many milliseconds, or as many as a function says, unless `held()` says that somebody reads there. */
  constructor(id, every, held) {
    this.#id = id;
    this.#every = every;
    if (held) this.#held = held;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.stop() : this.start()));
    window.addEventListener("pagehide", () => this.stop());
  }

  start() {
    if (!this.#timer && !document.hidden) this.#timer = setTimeout(() => this.#turn(), typeof this.#every === "function" ? this.#every() : this.#every);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  async #turn() {
    if (!this.#held()) {
      const fresh = await load(window.location.href).catch(() => null);
      const part = fresh?.getElementById(this.#id);
      const place = document.getElementById(this.#id);
      if (part && place && !this.#held()) place.replaceChildren(...part.childNodes);
    }
    this.#timer = 0;
    this.start();
  }
}

function load(address) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.setRequestHeader("Accept", "text/html");
    request.addEventListener("load", () => (request.status === 200 ? resolve(request.response) : reject()));
    request.addEventListener("error", reject);
    request.send();
  });
}

/** Whether somebody is busy in it: by keyboard, with a selection. */
export function isBusy(id) {
  const place = document.getElementById(id);
  const selection = document.getSelection();
  return place.contains(document.activeElement) || (!selection.isCollapsed && place.contains(selection.anchorNode));
}
