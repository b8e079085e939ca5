// Curves: the values at the step under the pointer, or reached by arrow keys. Events are caught at the
// document: a live page replaces what is inside.
{
  const text = (value, share) => {
    if (share) return `${+(value * 100).toFixed(2)}%`;
    const size = Math.abs(value);
    return value !== 0 && (size < 1e-3 || size >= 1e6)
      ? value.toExponential(2)
      : String(+value.toPrecision(4));
  };
  const count = (step) => String(step).replace(/\B(?=(\d{3})+$)/g, ",");
  // Where the points are stands in the path already, and what they are beside it: pairs of numbers.
  const pairs = (list) => {
    const numbers = list.match(/-?[\d.]+(e[-+]?\d+)?/g) ?? [];
    return numbers.flatMap((a, i) => i % 2 === 0 ? [[+a, +numbers[i + 1]]] : []);
  };
  const curvesOf = (svg) =>
    svg.curves ??= [...svg.querySelectorAll("path[data-values]")].map((path) => {
      const values = pairs(path.dataset.values);
      return {
        name: path.dataset.name,
        colour: [...path.classList].find((kind) => /^c(\d|-)/.test(kind)) ?? "",
        points: pairs(path.getAttribute("d")).map(([x, y], i) => ({
          x,
          y,
          step: values[i][0],
          value: values[i][1],
        })),
      };
    });
  const make = (svg, name, attributes) => {
    const element = document.createElementNS(svg.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };
  // Of many curves, the one nearest to the pointer: all would be a long text.
  const MANY = 6;
  const nearest = (list, distance) =>
    list.reduce((best, one) => distance(one) < distance(best) ? one : best);
  const mark = (svg, x, y) => {
    let near = curvesOf(svg).filter(({ points }) => points.length > 0).map((curve) => ({
      ...curve,
      ...nearest(curve.points, (point) => Math.abs(point.x - x)),
    }));
    if (near.length === 0) return;
    if (near.length > MANY) {
      svg.chosen = y === undefined
        ? svg.chosen ?? 0
        : near.indexOf(nearest(near, (point) => Math.abs(point.y - y)));
      near = [near[svg.chosen]];
    }
    const at = nearest(near, (point) => Math.abs(point.x - x));
    svg.cursor = at.x;
    svg.querySelector(".cursor")?.remove();
    const layer = make(svg, "g", { class: "cursor" });
    layer.append(
      make(svg, "path", { d: `M${at.x} 0V${svg.dataset.height}` }),
      ...near.map(({ x, y, colour }) =>
        make(svg, "circle", { class: colour, cx: x, cy: y, r: 3.5 })
      ),
    );
    svg.querySelector("svg").append(layer);
    const share = svg.dataset.share !== undefined, readout = svg.nextElementSibling;
    if (!readout?.matches(".readout")) return;
    svg.last ??= readout.textContent;
    readout.ariaLive = "polite";
    readout.textContent = `${svg.dataset.x} ${count(at.step)}: ` +
      near.map(({ name, value, step }) =>
        `${name} ${text(value, share)}${step === at.step ? "" : ` (${count(step)})`}`
      ).join(", ");
  };
  const clear = (svg) => {
    if (svg.cursor === undefined) return;
    svg.querySelector(".cursor")?.remove();
    svg.nextElementSibling.textContent = svg.last;
    svg.cursor = undefined;
  };
  // A section of a live page was replaced: its curves are read again where they were.
  document.addEventListener("qtrain:update", ({ target }) => {
    for (const svg of target.querySelectorAll("svg[data-x]")) {
      delete svg.curves;
      delete svg.last;
      if (svg.cursor !== undefined) mark(svg, svg.cursor);
    }
  });
  const plotOf = (target) => target.closest?.("svg[data-x]");
  document.addEventListener("pointermove", (event) => {
    const svg = plotOf(event.target);
    for (const other of document.querySelectorAll("svg[data-x]")) if (other !== svg) clear(other);
    if (!svg) return;
    const { left, top, width } = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / width, { left: edge, top: above } = svg.dataset;
    mark(svg, (event.clientX - left) * scale - edge, (event.clientY - top) * scale - above);
  });
  document.addEventListener("focusout", ({ target }) => plotOf(target) && clear(plotOf(target)));
  document.addEventListener("keydown", (event) => {
    const svg = plotOf(event.target), sign = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const turn = { ArrowUp: -1, ArrowDown: 1 }[event.key],
      many = svg && curvesOf(svg).length > MANY;
    if (!svg || !(sign || turn && many)) return;
    event.preventDefault();
    if (turn) {
      svg.chosen = Math.min(Math.max((svg.chosen ?? 0) + turn, 0), curvesOf(svg).length - 1);
      return mark(svg, svg.cursor ?? 0);
    }
    const xs = [...new Set(curvesOf(svg).flatMap(({ points }) => points.map(({ x }) => x)))]
      .sort((a, b) => a - b);
    const from = svg.cursor ?? (sign > 0 ? -Infinity : Infinity);
    const next = sign > 0 ? xs.find((x) => x > from) : xs.findLast((x) => x < from);
    if (next !== undefined) mark(svg, next);
  });
}
