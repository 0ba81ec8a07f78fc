import { onlyDifferences } from "/static/compare.js";
import { equal, markup, test } from "./harness.js";

test("what is the same is left out, and comes back", async () => {
  const table = await markup(`<table><tbody><tr class="is-same"></tr><tr class="is-form"></tr><tr class="is-differs"></tr>
    <tr class="is-left"></tr></tbody></table>`);
  const rows = table.querySelectorAll("tr");
  onlyDifferences(rows, true);
  equal([...rows].map((row) => row.hidden), [true, true, false, false]);
  onlyDifferences(rows, false);
  equal([...rows].some((row) => row.hidden), false);
});
