// Says what is wrong with a filter while it is typed; the server's parser is the only one there is.

export function check(form) {
  if (!form) return;
  const input = form.querySelector("input[name=q]");
  const problem = form.querySelector(".problem");
  let timer = 0;
  let asked = 0;

  function show(text, answer) {
    input.toggleAttribute("aria-invalid", false);
    problem.hidden = !answer.problem;
    if (!answer.problem) {
      problem.replaceChildren();
      return;
    }
    input.setAttribute("aria-invalid", "true");
    const where = document.createElement("code");
    where.className = "where";
    const mark = document.createElement("mark");
    // The server counts characters, the language halves of surrogate pairs.
    const characters = [...text];
    const part = (from, to) => characters.slice(from, to).join("");
    mark.textContent = part(answer.start, answer.end) || " ";
    where.append(part(0, answer.start), mark, part(answer.end));
    const words = document.createElement("span");
    words.textContent = answer.problem;
    problem.replaceChildren(where, words);
  }

  async function ask() {
    const number = ++asked;
    const text = input.value;
    try {
      const response = await fetch(`${form.dataset.check}?${new URLSearchParams({ q: text })}`);
      const answer = await response.json();
      if (number === asked && response.ok) show(text, answer);
    } catch {
      // No answer, no opinion: sending the form will tell.
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 120);
  });
}
