// A link to a text becomes a button that copies it, where the browser lets a page do so.

export function copies(link) {
  const words = link.textContent;
  link.addEventListener("click", async (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || !navigator.clipboard) return;
    event.preventDefault();
    try {
      const answer = await fetch(link.href);
      if (!answer.ok) throw new Error(answer.statusText);
      await navigator.clipboard.writeText(await answer.text());
      link.textContent = "Copied";
      setTimeout(() => (link.textContent = words), 1600);
    } catch {
      window.location.assign(link.href);
    }
  });
}

document.querySelectorAll("[data-copy]").forEach(copies);
