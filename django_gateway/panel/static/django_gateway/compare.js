// Everything can be read without this: it leaves out what is the same, where somebody looks for what is not.

export function onlyDifferences(rows, only) {
  for (const row of rows) row.hidden = only && (row.classList.contains("is-same") || row.classList.contains("is-form"));
}

const box = document.getElementById("only-differences");
if (box) {
  box.parentElement.hidden = false;
  box.addEventListener("change", () => onlyDifferences(document.querySelectorAll(".pairs-table tbody tr"), box.checked));
}
