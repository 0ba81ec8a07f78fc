import { check } from "./filter.js";
import { keys } from "./keys.js";
import { Refresh, isBusy } from "./refresh.js";

check(document.getElementById("filter"));
keys({ rows: document.getElementById("groups"), links: ".group-link" });
// While older exchanges are still being counted, each answer tells more.
const every = () => (document.querySelector("[data-counting]") ? 250 : 2000);
new Refresh("groups", every, () => isBusy("groups")).start();
