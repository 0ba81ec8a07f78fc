import { Refresh, isBusy } from "/static/refresh.js";
import { equal, markup, test, until } from "./harness.js";

// The server numbers its answers: each asking draws <p id="part"> with the next number.
const number = () => Number(document.getElementById("part").textContent);

test("a part is drawn again, and the rest of the page is not", async () => {
  const other = document.createElement("i");
  document.body.append(other);
  const first = number();
  const refresh = new Refresh("part", 10);
  refresh.start();
  await until(() => number() > first, "a new part");
  refresh.stop();
  equal(other.isConnected, true);
  equal(document.querySelectorAll("#part script").length, 0);
});

test("what is held is left alone", async () => {
  let held = 0;
  const first = number();
  const refresh = new Refresh("part", 5, () => (held += 1) > 0);
  refresh.start();
  await until(() => held > 3, "four turns");
  refresh.stop();
  equal(number(), first);
});

test("somebody is busy where the focus is, or a selection", async () => {
  await markup('<p id="part" tabindex="-1">some words</p><button id="other">elsewhere</button>');
  const part = document.getElementById("part");
  equal(isBusy("part"), false);
  part.focus();
  equal(isBusy("part"), true);
  document.getElementById("other").focus();
  document.getSelection().selectAllChildren(part);
  equal(isBusy("part"), true);
  document.getSelection().removeAllRanges();
  equal(isBusy("part"), false);
});
