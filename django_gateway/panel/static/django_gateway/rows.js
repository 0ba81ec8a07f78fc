// Rows as the server's template draws them: the same markup, cloned, filled by textContent alone.

const SVG = "http://www.w3.org/2000/svg";
const PLACES = ["server", "interface", "middleware", "view", "body"];
const BAR = 1000;
const NARROWEST = 25;

export function build(template, row) {
  const item = template.content.firstElementChild.cloneNode(true);
  item.dataset.id = row.id;
  item.dataset.state = row.state;
  item.dataset.measure = row.measure ?? "";
  item.dataset.parts = row.parts.join(" ");
  const part = (selector) => item.querySelector(selector);
  part("a").href = row.href;
  const tag = part(".tag");
  tag.className = `tag tag-${row.tag.toLowerCase()}`;
  tag.textContent = row.tag;
  part(".method").textContent = row.method;
  part(".target").textContent = row.target;
  part(".remark").textContent = row.note;
  const code = part(".code");
  code.className = `code tone-${row.tone}`;
  code.textContent = row.status;
  part(".took").textContent = row.duration;
  const time = part("time");
  time.dateTime = row.at;
  time.textContent = row.time;
  return item;
}

/** The duration that fills a bar: the longest on the page. */
export function scale(items) {
  return items.reduce((longest, item) => Math.max(longest, Number(item.dataset.measure)), 1);
}

/** As bar() in rows.py: segments without a gap, none of the whole narrower than can be seen. */
export function segments(parts, measure, longest) {
  const total = parts.reduce((sum, part) => sum + part, 0);
  if (!total) return [];
  const width = measure ? Math.max(Math.min(Math.round(BAR * Math.sqrt(measure / longest)), BAR), NARROWEST) : BAR;
  const found = [];
  let done = 0;
  parts.forEach((part, index) => {
    const x = Math.round((width * done) / total);
    done += part;
    const right = Math.round((width * done) / total);
    if (right > x) found.push({ place: PLACES[index], x, width: right - x });
  });
  return found;
}

export function drawBar(item, longest) {
  const parts = item.dataset.parts.split(" ").map(Number);
  const drawn = segments(parts, Number(item.dataset.measure), longest).map(({ place, x, width }) => {
    const rect = document.createElementNS(SVG, "rect");
    rect.setAttribute("class", `place-${place}`);
    rect.setAttribute("x", x);
    rect.setAttribute("width", width);
    rect.setAttribute("height", 9);
    return rect;
  });
  item.querySelector(".bar").replaceChildren(...drawn);
}
