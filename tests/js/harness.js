// What the tests of the panel's modules stand on: names, comparisons, waiting for what comes.

export const tests = new Map();

export function test(name, body) {
  if (tests.has(name)) throw new Error(`two tests are called “${name}”`);
  tests.set(name, body);
}

export function equal(found, expected, what = "") {
  const [left, right] = [found, expected].map((value) => JSON.stringify(value));
  if (left !== right) throw new Error(`${what ? `${what}: ` : ""}found ${left}, expected ${right}`);
}

export function close(found, expected) {
  if (Math.abs(found - expected) > 1e-9 * Math.max(1, Math.abs(expected))) {
    throw new Error(`found ${found}, expected nearly ${expected}`);
  }
}

/** What `condition` returns once it is true. */
export async function until(condition, what = "it") {
  const end = performance.now() + 20_000;
  for (;;) {
    const found = condition();
    if (found) return found;
    if (performance.now() > end) throw new Error(`${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Markup put on the page; the last element of it. The server says it back: trusted types leave no other way. */
export async function markup(text) {
  const parsed = await new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", `/markup?${new URLSearchParams({ text })}`);
    request.responseType = "document";
    request.addEventListener("load", () => resolve(request.response));
    request.addEventListener("error", reject);
    request.send();
  });
  document.body.replaceChildren(...parsed.body.childNodes);
  return document.body.lastElementChild;
}

export function press(key, options = {}) {
  const target = document.activeElement ?? document.body;
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...options });
  target.dispatchEvent(event);
  return event;
}
