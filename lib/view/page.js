// What every page does: tables that sort, panels of the chosen item. All of it
// is delegated from the document, so that sections of a live page may be replaced at any time.
{
  // Tables: a button in a heading sorts by its column, and again the other way round.
  const keyOf = (row, at) => {
    const cell = row.cells[at], text = cell?.dataset.value ?? cell?.textContent ?? "";
    const number = Number(text);
    return text !== "" && Number.isFinite(number) ? number : text;
  };
  document.addEventListener("click", ({ target }) => {
    const th = target.closest?.("th button")?.closest("th");
    if (!th) return;
    const order = th.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    const body = th.closest("table").tBodies[0], sign = order === "ascending" ? 1 : -1;
    for (const other of th.parentNode.cells) other.removeAttribute("aria-sort");
    th.setAttribute("aria-sort", order);
    const rows = [...body.rows].map((row) => [keyOf(row, th.cellIndex), row]);
    rows.sort(([a], [b]) =>
      sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(b))
    );
    body.append(...rows.map(([, row]) => row));
  });

  // Panels: a select shows the template that it names.
  const show = (box) => {
    const template = document.getElementById(box.value);
    document.getElementById(box.dataset.panels)?.replaceChildren(
      ...(template ? [template.content.cloneNode(true)] : []),
    );
  };
  document.addEventListener("change", ({ target }) => {
    if (target.matches?.("select[data-panels]")) show(target);
  });
  for (const box of document.querySelectorAll("select[data-panels]")) show(box);
}
