import { copies } from "/static/copy.js";
import { equal, markup, test, until } from "./harness.js";

test("a link to a text copies it, and says so", async () => {
  const link = await markup('<a href="/text">Copy as cURL</a>');
  copies(link);
  link.click();
  await until(() => link.textContent === "Copied", "copying");
  equal(await navigator.clipboard.readText(), "curl 'http://127.0.0.1/'");
  await until(() => link.textContent === "Copy as cURL", "its old name");
});

test("with a modifier it is a link like every other", async () => {
  const link = await markup('<a href="/text">Copy as cURL</a>');
  copies(link);
  // Asked last, after the module had its say; and then nothing is opened.
  let left = false;
  document.addEventListener("click", (event) => {
    left = !event.defaultPrevented;
    event.preventDefault();
  });
  link.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey: true }));
  equal(left, true);
});
