// The picture of an exchange: zoom, and words about the piece that is pointed at. It moves what the server has drawn.

import { clamp, every, factorFor, level, MOST, neighbour, scrollFor, stand, wording } from "./zoom.js";

// Narrower than this the server's drawing has no room for its labels: here they are left out where they have none, and
// the whole way stays in sight.
const NARROWEST = 240;
const STEP = 1.6;
const box = document.getElementById("plot-box");
const plot = document.getElementById("plot");
const selection = document.getElementById("selection");
const details = document.getElementById("details");
const help = document.getElementById("journey-help");
const controls = document.getElementById("zoom");
const pieces = [...plot.querySelectorAll(".piece")];
const places = pieces.map((piece) => ({ x: Number(piece.dataset.x), y: Number(piece.dataset.y) }));
const labels = [...plot.querySelectorAll(".label")].map((group) =>
  [...group.children].map((text) => ({
    text,
    x: parseFloat(text.getAttribute("x")),
    need: Number(text.dataset.need),
    room: Number(text.dataset.room),
    // What stands beside its bar stays there; what stands in it may move along.
    inside: !text.classList.contains("on-ground"),
  })),
);
const ticks = new Map(
  [1, 4, 16].map((number) => [
    number,
    [...plot.querySelectorAll(`.level-${number} text`)].map((text) => ({ text, x: parseFloat(text.getAttribute("x")) })),
  ]),
);
const TICK = 52;
let factor = 1;

function plotWidth() {
  return Math.max(box.clientWidth, NARROWEST) * factor;
}

function zoom(to, fraction = 0.5, offset = box.clientWidth / 2) {
  factor = clamp(to, 1, MOST);
  plot.style.width = `calc(${factor} * max(100%, ${NARROWEST}px))`;
  plot.dataset.level = String(level(factor));
  box.scrollLeft = scrollFor(fraction, plotWidth(), offset);
  arrange();
  controls.querySelector("[data-zoom=out]").disabled = factor <= 1;
  controls.querySelector("[data-zoom=fit]").disabled = factor <= 1;
  controls.querySelector("[data-zoom=in]").disabled = factor >= MOST;
}

function arrange() {
  thin();
  const width = plotWidth();
  const left = box.scrollLeft;
  for (const texts of labels) {
    const chosen = wording(texts, width);
    texts.forEach(({ text, x, need, room, inside }, number) => {
      text.classList.toggle("tight", number !== chosen);
      if (number === chosen && inside) text.setAttribute("x", String(stand({ x, need, room }, width, left)));
    });
  }
}

function thin() {
  const shown = ticks.get(level(factor));
  if (shown.length < 2) return;
  const which = every(((shown[1].x - shown[0].x) * plotWidth()) / 100, TICK);
  shown.forEach(({ text }, number) => text.classList.toggle("tight", number % which !== 0));
}

function middle() {
  return (box.scrollLeft + box.clientWidth / 2) / plotWidth();
}

const ACTIONS = {
  in: () => zoom(factor * STEP, middle()),
  out: () => zoom(factor / STEP, middle()),
  fit: () => zoom(1, 0, 0),
};

function tell(piece) {
  plot.querySelector(".piece.on")?.classList.remove("on");
  help.hidden = piece !== null;
  details.querySelector(".said").hidden = piece === null;
  if (piece === null) return;
  piece.classList.add("on");
  const place = [...piece.classList].find((name) => name.startsWith("place-"));
  details.querySelector(".dot").className = `dot ${place}`;
  details.querySelector("b").textContent = piece.dataset.name;
  details.querySelector(".when").textContent = piece.dataset.when;
  details.querySelector(".text").textContent = piece.dataset.text;
}

/** A piece may be one pixel wide: what is a little beside it is meant as well. */
function pieceAt({ clientX, clientY }) {
  for (const aside of [0, -2, 2, -4, 4]) {
    const piece = document.elementFromPoint(clientX + aside, clientY)?.closest?.(".piece");
    if (piece) return piece;
  }
  return null;
}

function focusOn(index) {
  pieces.forEach((piece, number) => piece.setAttribute("tabindex", number === index ? "0" : "-1"));
  const x = (places[index].x * plotWidth()) / 100;
  if (x < box.scrollLeft || x > box.scrollLeft + box.clientWidth - 20) box.scrollLeft = x - box.clientWidth / 3;
  pieces[index].focus({ preventScroll: true });
}

function fractionAt(event) {
  const rect = plot.getBoundingClientRect();
  return clamp((event.clientX - rect.left) / rect.width, 0, 1);
}

function select(from, to) {
  selection.setAttribute("x", `${(100 * Math.min(from, to)).toFixed(3)}%`);
  selection.setAttribute("width", `${(100 * Math.abs(to - from)).toFixed(3)}%`);
}

let drag = null;

plot.addEventListener("pointerdown", (event) => {
  // A finger scrolls.
  if (event.button !== 0 || event.pointerType === "touch") return;
  drag = { from: fractionAt(event), x: event.clientX, moved: false };
});
plot.addEventListener("pointermove", (event) => {
  if (drag) {
    if (!drag.moved && Math.abs(event.clientX - drag.x) > 4) {
      drag.moved = true;
      plot.setPointerCapture(event.pointerId);
    }
    if (drag.moved) select(drag.from, fractionAt(event));
    return;
  }
  const piece = pieceAt(event);
  if (piece) tell(piece);
});
plot.addEventListener("pointerup", (event) => {
  if (drag?.moved) {
    const to = fractionAt(event);
    zoom(factorFor(drag.from, to), Math.min(drag.from, to), 0);
  }
  drag = null;
  select(0, 0);
});
plot.addEventListener("pointercancel", () => {
  drag = null;
  select(0, 0);
});
plot.addEventListener("dblclick", ACTIONS.fit);
plot.addEventListener("pointerleave", () => {
  if (!drag) tell(plot.contains(document.activeElement) ? document.activeElement.closest(".piece") : null);
});
plot.addEventListener("focusin", (event) => tell(event.target.closest(".piece")));
plot.addEventListener("focusout", () => tell(null));

box.addEventListener(
  "wheel",
  (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const fraction = fractionAt(event);
    zoom(factor * (event.deltaY < 0 ? 1.25 : 0.8), fraction, event.clientX - box.getBoundingClientRect().left);
  },
  { passive: false },
);
box.addEventListener("scroll", () => requestAnimationFrame(arrange), { passive: true });
new ResizeObserver(arrange).observe(box);

document.getElementById("journey").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const action = { "+": ACTIONS.in, "=": ACTIONS.in, "-": ACTIONS.out, 0: ACTIONS.fit }[event.key];
  const index = pieces.indexOf(document.activeElement);
  if (action) action();
  else if (index >= 0 && /^Arrow|^Home$|^End$/.test(event.key)) focusOn(neighbour(places, index, event.key));
  else return;
  event.preventDefault();
});
controls.addEventListener("click", (event) => ACTIONS[event.target.closest("[data-zoom]")?.dataset.zoom]?.());

plot.classList.add("moves");
controls.hidden = false;
details.hidden = false;
zoom(1, 0, 0);
