import { clamp, every, factorFor, level, neighbour, scrollFor, stand, wording } from "/static/zoom.js";
import { close, equal, test } from "./harness.js";

test("a zoom factor has a set of ticks", () => {
  equal([1, 3.9, 4, 15, 16, 64].map(level), [1, 1, 4, 4, 16, 16]);
});

test("what is zoomed at stays where it is", () => {
  equal(scrollFor(0.5, 2000, 300), 700);
  equal(clamp(5, 1, 3), 3);
  equal(clamp(-5, 1, 3), 1);
});

test("a stretch that is drawn over fills the picture", () => {
  close(factorFor(0.2, 0.4), 5);
  close(factorFor(0.4, 0.2), 5);
  equal(factorFor(0.1, 0.1), 64);
  equal(factorFor(0, 1), 1);
});

test("the fullest wording that has room is taken", () => {
  const labels = [
    { need: 200, room: 20 },
    { need: 60, room: 20 },
  ];
  equal([1000, 500, 200].map((width) => wording(labels, width)), [0, 1, -1]);
});

test("a label moves along with what is seen, within its bar", () => {
  const label = { x: 10, room: 30, need: 50 };
  equal([0, 150, 380].map((left) => stand(label, 1000, left)), [100, 150, 350]);
  equal(stand({ x: 10, room: 1, need: 50 }, 1000, 500), 100);
});

test("tick labels are thinned out until they have room", () => {
  equal([200, 52, 51, 20, 5].map((apart) => every(apart, 52)), [1, 1, 2, 3, 11]);
  equal(every(0, 52), 1);
});

test("arrow keys go to the neighbour", () => {
  const places = [
    { x: 0, y: 10 },
    { x: 50, y: 40 },
    { x: 5, y: 40 },
    { x: 90, y: 40 },
    { x: 60, y: 70 },
  ];
  const to = (from, key) => neighbour(places, from, key);
  equal([to(2, "ArrowRight"), to(1, "ArrowRight"), to(3, "ArrowRight")], [1, 3, 3]);
  equal([to(3, "ArrowLeft"), to(2, "ArrowLeft")], [1, 2]);
  equal([to(1, "Home"), to(1, "End")], [2, 3]);
  equal([to(0, "ArrowDown"), to(1, "ArrowDown"), to(4, "ArrowDown")], [2, 4, 4]);
  equal([to(4, "ArrowUp"), to(0, "ArrowUp")], [1, 0]);
});
