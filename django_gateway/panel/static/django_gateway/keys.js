// Single keys, for those who want them: WCAG 2.1.4 asks that they can be turned off.

const SETTING = "gateway.keys";

export function keys({ rows, pause, links: which = ".row > a" }) {
  // Without a script there are no keys to speak of.
  document.querySelectorAll("[data-scripted]").forEach((part) => (part.hidden = false));
  const box = document.getElementById("keys");
  let on = read() !== "off";
  if (box) {
    box.checked = on;
    box.addEventListener("change", () => {
      on = box.checked;
      write(on ? "on" : "off");
    });
  }

  function step(by) {
    const links = [...rows.querySelectorAll(which)];
    const at = links.indexOf(document.activeElement);
    const from = at >= 0 ? at : links.findIndex((link) => link.hasAttribute("aria-current"));
    links[from < 0 ? 0 : Math.min(Math.max(from + by, 0), links.length - 1)]?.focus();
  }

  const actions = {
    j: () => step(1),
    k: () => step(-1),
    p: () => pause?.(),
    c: () => {
      const row = document.activeElement?.closest("[data-id]");
      const compare = document.querySelector("[data-compare]");
      if (row && compare) window.location.assign(`${compare.dataset.compare}?a=${row.dataset.id}`);
    },
    "/": () => document.getElementById("q")?.select(),
    "?": () => {
      const help = document.getElementById("help");
      if (!help) return;
      help.open = !help.open;
      if (help.open) help.querySelector("summary").focus();
    },
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      document.activeElement?.blur();
      return;
    }
    if (!on || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

function read() {
  try {
    return localStorage.getItem(SETTING);
  } catch {
    return null;
  }
}

function write(value) {
  try {
    localStorage.setItem(SETTING, value);
  } catch {
    // Kept for this page only.
  }
}
