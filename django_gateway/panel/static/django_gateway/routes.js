import { check } from "./filter.js";
import { keys } from "./keys.js";
import { Refresh, isBusy } from "./refresh.js";

check(document.getElementById("filter"));
keys({ rows: document.getElementById("groups"), links: ".group-link" });
new Refresh("groups", 2000, () => isBusy("groups")).start();
