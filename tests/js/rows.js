import { build, drawBar, scale, segments } from "/static/rows.js";
import { equal, markup, test } from "./harness.js";

const TEMPLATE = `<template><li class="row"><a><span class="tag"></span><span class="method"></span> <bdi class="target"></bdi>
<small class="remark"></small><b class="code"></b><span class="took"></span><svg class="bar"></svg><time></time></a></li></template>`;

function row(changes = {}) {
  return {
    id: "00ff", href: "/exchanges/00ff/", tag: "ASGI", method: "GET", target: "/orders/", note: "16 thread hops", status: "200",
    tone: "ok", state: "finished", duration: "7.35 ms", time: "07:52:12.118", at: "2026-01-01T07:52:12.118+00:00",
    measure: 7350000, parts: [0, 1000, 3000, 2000, 1000], ...changes,
  };
}

test("a row is what the server's template makes of it", async () => {
  const item = build(await markup(TEMPLATE), row());
  equal(item.dataset.id, "00ff");
  equal(item.querySelector("a").getAttribute("href"), "/exchanges/00ff/");
  equal(item.querySelector(".tag").className, "tag tag-asgi");
  equal(item.querySelector(".code").className, "code tone-ok");
  equal(item.querySelector("time").dateTime, "2026-01-01T07:52:12.118+00:00");
  equal(item.dataset.measure, "7350000");
});

test("markup in a row stays text", async () => {
  const attack = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>";
  const item = build(await markup(TEMPLATE), row({ target: attack, note: attack, method: attack, tag: "WSGI" }));
  equal(item.querySelector(".target").textContent, attack);
  equal(item.querySelectorAll("img, script").length, 0);
});

test("the longest on the page fills a bar", () => {
  const items = [{ dataset: { measure: "5" } }, { dataset: { measure: "" } }, { dataset: { measure: "70" } }];
  equal(scale(items), 70);
  equal(scale([]), 1);
});

test("segments have no gap and keep their order", () => {
  const found = segments([0, 1000, 3000, 2000, 1000], null, 1);
  equal(found.map(({ place }) => place), ["interface", "middleware", "view", "body"]);
  equal(found.reduce((x, part) => (part.x === x ? x + part.width : NaN), 0), 1000);
});

test("a bar grows with the square root of its time, and is never too narrow", () => {
  const width = (measure, longest) => segments([1, 1, 1, 1, 1], measure, longest).reduce((sum, part) => sum + part.width, 0);
  equal([width(100, 100), width(25, 100), width(1, 100), width(1, 10 ** 9)], [1000, 500, 100, 25]);
  equal(segments([0, 0, 0, 0, 0], 5, 5), []);
});

test("a bar is drawn anew, not beside the old one", async () => {
  const item = build(await markup(TEMPLATE), row());
  drawBar(item, 7350000);
  drawBar(item, 4 * 7350000);
  const widths = [...item.querySelectorAll(".bar rect")].map((part) => Number(part.getAttribute("width")));
  equal(widths.reduce((sum, width) => sum + width, 0), 500);
});
