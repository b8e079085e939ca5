/**
 * Exports runs and answers their test images in other programs: ONNX Runtime on Node and in a page,
 * LiteRT in a page; counts what ONNX Runtime fuses, and times an image in int8 and float32.
 *
 *     deno task bench:exported RUN… [--images 10000] [--rounds 15] [--ms 200] [--out FILE.md]
 *                                   [--packages FOLDER] [--browser PROGRAM]
 *
 * It needs Node with npm, which gets the runtimes into a temporary folder or `--packages`, and Chromium.
 * What is missing is named in the report. `--rounds 0` times nothing. Times are of turns that alternate
 * between the networks of a row.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { markdownTable } from "../../lib/report/markdown.ts";
import { processorName } from "../../lib/runtime/cpu/support.ts";
import { accuracyRows, NOTES, operatorRows, sizeRows, timeRows } from "./report.ts";
import { type Measured, measureRun } from "./measure.ts";
import { Runtimes } from "./packages.ts";

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      images: { type: "string", default: "10000" },
      rounds: { type: "string", default: "15" },
      ms: { type: "string", default: "200" },
      packages: { type: "string" },
      browser: { type: "string" },
      out: { type: "string" },
    },
  });
  const count = (name: "images" | "rounds" | "ms", least: number) => {
    const given = values[name], value = Number(given);
    if (/^\d+$/.test(given) && value >= least) return value;
    throw new TypeError(`--${name}: expected a whole number of at least ${least}, got ${given}`);
  };
  if (positionals.length === 0) {
    throw new TypeError("RUN: expected folders of trained runs, got none");
  }
  return {
    ...values,
    runs: positionals,
    images: count("images", 1),
    rounds: count("rounds", 0),
    ms: count("ms", 1),
  };
}

async function main({ runs, packages, browser, out, ...how }: ReturnType<typeof options>) {
  const temporary = packages === undefined;
  const folder = packages ?? await Deno.makeTempDir();
  try {
    const runtimes = await Runtimes.open(folder, browser);
    const measured: Measured[] = [];
    for (const run of runs) {
      measured.push(await measureRun(run, runtimes, how, (text) => console.error(text)));
    }
    const tables = [accuracyRows, sizeRows, operatorRows, ...how.rounds > 0 ? [timeRows] : []];
    const text = [
      `${how.images} test images at most; ${processorName() || "an unknown processor"}, ` +
      `${navigator.hardwareConcurrency} cores; Deno ${Deno.version.deno}`,
      ...tables.map((rows) => markdownTable(rows(measured))),
      NOTES,
      ...measured.flatMap(({ problems }) => problems).map((problem) => `- ${problem}`),
    ].join("\n\n");
    console.log(text);
    if (out !== undefined) await Deno.writeTextFile(out, text + "\n");
  } finally {
    if (temporary) await Deno.remove(folder, { recursive: true });
  }
}

let chosen: ReturnType<typeof options>;
try {
  chosen = options();
} catch (error) {
  console.error(`bench:exported: ${(error as Error).message}`);
  Deno.exit(2);
}
await main(chosen);
