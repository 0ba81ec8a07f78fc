import { keys } from "/static/keys.js";
import { equal, markup, press, test } from "./harness.js";

const PAGE = `<details id="help"><summary>Help</summary><input type="checkbox" id="keys"></details><input id="q" value="status:5xx">
<ol id="rows"><li class="row"><a href="#1">1</a></li><li class="row"><a href="#2">2</a></li><li class="row"><a href="#3">3</a></li></ol>`;

async function page(options = {}) {
  localStorage.clear();
  const rows = await markup(PAGE);
  keys({ rows, ...options });
  return rows;
}

const focused = () => document.activeElement.textContent;

test("j and k go down and up, and stop at the ends", async () => {
  await page();
  const seen = ["j", "j", "j", "j", "k", "k", "k"].map((key) => {
    press(key);
    return focused();
  });
  equal(seen, ["1", "2", "3", "3", "2", "1", "1"]);
});

test("they begin at what is selected", async () => {
  (await page()).querySelectorAll("a")[1].setAttribute("aria-current", "page");
  press("j");
  equal(focused(), "3");
});

test("a slash goes to the filter, where keys are letters", async () => {
  await page();
  equal(press("/").defaultPrevented, true);
  equal(document.activeElement.id, "q");
  equal(press("j").defaultPrevented, false);
  press("Escape");
  equal(document.activeElement, document.body);
});

test("a question mark opens and closes the help", async () => {
  await page();
  press("?");
  equal(document.getElementById("help").open, true);
  press("?");
  equal(document.getElementById("help").open, false);
});

test("p pauses where there is something to pause", async () => {
  let paused = 0;
  await page({ pause: () => (paused += 1) });
  press("p");
  equal(paused, 1);
});

test("keys of the browser are left to it", async () => {
  await page();
  for (const modifier of ["ctrlKey", "metaKey", "altKey"]) equal(press("j", { [modifier]: true }).defaultPrevented, false);
  equal(document.activeElement, document.body);
});

test("what speaks of keys is shown where there are some", async () => {
  await markup('<p data-scripted hidden>keys</p><ol id="rows"></ol>');
  keys({ rows: document.getElementById("rows") });
  equal(document.querySelector("[data-scripted]").hidden, false);
});

test("single keys can be turned off, and stay off", async () => {
  await page();
  const box = document.getElementById("keys");
  equal(box.checked, true);
  box.click();
  press("j");
  equal(focused().trim() === "1", false);
  equal(localStorage.getItem("gateway.keys"), "off");
});
