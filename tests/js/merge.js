import { Waiting, following, known, merge } from "/static/merge.js";
import { equal, test } from "./harness.js";

function item(id, text = id) {
  const element = document.createElement("li");
  element.dataset.id = id;
  const link = document.createElement("a");
  link.href = `#${id}`;
  link.textContent = text;
  element.append(link);
  return element;
}

function list(...ids) {
  const rows = document.createElement("ol");
  document.body.replaceChildren(rows);
  rows.append(...ids.map((id) => item(id)));
  return rows;
}

const ids = (rows) => [...rows.children].map((each) => each.dataset.id);

test("a row goes where its id says, newest first", () => {
  const rows = list("0c", "0a", "06");
  for (const id of ["0d", "0b", "01"]) merge(rows, item(id));
  equal(ids(rows), ["0d", "0c", "0b", "0a", "06", "01"]);
  equal(following(rows, "00"), null);
  equal(following(rows, "ff").dataset.id, "0d");
});

test("a row that is there is replaced, and stays selected and focused", () => {
  const rows = list("0c", "0a");
  const old = known(rows, "0a").querySelector("a");
  old.setAttribute("aria-current", "page");
  old.focus();
  merge(rows, item("0a", "finished"));
  equal(ids(rows), ["0c", "0a"]);
  equal(document.activeElement.textContent, "finished");
  equal(document.activeElement.getAttribute("aria-current"), "page");
  equal(known(rows, "0a").classList.contains("new"), false);
});

test("only what arrives is pointed at", () => {
  const rows = list();
  merge(rows, item("01"), false);
  merge(rows, item("02"));
  equal([...rows.children].map((each) => each.className), ["new", ""]);
});

test("an id is never a selector", () => {
  const odd = '"] , * [x="';
  const rows = list("0a", odd);
  equal(known(rows, odd).dataset.id, odd);
  equal(known(rows, '"]'), null);
});

test("what waits is bounded, and each of it is there once", () => {
  const waiting = new Waiting(3);
  waiting.add([{ id: "1", n: 1 }, { id: "2", n: 1 }]);
  waiting.add([{ id: "1", n: 2 }]);
  equal([waiting.size, waiting.words], [2, "2 new"]);
  waiting.add([{ id: "3" }, { id: "4" }]);
  equal([waiting.size, waiting.words], [3, "3+ new"]);
  waiting.forget("3");
  equal(waiting.take().map(({ id }) => id), ["2", "4"]);
  equal([waiting.size, waiting.take()], [0, []]);
});
