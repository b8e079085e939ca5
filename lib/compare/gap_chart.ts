/**
 * Small charts of the gaps in the table: a dot at the mean, a line over the interval, a mark at zero.
 *
 * @module
 */
import { colourOf } from "./style.ts";
import type { Grid } from "./grid.ts";
import type { CompareReport } from "./report.ts";

const WIDTH = 56, HEIGHT = 14;

/** Draws the chart of a cell; empty if its column is no gap, or the gap is unknown. */
export function gapChart(
  report: CompareReport,
  grid: Grid,
): (header: string, row: number) => string {
  const gaps = report.rows.flatMap((row) => Object.values(row.gaps));
  const ends = gaps.flatMap(({ mean, low, high }) => [mean, low ?? mean, high ?? mean]);
  // The same scale for all, with zero in the middle.
  const largest = Math.max(...ends.map(Math.abs), 1e-9) * 1.08;
  const x = (gap: number) => Math.round((gap / largest + 1) * WIDTH * 5) / 10;
  return (header, row) => {
    const reference = report.references.find((label) => header === `gap to ${label}`);
    const gap = reference === undefined ? undefined : report.rows[row]!.gaps[reference];
    if (!gap) return "";
    const { mean, low, high } = gap, middle = HEIGHT / 2;
    const interval = low === null || high === null
      ? ""
      : `<path class="interval" d="M${x(low)} ${middle}H${x(high)}"/>`;
    return `<svg class="gap ${colourOf(grid, row)}" viewBox="0 0 ${WIDTH} ${HEIGHT}" ` +
      `aria-hidden="true"><path class="zero" d="M${x(0)} 0V${HEIGHT}"/>${interval}` +
      `<circle cx="${x(mean)}" cy="${middle}" r="3.5"/></svg>`;
  };
}
