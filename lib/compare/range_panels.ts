/**
 * Plots of what each quantizer observed and the range that it used: a panel for each row of the table.
 *
 * @module
 */
import { largest } from "../core/min_max.ts";
import { percent } from "../core/format.ts";
import { escape } from "../view/escape.ts";
import { type Grid, rowName } from "./grid.ts";
import { type Point, short, svg } from "../view/plot/line_plot.ts";
import type { RangePoint, RunCurves, RunRecord } from "./read_runs.ts";
import type { CompareReport, CompareRow } from "./report.ts";
import { downsample, linear, quantile } from "../view/plot/axis.ts";
import { colourOf } from "./style.ts";

/** Points of a curve. */
const MAX_POINTS = 200, MIN_POINTS = 40;
/** Maximum bytes of all panels. */
const MAX_BYTES = 2.2e6;
/** Bytes of one value of a curve, and of a panel without curves, as measured. */
const BYTES_PER_VALUE = 11, BYTES_PER_PANEL = 1600;

/** The panels of one quantizer. */
export interface QuantizerPanels {
  /** Name of the quantizer. */
  readonly name: string;
  readonly layer: string;
  /** `<figure>` elements. */
  readonly figures: readonly string[];
}

interface Series {
  readonly row: number;
  readonly record: RunRecord;
  readonly points: readonly RangePoint[];
}

/** The panels of every quantizer with observations, in the order of the network. */
export function rangePanels(
  report: CompareReport,
  grid: Grid,
  curves: readonly RunCurves[],
): QuantizerPanels[] {
  const series = new Map<string, Series[]>();
  curves.forEach(({ ranges }, i) => {
    for (const [name, all] of ranges) {
      const points = all.filter(({ min, max }) => min !== null && max !== null);
      if (points.length === 0) continue;
      const list = series.get(name) ?? [];
      series.set(name, list);
      list.push({ row: grid.cells[i]!.row, record: report.runs[i]!, points });
    }
  });
  const panels = [...series.values()].reduce((sum, list) => sum + list.length, 0);
  const room = (MAX_BYTES / panels - BYTES_PER_PANEL) / (4 * BYTES_PER_VALUE);
  const most = Math.min(MAX_POINTS, Math.max(MIN_POINTS, Math.floor(room)));
  return [...series].map(([name, list]) => {
    const sampled = list.map((one) => ({ ...one, points: downsample(one.points, most) }));
    const y = domain(sampled.flatMap(({ points }) => points));
    const last = largest(list.flatMap(({ points }) => points.map(({ step }) => step)));
    return {
      name,
      layer: name.replace(/\.(weight|gradient)$/, ""),
      figures: sampled.map(({ row, record, points }) =>
        figure(name, points, { y, last, grid, row, record, spec: report.rows[row]! })
      ),
    };
  });
}

interface Context {
  readonly y: readonly [number, number];
  readonly last: number;
  readonly grid: Grid;
  readonly row: number;
  readonly spec: CompareRow;
  readonly record: RunRecord;
}

function figure(name: string, points: readonly RangePoint[], context: Context): string {
  const { y, last, grid, row, spec, record } = context;
  const pick = (key: "min" | "max"): Point[] => points.map((p): Point => [p.step, p[key]!]);
  const used = points.filter(({ low, high }) => low !== null && high !== null);
  const colour = colourOf(grid, row), title = rowName(spec);
  const plot = svg({
    width: 460,
    height: 210,
    title: `${name}, ${title}: observed minimum and maximum, and the range in use, by step`,
    x: linear(0, last, 4),
    y: linear(...y, 7),
    xLabel: "step",
    format: short,
    marks: [
      { classes: `band ${colour}`, points: pick("min"), upper: pick("max") },
      // A range always includes zero, as the code of zero must be exact.
      { classes: "used", points: used.map(({ step, low }): Point => [step, Math.min(low!, 0)]) },
      { classes: "used", points: used.map(({ step, high }): Point => [step, Math.max(high!, 0)]) },
    ],
  });
  const share = record.clipped_by_quantizer[name] ?? 0;
  const clipped = used.length === 0
    ? "range of the step itself"
    : `clipped ${percent(share, 3)} of its values`;
  return `<figure class="panel"><figcaption><i class="swatch ${colour}"></i><b>${
    escape(title)
  }</b><span>seed ${record.seed}, ${clipped}</span></figcaption>${plot}</figure>`;
}

/** The y axis of all panels of a quantizer: most of the observed values, so that one outlier hides nothing. */
function domain(points: readonly RangePoint[]): [number, number] {
  const low = quantile(points.map(({ min }) => min!), 0.01);
  const high = quantile(points.map(({ max }) => max!), 0.99);
  const pad = (Math.max(high, 0) - Math.min(low, 0)) * 0.12;
  return [Math.min(low, 0) - pad, Math.max(high, 0) + pad];
}
