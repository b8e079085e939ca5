// What every page does: tables that sort, panels of the chosen item, values under the cursor. All of it
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

  // Curves: the values at the step under the pointer, or reached by arrow keys.
  const text = (value) => {
    const size = Math.abs(value);
    if (value === 0) return "0";
    return size < 1e-3 || size >= 1e6 ? value.toExponential(2) : String(+value.toPrecision(4));
  };
  const SVG = "http://www.w3.org/2000/svg";
  const read = (svg) => svg.series ??= JSON.parse(svg.dataset.series);
  const mark = (svg, x) => {
    const layer = svg.querySelector(".readings"), { name, height, curves } = read(svg);
    const near = curves.map(({ name, points, c }) => {
      let best = points[0];
      for (const p of points) if (Math.abs(p[0] - x) < Math.abs(best[0] - x)) best = p;
      return best && { name, c, at: best };
    }).filter(Boolean);
    const at = near.toSorted((a, b) => Math.abs(a.at[0] - x) - Math.abs(b.at[0] - x))[0]?.at;
    if (!at) return;
    svg.cursor = at[0];
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("class", "cursor");
    line.setAttribute("d", `M${at[0]} 0V${height}`);
    layer.replaceChildren(
      line,
      ...near.map(({ at, c }) => {
        const dot = document.createElementNS(SVG, "circle");
        dot.setAttribute("class", `dot ${c}`);
        dot.setAttribute("cx", at[0]);
        dot.setAttribute("cy", at[1]);
        dot.setAttribute("r", 3.5);
        return dot;
      }),
    );
    const readout = svg.closest("figure").querySelector(".readout");
    readout.textContent = `${name} ${text(at[2])}: ` +
      near.map(({ name, at: [, , , y] }) => `${name} ${text(y)}`).join(", ");
  };
  // A section of a live page was replaced: its curves are read again where they were.
  document.addEventListener("qtrain:update", ({ target }) => {
    for (const svg of target.querySelectorAll("svg[data-series]")) {
      delete svg.series;
      if (svg.cursor !== undefined) mark(svg, svg.cursor);
    }
  });
  const plotOf = (target) => target.closest?.("svg[data-series]");
  document.addEventListener("pointermove", (event) => {
    const svg = plotOf(event.target);
    if (!svg) return;
    const box = svg.getBoundingClientRect(), { width } = svg.viewBox.baseVal;
    mark(svg, (event.clientX - box.left) / box.width * width - read(svg).left);
  });
  document.addEventListener("keydown", (event) => {
    const svg = plotOf(event.target), sign = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!svg || !sign) return;
    event.preventDefault();
    const xs = [...new Set(read(svg).curves.flatMap(({ points }) => points.map(([x]) => x)))]
      .sort((a, b) => a - b);
    const from = svg.cursor ?? (sign > 0 ? -1 : Infinity);
    const next = sign > 0 ? xs.find((x) => x > from) : xs.findLast((x) => x < from);
    if (next !== undefined) mark(svg, next);
  });
}
