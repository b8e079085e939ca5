/**
 * The plot of a test of learning rates, as an SVG file of its own.
 *
 * @module
 */
import { linear, logarithmic } from "./axis.ts";
import { type Point, short, svg } from "./line_plot.ts";

/** Losses above this many times the first one are cut off: they hide where the loss falls. */
const MAX_SHARE = 1.3;

const STYLE = `text{font:12px system-ui,sans-serif;fill:#5d6670}path{fill:none;stroke-width:1.5}
.grid{stroke:#dfe3e8}.raw{stroke:#9db8d8;fill:none}.line{stroke:#2a78d6;stroke-width:2.2}
.chosen{stroke:#d23f3c;stroke-dasharray:5 4}circle.chosen{fill:#d23f3c}.back{fill:#fff}
@media (prefers-color-scheme:dark){text{fill:#9aa4ae}.grid{stroke:#333b43}.back{fill:#14181c}
.raw{stroke:#41608a}.line{stroke:#5b9cf0}.chosen{stroke:#f07d78}circle.chosen{fill:#f07d78}}`;

/**
 * Draws the loss over the learning rate, and the proposed rate as a vertical line.
 *
 * @param points by rising rate; at least one
 */
export function ratePlot(
  points: readonly { readonly rate: number; readonly loss: number; readonly smoothed: number }[],
  proposal?: number,
): string {
  const first = points[0]!, last = points.at(-1)!;
  const top = MAX_SHARE * first.smoothed;
  let low = top;
  for (const { loss } of points) low = Math.min(low, loss);
  const marks = [
    { classes: "raw", points: points.map(({ rate, loss }): Point => [rate, loss]) },
    { classes: "line", points: points.map(({ rate, smoothed }): Point => [rate, smoothed]) },
    ...(proposal === undefined
      ? []
      : [{ classes: "chosen", points: [[proposal, low], [proposal, top]] as Point[] }]),
  ];
  const plot = svg({
    title: proposal === undefined
      ? "Loss over the learning rate; it does not fall"
      : `Loss over the learning rate; proposed: ${short(proposal)}`,
    width: 760,
    height: 420,
    x: logarithmic(first.rate, Math.max(last.rate, 1.01 * first.rate)),
    y: linear(low, top),
    xLabel: proposal === undefined
      ? "learning rate"
      : `learning rate; proposed: ${short(proposal)}`,
    formatX: (value) =>
      value.toExponential(0).replace(/^1e\+0$/, "1").replace(/^1e\+1$/, "10").replace("e-", "e−"),
    format: short,
    marks,
  });
  return plot.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ')
    .replace(">", `><style>${STYLE}</style><rect class="back" width="100%" height="100%"/>`);
}
