// What zooming comes to in numbers. Nothing here knows the page: positions are fractions of the plot or pixels.

export const MOST = 64;
// Zoom factors from which on the axis has finer ticks; the server draws a set for each.
const LEVELS = [16, 4, 1];

export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

export function level(factor) {
  return LEVELS.find((least) => factor >= least) ?? 1;
}

/** How far to scroll so that what is at `fraction` of a plot `width` wide stands `offset` from the left of the box. */
export function scrollFor(fraction, width, offset) {
  return fraction * width - offset;
}

/** The factor at which the stretch between two fractions of the plot fills a box that shows all of it at factor 1. */
export function factorFor(from, to, most = MOST) {
  const stretch = Math.abs(to - from);
  return stretch > 0 ? clamp(1 / stretch, 1, most) : most;
}

/** Of several wordings of a label, each with the pixels it needs and the percent there are: the first with room, or -1. */
export function wording(labels, width) {
  return labels.findIndex(({ need, room }) => need <= (room * width) / 100);
}

/**
 * Where a label stands that begins at `x` percent and may use `room` percent: there, or at the left edge of what is
 * seen where its beginning is not, but never beyond its own room.
 */
export function stand({ x, room, need }, width, left) {
  const start = (x * width) / 100;
  const end = start + (room * width) / 100;
  return clamp(left, start, Math.max(start, end - need));
}

/** Of tick labels that stand `apart` pixels from each other, each `need` wide: every which has room. */
export function every(apart, need) {
  return apart > 0 ? Math.max(1, Math.ceil(need / apart)) : 1;
}

/** The next of `places` (each with lane `y` and start `x`) from the one at `index`, by the name of an arrow key. */
export function neighbour(places, index, key) {
  const here = places[index];
  const others = places.map((place, number) => ({ ...place, number }));
  const inLane = others.filter((place) => place.y === here.y).sort((a, b) => a.x - b.x || a.number - b.number);
  const at = inLane.findIndex((place) => place.number === index);
  if (key === "ArrowLeft") return inLane[Math.max(at - 1, 0)].number;
  if (key === "ArrowRight") return inLane[Math.min(at + 1, inLane.length - 1)].number;
  if (key === "Home") return inLane[0].number;
  if (key === "End") return inLane[inLane.length - 1].number;
  const below = key === "ArrowDown";
  const ys = others.map((place) => place.y).filter((y) => (below ? y > here.y : y < here.y));
  if (!ys.length) return index;
  const y = below ? Math.min(...ys) : Math.max(...ys);
  const lane = others.filter((place) => place.y === y);
  return lane.reduce((best, place) => (Math.abs(place.x - here.x) < Math.abs(best.x - here.x) ? place : best)).number;
}
