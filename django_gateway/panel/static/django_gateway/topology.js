import { Refresh, isBusy } from "./refresh.js";

if (document.getElementById("topology")) new Refresh("topology", 1000, () => isBusy("topology")).start();
