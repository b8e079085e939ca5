/**
 * The tables of a report.
 *
 * @module
 */
import type { TextTable } from "../../lib/report/markdown.ts";
import { median } from "../../lib/report/statistics.ts";
import type { Measured, Timed } from "./measure.ts";

/** What the columns mean. */
export const NOTES =
  "A code is 1/255 of the range that qtrain's interpreter of the same file gives the scores; a score is " +
  "off where it differs from that interpreter's by half a code or more. Times are medians of turns, a " +
  "ratio is the median of the turns' ratios.";

const table = (headers: readonly string[], rows: readonly (readonly string[])[], left: number) => ({
  headers,
  rows,
  alignments: headers.map((_, i) => i < left ? "left" as const : "right" as const),
});

/** Accuracy and differing answers in every runtime. */
export function accuracyRows(measured: readonly Measured[]): TextTable {
  const rows = measured.flatMap(({ run, answers }) =>
    answers.map(({ where, file, accuracy, fromRun, fromFile, codes }) => [
      run,
      where,
      file,
      `${(100 * accuracy).toFixed(2)}%`,
      `${fromRun}`,
      fromFile === undefined ? "" : `${fromFile}`,
      codes ? `${codes.off} of ${codes.scores}` : "",
      codes ? codes.largest.toPrecision(2) : "",
    ])
  );
  const others = ["other answers than the run", "than the interpreter"];
  const scores = ["scores off", "by at most, codes"];
  return table(["network", "program", "file", "accuracy", ...others, ...scores], rows, 3);
}

/** Sizes of the files. */
export function sizeRows(measured: readonly Measured[]): TextTable {
  const rows = measured.map(({ run, bytes }) => [
    run,
    ...Object.entries(bytes).map(([file, size]) => {
      const share = file === "float32.onnx"
        ? ""
        : ` (${(size / bytes["float32.onnx"]!).toFixed(2)})`;
      return `${(size / 1000).toFixed(0)} kB${share}`;
    }),
  ]);
  return table(["network", ...Object.keys(measured[0]?.bytes ?? {})], rows, 1);
}

/** Operators in the file and in ONNX Runtime. */
export function operatorRows(measured: readonly Measured[]): TextTable {
  const rows = measured.flatMap(({ run, operators }) =>
    Object.entries(operators).map(([level, counts]) => [
      run,
      level,
      Object.entries(counts).map(([name, count]) => `${count} ${name}`).join(", "),
    ])
  );
  return table(["network", "optimized", "operators"], rows, 3);
}

/** Times of an image. */
export function timeRows(measured: readonly Measured[]): TextTable {
  const rows = measured.flatMap(({ run, times }) =>
    times.map((timed) => {
      const { where, threads, batch, int8, float32 } = timed;
      return [
        run,
        where,
        `${threads}`,
        `${batch}`,
        range(int8),
        float32 ? range(float32) : "",
        ratio(timed),
      ];
    })
  );
  const headers = ["network", "program", "threads", "batch", "int8, ms", "float32, ms", "×"];
  return table(headers, rows, 2);
}

function ratio({ int8, float32 }: Timed): string {
  return float32 ? median(float32.map((ms, i) => ms / int8[i]!)).toFixed(2) : "";
}

/** Median, with the smallest and largest. */
function range(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const [mid, low, high] = [median(times), sorted[0]!, sorted.at(-1)!].map((v) => v.toPrecision(2));
  return `${mid} (${low}–${high})`;
}
