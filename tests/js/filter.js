import { check } from "/static/filter.js";
import { equal, markup, test, until } from "./harness.js";

async function form() {
  const made = await markup('<form data-check="/check"><input name="q"><p class="problem" hidden></p></form>');
  check(made);
  const [input, problem] = [made.querySelector("input"), made.querySelector(".problem")];
  return {
    input,
    problem,
    type(text) {
      input.value = text;
      input.dispatchEvent(new Event("input"));
    },
  };
}

test("a mistake is marked where it is", async () => {
  const { input, problem, type } = await form();
  type("status:5xx hops:many");
  await until(() => !problem.hidden, "a problem");
  equal(problem.querySelector("mark").textContent, "hops:many");
  equal(problem.querySelector(".where").textContent, "status:5xx hops:many");
  equal(input.getAttribute("aria-invalid"), "true");
});

test("characters outside the first plane count once", async () => {
  const { problem, type } = await form();
  type("🎉🎉 hops:many 🎉");
  await until(() => !problem.hidden, "a problem");
  equal(problem.querySelector("mark").textContent, "hops:many");
});

test("markup in a filter stays text", async () => {
  const { problem, type } = await form();
  type("<img src=x onerror=alert(1)> hops:many");
  await until(() => !problem.hidden, "a problem");
  equal(problem.querySelectorAll("img").length, 0);
  equal(problem.querySelector(".where").textContent, "<img src=x onerror=alert(1)> hops:many");
});

test("a mistake that is mended goes", async () => {
  const { input, problem, type } = await form();
  type("hops:many");
  await until(() => !problem.hidden, "a problem");
  type("hops:3");
  await until(() => problem.hidden, "its end");
  equal([input.hasAttribute("aria-invalid"), problem.childNodes.length], [false, 0]);
});

test("a page without a filter is left alone", () => {
  check(null);
});
