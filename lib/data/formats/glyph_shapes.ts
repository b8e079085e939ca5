/**
 * The ten classes of the procedural data set, as strokes: polylines in a square from −1 to 1, y
 * downwards. They differ in what survives a change of pose: number of ends, corners, junctions,
 * closed or open, straight or round. No trigonometric function is used, since engines may round
 * those differently; points on arcs come from one rotation applied again and again.
 *
 * @module
 */

/** A polyline: x0, y0, x1, y1, … */
export type Stroke = readonly number[];

/** A class. */
export interface Shape {
  /** Its name. */
  readonly name: string;
  /** The lines drawn. */
  readonly strokes: readonly Stroke[];
}

/** Points from (x, y) on, each turned by 1/16 of a circle and `shrink` times as far out. */
function arc(x: number, y: number, turns: number, shrink = 1, dy = 0): number[] {
  const cos = 0.9238795325112867; // of 22.5 degrees
  const sin = 0.3826834323650898;
  const points: number[] = [];
  for (let i = 0; i <= turns; i++) {
    points.push(x, y + dy);
    [x, y] = [(x * cos - y * sin) * shrink, (x * sin + y * cos) * shrink];
  }
  return points;
}

/** The classes, in the order of their labels. */
export const SHAPES: readonly Shape[] = [
  { name: "ring", strokes: [arc(0.8, 0, 16)] },
  { name: "cross", strokes: [[-0.85, 0, 0.85, 0], [0, -0.85, 0, 0.85]] },
  { name: "triangle", strokes: [[0, -0.85, 0.85, 0.65, -0.85, 0.65, 0, -0.85]] },
  { name: "square", strokes: [[-0.7, -0.7, 0.7, -0.7, 0.7, 0.7, -0.7, 0.7, -0.7, -0.7]] },
  { name: "zigzag", strokes: [[-0.75, -0.75, 0.75, -0.75, -0.75, 0.75, 0.75, 0.75]] },
  { name: "cup", strokes: [[0.65, -0.8, ...arc(0.65, 0, 8, 1, 0.15), -0.65, -0.8]] },
  { name: "tee", strokes: [[-0.8, -0.75, 0.8, -0.75], [0, -0.75, 0, 0.85]] },
  {
    name: "aitch",
    strokes: [[-0.65, -0.8, -0.65, 0.8], [0.65, -0.8, 0.65, 0.8], [-0.65, 0, 0.65, 0]],
  },
  { name: "spiral", strokes: [arc(0.95, 0, 21, 0.93)] },
  { name: "arrow", strokes: [[-0.85, 0, 0.85, 0], [0.2, -0.6, 0.85, 0, 0.2, 0.6]] },
];
