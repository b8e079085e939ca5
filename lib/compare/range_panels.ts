/**
 * Plots of what each quantizer observed and the range that it used: a panel for each row of the table.
 *
 * @module
 */
import { largest } from "../core/min_max.ts";
import { percent } from "../core/format.ts";
import { escape } from "../view/escape.ts";
import { type Grid, rowName } from "./grid.ts";
import type { RunCurves, RunRecord } from "./read_runs.ts";
import type { RangePoint } from "../view/run_log.ts";
import type { CompareReport, CompareRow } from "./report.ts";
import type { Axis } from "../view/plot/axis.ts";
import { rangeAxis, rangePanel } from "../view/plot/range_plot.ts";
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
    const y = rangeAxis(list.flatMap(({ points }) => points));
    const last = largest(list.flatMap(({ points }) => points.map(({ step }) => step)));
    return {
      name,
      layer: name.replace(/\.(weight|gradient)$/, ""),
      figures: list.map(({ row, record, points }) =>
        figure(name, points, { y, last, most, grid, row, record, spec: report.rows[row]! })
      ),
    };
  });
}

interface Context {
  readonly y: Axis;
  readonly last: number;
  readonly most: number;
  readonly grid: Grid;
  readonly row: number;
  readonly spec: CompareRow;
  readonly record: RunRecord;
}

function figure(name: string, points: readonly RangePoint[], context: Context): string {
  const { y, last, most, grid, row, spec, record } = context;
  const classes = colourOf(grid, row), title = rowName(spec);
  const plot = rangePanel(`${name}, ${title}`, points, { y, classes, most, last });
  const used = points.some(({ low, high }) => low !== null && high !== null);
  const share = record.clipped_by_quantizer[name] ?? 0;
  const clipped = used ? `clipped ${percent(share, 3)} of its values` : "range of the step itself";
  return `<figure class="panel"><figcaption><i class="swatch ${classes}"></i><b>${
    escape(title)
  }</b><span>seed ${record.seed}, ${clipped}</span></figcaption>${plot}</figure>`;
}
