import { Feed } from "/static/live.js";
import { equal, test, until } from "./harness.js";

function feed(changes) {
  const seen = { exchanges: [], recorded: [], states: [], forgotten: [] };
  const made = new Feed({
    stream: "",
    poll: "/poll",
    cursor: "0",
    q: "status:5xx",
    onExchanges: (list) => seen.exchanges.push(...list.map(({ row }) => row.id)),
    onRecorded: (count) => seen.recorded.push(count),
    onForgotten: (ids) => seen.forgotten.push(...ids),
    onState: (state) => seen.states.push(state),
    ...changes,
  });
  made.start();
  return { made, seen };
}

test("asking again goes on from where it was, with its filter", async () => {
  const { made, seen } = feed({});
  await until(() => seen.exchanges.length >= 2, "a second answer");
  made.stop();
  // The server answers with the cursor and the filter that it was asked with.
  equal(seen.exchanges.slice(0, 2), ["0 status:5xx", "1 status:5xx"]);
  equal(seen.states[0], "live");
});

test("an answer that says no is told", async () => {
  const { made, seen } = feed({ poll: "/refused" });
  await until(() => seen.states.includes("trouble"), "trouble");
  made.stop();
  equal(seen.exchanges, []);
});

test("a stream is heard, and goes on from its last event after a break", async () => {
  const { made, seen } = feed({ stream: "/stream" });
  // Each connection says three and breaks off.
  await until(() => seen.exchanges.length >= 6, "a second connection");
  made.stop();
  equal(seen.exchanges.slice(0, 6), ["1", "2", "3", "4", "5", "6"]);
  equal(seen.states[0], "live");
  equal(seen.states.includes("waiting"), true);
});

test("a stream that is none is asked for again", async () => {
  const { made, seen } = feed({ stream: "/refused" });
  await until(() => seen.states.filter((state) => state === "waiting").length >= 2, "a second try");
  made.stop();
});

test("what is stopped asks nothing", async () => {
  const { made, seen } = feed({});
  await until(() => seen.exchanges.length === 1, "an answer");
  made.stop();
  const other = feed({});
  await until(() => other.seen.exchanges.length >= 3, "three answers to another");
  other.made.stop();
  equal(seen.exchanges.length, 1);
});
