// How rows that come in find their place among those that are there, and where they wait meanwhile.

/** Of elements with data-id, newest first, the one before which a new `id` goes; null for the end. */
export function following(rows, id) {
  // Ids sort as their exchanges started, which is nearly the order in which they end.
  let next = rows.firstElementChild;
  while (next && next.dataset.id > id) next = next.nextElementSibling;
  return next;
}

export function known(rows, id) {
  return rows.querySelector(`[data-id="${CSS.escape(id)}"]`);
}

/** Puts `item` among `rows`, in the place of what has its id. Selection and focus stay where they were. */
export function merge(rows, item, arrive = true) {
  const old = known(rows, item.dataset.id);
  if (!old) {
    if (arrive) item.classList.add("new");
    rows.insertBefore(item, following(rows, item.dataset.id));
    return;
  }
  if (old.querySelector("[aria-current]")) item.querySelector("a").setAttribute("aria-current", "page");
  const focused = old.contains(document.activeElement);
  old.replaceWith(item);
  if (focused) item.querySelector("a").focus({ preventScroll: true });
}

/** What came while somebody read: the newest `most` of it, each id once. */
export class Waiting {
  #rows = new Map();
  #most;

  constructor(most) {
    this.#most = most;
  }

  get size() {
    return this.#rows.size;
  }

  get words() {
    return `${this.size}${this.size === this.#most ? "+" : ""} new`;
  }

  add(rows) {
    for (const row of rows) this.#rows.set(row.id, row);
    while (this.size > this.#most) this.#rows.delete(this.#rows.keys().next().value);
  }

  forget(id) {
    this.#rows.delete(id);
  }

  /** All of it, once. */
  take() {
    const taken = [...this.#rows.values()];
    this.#rows.clear();
    return taken;
  }
}
