// What comes in, from a stream or by asking again. Nothing is asked for while nobody sees the page.

const SECOND = 1000;

export class Feed {
  #options;
  #cursor;
  #source = null;
  #timer = 0;
  #patience = SECOND;

  /** options: stream ("" to poll), poll, cursor, q, onExchanges(list), onForgotten(ids), onRecorded(count), onState(state, text) */
  constructor(options) {
    this.#options = options;
    this.#cursor = options.cursor;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.stop() : this.start()));
    // A page that leaves gives its place back at once; one that comes back from the cache starts anew.
    window.addEventListener("pagehide", () => this.stop());
    window.addEventListener("pageshow", () => this.start());
  }

  start() {
    if (document.hidden || this.#source || this.#timer) return;
    if (this.#options.stream) this.#listen();
    else this.#ask();
  }

  stop() {
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  #address(path) {
    const parameters = new URLSearchParams();
    if (this.#cursor) parameters.set("cursor", this.#cursor);
    if (this.#options.q) parameters.set("q", this.#options.q);
    return `${path}?${parameters}`;
  }

  #listen() {
    const source = new EventSource(this.#address(this.#options.stream));
    this.#source = source;
    let waiting = [];
    const told = (handle) => (event) => {
      if (event.lastEventId) this.#cursor = event.lastEventId;
      handle(JSON.parse(event.data));
    };
    source.addEventListener("open", () => {
      this.#patience = SECOND;
      this.#options.onState("live");
    });
    source.addEventListener("exchange", told((exchange) => {
      if (!waiting.length) {
        requestAnimationFrame(() => {
          const ready = waiting;
          waiting = [];
          this.#options.onExchanges(ready);
        });
      }
      waiting.push(exchange);
    }));
    source.addEventListener("forgotten", told(({ ids }) => {
      // What came before it waits for the next frame, and so does this.
      requestAnimationFrame(() => this.#options.onForgotten(ids));
    }));
    source.addEventListener("recorded", told(({ recorded }) => this.#options.onRecorded(recorded)));
    source.addEventListener("trouble", told(({ message }) => this.#options.onState(message ? "trouble" : "live", message)));
    source.addEventListener("error", () => {
      this.#options.onState("waiting");
      // The browser tries again by itself, unless the answer was no stream.
      if (source.readyState === EventSource.CLOSED && this.#source === source) {
        this.#source = null;
        this.#again(() => this.#listen());
      }
    });
  }

  async #ask() {
    this.#timer = -1;
    try {
      const response = await fetch(this.#address(this.#options.poll), { headers: { Accept: "application/json" } });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error);
      this.#cursor = String(answer.cursor);
      this.#patience = SECOND;
      this.#options.onState("live");
      this.#options.onExchanges(answer.exchanges);
      this.#options.onForgotten(answer.forgotten);
      this.#options.onRecorded(answer.recorded);
    } catch (error) {
      // A TypeError is the browser's word for an answer that did not come.
      this.#options.onState(error instanceof TypeError ? "waiting" : "trouble", error.message);
      this.#patience = Math.min(this.#patience * 2, 10 * SECOND);
    }
    if (this.#timer) this.#timer = setTimeout(() => this.#ask(), this.#patience);
  }

  #again(action) {
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      action();
    }, this.#patience);
    this.#patience = Math.min(this.#patience * 2, 10 * SECOND);
  }
}
