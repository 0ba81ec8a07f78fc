// The list moves by itself only while nobody reads in it: otherwise what came in waits behind a button.

import { keys } from "./keys.js";
import { Feed } from "./live.js";
import { Waiting, known, merge } from "./merge.js";
import { build, drawBar, scale } from "./rows.js";
import { check } from "./filter.js";

// Rows kept on the page, and kept waiting: what is older is a page further.
const MOST = 200;
const FEW = 5;
const list = document.getElementById("list");
const rows = document.getElementById("rows");
const template = document.getElementById("row");
const news = document.getElementById("news");
const pause = document.getElementById("pause");
const live = document.getElementById("live");
const waiting = new Waiting(MOST);
let paused = false;
let longest = scale([...rows.children]);
let state = ["waiting", ""];

const STATES = { live: "live", waiting: "connecting…", paused: "paused" };

function showState() {
  if (!live) return;
  const [name, text] = state;
  const shown = paused && name === "live" ? "paused" : name;
  live.dataset.state = shown;
  const words = STATES[shown] ?? text;
  const place = document.getElementById("live-text");
  if (place.textContent !== words) place.textContent = words;
}

function isRead() {
  if (paused || list.dataset.newest) return true;
  const selection = document.getSelection();
  return (
    window.scrollY > 8 ||
    rows.scrollTop > 8 ||
    rows.contains(document.activeElement) ||
    rows.querySelector("[aria-current]") !== null ||
    (selection !== null && !selection.isCollapsed && rows.contains(selection.anchorNode))
  );
}

function place(entries, { arrive = true } = {}) {
  for (const entry of entries) {
    const item = build(template, entry);
    merge(rows, item, arrive);
    drawBar(item, longest);
  }
  while (rows.children.length > MOST) rows.lastElementChild.remove();
  const items = [...rows.children];
  const now = scale(items);
  if (now !== longest) {
    longest = now;
    items.forEach((item) => drawBar(item, longest));
  }
  document.getElementById("empty")?.toggleAttribute("hidden", items.length > 0);
}

function receive(exchanges) {
  const fresh = [];
  for (const { row } of exchanges) {
    if (known(rows, row.id)) place([row]);
    else fresh.push(row);
  }
  if (!fresh.length) return;
  if (!isRead()) {
    sweep();
    // A row that comes alone is pointed at; of a crowd, each would be painted anew at every frame.
    place(fresh, { arrive: fresh.length <= FEW });
    return;
  }
  waiting.add(fresh);
  showNews();
}

// Another row says the same and more. Under a reader's eyes nothing moves: there it turns pale until the next change.
function forget(ids) {
  for (const id of ids) {
    waiting.forget(id);
    known(rows, id)?.classList.add("forgotten");
  }
  if (ids.length) showNews();
  if (!isRead()) sweep();
}

function sweep() {
  rows.querySelectorAll(".forgotten").forEach((item) => item.remove());
}

function showNews() {
  news.textContent = waiting.words;
  news.parentElement.hidden = waiting.size === 0;
}

function takeIn() {
  if (list.dataset.newest) {
    window.location.assign(list.dataset.newest);
    return;
  }
  sweep();
  place(waiting.take());
  showNews();
  rows.scrollTop = 0;
  if (list.classList.contains("whole")) window.scrollTo({ top: 0 });
}

function showRecorded(count) {
  const place = document.getElementById("recorded-count");
  if (place) place.textContent = count.toLocaleString("en");
  if (count === 0 && !list.dataset.newest) {
    rows.replaceChildren();
    waiting.take();
    showNews();
    document.getElementById("empty")?.removeAttribute("hidden");
  }
}

function togglePause() {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Go on" : "Pause";
  if (!paused && waiting.size && !isRead()) takeIn();
  showState();
}

news.addEventListener("click", takeIn);
if (pause) {
  // A filter that can't be read brings nothing in that could be held up.
  pause.hidden = Boolean(list.dataset.problem);
  pause.addEventListener("click", togglePause);
}
check(document.getElementById("filter"));
keys({ rows, pause: pause && togglePause });

if (!list.dataset.problem) {
  const { stream, poll, cursor, q } = list.dataset;
  new Feed({
    stream, poll, cursor, q,
    onExchanges: receive,
    onForgotten: forget,
    onRecorded: showRecorded,
    onState(...now) {
      state = now;
      showState();
    },
  }).start();
}
