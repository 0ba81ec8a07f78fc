// Marks, in the list of steps, the one that is being read; and says that a request is being made, which may take a while.

const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));

const watcher = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      links.forEach((link, key) => (key === target.id ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
    }
  },
  { rootMargin: "-20% 0px -70% 0px" },
);
document.querySelectorAll(".step").forEach((step) => watcher.observe(step));

document.querySelectorAll(".own form").forEach((form) =>
  form.addEventListener("submit", () => {
    const button = form.querySelector("button");
    button.setAttribute("aria-disabled", "true");
    button.textContent = "Making the request…";
  }),
);
// The browser keeps pages as they were left: back here, the button is to be used again.
window.addEventListener("pageshow", (event) => event.persisted && window.location.reload());
